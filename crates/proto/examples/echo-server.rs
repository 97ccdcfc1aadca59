//! A server for stock `ssh` in one file: it lets in whoever knows the password that it prints, and sends back what is
//! typed. It shows how a driver of a connection looks; it runs no programs.
//!
//! `cargo run --release -p nacre-proto --example echo-server [PORT]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::{ChannelRequest, Grant, LocalId, OpenRefusal, Stream};
use crypto::{OsRng, Rng};
use keys::PrivateKey;
use nacre_proto::{
    ChannelQuestion, Config, Connection, Event, RecvBuf, Server, ServerAuthEvent, ServerQuestion, Step,
};
use userauth::{Method, Methods, PasswordAnswer, Verdict};
use wire::Role;

const CTRL_D: u8 = 4;

fn main() -> io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(2222);
    let host_key = PrivateKey::generate(&mut OsRng).expect("randomness");
    let mut secret = [0; 9];
    OsRng.fill(&mut secret).expect("randomness");
    let password: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();

    let ident = transport::Ident::new("Nacre_echo", None).expect("a good identification");
    let mut transport = transport::Config::new(Role::Server, ident);
    transport.host_keys = vec![host_key.public().blob()];
    let auth = userauth::server::Config {
        methods: Methods::EMPTY.with(Method::Password),
        ..userauth::server::Config::default()
    };
    let config = Config::<Server>::new(Arc::new(transport), auth);

    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("Host key: {}", host_key.public().fingerprint());
    println!("Password: {password}");
    println!("ssh -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null echo@127.0.0.1");
    let (host_key, password) = (Arc::new(host_key), Arc::new(password));
    for socket in listener.incoming() {
        let socket = socket?;
        let echo = Echo {
            host_key: Arc::clone(&host_key),
            password: Arc::clone(&password),
            waiting: BTreeMap::new(),
            terminals: BTreeSet::new(),
        };
        let connection =
            Connection::new(config.clone(), Box::new(OsRng), Instant::now()).expect("a good configuration");
        std::thread::spawn(move || {
            if let Err(why) = echo.drive(connection, socket) {
                println!("{why}");
            }
        });
    }
    Ok(())
}

/// The application: one connection's worth.
struct Echo {
    host_key: Arc<PrivateKey>,
    password: Arc<String>,
    /// What is to be sent back on each channel. It cannot grow over the window, since credit is returned only for what
    /// was sent.
    waiting: BTreeMap<LocalId, VecDeque<u8>>,
    /// Channels with a terminal at their other end, which sends Ctrl-D as a byte and not as EOF.
    terminals: BTreeSet<LocalId>,
}

