//! The session process: what passes between it and the channels of the peer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use connection::{ChannelRequest, ChannelType, GlobalRequest, Grant, LocalId, OpenReason, OpenRefusal};
use proto::{OpenChannel, ReplyToGlobal, ReplyToRequest, Server, Ticket};
use reactor::{Attachment, Io, TimerId};
use wire::{Human, Message};

use crate::log::Level;
use crate::protocol::session::{
    Connected, Exited, IncomingAgent, IncomingLocal, IncomingTcp, IncomingX11, Listening, Refused, Reply,
    Signalled,
};
use crate::protocol::{Link, LinkError};

use super::courier::Courier;
use super::forwards::Forwards;
use super::globals::Globals;
use super::limits::DESCRIPTORS;
use super::sessions::Sessions;
use super::timeouts::{Policy, Timeouts, Verdict};

/// The reason and text that OpenSSH refuses with what it does not do, or no more of.
pub(super) const REFUSED: OpenRefusal<'static> =
    OpenRefusal { reason: OpenReason::CONNECT_FAILED, text: Human(b"open failed") };

/// Lines for the log.
pub(super) type Lines = Vec<(Level, String)>;

/// What its parts work with.
pub(super) struct Turn<'a, 'io> {
    pub(super) io: &'a mut Io<'io, Server>,
    /// The way to the process.
    pub(super) link: &'a mut Courier,
    pub(super) timeouts: &'a mut Timeouts,
    pub(super) lines: &'a mut Lines,
}

impl Turn<'_, '_> {
    /// What the peer may send on one more channel.
    pub(super) fn grant(&mut self) -> Grant {
        self.io.connection().channels().map(connection::Connection::usual_grant).unwrap_or_default()
    }

    /// A line for the log.
    pub(super) fn log(&mut self, level: Level, line: impl Into<String>) {
        self.lines.push((level, line.into()));
    }

    /// Sends what the peer asks for, if the link takes it. Says whether it does.
    pub(super) fn forward(&mut self, message: &impl Message) -> Result<bool, LinkError> {
        let takes = self.link.takes(message);
        if takes {
            self.link.send(message)?;
        }
        Ok(takes)
    }

    /// Hands a channel's descriptors to the loop. If it cannot take them, it closes the channel.
    pub(super) fn attach(&mut self, channel: LocalId, attachment: Attachment) {
        if let Err(error) = self.io.attach(channel, attachment) {
            self.log(Level::Error, format!("channel {channel}: {error}"));
        }
    }

    /// Whether a channel is open.
    pub(super) fn is_open(&mut self, channel: LocalId) -> bool {
        self.io.connection().channels().is_some_and(|channels| channels.is_open(channel))
    }
}

/// The user's process, from the login on, and what it does for the peer.
pub(super) struct SessionProcess {
    link: Courier,
    sessions: Sessions,
    forwards: Forwards,
    globals: Globals,
    timeouts: Timeouts,
    lines: Lines,
}

impl SessionProcess {
    /// The user is in, and `link` leads to their process.
    pub(super) fn begin(
        io: &mut Io<'_, Server>,
        link: Link,
        max_sessions: u32,
        policy: Policy,
    ) -> Result<Self, LinkError> {
        Ok(Self {
            link: Courier::new(link)?,
            sessions: Sessions::new(max_sessions),
            forwards: Forwards::default(),
            globals: Globals::default(),
            timeouts: Timeouts::begin(io, policy),
            lines: Lines::new(),
        })
    }

    /// The lines for the log that came up since the last time.
    pub(super) fn take_lines(&mut self) -> Lines {
        std::mem::take(&mut self.lines)
    }

    /// Sends what waits to be sent.
    pub(super) fn flush(&mut self) -> Result<(), LinkError> {
        self.link.flush()
    }

    /// Answers the peer's wish for a channel, or has the process do so.
    pub(super) fn open(
        &mut self,
        io: &mut Io<'_, Server>,
        channel: LocalId,
        kind: ChannelType<'_>,
        ticket: Ticket<OpenChannel>,
    ) -> Result<(), LinkError> {
        let Self { link, sessions, forwards, timeouts, lines, .. } = self;
        let mut turn = Turn { io, link, timeouts, lines };
        match kind {
            ChannelType::Session => sessions.open(&mut turn, channel, ticket),
            ChannelType::DirectTcpip { .. } | ChannelType::DirectStreamlocal { .. } => {
                return forwards.connect(&mut turn, channel, &kind, ticket);
            }
            other => {
                turn.log(Level::Debug1, format!("server_input_channel_open: failure {}", other.name()));
                // A question is answered once, with what it can be answered with.
                let _ = turn.io.connection().answer(ticket, Err(REFUSED));
            }
        }
        Ok(())
    }

    /// Deals with a request on a channel; `ticket` is there when the peer waits for the reply.
    pub(super) fn request(
        &mut self,
        io: &mut Io<'_, Server>,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        ticket: Option<Ticket<ReplyToRequest>>,
    ) -> Result<(), LinkError> {
        let Self { link, sessions, timeouts, lines, .. } = self;
        sessions.request(&mut Turn { io, link, timeouts, lines }, channel, request, ticket)
    }

