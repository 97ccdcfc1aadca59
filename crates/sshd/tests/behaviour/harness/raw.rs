//! A client that says exactly what a test wants said, made of our own protocol core.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use connection::{ChannelRequest, ChannelType, Event as Heard, GlobalRequest, Grant, LocalId, Stream};
use crypto::OsRng;
use keys::{KeyFile, PrivateKey};
use proto::{
    ChannelQuestion, Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event,
    RecvBuf, Step,
};
use transport::Ident;
use userauth::client::Credential;
use wire::{NulFree, Role};

use super::{Server, world};

const PATIENCE: Duration = Duration::from_secs(20);

/// What came of the server, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    In,
    Opened,
    Refused,
    Output(String),
    Errors(String),
    Reply(bool),
    Global(bool),
    Status(u32),
    Signal { name: String, core: bool },
    Eof,
    Closed,
    Other(String),
}

/// A connection that is logged in.
pub(crate) struct Raw {
    stream: TcpStream,
    connection: Connection<Client>,
    received: RecvBuf,
    key: PrivateKey,
    tried: bool,
    /// All that came so far, but for output, with the channel it came on.
    pub(crate) said: Vec<(Option<LocalId>, Said)>,
    /// Output and errors together, of all channels.
    pub(crate) output: String,
}

impl Raw {
    /// Logs in with the key `client`.
    pub(crate) fn login(server: &Server) -> Self {
        let ident = Ident::new("raw", None).unwrap();
        let auth = ClientAuthConfig { user: world().account.name.clone() };
        let config = Config::new(transport::Config::new(Role::Client, ident), auth);
        let stream = server.connect();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut raw = Self {
            stream,
            connection: Connection::new(config, Box::new(OsRng), Instant::now()).unwrap(),
            received: RecvBuf::new(),
            key: KeyFile::parse(&fs::read(world().key("client")).unwrap()).unwrap().key,
            tried: false,
            said: Vec::new(),
            output: String::new(),
        };
        raw.until("the login", |raw| raw.has(None, &Said::In));
        raw
    }

    /// Opens a session.
    pub(crate) fn session(&mut self) -> LocalId {
        let channel = self.connection.open(&ChannelType::Session, Grant::default(), 0).unwrap();
        self.until("the session is open", |raw| raw.has(Some(channel), &Said::Opened));
        channel
    }

    /// Makes a request and waits for its reply.
    #[track_caller]
    pub(crate) fn request(&mut self, channel: LocalId, request: &ChannelRequest<'_>) -> bool {
        let before = self.replies(channel).len();
        self.connection.request(channel, request, true, 0).unwrap();
        self.until("the reply", |raw| raw.replies(channel).len() > before);
        self.replies(channel)[before]
    }

    /// Makes a request whose reply is not waited for.
    pub(crate) fn ask(&mut self, channel: LocalId, request: &ChannelRequest<'_>) {
        self.connection.request(channel, request, true, 0).unwrap();
    }

    /// The replies on a channel so far.
    pub(crate) fn replies(&self, channel: LocalId) -> Vec<bool> {
        let of_channel = self.said.iter().filter(|(on, _)| *on == Some(channel));
        of_channel.filter_map(|(_, said)| if let Said::Reply(ok) = said { Some(*ok) } else { None }).collect()
    }

    /// Makes a request of no channel and waits for its reply.
    pub(crate) fn global(&mut self, request: &GlobalRequest<'_>) -> bool {
        let before = self.said.len();
        self.connection.global(request, true, 0).unwrap();
        let answer = |raw: &Self| {
            raw.said[before..]
                .iter()
                .find_map(|(_, said)| if let Said::Global(ok) = said { Some(*ok) } else { None })
        };
        self.until("the reply", |raw| answer(raw).is_some());
        answer(self).unwrap()
    }

    /// Runs a command.
    #[track_caller]
    pub(crate) fn exec(&mut self, channel: LocalId, command: &str) {
        let command = NulFree::new(command.as_bytes()).unwrap();
        assert!(self.request(channel, &ChannelRequest::Exec { command }), "the command is run");
    }

    /// Sends data on a channel.
    pub(crate) fn send(&mut self, channel: LocalId, data: &[u8]) {
        self.connection.ready(channel, Stream::Data, true).unwrap();
        let mut slot = self.connection.slot(channel, Stream::Data, data.len()).expect("room for a little");
        slot.room()[..data.len()].copy_from_slice(data);
        slot.commit(data.len()).unwrap();
        self.connection.ready(channel, Stream::Data, false).unwrap();
    }

    /// Says that no more data comes.
    pub(crate) fn eof(&mut self, channel: LocalId) {
        self.connection.eof(channel).unwrap();
    }

    /// Closes a channel.
    pub(crate) fn close(&mut self, channel: LocalId) {
        self.connection.close(channel).unwrap();
    }

    /// Whether this came.
    pub(crate) fn has(&self, channel: Option<LocalId>, said: &Said) -> bool {
        self.said.iter().any(|(on, one)| *on == channel && one == said)
    }

