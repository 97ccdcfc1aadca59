//! One client for all servers, where what is measured takes microseconds: ours, on a blocking socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use connection::{ChannelRequest, ChannelType, Event, Grant, LocalId, Stream, TerminalModes, TerminalSize};
use crypto::{CIPHERS, OsRng};
use keys::{KeyFile, PrivateKey, SignatureAlg};
use proto::{
    Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event as Said, RecvBuf,
    Step,
};
use transport::{Algorithms, Directions, Ident};
use userauth::client::Credential;
use wire::{NulFree, Role, Text};

use super::{Fault, USER, contender};

/// How long a server may say nothing while something is expected of it.
const SILENCE: Duration = Duration::from_secs(10);

/// Bytes of one read.
const READ: usize = 256 * 1024;

/// Channels that are asked for before the first answer.
const OPENS: usize = 16;

/// The window of a forwarded connection: few bytes go over it.
const FORWARD_WINDOW: u32 = 64 * 1024;

/// A keystroke and how many bytes the terminal echoes for it. The second one takes the first one back, so that the
/// terminal's line never fills up and no program is needed to read it: what is timed is the server.
const KEYSTROKES: [(u8, usize); 2] = [(b'x', 1), (0x7f, 3)];

/// What has happened on a channel.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Opens and requests that were answered.
    answers: u32,
    /// Bytes that came.
    bytes: usize,
    /// When the last of them came.
    at: Option<Instant>,
    status: Option<u32>,
    refused: bool,
    closed: bool,
}

/// A connection that is logged in.
pub struct Load {
    stream: TcpStream,
    connection: Connection<Client>,
    rx: RecvBuf,
    key: PrivateKey,
    blob: Vec<u8>,
    logged_in: bool,
    seen: Vec<(LocalId, Seen)>,
}

