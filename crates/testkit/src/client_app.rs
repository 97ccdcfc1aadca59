use std::collections::{BTreeMap, BTreeSet};

use connection::{ChannelRequest, ChannelType, Grant, LocalId, Stream};
use keys::{PrivateKey, PublicKey, Secret};
use proto::{ChannelQuestion, Client, ClientAuthEvent, ClientQuestion, Event};
use userauth::client::{Because, Credential};
use wire::NulFree;

use crate::Driven;
use crate::app::{App, Consume, Received, Sending, StreamKey, give_credit, pull};

/// Sees each question before the application of the kit does, and hands back what it leaves to that.
pub type ClientHook =
    Box<dyn for<'b> FnMut(&mut Driven<Client>, ClientQuestion<'b>) -> Option<ClientQuestion<'b>>>;

/// One thing to try to log in with.
pub enum Login {
    /// `none`.
    None,
    /// A key; the flag says whether the server is asked first.
    Key(PrivateKey, bool),
    /// A password.
    Password(String),
    /// Responses to prompts, of all rounds one after another.
    Interactive(Vec<String>),
}

/// A client that trusts one host key, logs in and runs sessions.
pub struct ClientApp {
    /// The host key that is trusted; with none, every one is.
    pub trusted: Option<PublicKey>,
    /// What to try, in order.
    pub logins: Vec<Login>,
    current: Option<Login>,
    /// The old and the new password, for when the server wants another one.
    pub change: Option<(String, String)>,
    /// Why a credential was wanted, each time.
    pub wanted: Vec<Because>,
    /// Banners, as they are shown.
    pub banners: Vec<String>,
    /// Names of requests, in order.
    pub requests: Vec<String>,
    /// Tags and results of the replies to requests, in order; of global ones as well.
    pub replies: Vec<(u64, bool)>,
    /// Sees each question first.
    pub hook: Option<ClientHook>,
    /// How fast it reads.
    pub consume: Consume,
    /// Channels that are not read at all.
    pub paused: BTreeSet<LocalId>,
    /// Whether EOF follows the input by itself.
    pub eof_after_input: bool,
    /// Most bytes in one packet of data.
    pub packet: usize,
    /// Whether the user is in.
    pub logged_in: bool,
    /// The sessions so far.
    pub sessions: BTreeMap<LocalId, Session>,
    /// What `grant` of window and packet size sessions are opened with.
    pub grant: Grant,
    received: BTreeMap<(LocalId, StreamKey), Received>,
    sending: BTreeMap<(LocalId, StreamKey), Sending>,
}

/// A session of the client.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// What to run once it is open.
    pub command: String,
    /// Bytes of standard input that are sent before EOF.
    pub input: u64,
    /// The session was granted.
    pub opened: bool,
    /// It was refused.
    pub refused: bool,
    /// Bytes that came on standard output.
    pub stdout: u64,
    /// Bytes that came on standard error.
    pub stderr: u64,
    /// The exit status, once it came.
    pub status: Option<u32>,
    /// Bytes on both streams that came before the exit status.
    pub before_status: u64,
    /// EOF came.
    pub eof: bool,
    /// The last event came.
    pub closed: bool,
    eof_sent: bool,
}

impl ClientApp {
    /// A client that tries `logins` in order and trusts every host key.
    #[must_use]
    pub fn new(logins: Vec<Login>) -> Self {
        Self {
            trusted: None,
            logins,
            current: None,
            change: None,
            wanted: Vec::new(),
            banners: Vec::new(),
            requests: Vec::new(),
            replies: Vec::new(),
            hook: None,
            consume: Consume::AtOnce,
            paused: BTreeSet::new(),
            eof_after_input: true,
            packet: 32 * 1024,
            logged_in: false,
            sessions: BTreeMap::new(),
            grant: Grant::default(),
            received: BTreeMap::new(),
            sending: BTreeMap::new(),
        }
    }

    /// Opens a session that runs `command` with `input` bytes of standard input.
    ///
    /// # Panics
    /// When the connection does not take it.
    pub fn run(&mut self, connection: &mut Driven<Client>, command: &str, input: u64) -> LocalId {
        let channel = connection.open(&ChannelType::Session, self.grant, 0).expect("a session");
        self.sessions.insert(channel, Session { command: command.to_owned(), input, ..Session::default() });
        channel
    }

    /// Bytes of standard input that are still to be sent, on all sessions.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.sending.values().map(|sending| sending.left).sum()
    }

    fn opened(&mut self, connection: &mut Driven<Client>, channel: LocalId) {
        let Some(session) = self.sessions.get_mut(&channel) else { return };
        session.opened = true;
        let command = NulFree::new(session.command.as_bytes()).expect("a command");
        connection.request(channel, &ChannelRequest::Exec { command }, true, 0).expect("an open channel");
        let left = session.input;
        self.sending.insert((channel, StreamKey::Data), Sending { left, ..Sending::default() });
        connection.ready(channel, Stream::Data, left > 0).expect("an open channel");
    }
}

