//! The loop that moves the bytes of channels, over descriptors that refuse: pipes and sockets that are full, closed at the other end, or
//! half closed, and a peer that reads and sends as it likes. All of it on one thread: the peer and the other ends have their turns when
//! the loop calls its application, so an input always does the same.
//!
//! No window is exceeded; every byte comes in order, and all of them unless somebody said that they are not wanted; every channel ends
//! when everybody wants it to.
#![no_main]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use arbitrary::Arbitrary;
use connection::{ChannelRequest, ChannelType, Event as ChannelEvent, Grant, LocalId, Stream};
use crypto::SeededRng;
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{START, Way, bytes, fill, host_key};
use nacre_reactor::{Application, Attachment, Driver, Ended, Exit, Io, Reactor, WatchId};
use proto::{
    ChannelQuestion, Client, ClientAuthEvent, ClientQuestion, Connection, Event, RecvBuf, Server,
    ServerQuestion, Step,
};
use transport::Algorithms;
use userauth::client::Credential;
use userauth::{Method, Methods, Verdict};
use wire::Text;

const CHANNELS_MAX: usize = 4;
const STEPS_MAX: usize = 200;
/// Turns in which nothing moves before nothing will.
const QUIET: usize = 12;
/// Turns after which it would have to be over.
const TURNS_MAX: usize = 20_000;

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Plan {
    socket: bool,
    /// The descriptor to which the peer's data goes is full.
    full: bool,
    /// Descriptors come only when a step says so.
    late: bool,
    window: u16,
    peer_window: u16,
    packet: u8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Act {
    Attach,
    /// The peer has this much to send, and reads this much of what came.
    PeerSends(u16),
    PeerReads(u16),
    PeerEof,
    PeerCloses,
    PeerReadsNoMore,
    Rekey,
    /// The other end of the descriptors.
    FarReads(u16),
    FarWrites {
        errors: bool,
        bytes: u16,
    },
    FarEnds {
        errors: bool,
    },
    FarReadsNoMore,
    FarGoes,
    Exit(u8),
    Detach,
}

/// What happens to one of the channels, after so much could pass between the peer and the loop.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Turn {
    channel: u8,
    passes: u8,
    act: Act,
}

const TO_PROGRAM: usize = 0;
const OUTPUT: usize = 1;
const ERRORS: usize = 2;

/// A channel, as the peer, the loop's application and the other ends of its descriptors know it.
struct Channel {
    plan: Plan,
    /// The peer's number of it.
    theirs: LocalId,
    ours: Option<LocalId>,
    attachment: Option<Attachment>,
    far: [Way; 3],
    socket: Option<UnixStream>,
    // The peer's side.
    to_send: u64,
    sent: u64,
    eof: bool,
    closed: bool,
    seen_closed: bool,
    unread: u32,
    received: [u64; 3],
    // The application's.
    gone: bool,
    exit: bool,
    /// Not every byte has to arrive at the program, or at the peer.
    lossy: [bool; 2],
}

fn grant(window: u16, packet: u8) -> Grant {
    Grant { window: u32::from(window).max(1), max_packet: 64 + u32::from(packet) * 16 }
}

/// Bytes that pass in a direction at most: more windows would only take longer.
fn windows(window: u16) -> u64 {
    u64::from(grant(window, 0).window) * 200
}

