//! The monitor's loop: two links, signals, and the end of everything that it started.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sys::ids::{Pid, Uid};
use sys::poll::{self, Entry};
use sys::signal::{Signal, SignalFd, alarm};
use sys::spawn::{Child, Ended};
use sys::users::Accounts;

use crate::peer::Peer;
use crate::protocol::monitor::From;
use crate::protocol::{Link, LinkError};
use crate::server::Server;

use super::decider::{Decider, Outcome};
use super::limits::{LAST_MESSAGES, MESSAGES_AT_ONCE, NET_LINGERS, SESSION_LINGERS};
use super::login::Authenticated;
use super::start::{self, Started};
use super::{pty, start::StartError};

/// A child, its link while that is of use, and how it ended.
struct Kid {
    child: Child,
    link: Option<Link>,
    ended: Option<Ended>,
    /// We ended it ourselves, which is nothing to talk about.
    killed: bool,
}

impl Kid {
    fn new(started: Started) -> Self {
        Self { child: started.child, link: Some(started.link), ended: None, killed: false }
    }

    /// Whether it has ended, or said that it will.
    fn is_leaving(&self) -> bool {
        self.ended.is_some() || self.link.is_none()
    }

    fn kill(&mut self) {
        self.killed = true;
        // What cannot be signalled has ended.
        let _ = self.child.signal(Signal::KILL);
    }

    /// Asks whether it has ended; the first yes is told.
    fn reap(&mut self) -> Option<Ended> {
        if self.ended.is_some() {
            return None;
        }
        match self.child.try_wait() {
            Ok(ended) => self.ended = ended,
            // Somebody else took it: it is no more.
            Err(_) => self.ended = Some(Ended::Exited(LOST)),
        }
        self.ended
    }
}

/// The status of those who went wrong, as of OpenSSH's processes.
const LOST: i32 = 255;

/// One connection, from the start of net to the end of both children.
pub(super) struct Watch<'a> {
    server: &'a mut Server,
    peer: Peer,
    decider: Decider,
    accounts: Accounts,
    signals: SignalFd,
    startup: Option<std::io::PipeWriter>,
    net: Kid,
    session: Option<Kid>,
    /// Whose terminals the session may have.
    terminals_of: Option<Uid>,
    /// When children that are still there are killed.
    deadline: Option<Instant>,
}

