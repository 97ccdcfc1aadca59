//! The loop: connections, signals, children.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use config::Config;
use config::value::MaxStartups;
use crypto::OsRng;
use sys::ids::Pid;
use sys::poll::{Entry, wait};
use sys::process::{Forked, fork};
use sys::signal::{Signal, SignalFd};
use sys::spawn::reap_any;

use super::bind::{self, Socket};
use super::children::Children;
use super::pid_file::PidFile;
use super::{FATAL_STATUS, start, startups};
use crate::log::Logger;
use crate::monitor;
use crate::options::Options;
use crate::peer::Peer;
use crate::server::{Accepted, Server};
use crate::settings::{self, Origin};

/// The process that accepts.
pub(super) struct Listener {
    server: Server,
    options: Options,
    origin: Origin,
    sockets: Vec<Socket>,
    children: Children,
    signals: SignalFd,
    pid_file: Option<PidFile>,
    /// The command line, for the title.
    shown: String,
    exhaustion: Exhaustion,
}

/// Whether descriptors or processes have run out, in which case nobody is accepted for a while: the connections that wait would
/// wake us up again at once, for nothing.
#[derive(Debug, Default)]
struct Exhaustion {
    until: Option<Instant>,
    said: bool,
}

/// How long nobody is accepted then.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that are accepted in a row before signals and children are looked at again.
const IN_A_ROW: usize = 64;

/// Bytes that may wait in the kernel unsent: what is behind them, such as the answer to a key that was pressed, waits for them.
const NOT_SENT: u32 = 128 * 1024;

/// What a client is told that is dropped because of `MaxStartups`.
const DROPPED: &[u8] = b"Not allowed at this time\r\n";

/// What a turn of the loop comes to.
enum Turn {
    /// Another one.
    Again,
    /// This process serves a connection from now on: it is the child, or there are no children.
    Serve(Accepted),
    /// The end of the program.
    End(ExitCode),
}

impl Listener {
    /// Writes the pid file and shows the title; connections wait from now on.
    ///
    /// # Errors
    /// Signals cannot be read; the log is for saying so.
    pub(super) fn new(
        server: Server,
        options: Options,
        origin: Origin,
        sockets: Vec<Socket>,
        shown: String,
    ) -> Result<Self, (Logger, io::Error)> {
        let signals = [Signal::CHLD, Signal::HUP, Signal::TERM, Signal::QUIT, Signal::INT];
        let signals = match SignalFd::new(&signals) {
            Ok(signals) => signals,
            Err(error) => return Err((server.log, error)),
        };
        let (children, exhaustion) = (Children::default(), Exhaustion::default());
        let mut listener =
            Self { server, options, origin, sockets, children, signals, pid_file: None, shown, exhaustion };
        listener.write_pid_file();
        listener.show_title();
        Ok(listener)
    }

