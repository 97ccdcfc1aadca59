//! Both machines wired in memory, on virtual time, with scripted applications.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use keys::{PrivateKey, SIGNATURES, Secret, SignatureAlg};
use nacre_userauth::client::{self, Credential, LoggedIn};
use nacre_userauth::message::{
    BoundKeyOffer, BoundKeyProof, InteractiveRequest, KeyOffer, KeyProof, NoneRequest, PasswordRequest,
    ServiceRequest,
};
use nacre_userauth::server::{self, Unasked};
use nacre_userauth::{
    Authenticated, Client, Error, InteractiveAnswer, KeyVerdict, Method, Methods, PasswordAnswer, Server,
    SessionInfo, SignedRequest, Verdict, signed_data, verify,
};
use wire::{Bytes, Encode, Human, Name, Sensitive, Text};

pub(crate) type Payloads = Vec<Vec<u8>>;

pub(crate) const SESSION: &[u8] = b"the session id of these tests";
pub(crate) const HOST_KEY: &[u8] = b"the host key of these tests";
pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn ed25519() -> &'static SignatureAlg {
    SIGNATURES.iter().find(|row| row.name == "ssh-ed25519").unwrap()
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32])
}

pub(crate) fn blob(seed: u8) -> Vec<u8> {
    key(seed).public().blob()
}

pub(crate) fn session() -> SessionInfo {
    SessionInfo::new(SESSION, HOST_KEY)
}

pub(crate) fn all_methods() -> Methods {
    Method::ALL.into_iter().collect()
}

/// Everything enabled, points of release at 50, 100, … milliseconds after a request.
pub(crate) fn config() -> server::Config {
    server::Config { methods: all_methods(), algorithms: vec![ed25519()], ..server::Config::default() }
}

pub(crate) fn payload(message: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

pub(crate) fn service_request() -> Vec<u8> {
    payload(&ServiceRequest { service: name("ssh-userauth") })
}

fn head(user: &str) -> (Text<'_>, Name<'static>) {
    (Text::new(user).unwrap(), name("ssh-connection"))
}

pub(crate) fn none_request(user: &str) -> Vec<u8> {
    let (user, service) = head(user);
    payload(&NoneRequest { user, service, method: name("none") })
}

pub(crate) fn password_request(user: &str, password: &[u8]) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, password) = (name("password"), Sensitive(password));
    payload(&PasswordRequest { user, service, method, change: false, password })
}

pub(crate) fn interactive_request(user: &str) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, submethods) = (name("keyboard-interactive"), Text::new("").unwrap());
    payload(&InteractiveRequest { user, service, method, language: Human(b""), submethods })
}

pub(crate) fn key_offer(user: &str, algorithm: &str, key: &[u8]) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, algorithm, key) = (name("publickey"), name(algorithm), Bytes(key));
    payload(&KeyOffer { user, service, method, signed: false, algorithm, key })
}

pub(crate) fn key_proof(user: &str, algorithm: &str, key: &[u8], signature: &[u8]) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, algorithm, key, signature) =
        (name("publickey"), name(algorithm), Bytes(key), Bytes(signature));
    payload(&KeyProof { user, service, method, signed: true, algorithm, key, signature })
}

/// A request that key `seed` has signed for `user` on the connection of these tests.
pub(crate) fn signed(user: &str, seed: u8) -> Vec<u8> {
    let key_blob = blob(seed);
    let request = SignedRequest { user, algorithm: "ssh-ed25519", key: &key_blob, host_key: None };
    let signature = key(seed).sign(ed25519(), &signed_data(SESSION, &request)).unwrap();
    key_proof(user, "ssh-ed25519", &key_blob, &signature)
}

pub(crate) fn bound_key_offer(user: &str, key: &[u8], host_key: &[u8]) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, algorithm) = (name("publickey-hostbound-v00@openssh.com"), name("ssh-ed25519"));
    let (key, host_key) = (Bytes(key), Bytes(host_key));
    payload(&BoundKeyOffer { user, service, method, signed: false, algorithm, key, host_key })
}

