//! The sessions of the connection, by number, and what each request does to them.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use config::value::AcceptEnv;
use sys::signal::Signal;
use sys::spawn::{Child, Ended};
use wire::Name;

use super::account::Account;
use super::agent::AgentSocket;
use super::authority::Authority;
use super::environment::{Facts, Wishes, environment};
use super::forward::{Listeners, Purpose};
use super::limits::{MAX_LINGERING, MAX_TERM};
use super::program::{self, Asked, Launch, Order, Refused, Runs, Started};
use super::prologue::Prologue;
use super::request::Request;
use super::signals;
use super::terminal::Terminal;
use super::user_file::UserFile;
use super::x11::Display;
use crate::log::Level;
use crate::protocol::LinkError;
use crate::protocol::session::{Agent, Env, Pty, X11};
use crate::settings::without_number;

/// All of them.
pub(super) struct Table {
    account: Account,
    /// This very program, which is started again for what OpenSSH does in its own processes.
    program: OwnedFd,
    accepted: AcceptEnv,
    sessions: BTreeMap<u32, Session>,
    /// Programs whose channels were closed before they ended.
    lingering: Vec<Lingering>,
    /// Where programs of all sessions reach the client's agent: the connection has one, as with OpenSSH.
    agent: Option<PathBuf>,
}

/// One of them.
struct Session {
    /// Its number in the log: the smallest that was free.
    id: usize,
    wishes: Wishes,
    terminal: Option<Terminal>,
    display: Option<Display>,
    stage: Stage,
}

/// How far it has come.
enum Stage {
    /// The client may still say how its program is to run.
    Preparing,
    /// The program runs; `protected` says as what no signal reaches it.
    Running { child: Child, protected: Option<&'static str> },
    /// The program has ended, or could not be executed.
    Over,
}

struct Lingering {
    id: usize,
    child: Child,
}

/// What a request leads to.
pub(super) struct Answer {
    pub(super) good: bool,
    pub(super) fds: Vec<OwnedFd>,
    /// How the program ended that could not even be executed.
    pub(super) ended: Option<Ended>,
}

impl Answer {
    fn of(good: bool) -> Self {
        Self { good, fds: Vec::new(), ended: None }
    }
}

/// One for each family of addresses.
const SOCKETS_OF_DISPLAY: usize = 2;

/// The status of a program that could not be executed.
const NOT_EXECUTED: Ended = Ended::Exited(1);

impl Table {
    pub(super) fn new(account: Account, program: OwnedFd) -> Self {
        let accepted = AcceptEnv(account.permit.accept_env.clone());
        let (sessions, lingering) = (BTreeMap::new(), Vec::new());
        Self { account, program, accepted, sessions, lingering, agent: None }
    }

    /// Does what net asks for, as far as the permit and the session's stage allow it; `None` for what has no answer.
    ///
    /// # Errors
    /// When the monitor has gone, or breaks the rules.
    pub(super) fn handle(
        &mut self,
        request: &Request<'_>,
        authority: &mut Authority,
        listeners: &mut Listeners,
    ) -> Result<Option<(u32, Answer)>, LinkError> {
        let (number, answer) = match request {
            Request::Env(env) => (env.session, Answer::of(self.env(env, authority))),
            Request::Pty(pty) => (pty.session, self.pty(pty, authority)?),
            Request::Shell(shell) => (shell.session, self.start(shell.session, Asked::Shell, authority)),
            Request::Exec(exec) => {
                (exec.session, self.start(exec.session, Asked::Exec(exec.command.as_bytes()), authority))
            }
            Request::Subsystem(subsystem) => {
                let asked = Asked::Subsystem(subsystem.name.as_bytes());
                (subsystem.session, self.start(subsystem.session, asked, authority))
            }
            Request::Signal(signal) => {
                (signal.session, Answer::of(self.signal(signal.session, signal.name, authority)))
            }
            Request::Break(line) => (line.session, Answer::of(self.has_terminal(line.session))),
            Request::Agent(agent) => (agent.session, Answer::of(self.agent(agent, authority, listeners))),
            Request::X11(x11) => (x11.session, Answer::of(self.display(x11, authority, listeners))),
            Request::Closed(closed) => {
                listeners.close_session(closed.session);
                self.close(closed.session, authority);
                return Ok(None);
            }
        };
        Ok(Some((number, answer)))
    }

