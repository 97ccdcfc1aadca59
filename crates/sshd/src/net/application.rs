//! What the loop calls, and who of us is concerned.

use std::fmt::Display;

use connection::{Event as ChannelEvent, GlobalRequest};
use proto::{ChannelQuestion, Event, ReplyToGlobal, Server, ServerAuthEvent, ServerQuestion, Ticket};
use reactor::{Application, Ended, Io, TimerId, WatchId};
use sys::title::Title;
use transport::{Directions, Event as TransportEvent, Protection};
use wire::Escaped;

use crate::log::Level;
use crate::protocol::LinkError;

use super::authority::{Admission, Authority, Login, Question};
use super::host_keys::HostKeys;
use super::limits::MESSAGES_PER_TURN;
use super::process::SessionProcess;
use super::words::{self, Subject};

/// The application of one connection.
pub(super) struct Net {
    authority: Authority,
    monitor: Option<WatchId>,
    /// The user's process, from the login on.
    session: Option<(SessionProcess, WatchId)>,
    host_keys: HostKeys,
    subject: Subject,
    title: Option<Title>,
}

impl Net {
    pub(super) fn new(
        authority: Authority,
        host_keys: HostKeys,
        subject: Subject,
        title: Option<Title>,
    ) -> Self {
        let mut net = Self { authority, monitor: None, session: None, host_keys, subject, title };
        net.show("[net]");
        net
    }

    /// Whether the user got in.
    pub(super) fn is_logged_in(&self) -> bool {
        self.subject.logged_in
    }

    /// Says why the connection ended.
    pub(super) fn end(mut self, ended: &Ended) {
        for (level, line) in self.subject.end(ended) {
            self.authority.log_end(level, &line);
        }
        self.authority.finish();
    }

    fn show(&mut self, what: &str) {
        if let Some(title) = &mut self.title {
            title.set(&format!("sshd: {what}"));
        }
    }

    /// Ends the connection when a process that it needs is gone, or is not what it should be.
    fn check<T>(
        &mut self,
        io: &mut Io<'_, Server>,
        who: impl Display,
        done: Result<T, LinkError>,
    ) -> Option<T> {
        match done {
            Ok(value) => return Some(value),
            Err(LinkError::Closed) => self.authority.log(Level::Verbose, format_args!("net: {who} has gone")),
            Err(error) => self.authority.log(Level::Error, format_args!("net: {who}: {error}")),
        }
        io.stop();
        None
    }

    fn ask(&mut self, io: &mut Io<'_, Server>, question: Question) {
        let asked = self.authority.ask(io.connection(), question);
        self.check(io, "monitor", asked);
    }

    fn login(&mut self, io: &mut Io<'_, Server>, user: &str, login: Login) {
        if self.subject.user.is_none() {
            // What follows a colon is a style, and belongs to no account's name.
            let name = user.split(':').next().unwrap_or_default();
            self.subject.user = Some(Escaped(name.as_bytes()).to_string());
        }
        let asked = self.authority.login(io.connection(), user, login);
        self.check(io, "monitor", asked);
    }

    /// Takes what the monitor says.
    fn hear_monitor(&mut self, io: &mut Io<'_, Server>) {
        loop {
            let heard = self.authority.receive(io.connection());
            self.subject.invalid = self.authority.user_is_invalid();
            match self.check(io, "monitor", heard) {
                Some(Some(None)) => {}
                Some(Some(Some(admission))) => self.begin(io, admission),
                Some(None) | None => return,
            }
        }
    }

    /// The user is in: their process takes over.
    fn begin(&mut self, io: &mut Io<'_, Server>, admission: Admission) {
        let Admission { session, max_sessions, timeouts, service_classes, remarks } = admission;
        for remark in remarks.lines() {
            // What there is no room for is not worth waiting.
            let _ = io.connection().debug(remark);
        }
        let (interactive, bulk) = service_classes;
        io.set_service_classes(interactive, bulk);
        let begun = SessionProcess::begin(io, session, max_sessions, timeouts);
        let begun = begun.and_then(|process| {
            let watch = io.watch(&process)?;
            Ok((process, watch))
        });
        self.session = self.check(io, "session", begun);
    }