    /// The null device.
    pub(super) fn null(&self) -> BorrowedFd<'_> {
        self.server.null.as_fd()
    }

    /// Accepts until a signal ends the program. Returns in every child too, when its connection is over.
    pub(super) fn run(mut self) -> ExitCode {
        loop {
            match self.turn() {
                Ok(Turn::Again) => {}
                Ok(Turn::Serve(accepted)) => return self.serve(accepted),
                Ok(Turn::End(code)) => return code,
                Err(error) => {
                    self.server.log.fatal(format_args!("poll: {error}"));
                    self.remove_pid_file();
                    return FATAL_STATUS.into();
                }
            }
        }
    }

    fn turn(&mut self) -> io::Result<Turn> {
        let ready = self.wait()?;
        if ready.signals
            && let Some(code) = self.signals()?
        {
            return Ok(Turn::End(code));
        }
        let before = self.children.startups();
        for pid in ready.started {
            self.children.started(pid);
        }
        let mut turn = Turn::Again;
        for index in ready.sockets {
            if let Some(accepted) = self.accept(index) {
                turn = Turn::Serve(accepted);
                break;
            }
        }
        if ready.signals || self.children.startups() != before {
            self.show_title();
        }
        Ok(turn)
    }

    fn wait(&mut self) -> io::Result<Ready> {
        let pause = self.exhaustion.until.map(|until| until.saturating_duration_since(Instant::now()));
        let accepts = pause.is_none_or(|pause| pause.is_zero());
        let (pids, mut entries) = self.children.waiting();
        entries.push(Entry::new(self.signals.as_fd(), true, false));
        entries.extend(self.sockets.iter().map(|socket| Entry::new(socket.as_fd(), accepts, false)));
        wait(&mut entries, pause.filter(|_| !accepts))?;
        let mut readable = entries.iter().map(|entry| entry.readable);
        let started =
            pids.into_iter().zip(&mut readable).filter(|(_, ready)| *ready).map(|(pid, _)| pid).collect();
        let signals = readable.next().unwrap_or(false);
        let sockets = readable.enumerate().filter(|(_, ready)| *ready).map(|(index, _)| index).collect();
        if accepts {
            self.exhaustion.until = None;
        }
        Ok(Ready { started, signals, sockets })
    }

    /// Reads the signals that arrived; the program's status when one of them ends it.
    fn signals(&mut self) -> io::Result<Option<ExitCode>> {
        while let Some(arrived) = self.signals.next()? {
            match arrived.signal {
                Signal::CHLD => {
                    while let Some((pid, ended)) = reap_any()? {
                        self.children.ended(pid, ended, &self.server.log);
                    }
                }
                // There is no configuration to read again, and whoever started it has left.
                Signal::HUP if self.options.quick => return Ok(Some(self.terminate(Signal::HUP))),
                Signal::HUP => self.reload(),
                signal => return Ok(Some(self.terminate(signal))),
            }
        }
        Ok(None)
    }

    /// Sessions live on.
    fn terminate(&mut self, signal: Signal) -> ExitCode {
        self.server.log.info(format_args!("Received signal {}; terminating.", signal.number()));
        self.remove_pid_file();
        if signal == Signal::QUIT { FATAL_STATUS.into() } else { ExitCode::SUCCESS }
    }

    /// Reads configuration and keys again, and listens where they say. What cannot be used is said, and then all stays as it is.
    fn reload(&mut self) {
        self.server.log.info("Received SIGHUP; restarting.");
        if self.options.log_file.is_some()
            && let Ok(mut log) = start::early_log(&self.options, &self.origin)
        {
            // By this name there may be another file now: that is how logs are rotated.
            log.set_level(self.server.log.level());
            self.server.log = log;
        }
        let log = &self.server.log;
        let prepared = start::prepare(&self.options, &self.origin, log).ok();
        let bound = prepared.and_then(|prepared| {
            let sockets = bind::bind(prepared.config.global(), &mut self.sockets, log).ok()?;
            Some((prepared, sockets))
        });
        let Some((prepared, sockets)) = bound else {
            log.error("What was configured before stays in use.");
            return;
        };
        self.remove_pid_file();
        self.sockets = sockets;
        self.server.config = prepared.config;
        self.server.host_keys = prepared.host_keys;
        self.server.log.set_level(self.server.config.global().log_level);
        self.write_pid_file();
        self.show_title();
    }

    /// Takes connections of a socket; the one that this process serves, in the child.
    fn accept(&mut self, index: usize) -> Option<Accepted> {
        for _ in 0..IN_A_ROW {
            // The pipe comes first: while there are no descriptors for it, the connection waits instead of being lost.
            let next = io::pipe()
                .and_then(|pipe| Ok((self.sockets.get(index).map(Socket::accept).transpose()?, pipe)));
            match next {
                Ok((stream, pipe)) => {
                    if let Some(accepted) = self.connected(stream?, pipe) {
                        return Some(accepted);
                    }
                }
                Err(error) => {
                    let is_usual = matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::Interrupted
                            | io::ErrorKind::ConnectionAborted
                    );
                    if !is_usual {
                        self.exhausted("accept", &error);
                    }
                    return None;
                }
            }
            if self.exhaustion.until.is_some() {
                return None;
            }
        }
        None
    }

    fn connected(
        &mut self,
        stream: TcpStream,
        (reader, writer): (PipeReader, PipeWriter),
    ) -> Option<Accepted> {
        let peer = Peer::of(&stream);
        if peer.client().is_none() {
            self.server.log.debug("A client had left before it was accepted.");
            return None;
        }
        if self.server.debugging {
            return Some(Accepted { input: stream.into(), output: None, peer, startup: None });
        }
        let limits = &self.server.config.global().max_startups;
        if startups::drops(limits, self.children.startups(), &mut OsRng) {
            self.refuse(stream, &peer);
            return None;
        }
        match fork() {
            // Children are taken back by number, so that there is no descriptor for each of them.
            Ok(Forked::Parent(child)) => {
                self.exhaustion.said = false;
                self.children.add(child.pid(), peer, reader);
                None
            }
            Ok(Forked::Child) => {
                Some(Accepted { input: stream.into(), output: None, peer, startup: Some(writer) })
            }
            Err(error) => {
                self.exhausted("fork", &error);
                None
            }
        }
    }

    fn refuse(&self, mut stream: TcpStream, peer: &Peer) {
        self.server.log.info(format_args!(
            "drop connection #{} from [{}]:{} on [{}]:{} MaxStartups",
            self.children.startups(),
            peer.client_text(),
            peer.client_port(),
            peer.local_text(),
            peer.local_port(),
        ));
        // Nothing was sent yet, so there is room for these few bytes; if not, the client learns less.
        let _ = stream.set_nonblocking(true);
        let _ = stream.write_all(DROPPED);
        let _ = stream.shutdown(Shutdown::Write);
    }

    fn exhausted(&mut self, what: &str, error: &io::Error) {
        if !self.exhaustion.said {
            self.server.log.error(format_args!("{what}: {}", settings::without_number(error)));
        }
        self.exhaustion = Exhaustion { until: Instant::now().checked_add(PAUSE), said: true };
    }

    /// Serves a connection to its end, without anything that is the listener's.
    fn serve(self, accepted: Accepted) -> ExitCode {
        let Self { mut server, sockets, children, signals, .. } = self;
        drop((sockets, children, signals));
        if !server.debugging {
            // A terminal's signals, and whoever ends the listener's group, mean the listener. It cannot fail: we lead no group.
            let _ = sys::process::new_session();
        }
        if let Some(score) = server.oom_score {
            let _ = sys::process::set_oom_score(score);
        }
        tune(&accepted.input, &server.config);
        monitor::run(&mut server, accepted)
    }

    fn show_title(&mut self) {
        let MaxStartups { start, full, .. } = self.server.config.global().max_startups;
        let startups = self.children.startups();
        if let Some(title) = &mut self.server.title {
            title.set(&format!("sshd: {} [listener] {startups} of {start}-{full} startups", self.shown));
        }
    }

    fn write_pid_file(&mut self) {
        let path = self.server.config.global().pid_file.as_ref().filter(|_| !self.server.debugging);
        self.pid_file = path.and_then(|path| PidFile::write(path, &self.server.log));
    }

    fn remove_pid_file(&mut self) {
        if let Some(file) = self.pid_file.take() {
            file.remove();
        }
    }
}

/// What [`Listener::wait`] found.
struct Ready {
    /// Monitors whose user is in, or that have ended.
    started: Vec<Pid>,
    signals: bool,
    /// Sockets, by index.
    sockets: Vec<usize>,
}

/// Small answers leave at once, and a dead peer is noticed if that is configured. On what is no TCP socket there is nothing to set.
pub(super) fn tune(socket: &OwnedFd, config: &Config) {
    let _ = sys::socket::set_nodelay(socket, true);
    let _ = sys::socket::set_keepalive(socket, config.global().tcp_keep_alive);
    let _ = sys::socket::set_notsent_lowat(socket, NOT_SENT);
}
