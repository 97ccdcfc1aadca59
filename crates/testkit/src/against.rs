use std::time::Duration;

use connection::{ChannelType, Grant};
use crypto::SeededRng;
use keys::PrivateKey;
use proto::{Client, Config, Connection, Error, Misuse, Server, Side};
use transport::Reason;
use wire::Role;

use crate::{
    App, ClientApp, Clock, Endpoint, Handmade, Link, Login, Payload, Proposal, ServerApp, client_config,
    server_config,
};

/// One of ours, driven in memory, and a peer made by hand before it. Each method of a side brings both honestly one
/// phase further; what the peer does in between is the test's.
pub struct Against<S: Side, A> {
    /// The time.
    pub clock: Clock,
    /// Ours.
    pub ours: Endpoint<S, A>,
    /// The other one.
    pub peer: Handmade,
    /// What the peer proposes.
    pub proposal: Proposal,
    /// What ours calls the channel of [`in_session`](AgainstServer::in_session).
    pub channel: u32,
    to_ours: Link,
    to_peer: Link,
}

/// A server of ours before a client that may lie.
pub type AgainstServer = Against<Server, ServerApp>;

/// A client of ours before a server that may lie.
pub type AgainstClient = Against<Client, ClientApp>;

/// A wire that takes all that is written.
fn wide() -> Link {
    let mut link = Link::new();
    link.capacity = usize::MAX;
    link
}

/// What the peer calls the channel of [`in_session`](AgainstServer::in_session).
const PEER_CHANNEL: u32 = 7;

/// The password that logs `alice` in.
const PASSWORD: &str = "open sesame";

impl<S: Side, A: App<S>> Against<S, A> {
    fn of(ours: Endpoint<S, A>, clock: Clock, peer: Role) -> Self {
        Self {
            clock,
            ours,
            peer: Handmade::new(peer, 99),
            proposal: Proposal::plain(peer),
            channel: 0,
            to_ours: wide(),
            to_peer: wide(),
        }
    }

    /// Takes the place of what the peer proposes.
    #[must_use]
    pub fn proposing(mut self, change: impl FnOnce(Proposal) -> Proposal) -> Self {
        self.proposal = change(self.proposal);
        self
    }

    /// Moves all bytes both ways until nothing moves.
    pub fn settle(&mut self) {
        loop {
            let now = self.clock.now();
            let bytes = self.peer.take();
            self.to_ours.write(now, &bytes);
            let moved = self.ours.turn(now, &mut self.to_ours, &mut self.to_peer);
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = self.to_peer.read(now, &mut buffer);
                if n == 0 {
                    break;
                }
                self.peer.feed(&buffer[..n]);
            }
            if !moved && bytes.is_empty() {
                return;
            }
        }
    }

    /// Does not read what ours sends: only `bytes` may be on their way to the peer.
    pub fn stop_reading(&mut self, bytes: usize) {
        self.to_peer.capacity = bytes;
        // What is on its way stays there.
        self.to_peer.latency = Duration::from_secs(1 << 30);
    }

    /// Lets time pass, with all that falls due in it.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.clock.now() + duration;
        loop {
            self.settle();
            match self.ours.connection.deadline() {
                Some(due) if due <= end => self.clock.move_to(due),
                _ => break,
            }
        }
        self.clock.move_to(end);
        self.settle();
    }

    /// The peer sends a payload in an honest packet, and ours does all it can about it.
    pub fn tell(&mut self, payload: impl AsRef<[u8]>) {
        self.peer.send(payload.as_ref());
        self.settle();
    }

    /// All payloads that wait to be read by the peer.
    pub fn heard(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.peer.read()).collect()
    }

    /// The numbers of all payloads that wait to be read by the peer.
    pub fn heard_numbers(&mut self) -> Vec<u8> {
        self.heard().iter().map(|payload| payload[0]).collect()
    }

    /// Asserts that nothing is wrong.
    ///
    /// # Panics
    /// When something is.
    pub fn lives(&self) {
        assert_eq!(self.ours.error(), None);
    }

    /// Asserts that the connection is over with `error`, that a DISCONNECT with `reason` is the one and last thing that
    /// the peer was told of it, and that nothing changes that any more.
    ///
    /// # Panics
    /// When it is not so.
    pub fn refused_with(&mut self, error: &Error, reason: Reason) {
        self.over(error);
        let told = self.heard();
        let goodbyes: Vec<_> = told.iter().filter(|payload| payload[0] == 1).collect();
        assert_eq!(goodbyes.len(), 1, "{told:02x?}");
        assert_eq!(told.last(), goodbyes.first().copied(), "something follows DISCONNECT");
        assert_eq!(goodbyes[0][1..5], reason.0.to_be_bytes(), "{error}");
        assert_eq!(self.peer.unread(), b"", "bytes after DISCONNECT");
    }

    /// Like [`refused_with`](Self::refused_with), for a peer that broke the protocol.
    ///
    /// # Panics
    /// When it is not so.
    pub fn refused(&mut self, error: &Error) {
        self.refused_with(error, Reason::PROTOCOL_ERROR);
    }

    /// Asserts that the connection is over with `error`, whatever is done, and that nothing more is sent.
    ///
    /// # Panics
    /// When it is not so.
    pub fn over(&mut self, error: &Error) {
        self.settle();
        assert_eq!(self.ours.error(), Some(error));
        let now = self.clock.now();
        let step = self.ours.connection.process(now, &mut self.ours.rx);
        assert_eq!(step.err().as_ref(), Some(error));
        self.peer.send_bytes(&[0x5a; 300]);
        self.settle();
        assert_eq!(self.ours.error(), Some(error));
        assert_eq!(self.ours.connection.deadline(), None);
        self.ours.connection.handle_timeout(now + Duration::from_secs(1 << 20));
        let opened = self.ours.connection.open(&ChannelType::Session, Grant::default(), 0);
        assert_eq!(opened.err(), Some(Misuse::Over));
        assert!(!self.ours.connection.is_open());
        assert_eq!(self.ours.connection.sendable(), None);
        assert_eq!(self.ours.connection.transmit(), b"");
    }

    /// Both sides identify themselves. Ours has begun the key exchange afterwards.
    ///
    /// # Panics
    /// When ours does not.
    #[must_use]
    pub fn identified(mut self) -> Self {
        self.peer.send_ident();
        self.settle();
        self.peer.read_ident().expect("an identification");
        self
    }

    /// Whether what the peer proposes makes the exchange strict, which it then keeps to.
    fn keep_to_strictness(&mut self) {
        if self.peer.session_id().is_none() {
            let strict = self.proposal.markers.iter().any(|marker| marker.starts_with("kex-strict-"));
            self.peer.set_strict(strict);
        }
    }

    /// Both KEXINITs pass.
    #[must_use]
    pub fn proposed(mut self) -> Self {
        self.keep_to_strictness();
        self.peer.send_kexinit(&self.proposal.clone());
        self.settle();
        self.peer.read_kexinit();
        self
    }
}

