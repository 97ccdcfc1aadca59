use std::time::{Duration, Instant};

use crypto::SeededRng;
use keys::{PrivateKey, SIGNATURES};
use proto::{Client, ClientAuthConfig, Config, Connection, Server};
use transport::{Algorithms, Ident};
use userauth::{Method, Methods};
use wire::Role;

use crate::{App, ClientApp, Clock, Endpoint, Link, Login, ServerApp};

/// A client and a server on an in-memory wire.
pub struct Pair<C = ClientApp, S = ServerApp> {
    /// The time.
    pub clock: Clock,
    /// The client.
    pub client: Endpoint<Client, C>,
    /// The server.
    pub server: Endpoint<Server, S>,
    /// The wire from the client.
    pub to_server: Link,
    /// The wire from the server.
    pub to_client: Link,
}

/// The seed of the randomness of one side of a pair.
#[must_use]
pub fn rng_seed(seed: u64, role: Role) -> u64 {
    seed.wrapping_mul(2).wrapping_add(match role {
        Role::Client => 0,
        Role::Server => 1,
    })
}

/// Turns after which a pair that still moves is said to run for ever.
const TURNS_MAX: usize = 2_000_000;

/// A client's configuration with every default, for user `alice`.
#[must_use]
pub fn client_config() -> Config<Client> {
    let ident = Ident::new("testkit", None).expect("a good identification");
    Config::new(transport::Config::new(Role::Client, ident), ClientAuthConfig { user: "alice".to_owned() })
}

/// A server's configuration with these host keys that enables every method but `none`.
#[must_use]
pub fn server_config(host_keys: &[PrivateKey]) -> Config<Server> {
    let ident = Ident::new("testkit", None).expect("a good identification");
    let mut transport = transport::Config::new(Role::Server, ident);
    transport.host_keys = host_keys.iter().map(|key| key.public().blob()).collect();
    let auth = userauth::server::Config {
        methods: Methods::EMPTY
            .with(Method::PublicKey)
            .with(Method::Password)
            .with(Method::KeyboardInteractive),
        algorithms: SIGNATURES.iter().collect(),
        ..userauth::server::Config::default()
    };
    Config::new(transport, auth)
}

impl Pair {
    /// A pair whose randomness comes from `seed`: the client has one key, which the server knows.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::configured(seed, |_| {}, |_| {})
    }

    /// Like [`seeded`](Self::seeded), with algorithms that cost nothing and protect nothing.
    #[must_use]
    pub fn null(seed: u64) -> Self {
        Self::configured(
            seed,
            |config| std::sync::Arc::make_mut(&mut config.transport).algorithms = Algorithms::null(),
            |config| std::sync::Arc::make_mut(&mut config.transport).algorithms = Algorithms::null(),
        )
    }

    /// Like [`seeded`](Self::seeded), with changed configurations.
    ///
    /// # Panics
    /// When a configuration cannot be.
    #[must_use]
    pub fn configured(
        seed: u64,
        client: impl FnOnce(&mut Config<Client>),
        server: impl FnOnce(&mut Config<Server>),
    ) -> Self {
        let (mut client_config, mut server_config, client_app, server_app) = Self::parts(seed);
        client(&mut client_config);
        server(&mut server_config);
        let clock = Clock::new();
        let rng = |role| Box::new(SeededRng::new(rng_seed(seed, role)));
        let client =
            Connection::new(client_config, rng(Role::Client), clock.now()).expect("a good configuration");
        let server =
            Connection::new(server_config, rng(Role::Server), clock.now()).expect("a good configuration");
        Self::of(clock, Endpoint::new(client, client_app), Endpoint::new(server, server_app))
    }

    /// What [`seeded`](Self::seeded) puts together: the client has one key, which the server knows.
    ///
    /// # Panics
    /// Never: seeded randomness does not fail.
    #[must_use]
    pub fn parts(seed: u64) -> (Config<Client>, Config<Server>, ClientApp, ServerApp) {
        let mut rng = SeededRng::new(seed);
        let host_key = PrivateKey::generate(&mut rng).expect("seeded");
        let user_key = PrivateKey::generate(&mut rng).expect("seeded");
        let mut server_app = ServerApp::new(vec![host_key]);
        server_app.keys.push(user_key.public());
        let mut client_app = ClientApp::new(vec![Login::None, Login::Key(user_key, true)]);
        client_app.trusted = Some(server_app.host_keys[0].public());
        (client_config(), server_config(&server_app.host_keys), client_app, server_app)
    }

    /// Settles until the user is in, waiting for points of time as needed.
    ///
    /// # Panics
    /// When that does not come about.
    pub fn log_in(&mut self) {
        self.run_until(Duration::from_secs(60), |pair| pair.client.app.logged_in);
        assert!(
            self.client.app.logged_in,
            "no login: client {:?}, server {:?}",
            self.client.error(),
            self.server.error()
        );
        self.settle();
    }

    /// Runs a command with so many bytes of input to its end, and returns what became of it.
    ///
    /// # Panics
    /// When the session does not end.
    pub fn run(&mut self, command: &str, input: u64) -> crate::Session {
        let channel = self.client.app.run(&mut self.client.connection, command, input);
        self.run_until(Duration::from_secs(3600), |pair| pair.client.app.sessions[&channel].closed);
        let session = self.client.app.sessions[&channel].clone();
        assert!(
            session.closed,
            "it never ends: {session:?}; {:?} {:?}",
            self.client.error(),
            self.server.error()
        );
        session
    }
}

