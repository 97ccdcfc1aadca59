//! The way to the peer.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::event::Event;
use mio::{Interest, Token};
use proto::RecvBuf;

use crate::descriptors::{Descriptors, Readiness};
use crate::limits::{READ_MAX, READ_MIN};

/// The way to the peer: a socket, or one descriptor for each direction. Descriptors for which epoll has no use, such as
/// files and `/dev/null`, count as ready always.
#[derive(Debug)]
pub struct Transport {
    /// Where the peer's bytes come from, and ours go to unless `output` says otherwise.
    pub input: OwnedFd,
    /// Where our bytes go to, if not to `input`.
    pub output: Option<OwnedFd>,
}

impl From<OwnedFd> for Transport {
    fn from(socket: OwnedFd) -> Self {
        Self { input: socket, output: None }
    }
}

/// Tokens that no [`Key`](crate::descriptors::Key) has: indexes do not get that high.
const INPUT: Token = Token(usize::MAX);
const OUTPUT: Token = Token(usize::MAX - 1);

#[derive(Debug)]
pub(crate) struct Link {
    input: File,
    output: Option<File>,
    /// Reading may give something.
    pub(crate) readable: bool,
    /// Writing may take something.
    pub(crate) writable: bool,
    /// epoll does not tell when there is more to read.
    unpolled: bool,
    /// Behind what can be read stands the end, of which no event tells again.
    hung_up: bool,
    /// Bytes that the next read asks for.
    want: usize,
    /// How packets are marked, if not as the kernel does.
    class: Option<u8>,
    /// The kernel may know how long the way to the peer is.
    measured: bool,
}

/// What came of a read.
#[derive(Debug)]
pub(crate) enum Got {
    Bytes(usize),
    Nothing,
    End,
}

impl Link {
    pub(crate) fn new(transport: Transport, descriptors: &Descriptors) -> io::Result<Self> {
        let Transport { input, output } = transport;
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if output.is_some() { Interest::READABLE } else { both };
        sys::fd::set_nonblocking(&input, true)?;
        let unpolled = !descriptors.register(input.as_raw_fd(), INPUT, interest)?;
        if let Some(output) = &output {
            sys::fd::set_nonblocking(output, true)?;
            descriptors.register(output.as_raw_fd(), OUTPUT, Interest::WRITABLE)?;
        }
        Ok(Self {
            input: input.into(),
            class: None,
            measured: output.is_none(),
            output: output.map(File::from),
            readable: true,
            writable: true,
            unpolled,
            hung_up: false,
            want: READ_MIN,
        })
    }

    /// Takes note of an event, if it is one of ours.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        let ready = Readiness::of(event);
        match event.token() {
            INPUT => {
                self.hung_up |= event.is_read_closed() || event.is_error();
                self.readable |= ready.readable;
                self.writable |= ready.writable && self.output.is_none();
            }
            OUTPUT => self.writable |= ready.writable,
            _ => return false,
        }
        true
    }

    /// Reads once.
    pub(crate) fn read(&mut self, rx: &mut RecvBuf) -> io::Result<Got> {
        let room = rx.space(self.want);
        let len = room.len().min(self.want);
        let room = room.get_mut(..len).unwrap_or_default();
        if room.is_empty() {
            return Ok(Got::Nothing);
        }
        match self.input.read(room) {
            Ok(0) => Ok(Got::End),
            Ok(n) => {
                if n == len {
                    self.want = self.want.saturating_mul(2).min(READ_MAX);
                } else {
                    // A stream that gave less than was asked for is empty, and more makes an event.
                    self.readable = self.unpolled || self.hung_up;
                }
                rx.filled(n);
                Ok(Got::Bytes(n))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(Got::Nothing)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Got::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Acknowledges what was read without waiting for an answer to send along.
    pub(crate) fn acknowledge(&self) {
        // What is no TCP socket has nothing to acknowledge.
        let _ = sys::socket::acknowledge(&self.input);
    }

    /// Has packets marked from now on.
    pub(crate) fn classify(&mut self, class: Option<u8>) {
        if class != self.class {
            self.class = class;
            // What is no socket has no packets.
            let _ = sys::socket::set_service_class(
                self.output.as_ref().unwrap_or(&self.input),
                class.unwrap_or(0),
            );
        }
    }

    /// How long a byte takes to the peer and back; nobody knows it of what is no TCP connection.
    pub(crate) fn round_trip(&mut self) -> Option<Duration> {
        let round_trip = self.measured.then(|| sys::socket::round_trip(&self.input))?;
        self.measured = round_trip.is_ok();
        round_trip.ok().flatten()
    }

    /// Writes what is taken at once, and says how much that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut output = self.output.as_ref().unwrap_or(&self.input);
        let mut sent: usize = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match output.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => sent = sent.saturating_add(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Reads small again: what was read in large pieces is over.
    pub(crate) fn calm(&mut self) {
        self.want = READ_MIN;
    }
}
