//! One end of a message socket between two of our processes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::limits::MAX_MESSAGE;
use sys::seqpacket::{ReceiveError, SeqPacket};
use wire::{Message, WireError, encoded_len};
use zeroize::{Zeroize, Zeroizing};

/// One end. Messages may hold passwords and shared secrets, so what was encoded or received is wiped after its use.
pub(crate) struct Link {
    socket: SeqPacket,
    /// The message that came last.
    buffer: Vec<u8>,
}

/// A message and what came with it.
pub(crate) struct Incoming<'a> {
    /// The payload, number first; never empty.
    pub(crate) payload: &'a [u8],
    /// The descriptors, in order.
    pub(crate) fds: Vec<OwnedFd>,
}

impl Incoming<'_> {
    /// The message's number.
    pub(crate) fn number(&self) -> u8 {
        self.payload.first().copied().unwrap_or_default()
    }
}

/// Why a link is of no more use.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The other process has ended, or closed its end.
    Closed,
    /// The socket failed; `WouldBlock` when it is non-blocking and nothing is there.
    Io(io::Error),
    /// What came is no message, or came with descriptors that nobody asked for.
    Protocol(String),
}

impl LinkError {
    /// Whether nothing is wrong: a non-blocking end has nothing to give, or no room, now.
    pub(crate) fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Io(error) => error.fmt(f),
            Self::Protocol(what) => f.write_str(what),
        }
    }
}

impl From<WireError> for LinkError {
    fn from(error: WireError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl Link {
    /// Two connected ends.
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = SeqPacket::pair()?;
        Ok((Self::new(one), Self::new(other)))
    }

    fn new(socket: SeqPacket) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    /// Sends a message and copies of `fds`; the sender's own copies stay open.
    ///
    /// # Errors
    /// `InvalidInput` when the message is longer than [`MAX_MESSAGE`].
    pub(crate) fn send(&self, message: &impl Message, fds: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        Ok(self.socket.send(&encode(message), fds)?)
    }

    /// Sends what [`encode`] made.
    pub(crate) fn send_encoded(&self, payload: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        Ok(self.socket.send(payload, fds)?)
    }

    /// Takes the next message, with at most `max_fds` descriptors. What the last one held is wiped.
    pub(crate) fn receive(&mut self, max_fds: usize) -> Result<Incoming<'_>, LinkError> {
        self.buffer.zeroize();
        match self.socket.waiting()? {
            None => return Err(LinkError::Closed),
            Some(len) if len > MAX_MESSAGE => {
                return Err(LinkError::Protocol(ReceiveError::TooLong.to_string()));
            }
            // No larger than it has to be: processes that wait for months keep it.
            Some(len) => self.buffer = vec![0; len],
        }
        match self.socket.receive(&mut self.buffer, max_fds) {
            Ok(Some(received)) => Ok(Incoming { payload: &self.buffer, fds: received.fds }),
            Ok(None) => Err(LinkError::Closed),
            Err(ReceiveError::Io(error)) => Err(error.into()),
            Err(error @ (ReceiveError::TooLong | ReceiveError::Descriptors)) => {
                Err(LinkError::Protocol(error.to_string()))
            }
        }
    }

    /// Makes reads and writes fail with `WouldBlock` instead of waiting.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        sys::fd::set_nonblocking(&self.socket, true)
    }
}

/// A message as it is sent.
pub(crate) fn encode(message: &impl Message) -> Zeroizing<Vec<u8>> {
    // With all the room at once, nothing is left behind by growing.
    let mut payload = Zeroizing::new(Vec::with_capacity(encoded_len(message)));
    message.encode(&mut *payload);
    payload
}

impl Drop for Link {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl TryFrom<OwnedFd> for Link {
    type Error = io::Error;

    /// An end that was inherited or received.
    ///
    /// # Errors
    /// `InvalidInput` when it is no such socket.
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self::new(SeqPacket::try_from(fd)?))
    }
}
