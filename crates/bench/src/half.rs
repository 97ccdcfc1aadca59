//! One side: a connection, its receive buffer, and an application that says yes.

use std::sync::Arc;
use std::time::Instant;

use connection::{ChannelType, Grant, LocalId};
use crypto::{Rng, SeededRng};
use keys::{NULL_SIGNATURE, PrivateKey, SignatureAlg};
use proto::{
    ChannelQuestion, Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event,
    RecvBuf, Server, ServerQuestion, Side, Step,
};
use transport::{Algorithms, Ident};
use userauth::client::Credential;
use userauth::{KeyVerdict, Method, Methods};
use wire::Role;

/// What both sides are made from.
pub struct Plan {
    host: PrivateKey,
    user: PrivateKey,
    user_blob: Vec<u8>,
    signature: &'static SignatureAlg,
    client: Config<Client>,
    server: Config<Server>,
}

impl Plan {
    /// Both sides offer `algorithms` and nothing else.
    ///
    /// # Panics
    /// Never; the seed gives keys.
    #[must_use]
    pub fn new(algorithms: &Algorithms) -> Arc<Self> {
        let mut rng = SeededRng::new(1);
        let host = PrivateKey::generate(&mut rng).expect("seeded");
        let user = PrivateKey::generate(&mut rng).expect("seeded");
        let null = algorithms.host_keys.iter().any(|row| row.name == NULL_SIGNATURE.name);
        let signature = if null { &NULL_SIGNATURE } else { SignatureAlg::by_name("ssh-ed25519").unwrap() };
        let ident = || Ident::new("bench", None).expect("a good identification");
        let mut client = transport::Config::new(Role::Client, ident());
        client.algorithms = algorithms.clone();
        let mut server = transport::Config::new(Role::Server, ident());
        server.algorithms = algorithms.clone();
        server.host_keys = vec![host.public().blob()];
        server.server_sig_algs = vec![signature];
        let auth = userauth::server::Config {
            methods: Methods::EMPTY.with(Method::PublicKey),
            algorithms: vec![signature],
            ..userauth::server::Config::default()
        };
        Arc::new(Self {
            user_blob: user.public().blob(),
            host,
            user,
            signature,
            client: Config::new(client, ClientAuthConfig { user: "bench".to_owned() }),
            server: Config::new(server, auth),
        })
    }
}

/// One side.
pub struct Half<S: Driven> {
    /// The connection.
    pub connection: Connection<S>,
    /// What it receives into.
    pub rx: RecvBuf,
    /// Channels that were granted.
    pub open: Vec<LocalId>,
    /// How many sessions the client opens when it is in.
    pub sessions: usize,
    plan: Arc<Plan>,
}

/// How a side behaves.
pub trait Driven: Side {
    /// Makes a side.
    fn half(plan: &Arc<Plan>, rng: Box<dyn Rng + Send>, now: Instant) -> Half<Self>;
    /// Takes note of an event.
    fn event(
        plan: &Plan,
        connection: &mut Connection<Self>,
        event: &Event<'_, Self>,
        open: &mut Vec<LocalId>,
        sessions: usize,
    );
    /// Answers a question.
    fn question(
        plan: &Plan,
        connection: &mut Connection<Self>,
        question: Self::Question<'_>,
        open: &mut Vec<LocalId>,
    );
}

impl<S: Driven> Half<S> {
    /// Processes all that is there, answering on the way.
    ///
    /// # Panics
    /// When the connection ends.
    pub fn drain(&mut self, now: Instant) {
        loop {
            match self.connection.process(now, &mut self.rx) {
                Ok(Step::NeedBytes | Step::Blocked) => return,
                Ok(Step::Progress) => {}
                Ok(Step::Event(event)) => {
                    S::event(&self.plan, &mut self.connection, &event, &mut self.open, self.sessions);
                }
                Ok(Step::Ask(question)) => {
                    S::question(&self.plan, &mut self.connection, question, &mut self.open);
                }
                Err(error) => panic!("the connection ended: {error}"),
            }
        }
    }

    /// Gives back what an idle connection can give back.
    pub fn release(&mut self) {
        self.connection.release();
        self.rx.release();
    }
}

