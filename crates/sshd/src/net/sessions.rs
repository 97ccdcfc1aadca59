//! The session process, and the channels whose programs it runs.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;

use connection::{
    ChannelRequest, ChannelType, Grant, LocalId, OpenReason, OpenRefusal, Stream, TerminalSize,
};
use proto::{OpenChannel, ReplyToRequest, Server, Ticket};
use reactor::{Attachment, Exit, Io};
use sys::pty::{WindowSize, resize};
use wire::{Bytes, Human, Message, Name};

use crate::log::Level;
use crate::protocol::session::{
    Break, Closed, Env, Exec, Exited, Pty, Reply, Shell, Signal, Signalled, Subsystem,
};
use crate::protocol::{Link, LinkError};

use super::courier::Courier;
use super::limits::UNANSWERED;

/// The reason and text that OpenSSH refuses with what it does not do, or no more of.
const REFUSED: OpenRefusal<'static> =
    OpenRefusal { reason: OpenReason::CONNECT_FAILED, text: Human(b"open failed") };

/// Descriptors of a program without a terminal.
const STANDARD: usize = 3;

/// What a request is about, which says what comes with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Granted with a master.
    Terminal,
    /// Granted with three descriptors, unless the terminal was.
    Program,
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
#[derive(Default)]
pub(super) struct Sessions {
    /// The session process, from the login on.
    session: Option<Courier>,
    most: usize,
    open: BTreeMap<u32, Open>,
    asked: VecDeque<Asked>,
    /// A request was refused that nobody has told the log of.
    refused: bool,
}

impl Sessions {
    /// The user is in, and this is their process.
    pub(super) fn begin(&mut self, link: Link, most: u32) -> Result<&mut Courier, LinkError> {
        self.most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(self.session.insert(Courier::new(link)?))
    }

    /// The link, to be flushed.
    pub(super) fn courier(&mut self) -> Option<&mut Courier> {
        self.session.as_mut()
    }

    /// Whether a request was refused since the last time, because it was too long or too many waited.
    pub(super) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Answers the peer's wish for a channel. Says what the log should say of it.
    pub(super) fn open(
        &mut self,
        io: &mut Io<'_, Server>,
        channel: LocalId,
        kind: ChannelType<'_>,
        ticket: Ticket<OpenChannel>,
    ) -> Option<(Level, String)> {
        let (answer, log) = match kind {
            ChannelType::Session if self.open.len() < self.most => (Ok(Grant::default()), None),
            ChannelType::Session => (Err(REFUSED), Some((Level::Error, "no more sessions".to_owned()))),
            ChannelType::DirectTcpip { host, port, originator, originator_port } => {
                let from = format!("originator {originator} port {originator_port}");
                let line = format!("refused local port forward: {from}, target {host} port {port}");
                (Err(OpenRefusal::PROHIBITED), Some((Level::Info, line)))
            }
            other => {
                let line = format!("server_input_channel_open: failure {}", other.name());
                (Err(REFUSED), Some((Level::Debug1, line)))
            }
        };
        if answer.is_ok() {
            let open = Open { channel, master: None, size: None, program: Program::None, closed: false };
            self.open.insert(channel.number(), open);
            io.hold(channel);
        }
        // A question is answered once, with what it can be answered with.
        let _ = io.connection().answer(ticket, answer);
        log
    }

    /// Deals with a request on a channel; `ticket` is there when the peer waits for the reply.
    pub(super) fn request(
        &mut self,
        io: &mut Io<'_, Server>,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        ticket: Option<Ticket<ReplyToRequest>>,
    ) -> Result<(), LinkError> {
        let session = channel.number();
        let Some(open) = self.open.get_mut(&session) else {
            reply(io, ticket, false);
            return Ok(());
        };
        match *request {
            ChannelRequest::Env { name, value } => {
                self.forward(io, session, What::Other, &Env { session, name, value }, ticket)
            }
            ChannelRequest::PtyReq { term, size, modes } => {
                let TerminalSize { columns, rows, width, height } = size;
                let modes = Bytes(modes.as_bytes());
                let message = Pty { session, term, columns, rows, width, height, modes };
                self.forward(io, session, What::Terminal, &message, ticket)
            }
            ChannelRequest::Shell => self.forward(io, session, What::Program, &Shell { session }, ticket),
            ChannelRequest::Exec { command } => {
                self.forward(io, session, What::Program, &Exec { session, command }, ticket)
            }
            ChannelRequest::Subsystem { name } => {
                self.forward(io, session, What::Program, &Subsystem { session, name }, ticket)
            }
            ChannelRequest::Signal { signal } => {
                let name = Name::new(signal.name())?;
                self.forward(io, session, What::Other, &Signal { session, name }, ticket)
            }
            ChannelRequest::Break { milliseconds } => {
                self.forward(io, session, What::Other, &Break { session, milliseconds }, ticket)
            }
            ChannelRequest::WindowChange { size } => {
                let size = window_size(size);
                let fd = io.terminal(channel);
                match (fd, &open.master) {
                    (Some(fd), _) => drop(resize(fd, size)),
                    (None, Some(master)) => drop(resize(master, size)),
                    (None, None) => open.size = Some(size),
                }
                reply(io, ticket, true);
                Ok(())
            }
            _ => {
                reply(io, ticket, false);
                Ok(())
            }
        }
    }

