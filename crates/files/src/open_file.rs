//! An open file.

use std::fs::{File, FileTimes, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sftp::{Attributes, Tried};
use sys::file::PERMISSIONS;
use sys::file_io;

use crate::fault;
use crate::limits::{COPY, COPY_BY_KERNEL};

/// An open file.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    append: bool,
    reading: Manner,
    writing: Manner,
    /// Device and inode, once somebody wanted to know.
    identity: OnceLock<Option<(u64, u64)>>,
}

/// How to find out whether a read or write would have to wait.
#[derive(Debug, Default)]
struct Manner(AtomicU8);

/// The kernel is asked.
const ASK: u8 = 0;
/// It cannot tell, but the file is on this machine: it is done at once.
const NEAR: u8 = 1;
/// It cannot tell, and the file comes from elsewhere: it always waits.
const FAR: u8 = 2;

impl Manner {
    fn value(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// Called when the kernel cannot tell.
    fn decide(&self, file: &File) -> u8 {
        let value = if file_io::is_far(file.as_fd()).unwrap_or(true) { FAR } else { NEAR };
        self.0.store(value, Ordering::Relaxed);
        value
    }
}

/// What came of asking the kernel.
enum Asked<T> {
    Done(io::Result<T>),
    WouldWait,
    CannotTell,
}

impl OpenFile {
    pub(crate) fn new(fd: OwnedFd, append: bool) -> Self {
        Self {
            file: fd.into(),
            append,
            reading: Manner::default(),
            writing: Manner::default(),
            identity: OnceLock::new(),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Whether both are the same file; not if that cannot be found out.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let identity = |file: &Self| {
            let known = || file.file.metadata().ok().map(|known| (known.dev(), known.ino()));
            *file.identity.get_or_init(known)
        };
        identity(self).is_some() && identity(self) == identity(other)
    }

    pub(crate) fn close(self) -> io::Result<()> {
        sys::file::close(self.file.into())
    }

    /// Reads until the buffer is full, the file ends, or what is no file has no more for now.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        fill(offset, buffer, |offset, buffer| self.file.read_at(buffer, offset))
            .or_else(|(read, error)| if read == 0 { Err(error) } else { Ok(read) })
    }

    /// As [`read`](Self::read), if all of it is in memory.
    pub(crate) fn try_read(&self, offset: u64, buffer: &mut [u8]) -> Tried<usize> {
        let manner = match self.reading.value() {
            ASK => match self.read_now(offset, buffer) {
                Asked::Done(outcome) => return done(outcome),
                Asked::WouldWait => FAR,
                Asked::CannotTell => self.reading.decide(&self.file),
            },
            known => known,
        };
        if manner == FAR { Tried::WouldWait } else { done(self.read(offset, buffer)) }
    }

    fn read_now(&self, offset: u64, buffer: &mut [u8]) -> Asked<usize> {
        match fill(offset, buffer, |offset, buffer| file_io::read_now(self.file.as_fd(), offset, buffer)) {
            Ok(read) => Asked::Done(Ok(read)),
            Err((_, error)) => asked(error),
        }
    }

    /// Writes everything.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // To a file that is appended to the offset means nothing, so it must not be wrong either.
        let offset = if self.append { 0 } else { offset };
        if data.is_empty() {
            // Also of nothing the system tells whether it could be written there.
            return self.file.write_at(data, offset).map(|_| ());
        }
        self.file.write_all_at(data, offset)
    }

    /// As [`write`](Self::write), if that goes without waiting.
    pub(crate) fn try_write(&self, offset: u64, data: &[u8]) -> Tried<()> {
        // A part that was appended could not be written a second time.
        let known = if self.append && self.writing.value() == ASK {
            self.writing.decide(&self.file)
        } else {
            self.writing.value()
        };
        let manner = match known {
            ASK => match file_io::write_now(self.file.as_fd(), offset, data) {
                Ok(written) if written == data.len() => return Tried::Done(Ok(())),
                Ok(_) => FAR,
                Err(error) => match asked(error) {
                    Asked::Done(outcome) => return done(outcome),
                    Asked::WouldWait => FAR,
                    Asked::CannotTell => self.writing.decide(&self.file),
                },
            },
            known => known,
        };
        if manner == FAR { Tried::WouldWait } else { done(self.write(offset, data)) }
    }

