//! Logins: identification, key exchange, both signatures, user authentication, and a session.

use std::sync::Arc;
use std::time::Instant;

use crypto::{OsRng, Rng, SeededRng};
use proto::{Client, Server};
use transport::Algorithms;

use crate::half::{Driven, Half, Plan, deliver};
use crate::phase::{Watch, phase_client, phase_server};

/// A client and a server.
pub struct Pair {
    /// The client.
    pub client: Half<Client>,
    /// The server.
    pub server: Half<Server>,
    /// The time, which stands still.
    pub now: Instant,
}

/// Nanoseconds in each side's calls, its signatures and verdicts included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sides {
    /// In the client's.
    pub client: f64,
    /// In the server's.
    pub server: f64,
}

/// Where randomness comes from.
#[derive(Clone, Copy, Debug)]
pub enum Randomness {
    /// The system's.
    System,
    /// A seed's, so that every run does the same.
    Seed(u64),
}

impl Randomness {
    fn rng(self, side: u64) -> Box<dyn Rng + Send> {
        match self {
            Self::System => Box::new(OsRng),
            Self::Seed(seed) => Box::new(SeededRng::new(seed * 2 + side)),
        }
    }
}

impl Pair {
    /// Two sides that have not said anything yet.
    #[must_use]
    pub fn new(plan: &Arc<Plan>, randomness: Randomness) -> Self {
        let now = Instant::now();
        Self {
            client: Client::half(plan, randomness.rng(0), now),
            server: Server::half(plan, randomness.rng(1), now),
            now,
        }
    }

    /// One turn of each side: process all, then copy what is to be sent. Says whether anything moved.
    pub fn turn(&mut self, watch: Watch, spent: &mut Sides) -> bool {
        let Self { client, server, now } = self;
        watch.time(&mut spent.client, phase_client, &mut || client.drain(*now));
        let mut moved = deliver(&mut client.connection, &mut server.rx);
        watch.time(&mut spent.server, phase_server, &mut || server.drain(*now));
        moved |= deliver(&mut server.connection, &mut client.rx);
        moved
    }

    /// Turns until nothing moves any more.
    ///
    /// # Panics
    /// When the client did not get its sessions.
    pub fn settle(&mut self, watch: Watch, spent: &mut Sides) {
        while self.turn(watch, spent) {}
        assert_eq!(self.client.open.len(), self.client.sessions, "sessions that were opened");
    }

    /// A pair that is logged in with `sessions` open sessions.
    #[must_use]
    pub fn logged_in(algorithms: &Algorithms, randomness: Randomness, sessions: usize) -> Self {
        let mut pair = Self::new(&Plan::new(algorithms), randomness);
        pair.client.sessions = sessions;
        pair.settle(Watch::stopped(), &mut Sides::default());
        pair
    }
}

/// One login with one session, from nothing.
pub fn login(plan: &Arc<Plan>, randomness: Randomness, watch: Watch) -> Sides {
    let mut spent = Sides::default();
    let now = Instant::now();
    let (mut client, mut server) = (None, None);
    watch.time(&mut spent.client, phase_client, &mut || {
        client = Some(Client::half(plan, randomness.rng(0), now))
    });
    watch.time(&mut spent.server, phase_server, &mut || {
        server = Some(Server::half(plan, randomness.rng(1), now))
    });
    let mut pair = Pair { client: client.expect("just made"), server: server.expect("just made"), now };
    pair.settle(watch, &mut spent);
    spent
}
