//! Monitor and net, played by a test for a session process of its own.

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use sys::ids::{Pid, Uid};
use sys::poll::{Entry, wait};
use sys::pty::Pty;
use sys::seqpacket::SeqPacket;
use sys::spawn::{Child, Command, Ended, Program};
use wire::{Encode, Reader, put_string};

/// Long after everything that works has happened.
const LATE: Duration = Duration::from_secs(30);

/// A host and a port of `PermitOpen` or `PermitListen`, or any.
pub(crate) type Place = (Option<&'static str>, Option<u32>);

/// What a session may do and for whom it is.
pub(crate) struct Setup {
    pub(crate) sessions: u32,
    pub(crate) pty: bool,
    pub(crate) forced: Option<&'static str>,
    pub(crate) accept_env: Vec<&'static str>,
    pub(crate) set_env: Vec<(&'static str, &'static str)>,
    pub(crate) key_env: Vec<(&'static str, &'static str)>,
    pub(crate) user_env: Vec<&'static str>,
    pub(crate) user_rc: bool,
    pub(crate) subsystems: Vec<(&'static str, &'static str)>,
    /// Local and remote forwarding of TCP connections, and of Unix sockets.
    pub(crate) tcp: [bool; 2],
    pub(crate) streamlocal: [bool; 2],
    /// `PermitOpen` and `PermitListen`.
    pub(crate) open: Vec<Vec<Place>>,
    pub(crate) listen: Vec<Vec<Place>>,
    /// `GatewayPorts`: no, yes, as the client says.
    pub(crate) gateway_ports: u32,
    pub(crate) streamlocal_mask: u32,
    pub(crate) streamlocal_unlink: bool,
    pub(crate) agent: bool,
    /// The first display, whether for this host only, and `xauth`.
    pub(crate) x11: Option<(u32, bool, String)>,
    pub(crate) home: String,
    pub(crate) shell: &'static str,
    pub(crate) own_ptys: bool,
    pub(crate) chrooted: bool,
    pub(crate) level: u8,
}

pub(crate) const INFO: u8 = 3;
pub(crate) const VERBOSE: u8 = 4;
pub(crate) const DEBUG1: u8 = 5;

impl Default for Setup {
    fn default() -> Self {
        Self {
            sessions: 10,
            pty: true,
            forced: None,
            accept_env: vec![],
            set_env: vec![],
            key_env: vec![],
            user_env: vec![],
            user_rc: false,
            subsystems: vec![],
            tcp: [false; 2],
            streamlocal: [false; 2],
            open: vec![],
            listen: vec![],
            gateway_ports: 0,
            streamlocal_mask: 0o177,
            streamlocal_unlink: false,
            agent: false,
            x11: None,
            home: "/".into(),
            shell: "/bin/sh",
            own_ptys: true,
            chrooted: false,
            level: INFO,
        }
    }
}

fn joined(items: impl IntoIterator<Item = &'static str>) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        put_string(&mut out, item.as_bytes());
    }
    out
}

impl Setup {
    fn permit(&self) -> Vec<u8> {
        let pairs = |pairs: &[(&'static str, &'static str)]| {
            joined(pairs.iter().flat_map(|(name, value)| [*name, *value]).collect::<Vec<_>>())
        };
        let lists = |lists: &[Vec<Place>]| {
            let mut out = Vec::new();
            for places in lists {
                let mut list = Vec::new();
                (places.len() as u32).encode(&mut list);
                for (host, port) in places {
                    host.is_some().encode(&mut list);
                    put_string(&mut list, host.unwrap_or_default().as_bytes());
                    port.is_some().encode(&mut list);
                    port.unwrap_or_default().encode(&mut list);
                }
                put_string(&mut out, &list);
            }
            out
        };
        let mut out = Vec::new();
        self.sessions.encode(&mut out);
        let by_key = false;
        for allowed in [
            self.pty,
            self.forced.is_some(),
            by_key,
            self.user_rc,
            self.tcp[0],
            self.tcp[1],
            self.streamlocal[0],
            self.streamlocal[1],
            self.streamlocal_unlink,
            self.agent,
            self.x11.is_some(),
        ] {
            allowed.encode(&mut out);
        }
        put_string(&mut out, self.forced.unwrap_or_default().as_bytes());
        put_string(&mut out, &joined(self.accept_env.iter().copied()));
        put_string(&mut out, &joined(self.user_env.iter().copied()));
        for list in [&self.set_env, &self.key_env, &self.subsystems] {
            put_string(&mut out, &pairs(list));
        }
        put_string(&mut out, &lists(&self.open));
        put_string(&mut out, &lists(&self.listen));
        self.gateway_ports.encode(&mut out);
        self.streamlocal_mask.encode(&mut out);
        let (offset, localhost, xauth) = self.x11.clone().unwrap_or_default();
        offset.encode(&mut out);
        localhost.encode(&mut out);
        put_string(&mut out, xauth.as_bytes());
        out
    }