    /// Copies so much of this file, at most, into another; without a length, to the end; says how much that
    /// was. In the kernel if that can do it.
    pub(crate) fn copy(&self, start: u64, length: Option<u64>, to: &Self, place: u64) -> io::Result<u64> {
        if i64::try_from(start).is_err() || (!to.append && i64::try_from(place).is_err()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut copied: u64 = 0;
        let mut by_kernel = !to.append;
        let mut buffer = Vec::new();
        loop {
            let left = length.map_or(u64::MAX, |length| length.saturating_sub(copied));
            if left == 0 {
                return Ok(copied);
            }
            let (from, into) = (start.saturating_add(copied), place.saturating_add(copied));
            let len = if by_kernel {
                let piece = usize::try_from(left).unwrap_or(usize::MAX).min(COPY_BY_KERNEL);
                match file_io::copy_range(self.file.as_fd(), from, to.file.as_fd(), into, piece) {
                    Ok(len) if len > 0 => len,
                    // Files of /proc seem empty to it; and it tells in many ways that it cannot do something.
                    Ok(_) | Err(_) => {
                        by_kernel = false;
                        continue;
                    }
                }
            } else {
                buffer.resize(COPY, 0);
                let piece = usize::try_from(left).unwrap_or(usize::MAX).min(COPY);
                let len = self.read(from, buffer.get_mut(..piece).unwrap_or_default())?;
                if len == 0 {
                    return Ok(copied);
                }
                to.write(into, buffer.get(..len).unwrap_or_default())?;
                len
            };
            copied = copied.saturating_add(len as u64);
        }
    }

    /// Changes all that is wanted, one after the other; tells of the last that failed.
    pub(crate) fn set_attributes(&self, attributes: &Attributes) -> io::Result<()> {
        let mut outcome = Ok(());
        let mut note = |result: io::Result<()>| {
            if result.is_err() {
                outcome = result;
            }
        };
        if let Some(size) = attributes.size {
            note(self.file.set_len(size));
        }
        if let Some(mode) = attributes.permissions {
            note(self.file.set_permissions(Permissions::from_mode(mode & PERMISSIONS)));
        }
        if let Some(times) = attributes.times {
            let time = |seconds: u32| UNIX_EPOCH.checked_add(Duration::from_secs(seconds.into()));
            let mut wanted = FileTimes::new();
            if let (Some(accessed), Some(modified)) = (time(times.accessed), time(times.modified)) {
                wanted = wanted.set_accessed(accessed).set_modified(modified);
            }
            note(self.file.set_times(wanted));
        }
        if let Some((user, group)) = attributes.owner {
            note(fchown(&self.file, Some(user), Some(group)));
        }
        outcome
    }
}

/// Reads until the buffer is full or a read gives nothing; an error comes with what was read before it.
fn fill(
    offset: u64,
    buffer: &mut [u8],
    read: impl Fn(u64, &mut [u8]) -> io::Result<usize>,
) -> Result<usize, (usize, io::Error)> {
    let mut filled: usize = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(offset.saturating_add(filled as u64), rest) {
            Ok(0) => break,
            Ok(len) => filled = filled.saturating_add(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((filled, error)),
        }
    }
    Ok(filled)
}

fn asked<T>(error: io::Error) -> Asked<T> {
    match error.kind() {
        io::ErrorKind::WouldBlock => Asked::WouldWait,
        io::ErrorKind::Unsupported => Asked::CannotTell,
        _ => Asked::Done(Err(error)),
    }
}

fn done<T>(outcome: io::Result<T>) -> Tried<T> {
    Tried::Done(outcome.map_err(|error| fault::status(&error)))
}
