//! Directories, listed from a descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::call::check;
use crate::limits::DIRECTORY_BUFFER;

/// An open directory and how far it was read.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Where things are in the kernel's `linux_dirent64`: inode (8 bytes), offset (8), length of the record (2), type (1), name and NUL.
const LENGTH: std::ops::Range<usize> = 16..18;
const NAME: usize = 19;

impl Directory {
    /// Reads the directory that `fd` is open to.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, buffer: vec![0; DIRECTORY_BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The next name, in the file system's own order, `.` and `..` among them; `None` behind the last one.
    ///
    /// # Errors
    /// What `getdents64` says: `ENOTDIR` for what is no directory, `ENOENT` for a directory that was removed.
    pub fn next_name(&mut self) -> io::Result<Option<&[u8]>> {
        if self.start >= self.end {
            let (fd, size) = (self.fd.as_raw_fd(), self.buffer.len());
            // SAFETY: the buffer is live, writable and as long as told.
            let len =
                check(unsafe { libc::syscall(libc::SYS_getdents64, fd, self.buffer.as_mut_ptr(), size) })?;
            (self.start, self.end) = (0, usize::try_from(len).unwrap_or(0));
            if self.end == 0 {
                return Ok(None);
            }
        }
        let record = self.buffer.get(self.start..self.end).unwrap_or_default();
        let length =
            record.get(LENGTH).and_then(|length| length.try_into().ok()).map_or(0, u16::from_ne_bytes);
        let name = record.get(NAME..usize::from(length)).ok_or(io::ErrorKind::InvalidData)?;
        self.start += usize::from(length);
        Ok(Some(name.split(|byte| *byte == 0).next().unwrap_or_default()))
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs::{self, File};

    #[test]
    fn a_large_directory_is_listed_whole_and_each_name_once() {
        let path = std::env::temp_dir().join(format!("nacre-directory-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let mut expected: BTreeSet<Vec<u8>> = [b".".to_vec(), b"..".to_vec()].into();
        for number in 0..2000 {
            let name = format!("{number}{}", "x".repeat(number % 200));
            File::create(path.join(&name)).unwrap();
            expected.insert(name.into_bytes());
        }
        let mut directory = Directory::new(File::open(&path).unwrap().into());
        let mut found = Vec::new();
        while let Some(name) = directory.next_name().unwrap() {
            found.push(name.to_vec());
        }
        assert_eq!(directory.next_name().unwrap(), None);
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let mut directory = Directory::new(File::open("/proc/self/stat").unwrap().into());
        assert_eq!(directory.next_name().unwrap_err().raw_os_error(), Some(libc::ENOTDIR));
    }
}
