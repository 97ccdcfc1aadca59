use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crypto::SeededRng;
use keys::{NULL_SIGNATURE, Secret, SignatureAlg};
use proto::{
    AlivePolicy, Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event,
    RecvBuf, Step,
};
use transport::Ident;
use userauth::client::Credential;
use wire::Role;

use crate::server::{BLOCKED_MAX, WAITING_MAX};
use crate::{Channels, Choices, START, algorithms, host_key};

/// A client, and an application that decides as its choices say.
pub struct ClientSide {
    /// The connection under test.
    pub connection: Connection<Client>,
    /// Whether what is to be sent stays until input is blocked by it.
    pub slow: bool,
    rx: RecvBuf,
    now: Instant,
    app: App,
}

#[derive(Default)]
struct App {
    channels: Channels,
    trusted: bool,
    logged_in: bool,
}

fn config(real_exchange: bool) -> Config<Client> {
    let ident = Ident::new("fuzzed", None).expect("a good identification");
    let mut transport = transport::Config::new(Role::Client, ident);
    transport.algorithms = algorithms(real_exchange);
    let mut config = Config::new(Arc::new(transport), ClientAuthConfig { user: "alice".to_owned() });
    config.alive = Some(AlivePolicy { interval: Duration::from_secs(10), count_max: 2 });
    config.channels.channels_max = 64;
    config
}

impl ClientSide {
    /// A client that has received nothing.
    ///
    /// # Panics
    /// When the configuration cannot be.
    #[must_use]
    pub fn new(real_exchange: bool) -> Self {
        static CONFIGS: LazyLock<[Config<Client>; 2]> = LazyLock::new(|| [config(false), config(true)]);
        let config = CONFIGS[usize::from(real_exchange)].clone();
        let rng = Box::new(SeededRng::new(1));
        let connection = Connection::new(config, rng, *START).expect("a good configuration");
        Self { connection, slow: false, rx: RecvBuf::new(), now: *START, app: App::default() }
    }

    /// Receives bytes and deals with all that they hold. Says whether the connection goes on.
    pub fn receive(&mut self, mut bytes: &[u8], choices: &mut Choices<'_>) -> bool {
        while !bytes.is_empty() {
            let room = self.rx.space(bytes.len());
            let n = room.len().min(bytes.len());
            assert!(n > 0, "all that was received was dealt with, so there is room");
            room[..n].copy_from_slice(&bytes[..n]);
            self.rx.filled(n);
            bytes = &bytes[n..];
            if !self.drive(choices) {
                return false;
            }
        }
        true
    }

    /// What the application does when nothing happens, and what is sent then. Says whether the connection goes on.
    pub fn turn(&mut self, choices: &mut Choices<'_>) -> bool {
        self.app.channels.turn(&mut self.connection, choices);
        if !self.slow {
            self.flush();
        }
        self.drive(choices)
    }

    /// Lets the time come to the next point at which something is due. Says whether the connection goes on.
    pub fn wait(&mut self, choices: &mut Choices<'_>) -> bool {
        if let Some(due) = self.connection.deadline() {
            self.now = self.now.max(due);
            self.connection.handle_timeout(self.now);
        }
        self.drive(choices)
    }

    fn flush(&mut self) {
        let waiting = self.connection.transmit().len();
        assert!(waiting <= WAITING_MAX, "{waiting} bytes wait to be sent");
        self.connection.sent(waiting);
    }

