use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use proto::channels::{
    ChannelRequest, ChannelType, Event as ChannelEvent, Grant, LocalId, Stream, TerminalModes, TerminalSize,
};
use proto::crypto::OsRng;
use proto::userauth::client::Credential;
use proto::wire::{NulFree, Role, Text};
use proto::{
    Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, Config, Connection, Event, RecvBuf, Step,
    transport,
};
use sys::poll::Entry;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came on a channel, in order; data of one stream in a row is one note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Granted(bool),
    Data(Stream, usize),
    Eof,
    Status(u32),
    Signal(String),
    Closed,
}

#[derive(Default)]
pub struct Session {
    pub notes: Vec<Note>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Data is counted and checked against the pattern, and not kept.
    pub counting: bool,
    pub counted: u64,
    /// Data is not consumed.
    pub paused: bool,
    unconsumed: u32,
    opened: bool,
    /// To be sent: these bytes, then so many of the pattern.
    input: Vec<u8>,
    pattern: std::ops::Range<u64>,
    eof: bool,
}

impl Session {
    pub fn closed(&self) -> bool {
        self.notes.contains(&Note::Closed)
    }

    pub fn status(&self) -> Option<u32> {
        self.notes.iter().find_map(|note| match note {
            Note::Status(status) => Some(*status),
            _ => None,
        })
    }

    /// Bytes that came before the exit status.
    pub fn before_status(&self) -> usize {
        let before = self.notes.iter().take_while(|note| !matches!(note, Note::Status(_) | Note::Signal(_)));
        before.map(|note| if let Note::Data(_, n) = note { *n } else { 0 }).sum()
    }

    fn note_data(&mut self, stream: Stream, data: &[u8]) {
        match self.notes.last_mut() {
            Some(Note::Data(last, n)) if *last == stream => *n += data.len(),
            _ => self.notes.push(Note::Data(stream, data.len())),
        }
        if self.counting {
            assert!(is_pattern(self.counted, data), "other bytes after {}", self.counted);
            self.counted += data.len() as u64;
        } else if stream == Stream::Data {
            self.stdout.extend_from_slice(data);
        } else {
            self.stderr.extend_from_slice(data);
        }
        self.unconsumed += data.len() as u32;
    }
}

const PERIOD: u64 = 65_521;

/// The bytes of the pattern from `at` on, as many as fit.
pub fn pattern(at: u64, room: &mut [u8]) {
    static BYTES: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..PERIOD).map(next).collect()
    });
    let (mut at, mut room) = ((at % PERIOD) as usize, room);
    while !room.is_empty() {
        let n = room.len().min(BYTES.len() - at);
        let (part, rest) = room.split_at_mut(n);
        part.copy_from_slice(&BYTES[at..at + n]);
        (room, at) = (rest, 0);
    }
}

fn is_pattern(at: u64, data: &[u8]) -> bool {
    let mut expected = vec![0; data.len()];
    pattern(at, &mut expected);
    expected == data
}

/// The client.
pub struct Peer {
    pub connection: Connection<Client>,
    input: File,
    output: Option<File>,
    rx: RecvBuf,
    pub sessions: BTreeMap<LocalId, Session>,
    pub grant: Grant,
    logged_in: bool,
    /// Why the connection is over.
    pub over: Option<String>,
}

impl Peer {
    pub fn new(socket: OwnedFd) -> Self {
        Self::over(socket, None)
    }

    pub fn over(input: OwnedFd, output: Option<OwnedFd>) -> Self {
        let ident = transport::Ident::new("peer", None).unwrap();
        let auth = ClientAuthConfig { user: "somebody".to_owned() };
        let config = Config::<Client>::new(transport::Config::new(Role::Client, ident), auth);
        sys::fd::set_nonblocking(&input, true).unwrap();
        if let Some(output) = &output {
            sys::fd::set_nonblocking(output, true).unwrap();
        }
        Self {
            connection: Connection::new(config, Box::new(OsRng), Instant::now()).unwrap(),
            input: input.into(),
            output: output.map(File::from),
            rx: RecvBuf::new(),
            sessions: BTreeMap::new(),
            grant: Grant::default(),
            logged_in: false,
            over: None,
        }
    }

