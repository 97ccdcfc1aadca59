//! Two machines wired in memory, and a peer without one that says whatever it is told to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crypto::{Group, SeededRng};
use keys::{NULL_SIGNATURE, PrivateKey};
use nacre_transport::message::{KexEcdhInit, KexEcdhReply, KexInit, NewKeys};
use nacre_transport::{
    Algorithms, Ask, Config, Error, Event, GroupRequest, Ident, Input, RecvBuf, Transport,
};
use wire::{Bytes, Encode, Message, NameList, Outbox, Role, put_string};

wire::messages! {
    /// Messages of a layer above.
    pub static ABOVE: ();
    /// Data.
    94 Data<'a> { data: Bytes<'a> } in (), by Both, "none";
    /// Asks for a service.
    5 Service<'a> { name: Bytes<'a> } in (), by Client, "none";
}

pub fn host_key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

pub fn config(role: Role) -> Config {
    let mut config = Config::new(role, Ident::new("Test_1.0", None).unwrap());
    if role == Role::Server {
        config.host_keys = vec![host_key().public().blob()];
    }
    config
}

pub fn null_config(role: Role) -> Config {
    changed(config(role), |config| config.algorithms = Algorithms::null())
}

pub fn changed(mut config: Config, change: impl FnOnce(&mut Config)) -> Config {
    change(&mut config);
    config
}

pub fn transport(config: Config, seed: u64, now: Instant) -> Transport {
    Transport::new(Arc::new(config), Box::new(SeededRng::new(seed)), now).unwrap()
}

/// One machine, what it was told and what it said.
pub struct Party {
    pub machine: Transport,
    pub rx: RecvBuf,
    pub events: Vec<String>,
    pub payloads: Vec<Vec<u8>>,
    /// The sequence numbers of the payloads.
    pub sequences: Vec<u32>,
    pub error: Option<Error>,
    pub asked: Vec<Ask>,
    /// Answers questions as they come.
    pub answers: bool,
}

impl Party {
    pub fn new(config: Config, now: Instant) -> Self {
        let seed = match config.role {
            Role::Client => 1,
            Role::Server => 2,
        };
        Self {
            machine: transport(config, seed, now),
            rx: RecvBuf::new(),
            events: Vec::new(),
            payloads: Vec::new(),
            sequences: Vec::new(),
            error: None,
            asked: Vec::new(),
            answers: true,
        }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let space = self.rx.space(left.len());
            let n = space.len().min(left.len());
            assert!(n > 0, "receive buffer is full");
            space[..n].copy_from_slice(&left[..n]);
            self.rx.filled(n);
            left = &left[n..];
        }
    }

    /// Processes until there is nothing to do; returns how much was done.
    pub fn process(&mut self, now: Instant) -> usize {
        let mut done = 0;
        while self.error.is_none() {
            let ask = match self.machine.process(now, &mut self.rx) {
                Ok(Input::NeedBytes | Input::Blocked) => break,
                Ok(Input::Progress) => None,
                Ok(Input::Event(event)) => {
                    self.events.push(show(&event));
                    None
                }
                Ok(Input::Ask(ask)) => Some(ask),
                Ok(Input::Payload(payload)) => {
                    self.payloads.push(payload.bytes.to_vec());
                    self.sequences.push(payload.sequence);
                    None
                }
                Err(error) => {
                    self.error = Some(error);
                    None
                }
            };
            if let Some(ask) = ask {
                self.ask(ask, now);
            }
            done += 1;
        }
        done
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        self.events.push(match &ask {
            Ask::Group(GroupRequest { min, preferred, max }) => format!("Group({min}, {preferred}, {max})"),
            Ask::Sign(request) => format!("Sign({}, rekey: {})", request.algorithm.name, request.rekey),
            Ask::HostKey(offer) => format!("HostKey({}, rekey: {})", offer.algorithm.name, offer.rekey),
        });
        if self.answers {
            self.error = self.answer(&ask, now).err();
        }
        self.asked.push(ask);
    }

    pub fn answer(&mut self, ask: &Ask, now: Instant) -> Result<(), Error> {
        match ask {
            Ask::Group(request) => {
                // Most tests have no time for larger ones.
                let bits = [2048, 4096, 8192].into_iter().find(|bits| request.admits(*bits));
                self.machine.group(now, bits.and_then(Group::well_known))
            }
            Ask::Sign(request) => {
                let signature = host_key().sign(request.algorithm, request.hash.as_bytes()).unwrap();
                self.machine.signed(now, Some(&signature))
            }
            Ask::HostKey(offer) => self.machine.host_key(now, offer.blob == host_key().public().blob()),
        }
    }

    /// Takes up to `max` of the bytes that are ready for the socket.
    pub fn take(&mut self, max: usize) -> Vec<u8> {
        let ready = self.machine.transmit();
        let bytes = ready[..ready.len().min(max)].to_vec();
        self.machine.sent(bytes.len());
        bytes
    }

    /// Sends data in one frame, when there is one.
    pub fn send_data(&mut self, data: &[u8]) -> bool {
        let Some(mut frame) = self.machine.frame(data.len() + 5) else { return false };
        let mut payload = Vec::new();
        Data { data: Bytes(data) }.encode(&mut payload);
        frame.payload()[..payload.len()].copy_from_slice(&payload);
        frame.commit(payload.len());
        true
    }

    pub fn send<M: Message>(&mut self, message: &M) {
        self.machine.send(message);
    }
}

