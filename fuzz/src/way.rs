use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

/// The byte at a place of a stream.
fn byte(stream: usize, place: u64) -> u8 {
    (place ^ (place >> 8)).wrapping_mul(7).wrapping_add(stream as u64 * 85) as u8
}

/// So many bytes of a stream, from a place on.
#[must_use]
pub fn bytes(stream: usize, from: u64, count: usize) -> Vec<u8> {
    (from..).take(count).map(|place| byte(stream, place)).collect()
}

/// One direction at the other end of a descriptor.
#[derive(Default)]
pub struct Way {
    /// Until its end.
    pub file: Option<File>,
    /// Bytes that were in it from the beginning.
    pub junk: usize,
    /// Bytes of the stream that passed.
    pub passed: u64,
}

impl Way {
    /// One that does not wait.
    ///
    /// # Panics
    /// When it is no descriptor.
    pub fn new(fd: impl Into<OwnedFd>) -> Self {
        let fd: OwnedFd = fd.into();
        sys::fd::set_nonblocking(&fd, true).expect("a descriptor");
        Self { file: Some(fd.into()), ..Self::default() }
    }

    /// Reads once, and says whether there was anything, or the end.
    ///
    /// # Panics
    /// When it was not what has to come next.
    pub fn read(&mut self, stream: usize, most: usize) -> bool {
        let Some(file) = &mut self.file else { return false };
        let mut room = vec![0; most.max(1)];
        match file.read(&mut room) {
            Ok(0) => {
                self.file = None;
                true
            }
            Ok(n) => {
                let junk = self.junk.min(n);
                self.junk -= junk;
                assert!(
                    room[junk..n] == bytes(stream, self.passed, n - junk),
                    "other bytes after {}",
                    self.passed
                );
                self.passed += (n - junk) as u64;
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(_) => {
                self.file = None;
                true
            }
        }
    }

    /// Writes so much of what comes next, as far as it is taken.
    pub fn write(&mut self, stream: usize, most: usize) {
        let Some(file) = &mut self.file else { return };
        if most == 0 {
            return;
        }
        match file.write(&bytes(stream, self.passed, most)) {
            Ok(n) => self.passed += n as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.file = None,
        }
    }
}

/// Fills what is written to, and says with how much.
///
/// # Panics
/// When it is no descriptor.
pub fn fill(fd: &OwnedFd) -> usize {
    sys::fd::set_nonblocking(fd, true).expect("a descriptor");
    let mut file = File::from(fd.try_clone().expect("a descriptor"));
    let mut filled = 0;
    while let Ok(n @ 1..) = file.write(&[0xee; 4096]) {
        filled += n;
    }
    filled
}