    fn drive(&mut self, choices: &mut Choices<'_>) -> bool {
        let mut blocked = 0;
        loop {
            match self.connection.process(self.now, &mut self.rx) {
                Ok(Step::NeedBytes) => return true,
                Ok(Step::Blocked) => {
                    blocked += 1;
                    assert!(blocked < BLOCKED_MAX, "blocked for ever");
                    let sends = !self.connection.transmit().is_empty();
                    self.flush();
                    match self.connection.deadline() {
                        Some(due) if !sends => {
                            self.now = self.now.max(due);
                            self.connection.handle_timeout(self.now);
                        }
                        _ => assert!(sends, "blocked, with nothing to send and nothing to wait for"),
                    }
                    continue;
                }
                Ok(Step::Progress) => {}
                Ok(Step::Event(event)) => self.app.event(&mut self.connection, &event, choices),
                Ok(Step::Ask(question)) => self.app.question(&mut self.connection, question, choices),
                Err(error) => {
                    assert_eq!(self.connection.error(), Some(&error));
                    assert_eq!(self.connection.deadline(), None);
                    assert!(!self.connection.is_open());
                    self.flush();
                    return false;
                }
            }
            blocked = 0;
            assert!(!self.connection.is_open() || self.app.trusted, "open with a host that nobody trusts");
        }
    }
}

impl App {
    fn event(
        &mut self,
        connection: &mut Connection<Client>,
        event: &Event<'_, Client>,
        choices: &mut Choices<'_>,
    ) {
        match event {
            Event::Auth(ClientAuthEvent::LoggedIn(_)) => {
                assert!(self.trusted && !self.logged_in, "logged in once, at a host that is trusted");
                self.logged_in = true;
            }
            Event::Auth(ClientAuthEvent::Banner(_)) | Event::Transport(_) => {}
            Event::Channel(event) => {
                assert!(self.logged_in, "a channel before the login");
                self.channels.event(connection, event, choices);
            }
        }
    }

    fn question(
        &mut self,
        connection: &mut Connection<Client>,
        question: ClientQuestion<'_>,
        choices: &mut Choices<'_>,
    ) {
        let choice = match &question {
            ClientQuestion::HostKey { .. } | ClientQuestion::Channel(_) => 0,
            _ => choices.pick(),
        };
        if choice & 0x80 != 0 {
            drop(question);
            let due = connection.deadline().expect("a dropped ticket is due");
            connection.handle_timeout(due);
            return;
        }
        let answered = match question {
            ClientQuestion::HostKey { ticket, offer } => {
                let ours = offer.blob == host_key().public().blob();
                self.trusted |= ours;
                connection.answer(ticket, ours)
            }
            ClientQuestion::Credential { ticket, .. } => {
                let credential = match choice & 7 {
                    0 => Credential::None,
                    1 | 2 => Credential::PublicKey {
                        algorithm: if choice & 8 == 0 {
                            SignatureAlg::by_name("ssh-ed25519").unwrap()
                        } else {
                            &NULL_SIGNATURE
                        },
                        key: host_key().public().blob(),
                        query_first: choice & 7 == 1,
                    },
                    3 => Credential::Password(Secret::new(b"secret".to_vec())),
                    4 | 5 => Credential::Interactive { submethods: String::new() },
                    _ => Credential::GiveUp,
                };
                connection.answer(ticket, credential)
            }
            ClientQuestion::Sign { ticket, algorithm, data, .. } => {
                let signature = host_key().sign(algorithm, &data).expect("a key of that type");
                connection.answer(ticket, signature)
            }
            ClientQuestion::Prompts { ticket, prompts } => {
                let responses = (0..prompts.count()).map(|_| Secret::new(b"r".to_vec())).collect();
                connection.answer(ticket, responses)
            }
            ClientQuestion::ChangePassword { ticket, .. } => {
                connection.answer(ticket, (Secret::new(b"old".to_vec()), Secret::new(b"new".to_vec())))
            }
            ClientQuestion::Channel(question) => {
                self.channels.question(connection, question, choices);
                return;
            }
        };
        // The one thing that a server can make impossible: it has listed the algorithms that it takes.
        let unlisted = proto::Error::UserAuth(userauth::Error::Misuse(userauth::Misuse::AlgorithmNotListed));
        let spent = proto::Error::UserAuth(userauth::Error::Misuse(userauth::Misuse::TooManyRequests));
        assert!(answered.is_ok() || answered == Err(unlisted) || answered == Err(spent), "{answered:?}");
    }
}