fn show(event: &Event<'_>) -> String {
    match event {
        Event::Agreed(agreed) => {
            let protection = agreed.protection.client_to_server;
            format!(
                "Agreed({}, {}, {}, {})",
                agreed.kex.name,
                agreed.host_key.name,
                protection.cipher.name,
                protection.mac.map_or("-", |mac| mac.name)
            )
        }
        other => format!("{other:?}"),
    }
}

/// A client and a server.
pub struct Pair {
    pub client: Party,
    pub server: Party,
    pub now: Instant,
    /// Bytes that pass at once.
    pub chunk: usize,
}

impl Pair {
    pub fn new(client: Config, server: Config) -> Self {
        let now = Instant::now();
        Self { client: Party::new(client, now), server: Party::new(server, now), now, chunk: usize::MAX }
    }

    pub fn standard() -> Self {
        Self::new(config(Role::Client), config(Role::Server))
    }

    /// Both are connected, keyed and authenticated.
    pub fn authenticated(client: Config, server: Config) -> Self {
        let mut pair = Self::new(client, server);
        pair.settle();
        assert_eq!((&pair.client.error, &pair.server.error), (&None, &None));
        assert_eq!((pair.client.machine.exchanges(), pair.server.machine.exchanges()), (1, 1));
        pair.client.machine.authenticated();
        pair.server.machine.authenticated();
        pair
    }

    /// One turn each; returns how much was done.
    pub fn turn(&mut self) -> usize {
        carry(&mut self.client, &mut self.server, self.chunk, self.now)
            + carry(&mut self.server, &mut self.client, self.chunk, self.now)
    }

    /// Lets both go on until nothing moves.
    pub fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if self.turn() == 0 {
                return;
            }
        }
        panic!("the pair does not come to rest");
    }

    pub fn advance(&mut self, by: Duration) {
        self.now += by;
        for party in [&mut self.client, &mut self.server] {
            if let Err(error) = party.machine.handle_timeout(self.now) {
                party.error.get_or_insert(error);
            }
        }
    }
}

fn carry(from: &mut Party, to: &mut Party, chunk: usize, now: Instant) -> usize {
    let bytes = from.take(chunk);
    to.feed(&bytes);
    bytes.len() + to.process(now)
}

/// One machine and a peer that has none: its packets are written by hand, in the clear or under the null suite.
pub struct Raw {
    pub party: Party,
    pub now: Instant,
    /// What the machine sent and nobody has looked at.
    pub received: Vec<u8>,
    role: Role,
}

/// What the raw peer says in its KEXINIT.
#[derive(Clone)]
pub struct RawInit {
    pub kex: String,
    pub host_keys: String,
    pub ciphers: String,
    pub compressions: String,
    pub guess: bool,
}

impl RawInit {
    /// What the null suite has, and the markers of a peer that knows strict KEX.
    pub fn strict(role: Role) -> Self {
        let markers = match role {
            Role::Client => ",ext-info-c,kex-strict-c-v00@openssh.com",
            Role::Server => ",ext-info-s,kex-strict-s-v00@openssh.com",
        };
        Self { kex: format!("null{markers}"), ..Self::plain() }
    }