    /// Deals with a request that belongs to no channel.
    pub(super) fn global(
        &mut self,
        io: &mut Io<'_, Server>,
        request: &GlobalRequest<'_>,
        ticket: Option<Ticket<ReplyToGlobal>>,
    ) -> Result<(), LinkError> {
        let Self { link, globals, timeouts, lines, .. } = self;
        globals.request(&mut Turn { io, link, timeouts, lines }, request, ticket)
    }

    /// The peer has granted a channel that we asked for.
    pub(super) fn opened(&mut self, io: &mut Io<'_, Server>, channel: LocalId) {
        let Self { link, forwards, timeouts, lines, .. } = self;
        forwards.opened(&mut Turn { io, link, timeouts, lines }, channel);
    }

    /// The peer has refused a channel that we asked for.
    pub(super) fn open_failed(
        &mut self,
        io: &mut Io<'_, Server>,
        channel: LocalId,
        reason: OpenReason,
        text: Human<'_>,
    ) {
        let Self { link, forwards, timeouts, lines, .. } = self;
        forwards.open_failed(&mut Turn { io, link, timeouts, lines }, channel, reason, text);
    }

    /// The peer has closed a channel.
    pub(super) fn closed(&mut self, io: &mut Io<'_, Server>, channel: LocalId) -> Result<(), LinkError> {
        let Self { link, sessions, timeouts, lines, .. } = self;
        let mut turn = Turn { io, link, timeouts, lines };
        if sessions.has(channel) {
            sessions.closed(&mut turn, channel)
        } else {
            turn.timeouts.closed(turn.io, channel);
            Ok(())
        }
    }

    /// A timer's time has come. Says whether that is the end of the connection.
    pub(super) fn timer(&mut self, io: &mut Io<'_, Server>, timer: TimerId) -> Result<bool, LinkError> {
        let Self { link, sessions, timeouts, lines, .. } = self;
        let idle = match timeouts.due(io, timer) {
            Verdict::Nothing => return Ok(false),
            Verdict::Unused => return Ok(true),
            Verdict::Idle(idle) => idle,
        };
        for (channel, limit) in idle {
            let mut turn = Turn { io, link, timeouts, lines };
            let (seconds, micros) = (limit.as_secs(), limit.subsec_micros());
            let line =
                format!("channel {channel}: closing after {seconds}.{micros:06} seconds of inactivity");
            turn.log(Level::Verbose, line);
            // What still waits for its descriptors, or how its program ended, nobody is told.
            turn.io.detach(channel);
            // Either was said before, or the peer has closed it.
            let _ = turn.io.connection().eof(channel);
            let _ = turn.io.connection().close(channel);
            turn.timeouts.closed(turn.io, channel);
            sessions.abandon(&mut turn, channel)?;
        }
        Ok(false)
    }

    /// Takes the next message of the process, if it has one now. Says whether it had.
    pub(super) fn receive(&mut self, io: &mut Io<'_, Server>) -> Result<bool, LinkError> {
        let Self { link, sessions, forwards, globals, timeouts, lines } = self;
        let Some(incoming) = link.receive(DESCRIPTORS)? else { return Ok(false) };
        let (number, payload, fds) = (incoming.number(), incoming.payload.to_vec(), incoming.fds);
        let mut turn = Turn { io, link, timeouts, lines };
        match number {
            Reply::NUMBER => sessions.reply(&mut turn, Reply::from_payload(&payload)?, fds)?,
            Exited::NUMBER => {
                none(fds)?;
                sessions.exited(&mut turn, Exited::from_payload(&payload)?)?;
            }
            Signalled::NUMBER => {
                none(fds)?;
                sessions.signalled(&mut turn, &Signalled::from_payload(&payload)?)?;
            }
            Connected::NUMBER => {
                forwards.connected(&mut turn, Connected::from_payload(&payload)?, one(fds)?)?;
            }
            Refused::NUMBER => {
                none(fds)?;
                forwards.refused(&mut turn, &Refused::from_payload(&payload)?)?;
            }
            Listening::NUMBER => {
                none(fds)?;
                globals.listening(&mut turn, Listening::from_payload(&payload)?)?;
            }
            IncomingTcp::NUMBER => {
                forwards.tcp(&mut turn, &IncomingTcp::from_payload(&payload)?, one(fds)?)?;
            }
            IncomingLocal::NUMBER => {
                forwards.local(&mut turn, &IncomingLocal::from_payload(&payload)?, one(fds)?);
            }
            IncomingAgent::NUMBER => {
                forwards.agent(&mut turn, IncomingAgent::from_payload(&payload)?, one(fds)?);
            }
            IncomingX11::NUMBER => {
                forwards.x11(&mut turn, &IncomingX11::from_payload(&payload)?, one(fds)?)?;
            }
            number => return Err(LinkError::Protocol(format!("unexpected message {number}"))),
        }
        Ok(true)
    }
}

impl AsFd for SessionProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// The one descriptor of a message that has one.
fn one(fds: Vec<OwnedFd>) -> Result<OwnedFd, LinkError> {
    let fds: Result<[OwnedFd; 1], _> = fds.try_into();
    fds.map(|[fd]| fd).map_err(|_| unexpected("a message without its one descriptor"))
}

/// A message that has none.
fn none(fds: Vec<OwnedFd>) -> Result<(), LinkError> {
    if fds.is_empty() { Ok(()) } else { Err(unexpected("descriptors that nobody asked for")) }
}

/// What breaks the rules of the link.
pub(super) fn unexpected(what: &str) -> LinkError {
    LinkError::Protocol(what.to_owned())
}
