//! The peer's data on its way to descriptors: from the receive buffer, and what they refuse through a backlog.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use proto::Side;
use proto::channels::{LocalId, Stream};

use crate::attachment::{Kind, Stage};
use crate::limits::{DISCARD_MAX, FLUSH_PER_TURN};
use crate::state::State;
use crate::streams::STREAMS;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// Everything was taken.
    All,
    /// The rest was refused for now.
    Full,
    /// Nobody reads it.
    Broken,
}

/// Writes what is taken at once.
fn write(mut file: &File, bytes: &[u8]) -> (usize, Wrote) {
    let mut taken: usize = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (taken, Wrote::Broken),
            Ok(n) => taken = taken.saturating_add(n),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => return (taken, Wrote::Full),
                _ => return (taken, Wrote::Broken),
            },
        }
    }
    (taken, Wrote::All)
}

/// Tells a socket's other end that nothing more is written. If nothing is read either, what has come is thrown away: a
/// socket that is closed over unread bytes is reset, and a reset would overtake what was written last.
fn finish(mut socket: &File, is_read: bool) {
    // It may be gone.
    let _ = sys::socket::shutdown_write(socket);
    if !is_read {
        let mut part = [0; 16 * 1024];
        for _ in 0..DISCARD_MAX.div_ceil(part.len()) {
            if !matches!(socket.read(&mut part), Ok(1..)) {
                break;
            }
        }
    }
}

impl<S: Side> State<S> {
    /// Writes data of the peer to where it belongs. Says whether the channel is one of ours.
    pub(crate) fn deliver(&mut self, channel: LocalId, stream: Stream, data: &[u8]) -> bool {
        let Some(attached) = self.attached.get_mut(&channel) else { return false };
        attached.moved = self.now;
        let held = attached.stage == Stage::Held;
        let sink = attached.sinks.of_mut(stream);
        let file = sink.key.and_then(|key| self.descriptors.file(key));
        let (taken, wrote) = match file {
            _ if held => (0, Wrote::Full),
            None => (data.len(), Wrote::All),
            Some(_) if !sink.backlog.is_empty() => (0, Wrote::Full),
            Some(file) => write(file, data),
        };
        match wrote {
            Wrote::All => {}
            Wrote::Full => sink.backlog.push(data.get(taken..).unwrap_or_default()),
            Wrote::Broken => {
                self.consumed(channel, data.len());
                self.break_sink(channel, stream);
                return true;
            }
        }
        self.consumed(channel, taken);
        true
    }

    /// Writes what waits for the descriptors of a channel, as far as they take it.
    pub(crate) fn flush(&mut self, channel: LocalId) {
        for stream in STREAMS {
            let Some(attached) = self.attached.get_mut(&channel).filter(|at| at.stage != Stage::Held) else {
                return;
            };
            let sink = attached.sinks.of_mut(stream);
            let waiting = sink.backlog.data();
            let part = waiting.get(..FLUSH_PER_TURN).unwrap_or(waiting);
            let (taken, wrote) = match sink.key.and_then(|key| self.descriptors.file(key)) {
                Some(file) => write(file, part),
                None => (part.len(), Wrote::All),
            };
            sink.backlog.take(taken);
            if taken > 0 {
                attached.moved = self.now;
            }
            if wrote == Wrote::All && !sink.backlog.is_empty() {
                self.unblocked.push(channel);
            }
            self.consumed(channel, taken);
            if wrote == Wrote::Broken {
                self.break_sink(channel, stream);
            }
        }
        self.close_finished_sinks(channel);
    }

    /// The peer says no more on a channel. Says whether the channel is one of ours.
    pub(crate) fn peer_ended(&mut self, channel: LocalId) -> bool {
        let Some(attached) = self.attached.get_mut(&channel) else { return false };
        attached.peer_ended = true;
        self.close_finished_sinks(channel);
        true
    }