impl AgainstServer {
    /// A server that lets `alice` in with a password, before a client.
    #[must_use]
    pub fn server() -> Self {
        Self::server_with(|_| {})
    }

    /// The same with changes to its configuration.
    #[must_use]
    pub fn server_with(change: impl FnOnce(&mut Config<Server>)) -> Self {
        Self::serving(change, |app| app)
    }

    /// Asserts that nobody is in.
    ///
    /// # Panics
    /// When somebody is.
    pub fn nobody_is_in(&self) {
        assert_eq!(self.ours.app.user, None);
        assert!(!self.ours.connection.is_open());
    }

    /// A request to log `alice` in with the right password.
    #[must_use]
    pub fn right_password() -> Payload {
        Payload::number(50)
            .string("alice")
            .string("ssh-connection")
            .string("password")
            .byte(0)
            .string(PASSWORD)
    }

    /// An open of a session that the peer calls `sender`.
    #[must_use]
    pub fn open_session(sender: u32) -> Payload {
        Payload::number(90).string("session").u32(sender).u32(1 << 20).u32(32 * 1024)
    }
}

impl<A: App<Server>> Against<Server, A> {
    /// A server that lets `alice` in with a password, with changes to its configuration and an application made of the
    /// usual one.
    ///
    /// # Panics
    /// When the configuration cannot be.
    #[must_use]
    pub fn serving(change: impl FnOnce(&mut Config<Server>), app: impl FnOnce(ServerApp) -> A) -> Self {
        let host_key = PrivateKey::generate(&mut SeededRng::new(1)).expect("seeded");
        let mut usual = ServerApp::new(vec![host_key]);
        usual.passwords.push(PASSWORD.to_owned());
        let mut config = server_config(&usual.host_keys);
        change(&mut config);
        let clock = Clock::new();
        let connection =
            Connection::new(config, Box::new(SeededRng::new(2)), clock.now()).expect("a good configuration");
        Self::of(Endpoint::new(connection, app(usual)), clock, Role::Client)
    }

