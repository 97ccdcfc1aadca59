//! The application of net between a client, and a monitor and a session that do what a test says.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use connection::{
    ChannelRequest, ChannelType, Event as ChannelEvent, Grant, LocalId, TerminalModes, TerminalSize,
};
use crypto::OsRng;
use keys::{PrivateKey, SIGNATURES, Secret};
use proto::{Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event, Server};
use reactor::{Application, Driver, Ended, Io, Reactor, WatchId};
use transport::{Ident, Reason};
use userauth::client::Credential;
use userauth::{Method, Methods};
use wire::{Bytes, Human, Message, Name, NameList, NulFree, Role, row};

use crate::log::Level;
use crate::protocol::monitor::{Admitted, Log, MONITOR, Password, Signed, User, UserPolicy, Verdict};
use crate::protocol::session::{Exec, Exited, From, Pty, Reply, SESSION, Shell, Signalled};
use crate::protocol::{Link, LinkError};

use super::application::Net;
use super::authority::Authority;
use super::words::Subject;

/// What a test does with the connection of a client that is in, and with each event of a channel; it says when it is done.
type Script = Box<dyn FnMut(&mut Connection<Client>, &ChannelEvent<'_>) -> bool + Send>;

/// What it does first.
type Begin = Box<dyn FnOnce(&mut Connection<Client>) + Send>;

/// A client that logs in by password and then does what a test says.
struct Caller {
    begin: Option<Begin>,
    script: Script,
    passwords: Vec<&'static str>,
    log: Vec<String>,
}

impl Application for Caller {
    type Side = Client;

    fn event(&mut self, io: &mut Io<'_, Client>, event: &Event<'_, Client>) {
        match event {
            Event::Auth(ClientAuthEvent::LoggedIn(_)) => {
                self.log.push("in".to_owned());
                (self.begin.take().unwrap())(io.connection());
            }
            Event::Auth(ClientAuthEvent::Banner(text)) => self.log.push(format!("banner {text}")),
            Event::Channel(event) => {
                self.log.push(match event {
                    ChannelEvent::Opened { .. } => "opened".to_owned(),
                    ChannelEvent::OpenFailed { reason, text, .. } => format!("refused {} {text}", reason.0),
                    ChannelEvent::RequestReply { tag, ok, .. } => format!("reply {tag} {ok}"),
                    ChannelEvent::GlobalReply { result, .. } => format!("global {}", result.is_some()),
                    ChannelEvent::Data { stream, data, .. } => {
                        format!("{stream:?} {}", String::from_utf8_lossy(data).trim_end())
                    }
                    ChannelEvent::Request { request: ChannelRequest::ExitStatus { status }, .. } => {
                        format!("status {status}")
                    }
                    ChannelEvent::Request { request: ChannelRequest::ExitSignal { signal, .. }, .. } => {
                        format!("signal {}", signal.name())
                    }
                    ChannelEvent::Eof { .. } => "eof".to_owned(),
                    ChannelEvent::Closed { .. } => "closed".to_owned(),
                    _ => return,
                });
                if (self.script)(io.connection(), event) {
                    io.connection().disconnect(Reason::BY_APPLICATION, "done");
                }
            }
            Event::Transport(_) => {}
        }
    }

    fn question(&mut self, io: &mut Io<'_, Client>, question: ClientQuestion<'_>) {
        match question {
            ClientQuestion::HostKey { ticket, .. } => io.connection().answer(ticket, true).unwrap(),
            ClientQuestion::Credential { ticket, .. } if !self.passwords.is_empty() => {
                let password = Secret::new(self.passwords.remove(0).as_bytes().to_vec());
                io.connection().answer(ticket, Credential::Password(password)).unwrap();
            }
            _ => {}
        }
    }

    fn readable(&mut self, _: &mut Io<'_, Client>, _: WatchId) {}
}

/// What the monitor of a test says to a password: whether it is good, and what becomes of that.
type Decide = fn(&Link, &[u8], Option<Link>);

/// Lets in who knows `good`.
fn honest(net: &Link, password: &[u8], session: Option<Link>) {
    if password != b"good" {
        net.send(&Verdict { good: false }, &[]).unwrap();
        return;
    }
    let session = session.unwrap();
    let admitted =
        Admitted { max_sessions: 2, alive_seconds: 0, alive_count: 0, rekey_bytes: 0, rekey_seconds: 0 };
    net.send(&admitted, &[session.as_fd()]).unwrap();
}

/// The monitor of a test. Returns what it was asked, and the log.
fn monitor(mut net: Link, key: PrivateKey, session: Link, decide: Decide) -> (Vec<String>, Vec<String>) {
    let (mut asked, mut log, mut session) = (Vec::new(), Vec::new(), Some(session));
    loop {
        let incoming = match net.receive(0) {
            Ok(incoming) => incoming,
            Err(LinkError::Closed) => return (asked, log),
            Err(error) => panic!("{error}"),
        };
        let payload = incoming.payload.to_vec();
        if incoming.number() != Log::NUMBER {
            asked.push(row(MONITOR, incoming.number()).unwrap().name.to_owned());
        }
        match incoming.number() {
            2 => {
                let sign = crate::protocol::monitor::Sign::from_payload(&payload).unwrap();
                let secret = Secret::copy_of(sign.shared_secret.0);
                let transcript = transport::Transcript {
                    client_ident: sign.client_ident.0.to_vec(),
                    server_ident: sign.server_ident.0.to_vec(),
                    client_kexinit: sign.client_kexinit.0.to_vec(),
                    server_kexinit: sign.server_kexinit.0.to_vec(),
                    host_key: key.public().blob(),
                    client_public: sign.client_public.0.to_vec(),
                    server_public: sign.server_public.0.to_vec(),
                    shared_secret: secret,
                };
                let kex = crypto::KEX.iter().find(|kex| sign.kex == *kex.name).unwrap();
                let algorithm = SIGNATURES.iter().find(|row| sign.algorithm == *row.name).unwrap();
                let signature = key.sign(algorithm, transcript.hash(kex.hash).as_bytes()).unwrap();
                net.send(&Signed { signature: Bytes(&signature) }, &[]).unwrap();
            }
            User::NUMBER => {
                asked.push(User::from_payload(&payload).unwrap().name.as_str().to_owned());
                let methods = NameList::new("publickey,password").unwrap();
                let algorithms = NameList::new("ssh-ed25519").unwrap();
                let banner = Human(b"hello\n");
                net.send(
                    &UserPolicy { methods, max_tries: 6, algorithms, banner, invalid: false, log_level: 7 },
                    &[],
                )
                .unwrap();
            }
            Password::NUMBER => {
                let password = Password::from_payload(&payload).unwrap();
                decide(&net, password.password.0, session.take_if(|_| password.password.0 == b"good"));
            }
            Log::NUMBER => log.push(Log::from_payload(&payload).unwrap().text.to_string()),
            number => panic!("message {number}"),
        }
    }
}

/// What came of a connection.
struct Outcome {
    client: Vec<String>,
    asked: Vec<String>,
    log: Vec<String>,
}

struct Running {
    client: JoinHandle<Vec<String>>,
    net: JoinHandle<()>,
    monitor: JoinHandle<(Vec<String>, Vec<String>)>,
    session: Link,
}

impl Running {
    fn end(self) -> Outcome {
        let client = self.client.join().unwrap();
        self.net.join().unwrap();
        let (asked, log) = self.monitor.join().unwrap();
        Outcome { client, asked, log }
    }
}

/// Puts a client, net, a monitor and a session together; the session is the caller's.
fn start(
    passwords: &[&'static str],
    decide: Decide,
    begin: impl FnOnce(&mut Connection<Client>) + Send + 'static,
    script: impl FnMut(&mut Connection<Client>, &ChannelEvent<'_>) -> bool + Send + 'static,
) -> Running {
    let key = PrivateKey::generate(&mut OsRng).unwrap();
    let (theirs, ours) = UnixStream::pair().unwrap();
    let (monitors, nets) = Link::pair().unwrap();
    let (session, nets_session) = Link::pair().unwrap();
    let mut transport = transport::Config::new(Role::Server, Ident::new("net", None).unwrap());
    transport.host_keys = vec![key.public().blob()];
    let methods =
        Methods::EMPTY.with(Method::PublicKey).with(Method::Password).with(Method::KeyboardInteractive);
    let auth = userauth::server::Config { methods, ..userauth::server::Config::default() };
    let config = Config::<Server>::new(transport, auth);
    let net = std::thread::spawn(move || {
        let authority = Authority::new(nets, Level::Debug1, "ssh-ed25519".to_owned()).unwrap();
        let subject = Subject {
            address: "192.0.2.1".to_owned(),
            port: 5,
            user: None,
            invalid: false,
            logged_in: false,
            identified: false,
        };
        let connection = Connection::new(config, Box::new(OsRng), Instant::now()).unwrap();
        let net = Net::new(authority, subject, None);
        let link = OwnedFd::from(ours).into();
        let (ended, net) = Driver::new(Reactor::new().unwrap(), link, connection, net).unwrap().run();
        net.end(&ended);
    });
    let monitor = std::thread::spawn(move || monitor(monitors, key, nets_session, decide));
    let caller = Caller {
        begin: Some(Box::new(begin)),
        script: Box::new(script),
        passwords: passwords.to_vec(),
        log: Vec::new(),
    };
    let client = std::thread::spawn(move || {
        let transport = transport::Config::new(Role::Client, Ident::new("caller", None).unwrap());
        let config = Config::<Client>::new(transport, ClientAuthConfig { user: "alice".to_owned() });
        let connection = Connection::new(config, Box::new(OsRng), Instant::now()).unwrap();
        let link = OwnedFd::from(theirs).into();
        let driver = Driver::new(Reactor::new().unwrap(), link, connection, caller).unwrap();
        let (ended, caller) = driver.run();
        let mut log = caller.log;
        if !matches!(ended, Ended::Over(_)) {
            log.push("cut off".to_owned());
        }
        log
    });
    Running { client, net, monitor, session }
}

fn open(connection: &mut Connection<Client>) {
    connection.open(&ChannelType::Session, Grant::default(), 0).unwrap();
}

/// Makes requests, numbered from 1, once the channel is open.
fn request(connection: &mut Connection<Client>, channel: LocalId, requests: &[ChannelRequest<'_>]) {
    for (tag, request) in (1..).zip(requests) {
        connection.request(channel, request, true, tag).unwrap();
    }
}

fn exec(command: &str) -> ChannelRequest<'_> {
    ChannelRequest::Exec { command: NulFree::new(command.as_bytes()).unwrap() }
}

fn never(_: &mut Connection<Client>, _: &ChannelEvent<'_>) -> bool {
    false
}

/// The next request of net.
fn next(session: &mut Link) -> Vec<u8> {
    let payload = session.receive(0).unwrap().payload.to_vec();
    assert_eq!(row(SESSION, payload[0]).unwrap().phase, From::Net);
    payload
}

#[test]
fn the_monitor_hears_who_it_is_before_anything_else_about_them() {
    let running = start(
        &["bad", "good"],
        honest,
        |connection| connection.disconnect(Reason::BY_APPLICATION, "bye"),
        never,
    );
    let outcome = running.end();
    assert_eq!(outcome.client, ["banner hello\\x0d\\x0a", "in"]);
    assert_eq!(outcome.asked, ["Sign", "User", "alice", "Password", "Password"]);
    let lines = outcome.log.join("\n");
    assert!(lines.contains("Received disconnect from 192.0.2.1 port 5:11: bye"), "{lines}");
    assert!(lines.contains("Disconnected from user alice 192.0.2.1 port 5"), "{lines}");
}

#[test]
fn a_yes_that_is_no_admission_lets_nobody_in() {
    let decide: Decide = |net, _, _| net.send(&Verdict { good: true }, &[]).unwrap();
    let outcome = start(&["good"], decide, |_| {}, never).end();
    assert!(!outcome.client.contains(&"in".to_owned()));
    assert!(outcome.log.iter().any(|line| line.contains("only an admission")), "{:?}", outcome.log);
}

#[test]
fn a_command_has_its_descriptors_and_its_end() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("do it")]);
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let asked = Exec::from_payload(&payload).unwrap();
    assert_eq!(asked.command.as_bytes(), b"do it");
    let (_stdin, input) = std::io::pipe().unwrap();
    let (output, mut stdout) = std::io::pipe().unwrap();
    let (errors, stderr) = std::io::pipe().unwrap();
    let fds = [input.as_fd(), output.as_fd(), errors.as_fd()];
    running.session.send(&Reply { session: asked.session, good: true }, &fds).unwrap();
    drop((input, output, errors));
    std::io::Write::write_all(&mut stdout, b"result").unwrap();
    drop((stdout, stderr));
    running.session.send(&Exited { session: asked.session, status: 7 }, &[]).unwrap();
    // Both sides close the channel, and then its number is nobody's.
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    let outcome = running.end();
    assert_eq!(outcome.client[2..4], ["opened", "reply 1 true"]);
    assert!(outcome.client.contains(&"Data result".to_owned()));
    assert!(outcome.client.contains(&"status 7".to_owned()));
    assert_eq!(outcome.client.last().unwrap(), "closed");
}

#[test]
fn a_terminal_is_resized_here_and_belongs_to_the_program_that_follows() {
    let size = |columns| TerminalSize { columns, rows: 24, width: 0, height: 0 };
    let mut running = start(&["good"], honest, open, move |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            let term = NulFree::new(b"vt100").unwrap();
            let modes = TerminalModes::parse(&[0]).unwrap();
            let pty = ChannelRequest::PtyReq { term, size: size(80), modes };
            let wider = ChannelRequest::WindowChange { size: size(70_000) };
            request(connection, *channel, &[pty, wider, ChannelRequest::Shell]);
        }
        if let ChannelEvent::Data { channel, .. } = event {
            let signal = ChannelRequest::Signal { signal: connection::Signal::Usr1 };
            connection.request(*channel, &signal, false, 0).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let asked = Pty::from_payload(&payload).unwrap();
    assert_eq!((asked.term.as_bytes(), asked.columns, asked.modes.0), (&b"vt100"[..], 80, &[0][..]));
    let session = asked.session;
    let pty = sys::pty::Pty::open().unwrap();
    // The change of size has passed the request for the terminal by now, since it is not asked here.
    assert_eq!(Shell::from_payload(&next(&mut running.session)).unwrap().session, session);
    running.session.send(&Reply { session, good: true }, &[pty.master.as_fd()]).unwrap();
    running.session.send(&Reply { session, good: true }, &[]).unwrap();
    let follower: OwnedFd = pty.follower.into();
    drop(pty.master);
    std::io::Write::write_all(&mut std::fs::File::from(follower.try_clone().unwrap()), b"prompt\n").unwrap();
    // By the time the client has read that, its wish has been fulfilled.
    assert_eq!(row(SESSION, next(&mut running.session)[0]).unwrap().name, "Signal");
    let columns = sys::pty::window_size(&follower).unwrap().columns;
    let name = Name::new("HUP").unwrap();
    running.session.send(&Signalled { session, name, core: false, text: Human(b"") }, &[]).unwrap();
    next(&mut running.session);
    let outcome = running.end();
    assert_eq!(columns, u16::MAX);
    assert_eq!(outcome.client[2..6], ["opened", "reply 1 true", "reply 2 true", "reply 3 true"]);
    assert!(outcome.client.contains(&"Data prompt".to_owned()), "{:?}", outcome.client);
    assert!(outcome.client.contains(&"signal HUP".to_owned()));
}

#[test]
fn what_is_not_done_here_is_refused_with_openssh_s_reasons() {
    let running = start(
        &["good"],
        honest,
        |connection| {
            let text = |text| wire::Text::new(text).unwrap();
            let (host, originator) = (text("localhost"), text("127.0.0.1"));
            let forward = ChannelType::DirectTcpip { host, port: 1, originator, originator_port: 2 };
            connection.open(&forward, Grant::default(), 0).unwrap();
            let other = ChannelType::Other { name: Name::new("x@y").unwrap(), data: b"" };
            connection.open(&other, Grant::default(), 0).unwrap();
            let (name, data) = (Name::new("z@y").unwrap(), &b""[..]);
            connection.global(&connection::GlobalRequest::Other { name, data }, true, 1).unwrap();
            for _ in 0..3 {
                open(connection);
            }
        },
        |connection, event| {
            if let ChannelEvent::Opened { channel, .. } = event {
                let other = ChannelRequest::Other { name: Name::new("q@y").unwrap(), data: b"" };
                request(connection, *channel, &[other, ChannelRequest::XonXoff { client_can_do: true }]);
            }
            // The last of three sessions, where two are allowed.
            matches!(event, ChannelEvent::RequestReply { tag: 2, channel, .. } if channel.number() == 3)
        },
    );
    let outcome = running.end();
    let (mut expected, mut told) = (
        vec![
            "refused 1 open failed",
            "refused 2 open failed",
            "global false",
            "opened",
            "opened",
            "refused 2 open failed",
            "reply 1 false",
            "reply 2 false",
            "reply 1 false",
            "reply 2 false",
        ],
        outcome.client.iter().skip(2).map(String::as_str).collect::<Vec<_>>(),
    );
    expected.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, expected);
    let line = "refused local port forward: originator 127.0.0.1 port 2, target localhost port 1";
    assert!(outcome.log.iter().any(|said| said == line), "{:?}", outcome.log);
}

#[test]
fn a_session_that_sends_what_nobody_asked_for_ends_the_connection() {
    type Lie = fn(&Link, u32);
    let lies: [(Lie, &str); 3] = [
        (
            |link, session| link.send(&Reply { session: session + 1, good: true }, &[]).unwrap(),
            "nobody waits for",
        ),
        (|link, session| link.send(&Reply { session, good: true }, &[]).unwrap(), "other descriptors"),
        (|link, session| link.send(&Shell { session }, &[]).unwrap(), "unexpected message"),
    ];
    for (lie, words) in lies {
        let mut running = start(&["good"], honest, open, |connection, event| {
            if let ChannelEvent::Opened { channel, .. } = event {
                request(connection, *channel, &[exec("x")]);
            }
            false
        });
        let payload = next(&mut running.session);
        lie(&running.session, Exec::from_payload(&payload).unwrap().session);
        let outcome = running.end();
        assert_eq!(outcome.client.last().unwrap(), "cut off");
        assert!(outcome.log.iter().any(|line| line.contains(words)), "{words}: {:?}", outcome.log);
    }
}

#[test]
fn the_end_of_the_session_process_ends_the_connection() {
    let (tell, told) = mpsc::channel();
    let running = start(&["good"], honest, open, move |_, event| {
        if matches!(event, ChannelEvent::Opened { .. }) {
            tell.send(()).unwrap();
        }
        false
    });
    told.recv().unwrap();
    let Running { client, net, monitor, session } = running;
    drop(session);
    let outcome = Running { client, net, monitor, session: Link::pair().unwrap().0 }.end();
    assert_eq!(outcome.client, ["banner hello\\x0d\\x0a", "in", "opened", "cut off"]);
}

#[test]
fn a_client_that_closes_before_the_end_is_told_the_status_all_the_same() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            request(connection, *channel, &[exec("x")]);
        }
        if let ChannelEvent::RequestReply { channel, .. } = event {
            connection.close(*channel).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    let payload = next(&mut running.session);
    let session = Exec::from_payload(&payload).unwrap().session;
    let ((mut stdin, input), (output, stdout), (errors, _stderr)) =
        (std::io::pipe().unwrap(), std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let fds = [input.as_fd(), output.as_fd(), errors.as_fd()];
    running.session.send(&Reply { session, good: true }, &fds).unwrap();
    drop((input, output, errors));
    // Its input ends when the client's CLOSE is here.
    assert_eq!(std::io::Read::read(&mut stdin, &mut [0]).unwrap(), 0);
    // So does its output, at that moment or the next.
    let mut stdout = stdout;
    while std::io::Write::write(&mut stdout, b"x").is_ok() {}
    running.session.send(&Exited { session, status: 9 }, &[]).unwrap();
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    let outcome = running.end();
    assert_eq!(outcome.client[2..], ["opened", "reply 1 true", "status 9", "closed"]);
}

#[test]
fn a_session_that_never_ran_anything_is_closed_at_once() {
    let mut running = start(&["good"], honest, open, |connection, event| {
        if let ChannelEvent::Opened { channel, .. } = event {
            connection.close(*channel).unwrap();
        }
        matches!(event, ChannelEvent::Closed { .. })
    });
    assert_eq!(next(&mut running.session), [8, 0, 0, 0, 0]);
    assert_eq!(running.end().client[2..], ["opened", "closed"]);
}

#[test]
fn how_a_connection_ended_is_told_however_much_was_said_before() {
    let (ours, mut theirs) = Link::pair().unwrap();
    let told = std::thread::spawn(move || {
        let mut lines = Vec::new();
        while let Ok(incoming) = theirs.receive(0) {
            lines.push(Log::from_payload(incoming.payload).unwrap().text.to_string());
        }
        lines
    });
    let most = row(MONITOR, Log::NUMBER).unwrap().phase.most;
    let mut authority = Authority::new(ours, Level::Info, String::new()).unwrap();
    for _ in 0..most * 2 {
        authority.log(Level::Info, "in passing");
        authority.finish();
    }
    authority.log_end(Level::Info, "the end");
    authority.finish();
    drop(authority);
    let lines = told.join().unwrap();
    assert_eq!(lines.last().map(String::as_str), Some("the end"));
    assert!(lines.len() < most as usize, "{} lines", lines.len());
}
