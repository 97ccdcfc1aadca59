//! One channel between two machines, and everything that can happen to it in any order, as far as small windows, few bytes and one key
//! exchange from each side go: from every state that can be reached so, willing applications bring everything to its end.
//!
//! States are looked at breadth first and each once, so the first failure is also one with the fewest steps. Packets arrive one by one:
//! either side may be told anything at any time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

use std::collections::{HashSet, VecDeque};
use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use connection::{ChannelType, Event as ChannelEvent, Grant, LocalId, Stream};
use keys::PrivateKey;
use nacre_proto::{
    ChannelQuestion, Client, ClientQuestion, Event, RecvBuf, Server, ServerQuestion, Side, Step,
};
use testkit::{Driven, Pair};
use wire::Text;

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Client,
    Server,
}

const BOTH: [At; 2] = [At::Client, At::Server];

/// One thing that happens on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// One packet arrives.
    Arrive,
    /// One byte is sent.
    Put,
    /// One byte is read.
    Read,
    Eof,
    Close,
    StopReading,
    SetWindow,
    Rekey,
}

const ACTS: [Act; 8] =
    [Act::Arrive, Act::Put, Act::Read, Act::Eof, Act::Close, Act::StopReading, Act::SetWindow, Act::Rekey];

/// What is explored.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// A session's CLOSE waits for its server; any other channel's does not.
    session: bool,
    /// What the client grants, and the server; and what each may change it to, once.
    windows: [(u32, Option<u32>); 2],
    /// Bytes that each side sends at most before the end.
    bytes: [u8; 2],
    /// Key exchanges that each side begins at most.
    rekeys: [u8; 2],
    /// Whether a side may stop reading.
    deaf: bool,
    /// Steps before the end.
    depth: usize,
}

/// One side's application, and what it knows of its channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Known {
    channel: Option<u32>,
    sent: u8,
    received: u8,
    unread: u32,
    eof: bool,
    close: bool,
    deaf: bool,
    changed: bool,
    rekeys: u8,
    seen_eof: bool,
    seen_close: bool,
}

struct Half<S: Side> {
    connection: Driven<S>,
    rx: RecvBuf,
    /// Packets on their way here.
    wire: VecDeque<Vec<u8>>,
    /// Messages of key exchanges that were put on their way here, and that arrived.
    exchange: [u8; 2],
    known: Known,
    channel: Option<LocalId>,
}

/// How a side answers what it is asked.
trait Answers: Side {
    fn answer(half: &mut Half<Self>, grant: Grant, key: &PrivateKey, rx: &mut RecvBuf) -> bool;
}

/// The number of a packet's message, and the message: nothing is enciphered.
fn payload(packet: &[u8]) -> &[u8] {
    let padding = usize::from(packet[4]);
    &packet[5..packet.len() - padding]
}

fn is_exchange(packet: &[u8]) -> bool {
    matches!(payload(packet)[0], 20..=49)
}

/// The byte at a place of what a side sends.
fn byte(at: At, place: u8) -> u8 {
    place + if at == At::Client { 0x10 } else { 0x80 }
}

impl<S: Answers> Half<S> {
    fn new(connection: Driven<S>) -> Self {
        Self {
            connection,
            rx: RecvBuf::new(),
            wire: VecDeque::new(),
            exchange: [0; 2],
            known: Known::default(),
            channel: None,
        }
    }

    fn is_live(&self) -> bool {
        self.channel.is_some_and(|channel| self.connection.channels().unwrap().is_open(channel))
    }

    fn at() -> At {
        if S::ROLE == wire::Role::Client { At::Client } else { At::Server }
    }

    fn other() -> At {
        if S::ROLE == wire::Role::Client { At::Server } else { At::Client }
    }

    /// Takes in what has arrived.
    fn process(&mut self, grant: Grant, key: &PrivateKey) {
        let mut rx = std::mem::take(&mut self.rx);
        while S::answer(self, grant, key, &mut rx) {}
        self.rx = rx;
    }