impl Channel {
    fn new(plan: Plan, theirs: LocalId) -> Self {
        let mut far: [Way; 3] = Default::default();
        let mut socket = None;
        let attachment = if plan.socket {
            let (local, ours) = UnixStream::pair().expect("descriptors");
            let ours = OwnedFd::from(ours);
            far[TO_PROGRAM] = Way::new(local.try_clone().expect("a descriptor"));
            far[OUTPUT] = Way::new(local.try_clone().expect("a descriptor"));
            if plan.full {
                far[TO_PROGRAM].junk = fill(&ours);
            }
            socket = Some(local);
            Attachment::socket(ours)
        } else {
            let [(stdin, input), (output, stdout), (errors, stderr)] =
                [(); 3].map(|()| std::io::pipe().expect("descriptors"));
            far = [Way::new(stdin), Way::new(stdout), Way::new(stderr)];
            let input = OwnedFd::from(input);
            if plan.full {
                far[TO_PROGRAM].junk = fill(&input);
            }
            Attachment::new()
                .sink(Stream::Data, input)
                .source(Stream::Data, output.into())
                .source(Stream::Stderr, errors.into())
        };
        Self {
            plan,
            theirs,
            ours: None,
            attachment: Some(attachment),
            far,
            socket,
            to_send: 0,
            sent: 0,
            eof: false,
            closed: false,
            seen_closed: false,
            unread: 0,
            received: [0; 3],
            gone: false,
            exit: false,
            lossy: [false; 2],
        }
    }

    fn attach(&mut self, io: &mut Io<'_, Server>) {
        if let Some(ours) = self.ours.filter(|_| !self.gone && !self.exit)
            && let Some(attachment) = self.attachment.take()
        {
            io.attach(ours, attachment).expect("descriptors that epoll takes");
        }
    }

    fn exit(&mut self, io: &mut Io<'_, Server>, status: u32) {
        if let Some(ours) = self.ours.filter(|_| !self.plan.socket) {
            self.lossy[0] = true;
            // It never began.
            self.lossy[1] |= self.attachment.take().is_some();
            self.exit = true;
            io.exit(ours, Exit::Status(status));
        }
    }

    /// The other ends are closed, for both directions.
    fn far_goes(&mut self) {
        self.lossy[0] = true;
        self.socket = None;
        for way in &mut self.far {
            way.file = None;
        }
    }
}

/// The peer.
struct Peer {
    connection: Connection<Client>,
    socket: UnixStream,
    rx: RecvBuf,
    logged_in: bool,
}

impl Peer {
    fn new(socket: UnixStream) -> Self {
        let mut config = testkit::client_config();
        std::sync::Arc::make_mut(&mut config.transport).algorithms = Algorithms::null();
        socket.set_nonblocking(true).expect("a socket");
        let connection =
            Connection::new(config, Box::new(SeededRng::new(2)), *START).expect("a good configuration");
        Self { connection, socket, rx: RecvBuf::new(), logged_in: false }
    }