/// Copies what `from` has to send into the receive buffer `to`, as a socket would, and says whether there was any.
pub fn deliver<S: Side>(from: &mut Connection<S>, to: &mut RecvBuf) -> bool {
    let bytes = from.transmit();
    let n = bytes.len();
    if n == 0 {
        return false;
    }
    to.space(n)[..n].copy_from_slice(bytes);
    to.filled(n);
    from.sent(n);
    true
}

impl Driven for Client {
    fn half(plan: &Arc<Plan>, rng: Box<dyn Rng + Send>, now: Instant) -> Half<Self> {
        Half {
            connection: Connection::new(plan.client.clone(), rng, now).expect("a good configuration"),
            rx: RecvBuf::new(),
            open: Vec::new(),
            sessions: 1,
            plan: Arc::clone(plan),
        }
    }

    fn event(
        _: &Plan,
        connection: &mut Connection<Self>,
        event: &Event<'_, Self>,
        open: &mut Vec<LocalId>,
        sessions: usize,
    ) {
        match event {
            Event::Auth(ClientAuthEvent::LoggedIn(_)) => {
                for tag in 0..sessions {
                    connection
                        .open(&ChannelType::Session, Grant::default(), tag as u64)
                        .expect("room for a session");
                }
            }
            Event::Channel(connection::Event::Opened { channel, .. }) => open.push(*channel),
            _ => {}
        }
    }

    fn question(
        plan: &Plan,
        connection: &mut Connection<Self>,
        question: ClientQuestion<'_>,
        _: &mut Vec<LocalId>,
    ) {
        match question {
            ClientQuestion::HostKey { ticket, .. } => connection.answer(ticket, true).expect("an answer"),
            ClientQuestion::Credential { ticket, .. } => {
                let credential = Credential::PublicKey {
                    algorithm: plan.signature,
                    key: plan.user_blob.clone(),
                    query_first: false,
                };
                connection.answer(ticket, credential).expect("a credential");
            }
            ClientQuestion::Sign { ticket, algorithm, data, .. } => {
                let signature = plan.user.sign(algorithm, &data).expect("a key of that type");
                connection.answer(ticket, signature).expect("a signature");
            }
            ClientQuestion::Prompts { .. }
            | ClientQuestion::ChangePassword { .. }
            | ClientQuestion::Channel(_) => panic!("nobody asks a client for that here"),
        }
    }
}

impl Driven for Server {
    fn half(plan: &Arc<Plan>, rng: Box<dyn Rng + Send>, now: Instant) -> Half<Self> {
        Half {
            connection: Connection::new(plan.server.clone(), rng, now).expect("a good configuration"),
            rx: RecvBuf::new(),
            open: Vec::new(),
            sessions: 0,
            plan: Arc::clone(plan),
        }
    }

    fn event(_: &Plan, _: &mut Connection<Self>, _: &Event<'_, Self>, _: &mut Vec<LocalId>, _: usize) {}

    fn question(
        plan: &Plan,
        connection: &mut Connection<Self>,
        question: ServerQuestion<'_>,
        open: &mut Vec<LocalId>,
    ) {
        match question {
            ServerQuestion::Sign { ticket, request } => {
                let signature =
                    plan.host.sign(request.algorithm, request.hash.as_bytes()).expect("a key of that type");
                connection.answer(ticket, signature).expect("a signature");
            }
            ServerQuestion::KeyProof { ticket, proof } => {
                let proven = userauth::verify(&proof).expect("the client's signature");
                connection.answer(ticket, KeyVerdict::Accept(proven)).expect("a verdict");
            }
            ServerQuestion::Channel(ChannelQuestion::Open { ticket, channel, .. }) => {
                open.push(channel);
                connection.answer(ticket, Ok(Grant::default())).expect("an open that was asked");
            }
            ServerQuestion::Channel(_)
            | ServerQuestion::Group { .. }
            | ServerQuestion::None { .. }
            | ServerQuestion::KeyOffer { .. }
            | ServerQuestion::Password { .. }
            | ServerQuestion::PasswordChange { .. }
            | ServerQuestion::Interactive { .. }
            | ServerQuestion::Responses { .. } => panic!("the client does not ask for that here"),
        }
    }
}
