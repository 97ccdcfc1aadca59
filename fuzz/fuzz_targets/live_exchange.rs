//! Two whole connections talk: key exchange, login, commands, rekeying. One packet between them is changed, dropped,
//! doubled or moved. Whatever happens, both sides are never logged in to different sessions, no byte of data arrives
//! that was not sent, what ends well is complete, and everything ends.
#![no_main]

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use crypto::{NULL_KEX, SeededRng};
use keys::PrivateKey;
use libfuzzer_sys::fuzz_target;
use proto::{AlivePolicy, Client, Config, Connection, Server};
use testkit::{ClientApp, Clock, Endpoint, Link, Login, ServerApp, client_config, server_config};
use transport::Algorithms;
use wire::Role;

/// Bytes of standard input that go to `echo`, and of output that `source` makes.
const ECHO: u64 = 3000;
const SOURCE: u64 = 5000;
/// Turns after which a run counts as endless: an honest one takes some dozens.
const TURNS_MAX: usize = 20_000;

/// When every run starts.
static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::new);

#[derive(Clone, Copy, PartialEq)]
enum Suite {
    /// Everything as in life.
    Real,
    /// The key exchange costs nothing; the host key and the ciphers are real, so nothing may get through.
    NullExchange,
    /// Nothing protects anything: a change reaches every layer. It is made before the login.
    Null,
}

impl Suite {
    fn algorithms(self, cipher: u8) -> Algorithms {
        let mut chosen = match self {
            Self::Null => return Algorithms::null(),
            Self::Real | Self::NullExchange => Algorithms::default_for(Role::Client),
        };
        if self == Self::NullExchange {
            chosen.kex = vec![&NULL_KEX];
        } else if cipher & 0x80 != 0 {
            chosen.kex.rotate_left(1);
        }
        let ciphers = &mut chosen.ciphers.client_to_server;
        let places = ciphers.len();
        ciphers.rotate_left(usize::from(cipher & 0x7f) % places);
        chosen
    }
}