    /// Takes in and sends so much. Whether anything moved.
    fn turn(&mut self, channels: &mut [Channel], most: usize) -> bool {
        let mut moved = false;
        let room = self.rx.space(most);
        let most_read = room.len().min(most);
        match self.socket.read(&mut room[..most_read]) {
            Ok(0) => panic!("the loop has ended"),
            Ok(n) => {
                self.rx.filled(n);
                moved = true;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        self.process(channels);
        self.pull(channels);
        let transmit = self.connection.transmit();
        if !transmit.is_empty() {
            match self.socket.write(&transmit[..transmit.len().min(most)]) {
                Ok(n) => {
                    self.connection.sent(n);
                    moved = true;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        moved
    }

    fn process(&mut self, channels: &mut [Channel]) {
        loop {
            match self.connection.process(*START, &mut self.rx).expect("nobody lies") {
                Step::NeedBytes | Step::Blocked => return,
                Step::Event(Event::Auth(ClientAuthEvent::LoggedIn(_))) => self.logged_in = true,
                Step::Event(Event::Channel(event)) => note(&mut self.connection, channels, &event),
                Step::Ask(ClientQuestion::HostKey { ticket, .. }) => {
                    self.connection.answer(ticket, true).expect("a ticket");
                }
                Step::Ask(ClientQuestion::Credential { ticket, .. }) => {
                    self.connection.answer(ticket, Credential::None).expect("a ticket");
                }
                Step::Progress | Step::Event(_) => {}
                Step::Ask(other) => panic!("{other:?}"),
            }
        }
    }

    fn pull(&mut self, channels: &mut [Channel]) {
        while let Some((id, stream)) = self.connection.sendable() {
            let channel =
                channels.iter_mut().find(|channel| channel.theirs == id).expect("a channel of ours");
            let Some(mut slot) = self.connection.slot(id, stream, usize::MAX) else { return };
            let n = slot.room().len().min(usize::try_from(channel.to_send).expect("few bytes"));
            slot.room()[..n].copy_from_slice(&bytes(TO_PROGRAM, channel.sent, n));
            slot.commit(n).expect("no more than the room");
            channel.sent += n as u64;
            channel.to_send -= n as u64;
            if channel.to_send == 0 {
                self.connection.ready(id, stream, false).expect("a channel of ours");
                if channel.eof {
                    let _ = self.connection.eof(id);
                }
            }
        }
    }
}

fn note(connection: &mut Connection<Client>, channels: &mut [Channel], event: &ChannelEvent<'_>) {
    let (ChannelEvent::Data { channel: id, .. } | ChannelEvent::Closed { channel: id }) = event else {
        return;
    };
    let channel = channels.iter_mut().find(|channel| channel.theirs == *id).expect("a channel of ours");
    match event {
        ChannelEvent::Data { stream, data, .. } => {
            let stream = if *stream == Stream::Stderr { ERRORS } else { OUTPUT };
            let expected = bytes(stream, channel.received[stream], data.len());
            assert!(*data == expected, "other bytes after {}", channel.received[stream]);
            channel.received[stream] += data.len() as u64;
            channel.unread += u32::try_from(data.len()).expect("a packet");
        }
        ChannelEvent::Closed { .. } => {
            let _ = connection.close(*id);
            (channel.seen_closed, channel.closed) = (true, true);
        }
        _ => {}
    }
}

/// How far an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    LogIn,
    Steps,
    /// Everybody reads.
    Willing,
    /// Everybody ends.
    Ending,
}

/// The loop's application, which plays everybody else as well.
struct World {
    peer: Peer,
    channels: Vec<Channel>,
    plans: Vec<Plan>,
    steps: std::vec::IntoIter<Turn>,
    stage: Stage,
    quiet: usize,
    turns: usize,
    /// What epoll says of this does not matter.
    ticker: UnixStream,
    _other: UnixStream,
}

impl World {
    fn begin(&mut self) {
        for plan in &self.plans {
            let text = Text::new("h").expect("a text");
            let kind = if plan.socket {
                ChannelType::DirectTcpip { host: text, port: 1, originator: text, originator_port: 2 }
            } else {
                ChannelType::Session
            };
            let theirs = self
                .peer
                .connection
                .open(&kind, grant(plan.peer_window, plan.packet), 0)
                .expect("few channels");
            self.channels.push(Channel::new(*plan, theirs));
        }
        self.stage = Stage::Steps;
    }

    fn step(&mut self, io: &mut Io<'_, Server>, turn: Turn) {
        self.peer.turn(&mut self.channels, usize::from(turn.passes) * 64 + 1);
        let count = self.channels.len();
        let Some(channel) = self.channels.get_mut(usize::from(turn.channel) % count.max(1)) else { return };
        let connection = &mut self.peer.connection;
        match turn.act {
            Act::Attach => channel.attach(io),
            Act::PeerSends(bytes) => {
                if !channel.eof && connection.ready(channel.theirs, Stream::Data, true).is_ok() {
                    let most = windows(channel.plan.window).saturating_sub(channel.sent + channel.to_send);
                    channel.to_send += most.min(bytes.into());
                }
            }
            Act::PeerReads(bytes) => {
                let n = channel.unread.min(bytes.into());
                channel.unread -= n;
                let _ = connection.consumed(channel.theirs, n);
            }
            Act::PeerEof => {
                channel.eof = true;
                let _ = connection.ready(channel.theirs, Stream::Data, true);
            }
            Act::PeerCloses => {
                if connection.close(channel.theirs).is_ok() {
                    (channel.closed, channel.lossy[1], channel.to_send) = (true, true, 0);
                }
            }
            Act::PeerReadsNoMore => {
                if connection.request(channel.theirs, &ChannelRequest::Eow, false, 0).is_ok() {
                    channel.lossy[1] = true;
                }
            }
            Act::Rekey => connection.rekey(),
            Act::FarReads(bytes) => {
                channel.far[TO_PROGRAM].read(TO_PROGRAM, bytes.into());
            }
            Act::FarWrites { errors, bytes } => {
                let stream = if errors { ERRORS } else { OUTPUT };
                let most = windows(channel.plan.peer_window).saturating_sub(channel.far[stream].passed);
                channel.far[stream].write(stream, most.min(bytes.into()) as usize);
            }
            Act::FarEnds { errors } => {
                let stream = if errors { ERRORS } else { OUTPUT };
                if stream == OUTPUT
                    && let Some(socket) = &channel.socket
                {
                    let _ = socket.shutdown(Shutdown::Write);
                }
                channel.far[stream].file = None;
            }
            Act::FarReadsNoMore => {
                channel.lossy[0] = true;
                if let Some(socket) = &channel.socket {
                    // The kernel tells nobody that a socket which is full takes nothing any more, before it is closed or has room.
                    while channel.far[TO_PROGRAM].read(TO_PROGRAM, 1 << 18) {}
                    let _ = socket.shutdown(Shutdown::Read);
                }
                channel.far[TO_PROGRAM].file = None;
            }
            Act::FarGoes => channel.far_goes(),
            Act::Exit(status) => channel.exit(io, status.into()),
            Act::Detach => {
                if let Some(ours) = channel.ours {
                    channel.lossy = [true; 2];
                    channel.gone = true;
                    io.detach(ours);
                    let _ = io.connection().close(ours);
                }
            }
        }
    }

    /// Everybody reads what comes, and what was to be sent is sent.
    fn willing(&mut self, io: &mut Io<'_, Server>) {
        let mut moved = self.peer.turn(&mut self.channels, 1 << 20);
        for channel in &mut self.channels {
            channel.attach(io);
            moved |= channel.far[TO_PROGRAM].read(TO_PROGRAM, 1 << 18);
            let n = std::mem::take(&mut channel.unread);
            moved |= n > 0;
            let _ = self.peer.connection.consumed(channel.theirs, n);
        }
        self.quiet = if moved { 0 } else { self.quiet + 1 };
    }

    /// What was wanted has arrived.
    fn check_arrived(&self) {
        for channel in &self.channels {
            assert!(channel.to_send == 0 || channel.closed, "the peer cannot send: {:?}", channel.plan);
            assert!(channel.far[TO_PROGRAM].passed <= channel.sent);
            assert!(
                channel.lossy[0] || channel.far[TO_PROGRAM].passed == channel.sent,
                "lost: {:?}",
                channel.plan
            );
            for stream in [OUTPUT, ERRORS] {
                assert!(channel.received[stream] <= channel.far[stream].passed);
                let all = channel.received[stream] == channel.far[stream].passed;
                assert!(all || channel.lossy[1], "lost of {stream}: {:?}", channel.plan);
            }
        }
    }

    fn end(&mut self, io: &mut Io<'_, Server>) {
        for channel in &mut self.channels {
            channel.far_goes();
            if !channel.exit {
                channel.exit(io, 0);
            }
            let _ = self.peer.connection.close(channel.theirs);
            channel.closed = true;
        }
        self.stage = Stage::Ending;
    }

    /// What the peer may send and what waits here are no more than was granted.
    fn check_windows(&self, io: &mut Io<'_, Server>) {
        let Some(machine) = io.connection().channels() else { return };
        for channel in &self.channels {
            let Some(ours) = channel.ours else { continue };
            let most = machine.unconsumed(ours) + machine.receive_window(ours);
            assert!(most <= grant(channel.plan.window, 0).window, "{most} of {:?}", channel.plan);
        }
    }

    fn turn(&mut self, io: &mut Io<'_, Server>) {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "it never ends: {:?}", self.stage);
        self.check_windows(io);
        match self.stage {
            Stage::LogIn => {
                self.peer.turn(&mut self.channels, 1 << 16);
                if self.peer.logged_in {
                    self.begin();
                }
            }
            Stage::Steps => match self.steps.next() {
                Some(turn) => self.step(io, turn),
                None => self.stage = Stage::Willing,
            },
            Stage::Willing => {
                self.willing(io);
                if self.quiet > QUIET {
                    self.check_arrived();
                    self.end(io);
                }
            }
            Stage::Ending => {
                self.willing(io);
                let left = |count: Option<usize>| count != Some(0);
                let ours = io.connection().channels().map(connection::Connection::channel_count);
                let theirs = self.peer.connection.channels().map(connection::Connection::channel_count);
                if !left(ours) && !left(theirs) {
                    assert!(self.channels.iter().all(|channel| channel.seen_closed));
                    io.stop();
                }
                assert!(self.quiet < 1000, "channels that do not end: {ours:?} {theirs:?}");
            }
        }
    }
}

impl Application for World {
    type Side = Server;

    fn start(&mut self, io: &mut Io<'_, Server>) {
        let watch = io.watch(&self.ticker).expect("a socket");
        io.again(watch);
    }

    fn event(&mut self, _: &mut Io<'_, Server>, event: &Event<'_, Server>) {
        if let Event::Channel(ChannelEvent::Closed { channel }) = event {
            let known = self.channels.iter_mut().find(|known| known.ours == Some(*channel));
            let known = known.expect("a channel of ours");
            known.gone = true;
            // What was held for descriptors that had not come.
            known.lossy[0] |= known.attachment.take().is_some();
        }
    }

    fn question(&mut self, io: &mut Io<'_, Server>, question: ServerQuestion<'_>) {
        match question {
            ServerQuestion::Sign { ticket, request } => {
                let signature = host_key().sign(request.algorithm, request.hash.as_bytes()).expect("a key");
                io.connection().answer(ticket, signature).expect("a ticket");
            }
            ServerQuestion::None { ticket, .. } => {
                io.connection().answer(ticket, Verdict::Accept).expect("a ticket");
            }
            ServerQuestion::Channel(ChannelQuestion::Open { ticket, channel, .. }) => {
                let known =
                    self.channels.iter_mut().find(|known| known.ours.is_none()).expect("one of the opens");
                io.hold(channel);
                io.connection()
                    .answer(ticket, Ok(grant(known.plan.window, known.plan.packet)))
                    .expect("a ticket");
                known.ours = Some(channel);
                if !known.plan.late {
                    known.attach(io);
                }
            }
            _ => {}
        }
    }

    fn readable(&mut self, io: &mut Io<'_, Server>, watch: WatchId) {
        self.turn(io);
        io.again(watch);
    }
}

/// As in every program of Rust, which this one is not from its start: writing to what nobody reads is an error.
fn init() {
    let ignored = sys::signal::set_disposition(sys::signal::Signal::PIPE, sys::signal::Disposition::Ignore);
    ignored.expect("a signal that can be ignored");
}

fuzz_target!(init: init(), |input: (Vec<Plan>, Vec<Turn>)| {
    let (mut plans, mut steps) = input;
    plans.truncate(CHANNELS_MAX);
    steps.truncate(STEPS_MAX);
    let (ours, theirs) = UnixStream::pair().expect("descriptors");
    let (ticker, other) = UnixStream::pair().expect("descriptors");
    let mut config = testkit::server_config(std::slice::from_ref(host_key()));
    std::sync::Arc::make_mut(&mut config.transport).algorithms = Algorithms::null();
    config.auth.methods = Methods::EMPTY.with(Method::None);
    let connection = Connection::new(config, Box::new(SeededRng::new(1)), std::time::Instant::now());
    let world = World {
        peer: Peer::new(theirs),
        channels: Vec::new(),
        plans,
        steps: steps.into_iter(),
        stage: Stage::LogIn,
        quiet: 0,
        turns: 0,
        ticker,
        _other: other,
    };
    let reactor = Reactor::new().expect("descriptors");
    let driver = Driver::new(reactor, OwnedFd::from(ours).into(), connection.expect("a good configuration"), world);
    let (ended, _world) = driver.expect("descriptors").run();
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
});
