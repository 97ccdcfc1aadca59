//! Messages to a process that may be slow to read them.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use sys::limits::MAX_MESSAGE;
use wire::{Message, encoded_len};
use zeroize::Zeroizing;

use crate::protocol::{Incoming, Link, LinkError, encode};

use super::limits::WAITING;

/// A link that never makes anybody wait.
pub(super) struct Courier {
    link: Link,
    waiting: VecDeque<Zeroizing<Vec<u8>>>,
    bytes: usize,
}

impl Courier {
    pub(super) fn new(link: Link) -> Result<Self, LinkError> {
        link.set_nonblocking()?;
        Ok(Self { link, waiting: VecDeque::new(), bytes: 0 })
    }

    /// Whether a message may be sent on behalf of the peer: it is short enough, and not too much waits already.
    pub(super) fn takes(&self, message: &impl Message) -> bool {
        encoded_len(message) <= MAX_MESSAGE && self.bytes < WAITING
    }

    /// Sends a message, at once or when those before it are gone.
    pub(super) fn send(&mut self, message: &impl Message) -> Result<(), LinkError> {
        let payload = encode(message);
        self.bytes = self.bytes.saturating_add(payload.len());
        self.waiting.push_back(payload);
        self.flush()
    }

    /// Sends what waits, as far as there is room for it.
    pub(super) fn flush(&mut self) -> Result<(), LinkError> {
        while let Some(payload) = self.waiting.front() {
            match self.link.send_encoded(payload, &[]) {
                Ok(()) => {}
                Err(error) if error.would_block() => return Ok(()),
                Err(error) => return Err(error),
            }
            self.bytes = self.bytes.saturating_sub(payload.len());
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Sends what waits, however long that takes.
    pub(super) fn finish(&mut self) -> Result<(), LinkError> {
        sys::fd::set_nonblocking(&self.link, false)?;
        self.flush()
    }

    /// Takes the next message; none when there is none now.
    pub(super) fn receive(&mut self, max_fds: usize) -> Result<Option<Incoming<'_>>, LinkError> {
        match self.link.receive(max_fds) {
            Ok(incoming) => Ok(Some(incoming)),
            Err(error) if error.would_block() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Courier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
