//! The descriptors of a channel.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use mio::Interest;
use proto::Side;
use proto::channels::{LocalId, Stream};

use crate::backlog::Backlog;
use crate::descriptors::Key;
use crate::ending::{Drain, Exit};
use crate::state::State;
use crate::streams::{PerStream, STREAMS};

/// Descriptors for a channel. What comes on a stream of the channel is written to its sink; what a source gives is sent on
/// its stream. Data of a stream without a sink is dropped.
#[derive(Debug, Default)]
pub struct Attachment {
    both: Option<(Kind, OwnedFd)>,
    sinks: PerStream<Option<OwnedFd>>,
    sources: PerStream<Option<OwnedFd>>,
}

impl Attachment {
    /// No descriptors yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The master of a pseudo-terminal, for data in both directions. EOF of the peer does nothing to it, and its end is
    /// when no program has it open any more.
    #[must_use]
    pub fn terminal(master: OwnedFd) -> Self {
        Self { both: Some((Kind::Terminal, master)), ..Self::default() }
    }

    /// A connected stream socket, of TCP (best without Nagle's algorithm) or of the Unix family, for data in both directions, each
    /// of which ends by itself.
    /// After the peer's EOF, and the last byte before it, the socket's sending side is shut down; its own end is told as EOF.
    /// When both directions are over, the loop closes the channel and the socket; so it does, after what still waits was
    /// written, when the peer closes the channel. A socket that takes nothing any more is still read to its end.
    ///
    /// Our CLOSE comes from the loop, so that channels of which bytes still wait count against
    /// [`channels_max`](proto::channels::Config::channels_max): an application says
    /// [`close`](proto::Connection::close) itself only after [`Io::detach`](crate::Io::detach).
    #[must_use]
    pub fn socket(socket: OwnedFd) -> Self {
        Self { both: Some((Kind::Socket, socket)), ..Self::default() }
    }

    /// Where the peer's data on `stream` goes. It is closed after the peer's EOF.
    #[must_use]
    pub fn sink(mut self, stream: Stream, fd: OwnedFd) -> Self {
        *self.sinks.of_mut(stream) = Some(fd);
        self
    }

    /// Where our data on `stream` comes from.
    #[must_use]
    pub fn source(mut self, stream: Stream, fd: OwnedFd) -> Self {
        *self.sources.of_mut(stream) = Some(fd);
        self
    }
}

/// What sort of descriptors a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Some for each direction; their program's end ends the channel.
    Pipes,
    /// One for both directions that ends with its program, and knows no EOF of the peer.
    Terminal,
    /// One for both directions, each of which ends by itself; the channel ends with them.
    Socket,
}

/// How far a channel's descriptors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// They have yet to come; data is kept for them.
    Held,
    /// They are here.
    Attached,
    /// The peer has closed the channel; what waits is still written.
    Lingering,
}

/// What is attached to a channel.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    /// When data last moved, in either direction.
    pub(crate) moved: Instant,
    pub(crate) sinks: PerStream<Sink>,
    pub(crate) sources: PerStream<Option<Source>>,
    /// The peer has said EOF.
    pub(crate) peer_ended: bool,
    /// We have said EOF.
    pub(crate) ended: bool,
    /// How the program ended, until the peer was told.
    pub(crate) exit: Option<Exit>,
    /// The peer was told how the program ended.
    pub(crate) exit_told: bool,
}

/// Where the peer's data goes.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) key: Option<Key>,
    pub(crate) backlog: Backlog,
}

/// Where our data comes from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) key: Key,
    pub(crate) drain: Drain,
}

impl Attached {
    pub(crate) fn held(now: Instant) -> Self {
        Self {
            stage: Stage::Held,
            kind: Kind::Pipes,
            moved: now,
            sinks: PerStream::default(),
            sources: PerStream::default(),
            peer_ended: false,
            ended: false,
            exit: None,
            exit_told: false,
        }
    }

    /// Whether all sources have ended.
    pub(crate) fn is_dry(&self) -> bool {
        self.sources.all().iter().all(|source| source.is_none())
    }

    /// Whether nothing is left that would hold up CLOSE.
    pub(crate) fn is_over(&self) -> bool {
        self.is_dry()
            && match self.kind {
                Kind::Pipes | Kind::Terminal => self.exit_told,
                Kind::Socket => self.is_deaf(),
            }
    }