impl Echo {
    fn drive(mut self, mut connection: Connection<Server>, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut rx = RecvBuf::new();
        loop {
            let now = Instant::now();
            if connection.deadline().is_some_and(|due| due <= now) {
                connection.handle_timeout(now);
            }
            // A step borrows the receive buffer, so that is read into after the match.
            let (mut needs_bytes, mut blocked) = (false, false);
            match connection.process(now, &mut rx) {
                Ok(Step::NeedBytes) => needs_bytes = true,
                // What is still to be sent may be what it waits for.
                Ok(Step::Blocked) => blocked = connection.transmit().is_empty(),
                Ok(Step::Progress) => {}
                Ok(Step::Event(event)) => self.event(&mut connection, &event),
                Ok(Step::Ask(question)) => self.question(&mut connection, question),
                Err(over) => {
                    socket.write_all(connection.transmit())?;
                    println!("{over}");
                    return Ok(());
                }
            }
            self.send(&mut connection);
            socket.write_all(connection.transmit())?;
            connection.sent(connection.transmit().len());
            let tick = Duration::from_millis(1);
            let wait = connection.deadline().map(|due| due.saturating_duration_since(now).max(tick));
            if blocked {
                std::thread::sleep(wait.unwrap_or(tick));
            } else if needs_bytes {
                socket.set_read_timeout(wait)?;
                match socket.read(rx.space(32 * 1024)) {
                    Ok(0) => return Ok(()),
                    Ok(n) => rx.filled(n),
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn event(&mut self, connection: &mut Connection<Server>, event: &Event<'_, Server>) {
        match event {
            Event::Auth(ServerAuthEvent::Authenticated(who)) => println!("{} is in", who.user()),
            Event::Channel(connection::Event::Data { channel, data, .. }) => {
                self.waiting.entry(*channel).or_default().extend(*data);
                let _ = connection.ready(*channel, Stream::Data, true);
                if self.terminals.contains(channel) && data.contains(&CTRL_D) {
                    self.end(connection, *channel);
                }
            }
            Event::Channel(connection::Event::Eof { channel }) => self.end(connection, *channel),
            Event::Channel(connection::Event::Closed { channel }) => {
                self.waiting.remove(channel);
                self.terminals.remove(channel);
                let _ = connection.close(*channel);
            }
            _ => {}
        }
    }

    /// Sends back what is left; exit status, EOF and CLOSE follow it.
    fn end(&mut self, connection: &mut Connection<Server>, channel: LocalId) {
        self.send(connection);
        let _ = connection.exit_status(channel, 0);
        let _ = connection.eof(channel);
        let _ = connection.close(channel);
    }

    fn question(&mut self, connection: &mut Connection<Server>, question: ServerQuestion<'_>) {
        // A question that is not answered, because its ticket is dropped, is answered with no.
        let answered = match question {
            ServerQuestion::Sign { ticket, request } => {
                let signature =
                    self.host_key.sign(request.algorithm, request.hash.as_bytes()).expect("its type");
                connection.answer(ticket, signature)
            }
            ServerQuestion::Password { ticket, password, .. } => {
                let good = password.ct_eq(self.password.as_bytes());
                let verdict = if good { Verdict::Accept } else { Verdict::Reject };
                connection.answer(ticket, PasswordAnswer::Verdict(verdict))
            }
            ServerQuestion::Channel(ChannelQuestion::Open { ticket, kind, .. }) => {
                let session = kind == connection::ChannelType::Session;
                connection
                    .answer(ticket, if session { Ok(Grant::default()) } else { Err(OpenRefusal::PROHIBITED) })
            }
            ServerQuestion::Channel(ChannelQuestion::Request { ticket, channel, request }) => {
                let good = matches!(
                    request,
                    ChannelRequest::Shell | ChannelRequest::Exec { .. } | ChannelRequest::PtyReq { .. }
                );
                if matches!(request, ChannelRequest::PtyReq { .. }) {
                    self.terminals.insert(channel);
                }
                if matches!(request, ChannelRequest::Shell) {
                    let hello = b"What you type comes back; Ctrl-D ends it.\r\n";
                    self.waiting.entry(channel).or_default().extend(hello);
                    let _ = connection.ready(channel, Stream::Data, true);
                }
                connection.answer(ticket, good)
            }
            _ => Ok(()),
        };
        if let Err(misuse) = answered {
            println!("{misuse}");
        }
    }

    /// Sends back what waits, as far as the windows of the channels go.
    fn send(&mut self, connection: &mut Connection<Server>) {
        while let Some((channel, stream)) = connection.sendable() {
            let waiting = self.waiting.entry(channel).or_default();
            if waiting.is_empty() {
                let _ = connection.ready(channel, stream, false);
                continue;
            }
            let Some(mut slot) = connection.slot(channel, stream, waiting.len()) else { break };
            let n = waiting.read(slot.room()).expect("memory");
            slot.commit(n).expect("no more than the room");
            // The greeting was never received, so it has no credit to give back.
            let received = connection.channels().map_or(0, |channels| channels.unconsumed(channel));
            let _ = connection.consumed(channel, received.min(n as u32));
        }
    }
}