    /// A whole key exchange that the client begins, the first one or a later one. EXT_INFO, if there is one, waits to
    /// be read.
    ///
    /// # Panics
    /// When the server does not go along.
    pub fn exchange(&mut self) {
        let proposal = self.proposal.clone();
        self.keep_to_strictness();
        self.peer.send_kexinit(&proposal);
        self.settle();
        self.peer.read_kexinit();
        let ephemeral = self.peer.start_exchange(&proposal);
        self.settle();
        let exchange = self.peer.finish_exchange(&proposal, ephemeral);
        self.peer.read_newkeys(&proposal, &exchange);
        self.peer.send_newkeys(&proposal, &exchange);
        self.settle();
    }

    /// From the identifications to the first keys.
    #[must_use]
    pub fn keyed(self) -> Self {
        let mut this = self.identified();
        this.exchange();
        this
    }

    /// On to the service of user authentication.
    ///
    /// # Panics
    /// When the server does not go along.
    #[must_use]
    pub fn serviced(self) -> Self {
        let mut this = self.keyed();
        this.tell(Payload::number(5).string("ssh-userauth"));
        this.peer.expect(6);
        this
    }

    /// On to the login.
    ///
    /// # Panics
    /// When the server does not let the user in.
    #[must_use]
    pub fn logged_in(self) -> Self {
        let mut this = self.serviced();
        this.tell(AgainstServer::right_password());
        this.peer.expect(52);
        assert!(this.ours.connection.is_open());
        this
    }

    /// On to an open session.
    ///
    /// # Panics
    /// When the server does not grant one.
    #[must_use]
    pub fn in_session(self) -> Self {
        let mut this = self.logged_in();
        this.tell(AgainstServer::open_session(PEER_CHANNEL));
        let granted = this.peer.expect(91);
        assert_eq!(granted[1..5], PEER_CHANNEL.to_be_bytes());
        this.channel = u32::from_be_bytes(granted[5..9].try_into().expect("four bytes"));
        this
    }
}

impl AgainstClient {
    /// A client that trusts every host key and has a password, before a server.
    #[must_use]
    pub fn client() -> Self {
        Self::client_with(vec![Login::Password(PASSWORD.to_owned())], |_| {})
    }

    /// The same with other things to log in with and changes to its configuration.
    ///
    /// # Panics
    /// When that cannot be.
    #[must_use]
    pub fn client_with(logins: Vec<Login>, change: impl FnOnce(&mut Config<Client>)) -> Self {
        let mut config = client_config();
        change(&mut config);
        let clock = Clock::new();
        let connection =
            Connection::new(config, Box::new(SeededRng::new(3)), clock.now()).expect("a good configuration");
        Self::of(Endpoint::new(connection, ClientApp::new(logins)), clock, Role::Server)
    }

    /// A whole key exchange whose KEXINIT the server sends first. What the client sends after its NEWKEYS waits to be
    /// read.
    ///
    /// # Panics
    /// When the client does not go along.
    pub fn exchange(&mut self) {
        let proposal = self.proposal.clone();
        self.keep_to_strictness();
        self.peer.send_kexinit(&proposal);
        self.settle();
        self.peer.read_kexinit();
        let (exchange, public) = self.peer.respond_exchange(&proposal);
        self.peer.send_reply(&exchange, &public);
        self.peer.send_newkeys(&proposal, &exchange);
        self.settle();
        self.peer.read_newkeys(&proposal, &exchange);
    }

    /// From the identifications to the first keys.
    #[must_use]
    pub fn keyed(self) -> Self {
        let mut this = self.identified();
        this.exchange();
        this
    }

    /// On to the client's first request, which is read.
    ///
    /// # Panics
    /// When the client makes none.
    #[must_use]
    pub fn requested(self) -> Self {
        let mut this = self.keyed();
        this.peer.expect(5);
        this.tell(Payload::number(6).string("ssh-userauth"));
        this.peer.expect(50);
        this
    }

    /// On to the login.
    ///
    /// # Panics
    /// When the client does not take it.
    #[must_use]
    pub fn logged_in(self) -> Self {
        let mut this = self.requested();
        this.tell([52]);
        assert!(this.ours.app.logged_in && this.ours.connection.is_open());
        this
    }

    /// On to an open session, for whose `exec` the client waits for a reply, with no window to send into.
    ///
    /// # Panics
    /// When the client asks for none.
    #[must_use]
    pub fn in_session(self) -> Self {
        let mut this = self.logged_in();
        this.ours.app.run(&mut this.ours.connection, "hold", 1 << 40);
        this.settle();
        let open = this.peer.expect(90);
        assert_eq!(open[1..12], *b"\0\0\0\x07session");
        this.channel = u32::from_be_bytes(open[12..16].try_into().expect("four bytes"));
        this.tell(Payload::number(91).u32(this.channel).u32(PEER_CHANNEL).u32(0).u32(32 * 1024));
        this.peer.expect(98);
        this
    }
}