    pub fn log_in(&mut self) {
        self.until("the login", |peer| peer.logged_in);
    }

    /// Opens a session that runs `command`.
    pub fn exec(&mut self, command: &str) -> LocalId {
        let channel = self.open();
        self.request(channel, command);
        channel
    }

    /// Opens a session that runs nothing yet.
    pub fn open(&mut self) -> LocalId {
        self.open_kind(&ChannelType::Session)
    }

    /// Opens a forwarded connection.
    pub fn forward(&mut self) -> LocalId {
        let text = Text::new("localhost").unwrap();
        self.open_kind(&ChannelType::DirectTcpip {
            host: text,
            port: 7,
            originator: text,
            originator_port: 1,
        })
    }

    fn open_kind(&mut self, kind: &ChannelType<'_>) -> LocalId {
        let channel = self.connection.open(kind, self.grant, 0).unwrap();
        self.sessions.insert(channel, Session::default());
        self.until("the channel", |peer| peer.sessions[&channel].opened);
        channel
    }

    pub fn request(&mut self, channel: LocalId, command: &str) {
        let command = NulFree::new(command.as_bytes()).unwrap();
        self.connection.request(channel, &ChannelRequest::Exec { command }, true, 0).unwrap();
    }

    /// Asks for a terminal.
    pub fn terminal(&mut self, channel: LocalId) {
        let size = TerminalSize { columns: 80, rows: 24, width: 0, height: 0 };
        let term = NulFree::new(b"dumb").unwrap();
        let request = ChannelRequest::PtyReq { term, size, modes: TerminalModes::default() };
        self.connection.request(channel, &request, true, 0).unwrap();
    }

    pub fn session(&mut self, channel: LocalId) -> &mut Session {
        self.sessions.get_mut(&channel).unwrap()
    }

    pub fn send(&mut self, channel: LocalId, bytes: &[u8]) {
        self.session(channel).input.extend_from_slice(bytes);
        self.connection.ready(channel, Stream::Data, true).unwrap();
    }

    pub fn send_pattern(&mut self, channel: LocalId, bytes: u64) {
        self.session(channel).pattern = 0..bytes;
        self.connection.ready(channel, Stream::Data, true).unwrap();
    }

    /// Says EOF behind what is to be sent.
    pub fn eof(&mut self, channel: LocalId) {
        self.session(channel).eof = true;
        self.connection.ready(channel, Stream::Data, true).unwrap();
    }

    /// Closes a channel once what is to be sent there was sent.
    pub fn close(&mut self, channel: LocalId) {
        self.until("room to send", |peer| {
            let session = &peer.sessions[&channel];
            session.input.is_empty() && session.pattern.is_empty()
        });
        self.connection.close(channel).unwrap();
    }

