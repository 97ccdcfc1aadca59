use std::collections::{BTreeMap, BTreeSet};

use connection::{ChannelRequest, Grant, LocalId, OpenReason, OpenRefusal, Stream};
use crypto::Group;
use keys::{PrivateKey, PublicKey};
use proto::{ChannelQuestion, Event, Server, ServerAuthEvent, ServerQuestion};
use userauth::{Challenge, InteractiveAnswer, KeyVerdict, Methods, PasswordAnswer, Prompt, Verdict};
use wire::Human;

use crate::Driven;
use crate::app::{App, Consume, Received, Sending, StreamKey, give_credit, pull};

/// Sees each question before the application of the kit does, and hands back what it leaves to that.
pub type ServerHook =
    Box<dyn for<'b> FnMut(&mut Driven<Server>, ServerQuestion<'b>) -> Option<ServerQuestion<'b>>>;

/// A server that lets in whom it knows and serves a few commands: `source N` sends N bytes of the pattern, `stderr N`
/// on the other stream, `sink` reads, `echo` sends as much as it gets, `exit N` ends with a status; `hold` does nothing.
pub struct ServerApp {
    /// Host keys, in the order of the configuration.
    pub host_keys: Vec<PrivateKey>,
    /// Bits of the well-known group that it gives where it is asked for one.
    pub group_bits: u32,
    /// Keys that are let in, for every user.
    pub keys: Vec<PublicKey>,
    /// Passwords that are let in.
    pub passwords: Vec<String>,
    /// Passwords that are right and must be changed.
    pub expired: Vec<String>,
    /// Rounds of prompts and their right answers.
    pub rounds: Vec<Vec<(String, String)>>,
    round: usize,
    /// What a first good step gives instead of the login: the methods that must follow.
    pub then: Option<Methods>,
    /// Whether `none` is enough.
    pub admit_none: bool,
    /// Whether channels are granted.
    pub grant: Option<Grant>,
    /// Sees each question first.
    pub hook: Option<ServerHook>,
    /// How fast it reads.
    pub consume: Consume,
    /// Channels that are not read at all.
    pub paused: BTreeSet<LocalId>,
    /// Most bytes in one packet of data.
    pub packet: usize,
    /// Who is in.
    pub user: Option<String>,
    /// Whether the login is bound to a key, and if so the key's blob.
    pub proven: Option<Vec<u8>>,
    /// The channels so far.
    pub served: BTreeMap<LocalId, Served>,
    /// Names of requests, in order.
    pub requests: Vec<String>,
    received: BTreeMap<(LocalId, StreamKey), Received>,
    sending: BTreeMap<(LocalId, StreamKey), Sending>,
}

/// What became of a channel on the server.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// The command, once there is one.
    pub command: Option<String>,
    /// Bytes that came.
    pub received: u64,
    /// EOF came.
    pub eof: bool,
    /// CLOSE came.
    pub closed: bool,
    finished: bool,
}

impl ServerApp {
    /// A server with these host keys that lets in nobody.
    #[must_use]
    pub fn new(host_keys: Vec<PrivateKey>) -> Self {
        Self {
            host_keys,
            group_bits: 2048,
            keys: Vec::new(),
            passwords: Vec::new(),
            expired: Vec::new(),
            rounds: Vec::new(),
            round: 0,
            then: None,
            admit_none: false,
            grant: Some(Grant::default()),
            hook: None,
            consume: Consume::AtOnce,
            paused: BTreeSet::new(),
            packet: 32 * 1024,
            user: None,
            proven: None,
            served: BTreeMap::new(),
            requests: Vec::new(),
            received: BTreeMap::new(),
            sending: BTreeMap::new(),
        }
    }