    /// Has the session process do something, and passes on what it has for the log.
    fn session<T>(
        &mut self,
        io: &mut Io<'_, Server>,
        work: impl FnOnce(&mut SessionProcess, &mut Io<'_, Server>) -> Result<T, LinkError>,
    ) -> Option<T> {
        let (process, _) = self.session.as_mut()?;
        let done = work(process, io);
        for (level, line) in process.take_lines() {
            self.authority.log(level, line);
        }
        self.check(io, "session", done)
    }

    /// Takes what the session process says, some of it at a time.
    fn hear_session(&mut self, io: &mut Io<'_, Server>, watch: WatchId) {
        for _ in 0..MESSAGES_PER_TURN {
            if self.session(io, SessionProcess::receive) != Some(true) {
                return;
            }
        }
        io.again(watch);
    }

    fn transport_event(&mut self, io: &mut Io<'_, Server>, event: &TransportEvent<'_>) {
        match event {
            TransportEvent::Identified => {
                self.subject.identified = true;
                let ident = io.connection().transport().peer_ident();
                let line = ident.map(|ident| Escaped(ident.as_bytes()).to_string()).unwrap_or_default();
                let parts = line.strip_prefix("SSH-").and_then(|parts| parts.split_once('-'));
                let (version, software) = parts.unwrap_or_default();
                let line = format!("Remote protocol version {version}, remote software version {software}");
                self.authority.log(Level::Debug1, line);
            }
            TransportEvent::Agreed(agreed) => {
                for line in words::agreed(agreed) {
                    self.authority.log(Level::Debug1, line);
                }
            }
            TransportEvent::Disconnected { reason, description } => {
                let (level, line) = self.subject.disconnect(*reason, *description);
                self.authority.log(level, line);
            }
            TransportEvent::Debug { message, .. } => {
                self.authority.log(Level::Debug1, format_args!("client says: {message}"));
            }
            TransportEvent::Greeting(_)
            | TransportEvent::KeysChanged { .. }
            | TransportEvent::Extensions
            | TransportEvent::Unimplemented { .. }
            | TransportEvent::Pong { .. } => {}
        }
    }

    fn channel_event(&mut self, io: &mut Io<'_, Server>, event: &ChannelEvent<'_>) {
        match event {
            ChannelEvent::Opened { channel, .. } => {
                self.session(io, |process, io| {
                    process.opened(io, *channel);
                    Ok(())
                });
            }
            ChannelEvent::OpenFailed { channel, reason, text, .. } => {
                self.session(io, |process, io| {
                    process.open_failed(io, *channel, *reason, *text);
                    Ok(())
                });
            }
            ChannelEvent::Closed { channel } => {
                self.session(io, |process, io| process.closed(io, *channel));
            }
            ChannelEvent::Request { channel, request } => {
                self.session(io, |process, io| process.request(io, *channel, request, None));
            }
            ChannelEvent::Global { request } => {
                self.session(io, |process, io| process.global(io, request, None));
            }
            ChannelEvent::Malformed { name, error, .. } => {
                self.authority.log(Level::Debug1, format_args!("refused a malformed {name}: {error}"));
            }
            // No requests are made of the peer, and the loop moves the data.
            _ => {}
        }
    }

    /// Has the monitor prove that host keys are ours.
    fn prove(&mut self, io: &mut Io<'_, Server>, keys: &[u8], ticket: Ticket<ReplyToGlobal>) {
        if self.host_keys.may_prove(keys) {
            self.ask(io, Question::Prove(ticket, keys.to_vec()));
        } else {
            self.authority
                .log(Level::Info, "refused hostkeys-prove-00@openssh.com: not our keys, or too often");
            // Nobody waits for an answer that comes too late.
            let _ = io.connection().answer(ticket, None);
        }
    }

    fn channel_question(&mut self, io: &mut Io<'_, Server>, question: ChannelQuestion<'_>) {
        let question = match question {
            ChannelQuestion::Global { ticket, request: GlobalRequest::HostKeysProve { keys } } => {
                return self.prove(io, keys, ticket);
            }
            other => other,
        };
        self.session(io, |process, io| match question {
            ChannelQuestion::Open { ticket, channel, kind } => process.open(io, channel, kind, ticket),
            ChannelQuestion::Request { ticket, channel, request } => {
                process.request(io, channel, &request, Some(ticket))
            }
            ChannelQuestion::Global { ticket, request } => process.global(io, &request, Some(ticket)),
        });
    }
}

impl Application for Net {
    type Side = Server;