impl App<Client> for ClientApp {
    fn event(&mut self, connection: &mut Driven<Client>, event: &Event<'_, Client>) {
        match event {
            Event::Auth(ClientAuthEvent::LoggedIn(_)) => self.logged_in = true,
            Event::Auth(ClientAuthEvent::Banner(text)) => self.banners.push(text.to_string()),
            Event::Channel(connection::Event::RequestReply { tag, ok, .. }) => self.replies.push((*tag, *ok)),
            Event::Channel(connection::Event::GlobalReply { tag, result }) => {
                self.replies.push((*tag, result.is_some()));
            }
            Event::Channel(connection::Event::Opened { channel, .. }) => self.opened(connection, *channel),
            Event::Channel(connection::Event::OpenFailed { channel, .. }) => {
                self.sessions.entry(*channel).or_default().refused = true;
            }
            Event::Channel(connection::Event::Data { channel, stream, data }) => {
                let received = self.received.entry((*channel, (*stream).into())).or_default();
                received.pattern.check(data);
                received.unconsumed += data.len() as u32;
                let session = self.sessions.entry(*channel).or_default();
                match stream {
                    Stream::Data => session.stdout += data.len() as u64,
                    Stream::Stderr => session.stderr += data.len() as u64,
                }
            }
            Event::Channel(connection::Event::Request {
                channel,
                request: ChannelRequest::ExitStatus { status },
            }) => {
                let session = self.sessions.entry(*channel).or_default();
                session.status = Some(*status);
                session.before_status = session.stdout + session.stderr;
            }
            Event::Channel(connection::Event::Request { request, .. }) => {
                self.requests.push(request.name().to_owned());
            }
            Event::Channel(connection::Event::Eof { channel }) => {
                self.sessions.entry(*channel).or_default().eof = true;
            }
            Event::Channel(connection::Event::Closed { channel }) => {
                self.sessions.entry(*channel).or_default().closed = true;
                let _ = connection.close(*channel);
            }
            _ => {}
        }
    }

    fn question(&mut self, connection: &mut Driven<Client>, question: ClientQuestion<'_>) {
        let question = match &mut self.hook {
            Some(hook) => hook(connection, question),
            None => Some(question),
        };
        let Some(question) = question else { return };
        match question {
            ClientQuestion::HostKey { ticket, offer } => {
                let trusted = self.trusted.as_ref().is_none_or(|key| key.blob() == offer.blob);
                connection.answer(ticket, trusted).expect("an answer");
            }
            ClientQuestion::Credential { ticket, wanted } => {
                self.wanted.push(wanted.because);
                if self.logins.is_empty() {
                    connection.answer(ticket, Credential::GiveUp).expect("an answer");
                    return;
                }
                let login = self.current.insert(self.logins.remove(0));
                let credential = match login {
                    Login::None => Credential::None,
                    Login::Key(key, query_first) => Credential::PublicKey {
                        algorithm: key.algorithms().next().expect("a key has an algorithm"),
                        key: key.public().blob(),
                        query_first: *query_first,
                    },
                    Login::Password(password) => {
                        Credential::Password(Secret::new(password.clone().into_bytes()))
                    }
                    Login::Interactive(_) => Credential::Interactive { submethods: String::new() },
                };
                connection.answer(ticket, credential).expect("a credential");
            }
            ClientQuestion::Sign { ticket, algorithm, data, .. } => match &self.current {
                Some(Login::Key(key, _)) => {
                    let signature = key.sign(algorithm, &data).expect("a key of that type");
                    connection.answer(ticket, signature).expect("a signature of that algorithm");
                }
                _ => connection.decline(ticket),
            },
            ClientQuestion::Prompts { ticket, prompts } => match &mut self.current {
                Some(Login::Interactive(responses)) => {
                    let responses = responses
                        .drain(..prompts.count().min(responses.len()))
                        .map(|text| Secret::new(text.into_bytes()))
                        .collect();
                    connection.answer(ticket, responses).expect("responses");
                }
                _ => connection.decline(ticket),
            },
            ClientQuestion::ChangePassword { ticket, .. } => match self.change.take() {
                Some((old, new)) => {
                    let secret = |text: String| Secret::new(text.into_bytes());
                    connection.answer(ticket, (secret(old), secret(new))).expect("two passwords");
                }
                None => connection.decline(ticket),
            },
            ClientQuestion::Channel(ChannelQuestion::Open { ticket, .. }) => connection.decline(ticket),
            ClientQuestion::Channel(ChannelQuestion::Request { ticket, .. }) => connection.decline(ticket),
            ClientQuestion::Channel(ChannelQuestion::Global { ticket, .. }) => connection.decline(ticket),
        }
    }

    fn turn(&mut self, connection: &mut Driven<Client>) -> bool {
        let mut moved = false;
        for ((channel, _), received) in &mut self.received {
            let consume = if self.paused.contains(channel) { Consume::Never } else { self.consume };
            moved |= give_credit(connection, *channel, received, consume);
        }
        moved |= pull(connection, &mut self.sending, self.packet);
        for (channel, session) in &mut self.sessions {
            let left = self.sending.get(&(*channel, StreamKey::Data)).map_or(0, |sending| sending.left);
            if self.eof_after_input && session.opened && !session.closed && !session.eof_sent && left == 0 {
                session.eof_sent = true;
                moved |= connection.eof(*channel).is_ok();
            }
        }
        moved
    }
}