pub(crate) fn bound_key_proof(user: &str, key: &[u8], host_key: &[u8], signature: &[u8]) -> Vec<u8> {
    let (user, service) = head(user);
    let (method, algorithm) = (name("publickey-hostbound-v00@openssh.com"), name("ssh-ed25519"));
    let (key, host_key, signature) = (Bytes(key), Bytes(host_key), Bytes(signature));
    payload(&BoundKeyProof { user, service, method, signed: true, algorithm, key, host_key, signature })
}

/// A server that has accepted the service and waits for the first request.
pub(crate) fn ready(config: server::Config, now: Instant) -> Server {
    let mut server = Server::new(config, session());
    let mut out = Payloads::new();
    assert!(matches!(server.handle(now, &service_request(), &mut out), Ok(server::Output::Progress)));
    assert_eq!(out, [b"\x06\0\0\0\x0cssh-userauth".to_vec()]);
    server
}

/// A client that has been asked for its first credential.
pub(crate) fn asked() -> Client {
    let mut client = Client::new("alice", session()).unwrap();
    let mut out = Payloads::new();
    client.start(&mut out).unwrap();
    assert_eq!(out, [service_request()]);
    let output = client.handle(b"\x06\0\0\0\x0cssh-userauth").unwrap();
    assert!(matches!(output, client::Output::Ask(client::Ask::Credential(_))), "{output:?}");
    client
}

pub(crate) type Site = Box<
    dyn FnMut(&mut Server, server::Ask<'_>, Instant, &mut Payloads) -> Result<server::Output<'static>, Error>,
>;
pub(crate) type Wallet =
    Box<dyn FnMut(&mut Client, client::Ask<'_>, &mut Payloads) -> Result<client::Output<'static>, Error>>;

/// What was seen in a run of a [`Pair`].
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) authenticated: Option<Authenticated>,
    pub(crate) logged_in: Option<LoggedIn>,
    pub(crate) server_error: Option<Error>,
    pub(crate) client_error: Option<Error>,
    pub(crate) unasked: Vec<Unasked>,
    pub(crate) banners: Vec<String>,
    pub(crate) time: Duration,
}

impl Seen {
    pub(crate) fn methods(&self) -> Vec<Method> {
        self.authenticated
            .as_ref()
            .map_or(Vec::new(), |who| who.steps().iter().map(|step| step.method()).collect())
    }
}

/// A server and a client with queues between them.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) now: Instant,
    pub(crate) to_server: VecDeque<Vec<u8>>,
    pub(crate) to_client: VecDeque<Vec<u8>>,
}

