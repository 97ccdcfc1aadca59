//! A server between two descriptors.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use sftp::{FileSystem, Record, Server, Step};
use sys::poll::{self, Entry};

use crate::limits::{IDLE_SECONDS, INPUT, PIECE};
use crate::workers::Workers;

/// Why a server ended before its client did.
#[derive(Debug)]
pub enum ServeError {
    /// Requests cannot be read.
    Input(io::Error),
    /// Replies cannot be written.
    Output(io::Error),
    /// The requests end within one.
    CutOff,
    /// The client does not keep to the protocol.
    Protocol(sftp::Error),
    /// The system refuses what the server itself needs.
    System(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(f, "read: {error}"),
            Self::Output(error) => write!(f, "write: {error}"),
            Self::CutOff => f.write_str("input ends within a request"),
            Self::Protocol(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {}

/// Serves until the input ends; then what is under way is finished and answered. `log` is given every record.
///
/// Both descriptors may be the same pipe's, socket's or terminal's; they do not block meanwhile, also for others that share them, and
/// are afterwards as they were before. Requests are read as long as replies have room, and replies are written as long as somebody reads
/// them, each whatever the other does: a client that sends much before it reads, and one that reads late, are both served in bounded
/// memory.
///
/// # Errors
/// Why it ended otherwise. What was asked for before is done, but perhaps not answered.
pub fn serve<F: FileSystem>(
    server: Server<F>,
    input: OwnedFd,
    output: OwnedFd,
    log: &mut dyn FnMut(Record),
) -> Result<(), ServeError> {
    let flags = [Flags::of(&input), Flags::of(&output)];
    let mut serving = Serving {
        server,
        workers: Workers::new().map_err(ServeError::System)?,
        requests: Requests::default(),
        input: input.into(),
        output: output.into(),
        log,
    };
    let outcome = serving.run();
    serving.end();
    drop(flags);
    outcome
}

/// Makes a descriptor not block, and as it was before when it is dropped.
struct Flags(Option<OwnedFd>);

impl Flags {
    fn of(fd: &OwnedFd) -> Self {
        let blocks = !sys::file_io::is_nonblocking(fd.as_fd()).unwrap_or(true);
        let changed = blocks && sys::fd::set_nonblocking(fd, true).is_ok();
        Self(changed.then(|| fd.try_clone().ok()).flatten())
    }
}

impl Drop for Flags {
    fn drop(&mut self) {
        if let Some(fd) = &self.0 {
            // Whoever shares it and finds it changed would have found it so before.
            let _ = sys::fd::set_nonblocking(fd, false);
        }
    }
}

struct Serving<'a, F: FileSystem> {
    server: Server<F>,
    workers: Workers<F>,
    requests: Requests,
    input: File,
    output: File,
    log: &'a mut dyn FnMut(Record),
}

/// What more requests wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The input, until so many bytes are there.
    Bytes(usize),
    /// The end of a job, or room for replies.
    Room,
}

/// What became of the replies.
#[derive(Clone, Copy, Debug)]
struct Written {
    /// None is left.
    all: bool,
    /// There are fewer than before.
    some: bool,
}

impl<F: FileSystem> Serving<'_, F> {
    fn run(&mut self) -> Result<(), ServeError> {
        loop {
            self.finish_jobs();
            let next = self.process()?;
            let written = self.write()?;
            match next {
                Next::Bytes(_) if self.requests.has_ended => {
                    if written.all && self.workers.busy() == 0 {
                        return if self.requests.is_empty() { Ok(()) } else { Err(ServeError::CutOff) };
                    }
                    self.wait(false, written)?;
                }
                Next::Bytes(needed) => {
                    if !self.read(needed)? {
                        self.wait(true, written)?;
                    }
                }
                // There may be room for replies again.
                Next::Room if written.some => {}
                Next::Room => self.wait(false, written)?,
            }
        }
    }