    fn start(&mut self, io: &mut Io<'_, Server>) {
        let watch = io.watch(&*self.authority.courier()).map_err(LinkError::from);
        self.monitor = self.check(io, "monitor", watch);
    }

    fn event(&mut self, io: &mut Io<'_, Server>, event: &Event<'_, Server>) {
        match event {
            Event::Transport(event) => self.transport_event(io, event),
            Event::Auth(ServerAuthEvent::Unasked(why)) => {
                self.authority.log(Level::Debug1, format_args!("userauth request refused: {why:?}"));
            }
            Event::Auth(ServerAuthEvent::Authenticated(_)) => {
                self.subject.logged_in = true;
                let title = format!("{} [net]", self.subject.user.as_deref().unwrap_or_default());
                self.show(&title);
                let agreed = io.connection().transport().agreed();
                let compresses = |direction: &Protection| direction.compression.after_auth;
                if agreed.is_some_and(|agreed| {
                    let Directions { client_to_server, server_to_client } = &agreed.protection;
                    compresses(client_to_server) || compresses(server_to_client)
                }) {
                    self.authority.log(Level::Debug1, "Enabling compression.");
                }
                match self.host_keys.announce(io.connection()) {
                    Ok(true) => {}
                    Ok(false) => self.authority.log(Level::Info, "net: too many host keys to tell of"),
                    Err(error) => {
                        self.authority
                            .log(Level::Debug1, format_args!("net: host keys are not told: {error}"));
                    }
                }
            }
            Event::Channel(event) => self.channel_event(io, event),
        }
    }

    fn question(&mut self, io: &mut Io<'_, Server>, question: ServerQuestion<'_>) {
        match question {
            ServerQuestion::Group { ticket, request } => self.ask(io, Question::Group(ticket, request)),
            ServerQuestion::Sign { ticket, request } => self.ask(io, Question::Sign(ticket, request)),
            ServerQuestion::None { ticket, user } => self.login(io, user.as_str(), Login::None(ticket)),
            ServerQuestion::KeyOffer { ticket, user, algorithm, key } => {
                self.login(io, user.as_str(), Login::KeyOffer(ticket, algorithm, key.0.to_vec()));
            }
            ServerQuestion::KeyProof { ticket, proof } => {
                let user = proof.user().to_owned();
                self.login(io, &user, Login::KeyProof(ticket, proof));
            }
            ServerQuestion::Password { ticket, user, password } => {
                self.login(io, user.as_str(), Login::Password(ticket, password));
            }
            ServerQuestion::PasswordChange { ticket, user, .. } => {
                self.login(io, user.as_str(), Login::PasswordChange(ticket));
            }
            ServerQuestion::Interactive { ticket, user, .. } => {
                self.login(io, user.as_str(), Login::Interactive(ticket));
            }
            // Nobody was asked anything that could be responded to; without an answer it is no.
            ServerQuestion::Responses { .. } => {}
            ServerQuestion::Channel(question) => self.channel_question(io, question),
        }
    }

    fn readable(&mut self, io: &mut Io<'_, Server>, watch: WatchId) {
        if Some(watch) == self.monitor {
            self.hear_monitor(io);
        } else if self.session.as_ref().is_some_and(|(_, theirs)| *theirs == watch) {
            self.hear_session(io, watch);
        }
    }

    fn writable(&mut self, io: &mut Io<'_, Server>, watch: WatchId) {
        if Some(watch) == self.monitor {
            let flushed = self.authority.courier().flush();
            self.check(io, "monitor", flushed);
        } else {
            self.session(io, |process, _| process.flush());
        }
    }

    fn timer(&mut self, io: &mut Io<'_, Server>, timer: TimerId) {
        if self.session(io, |process, io| process.timer(io, timer)) == Some(true) {
            let (level, line) = self.subject.unused();
            self.authority.log(level, line);
            io.stop();
        }
    }
}