impl Pair {
    pub(crate) fn new(config: server::Config) -> Self {
        Self {
            server: Server::new(config, session()),
            client: Client::new("alice", session()).unwrap(),
            now: Instant::now(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
        }
    }

    /// Runs until nothing can happen any more.
    pub(crate) fn run(&mut self, mut site: Site, mut wallet: Wallet) -> Seen {
        let (start, mut seen) = (self.now, Seen::default());
        let mut out = Payloads::new();
        self.client.start(&mut out).unwrap();
        self.to_server.extend(out);
        for _ in 0..10_000 {
            let mut out = Payloads::new();
            if seen.server_error.is_none()
                && !self.server.waiting()
                && let Some(payload) = self.to_server.pop_front()
            {
                let mut output = self.server.handle(self.now, &payload, &mut out);
                if let Ok(server::Output::Ask(ask)) = output {
                    output = site(&mut self.server, ask, self.now, &mut out);
                }
                note_server(output, &mut seen);
                self.to_client.extend(out);
            } else if seen.client_error.is_none()
                && let Some(payload) = self.to_client.pop_front()
            {
                let mut output = self.client.handle(&payload);
                while let Ok(client::Output::Ask(ask)) = output {
                    output = wallet(&mut self.client, ask, &mut out);
                }
                match output {
                    Ok(client::Output::Authenticated(how)) => seen.logged_in = Some(how),
                    Ok(client::Output::Banner(text)) => seen.banners.push(text.to_string()),
                    Ok(_) => {}
                    Err(error) => seen.client_error = Some(error),
                }
                self.to_server.extend(out);
            } else if let Some(deadline) = self.server.deadline() {
                self.now = deadline;
                let output = self.server.handle_timeout(self.now, &mut out);
                note_server(output, &mut seen);
                self.to_client.extend(out);
            } else {
                break;
            }
        }
        seen.time = self.now - start;
        seen
    }
}

fn note_server(output: Result<server::Output<'_>, Error>, seen: &mut Seen) {
    match output {
        Ok(server::Output::Authenticated(who)) => seen.authenticated = Some(who),
        Ok(server::Output::Unasked(why)) => seen.unasked.push(why),
        Ok(_) => {}
        Err(error) => seen.server_error = Some(error),
    }
}

/// A site where `alice` has key 1 and the password `correct`, and says `blue` to the one prompt it has.
pub(crate) fn site() -> Site {
    Box::new(|server, ask, now, out| match ask {
        server::Ask::None { .. } => server.none(Verdict::Reject, out),
        server::Ask::KeyOffer { user, key, .. } => {
            server.key_offer(now, user.as_str() == "alice" && key.0 == blob(1), out)
        }
        server::Ask::KeyProof { proof } => {
            let verdict = match verify(&proof) {
                Ok(proven) if proof.user() == "alice" && proven.key() == blob(1) => {
                    KeyVerdict::Accept(proven)
                }
                _ => KeyVerdict::Reject,
            };
            server.key_proof(now, verdict, out)
        }
        server::Ask::Password { user, password } => {
            let good = user.as_str() == "alice" && password.ct_eq(b"correct");
            let verdict = if good { Verdict::Accept } else { Verdict::Reject };
            server.password(now, PasswordAnswer::Verdict(verdict), out)
        }
        server::Ask::PasswordChange { .. } => {
            server.password(now, PasswordAnswer::Verdict(Verdict::Reject), out)
        }
        server::Ask::Interactive { .. } => {
            server.interactive(now, InteractiveAnswer::Challenge(colour()), out)
        }
        server::Ask::Responses { responses } => {
            let good = responses.as_slice()[0].ct_eq(b"blue");
            let verdict = if good { Verdict::Accept } else { Verdict::Reject };
            server.interactive(now, InteractiveAnswer::Verdict(verdict), out)
        }
    })
}

pub(crate) fn colour() -> nacre_userauth::Challenge {
    nacre_userauth::Challenge {
        name: "Riddle".into(),
        instruction: "Think.".into(),
        prompts: vec![nacre_userauth::Prompt { text: "Colour: ".into(), echo: false }],
    }
}

/// Tries the given credentials in order, signs with whatever key is asked for, responds to every prompt with `blue`,
/// and gives up when nothing is left.
pub(crate) fn wallet(credentials: Vec<Credential>) -> Wallet {
    let mut credentials = VecDeque::from(credentials);
    Box::new(move |client, ask, out| match ask {
        client::Ask::Credential(_) => {
            client.credential(credentials.pop_front().unwrap_or(Credential::GiveUp), out)
        }
        client::Ask::Sign { algorithm, key: wanted, data, .. } => {
            let seed = (0..8).find(|seed| blob(*seed) == wanted[..]).unwrap();
            client.signature(Some(key(seed).sign(algorithm, &data).unwrap()), out)
        }
        client::Ask::Prompts(prompts) => {
            client.responses(Some(prompts.iter().map(|_| Secret::copy_of(b"blue")).collect()), out)
        }
        client::Ask::ChangePassword { .. } => client.change_password(None, out),
    })
}

pub(crate) fn by_key(seed: u8, query_first: bool) -> Credential {
    Credential::PublicKey { algorithm: ed25519(), key: blob(seed), query_first }
}

pub(crate) fn by_password(password: &[u8]) -> Credential {
    Credential::Password(Secret::copy_of(password))
}
