//! The application of net between a client, and a monitor and a session that do what a test says.

mod forwards;
mod globals;
mod sessions;
mod timeouts;

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use connection::{
    ChannelRequest, ChannelType, Event as ChannelEvent, Grant, LocalId, OpenReason, OpenRefusal,
};
use crypto::OsRng;
use keys::{PrivateKey, SIGNATURES, Secret};
use proto::{
    ChannelQuestion, Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event,
    OpenChannel, Server, Ticket,
};
use reactor::{Application, Attachment, Driver, Ended, Io, Reactor, WatchId};
use transport::{Ident, Reason};
use userauth::client::Credential;
use userauth::{Method, Methods};
use wire::{Bytes, Human, Message, NameList, NulFree, Role, Text, row};

use crate::log::Level;
use crate::protocol::monitor::{Admitted, Log, MONITOR, Password, Signed, User, UserPolicy, Verdict};
use crate::protocol::session::{From, SESSION};
use crate::protocol::{Link, LinkError};

use super::application::Net;
use super::authority::Authority;
use super::host_keys::HostKeys;
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
    ends: Ends,
    log: Vec<String>,
}

/// What a client does with connections.
enum Ends {
    /// It attaches these to the channels that open, in turn, and refuses what the other side asks for when there are none left.
    Sockets(VecDeque<OwnedFd>),
    /// It never answers what the other side asks for.
    Stalled(Vec<Ticket<OpenChannel>>),
}

impl Ends {
    /// What the next channel gets.
    fn next(&mut self) -> Option<OwnedFd> {
        match self {
            Self::Sockets(sockets) => sockets.pop_front(),
            Self::Stalled(_) => None,
        }
    }
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
                    ChannelEvent::Opened { channel, .. } => {
                        if let Some(socket) = self.ends.next() {
                            io.attach(*channel, Attachment::socket(socket)).unwrap();
                        }
                        "opened".to_owned()
                    }
                    ChannelEvent::OpenFailed { reason, text, .. } => format!("refused {} {text}", reason.0),
                    ChannelEvent::RequestReply { tag, ok, .. } => format!("reply {tag} {ok}"),
                    ChannelEvent::GlobalReply { result: Some(data), tag } => format!("global {tag} {data:?}"),
                    ChannelEvent::GlobalReply { result: None, tag } => format!("global {tag} no"),
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
            ClientQuestion::Channel(ChannelQuestion::Open { ticket, channel, kind }) => {
                self.log.push(format!("asked {}", words(&kind)));
                if let Ends::Stalled(tickets) = &mut self.ends {
                    tickets.push(ticket);
                } else if let Some(socket) = self.ends.next() {
                    io.connection().answer(ticket, Ok(Grant::default())).unwrap();
                    io.attach(channel, Attachment::socket(socket)).unwrap();
                } else {
                    let (reason, text) = (OpenReason::CONNECT_FAILED, Human(b"Connection refused"));
                    io.connection().answer(ticket, Err(OpenRefusal { reason, text })).unwrap();
                }
            }
            _ => {}
        }
    }

    fn readable(&mut self, _: &mut Io<'_, Client>, _: WatchId) {}
}

/// What the monitor of a test says to a password: whether it is good, and what becomes of that.
type Decide = fn(&Link, &[u8], Option<Link>);

/// As [`Decide`], with something that belongs to it.
type Deciding = Box<dyn Fn(&Link, &[u8], Option<Link>) + Send>;

/// Lets in who knows `good`, to two sessions and without hurry.
fn honest(net: &Link, password: &[u8], session: Option<Link>) {
    admit(net, password, session, 2, "", 0);
}

/// Lets in who knows `good`, on these terms.
fn admit(
    net: &Link,
    password: &[u8],
    session: Option<Link>,
    max_sessions: u32,
    channel_timeouts: &str,
    unused_seconds: u64,
) {
    if password != b"good" {
        net.send(&Verdict { good: false }, &[]).unwrap();
        return;
    }
    let session = session.unwrap();
    let admitted = Admitted {
        max_sessions,
        channel_timeouts: Text::new(channel_timeouts).unwrap(),
        unused_seconds,
        qos_interactive: 256,
        qos_bulk: 256,
        alive_seconds: 0,
        alive_count: 0,
        rekey_bytes: 0,
        rekey_seconds: 0,
        remarks: Human(b"FILE:1: key options: pty\n"),
    };
    net.send(&admitted, &[session.as_fd()]).unwrap();
}

/// The monitor of a test. Returns what it was asked, and the log.
fn monitor(mut net: Link, key: PrivateKey, session: Link, decide: &Deciding) -> (Vec<String>, Vec<String>) {
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
                    group: None,
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
                    &UserPolicy {
                        methods,
                        max_tries: 6,
                        key_questions: 0,
                        algorithms,
                        banner,
                        invalid: false,
                        log_level: 7,
                    },
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

    /// Ends it by taking the session away.
    fn cut(self) -> Outcome {
        let Self { client, net, monitor, session } = self;
        drop(session);
        Running { client, net, monitor, session: Link::pair().unwrap().0 }.end()
    }
}

/// Puts a client, net, a monitor and a session together; the session is the caller's.
fn start(
    passwords: &[&'static str],
    decide: Decide,
    begin: impl FnOnce(&mut Connection<Client>) + Send + 'static,
    script: impl FnMut(&mut Connection<Client>, &ChannelEvent<'_>) -> bool + Send + 'static,
) -> Running {
    start_with(passwords, decide, Ends::Sockets(VecDeque::new()), begin, script)
}

/// As [`start`]; and this the client does with connections.
fn start_with(
    passwords: &[&'static str],
    decide: impl Fn(&Link, &[u8], Option<Link>) + Send + 'static,
    ends: Ends,
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
    let host_keys = HostKeys::new(&transport.host_keys);
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
        let net = Net::new(authority, host_keys, subject, None);
        let link = OwnedFd::from(ours).into();
        let (ended, net) = Driver::new(Reactor::new().unwrap(), link, connection, net).unwrap().run();
        net.end(&ended);
    });
    let decide: Deciding = Box::new(decide);
    let monitor = std::thread::spawn(move || monitor(monitors, key, nets_session, &decide));
    let caller = Caller {
        begin: Some(Box::new(begin)),
        script: Box::new(script),
        passwords: passwords.to_vec(),
        ends,
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

/// A type of channel and what belongs to it.
fn words(kind: &ChannelType<'_>) -> String {
    let name = kind.name();
    match kind {
        ChannelType::ForwardedTcpip { address, port, originator, originator_port } => {
            format!("{name} {address} {port} {originator} {originator_port}")
        }
        ChannelType::ForwardedStreamlocal { path } => format!("{name} {path}"),
        ChannelType::X11 { originator, originator_port } => format!("{name} {originator} {originator_port}"),
        _ => name.to_owned(),
    }
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
fn an_admission_that_makes_no_sense_lets_nobody_in() {
    let decide: Decide = |net, password, session| admit(net, password, session, 1, "session:shell", 0);
    let outcome = start(&["good"], decide, |_| {}, never).end();
    assert!(!outcome.client.contains(&"in".to_owned()));
    assert!(
        outcome.log.iter().any(|line| line.contains("a channel timeout that is none")),
        "{:?}",
        outcome.log
    );
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
    assert_eq!(running.cut().client, ["banner hello\\x0d\\x0a", "in", "opened", "cut off"]);
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