    /// Whether nothing is written to any more.
    pub(crate) fn is_deaf(&self) -> bool {
        self.sinks.all().iter().all(|sink| sink.key.is_none())
    }
}

impl<S: Side> State<S> {
    /// Keeps what comes on a channel until descriptors are attached.
    pub(crate) fn hold(&mut self, channel: LocalId) {
        let now = self.now;
        self.attached.entry(channel).or_insert_with(|| Attached::held(now));
    }

    pub(crate) fn attach(&mut self, channel: LocalId, attachment: Attachment) -> io::Result<()> {
        self.hold(channel);
        let connected = self.connect(channel, attachment);
        if connected.is_err() {
            self.detach(channel);
            // It may be closing already.
            let _ = self.connection.close(channel);
            return connected;
        }
        let Some(attached) = self.attached.get_mut(&channel) else { return Ok(()) };
        attached.stage = Stage::Attached;
        let deaf = attached.is_deaf();
        for stream in STREAMS {
            if attached.sources.of(stream).is_some() {
                // Nobody has asked it yet.
                let _ = self.connection.ready(channel, stream, true);
            }
        }
        if deaf {
            self.stop_reading(channel);
        }
        self.flush(channel);
        self.settle(channel);
        self.again = true;
        Ok(())
    }

    fn connect(&mut self, channel: LocalId, attachment: Attachment) -> io::Result<()> {
        let Attachment { both, mut sinks, mut sources } = attachment;
        if let Some((kind, fd)) = both {
            if kind == Kind::Socket {
                // One that is gone cannot have bytes that wait either.
                let _ = self.connection.await_close(channel);
            }
            let key = self.descriptors.own(fd, channel, Interest::READABLE | Interest::WRITABLE)?;
            self.descriptors.share(key);
            if let Some(attached) = self.attached.get_mut(&channel) {
                attached.kind = kind;
                attached.sinks.of_mut(Stream::Data).key = Some(key);
                *attached.sources.of_mut(Stream::Data) = Some(Source { key, drain: Drain::No });
            }
        }
        for stream in STREAMS {
            if let Some(fd) = sinks.of_mut(stream).take() {
                let key = self.descriptors.own(fd, channel, Interest::WRITABLE)?;
                if let Some(attached) = self.attached.get_mut(&channel) {
                    attached.sinks.of_mut(stream).key = Some(key);
                }
            }
            if let Some(fd) = sources.of_mut(stream).take() {
                let key = self.descriptors.own(fd, channel, Interest::READABLE)?;
                if let Some(attached) = self.attached.get_mut(&channel) {
                    *attached.sources.of_mut(stream) = Some(Source { key, drain: Drain::No });
                }
            }
        }
        Ok(())
    }

    /// Drops what is attached to a channel, and what waits there.
    pub(crate) fn detach(&mut self, channel: LocalId) {
        let Some(mut attached) = self.attached.remove(&channel) else { return };
        for stream in STREAMS {
            let sink = attached.sinks.of_mut(stream);
            let source = attached.sources.of_mut(stream).take();
            for key in sink.key.take().into_iter().chain(source.map(|source| source.key)) {
                self.descriptors.release(key);
            }
            let _ = self.connection.ready(channel, stream, false);
        }
    }

    /// Drops one source of a channel.
    pub(crate) fn drop_source(&mut self, channel: LocalId, stream: Stream) {
        let source =
            self.attached.get_mut(&channel).and_then(|attached| attached.sources.of_mut(stream).take());
        if let Some(source) = source {
            self.descriptors.release(source.key);
            let _ = self.connection.ready(channel, stream, false);
        }
    }

    /// When data last moved on a channel.
    pub(crate) fn idle_since(&self, channel: LocalId) -> Option<Instant> {
        self.attached.get(&channel).map(|attached| attached.moved)
    }

    /// The terminal of a channel.
    pub(crate) fn terminal(&self, channel: LocalId) -> Option<BorrowedFd<'_>> {
        let attached = self.attached.get(&channel).filter(|attached| attached.kind == Kind::Terminal)?;
        let source = attached.sources.of(Stream::Data).as_ref().map(|source| source.key);
        self.descriptors.borrow(source.or(attached.sinks.of(Stream::Data).key)?)
    }
}