    /// Handles the requests that are there.
    fn process(&mut self) -> Result<Next, ServeError> {
        loop {
            let step = self.server.process(self.requests.bytes());
            self.tell();
            match step.map_err(ServeError::Protocol)? {
                Step::NeedBytes(needed) => return Ok(Next::Bytes(needed)),
                Step::Handled(len) => self.requests.consume(len),
                Step::Run(len, job) => {
                    self.requests.consume(len);
                    if let Some(done) = self.workers.give(job) {
                        self.server.finish(done);
                        self.tell();
                    }
                }
                Step::Wait => return Ok(Next::Room),
            }
            if self.server.transmit().len() >= PIECE {
                self.write()?;
            }
        }
    }

    /// Takes back what is done.
    fn finish_jobs(&mut self) {
        if self.workers.busy() > 0 {
            for done in self.workers.take() {
                self.server.finish(done);
            }
            self.tell();
        }
    }

    fn tell(&mut self) {
        while let Some(record) = self.server.next_record() {
            (self.log)(record);
        }
    }

    /// Writes as much as there is and is taken.
    fn write(&mut self) -> Result<Written, ServeError> {
        let mut some = false;
        loop {
            let replies = self.server.transmit();
            if replies.is_empty() {
                return Ok(Written { all: true, some });
            }
            match self.output.write(replies) {
                Ok(0) => return Err(ServeError::Output(io::ErrorKind::WriteZero.into())),
                Ok(len) => {
                    self.server.sent(len);
                    some = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Written { all: false, some });
                }
                Err(error) => return Err(ServeError::Output(error)),
            }
        }
    }

    /// Reads once; whether anything came, be it the end.
    fn read(&mut self, needed: usize) -> Result<bool, ServeError> {
        let room = self.requests.room(needed);
        match self.input.read(room) {
            Ok(len) => self.requests.add(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // A socket whose other end went with unread replies.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.requests.add(0),
            Err(error) => return Err(ServeError::Input(error)),
        }
        Ok(true)
    }

    /// Waits until something can go on.
    fn wait(&mut self, for_input: bool, written: Written) -> Result<(), ServeError> {
        let for_output = !written.all;
        let has_work = self.workers.busy() > 0;
        let is_idle = for_input && !for_output && !has_work;
        let mut timeout = is_idle.then_some(Duration::from_secs(IDLE_SECONDS));
        loop {
            let mut entries = [
                Entry::new(self.input.as_fd(), for_input, false),
                Entry::new(self.output.as_fd(), false, for_output),
                Entry::new(self.workers.woken(), has_work, false),
            ];
            if poll::wait(&mut entries, timeout).map_err(ServeError::System)? > 0 {
                return Ok(());
            }
            self.server.release();
            self.requests.release();
            timeout = None;
        }
    }

    /// Ends what is still under way and closes what is open.
    fn end(&mut self) {
        while self.workers.busy() > 0 {
            let mut entries = [Entry::new(self.workers.woken(), true, false)];
            if poll::wait(&mut entries, None).is_err() {
                break;
            }
            self.finish_jobs();
        }
        self.server.end();
        self.tell();
    }
}

/// What was read of the requests and not handled.
#[derive(Debug, Default)]
struct Requests {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    has_ended: bool,
}

impl Requests {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Where the next bytes go. When most of a packet is still missing, room for its rest only, so that nothing has to be moved behind it.
    fn room(&mut self, needed: usize) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = vec![0; INPUT];
        }
        if self.start.saturating_add(needed) > self.buffer.len() || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        let is_long = needed > PIECE;
        let end = if is_long { self.start.saturating_add(needed) } else { self.buffer.len() };
        self.buffer.get_mut(self.end..end).unwrap_or_default()
    }

    fn add(&mut self, len: usize) {
        self.has_ended = len == 0;
        self.end = self.end.saturating_add(len).min(self.buffer.len());
    }

    /// Gives the memory back when nothing is in it.
    fn release(&mut self) {
        if self.is_empty() {
            self.buffer = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;