    /// Takes the programs back that have ended, and tells of which open sessions they were.
    pub(super) fn reap(&mut self, authority: &mut Authority) -> Vec<(u32, Ended)> {
        let mut told = Vec::new();
        for (number, session) in &mut self.sessions {
            let Stage::Running { child, .. } = &mut session.stage else { continue };
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(ended)) => {
                    session.end();
                    told.push((*number, ended));
                }
                Err(error) => {
                    // Nobody else reaps in this process; were it so, the client must not wait for ever.
                    authority.log(Level::Error, format_args!("waitpid: {}", without_number(&error)));
                    session.end();
                    told.push((*number, NOT_EXECUTED));
                }
            }
        }
        let account = &self.account;
        self.lingering.retain_mut(|lingering| {
            let runs = matches!(lingering.child.try_wait(), Ok(None));
            if !runs {
                log_close(account, lingering.id, authority);
            }
            runs
        });
        told
    }

    /// The connection has gone, and so have all sessions.
    pub(super) fn end(&mut self, authority: &mut Authority) {
        for session in std::mem::take(&mut self.sessions).values() {
            log_close(&self.account, session.id, authority);
        }
        for lingering in std::mem::take(&mut self.lingering) {
            log_close(&self.account, lingering.id, authority);
        }
    }

    /// The terminals in use, as the title shows them; none is `notty`.
    pub(super) fn terminals(&self) -> String {
        let mut names: Vec<String> = self
            .sessions
            .values()
            .filter_map(|session| session.terminal.as_ref())
            .map(Terminal::name)
            .collect();
        if names.is_empty() {
            names.push("notty".into());
        }
        names.join(",")
    }

    /// The session of that number; a new one when there is none and the permit has room.
    fn session(&mut self, number: u32, authority: &mut Authority) -> Option<&mut Session> {
        let most = usize::try_from(self.account.permit.sessions).unwrap_or(usize::MAX);
        if !self.sessions.contains_key(&number) && self.sessions.len() >= most {
            authority.log(Level::Error, format_args!("no more sessions: {most} are open"));
            return None;
        }
        let id = self.free_id();
        Some(self.sessions.entry(number).or_insert_with(|| Session {
            id,
            wishes: Wishes::default(),
            terminal: None,
            display: None,
            stage: Stage::Preparing,
        }))
    }

    fn free_id(&self) -> usize {
        let used = |id: &usize| {
            self.sessions.values().any(|session| session.id == *id)
                || self.lingering.iter().any(|lingering| lingering.id == *id)
        };
        (0..usize::MAX).find(|id| !used(id)).unwrap_or_default()
    }

    /// As [`session`](Self::session), when its program has not been started.
    fn preparing(&mut self, number: u32, authority: &mut Authority) -> Option<&mut Session> {
        self.session(number, authority).filter(|session| matches!(session.stage, Stage::Preparing))
    }

    fn env(&mut self, env: &Env<'_>, authority: &mut Authority) -> bool {
        let accepted = self.accepted.clone();
        let Some(session) = self.preparing(env.session, authority) else { return false };
        let index = session.wishes.count();
        match session.wishes.add(&accepted, env.name.as_bytes(), env.value.as_bytes()) {
            Ok(()) => {
                authority.log(Level::Debug2, format_args!("Setting env {index}: {}={}", env.name, env.value));
                true
            }
            Err(denied) => {
                authority.log(Level::Debug2, format_args!("Ignoring env request {}: {denied}", env.name));
                false
            }
        }
    }

    fn pty(&mut self, asked: &Pty<'_>, authority: &mut Authority) -> Result<Answer, LinkError> {
        let permitted = self.account.permit.pty;
        let number = asked.session;
        let Some(session) = self.preparing(number, authority) else { return Ok(Answer::of(false)) };
        if !permitted {
            authority.log(Level::Debug1, "Allocating a pty not permitted for this connection.");
            return Ok(Answer::of(false));
        }
        if session.terminal.is_some() || asked.term.as_bytes().len() > MAX_TERM {
            return Ok(Answer::of(false));
        }
        let Some(pty) = authority.open_pty()? else {
            let id = session.id;
            authority.log(Level::Error, format_args!("session_pty_req: session {id} alloc failed"));
            return Ok(Answer::of(false));
        };
        let (terminal, faults) = Terminal::new(pty.follower, pty.number, asked);
        for fault in faults {
            authority.log(Level::Debug1, fault);
        }
        session.terminal = Some(terminal);
        Ok(Answer { good: true, fds: vec![pty.master.into()], ended: None })
    }

    /// Makes the socket through which programs reach the client's agent.
    fn agent(&mut self, asked: &Agent, authority: &mut Authority, listeners: &mut Listeners) -> bool {
        if self.preparing(asked.session, authority).is_none() {
            return false;
        }
        if !self.account.permit.agent {
            authority.log(Level::Debug1, "session_auth_agent_req: agent forwarding disabled");
            return false;
        }
        if self.agent.is_some() || !listeners.has_room(1) {
            return false;
        }
        match AgentSocket::open(self.account.home_path()) {
            Ok(AgentSocket { listener, file, path }) => {
                listeners.add(listener, Purpose::Agent { standard: asked.standard }, Some(file));
                self.agent = Some(path);
                true
            }
            Err(error) => {
                authority.log(Level::Error, error);
                authority.log(Level::Debug1, "Agent forwarding disabled: couldn't create listener socket");
                false
            }
        }
    }

    /// Makes a display for the programs of a session.
    fn display(&mut self, asked: &X11<'_>, authority: &mut Authority, listeners: &mut Listeners) -> bool {
        let permitted = self.account.permit.x11.clone();
        let Some(session) = self.preparing(asked.session, authority) else { return false };
        if session.display.is_some() {
            let id = session.id;
            authority.log(
                Level::Error,
                format_args!("session_x11_req: session {id}: x11 forwarding already active"),
            );
            return false;
        }
        let Some(displays) = permitted else {
            authority.log(Level::Debug1, "X11 forwarding disabled in server configuration file.");
            return false;
        };
        if displays.xauth.is_empty() || !Path::new(&displays.xauth).exists() {
            authority.log(Level::Debug1, "No xauth program; cannot forward X11.");
            return false;
        }
        if !listeners.has_room(SOCKETS_OF_DISPLAY) {
            return false;
        }
        match Display::open(&displays, asked) {
            Ok((display, sockets)) => {
                session.display = Some(display);
                let purpose = Purpose::X11 { session: asked.session, single: asked.single };
                for socket in sockets {
                    listeners.add(socket, purpose.clone(), None);
                }
                true
            }
            Err(why) => {
                authority.log(Level::Error, why);
                false
            }
        }
    }

    fn start(&mut self, number: u32, asked: Asked<'_>, authority: &mut Authority) -> Answer {
        let crowded = self.lingering.len() >= MAX_LINGERING;
        if self.preparing(number, authority).is_none() {
            return Answer::of(false);
        }
        let Self { account, sessions, program, agent, .. } = self;
        let Some(session) = sessions.get_mut(&number) else { return Answer::of(false) };
        let mut order = match Order::of(asked, &account.permit) {
            Ok(order) => order,
            Err(refused) => {
                log_refusal(account, asked, refused, authority);
                return Answer::of(false);
            }
        };
        if crowded {
            authority
                .log(Level::Error, format_args!("too many programs of closed sessions: {MAX_LINGERING}"));
            return Answer::of(false);
        }
        let place = session.terminal.as_ref().map(|terminal| format!(" on {}", terminal.name()));
        authority.log(
            Level::Verbose,
            format_args!(
                "Starting session: {order}{} for {} from {} port {} id {}",
                place.unwrap_or_default(),
                account.name(),
                account.client_address,
                account.client_port,
                session.id
            ),
        );
        if order.runs == Runs::SftpOnly {
            let (user, address, port) = (account.name(), &account.client_address, account.client_port);
            authority.log(
                Level::Error,
                format_args!("Connection from user {user} {address} port {port}: refusing non-sftp session"),
            );
        }
        let user_file = UserFile::of(account);
        let facts = Facts {
            wishes: Some(&session.wishes),
            user_file: &user_file.variables,
            terminal: session.terminal.as_ref(),
            display: session.display.as_ref().map(|display| display.variable.as_str()),
            agent: agent.as_deref(),
            original_command: order.original,
        };
        let environment = environment(account, &facts);
        order.serve_scp(account.shell_name(), &environment);
        let launch = Launch {
            account,
            environment,
            prologue: Prologue::of(account, order.is_subsystem, session.display.as_ref()),
            own_program: program.as_fd(),
            notices: &user_file.notices,
        };
        match program::start(&order, launch, session.terminal.as_mut()) {
            Ok(Started { child: Some(child), fds }) => {
                session.stage = Stage::Running { child, protected: order.protected() };
                Answer { good: true, fds, ended: None }
            }
            Ok(Started { child: None, fds }) => {
                session.end();
                Answer { good: true, fds, ended: Some(NOT_EXECUTED) }
            }
            Err(failure) => {
                let what = if session.terminal.is_some() { "do_exec_pty" } else { "do_exec_no_pty" };
                let why = without_number(&failure.error);
                authority.log(Level::Error, format_args!("{what}: {}: {why}", failure.step.name()));
                session.end();
                Answer::of(false)
            }
        }
    }

    fn signal(&self, number: u32, name: Name<'_>, authority: &mut Authority) -> bool {
        let name = name.as_str();
        let sent = match self.sessions.get(&number).map(|session| &session.stage) {
            Some(Stage::Running { child, protected }) => deliver(child, *protected, name),
            Some(Stage::Preparing | Stage::Over) | None => Err("no session pid".to_owned()),
        };
        if let Err(why) = &sent {
            authority.log(Level::Error, format_args!("session_signal_req: {why}"));
        }
        sent.is_ok()
    }

    /// A break does nothing on a pseudo-terminal, which takes it all the same (RFC 4335 §3: success where it can be done): Linux's have
    /// no line that could break, and a program with `BRKINT` hears nothing of OpenSSH's `tcsendbreak` either.
    fn has_terminal(&self, number: u32) -> bool {
        self.sessions.get(&number).is_some_and(|session| session.terminal.is_some())
    }

    /// The channel has gone. The terminal hangs up with its master, which is net's; a program without one is left alone: its pipes
    /// are closed, and what it does about that is its own affair.
    fn close(&mut self, number: u32, authority: &mut Authority) {
        let Some(session) = self.sessions.remove(&number) else { return };
        match session.stage {
            Stage::Running { child, .. } => self.lingering.push(Lingering { id: session.id, child }),
            Stage::Preparing | Stage::Over => log_close(&self.account, session.id, authority),
        }
    }
}

