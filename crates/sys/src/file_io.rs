//! Reads and writes that do not wait, and what kind of file system they go to.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::call::check;

/// Reads at `offset` what is in memory. Less than wanted may be there.
///
/// # Errors
/// `WouldBlock` when the first byte is on a disk or further away; `Unsupported` when the file system or the kernel cannot tell
/// (anything before Linux 4.14); else what `preadv2` says.
pub fn read_now(fd: BorrowedFd<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let (fd, offset, flags) = (fd.as_raw_fd(), place(offset)?, libc::RWF_NOWAIT);
    // SAFETY: the one part is the buffer, live, writable and as long as told.
    done(unsafe { libc::preadv2(fd, &raw const part, 1, offset, flags) })
}

/// Writes at `offset`, or at the end of a file that is appended to, as far as that goes without waiting.
///
/// # Errors
/// As [`read_now`]; many file systems that can read so cannot write so.
pub fn write_now(fd: BorrowedFd<'_>, offset: u64, data: &[u8]) -> io::Result<usize> {
    let part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let (fd, offset, flags) = (fd.as_raw_fd(), place(offset)?, libc::RWF_NOWAIT);
    // SAFETY: the one part is the data, live and as long as told; a write only reads it.
    done(unsafe { libc::pwritev2(fd, &raw const part, 1, offset, flags) })
}

/// An offset as the kernel takes it. -1 would mean the file's own position.
fn place(offset: u64) -> io::Result<i64> {
    i64::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn done(result: isize) -> io::Result<usize> {
    let len = check(result)?;
    Ok(usize::try_from(len).unwrap_or(0))
}

/// Copies up to `length` bytes from one regular file to another without bringing them here, if the file systems can; on some no data is
/// moved at all. 0 at the end of the first file.
///
/// # Errors
/// What `copy_file_range` says: for what cannot be copied so, `Unsupported`, `CrossesDevices`, `InvalidInput`, `EBADF` or `ENOSYS`.
pub fn copy_range(
    from: BorrowedFd<'_>,
    from_offset: u64,
    to: BorrowedFd<'_>,
    to_offset: u64,
    length: usize,
) -> io::Result<usize> {
    let (mut start, mut place) = (place(from_offset)?, place(to_offset)?);
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: both offsets are live; the kernel changes them, and nobody looks.
    done(unsafe { libc::copy_file_range(from, &raw mut start, to, &raw mut place, length, 0) })
}

/// Whether reads and writes fail with `WouldBlock` instead of waiting.
///
/// # Errors
/// What `fcntl` says.
pub fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: the descriptor is borrowed, hence open; F_GETFL takes no argument.
    Ok(check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })? & libc::O_NONBLOCK != 0)
}

/// Room in a file system, as `statvfs(3)` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of statvfs(3)")]
pub struct Room {
    pub block_size: u64,
    pub fragment_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_available: u64,
    pub files: u64,
    pub files_free: u64,
    pub files_available: u64,
    pub id: u64,
    pub read_only: bool,
    pub no_setuid: bool,
    pub name_max: u64,
}

/// How much room there is in the file system of an open file, also of one that was opened for its place only.
///
/// # Errors
/// What `fstatvfs` says.
pub fn room(fd: BorrowedFd<'_>) -> io::Result<Room> {
    let mut raw = MaybeUninit::<libc::statvfs64>::zeroed();
    // SAFETY: `raw` is live and writable.
    check(unsafe { libc::fstatvfs64(fd.as_raw_fd(), raw.as_mut_ptr()) })?;
    // SAFETY: numbers only: whatever was not filled is zero.
    let raw = unsafe { raw.assume_init() };
    Ok(Room {
        block_size: raw.f_bsize,
        fragment_size: raw.f_frsize,
        blocks: raw.f_blocks,
        blocks_free: raw.f_bfree,
        blocks_available: raw.f_bavail,
        files: raw.f_files,
        files_free: raw.f_ffree,
        files_available: raw.f_favail,
        id: raw.f_fsid,
        read_only: raw.f_flag & libc::ST_RDONLY != 0,
        no_setuid: raw.f_flag & libc::ST_NOSUID != 0,
        name_max: raw.f_namemax,
    })
}

/// File systems whose data comes from another machine or from a program, by the number `statfs(2)` tells: nfs, smb, cifs, smb2, 9p, afs
/// and its relatives, ceph, coda, ncp, fuse, gfs2, ocfs2.
const FAR: [u32; 13] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0102_1997,
    0x5346_414f,
    0x6b41_4653,
    0x00c3_6400,
    0x7375_7245,
    0x564c,
    0x6573_5546,
    0x0116_1970,
    0x7461_636f,
];

/// Whether every read and write may wait for another machine or for a program.
///
/// # Errors
/// What `fstatfs` says.
pub fn is_far(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut raw = MaybeUninit::<libc::statfs64>::zeroed();
    // SAFETY: `raw` is live and writable.
    check(unsafe { libc::fstatfs64(fd.as_raw_fd(), raw.as_mut_ptr()) })?;
    // SAFETY: numbers only: whatever was not filled is zero.
    let raw = unsafe { raw.assume_init() };
    // The numbers have 32 bits, whatever the field has.
    Ok(FAR.contains(&(raw.f_type as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_in_memory_is_read_at_once_and_the_end_is_told() {
        let path = std::env::temp_dir().join(format!("nacre-now-{}", std::process::id()));
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut buffer = [0; 16];
        match read_now(file.as_fd(), 4, &mut buffer) {
            Ok(len) => {
                assert_eq!(&buffer[..len], b"456789");
                assert_eq!(read_now(file.as_fd(), 10, &mut buffer).unwrap(), 0);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        match write_now(file.as_fd(), 2, b"xy") {
            Ok(len) => assert_eq!(len, 2),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        assert_eq!(
            read_now(file.as_fd(), u64::MAX, &mut buffer).unwrap_err().raw_os_error(),
            Some(libc::EINVAL)
        );
    }

    #[test]
    fn room_agrees_with_itself_and_proc_is_near() {
        let root = File::open("/").unwrap();
        let room = room(root.as_fd()).unwrap();
        assert!(room.blocks >= room.blocks_free && room.blocks_free >= room.blocks_available);
        assert!(room.fragment_size.is_power_of_two() && room.name_max >= 255);
        assert!(!is_far(File::open("/proc").unwrap().as_fd()).unwrap());
    }
}