    /// `SessionStart` of the monitor's protocol.
    fn message(&self) -> Vec<u8> {
        let mut out = vec![12];
        (Pid::own().0 as u32).encode(&mut out);
        put_string(&mut out, b"alice");
        Uid::effective().0.encode(&mut out);
        put_string(&mut out, self.home.as_bytes());
        put_string(&mut out, self.shell.as_bytes());
        put_string(&mut out, b"192.0.2.1");
        4711_u32.encode(&mut out);
        put_string(&mut out, b"192.0.2.2");
        22_u32.encode(&mut out);
        put_string(&mut out, &self.permit());
        self.own_ptys.encode(&mut out);
        self.chrooted.encode(&mut out);
        self.level.encode(&mut out);
        out
    }

    pub(crate) fn start(self) -> Session {
        let program = File::open(env!("CARGO_BIN_EXE_sshd")).unwrap();
        let null = sys::fd::null().unwrap();
        let (monitor, its_monitor) = SeqPacket::pair().unwrap();
        let (net, its_net) = SeqPacket::pair().unwrap();
        let text = |text: &str| CString::new(text).unwrap();
        let standard = [null.as_fd(), null.as_fd(), null.as_fd()];
        let mut command = Command::new(Program::Open(program.as_fd()), text("sshd:"), standard);
        command.arguments.extend([text("--role=session"), text(&" ".repeat(250))]);
        command.descriptors.extend([its_monitor.as_fd(), program.as_fd()]);
        let child = command.spawn().unwrap();
        monitor.send(&self.message(), &[its_net.as_fd()]).unwrap();
        Session { child, monitor: Some(monitor), net: Some(net), waiting: VecDeque::new() }
    }
}

/// What a session says to net.
#[derive(Debug)]
pub(crate) enum Said {
    Reply {
        session: u32,
        good: bool,
        fds: Vec<OwnedFd>,
    },
    Exited {
        session: u32,
        status: u32,
    },
    Signalled {
        session: u32,
        name: String,
        core: bool,
    },
    /// What is said of the connection as a whole: a message by its number and its payload behind that.
    Connection {
        number: u8,
        payload: Vec<u8>,
        fds: Vec<OwnedFd>,
    },
}

/// A session process, seen from both of those that it talks to.
pub(crate) struct Session {
    pub(crate) child: Child,
    pub(crate) monitor: Option<SeqPacket>,
    pub(crate) net: Option<SeqPacket>,
    /// What was said before the reply that was waited for.
    waiting: VecDeque<Said>,
}