    /// Runs a command to its end.
    pub fn run(&mut self, command: &str) -> Session {
        let channel = self.exec(command);
        self.until("the end", |peer| peer.sessions[&channel].closed());
        self.sessions.remove(&channel).unwrap()
    }

    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(self.over.is_none(), "over before {what}: {:?}", self.over);
            assert!(Instant::now() < end, "waited in vain for {what}");
            self.turn(Duration::from_millis(100));
        }
    }

    /// Waits until the server has ended the connection.
    pub fn until_over(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.over.is_none() {
            assert!(Instant::now() < end, "waited in vain for the end");
            self.turn(Duration::from_millis(100));
        }
    }

    /// Lets a time pass in which everything that comes is taken in.
    pub fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && self.over.is_none() {
            self.turn(Duration::from_millis(5));
        }
    }

    /// Takes in what is there, or what comes within `wait`, and sends what can be sent.
    pub fn turn(&mut self, wait: Duration) {
        for session in
            self.sessions.iter_mut().filter(|(_, session)| !session.paused && session.unconsumed > 0)
        {
            let _ = self.connection.consumed(*session.0, std::mem::take(&mut session.1.unconsumed));
        }
        self.pull();
        self.write();
        let want_write = !self.connection.transmit().is_empty();
        let entries = &mut [
            Entry::new(self.input.as_fd(), true, want_write && self.output.is_none()),
            Entry::new(self.output.as_ref().unwrap_or(&self.input).as_fd(), false, want_write),
        ];
        sys::poll::wait(entries, Some(wait)).unwrap();
        if entries[0].readable {
            match self.input.read(self.rx.space(128 * 1024)) {
                Ok(0) => self.over = Some("EOF".to_owned()),
                Ok(n) => self.rx.filled(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => self.over = Some(error.to_string()),
            }
        }
        self.process();
    }

    fn write(&mut self) {
        let mut output = self.output.as_ref().unwrap_or(&self.input);
        while !self.connection.transmit().is_empty() {
            match output.write(self.connection.transmit()) {
                Ok(n) => self.connection.sent(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The reading side tells.
                Err(_) => return,
            }
        }
    }

    fn pull(&mut self) {
        while let Some((channel, stream)) = self.connection.sendable() {
            let session = self.sessions.get_mut(&channel).unwrap();
            let Some(mut slot) = self.connection.slot(channel, stream, usize::MAX) else { return };
            let room = slot.room();
            let n = if session.input.is_empty() {
                let left = session.pattern.end - session.pattern.start;
                let n = room.len().min(usize::try_from(left).unwrap());
                pattern(session.pattern.start, &mut room[..n]);
                session.pattern.start += n as u64;
                n
            } else {
                let n = room.len().min(session.input.len());
                room[..n].copy_from_slice(&session.input[..n]);
                session.input.drain(..n);
                n
            };
            slot.commit(n).unwrap();
            if session.input.is_empty() && session.pattern.is_empty() {
                self.connection.ready(channel, stream, false).unwrap();
                if std::mem::take(&mut session.eof) {
                    self.connection.eof(channel).unwrap();
                }
            }
        }
    }

    fn process(&mut self) {
        loop {
            let now = Instant::now();
            if self.connection.deadline().is_some_and(|due| due <= now) {
                self.connection.handle_timeout(now);
            }
            match self.connection.process(now, &mut self.rx) {
                Ok(Step::NeedBytes | Step::Blocked) => return,
                Ok(Step::Progress) => {}
                Ok(Step::Event(event)) => match event {
                    Event::Auth(ClientAuthEvent::LoggedIn(_)) => self.logged_in = true,
                    Event::Channel(event) => note(&mut self.connection, &mut self.sessions, &event),
                    _ => {}
                },
                Ok(Step::Ask(question)) => match question {
                    ClientQuestion::HostKey { ticket, .. } => self.connection.answer(ticket, true).unwrap(),
                    ClientQuestion::Credential { ticket, .. } => {
                        self.connection.answer(ticket, Credential::None).unwrap();
                    }
                    _ => {}
                },
                Err(error) => {
                    self.over.get_or_insert(error.to_string());
                    return;
                }
            }
        }
    }
}

fn note(
    connection: &mut Connection<Client>,
    sessions: &mut BTreeMap<LocalId, Session>,
    event: &ChannelEvent<'_>,
) {
    match event {
        ChannelEvent::Opened { channel, .. } => sessions.get_mut(channel).unwrap().opened = true,
        ChannelEvent::Data { channel, stream, data } => {
            sessions.get_mut(channel).unwrap().note_data(*stream, data);
        }
        ChannelEvent::Eof { channel } => sessions.get_mut(channel).unwrap().notes.push(Note::Eof),
        ChannelEvent::RequestReply { channel, ok, .. } => {
            sessions.get_mut(channel).unwrap().notes.push(Note::Granted(*ok));
        }
        ChannelEvent::Request { channel, request } => {
            let note = match request {
                ChannelRequest::ExitStatus { status } => Note::Status(*status),
                ChannelRequest::ExitSignal { signal, .. } => Note::Signal(signal.name().to_owned()),
                _ => return,
            };
            sessions.get_mut(channel).unwrap().notes.push(note);
        }
        ChannelEvent::Closed { channel } => {
            let _ = connection.close(*channel);
            if let Some(session) = sessions.get_mut(channel) {
                session.notes.push(Note::Closed);
            }
        }
        _ => {}
    }
}
