//! Descriptors: flags, copies, and which of them a process keeps.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::{check, retry, unknown};

/// One of the three standard descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Descriptor 0.
    Input,
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

impl Standard {
    fn number(self) -> RawFd {
        match self {
            Self::Input => libc::STDIN_FILENO,
            Self::Output => libc::STDOUT_FILENO,
            Self::Error => libc::STDERR_FILENO,
        }
    }
}

/// Whether reads and writes fail with `WouldBlock` instead of waiting. It is the open file's, so every copy in every process changes too.
///
/// # Errors
/// What `fcntl` says.
pub fn set_nonblocking(fd: impl AsFd, nonblocking: bool) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed, hence open; F_GETFL takes no argument.
    let flags = check(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let wanted = if nonblocking { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    if wanted != flags {
        // SAFETY: as above; F_SETFL takes an int.
        check(unsafe { libc::fcntl(fd, libc::F_SETFL, wanted) })?;
    }
    Ok(())
}

/// Opens a file for reading, so that a fifo or a device in its place neither makes anybody wait nor becomes a controlling terminal.
/// What it is remains to be asked; an exec closes it.
///
/// # Errors
/// What `open` says.
pub fn open_to_read(path: impl AsRef<Path>) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// How many bytes a pipe holds, at least. They count against what the system lets a user have in pipes.
///
/// # Errors
/// `PermissionDenied` when that is more than the user may have, in one pipe or in all; `EBADF` for what is no pipe.
pub fn set_pipe_size(pipe: impl AsFd, bytes: u32) -> io::Result<()> {
    // SAFETY: F_SETPIPE_SZ takes a number.
    check(unsafe { libc::fcntl(pipe.as_fd().as_raw_fd(), libc::F_SETPIPE_SZ, bytes) })?;
    Ok(())
}

/// Whether an exec closes the descriptor.
///
/// # Errors
/// What `fcntl` says.
pub fn set_cloexec(fd: impl AsFd, cloexec: bool) -> io::Result<()> {
    let flags = if cloexec { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: the descriptor is borrowed, hence open; F_SETFD takes an int.
    check(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETFD, flags) })?;
    Ok(())
}

/// Whether an exec closes the descriptor.
///
/// # Errors
/// What `fcntl` says.
pub fn is_cloexec(fd: impl AsFd) -> io::Result<bool> {
    // SAFETY: the descriptor is borrowed, hence open; F_GETFD takes no argument.
    Ok(check(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFD) })? & libc::FD_CLOEXEC != 0)
}

/// Makes a standard descriptor a copy of `fd`, so that what is written there from now on goes to it. It stays open over an exec.
///
/// # Errors
/// What `dup2` says.
pub fn redirect(standard: Standard, fd: impl AsFd) -> io::Result<()> {
    let (from, to) = (fd.as_fd().as_raw_fd(), standard.number());
    if from == to {
        return set_cloexec(fd, false);
    }
    // SAFETY: `from` is open; `to` is 0, 1 or 2, which nobody owns.
    retry(|| unsafe { libc::dup2(from, to) })?;
    Ok(())
}

/// `/dev/null` for reading and writing or, in a root that has none, one end of a socket pair whose other end is closed: reads give
/// the end, writes fail with `EPIPE`.
///
/// # Errors
/// When neither can be had.
pub fn null() -> io::Result<OwnedFd> {
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
        .open("/dev/null");
    match file {
        Ok(file) if file.metadata()?.file_type().is_char_device() => {
            set_nonblocking(&file, false)?;
            Ok(file.into())
        }
        _ => Ok(std::os::unix::net::UnixStream::pair()?.0.into()),
    }
}