/// Requests of net, by their numbers in the protocol.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    Env(&'a str, &'a str),
    Pty,
    Shell,
    Exec(&'a str),
    Subsystem(&'a str),
    Signal(&'a str),
    Break,
    Agent { standard: bool },
    X11 { single: bool, protocol: &'a str, cookie: &'a str },
}

pub(crate) fn is_ready(fd: impl AsFd, timeout: Duration) -> bool {
    wait(&mut [Entry::new(fd.as_fd(), true, false)], Some(timeout)).unwrap() == 1
}

fn receive(socket: &SeqPacket) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
    assert!(is_ready(socket, LATE), "nothing is said");
    let mut buffer = vec![0; 64 * 1024];
    // One that has gone with something unread resets the connection.
    let received = socket.receive(&mut buffer, 8).ok().flatten()?;
    buffer.truncate(received.len);
    Some((buffer, received.fds))
}

impl Session {
    pub(crate) fn send(&self, payload: &[u8]) {
        self.net.as_ref().unwrap().send(payload, &[]).unwrap();
    }

    pub(crate) fn request(&self, session: u32, ask: Ask<'_>) {
        let mut out = Vec::new();
        let strings = |number: u8, strings: &[&str], out: &mut Vec<u8>| {
            out.push(number);
            session.encode(out);
            for string in strings {
                put_string(out, string.as_bytes());
            }
        };
        match ask {
            Ask::Env(name, value) => strings(1, &[name, value], &mut out),
            Ask::Pty => {
                strings(2, &["xterm"], &mut out);
                for number in [80_u32, 24, 0, 0] {
                    number.encode(&mut out);
                }
                put_string(&mut out, &[0]);
            }
            Ask::Shell => strings(3, &[], &mut out),
            Ask::Exec(command) => strings(4, &[command], &mut out),
            Ask::Subsystem(name) => strings(5, &[name], &mut out),
            Ask::Signal(name) => strings(6, &[name], &mut out),
            Ask::Break => {
                strings(7, &[], &mut out);
                500_u32.encode(&mut out);
            }
            Ask::Agent { standard } => {
                strings(15, &[], &mut out);
                standard.encode(&mut out);
            }
            Ask::X11 { single, protocol, cookie } => {
                strings(16, &[], &mut out);
                single.encode(&mut out);
                put_string(&mut out, protocol.as_bytes());
                put_string(&mut out, cookie.as_bytes());
                0_u32.encode(&mut out);
            }
        }
        self.send(&out);
    }

    pub(crate) fn close(&self, session: u32) {
        let mut out = vec![8];
        session.encode(&mut out);
        self.send(&out);
    }

    /// What it says next; `None` when it has gone.
    fn next(&mut self) -> Option<Said> {
        let (payload, fds) = receive(self.net.as_ref().unwrap())?;
        let mut input = Reader::new(&payload[1..]);
        if payload[0] > 22 {
            return Some(Said::Connection { number: payload[0], payload: payload[1..].to_vec(), fds });
        }
        let session = input.u32().unwrap();
        Some(match payload[0] {
            20 => Said::Reply { session, good: input.u8().unwrap() == 1, fds },
            21 => Said::Exited { session, status: input.u32().unwrap() },
            22 => {
                let name = String::from_utf8(input.string().unwrap().to_vec()).unwrap();
                Said::Signalled { session, name, core: input.u8().unwrap() == 1 }
            }
            other => panic!("message {other}"),
        })
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.waiting.is_empty() && self.next().is_none()
    }

    /// Asks, and waits for the reply: the descriptors when it is granted.
    pub(crate) fn ask(&mut self, session: u32, ask: Ask<'_>) -> Option<Vec<OwnedFd>> {
        self.request(session, ask);
        self.reply(session)
    }

    pub(crate) fn reply(&mut self, number: u32) -> Option<Vec<OwnedFd>> {
        loop {
            match self.next().expect("the session has gone") {
                Said::Reply { session, good, fds } => {
                    assert_eq!(session, number);
                    assert!(good || fds.is_empty());
                    return good.then_some(fds);
                }
                said => self.waiting.push_back(said),
            }
        }
    }

    /// How a program ended: which session's, and status or signal.
    pub(crate) fn ended(&mut self) -> (u32, Result<u32, String>) {
        let said = self.waiting.pop_front().unwrap_or_else(|| self.next().expect("the session has gone"));
        match said {
            Said::Exited { session, status } => (session, Ok(status)),
            Said::Signalled { session, name, core } => {
                (session, Err(if core { name + " core" } else { name }))
            }
            said @ (Said::Reply { .. } | Said::Connection { .. }) => panic!("{said:?}"),
        }
    }

    /// What is said next of the connection as a whole: its number and its payload behind that, and its descriptors.
    pub(crate) fn connection(&mut self) -> (u8, Vec<u8>, Vec<OwnedFd>) {
        loop {
            let old = self.waiting.iter().position(|said| matches!(said, Said::Connection { .. }));
            let said = match old {
                Some(at) => self.waiting.remove(at).unwrap(),
                None => self.next().expect("the session has gone"),
            };
            match said {
                Said::Connection { number, payload, fds } => return (number, payload, fds),
                said => self.waiting.push_back(said),
            }
        }
    }

    /// Runs a command without a terminal: what it wrote to output and errors, and how it ended.
    pub(crate) fn run(&mut self, session: u32, command: &str) -> (String, String, Result<u32, String>) {
        let fds = self.ask(session, Ask::Exec(command)).expect("refused");
        let (output, errors) = outputs(fds);
        let (number, ended) = self.ended();
        assert_eq!(number, session);
        (output, errors, ended)
    }

    /// Takes the next request of the monitor's side that is no line of the log.
    pub(crate) fn answer_pty(&self, pty: Option<&Pty>) {
        let monitor = self.monitor.as_ref().unwrap();
        loop {
            let (payload, _) = receive(monitor).unwrap();
            if payload[0] == 13 {
                break;
            }
        }
        let mut out = vec![14];
        pty.is_some().encode(&mut out);
        pty.map_or(0, |pty| pty.number).encode(&mut out);
        let fds: Vec<_> = pty.iter().flat_map(|pty| [pty.master.as_fd(), pty.follower.as_fd()]).collect();
        monitor.send(&out, &fds).unwrap();
    }

    /// The next line for the log; `None` when the session has gone.
    pub(crate) fn line(&self) -> Option<String> {
        let (payload, _) = receive(self.monitor.as_ref().unwrap())?;
        assert_eq!(payload[0], 15, "no line");
        let mut input = Reader::new(&payload[2..]);
        Some(String::from_utf8(input.string().unwrap().to_vec()).unwrap())
    }

    pub(crate) fn title(&self) -> String {
        let shown = std::fs::read(format!("/proc/{}/cmdline", self.child.pid())).unwrap();
        String::from_utf8(shown.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
    }

    /// Ends as when net has gone, and tells how.
    pub(crate) fn hang_up(mut self) -> Ended {
        self.net = None;
        self.child.wait().unwrap()
    }
}

/// Everything that still comes, to its end: of a terminal that is an error.
pub(crate) fn rest(mut file: &File) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        assert!(is_ready(file, LATE), "no end comes");
        match file.read(&mut buffer) {
            Ok(len @ 1..) => all.extend_from_slice(&buffer[..len]),
            Ok(0) | Err(_) => return all,
        }
    }
}

/// Reads to their ends what a program without a terminal writes; its input is closed.
pub(crate) fn outputs(fds: Vec<OwnedFd>) -> (String, String) {
    let [input, output, errors]: [OwnedFd; 3] = fds.try_into().unwrap();
    drop(input);
    let all = |fd: OwnedFd| String::from_utf8(rest(&File::from(fd))).unwrap();
    (all(output), all(errors))
}

/// A fifo, through which a program tells something after the session has gone.
pub(crate) struct Fifo {
    pub(crate) path: String,
    file: File,
}

impl Fifo {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nacre-session-{}-{name}", Pid::own()));
        let _ = std::fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let file = File::options().read(true).write(true).open(&path).unwrap();
        Self { path: String::from_utf8(path.as_os_str().as_bytes().to_vec()).unwrap(), file }
    }

    pub(crate) fn word(&self) -> String {
        assert!(is_ready(&self.file, LATE), "nothing is told");
        let mut buffer = [0; 64];
        let len = (&self.file).read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned()
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
