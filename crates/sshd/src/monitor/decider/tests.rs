//! A net that is honest, and one that was taken over, over a real link.

mod certificates;
mod commands;
mod groups;
mod honest;
mod host_keys;
mod hostile;
mod rules;
mod security_keys;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use keys::{PrivateKey, SignatureAlg, verify};
use transport::limits::EXCHANGES_BEFORE_AUTH;
use transport::message::KexInit;
use userauth::{SignedRequest, signed_data};
use wire::{Encode, Human, Message, Name, NameList, Sensitive, Text};

use super::*;
use crate::monitor::exchange::Implausible;
use crate::monitor::testing::{Made, USER, host_key};
use crate::protocol::monitor::{
    KeyOffer, KeyProof, Log, Password, PtyOpen, SessionLog, Sign, User, UserPolicy,
};
use crate::protocol::{Link, LinkError};

/// What came of a message.
#[derive(Debug)]
enum End {
    Violation(Violation),
    Link(LinkError),
}

/// A monitor without processes, and net's end of its link.
struct Bench {
    made: Made,
    decider: Decider,
    net: Link,
    monitor: Link,
}

fn user_key() -> PrivateKey {
    PrivateKey::from_seed(&[2; 32])
}

fn kexinit(kex: &str, host_keys: &str, cookie: u8) -> Vec<u8> {
    let (kex, host_keys) = (NameList::new(kex).unwrap(), NameList::new(host_keys).unwrap());
    let (ciphers, macs) = (NameList::new("c").unwrap(), NameList::new("m").unwrap());
    let none = NameList::new("none").unwrap();
    let mut payload = Vec::new();
    let message = KexInit {
        cookie: [cookie; 16],
        kex,
        host_keys,
        ciphers_client_to_server: ciphers,
        ciphers_server_to_client: ciphers,
        macs_client_to_server: macs,
        macs_server_to_client: macs,
        compressions_client_to_server: none,
        compressions_server_to_client: none,
        languages_client_to_server: NameList::default(),
        languages_server_to_client: NameList::default(),
        first_kex_packet_follows: false,
        reserved: 0,
    };
    message.encode(&mut payload);
    payload
}

/// The strings of an exchange, which differ with `cookie`.
struct Exchange {
    client_kexinit: Vec<u8>,
    server_kexinit: Vec<u8>,
    secret: Vec<u8>,
}

const KEX: &str = "curve25519-sha256";

impl Exchange {
    fn new(cookie: u8) -> Self {
        let mut secret = Vec::new();
        wire::put_string(&mut secret, &[7; 32]);
        Self {
            client_kexinit: kexinit("unknown,curve25519-sha256,ext-info-c", "ssh-ed25519", cookie),
            server_kexinit: kexinit(KEX, "ssh-ed25519", cookie.wrapping_add(1)),
            secret,
        }
    }

    fn sign(&self) -> Sign<'_> {
        Sign {
            algorithm: Name::new("ssh-ed25519").unwrap(),
            kex: Name::new(KEX).unwrap(),
            host_key: 0,
            client_ident: Bytes(b"SSH-2.0-peer"),
            server_ident: Bytes(b"SSH-2.0-Nacre"),
            client_kexinit: Bytes(&self.client_kexinit),
            server_kexinit: Bytes(&self.server_kexinit),
            group_min: 0,
            group_preferred: 0,
            group_max: 0,
            prime: Bytes(b""),
            generator: Bytes(b""),
            client_public: Bytes(&[3; 32]),
            server_public: Bytes(&[4; 32]),
            shared_secret: Sensitive(&self.secret),
        }
    }

    /// What must be signed, computed by hand.
    fn hash(&self) -> Vec<u8> {
        let blob = host_key().public().blob();
        let strings: [&[u8]; 7] = [
            b"SSH-2.0-peer",
            b"SSH-2.0-Nacre",
            &self.client_kexinit,
            &self.server_kexinit,
            &blob,
            &[3; 32],
            &[4; 32],
        ];
        let mut data = Vec::new();
        for string in strings {
            wire::put_string(&mut data, string);
        }
        data.extend(&self.secret);
        crypto::HashAlg::Sha256.digest(&data).as_slice().to_vec()
    }
}

impl Bench {
    fn of(made: Made) -> Self {
        let (net, monitor) = Link::pair().unwrap();
        let decider = Decider::new(Peer::default(), made.accounts(), Uid::effective());
        Self { made, decider, net, monitor }
    }

    fn new(lines: &str) -> Self {
        let bench = Self::of(Made::new(lines));
        bench.made.authorize(&user_key().public().to_string());
        bench
    }

    /// The exchange is done.
    fn exchanged(lines: &str) -> Self {
        let mut bench = Self::new(lines);
        bench.exchange(1);
        bench
    }

    /// The user is named as well.
    fn named(lines: &str, name: &str) -> Self {
        let mut bench = Self::exchanged(lines);
        bench.name(name);
        bench
    }