    /// Bytes that are still to be sent, on all channels.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.sending.values().map(|sending| sending.left).sum()
    }

    fn verdict(&mut self, good: bool) -> Verdict {
        match (good, self.then.take()) {
            (true, Some(remaining)) => Verdict::Partial { remaining },
            (true, None) => Verdict::Accept,
            (false, then) => {
                self.then = then;
                Verdict::Reject
            }
        }
    }

    fn start(&mut self, connection: &mut Driven<Server>, channel: LocalId, command: &str) {
        let (name, number) = command.split_once(' ').unwrap_or((command, "0"));
        let number: u64 = number.parse().unwrap_or_default();
        let send = |app: &mut Self, stream: Stream| {
            let sending = Sending { left: number, ..Sending::default() };
            app.sending.insert((channel, stream.into()), sending);
        };
        match name {
            "source" => {
                send(self, Stream::Data);
                connection.ready(channel, Stream::Data, true).expect("an open channel");
            }
            "stderr" => {
                send(self, Stream::Stderr);
                connection.ready(channel, Stream::Stderr, true).expect("an open channel");
            }
            "echo" => {
                self.sending.insert((channel, StreamKey::Data), Sending::default());
            }
            "exit" => {
                connection.exit_status(channel, number as u32).expect("an open channel");
                connection.eof(channel).expect("an open channel");
                connection.close(channel).expect("an open channel");
            }
            _ => {}
        }
        self.served.entry(channel).or_default().command = Some(command.to_owned());
    }

    fn channel_question(&mut self, connection: &mut Driven<Server>, question: ChannelQuestion<'_>) {
        match question {
            ChannelQuestion::Open { ticket, channel, .. } => {
                let answer = self.grant.ok_or(OpenRefusal {
                    reason: OpenReason::ADMINISTRATIVELY_PROHIBITED,
                    text: Human(b"open failed"),
                });
                if answer.is_ok() {
                    self.served.insert(channel, Served::default());
                }
                connection.answer(ticket, answer).expect("an open that was asked");
            }
            ChannelQuestion::Request { ticket, channel, request } => {
                self.requests.push(request.name().to_owned());
                let good = match request {
                    ChannelRequest::Exec { command } => {
                        let command = String::from_utf8_lossy(command.as_bytes()).into_owned();
                        connection.answer(ticket, true).expect("a request that was asked");
                        self.start(connection, channel, &command);
                        return;
                    }
                    ChannelRequest::PtyReq { .. } | ChannelRequest::Env { .. } | ChannelRequest::Shell => {
                        true
                    }
                    _ => false,
                };
                connection.answer(ticket, good).expect("a request that was asked");
            }
            ChannelQuestion::Global { ticket, .. } => {
                connection.answer(ticket, None).expect("a request that was asked");
            }
        }
    }
}

impl App<Server> for ServerApp {
    fn event(&mut self, connection: &mut Driven<Server>, event: &Event<'_, Server>) {
        match event {
            Event::Auth(ServerAuthEvent::Authenticated(who)) => {
                self.user = Some(who.user().to_owned());
                self.proven = who.key().map(|key| key.key().to_vec());
            }
            Event::Channel(connection::Event::Data { channel, stream, data }) => {
                let received = self.received.entry((*channel, (*stream).into())).or_default();
                received.pattern.check(data);
                received.unconsumed += data.len() as u32;
                let served = self.served.entry(*channel).or_default();
                served.received += data.len() as u64;
                if served.command.as_deref() == Some("echo") {
                    let sending = self.sending.entry((*channel, StreamKey::Data)).or_default();
                    sending.left += data.len() as u64;
                    connection.ready(*channel, Stream::Data, true).expect("an open channel");
                }
            }
            Event::Channel(connection::Event::Eof { channel }) => {
                self.served.entry(*channel).or_default().eof = true;
            }
            Event::Channel(connection::Event::Closed { channel }) => {
                self.served.entry(*channel).or_default().closed = true;
                // A session that the client closed first is closed by us too; one that ended by itself already is.
                let _ = connection.close(*channel);
            }
            Event::Channel(connection::Event::Request { channel, request }) => {
                self.requests.push(request.name().to_owned());
                // `dbclient` wants no reply to `exec`.
                if let ChannelRequest::Exec { command } = request {
                    let command = String::from_utf8_lossy(command.as_bytes()).into_owned();
                    self.start(connection, *channel, &command);
                }
            }
            _ => {}
        }
    }

