use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crypto::SeededRng;
use keys::{NULL_SIGNATURE, SIGNATURES};
use proto::{AlivePolicy, Config, Connection, Event, RecvBuf, Server, ServerAuthEvent, ServerQuestion, Step};
use transport::Ident;
use userauth::{Challenge, InteractiveAnswer, KeyVerdict, Method, Methods, PasswordAnswer, Prompt, Verdict};
use wire::Role;

use crate::{Channels, Choices, START, algorithms, host_key, null_signature};

/// Bytes that may wait to be sent at most: data ahead, answers, and a packet's worth of slack.
pub(crate) const WAITING_MAX: usize = 2 * 1024 * 1024;

/// Times that input may be blocked in a row before that counts as for ever.
pub(crate) const BLOCKED_MAX: u32 = 1000;

/// A server, and an application that decides as its choices say.
pub struct ServerSide {
    /// The connection under test.
    pub connection: Connection<Server>,
    /// Whether what is to be sent stays until input is blocked by it.
    pub slow: bool,
    rx: RecvBuf,
    now: Instant,
    app: App,
}

#[derive(Default)]
struct App {
    channels: Channels,
    /// The last answer about a login was that the user may in.
    accepted: bool,
    logged_in: bool,
}

fn config(real_exchange: bool) -> Config<Server> {
    let ident = Ident::new("fuzzed", None).expect("a good identification");
    let mut transport = transport::Config::new(Role::Server, ident);
    transport.algorithms = algorithms(real_exchange);
    transport.host_keys = vec![host_key().public().blob()];
    let auth = userauth::server::Config {
        methods: Method::ALL.into_iter().collect(),
        algorithms: SIGNATURES.iter().chain([&NULL_SIGNATURE]).collect(),
        ..userauth::server::Config::default()
    };
    let mut config = Config::new(Arc::new(transport), auth);
    config.alive = Some(AlivePolicy { interval: Duration::from_secs(10), count_max: 2 });
    config.channels.channels_max = 64;
    config
}

impl ServerSide {
    /// A server that has received nothing.
    ///
    /// # Panics
    /// When the configuration cannot be.
    #[must_use]
    pub fn new(real_exchange: bool) -> Self {
        static CONFIGS: LazyLock<[Config<Server>; 2]> = LazyLock::new(|| [config(false), config(true)]);
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
            assert!(!self.connection.is_open() || self.app.accepted, "open without a verdict");
        }
    }
}

impl App {
    fn event(
        &mut self,
        connection: &mut Connection<Server>,
        event: &Event<'_, Server>,
        choices: &mut Choices<'_>,
    ) {
        match event {
            Event::Auth(ServerAuthEvent::Authenticated(who)) => {
                assert!(self.accepted && !self.logged_in, "{} is let in by nobody", who.user());
                self.logged_in = true;
            }
            Event::Auth(ServerAuthEvent::Unasked(_)) | Event::Transport(_) => {}
            Event::Channel(event) => {
                assert!(self.logged_in, "a channel before the login");
                self.channels.event(connection, event, choices);
            }
        }
    }

    fn verdict(&mut self, choice: u8) -> Verdict {
        match choice & 3 {
            1 => {
                self.accepted = true;
                Verdict::Accept
            }
            2 => Verdict::Partial {
                remaining: Methods::EMPTY.with(Method::Password).with(Method::KeyboardInteractive),
            },
            _ => Verdict::Reject,
        }
    }

    fn question(
        &mut self,
        connection: &mut Connection<Server>,
        question: ServerQuestion<'_>,
        choices: &mut Choices<'_>,
    ) {
        // The next login is decided anew.
        self.accepted &= self.logged_in;
        let answered = match question {
            ServerQuestion::Sign { ticket, request } => {
                let signature = if request.algorithm.name == NULL_SIGNATURE.name {
                    null_signature()
                } else {
                    host_key().sign(request.algorithm, request.hash.as_bytes()).expect("a key of that type")
                };
                connection.answer(ticket, signature)
            }
            ServerQuestion::Group { ticket, request } => match crypto::Group::well_known(2048) {
                Some(group) if request.admits(group.bits()) => connection.answer(ticket, group),
                _ => {
                    drop(ticket);
                    connection.handle_timeout(self.deadline(connection));
                    return;
                }
            },
            ServerQuestion::Channel(question) => {
                self.channels.question(connection, question, choices);
                return;
            }
            question => {
                let choice = choices.pick();
                if choice & 0x80 != 0 {
                    // The ticket goes with the question: that is a no.
                    drop(question);
                    connection.handle_timeout(self.deadline(connection));
                    return;
                }
                self.login(connection, question, choice)
            }
        };
        assert!(answered.is_ok(), "{answered:?}");
    }

    fn deadline(&self, connection: &Connection<Server>) -> Instant {
        connection.deadline().expect("a dropped ticket is due")
    }

    fn login(
        &mut self,
        connection: &mut Connection<Server>,
        question: ServerQuestion<'_>,
        choice: u8,
    ) -> Result<(), proto::Error> {
        match question {
            ServerQuestion::None { ticket, .. } => {
                let verdict = self.verdict(choice);
                let answered = connection.answer(ticket, verdict);
                // It is asked for in any case, so that the user can be looked up; the answer is then a no.
                let not_enabled = userauth::Error::Misuse(userauth::Misuse::NotEnabled);
                if answered == Err(proto::Error::UserAuth(not_enabled)) {
                    self.accepted = false;
                    return Ok(());
                }
                answered
            }
            ServerQuestion::KeyOffer { ticket, .. } => connection.answer(ticket, choice & 1 != 0),
            ServerQuestion::KeyProof { ticket, proof } => {
                let verdict = match (userauth::verify(&proof), self.verdict(choice)) {
                    (Ok(proven), Verdict::Accept) => KeyVerdict::Accept(proven),
                    (Ok(proven), Verdict::Partial { remaining }) => KeyVerdict::Partial { proven, remaining },
                    (Err(_), _) | (_, Verdict::Reject) => {
                        self.accepted = false;
                        KeyVerdict::Reject
                    }
                };
                connection.answer(ticket, verdict)
            }
            ServerQuestion::Password { ticket, .. } | ServerQuestion::PasswordChange { ticket, .. } => {
                let answer = if choice & 3 == 3 {
                    PasswordAnswer::Change { prompt: "another one".to_owned() }
                } else {
                    PasswordAnswer::Verdict(self.verdict(choice))
                };
                connection.answer(ticket, answer)
            }
            ServerQuestion::Interactive { ticket, .. } | ServerQuestion::Responses { ticket, .. } => {
                let answer = if choice & 3 == 3 {
                    let prompt = Prompt { text: "?".to_owned(), echo: choice & 4 != 0 };
                    let prompts = vec![prompt; usize::from(choice >> 4)];
                    InteractiveAnswer::Challenge(Challenge { prompts, ..Challenge::default() })
                } else {
                    InteractiveAnswer::Verdict(self.verdict(choice))
                };
                connection.answer(ticket, answer)
            }
            ServerQuestion::Group { .. } | ServerQuestion::Sign { .. } | ServerQuestion::Channel(_) => Ok(()),
        }
    }
}