    fn receive(&mut self, from: From) -> Result<Outcome, End> {
        let incoming = self.monitor.receive(0).map_err(End::Link)?;
        self.decider.handle(&mut self.made.server, from, incoming.payload).map_err(End::Violation)
    }

    fn send(&mut self, message: &impl Message) -> Result<Outcome, End> {
        self.net.send(message, &[]).unwrap();
        self.receive(From::Net)
    }

    fn session_sends(&mut self, message: &impl Message) -> Result<Outcome, End> {
        self.net.send(message, &[]).unwrap();
        self.receive(From::Session)
    }

    /// The violation that a message is.
    fn refused(&mut self, message: &impl Message) -> Violation {
        let violation = violation(self.send(message));
        self.is_over();
        violation
    }

    /// Nothing is answered any more, and nobody is in.
    fn is_over(&mut self) {
        assert_eq!(self.decider.phase(), Phase::Login);
        let exchange = Exchange::new(9);
        for _ in 0..2 {
            assert_eq!(violation(self.send(&exchange.sign())), Violation::OutOfOrder("message"));
            let proof = self.proof(&user_key(), &exchange.hash(), USER, false);
            assert_eq!(violation(self.prove(&proof)), Violation::OutOfOrder("message"));
        }
    }

    fn exchange(&mut self, cookie: u8) -> Vec<u8> {
        let answer = answer(self.send(&Exchange::new(cookie).sign()));
        Signed::from_payload(&answer).unwrap().signature.0.to_vec()
    }

    fn name(&mut self, name: &str) -> Policy {
        let answer = answer(self.send(&User { name: Text::new(name).unwrap() }));
        let policy = UserPolicy::from_payload(&answer).unwrap();
        Policy {
            methods: policy.methods.as_str().to_owned(),
            max_tries: policy.max_tries,
            key_questions: policy.key_questions,
            algorithms: policy.algorithms.as_str().to_owned(),
            banner: policy.banner.0.to_vec(),
        }
    }

    fn offer(&mut self, key: &PrivateKey) -> bool {
        let key = key.public().blob();
        good(self.send(&KeyOffer { algorithm: algorithm(), key: Bytes(&key) }))
    }

    fn offer_own(&mut self) -> bool {
        self.offer(&user_key())
    }

    fn prove_own(&mut self) -> bool {
        good(self.log_in(USER, false))
    }

    /// What proves the key to the session of this id.
    fn proof(&self, key: &PrivateKey, session: &[u8], user: &str, host_bound: bool) -> Proof {
        let (blob, host_key) = (key.public().blob(), host_key().public().blob());
        let host_key = host_bound.then_some(host_key.as_slice());
        let request = SignedRequest { user, algorithm: "ssh-ed25519", key: &blob, host_key };
        let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
        let signature = key.sign(row, &signed_data(session, &request)).unwrap();
        Proof { key: blob, signature, host_bound }
    }

    fn prove(&mut self, proof: &Proof) -> Result<Outcome, End> {
        self.send(&KeyProof {
            algorithm: algorithm(),
            key: Bytes(&proof.key),
            signature: Bytes(&proof.signature),
            host_bound: proof.host_bound,
        })
    }

    /// A good proof, of the first exchange.
    fn log_in(&mut self, user: &str, host_bound: bool) -> Result<Outcome, End> {
        let proof = self.proof(&user_key(), &Exchange::new(1).hash(), user, host_bound);
        self.prove(&proof)
    }

    fn password(&mut self, password: &[u8]) -> Result<Outcome, End> {
        self.send(&Password { password: Sensitive(password) })
    }
}

struct Policy {
    methods: String,
    max_tries: u32,
    key_questions: u32,
    algorithms: String,
    banner: Vec<u8>,
}

struct Proof {
    key: Vec<u8>,
    signature: Vec<u8>,
    host_bound: bool,
}

fn algorithm() -> Name<'static> {
    Name::new("ssh-ed25519").unwrap()
}

fn answer(outcome: Result<Outcome, End>) -> Vec<u8> {
    match outcome.unwrap() {
        Outcome::Answer(answer) => answer.to_vec(),
        other => panic!("no answer: {other:?}"),
    }
}

fn good(outcome: Result<Outcome, End>) -> bool {
    Verdict::from_payload(&answer(outcome)).unwrap().good
}

fn violation(outcome: Result<Outcome, End>) -> Violation {
    match outcome {
        Err(End::Violation(violation)) => violation,
        other => panic!("no violation: {other:?}"),
    }
}

fn admitted(outcome: Result<Outcome, End>) -> Box<Authenticated> {
    match outcome.unwrap() {
        Outcome::LogIn(authenticated) => authenticated,
        other => panic!("not admitted: {other:?}"),
    }
}

fn fingerprint() -> String {
    format!("ED25519 {}", user_key().public().fingerprint())
}