    fn question(&mut self, connection: &mut Driven<Server>, question: ServerQuestion<'_>) {
        let question = match &mut self.hook {
            Some(hook) => hook(connection, question),
            None => Some(question),
        };
        let Some(question) = question else { return };
        match question {
            ServerQuestion::Group { ticket, .. } => {
                let group = Group::well_known(self.group_bits).expect("a well-known group");
                // One that is not asked for is no.
                let _ = connection.answer(ticket, group);
            }
            ServerQuestion::Sign { ticket, request } => {
                let signature = self.host_keys[request.host_key]
                    .sign(request.algorithm, request.hash.as_bytes())
                    .expect("a key of that type");
                connection.answer(ticket, signature).expect("a signature of that algorithm");
            }
            ServerQuestion::None { ticket, .. } => {
                let verdict = if self.admit_none { Verdict::Accept } else { Verdict::Reject };
                connection.answer(ticket, verdict).expect("a verdict");
            }
            ServerQuestion::KeyOffer { ticket, key, .. } => {
                let known = self.keys.iter().any(|known| known.blob() == key.0);
                connection.answer(ticket, known).expect("a verdict");
            }
            ServerQuestion::KeyProof { ticket, proof } => {
                let known = self.keys.iter().any(|known| known.blob() == proof.key());
                let answer = match (known, userauth::verify(&proof)) {
                    (true, Ok(proven)) => match self.verdict(true) {
                        Verdict::Partial { remaining } => KeyVerdict::Partial { proven, remaining },
                        Verdict::Accept | Verdict::Reject => KeyVerdict::Accept(proven),
                    },
                    _ => KeyVerdict::Reject,
                };
                connection.answer(ticket, answer).expect("a verdict");
            }
            ServerQuestion::Password { ticket, password, .. } => {
                let known = |list: &[String]| list.iter().any(|known| known.as_bytes() == password.expose());
                let answer = if known(&self.expired) {
                    PasswordAnswer::Change { prompt: "Choose another one".to_owned() }
                } else {
                    let good = known(&self.passwords);
                    PasswordAnswer::Verdict(self.verdict(good))
                };
                connection.answer(ticket, answer).expect("a verdict");
            }
            ServerQuestion::PasswordChange { ticket, old, new, .. } => {
                let good = self.expired.iter().any(|known| known.as_bytes() == old.expose());
                if good {
                    self.passwords.push(String::from_utf8_lossy(new.expose()).into_owned());
                }
                let verdict = self.verdict(good);
                connection.answer(ticket, PasswordAnswer::Verdict(verdict)).expect("a verdict");
            }
            ServerQuestion::Interactive { ticket, .. } => {
                self.round = 0;
                let answer = match self.rounds.first() {
                    Some(prompts) => InteractiveAnswer::Challenge(challenge(prompts)),
                    None => InteractiveAnswer::Verdict(Verdict::Reject),
                };
                connection.answer(ticket, answer).expect("a challenge");
            }
            ServerQuestion::Responses { ticket, responses } => {
                let good = responses
                    .as_slice()
                    .iter()
                    .zip(&self.rounds[self.round])
                    .all(|(response, (_, right))| response.expose() == right.as_bytes());
                self.round += 1;
                let answer = match self.rounds.get(self.round) {
                    Some(prompts) if good => InteractiveAnswer::Challenge(challenge(prompts)),
                    _ => InteractiveAnswer::Verdict(self.verdict(good)),
                };
                connection.answer(ticket, answer).expect("a verdict");
            }
            ServerQuestion::Channel(question) => self.channel_question(connection, question),
        }
    }

    fn turn(&mut self, connection: &mut Driven<Server>) -> bool {
        let mut moved = false;
        for ((channel, _), received) in &mut self.received {
            let consume = if self.paused.contains(channel) { Consume::Never } else { self.consume };
            moved |= give_credit(connection, *channel, received, consume);
        }
        moved |= pull(connection, &mut self.sending, self.packet);
        // A command that has sent all, and need not wait for more to read, ends with status 0.
        for (channel, served) in &mut self.served {
            let name = served.command.as_deref().map(|command| command.split(' ').next().unwrap_or_default());
            let drained = [StreamKey::Data, StreamKey::Stderr]
                .into_iter()
                .all(|stream| self.sending.get(&(*channel, stream)).is_none_or(|sending| sending.left == 0));
            let done = match name {
                Some("source" | "stderr") => drained,
                Some("echo" | "sink") => drained && served.eof,
                _ => false,
            };
            if done
                && !served.finished
                && connection.channels().is_some_and(|channels| channels.is_open(*channel))
            {
                served.finished = true;
                connection.exit_status(*channel, 0).expect("an open channel");
                connection.eof(*channel).expect("an open channel");
                connection.close(*channel).expect("an open channel");
                moved = true;
            }
        }
        moved
    }
}

fn challenge(prompts: &[(String, String)]) -> Challenge {
    let prompts = prompts.iter().map(|(text, _)| Prompt { text: text.clone(), echo: false }).collect();
    Challenge { prompts, ..Challenge::default() }
}