    /// What the null suite has.
    pub fn plain() -> Self {
        Self {
            kex: "null".into(),
            host_keys: "null".into(),
            ciphers: "null".into(),
            compressions: "none".into(),
            guess: false,
        }
    }

    pub fn payload(&self) -> Vec<u8> {
        let list = |names| NameList::new(names).unwrap();
        payload(&KexInit {
            cookie: [9; 16],
            kex: list(&self.kex),
            host_keys: list(&self.host_keys),
            ciphers_client_to_server: list(&self.ciphers),
            ciphers_server_to_client: list(&self.ciphers),
            macs_client_to_server: list("hmac-sha2-256"),
            macs_server_to_client: list("hmac-sha2-256"),
            compressions_client_to_server: list(&self.compressions),
            compressions_server_to_client: list(&self.compressions),
            languages_client_to_server: list("de"),
            languages_server_to_client: list(""),
            first_kex_packet_follows: self.guess,
            reserved: 0,
        })
    }
}

pub fn payload<M: Message>(message: &M) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// A packet as it is without keys.
pub fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    packet_with(payload, padding)
}

pub fn packet_with(payload: &[u8], padding: usize) -> Vec<u8> {
    let mut out = ((payload.len() + padding + 1) as u32).to_be_bytes().to_vec();
    out.push(padding as u8);
    out.extend_from_slice(payload);
    out.resize(out.len() + padding, 0);
    out
}

pub fn null_signature() -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, NULL_SIGNATURE.name.as_bytes());
    put_string(&mut blob, b"");
    blob
}

impl Raw {
    /// A machine whose peer has said who it is. The role is the machine's.
    pub fn against(config: Config) -> Self {
        Self::against_named(config, "Raw_1")
    }

    /// As [`against`](Self::against), with a peer whose software has this name.
    pub fn against_named(config: Config, software: &str) -> Self {
        let now = Instant::now();
        let role = config.role;
        let mut raw = Self { party: Party::new(config, now), now, received: Vec::new(), role };
        raw.bytes(format!("SSH-2.0-{software}\r\n").as_bytes());
        raw
    }

    /// A machine under the null suite whose peer has gone through the initial exchange, strict or not.
    pub fn keyed(config: Config, init: &RawInit) -> Self {
        let mut raw = Self::against(config);
        raw.say(&init.payload());
        raw.go_on();
        raw.say(&payload(&NewKeys {}));
        assert_eq!(raw.party.error, None);
        assert_eq!(raw.party.machine.exchanges(), 1);
        raw
    }

    /// Sends the peer's part of the exchange between KEXINIT and NEWKEYS.
    pub fn go_on(&mut self) {
        match self.role {
            Role::Server => self.say(&payload(&KexEcdhInit { client_public: Bytes(b"") })),
            Role::Client => self.say(&payload(&KexEcdhReply {
                host_key: Bytes(&host_key().public().blob()),
                server_public: Bytes(b""),
                signature: Bytes(&null_signature()),
            })),
        }
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.party.feed(bytes);
        self.party.process(self.now);
        let sent = self.party.take(usize::MAX);
        self.received.extend(sent);
    }

    pub fn say(&mut self, payload: &[u8]) {
        self.bytes(&packet(payload));
    }

    pub fn error(&self) -> Error {
        self.party.error.clone().expect("the machine has not failed")
    }

    /// The payloads that the machine sent and nobody has looked at; an identification before them is skipped.
    pub fn heard(&mut self) -> Vec<Vec<u8>> {
        let mut left = std::mem::take(&mut self.received);
        if left.starts_with(b"SSH-") {
            let end = left.iter().position(|byte| *byte == b'\n').unwrap();
            left.drain(..=end);
        }
        let mut payloads = Vec::new();
        let mut rest = left.as_slice();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let padding = rest[4] as usize;
            assert!(padding >= 4 && (length + 4).is_multiple_of(8), "a bad packet from the machine");
            payloads.push(rest[5..4 + length - padding].to_vec());
            rest = &rest[4 + length..];
        }
        payloads
    }

    pub fn heard_numbers(&mut self) -> Vec<u8> {
        self.heard().iter().map(|payload| payload[0]).collect()
    }
}