    /// Waits for this on a channel.
    #[track_caller]
    pub(crate) fn hears(&mut self, channel: LocalId, said: &Said) {
        self.until(&format!("{said:?}"), |raw| raw.has(Some(channel), said));
    }

    /// Waits until this is in the output.
    #[track_caller]
    pub(crate) fn prints(&mut self, text: &str) {
        self.until(text, |raw| raw.output.contains(text));
    }

    /// Goes on until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            let now = Instant::now();
            assert!(now < end, "{what} never came, but {:?} and {:?}", self.said, self.output);
            if self.connection.deadline().is_some_and(|due| due <= now) {
                self.connection.handle_timeout(now);
            }
            let needs_bytes = self.step();
            while !self.connection.transmit().is_empty() {
                let sent = self.stream.write(self.connection.transmit()).unwrap();
                self.connection.sent(sent);
            }
            if needs_bytes && !done(self) {
                match self.stream.read(self.received.space(65_536)) {
                    Ok(0) => panic!("the server ended the connection before {what}: {:?}", self.said),
                    Ok(count) => self.received.filled(count),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => panic!("{error} before {what}: {:?}", self.said),
                }
            }
        }
    }

    /// Takes one packet; says whether there was none.
    fn step(&mut self) -> bool {
        let step = self
            .connection
            .process(Instant::now(), &mut self.received)
            .expect("the server keeps to the protocol");
        let (channel, said) = match step {
            Step::NeedBytes | Step::Blocked => return true,
            Step::Progress | Step::Event(Event::Transport(_)) => return false,
            Step::Event(Event::Auth(ClientAuthEvent::LoggedIn(_))) => (None, Said::In),
            Step::Event(Event::Auth(other)) => (None, Said::Other(format!("{other:?}"))),
            Step::Event(Event::Channel(event)) => match said(&event) {
                Some(said) => said,
                None => return false,
            },
            Step::Ask(question) => {
                answer(question, &mut self.connection, &self.key, &mut self.tried);
                return false;
            }
        };
        match &said {
            Said::Output(text) | Said::Errors(text) => {
                self.output.push_str(text);
                self.connection.consumed(channel.unwrap(), u32::try_from(text.len()).unwrap()).unwrap();
            }
            Said::Closed => {
                // Ours follows, if it was not first.
                let _ = self.connection.close(channel.unwrap());
                self.said.push((channel, said));
            }
            _ => self.said.push((channel, said)),
        }
        false
    }
}

fn said(event: &Heard<'_>) -> Option<(Option<LocalId>, Said)> {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let (channel, said) = match event {
        Heard::Opened { channel, .. } => (channel, Said::Opened),
        Heard::OpenFailed { channel, .. } => (channel, Said::Refused),
        Heard::Data { channel, stream: Stream::Data, data } => (channel, Said::Output(text(data))),
        Heard::Data { channel, stream: Stream::Stderr, data } => (channel, Said::Errors(text(data))),
        Heard::Eof { channel } => (channel, Said::Eof),
        Heard::Closed { channel } => (channel, Said::Closed),
        Heard::RequestReply { channel, ok, .. } => (channel, Said::Reply(*ok)),
        Heard::Request { channel, request: ChannelRequest::ExitStatus { status } } => {
            (channel, Said::Status(*status))
        }
        Heard::Request { channel, request: ChannelRequest::ExitSignal { signal, core_dumped, .. } } => {
            (channel, Said::Signal { name: signal.name().to_owned(), core: *core_dumped })
        }
        Heard::Request { channel, request } => (channel, Said::Other(request.name().to_owned())),
        Heard::GlobalReply { result, .. } => return Some((None, Said::Global(result.is_some()))),
        _ => return None,
    };
    Some((Some(*channel), said))
}

fn answer(
    question: ClientQuestion<'_>,
    connection: &mut Connection<Client>,
    key: &PrivateKey,
    tried: &mut bool,
) {
    match question {
        ClientQuestion::HostKey { ticket, .. } => connection.answer(ticket, true).unwrap(),
        ClientQuestion::Credential { ticket, .. } => {
            assert!(!std::mem::replace(tried, true), "the key is refused");
            let algorithm = key.algorithms().next().unwrap();
            let credential =
                Credential::PublicKey { algorithm, key: key.public().blob(), query_first: false };
            connection.answer(ticket, credential).unwrap();
        }
        ClientQuestion::Sign { ticket, algorithm, data, .. } => {
            connection.answer(ticket, key.sign(algorithm, &data).unwrap()).unwrap();
        }
        ClientQuestion::Prompts { ticket, .. } => drop(ticket),
        ClientQuestion::ChangePassword { ticket, .. } => drop(ticket),
        ClientQuestion::Channel(ChannelQuestion::Open { ticket, .. }) => drop(ticket),
        ClientQuestion::Channel(ChannelQuestion::Request { ticket, .. }) => drop(ticket),
        ClientQuestion::Channel(ChannelQuestion::Global { ticket, .. }) => drop(ticket),
    }
}