/// The descriptors 3, 4, … that the program was started with, as owned ones that an exec closes; every other one above 2 is closed.
///
/// For the first thing a role does: what was opened before would be closed under its owner. It works once in a process.
///
/// # Errors
/// `AlreadyExists` the second time, `EBADF` when fewer were handed over.
pub fn inherited<const N: usize>() -> io::Result<[OwnedFd; N]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the inherited descriptors were taken before",
        ));
    }
    let first_closed = N as RawFd + 3;
    for number in 3..first_closed {
        // SAFETY: F_SETFD fails with EBADF on a closed number and changes nothing but the flag on an open one.
        check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    }
    close_range(first_closed as u32, u32::MAX)?;
    // SAFETY: each number is open (just asked) and nobody's: this function runs once, and before anything is opened.
    Ok(std::array::from_fn(|index| unsafe { OwnedFd::from_raw_fd(index as RawFd + 3) }))
}

/// Closes every descriptor above 2 but the named ones. Whoever owns another one holds a dead number afterwards, so this is for a
/// process whose one owner lists all that it still uses.
///
/// # Errors
/// What the kernel says; nothing is known about what is closed then.
pub fn close_all_except(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut numbers: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    let mut next = 3;
    for number in numbers {
        if number > next {
            close_range(next, number - 1)?;
        }
        next = next.max(number.saturating_add(1));
    }
    close_range(next, u32::MAX)
}

/// Closes the numbers `first..=last`: `close_range` (Linux 5.9), or else what `/proc` lists, or else every number up to the limit.
fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: closing is what the callers promise to be right for this range.
    match check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }) {
        Err(error) if unknown(&error) => {}
        done => return done.map(|_| ()),
    }
    close_one_by_one(first, last, listed());
    Ok(())
}

/// The open numbers as `/proc` tells them; `None` without `/proc`.
fn listed() -> Option<Vec<u32>> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    Some(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn close_one_by_one(first: u32, last: u32, listed: Option<Vec<u32>>) {
    let numbers = listed.unwrap_or_else(|| (first..=last.min(highest_possible())).collect());
    for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as in `close_range`; a number that is closed already gives EBADF and nothing else happens.
        unsafe { libc::close(number as RawFd) };
    }
}

/// The highest number a descriptor can have by the limit in force; at most a million.
fn highest_possible() -> u32 {
    crate::process::limit(crate::process::Resource::OpenFiles)
        .map_or(1024, |limit| u32::try_from(limit.soft.min(1 << 20)).unwrap_or(1024))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn flags_are_set_and_cleared() {
        let (reader, _writer) = io::pipe().unwrap();
        assert!(is_cloexec(&reader).unwrap());
        set_cloexec(&reader, false).unwrap();
        assert!(!is_cloexec(&reader).unwrap());
        set_nonblocking(&reader, true).unwrap();
        assert_eq!((&reader).read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        set_nonblocking(&reader, false).unwrap();
        drop(_writer);
        assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_pipe_holds_as_much_as_was_asked_for() {
        let (reader, mut writer) = io::pipe().unwrap();
        set_pipe_size(&reader, 256 * 1024).unwrap();
        set_nonblocking(&writer, true).unwrap();
        assert_eq!(writer.write(&[0; 300 * 1024]).unwrap(), 256 * 1024);
        assert_eq!(set_pipe_size(null().unwrap(), 4096).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn null_reads_as_empty() {
        let mut file = File::from(null().unwrap());
        assert_eq!(file.read(&mut [0; 4]).unwrap(), 0);
        assert_eq!(file.write(b"gone").unwrap(), 4);
    }

    #[test]
    fn without_close_range_the_listed_numbers_of_the_range_are_closed_and_no_others() {
        let (reader, mut writer) = io::pipe().unwrap();
        // SAFETY: the copy is made here and closed below by the function under test, by number.
        let number = unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 700) } as u32;
        drop(reader);
        writer.write_all(b"still a reader").unwrap();
        close_one_by_one(number, number, Some(vec![0, 1, 2, number]));
        assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(listed().unwrap().contains(&0) && !listed().unwrap().contains(&number));
    }
}
