//! Sessions: the channels whose programs the session process runs.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Duration;

use connection::{AgentName, ChannelRequest, LocalId, Stream, TerminalSize};
use proto::{OpenChannel, ReplyToRequest, Ticket};
use reactor::{Attachment, Exit};
use sys::pty::{WindowSize, resize};
use wire::{Bytes, Message, Name, NulFree};

use crate::log::Level;
use crate::protocol::LinkError;
use crate::protocol::session::{
    Agent, Break, Closed, Env, Exec, Exited, Pty, Reply, Shell, Signal, Signalled, Subsystem, X11,
};

use super::limits::{ABANDONED, CHANNELS, UNANSWERED};
use super::process::{REFUSED, Turn, unexpected};

/// What a request is about, which says what comes with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Granted with a master.
    Terminal,
    /// Granted with three descriptors, unless the terminal was; how long its channel may be idle.
    Program(Option<Duration>),
    Other,
}

/// A request that the session has yet to answer.
struct Asked {
    session: u32,
    what: What,
    /// Whoever waits for the answer, if anybody does.
    ticket: Option<Ticket<ReplyToRequest>>,
}

/// A session that the peer has open.
struct Open {
    channel: LocalId,
    /// The terminal, until it is the program's.
    master: Option<OwnedFd>,
    /// The size that came before the terminal.
    size: Option<WindowSize>,
    program: Program,
    /// The peer has closed the channel.
    closed: bool,
}

/// How far the program of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    None,
    Running,
    Ended,
}

/// The sessions of a connection. They are named by the numbers of their channels.
pub(super) struct Sessions {
    most: usize,
    open: BTreeMap<u32, Open>,
    asked: VecDeque<Asked>,
    /// Sessions that were given up while a program ran, of whose end we may still be told.
    abandoned: VecDeque<u32>,
}