impl Load {
    /// Logs in with a private key file.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub fn login(address: SocketAddr, key: &[u8]) -> Result<Self, Fault> {
        let key = KeyFile::parse(key)?.key;
        let mut transport = transport::Config::new(Role::Client, Ident::new("bench", None)?);
        let ciphers = contender::CIPHERS.map(|name| CIPHERS.iter().find(|row| row.name == name));
        transport.algorithms = Algorithms {
            ciphers: Directions::both(ciphers.into_iter().flatten().collect()),
            ..Algorithms::default_for(Role::Client)
        };
        let config = Config::new(transport, ClientAuthConfig { user: USER.to_owned() });
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut load = Self {
            stream,
            connection: Connection::new(config, Box::new(OsRng), Instant::now())?,
            rx: RecvBuf::new(),
            blob: key.public().blob(),
            key,
            logged_in: false,
            seen: Vec::new(),
        };
        load.until("the login", |load| load.logged_in)?;
        Ok(load)
    }

    /// Starts a command, on a terminal or without one.
    ///
    /// # Errors
    /// When the server refuses one of the steps.
    pub fn start(&mut self, command: &str, terminal: bool) -> Result<LocalId, Fault> {
        self.start_with(command, terminal, Grant::default().window)
    }

    /// The same with a window of so many bytes.
    ///
    /// # Errors
    /// When the server refuses one of the steps.
    pub fn start_with(&mut self, command: &str, terminal: bool, window: u32) -> Result<LocalId, Fault> {
        let channel = self.open(&ChannelType::Session, window)?;
        self.opened(channel)?;
        let mut answers = 2;
        if terminal {
            let term = NulFree::new(b"xterm")?;
            let size = TerminalSize { columns: 80, rows: 24, ..TerminalSize::default() };
            let modes = TerminalModes::default();
            let request = ChannelRequest::PtyReq { term, size, modes };
            self.connection.request(channel, &request, true, 0)?;
            answers += 1;
        }
        let command = NulFree::new(command.as_bytes())?;
        self.connection.request(channel, &ChannelRequest::Exec { command }, true, 0)?;
        self.until("a command that runs", |load| load.seen(channel).answers == answers)?;
        Ok(channel)
    }

    fn open(&mut self, kind: &ChannelType<'_>, window: u32) -> Result<LocalId, Fault> {
        let channel = self.connection.open(kind, Grant { window, ..Grant::default() }, 0)?;
        self.seen.push((channel, Seen::default()));
        Ok(channel)
    }

    fn opened(&mut self, channel: LocalId) -> Result<(), Fault> {
        self.until("an open channel", |load| load.seen(channel).answers == 1 || load.seen(channel).refused)?;
        if self.seen(channel).refused {
            return Err("a channel was refused".into());
        }
        Ok(())
    }

    /// Runs a command that must succeed, to the end of its channel.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn run(&mut self, command: &str) -> Result<(), Fault> {
        let channel = self.start(command, false)?;
        self.finish(command, channel)
    }

    /// Runs so many of a command at the same time, each of which must succeed, to the end of their channels.
    ///
    /// # Errors
    /// When one does not succeed.
    pub fn run_together(&mut self, command: &str, count: usize) -> Result<(), Fault> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(self.open(&ChannelType::Session, Grant::default().window)?);
        }
        for channel in &channels {
            self.opened(*channel)?;
            let command = NulFree::new(command.as_bytes())?;
            self.connection.request(*channel, &ChannelRequest::Exec { command }, true, 0)?;
        }
        channels.into_iter().try_for_each(|channel| self.finish(command, channel))
    }

    fn finish(&mut self, command: &str, channel: LocalId) -> Result<(), Fault> {
        self.until("the end of a command", |load| load.seen(channel).closed)?;
        let status = self.seen(channel).status;
        self.seen.retain(|(other, _)| *other != channel);
        match status {
            Some(0) => Ok(()),
            status => Err(format!("{command}: status {status:?}").into()),
        }
    }

    /// Opens so many forwarded connections to a port of the server's loopback, some at a time. Returns them, or nothing when
    /// the server refuses one of them; those before stay open.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn forward(&mut self, port: u16, count: usize) -> Result<Option<Vec<LocalId>>, Fault> {
        let mut channels = Vec::with_capacity(count);
        while channels.len() < count {
            let before = channels.len();
            for _ in before..count.min(before + OPENS) {
                let (host, originator) = (Text::new("127.0.0.1")?, Text::new("127.0.0.1")?);
                let kind = ChannelType::DirectTcpip { host, port, originator, originator_port: 1 };
                channels.push(self.open(&kind, FORWARD_WINDOW)?);
            }
            for channel in &channels[before..] {
                if self.opened(*channel).is_err() {
                    if self.seen(*channel).refused {
                        return Ok(None);
                    }
                    return Err("no answer to an open".into());
                }
            }
        }
        Ok(Some(channels))
    }

    /// Sends a byte on a channel and waits for one, so many times.
    ///
    /// # Errors
    /// When none comes.
    pub fn round_trips(&mut self, channel: LocalId, count: usize) -> Result<(), Fault> {
        for _ in 0..count {
            let expected = self.seen(channel).bytes + 1;
            self.send(channel, b'.')?;
            self.until("a byte back", |load| load.seen(channel).bytes >= expected)?;
        }
        Ok(())
    }

    /// Reads until so many bytes have come on a channel.
    ///
    /// # Errors
    /// When they do not come.
    pub fn read(&mut self, channel: LocalId, bytes: usize) -> Result<(), Fault> {
        self.until("data", |load| load.seen(channel).bytes >= bytes)
    }

    /// Reads for a while.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn read_for(&mut self, duration: Duration) -> Result<(), Fault> {
        let end = Instant::now() + duration;
        self.until("data", |_| Instant::now() >= end)
    }

    /// Times so many keystrokes in a terminal, from just before each is sealed until its echo has come. The next one
    /// follows at once, or, while something else keeps the connection busy, after `pause`.
    ///
    /// # Errors
    /// When an echo does not come.
    pub fn keystrokes(
        &mut self,
        channel: LocalId,
        count: usize,
        pause: Option<Duration>,
    ) -> Result<Vec<Duration>, Fault> {
        let mut times = Vec::with_capacity(count);
        let mut expected = self.seen(channel).bytes;
        for (key, echo) in KEYSTROKES.into_iter().cycle().take(count) {
            if let Some(pause) = pause {
                let due = Instant::now() + pause;
                self.until("data beside the terminal", |_| Instant::now() >= due)?;
            }
            expected += echo;
            let before = Instant::now();
            self.send(channel, key)?;
            self.until("an echo", |load| load.seen(channel).bytes >= expected)?;
            let seen = self.seen(channel);
            if seen.bytes != expected {
                return Err(format!("{} bytes more than the echo", seen.bytes - expected).into());
            }
            times.push(seen.at.unwrap_or(before) - before);
        }
        Ok(times)
    }

    /// Bytes that have come on a channel.
    #[must_use]
    pub fn received(&self, channel: LocalId) -> usize {
        self.seen(channel).bytes
    }

    fn seen(&self, channel: LocalId) -> Seen {
        self.seen.iter().find(|(id, _)| *id == channel).map(|(_, seen)| *seen).unwrap_or_default()
    }

    /// Sends one byte on a channel.
    ///
    /// # Errors
    /// When there is no window for it, or the connection breaks.
    pub fn send(&mut self, channel: LocalId, byte: u8) -> Result<(), Fault> {
        let mut slot = self.connection.slot(channel, Stream::Data, 1).ok_or("no window for a byte")?;
        slot.room()[0] = byte;
        slot.commit(1)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let sealed = self.connection.transmit();
        self.stream.write_all(sealed)?;
        let sent = sealed.len();
        self.connection.sent(sent);
        Ok(())
    }

    /// Drives the connection until `done` holds.
    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) -> Result<(), Fault> {
        while !done(self) {
            self.turn().map_err(|fault| format!("{fault}, waiting for {what}"))?;
        }
        Ok(())
    }

    /// Takes one step; when all that came was looked at, sends what is to be sent and waits for more.
    fn turn(&mut self) -> Result<(), Fault> {
        match self.connection.process(Instant::now(), &mut self.rx) {
            Ok(Step::NeedBytes) => {
                self.flush()?;
                match self.stream.read(self.rx.space(READ)) {
                    Ok(0) => return Err("the server closed the connection".into()),
                    Ok(n) => self.rx.filled(n),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        return Err("the server says nothing".into());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Step::Blocked) => self.flush()?,
            Ok(Step::Progress) => {}
            Ok(Step::Event(Said::Auth(ClientAuthEvent::LoggedIn(_)))) => self.logged_in = true,
            Ok(Step::Event(Said::Channel(event))) => take(&mut self.connection, &mut self.seen, &event)?,
            Ok(Step::Event(Said::Auth(ClientAuthEvent::Banner(_)) | Said::Transport(_))) => {}
            Ok(Step::Ask(question)) => answer(&mut self.connection, question, &self.key, &self.blob)?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Takes note of what happened on a channel.
fn take(
    connection: &mut Connection<Client>,
    channels: &mut [(LocalId, Seen)],
    event: &Event<'_>,
) -> Result<(), Fault> {
    let mut seen = |channel: &LocalId, note: &dyn Fn(&mut Seen)| {
        if let Some((_, seen)) = channels.iter_mut().find(|(id, _)| id == channel) {
            note(seen);
        }
    };
    match event {
        Event::Opened { channel, .. } => seen(channel, &|seen| seen.answers += 1),
        Event::RequestReply { channel, ok: true, .. } => seen(channel, &|seen| seen.answers += 1),
        Event::RequestReply { ok: false, .. } => return Err("a request was refused".into()),
        Event::OpenFailed { channel, .. } => seen(channel, &|seen| seen.refused = true),
        Event::Data { channel, data, .. } => {
            let now = Instant::now();
            seen(channel, &|seen| {
                seen.bytes += data.len();
                seen.at = Some(now);
            });
            connection.consumed(*channel, u32::try_from(data.len())?)?;
        }
        Event::Request { channel, request: ChannelRequest::ExitStatus { status } } => {
            seen(channel, &|seen| seen.status = Some(*status));
        }
        Event::Closed { channel } => seen(channel, &|seen| seen.closed = true),
        // Nothing that is waited for.
        _ => {}
    }
    Ok(())
}

fn answer(
    connection: &mut Connection<Client>,
    question: ClientQuestion<'_>,
    key: &PrivateKey,
    blob: &[u8],
) -> Result<(), Fault> {
    match question {
        ClientQuestion::HostKey { ticket, .. } => connection.answer(ticket, true)?,
        ClientQuestion::Credential { ticket, wanted } => {
            if wanted.requests > 0 {
                return Err("the key was refused".into());
            }
            let (algorithm, key) = (SignatureAlg::by_name("ssh-ed25519").unwrap(), blob.to_vec());
            connection.answer(ticket, Credential::PublicKey { algorithm, key, query_first: false })?;
        }
        ClientQuestion::Sign { ticket, algorithm, data, .. } => {
            let signature = key.sign(algorithm, &data)?;
            connection.answer(ticket, signature)?;
        }
        // A dropped ticket says no.
        ClientQuestion::Prompts { .. }
        | ClientQuestion::ChangePassword { .. }
        | ClientQuestion::Channel(_) => {}
    }
    Ok(())
}