/// Why the monitor goes no further with a child.
enum Fault {
    Link(LinkError),
    Violation(super::violation::Violation),
    Start(StartError),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        server: &'a mut Server,
        peer: Peer,
        signals: SignalFd,
        startup: Option<std::io::PipeWriter>,
        net: Started,
    ) -> Self {
        let decider = Decider::new(peer, Accounts::default(), Uid::effective());
        let (accounts, net) = (Accounts::default(), Kid::new(net));
        Self {
            server,
            peer,
            decider,
            accounts,
            signals,
            startup,
            net,
            session: None,
            terminals_of: None,
            deadline: None,
        }
    }

    /// Serves both children until they have ended.
    pub(super) fn run(mut self) -> ExitCode {
        while self.net.ended.is_none() || self.session.as_ref().is_some_and(|session| session.ended.is_none())
        {
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                self.kill_all();
                break;
            }
            if let Err(error) = self.turn(left) {
                self.server.log.fatal(format_args!("monitor: {error}"));
                self.kill_all();
                break;
            }
        }
        for kid in std::iter::once(&mut self.net).chain(self.session.as_mut()) {
            if kid.ended.is_none() {
                kid.ended = kid.child.wait().ok();
            }
        }
        match self.net.ended {
            Some(Ended::Exited(status)) => ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)),
            Some(Ended::Killed { .. }) | None => ExitCode::from(u8::MAX),
        }
    }

    /// Waits once, and does what there is to be done.
    fn turn(&mut self, timeout: Option<Duration>) -> std::io::Result<()> {
        let session = self.session.as_ref().and_then(|session| session.link.as_ref());
        let links = [(From::Net, self.net.link.as_ref()), (From::Session, session)];
        let mut entries = vec![Entry::new(self.signals.as_fd(), true, false)];
        let mut sources = Vec::new();
        for (from, link) in links {
            if let Some(link) = link {
                entries.push(Entry::new(link.as_fd(), true, false));
                sources.push(from);
            }
        }
        poll::wait(&mut entries, timeout)?;
        let readable: Vec<bool> = entries.iter().map(|entry| entry.readable).collect();
        let ready = sources.into_iter().zip(readable.iter().skip(1)).filter(|(_, readable)| **readable);
        // First what they have said, then that they are gone.
        for (from, _) in ready {
            self.listen(from, MESSAGES_AT_ONCE);
        }
        if readable.first() == Some(&true) {
            while let Some(arrived) = self.signals.next()? {
                self.signal(arrived.signal);
            }
        }
        self.see_who_leaves();
        Ok(())
    }

    fn kid(&mut self, from: From) -> Option<&mut Kid> {
        match from {
            From::Net => Some(&mut self.net),
            From::Session => self.session.as_mut(),
            From::Monitor => None,
        }
    }

    /// Takes the messages that are there, so many at most.
    fn listen(&mut self, from: From, most: u32) {
        for _ in 0..most {
            // Out of its place, so that the link's buffer is not borrowed from all of us.
            let Some(mut link) = self.kid(from).and_then(|kid| kid.link.take()) else { return };
            match self.message(from, &mut link) {
                Ok(()) => self.put_back(from, link),
                Err(Fault::Link(error)) if error.would_block() => return self.put_back(from, link),
                Err(fault) => return self.give_up(from, fault),
            }
        }
    }

    fn put_back(&mut self, from: From, link: Link) {
        if let Some(kid) = self.kid(from) {
            kid.link = Some(link);
        }
    }

    fn message(&mut self, from: From, link: &mut Link) -> Result<(), Fault> {
        let incoming = link.receive(0).map_err(Fault::Link)?;
        let outcome = self.decider.handle(self.server, from, incoming.payload).map_err(Fault::Violation)?;
        match outcome {
            Outcome::Nothing => Ok(()),
            Outcome::Answer(answer) => link.send_encoded(&answer, &[]).map_err(unread),
            Outcome::LogIn(authenticated) => self.log_in(link, &authenticated).map_err(Fault::Start),
            Outcome::OpenPty => {
                pty::open(link, self.terminals_of, &self.accounts, &self.server.log).map_err(unread)
            }
        }
    }

    fn log_in(&mut self, net: &Link, authenticated: &Authenticated) -> Result<(), StartError> {
        // The grace time is over. From here on it must not end a user who is in.
        let _ = alarm(0);
        let started = start::session(self.server, &self.peer, net, authenticated)?;
        started.link.set_nonblocking()?;
        self.server.log.verbose(format_args!("User child is on pid {}", started.child.pid()));
        self.session = Some(Kid::new(started));
        let root = Uid::effective() == Uid::ROOT;
        self.terminals_of = Some(authenticated.user.uid).filter(|_| root && authenticated.permit.pty);
        // The connection no longer counts as one that has to log in.
        self.startup = None;
        Ok(())
    }

    /// The child is not listened to any more. One that misbehaved is ended.
    fn give_up(&mut self, from: From, fault: Fault) {
        let name = name(from);
        let peer = format!("{} port {}", self.peer.client_text(), self.peer.client_port());
        match fault {
            Fault::Link(LinkError::Closed) => return,
            Fault::Link(error) => self.server.log.fatal(format_args!("{name} of {peer}: {error}")),
            Fault::Violation(violation) => {
                self.server.log.fatal(format_args!("{name} of {peer}: {violation}"))
            }
            // In OpenSSH's words alone.
            Fault::Start(error @ StartError::Chroot(_)) => self.server.log.fatal(error),
            Fault::Start(error) => {
                self.server.log.fatal(format_args!("session of {peer} could not be started: {error}"));
            }
        }
        if let Some(kid) = self.kid(from) {
            kid.kill();
        }
    }

    fn signal(&mut self, signal: Signal) {
        if signal != Signal::CHLD {
            self.server.log.debug(format_args!("monitor: got {signal:?}"));
            self.kill_all();
            return;
        }
        for from in [From::Net, From::Session] {
            let Some(kid) = self.kid(from) else { continue };
            let Some(ended) = kid.reap() else { continue };
            let (pid, killed) = (kid.child.pid(), kid.killed);
            // What it said last may still lie there.
            self.listen(from, LAST_MESSAGES);
            self.report(from, pid, ended, killed);
        }
    }

    fn report(&self, from: From, pid: Pid, ended: Ended, killed: bool) {
        let (name, log) = (name(from), &self.server.log);
        let (address, port) = (self.peer.client_text(), self.peer.client_port());
        match ended {
            Ended::Killed { signal, .. } if !killed => {
                let number = signal.number();
                log.error(format_args!(
                    "{name} (pid {pid}) of connection from {address} port {port} terminated by signal {number}"
                ));
            }
            Ended::Killed { .. } | Ended::Exited(_) => {
                log.debug(format_args!("{name} (pid {pid}) ended: {ended:?}"));
            }
        }
    }

    /// When one is leaving, the other one has some time to do so too.
    fn see_who_leaves(&mut self) {
        let lingers = match &self.session {
            _ if self.net.is_leaving() => SESSION_LINGERS,
            Some(session) if session.is_leaving() => NET_LINGERS,
            Some(_) | None => return,
        };
        if self.deadline.is_none() {
            self.deadline = Instant::now().checked_add(lingers);
        }
    }

    fn kill_all(&mut self) {
        self.net.kill();
        if let Some(session) = &mut self.session {
            session.kill();
        }
    }
}

/// A child that asks and does not read the answers is no child of ours.
fn unread(error: LinkError) -> Fault {
    if error.would_block() {
        Fault::Link(LinkError::Protocol("answers are not read".to_owned()))
    } else {
        Fault::Link(error)
    }
}

fn name(from: From) -> &'static str {
    match from {
        From::Net => "net process",
        From::Session => "session process",
        From::Monitor => "monitor",
    }
}