    fn event(&mut self, event: &ChannelEvent<'_>) {
        let known = &mut self.known;
        match event {
            ChannelEvent::Opened { channel, .. } => assert_eq!(Some(*channel), self.channel),
            ChannelEvent::Data { data, .. } => {
                assert!(!known.seen_eof && !known.seen_close && !known.deaf && !known.close, "{event:?}");
                for got in *data {
                    assert_eq!(*got, byte(Self::other(), known.received), "every byte in its place");
                    known.received += 1;
                    known.unread += 1;
                }
            }
            ChannelEvent::Eof { .. } => {
                assert!(!std::mem::replace(&mut known.seen_eof, true) && !known.seen_close);
            }
            ChannelEvent::Closed { .. } => assert!(!std::mem::replace(&mut known.seen_close, true)),
            ChannelEvent::WindowAdjusted { channel } => {
                assert!(self.connection.channels().unwrap().send_window(*channel) > 0);
            }
            ChannelEvent::Eow { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    /// Does something, if it can be done.
    fn act(&mut self, act: Act, shape: &Shape, most: u8) -> bool {
        let (_, change) = shape.windows[Self::at() as usize];
        let known = &mut self.known;
        if act == Act::Rekey {
            let can = known.rekeys < shape.rekeys[Self::at() as usize];
            if can {
                known.rekeys += 1;
                self.connection.rekey();
            }
            return can;
        }
        let Some(channel) = self.channel else { return false };
        match act {
            Act::Arrive | Act::Rekey => panic!("{act:?} is no command on a channel"),
            Act::Put => {
                if known.sent >= most || self.connection.ready(channel, Stream::Data, true).is_err() {
                    return false;
                }
                let named = self.connection.sendable();
                let Some(mut slot) = self.connection.slot(channel, Stream::Data, 1) else {
                    assert_eq!(named, None, "a channel is named that cannot send");
                    let _ = self.connection.ready(channel, Stream::Data, false);
                    return false;
                };
                assert_eq!(named, Some((channel, Stream::Data)));
                assert!(!known.eof && !known.close);
                slot.room()[0] = byte(Self::at(), known.sent);
                slot.commit(1).unwrap();
                known.sent += 1;
                self.connection.ready(channel, Stream::Data, false).unwrap();
                true
            }
            Act::Read => {
                let can = known.unread > 0 && !known.deaf;
                if can {
                    known.unread -= 1;
                    // The channel may be gone.
                    let _ = self.connection.consumed(channel, 1);
                }
                can
            }
            Act::Eof => {
                let said = self.connection.eof(channel).is_ok();
                assert!(!said || !std::mem::replace(&mut known.eof, true));
                said
            }
            Act::Close => {
                let said = self.connection.close(channel).is_ok();
                assert!(!said || !std::mem::replace(&mut known.close, true));
                said
            }
            Act::StopReading => {
                let can = shape.deaf && !known.deaf && self.connection.stop_reading(channel).is_ok();
                known.deaf |= can;
                can
            }
            Act::SetWindow => {
                let Some(window) = change.filter(|_| !known.changed) else { return false };
                known.changed = self.connection.set_window(channel, window).is_ok();
                known.changed
            }
        }
    }

    /// What was sealed since the last time.
    fn sealed(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut rest = self.connection.transmit();
        let all = rest.len();
        while let Some((length, _)) = rest.split_first_chunk::<4>() {
            let (packet, behind) = rest.split_at(4 + u32::from_be_bytes(*length) as usize);
            packets.push(packet.to_vec());
            rest = behind;
        }
        if all > 0 {
            self.connection.sent(all);
        }
        packets
    }

    /// Everything that decides what this side does next, but for numbers that only grow.
    fn write_state(&self, text: &mut String) {
        let channels = self.connection.channels().unwrap();
        let number = self.channel.map_or(0, LocalId::number);
        let machine = format!("{channels:?}")
            .replace(&format!("RemoteId({number})"), "")
            .replace(&format!("generation: {}", number >> 16), "");
        let known = Known { channel: None, ..self.known.clone() };
        let gate = self.connection.transport().gate_open();
        write!(text, "{machine}{known:?}{gate}{:?}{}", self.exchange, self.rx.len()).unwrap();
        for packet in &self.wire {
            match payload(packet) {
                [number @ 20..=49, ..] => write!(text, "|{number}").unwrap(),
                // The channel's number is a new one each time.
                [number, _, _, _, _, rest @ ..] => write!(text, "|{number}{rest:?}").unwrap(),
                short => panic!("{short:?}"),
            }
        }
    }
}

impl Answers for Client {
    fn answer(half: &mut Half<Self>, _: Grant, _: &PrivateKey, rx: &mut RecvBuf) -> bool {
        let Half { connection, .. } = half;
        match connection.process(Instant::now(), rx).unwrap() {
            Step::NeedBytes => return false,
            Step::Progress | Step::Event(Event::Transport(_)) => {}
            Step::Event(Event::Channel(event)) => half.event(&event),
            Step::Ask(ClientQuestion::HostKey { ticket, .. }) => connection.answer(ticket, true).unwrap(),
            other => panic!("{other:?}"),
        }
        true
    }
}

impl Answers for Server {
    fn answer(half: &mut Half<Self>, grant: Grant, key: &PrivateKey, rx: &mut RecvBuf) -> bool {
        let Half { connection, .. } = half;
        match connection.process(Instant::now(), rx).unwrap() {
            Step::NeedBytes => return false,
            Step::Progress | Step::Event(Event::Transport(_)) => {}
            Step::Event(Event::Channel(event)) => half.event(&event),
            Step::Ask(ServerQuestion::Sign { ticket, request }) => {
                let signature = key.sign(request.algorithm, request.hash.as_bytes()).unwrap();
                connection.answer(ticket, signature).unwrap();
            }
            Step::Ask(ServerQuestion::Channel(ChannelQuestion::Open { ticket, channel, .. })) => {
                connection.answer(ticket, Ok(grant)).unwrap();
                half.channel = Some(channel);
            }
            other => panic!("{other:?}"),
        }
        true
    }
}

/// Both sides, and the wires between them.
struct World {
    client: Half<Client>,
    server: Half<Server>,
    key: PrivateKey,
    shape: Shape,
}

impl World {
    fn new(shape: Shape) -> Self {
        let mut pair = Pair::null(7);
        pair.log_in();
        let key = pair.server.app.host_keys.remove(0);
        let (client, server) = (Half::new(pair.client.connection), Half::new(pair.server.connection));
        Self { client, server, key, shape }
    }

    /// A new channel, with everything else as it was before.
    fn open(&mut self) {
        let kind = if self.shape.session {
            ChannelType::Session
        } else {
            let text = Text::new("h").unwrap();
            ChannelType::DirectTcpip { host: text, port: 1, originator: text, originator_port: 2 }
        };
        (self.client.known, self.server.known) = (Known::default(), Known::default());
        (self.client.exchange, self.server.exchange) = ([0; 2], [0; 2]);
        let channel = self.client.connection.open(&kind, self.grant(At::Client), 0).unwrap();
        self.client.channel = Some(channel);
        self.carry();
        self.settle();
        assert_eq!(self.server.channel, Some(channel), "both count alike");
        assert!(self.client.is_live() && self.server.is_live());
    }

    fn grant(&self, at: At) -> Grant {
        Grant { window: self.shape.windows[at as usize].0, max_packet: 100 }
    }

    /// Puts on the wires what was sealed.
    fn carry(&mut self) {
        let (to_server, to_client) = (self.client.sealed(), self.server.sealed());
        for (packets, exchange, wire) in [
            (to_server, &mut self.server.exchange[0], &mut self.server.wire),
            (to_client, &mut self.client.exchange[0], &mut self.client.wire),
        ] {
            for packet in packets {
                *exchange += u8::from(is_exchange(&packet));
                wire.push_back(packet);
            }
        }
    }

    fn arrive(&mut self, at: At) -> bool {
        let grant = self.grant(at);
        fn arrive<S: Answers>(half: &mut Half<S>, grant: Grant, key: &PrivateKey) -> bool {
            let Some(packet) = half.wire.pop_front() else { return false };
            half.exchange[1] += u8::from(is_exchange(&packet));
            half.rx.space(packet.len())[..packet.len()].copy_from_slice(&packet);
            half.rx.filled(packet.len());
            half.process(grant, key);
            true
        }
        match at {
            At::Client => arrive(&mut self.client, grant, &self.key),
            At::Server => arrive(&mut self.server, grant, &self.key),
        }
    }

    fn act(&mut self, at: At, act: Act) -> bool {
        self.act_up_to(at, act, self.shape.bytes[at as usize])
    }

    fn act_up_to(&mut self, at: At, act: Act, bytes: u8) -> bool {
        let done = match (at, act) {
            (_, Act::Arrive) => self.arrive(at),
            (At::Client, _) => self.client.act(act, &self.shape, bytes),
            (At::Server, _) => self.server.act(act, &self.shape, bytes),
        };
        self.carry();
        self.check();
        done
    }

    fn known(&self) -> [&Known; 2] {
        [&self.client.known, &self.server.known]
    }

    /// What holds at all times.
    fn check(&self) {
        let [client, server] = self.known();
        for (at, known, other) in [(At::Client, client, server), (At::Server, server, client)] {
            let (first, change) = self.shape.windows[at as usize];
            assert!(known.unread <= first.max(change.unwrap_or_default()), "more is kept than was granted");
            assert!(known.received <= other.sent);
            let heard = known.deaf || known.close || known.received == other.sent;
            assert!(!known.seen_eof || other.eof && heard, "EOF before the last byte");
            assert!(!known.seen_close || heard, "CLOSE before the last byte");
        }
    }

    fn settle(&mut self) {
        while BOTH.map(|at| self.act(at, Act::Arrive)) != [false; 2] {}
    }

    /// Both read everything that comes.
    fn read(&mut self) {
        loop {
            self.settle();
            if BOTH.map(|at| self.act(at, Act::Read)) == [false; 2] {
                return;
            }
        }
    }

    /// Willing applications: everything that was sent is read, more can be sent if nobody has said that it ends, and all ends.
    fn finish(&mut self) {
        for at in BOTH {
            self.act(at, Act::SetWindow);
        }
        self.read();
        for at in BOTH {
            let [known, other] = match at {
                At::Client => self.known(),
                At::Server => [&self.server.known, &self.client.known],
            };
            let goal = known.sent + 7;
            if known.eof || known.close || other.close {
                continue;
            }
            for round in 0.. {
                assert!(round < 20, "stalled");
                self.read();
                while self.act_up_to(at, Act::Put, goal) {}
                if self.known()[at as usize].sent == goal {
                    break;
                }
            }
        }
        for at in BOTH {
            self.act(at, Act::Eof);
        }
        self.read();
        let [client, server] = self.known();
        for (known, other) in [(client, server), (server, client)] {
            if !known.close && !known.deaf {
                assert_eq!(known.received, other.sent, "every byte arrives");
            }
            assert!(known.seen_eof || known.close || other.close);
        }
        for at in BOTH {
            self.act(at, Act::Close);
        }
        self.settle();
        for (known, live) in
            [(&self.client.known, self.client.is_live()), (&self.server.known, self.server.is_live())]
        {
            assert!(known.seen_close && !live, "it does not end");
        }
        for channels in [self.client.connection.channels(), self.server.connection.channels()] {
            assert_eq!(channels.unwrap().channel_count(), 0);
        }
        let exchanges = [self.client.connection.transport(), self.server.connection.transport()];
        assert!(exchanges.iter().all(|transport| transport.gate_open()), "a key exchange hangs");
        assert_eq!(exchanges[0].exchanges(), exchanges[1].exchanges());
    }

    fn state(&self, text: &mut String) -> u64 {
        text.clear();
        self.client.write_state(text);
        self.server.write_state(text);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    }
}

type Way = Vec<(At, Act)>;

/// Shows the way to a failure.
struct Shown<'a>(Shape, &'a [(At, Act)], Option<(At, Act)>);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(shape, way, last) = self;
            eprintln!("{shape:?}: {way:?} {last:?}, and then to the end");
        }
    }
}