    /// The peer has closed a channel: it takes nothing more. What it sent before is still written, but a terminal is hung up.
    /// Whether or not a program is there whose end will say CLOSE, a socket's channel is closed when its bytes are written.
    pub(crate) fn peer_closed(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get_mut(&channel) else { return };
        let (exit, told) = (attached.exit.take(), attached.exit_told);
        let waiting = attached.sinks.all().iter().any(|sink| sink.key.is_some() && !sink.backlog.is_empty());
        attached.peer_ended = true;
        if exit.is_none() && attached.kind != Kind::Terminal && waiting {
            attached.stage = Stage::Lingering;
            for stream in STREAMS {
                self.drop_source(channel, stream);
            }
            self.close_finished_sinks(channel);
        } else {
            self.end(channel);
        }
        if let Some(exit) = &exit {
            self.tell(channel, exit);
        }
        if told || exit.is_some() {
            let _ = self.connection.close(channel);
        }
    }

    /// Drops what the application reads no more of a channel, and tells the peer.
    pub(crate) fn stop_reading(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get_mut(&channel) else { return };
        for stream in STREAMS {
            let sink = attached.sinks.of_mut(stream);
            sink.backlog.clear();
            if let Some(key) = sink.key.take() {
                self.descriptors.release(key);
            }
        }
        let _ = self.connection.stop_reading(channel);
    }

    /// A sink that nobody reads: its data is dropped from now on.
    fn break_sink(&mut self, channel: LocalId, stream: Stream) {
        let Some(attached) = self.attached.get_mut(&channel) else { return };
        let sink = attached.sinks.of_mut(stream);
        let dropped = sink.backlog.clear();
        if let Some(key) = sink.key.take() {
            self.descriptors.release(key);
        }
        let (deaf, lingering) = (attached.is_deaf(), attached.stage == Stage::Lingering);
        self.consumed(channel, dropped);
        if lingering && deaf {
            self.end(channel);
        } else if deaf {
            self.stop_reading(channel);
            self.settle(channel);
        }
    }

    /// Closes the sinks of a channel to which nothing more will be written. A terminal goes on: its programs have no EOF
    /// but the one that is typed.
    fn close_finished_sinks(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get_mut(&channel) else { return };
        if !attached.peer_ended || attached.kind == Kind::Terminal || attached.stage == Stage::Held {
            return;
        }
        let is_read = !attached.is_dry();
        for stream in STREAMS {
            let sink = attached.sinks.of_mut(stream);
            if sink.backlog.is_empty()
                && let Some(key) = sink.key.take()
            {
                if attached.kind == Kind::Socket
                    && let Some(socket) = self.descriptors.file(key)
                {
                    finish(socket, is_read);
                }
                self.descriptors.release(key);
            }
        }
        if attached.stage == Stage::Lingering && attached.is_deaf() {
            self.end(channel);
        } else {
            self.settle(channel);
        }
    }

    /// A socket that is closed, or reset, by its other end takes nothing any more: that is found out here and not by writing,
    /// since there may never be anything to write. What it gave before is still read.
    pub(crate) fn hung_up(&mut self, channel: LocalId) {
        self.break_sink(channel, Stream::Data);
        let _ = self.connection.ready(channel, Stream::Data, true);
    }

    /// Drops what is attached to a channel that the peer has closed. Our CLOSE of a socket's waits for that.
    fn end(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get(&channel) else { return };
        let socket = attached.kind == Kind::Socket;
        let source = attached.sources.of(Stream::Data).as_ref().map(|source| source.key);
        let key = attached.sinks.of(Stream::Data).key.or(source);
        if socket && let Some(file) = key.and_then(|key| self.descriptors.file(key)) {
            finish(file, false);
        }
        self.detach(channel);
        if socket {
            let _ = self.connection.close(channel);
        }
    }

    fn consumed(&mut self, channel: LocalId, bytes: usize) {
        if bytes > 0 {
            // A channel that is gone has nobody who waits for credit.
            let _ = self.connection.consumed(channel, u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }
}