    /// Hands a request on. One for which there is no room is refused.
    fn forward(
        &mut self,
        io: &mut Io<'_, Server>,
        session: u32,
        what: What,
        message: &impl Message,
        ticket: Option<Ticket<ReplyToRequest>>,
    ) -> Result<(), LinkError> {
        let asked = self.asked.len();
        match self.session.as_mut().filter(|link| asked < UNANSWERED && link.takes(message)) {
            Some(link) => {
                link.send(message)?;
                self.asked.push_back(Asked { session, what, ticket });
            }
            None => {
                self.refused = true;
                reply(io, ticket, false);
            }
        }
        Ok(())
    }

    /// The peer has closed a channel. It is still told how its program ends: a client closes as soon as both sides have no more data,
    /// and that may be before anybody has noticed the end.
    pub(super) fn closed(&mut self, io: &mut Io<'_, Server>, channel: LocalId) -> Result<(), LinkError> {
        match self.open.get_mut(&channel.number()) {
            Some(open) => {
                open.closed = true;
                self.finish(io, channel.number())
            }
            None => Ok(()),
        }
    }

    /// Gives a session up when the peer has closed it and no program of it runs or is about to.
    fn finish(&mut self, io: &mut Io<'_, Server>, session: u32) -> Result<(), LinkError> {
        let starts = |asked: &Asked| asked.session == session && asked.what == What::Program;
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
        let _ = io.connection().close(channel);
        self.session.as_mut().map_or(Ok(()), |link| link.send(&Closed { session }))
    }

    /// Takes the next message of the session process, if it has one now. Says whether it had.
    pub(super) fn receive(&mut self, io: &mut Io<'_, Server>) -> Result<bool, LinkError> {
        let expected = self.asked.front().map_or(0, |asked| match asked.what {
            What::Terminal => 1,
            What::Program => STANDARD,
            What::Other => 0,
        });
        let Some(link) = &mut self.session else { return Ok(false) };
        let Some(incoming) = link.receive(expected)? else { return Ok(false) };
        let (number, payload, fds) = (incoming.number(), incoming.payload, incoming.fds);
        match number {
            Reply::NUMBER => {
                let Reply { session, good } = Reply::from_payload(payload)?;
                let asked = self.asked.pop_front().filter(|asked| asked.session == session);
                let asked = asked.ok_or_else(|| unexpected("a reply that nobody waits for"))?;
                self.granted(io, &asked, good, fds)?;
                reply(io, asked.ticket, good);
                self.finish(io, session)?;
            }
            _ if !fds.is_empty() => return Err(unexpected("descriptors that nobody asked for")),
            Exited::NUMBER => {
                let Exited { session, status } = Exited::from_payload(payload)?;
                self.ended(io, session, Exit::Status(status))?;
            }
            Signalled::NUMBER => {
                let Signalled { session, name, core, text } = Signalled::from_payload(payload)?;
                let (name, message) = (name.as_str().to_owned(), text.0.to_vec());
                self.ended(io, session, Exit::Signal { name, core_dumped: core, message })?;
            }
            number => return Err(LinkError::Protocol(format!("unexpected message {number}"))),
        }
        Ok(true)
    }

    /// Takes what came with a reply. A channel that was closed in the meantime has no use for it: it is dropped, and the program will
    /// notice.
    fn granted(
        &mut self,
        io: &mut Io<'_, Server>,
        asked: &Asked,
        good: bool,
        fds: Vec<OwnedFd>,
    ) -> Result<(), LinkError> {
        let Some(open) = self.open.get_mut(&asked.session) else { return Ok(()) };
        let mut fds = fds.into_iter();
        let came = (fds.next(), fds.next(), fds.next());
        let attachment = match (asked.what, good, came) {
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
            (What::Program, true, came) if open.program == Program::None => {
                match (open.master.take(), came) {
                    (Some(master), (None, None, None)) => Attachment::terminal(master),
                    (None, (Some(input), Some(output), Some(errors))) => Attachment::new()
                        .sink(Stream::Data, input)
                        .source(Stream::Data, output)
                        .source(Stream::Stderr, errors),
                    _ => return Err(unexpected("other descriptors than a program has")),
                }
            }
            (What::Other, _, (None, None, None)) | (_, false, (None, None, None)) => return Ok(()),
            _ => return Err(unexpected("a reply that does not fit its request")),
        };
        open.program = Program::Running;
        if open.closed { Ok(()) } else { Ok(io.attach(open.channel, attachment)?) }
    }

    /// A program has ended.
    fn ended(&mut self, io: &mut Io<'_, Server>, session: u32, exit: Exit) -> Result<(), LinkError> {
        let open = self.open.get_mut(&session).filter(|open| open.program == Program::Running);
        let open = open.ok_or_else(|| unexpected("the end of a program that does not run"))?;
        open.program = Program::Ended;
        io.exit(open.channel, exit);
        self.finish(io, session)
    }
}

fn unexpected(what: &str) -> LinkError {
    LinkError::Protocol(what.to_owned())
}

/// Answers a request, if the peer waits for it. The channel may be gone.
fn reply(io: &mut Io<'_, Server>, ticket: Option<Ticket<ReplyToRequest>>, good: bool) {
    if let Some(ticket) = ticket {
        let _ = io.connection().answer(ticket, good);
    }
}

/// A size as the kernel has it; what is larger than it can be is as large as it can be.
fn window_size(size: TerminalSize) -> WindowSize {
    let [columns, rows, width, height] = [size.columns, size.rows, size.width, size.height]
        .map(|value| u16::try_from(value).unwrap_or(u16::MAX));
    WindowSize { columns, rows, width, height }
}