/// Looks at every state that can be reached. Says how many those are, and whether there are more behind.
fn explore(shape: Shape) -> (usize, bool) {
    let (mut world, mut text) = (World::new(shape), String::new());
    let mut seen = HashSet::new();
    let mut edge: Vec<Way> = vec![Vec::new()];
    for _ in 0..shape.depth {
        let mut next = Vec::new();
        for way in edge {
            for at in BOTH {
                for act in ACTS {
                    let _shown = Shown(shape, &way, Some((at, act)));
                    world.open();
                    for (at, act) in &way {
                        assert!(world.act(*at, *act), "it goes the same way each time");
                    }
                    let new = world.act(at, act) && seen.insert(world.state(&mut text));
                    world.finish();
                    if new {
                        next.push(way.iter().copied().chain([(at, act)]).collect());
                    }
                }
            }
        }
        edge = next;
    }
    (seen.len(), !edge.is_empty())
}

/// One byte at a time in both directions, and nothing else that is not written out.
const PLAIN: Shape = Shape {
    session: false,
    windows: [(1, None), (1, None)],
    bytes: [1, 1],
    rekeys: [0, 0],
    deaf: false,
    depth: 60,
};

/// All states, however many steps lead there: at least so many.
fn explore_all(shape: Shape, least: usize) {
    let (states, more) = explore(shape);
    assert!(!more, "there are states behind");
    assert!(states >= least, "what can happen does not: {states} states of {shape:?}");
}