/// What is done to one packet.
#[derive(Clone, Copy)]
enum Attack<'a> {
    Nothing,
    Xor(&'a [u8]),
    Cut(usize),
    Insert(&'a [u8]),
    Drop,
    Double,
    Swap,
    Replace(&'a [u8]),
}

impl<'a> Attack<'a> {
    fn of(kind: u8, bytes: &'a [u8]) -> Self {
        match kind % 8 {
            0 => Self::Xor(bytes),
            1 => Self::Cut(bytes.first().copied().unwrap_or_default().into()),
            2 => Self::Insert(bytes),
            3 => Self::Drop,
            4 => Self::Double,
            5 => Self::Swap,
            6 => Self::Replace(bytes),
            _ => Self::Nothing,
        }
    }
}

/// One direction: what was written, cut into packets where they can be seen, and what is done to one of them.
struct Wire<'a> {
    written: Vec<u8>,
    packets: VecDeque<Vec<u8>>,
    /// What the reader is being given.
    arriving: Link,
    null: bool,
    past_ident: bool,
    sealed: bool,
    count: usize,
    attack: Option<(usize, Attack<'a>)>,
    moved: Option<Vec<u8>>,
}

impl<'a> Wire<'a> {
    fn new(null: bool, attack: Option<(usize, Attack<'a>)>) -> Self {
        Self {
            written: Vec::new(),
            packets: VecDeque::new(),
            arriving: Link::new(),
            null,
            past_ident: false,
            sealed: false,
            count: 0,
            attack,
            moved: None,
        }
    }

    /// The next whole packet of what was written; all of it where packets are sealed.
    fn cut(&mut self) -> Option<Vec<u8>> {
        if self.written.is_empty() {
            return None;
        }
        let length = if !self.past_ident {
            let end = self.written.iter().position(|byte| *byte == b'\n')? + 1;
            self.past_ident = true;
            end
        } else if self.sealed && !self.null {
            self.written.len()
        } else {
            self.sealed |= self.written.get(5) == Some(&21);
            let length = u32::from_be_bytes(*self.written.first_chunk()?) as usize + 4;
            length.min(self.written.len())
        };
        Some(self.written.drain(..length).collect())
    }

    /// Takes in what was written. Without protection only what comes before the login is attacked.
    fn write(&mut self, bytes: &[u8], logged_in: bool) {
        self.written.extend_from_slice(bytes);
        while let Some(mut packet) = self.cut() {
            let attacked = self.attack.filter(|(at, _)| *at == self.count && !(self.null && logged_in));
            self.count += 1;
            match attacked.map_or(Attack::Nothing, |(_, attack)| attack) {
                Attack::Nothing => {}
                Attack::Drop => continue,
                Attack::Double => self.packets.push_back(packet.clone()),
                Attack::Swap => {
                    self.moved = Some(packet);
                    continue;
                }
                Attack::Replace(bytes) => packet = bytes.to_vec(),
                Attack::Cut(n) => packet.truncate(n * packet.len() / 256),
                Attack::Insert(bytes) => {
                    let (at, bytes) = bytes.split_first().map_or((0, bytes), |(at, rest)| (*at, rest));
                    let at = usize::from(at) % (packet.len() + 1);
                    packet.splice(at..at, bytes.iter().copied());
                }
                Attack::Xor(bytes) => {
                    let (at, bytes) =
                        bytes.split_first_chunk().map_or(([0, 0], bytes), |(at, rest)| (*at, rest));
                    let at = usize::from(u16::from_le_bytes(at)) % packet.len();
                    packet[at..].iter_mut().zip(bytes).for_each(|(to, from)| *to ^= from);
                }
            }
            self.packets.push_back(packet);
            self.packets.extend(self.moved.take());
        }
    }

    /// Gives the reader the next packet, when it has taken the last one.
    fn arrive(&mut self, clock: &Clock) -> bool {
        if self.arriving.next_arrival().is_some() {
            return false;
        }
        let Some(packet) = self.packets.pop_front() else { return false };
        self.arriving.write(clock.now(), &packet);
        true
    }

    fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.arriving.next_arrival().is_none()
    }
}

/// One turn of one side.
fn turn<S: proto::Side, A: testkit::App<S>>(
    side: &mut Endpoint<S, A>,
    clock: &Clock,
    incoming: &mut Wire<'_>,
    outgoing: &mut Wire<'_>,
    logged_in: bool,
) -> bool {
    let arrived = incoming.arrive(clock);
    let mut link = Link::new();
    let moved = side.turn(clock.now(), &mut incoming.arriving, &mut link);
    let mut buffer = [0; 4096];
    loop {
        let n = link.read(clock.now(), &mut buffer);
        if n == 0 {
            break;
        }
        outgoing.write(&buffer[..n], logged_in);
    }
    // A side that is over reads no more.
    (arrived || moved) && side.error().is_none()
}

fn keys() -> [PrivateKey; 2] {
    [PrivateKey::from_seed(&[1; 32]), PrivateKey::from_seed(&[2; 32])]
}

fn sides(suite: Suite, cipher: u8) -> (Endpoint<Client, ClientApp>, Endpoint<Server, ServerApp>) {
    static CONFIGS: LazyLock<(Config<Client>, Config<Server>)> =
        LazyLock::new(|| (client_config(), server_config(&keys()[..1])));
    let [host_key, user_key] = keys();
    let (mut client, mut server) = CONFIGS.clone();
    let alive = Some(AlivePolicy { interval: Duration::from_secs(15), count_max: 1 });
    (client.alive, server.alive) = (alive, alive);
    std::sync::Arc::make_mut(&mut client.transport).algorithms = suite.algorithms(cipher);
    std::sync::Arc::make_mut(&mut server.transport).algorithms = suite.algorithms(0);
    let mut server_app = ServerApp::new(vec![host_key]);
    server_app.keys.push(user_key.public());
    let mut client_app = ClientApp::new(vec![Login::None, Login::Key(user_key, cipher & 1 != 0)]);
    client_app.trusted = Some(server_app.host_keys[0].public());
    let client =
        Connection::new(client, Box::new(SeededRng::new(1)), CLOCK.now()).expect("a good configuration");
    let server =
        Connection::new(server, Box::new(SeededRng::new(2)), CLOCK.now()).expect("a good configuration");
    (Endpoint::new(client, client_app), Endpoint::new(server, server_app))
}

fuzz_target!(|data: &[u8]| {
    let [suite, cipher, direction, index, kind, bytes @ ..] = data else { return };
    let suite = [Suite::NullExchange, Suite::Null, Suite::Real][usize::from(suite % 8).saturating_sub(5)];
    let attack = Attack::of(*kind, bytes);
    let null = suite == Suite::Null;
    let of = |way: u8| (direction & 1 == way).then_some((usize::from(index % 32), attack));
    let (mut to_server, mut to_client) = (Wire::new(null, of(0)), Wire::new(null, of(1)));
    let (mut client, mut server) = sides(suite, *cipher);
    let mut clock = *CLOCK;
    let mut sessions = Vec::new();
    for turns in 0.. {
        assert!(turns < TURNS_MAX, "it never ends");
        let logged_in = client.app.logged_in && server.app.user.is_some();
        let mut moved = turn(&mut client, &clock, &mut to_client, &mut to_server, logged_in);
        moved |= turn(&mut server, &clock, &mut to_server, &mut to_client, logged_in);
        if logged_in && sessions.is_empty() && client.connection.is_open() {
            sessions.push(client.app.run(&mut client.connection, "echo", ECHO));
            sessions.push(client.app.run(&mut client.connection, &format!("source {SOURCE}"), 0));
            if direction & 2 != 0 {
                client.connection.rekey();
            }
            if direction & 4 != 0 {
                server.connection.rekey();
            }
            continue;
        }
        if !sessions.is_empty() && sessions.iter().all(|id| client.app.sessions[id].closed) {
            break;
        }
        // A side that is over has closed its socket: the other one gets what was under way, and then nothing.
        let over = [(client.error(), &to_server), (server.error(), &to_client)];
        if over.iter().any(|(error, wire)| error.is_some() && wire.is_empty()) {
            break;
        }
        if !moved {
            let due =
                [client.connection.deadline(), server.connection.deadline()].into_iter().flatten().min();
            let Some(due) = due else { break };
            clock.move_to(due);
        }
    }

    let id = |connection: &transport::Transport| connection.session_id().map(|id| id.as_bytes().to_vec());
    if client.app.logged_in && server.app.user.is_some() {
        let ids = [id(client.connection.transport()), id(server.connection.transport())];
        assert!(ids[0].is_some() && ids[0] == ids[1], "logged in to different sessions");
        assert_eq!(server.app.proven, Some(keys()[1].public().blob()));
    }
    for (session, want) in sessions.iter().map(|id| &client.app.sessions[id]).zip([ECHO, SOURCE]) {
        if session.closed {
            assert_eq!((session.stdout, session.status, session.eof), (want, Some(0), true));
        }
    }
    if matches!(attack, Attack::Nothing) {
        let done = sessions.iter().all(|id| client.app.sessions[id].closed) && !sessions.is_empty();
        assert!(done, "client {:?}, server {:?}", client.error(), server.error());
    }
});