impl<C: App<Client>, S: App<Server>> Pair<C, S> {
    /// A pair of these two.
    #[must_use]
    pub fn of(clock: Clock, client: Endpoint<Client, C>, server: Endpoint<Server, S>) -> Self {
        Self { clock, client, server, to_server: Link::new(), to_client: Link::new() }
    }

    /// Records both sides, from the start of a pair that was made from `seed` with configurations called `config`.
    pub fn record(&mut self, config: &str, seed: u64) {
        let start = self.clock.at(Duration::ZERO);
        self.client.connection.record(config, rng_seed(seed, Role::Client), start);
        self.server.connection.record(config, rng_seed(seed, Role::Server), start);
    }

    /// Sets how long bytes take, each way.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.to_server.latency = latency;
        self.to_client.latency = latency;
        self
    }

    /// Sets how many bytes one read returns at most.
    #[must_use]
    pub fn chunk(mut self, chunk: usize) -> Self {
        self.to_server.chunk = chunk;
        self.to_client.chunk = chunk;
        self
    }

    /// Sets how many bytes may be under way, each way.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.to_server.capacity = capacity;
        self.to_client.capacity = capacity;
        self
    }

    /// Lets both sides do all that they can now.
    ///
    /// # Panics
    /// When that never ends.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.turn() {
                return;
            }
        }
        panic!("still moving after {TURNS_MAX} turns");
    }

    /// One turn of each side. Says whether anything moved.
    pub fn turn(&mut self) -> bool {
        let now = self.clock.now();
        let client = self.client.turn(now, &mut self.to_client, &mut self.to_server);
        let server = self.server.turn(now, &mut self.to_server, &mut self.to_client);
        client || server
    }

    /// The next point of time at which something happens by itself.
    #[must_use]
    pub fn next_event(&self) -> Option<Instant> {
        [
            self.to_client.next_arrival(),
            self.to_server.next_arrival(),
            self.client.connection.deadline(),
            self.server.connection.deadline(),
        ]
        .into_iter()
        .flatten()
        .filter(|due| *due > self.clock.now())
        .min()
    }

    /// Settles, and moves the time to each next event, until `done` holds, nothing can happen any more, or `limit` of
    /// time has passed.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.clock.now() + limit;
        for _ in 0..TURNS_MAX {
            if done(self) {
                return;
            }
            if self.turn() {
                continue;
            }
            match self.next_event() {
                Some(next) if next <= end => self.clock.move_to(next),
                _ => return,
            }
        }
        panic!("still moving after {TURNS_MAX} turns");
    }

    /// Lets `duration` pass, with all that happens in it.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.clock.now() + duration;
        self.run_until(duration, |_| false);
        self.clock.move_to(end);
        self.settle();
    }
}