#[test]
fn both_directions_end_whatever_happens_in_which_order() {
    explore_all(PLAIN, 2000);
}

#[test]
fn a_session_ends_whatever_happens_in_which_order() {
    explore_all(Shape { session: true, ..PLAIN }, 2000);
}

#[test]
fn a_byte_waits_for_credit_and_always_gets_it() {
    explore_all(Shape { bytes: [3, 0], ..PLAIN }, 2000);
    explore_all(Shape { bytes: [2, 0], windows: [(1, None), (2, None)], ..PLAIN }, 2000);
}

#[test]
fn windows_that_become_smaller_larger_or_open_late_stall_nobody() {
    explore_all(Shape { bytes: [2, 0], windows: [(1, None), (3, Some(1))], ..PLAIN }, 2000);
    explore_all(Shape { bytes: [1, 0], windows: [(1, None), (1, Some(3))], ..PLAIN }, 2000);
    explore_all(Shape { bytes: [1, 0], windows: [(0, Some(1)), (0, Some(1))], ..PLAIN }, 500);
}

#[test]
fn whoever_reads_no_more_stalls_nobody() {
    explore_all(Shape { bytes: [1, 0], deaf: true, ..PLAIN }, 2000);
}

#[test]
fn a_key_exchange_at_any_point_loses_nothing_and_ends() {
    explore_all(Shape { bytes: [1, 0], rekeys: [1, 0], ..PLAIN }, 2000);
}

/// What a stall would look like: a window that nobody ever opens.
#[test]
#[should_panic(expected = "stalled")]
fn a_stall_is_noticed() {
    explore_all(Shape { windows: [(1, None), (0, None)], ..PLAIN }, 1);
}

/// Not all of them: exchanges that both sides begin make too many.
#[test]
fn key_exchanges_of_both_sides_lose_nothing_and_end() {
    let (states, more) = explore(Shape { bytes: [2, 1], rekeys: [1, 1], deaf: true, depth: 6, ..PLAIN });
    assert!(more && states > 3000, "{states} states");
}