impl Sessions {
    /// None yet, and never more than `most`.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX).min(CHANNELS),
            open: BTreeMap::new(),
            asked: VecDeque::new(),
            abandoned: VecDeque::new(),
        }
    }

    /// Whether a channel is a session.
    pub(super) fn has(&self, channel: LocalId) -> bool {
        self.open.contains_key(&channel.number())
    }

    /// Answers the peer's wish for a session.
    pub(super) fn open(&mut self, turn: &mut Turn<'_, '_>, channel: LocalId, ticket: Ticket<OpenChannel>) {
        let answer = if self.open.len() < self.most {
            let open = Open { channel, master: None, size: None, program: Program::None, closed: false };
            self.open.insert(channel.number(), open);
            turn.io.hold(channel);
            Ok(turn.grant())
        } else {
            turn.log(Level::Error, "no more sessions");
            Err(REFUSED)
        };
        // A question is answered once, with what it can be answered with.
        let _ = turn.io.connection().answer(ticket, answer);
    }

    /// Deals with a request on a channel; `ticket` is there when the peer waits for the reply.
    pub(super) fn request(
        &mut self,
        turn: &mut Turn<'_, '_>,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        ticket: Option<Ticket<ReplyToRequest>>,
    ) -> Result<(), LinkError> {
        let session = channel.number();
        let Some(open) = self.open.get_mut(&session) else {
            reply(turn, ticket, false);
            return Ok(());
        };
        match *request {
            ChannelRequest::Env { name, value } => {
                self.forward(turn, What::Other, &Env { session, name, value }, session, ticket)
            }
            ChannelRequest::PtyReq { term, size, modes } => {
                let TerminalSize { columns, rows, width, height } = size;
                let modes = Bytes(modes.as_bytes());
                let message = Pty { session, term, columns, rows, width, height, modes };
                self.forward(turn, What::Terminal, &message, session, ticket)
            }
            ChannelRequest::Shell => {
                let what = What::Program(turn.timeouts.limit("session:shell"));
                self.forward(turn, what, &Shell { session }, session, ticket)
            }
            ChannelRequest::Exec { command } => {
                let what = What::Program(turn.timeouts.limit("session:command"));
                self.forward(turn, what, &Exec { session, command }, session, ticket)
            }
            ChannelRequest::Subsystem { name } => {
                let kind = format!("session:subsystem:{}", String::from_utf8_lossy(name.as_bytes()));
                let what = What::Program(turn.timeouts.limit(&kind));
                self.forward(turn, what, &Subsystem { session, name }, session, ticket)
            }
            ChannelRequest::Signal { signal } => {
                let name = Name::new(signal.name())?;
                self.forward(turn, What::Other, &Signal { session, name }, session, ticket)
            }
            ChannelRequest::Break { milliseconds } => {
                self.forward(turn, What::Other, &Break { session, milliseconds }, session, ticket)
            }
            ChannelRequest::AuthAgentReq(name) => {
                let standard = name == AgentName::Standard;
                self.forward(turn, What::Other, &Agent { session, standard }, session, ticket)
            }
            ChannelRequest::X11Req { single, protocol, cookie, screen } => {
                let cookie = NulFree::new(cookie.0)?;
                let message = X11 { session, single, protocol, cookie, screen };
                self.forward(turn, What::Other, &message, session, ticket)
            }
            ChannelRequest::WindowChange { size } => {
                let size = window_size(size);
                let fd = turn.io.terminal(channel);
                match (fd, &open.master) {
                    (Some(fd), _) => drop(resize(fd, size)),
                    (None, Some(master)) => drop(resize(master, size)),
                    (None, None) => open.size = Some(size),
                }
                reply(turn, ticket, true);
                Ok(())
            }
            _ => {
                reply(turn, ticket, false);
                Ok(())
            }
        }
    }

    /// Hands a request on. One for which there is no room is refused.
    fn forward(
        &mut self,
        turn: &mut Turn<'_, '_>,
        what: What,
        message: &impl Message,
        session: u32,
        ticket: Option<Ticket<ReplyToRequest>>,
    ) -> Result<(), LinkError> {
        if self.asked.len() < UNANSWERED && turn.forward(message)? {
            self.asked.push_back(Asked { session, what, ticket });
        } else {
            turn.log(Level::Info, "refused a request that is too long, or one of too many at once");
            reply(turn, ticket, false);
        }
        Ok(())
    }

    /// The peer has closed a channel. It is still told how its program ends: a client closes as soon as both sides have no more data,
    /// and that may be before anybody has noticed the end.
    pub(super) fn closed(&mut self, turn: &mut Turn<'_, '_>, channel: LocalId) -> Result<(), LinkError> {
        match self.open.get_mut(&channel.number()) {
            Some(open) => {
                open.closed = true;
                self.finish(turn, channel.number())
            }
            None => Ok(()),
        }
    }

    /// Gives a session up when the peer has closed it and no program of it runs or is about to.
    fn finish(&mut self, turn: &mut Turn<'_, '_>, session: u32) -> Result<(), LinkError> {
        let starts = |asked: &Asked| asked.session == session && matches!(asked.what, What::Program(_));
        let over = |open: &&Open| match open.program {
            Program::None => open.closed && !self.asked.iter().any(starts),
            Program::Running => false,
            Program::Ended => open.closed,
        };
        let Some(channel) = self.open.get(&session).filter(over).map(|open| open.channel) else {
            return Ok(());
        };
        self.open.remove(&session);
        // Where a program has ended, it was closed with its status.
        let _ = turn.io.connection().close(channel);
        turn.timeouts.closed(turn.io, channel);
        turn.link.send(&Closed { session })
    }

    /// Gives a session up whose channel was closed, whatever its program does. It takes no other one's place any more.
    pub(super) fn abandon(&mut self, turn: &mut Turn<'_, '_>, channel: LocalId) -> Result<(), LinkError> {
        let session = channel.number();
        let Some(open) = self.open.remove(&session) else { return Ok(()) };
        if open.program == Program::Running {
            if self.abandoned.len() >= ABANDONED {
                self.abandoned.pop_front();
            }
            self.abandoned.push_back(session);
        }
        turn.link.send(&Closed { session })
    }

    /// The answer to the oldest request.
    pub(super) fn reply(
        &mut self,
        turn: &mut Turn<'_, '_>,
        told: Reply,
        fds: Vec<OwnedFd>,
    ) -> Result<(), LinkError> {
        let Reply { session, good } = told;
        let asked = self.asked.pop_front().filter(|asked| asked.session == session);
        let asked = asked.ok_or_else(|| unexpected("a reply that nobody waits for"))?;
        self.granted(turn, &asked, good, fds)?;
        reply(turn, asked.ticket, good);
        self.finish(turn, session)
    }

    /// Takes what came with a reply. A channel that was closed in the meantime has no use for it: it is dropped, and the program will
    /// notice.
    fn granted(
        &mut self,
        turn: &mut Turn<'_, '_>,
        asked: &Asked,
        good: bool,
        fds: Vec<OwnedFd>,
    ) -> Result<(), LinkError> {
        let (count, mut fds) = (fds.len(), fds.into_iter());
        let came = (fds.next(), fds.next(), fds.next());
        let Some(open) = self.open.get_mut(&asked.session) else {
            return match (asked.what, good, count) {
                (What::Terminal, true, 1) | (What::Program(_), true, 0 | 3) | (_, _, 0) => Ok(()),
                _ => Err(unexpected("a reply that does not fit its request")),
            };
        };
        let (attachment, idle) = match (asked.what, good, came) {
            (What::Terminal, true, (Some(master), None, None))
                if open.master.is_none() && open.program == Program::None =>
            {
                if let Some(size) = open.size.take() {
                    // The session made it a terminal; if it is none, no size helps.
                    let _ = resize(&master, size);
                }
                open.master = Some(master);
                return Ok(());
            }
            (What::Program(idle), true, came) if open.program == Program::None => {
                let attachment = match (open.master.take(), came) {
                    (Some(master), (None, None, None)) => Attachment::terminal(master),
                    (None, (Some(input), Some(output), Some(errors))) => Attachment::new()
                        .sink(Stream::Data, input)
                        .source(Stream::Data, output)
                        .source(Stream::Stderr, errors),
                    _ => return Err(unexpected("other descriptors than a program has")),
                };
                (attachment, idle)
            }
            (What::Other, _, (None, None, None)) | (_, false, (None, None, None)) => return Ok(()),
            _ => return Err(unexpected("a reply that does not fit its request")),
        };
        open.program = Program::Running;
        turn.timeouts.opened(turn.io, open.channel, idle);
        if !open.closed {
            turn.attach(open.channel, attachment);
        }
        Ok(())
    }

    /// A program has ended by itself.
    pub(super) fn exited(&mut self, turn: &mut Turn<'_, '_>, told: Exited) -> Result<(), LinkError> {
        self.ended(turn, told.session, Exit::Status(told.status))
    }

    /// A program was ended by a signal.
    pub(super) fn signalled(
        &mut self,
        turn: &mut Turn<'_, '_>,
        told: &Signalled<'_>,
    ) -> Result<(), LinkError> {
        let (name, message) = (told.name.as_str().to_owned(), told.text.0.to_vec());
        self.ended(turn, told.session, Exit::Signal { name, core_dumped: told.core, message })
    }

    fn ended(&mut self, turn: &mut Turn<'_, '_>, session: u32, exit: Exit) -> Result<(), LinkError> {
        let open = self.open.get_mut(&session).filter(|open| open.program == Program::Running);
        let Some(open) = open else {
            // It may have been told before our `Closed` got there.
            let at = self.abandoned.iter().position(|abandoned| *abandoned == session);
            let at = at.ok_or_else(|| unexpected("the end of a program that does not run"))?;
            self.abandoned.remove(at);
            return Ok(());
        };
        open.program = Program::Ended;
        turn.io.exit(open.channel, exit);
        self.finish(turn, session)
    }
}

/// Answers a request, if the peer waits for it. The channel may be gone.
fn reply(turn: &mut Turn<'_, '_>, ticket: Option<Ticket<ReplyToRequest>>, good: bool) {
    if let Some(ticket) = ticket {
        let _ = turn.io.connection().answer(ticket, good);
    }
}

/// A size as the kernel has it; what is larger than it can be is as large as it can be.
fn window_size(size: TerminalSize) -> WindowSize {
    let [columns, rows, width, height] = [size.columns, size.rows, size.width, size.height]
        .map(|value| u16::try_from(value).unwrap_or(u16::MAX));
    WindowSize { columns, rows, width, height }
}