impl Session {
    /// The program is no more, and so the terminal is not in use.
    fn end(&mut self) {
        self.stage = Stage::Over;
        self.terminal = None;
    }
}

/// Sends a signal to the program's process group, or says why not.
fn deliver(child: &Child, protected: Option<&str>, name: &str) -> Result<(), String> {
    let signal: Signal = signals::named(name).ok_or_else(|| format!("unsupported signal \"{name}\""))?;
    if let Some(kind) = protected {
        return Err(format!("refusing to send signal {name} to {kind} session"));
    }
    child
        .signal_group(signal)
        .map_err(|error| format!("killpg({}, {}): {}", child.pid(), signal.number(), without_number(&error)))
}

fn log_close(account: &Account, id: usize, authority: &mut Authority) {
    let (user, address, port) = (account.name(), &account.client_address, account.client_port);
    authority
        .log(Level::Verbose, format_args!("Close session: user {user} from {address} port {port} id {id}"));
}

fn log_refusal(account: &Account, asked: Asked<'_>, refused: Refused, authority: &mut Authority) {
    let user = account.name();
    let name = match asked {
        Asked::Subsystem(name) => String::from_utf8_lossy(name),
        Asked::Shell | Asked::Exec(_) => "session".into(),
    };
    match refused {
        Refused::NoSubsystem => authority.log(
            Level::Info,
            format_args!("subsystem request for {name} by user {user} failed, subsystem not found"),
        ),
        Refused::Quotes => authority.log(
            Level::Error,
            format_args!("{name} request by user {user} failed, internal-sftp has invalid quotes"),
        ),
    }
}
