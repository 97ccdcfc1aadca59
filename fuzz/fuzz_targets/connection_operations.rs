//! Two machines of the connection protocol and a wire between them, under two applications that do anything in any
//! order. As long as nobody lies: no side refuses what the other sends, no window is exceeded, every byte arrives in
//! order, replies keep their order, nothing stalls, and in the end every channel is gone. Where a peer lies, what it can
//! make a machine hold stays bounded.
#![no_main]

use std::collections::{BTreeMap, VecDeque};

use arbitrary::Arbitrary;
use connection::{
    Ask, ChannelRequest, ChannelType, Config, Connection, Event, GlobalId, GlobalRequest, Grant, LocalId,
    OpenId, OpenRefusal, Output, Priority, RequestId, Signal, Stream, limits,
};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{Lie, name};
use wire::Role;

const CHANNELS_MAX: usize = 8;
/// No window is ever larger.
const WINDOW_MAX: u32 = 1023;

#[derive(Arbitrary, Debug)]
enum Op<'a> {
    Open { session: bool, window: u16, packet: u8 },
    AnswerOpen { yes: bool, window: u16, packet: u8 },
    Send { channel: u8, stderr: bool, bytes: u8 },
    SendNext(u8),
    Ready { channel: u8, stderr: bool, ready: bool },
    Urgent { channel: u8, interactive: bool },
    Consume { channel: u8, bytes: u16 },
    StopReading(u8),
    SetWindow { channel: u8, bytes: u16 },
    Eof(u8),
    Exit { channel: u8, status: u32 },
    ExitSignal(u8),
    Close(u8),
    Request { channel: u8, kind: u8, reply: bool },
    Answer { which: u8, ok: bool },
    Global { keepalive: bool, reply: bool },
    AnswerGlobal { which: u8, ok: bool },
    Flush,
    Deliver,
    Lie(Lie<'a>),
}

/// What an application knows of one of its channels.
#[derive(Debug, Default)]
struct Channel {
    /// Its place in the order of all opens, which the two halves have in common.
    link: u64,
    /// The largest window that was ever given.
    window: u32,
    open: bool,
    sent: [u32; 2],
    received: [u32; 2],
    held: u32,
    eof: bool,
    closing: bool,
    deaf: bool,
    exit: bool,
    seen_eof: bool,
    seen_close: bool,
    tags: VecDeque<u64>,
}

struct Side {
    machine: Connection,
    out: Vec<Vec<u8>>,
    inbox: VecDeque<Vec<u8>>,
    channels: BTreeMap<LocalId, Channel>,
    /// Opens of this side that the peer was not asked about yet.
    on_the_way: VecDeque<u64>,
    opens: VecDeque<(OpenId, u64)>,
    requests: Vec<RequestId>,
    globals: Vec<GlobalId>,
    global_tags: VecDeque<u64>,
}

impl Side {
    /// What a peer may send and what is held for the application are together no more than was ever given.
    fn check_windows(&self) {
        for (id, channel) in &self.channels {
            let (window, held) = (self.machine.receive_window(*id), self.machine.unconsumed(*id));
            assert!(window + held <= channel.window, "{window} and {held} of {}", channel.window);
        }
    }
}

struct World {
    sides: [Side; 2],
    links: u64,
    tags: u64,
    /// Somebody lied: from here on only what no lie may break is checked.
    lied: bool,
    over: bool,
}

fn byte(at: usize, link: u64, stream: usize, place: u32) -> u8 {
    ((link * 7 + stream as u64 * 3 + at as u64 + u64::from(place)) % 251) as u8
}

fn stream(stderr: bool) -> Stream {
    if stderr { Stream::Stderr } else { Stream::Data }
}

fn grant(window: u16, packet: u8) -> Grant {
    let max_packet = limits::PEER_PACKET_MIN + u32::from(packet);
    Grant { window: u32::from(window) & WINDOW_MAX, max_packet }
}

impl World {
    fn new() -> Self {
        let config = Config { send_eow: true, channels_max: CHANNELS_MAX, ..Config::default() };
        let sides = [Role::Client, Role::Server].map(|role| Side {
            machine: Connection::new(role, config),
            out: Vec::new(),
            inbox: VecDeque::new(),
            channels: BTreeMap::new(),
            on_the_way: VecDeque::new(),
            opens: VecDeque::new(),
            requests: Vec::new(),
            globals: Vec::new(),
            global_tags: VecDeque::new(),
        });
        Self { sides, links: 0, tags: 0, lied: false, over: false }
    }

    fn choose(&self, at: usize, choice: u8) -> Option<LocalId> {
        let open: Vec<_> = self.open_ids(at);
        (!open.is_empty()).then(|| open[usize::from(choice) % open.len()])
    }

    fn open_ids(&self, at: usize) -> Vec<LocalId> {
        self.sides[at].channels.iter().filter(|(_, channel)| channel.open).map(|(id, _)| *id).collect()
    }

    fn step(&mut self, at: usize, op: &Op<'_>) {
        match *op {
            Op::Open { session, window, packet } => self.open(at, session, grant(window, packet)),
            Op::AnswerOpen { yes, window, packet } => {
                self.answer_open(at, yes.then(|| grant(window, packet)));
            }
            Op::Send { channel, stderr, bytes } => {
                if let Some(id) = self.choose(at, channel) {
                    self.send(at, id, stderr, u32::from(bytes));
                }
            }
            Op::SendNext(bytes) => {
                if let Some((id, stream)) = self.sides[at].machine.sendable() {
                    assert!(self.sides[at].machine.data_budget(id) > 0, "what is sendable has a budget");
                    self.send(at, id, stream == Stream::Stderr, u32::from(bytes) + 1);
                }
            }
            Op::Answer { which, ok } => self.answer(at, which, ok),
            Op::Global { keepalive, reply } => self.global(at, keepalive, reply),
            Op::AnswerGlobal { which, ok } => self.answer_global(at, which, ok),
            Op::Flush => {
                self.flush(at);
            }
            Op::Deliver => {
                self.deliver(at);
            }
            Op::Lie(ref lie) => {
                self.lied = true;
                let payload = lie.payload(&self.sides[at].machine);
                self.hand(at, &payload);
            }
            Op::Ready { channel, .. }
            | Op::Urgent { channel, .. }
            | Op::Consume { channel, .. }
            | Op::StopReading(channel)
            | Op::SetWindow { channel, .. }
            | Op::Eof(channel)
            | Op::Exit { channel, .. }
            | Op::ExitSignal(channel)
            | Op::Close(channel)
            | Op::Request { channel, .. } => {
                if let Some(id) = self.choose(at, channel) {
                    self.command(at, id, op);
                }
            }
        }
    }

    fn open(&mut self, at: usize, session: bool, grant: Grant) {
        let link = self.links;
        let side = &mut self.sides[at];
        // A client refuses sessions by itself, so that a server's would have to be followed further.
        let other = ChannelType::Other { name: name("x@example.org"), data: b"" };
        let kind = if session && at == 0 { ChannelType::Session } else { other };
        let room = side.machine.channel_count() < CHANNELS_MAX;
        match side.machine.open(&kind, grant, link, &mut side.out) {
            Ok(id) => {
                self.links += 1;
                side.on_the_way.push_back(link);
                let before =
                    side.channels.insert(id, Channel { link, window: grant.window, ..Channel::default() });
                assert!(before.is_none_or(|before| before.seen_close), "a number is used twice");
            }
            Err(misuse) => assert!(!room, "{misuse:?}"),
        }
    }

    fn answer_open(&mut self, at: usize, grant: Option<Grant>) {
        let side = &mut self.sides[at];
        let Some((id, link)) = side.opens.pop_front() else { return };
        let answer = grant.ok_or(OpenRefusal::PROHIBITED);
        side.machine.answer_open(id, answer, &mut side.out).expect("an open that was asked");
        if let Some(Grant { window, .. }) = grant {
            side.channels.insert(id.channel(), Channel { link, window, open: true, ..Channel::default() });
        }
    }

    fn answer(&mut self, at: usize, which: u8, ok: bool) {
        let side = &mut self.sides[at];
        if !side.requests.is_empty() {
            let id = side.requests.swap_remove(usize::from(which) % side.requests.len());
            // The channel may be gone; then nobody waits.
            let _ = side.machine.answer_request(id, ok, &mut side.out);
        }
    }

    fn global(&mut self, at: usize, keepalive: bool, reply: bool) {
        self.tags += 1;
        let (tag, side) = (self.tags, &mut self.sides[at]);
        let request = if keepalive {
            GlobalRequest::Keepalive
        } else {
            GlobalRequest::Other { name: name("g@example.org"), data: b"" }
        };
        // As many as a peer takes without having answered.
        if side.global_tags.len() < limits::PENDING_GLOBALS_MAX
            && side.machine.global(&request, reply, tag, &mut side.out).is_ok()
            && reply
        {
            side.global_tags.push_back(tag);
        }
    }

    fn answer_global(&mut self, at: usize, which: u8, ok: bool) {
        let side = &mut self.sides[at];
        if !side.globals.is_empty() {
            let id = side.globals.swap_remove(usize::from(which) % side.globals.len());
            let answer = ok.then_some(&b"data"[..]);
            side.machine.answer_global(id, answer, &mut side.out).expect("a request that was asked");
        }
    }

    fn send(&mut self, at: usize, id: LocalId, stderr: bool, bytes: u32) {
        let lied = self.lied;
        let side = &mut self.sides[at];
        let bytes = bytes.min(side.machine.data_budget(id));
        let Some(channel) = side.channels.get_mut(&id).filter(|_| bytes > 0) else { return };
        assert!(lied || !channel.eof && !channel.closing, "a budget after EOF");
        let (stream, index) = (stream(stderr), usize::from(stderr));
        let start = channel.sent[index];
        let mut packet = vec![0; stream.header_len()];
        assert_eq!(side.machine.data_header(id, stream, bytes, &mut packet), Ok(stream.header_len()));
        packet.extend((start..start + bytes).map(|place| byte(at, channel.link, index, place)));
        let window = side.machine.send_window(id);
        side.machine.data_sent(id, stream, bytes).expect("within the budget");
        assert_eq!(side.machine.send_window(id), window - bytes);
        channel.sent[index] += bytes;
        side.out.push(packet);
    }

    fn command(&mut self, at: usize, id: LocalId, op: &Op<'_>) {
        self.tags += 1;
        let (tag, side) = (self.tags, &mut self.sides[at]);
        let Some(channel) = side.channels.get_mut(&id) else { return };
        let machine = &mut side.machine;
        match *op {
            Op::Ready { stderr, ready, .. } => {
                let _ = machine.ready(id, stream(stderr), ready);
            }
            Op::Urgent { interactive, .. } => {
                let priority = if interactive { Priority::Interactive } else { Priority::Bulk };
                let _ = machine.set_priority(id, priority);
            }
            Op::Consume { bytes, .. } => {
                let bytes = u32::from(bytes).min(channel.held);
                channel.held -= bytes;
                let _ = machine.consumed(id, bytes);
            }
            Op::StopReading(_) => channel.deaf |= machine.stop_reading(id).is_ok(),
            Op::SetWindow { bytes, .. } => {
                let bytes = u32::from(bytes) & WINDOW_MAX;
                channel.window = channel.window.max(bytes);
                let _ = machine.set_window(id, bytes);
            }
            Op::Eof(_) => channel.eof |= machine.eof(id).is_ok(),
            Op::Exit { status, .. } => channel.exit |= machine.exit_status(id, status).is_ok(),
            Op::ExitSignal(_) => channel.exit |= machine.exit_signal(id, Signal::Term, true, b"gone").is_ok(),
            Op::Close(_) => channel.closing |= machine.close(id).is_ok(),
            Op::Request { kind, reply, .. } => {
                let request = match kind % 4 {
                    0 => ChannelRequest::Shell,
                    1 => ChannelRequest::Keepalive,
                    2 => ChannelRequest::Break { milliseconds: 5 },
                    _ => ChannelRequest::Other { name: name("r@example.org"), data: b"data" },
                };
                // As many as a peer takes without having answered.
                if channel.tags.len() < limits::PENDING_REQUESTS_MAX
                    && machine.request(id, &request, reply, tag, &mut side.out).is_ok()
                    && reply
                {
                    channel.tags.push_back(tag);
                }
            }
            _ => {}
        }
    }

    /// Puts what `at` has written, and one state message if there is one, on the wire. Whether there was anything.
    fn flush(&mut self, at: usize) -> bool {
        let side = &mut self.sides[at];
        let before = side.out.len();
        let control = side.machine.next_control(&mut side.out);
        assert_eq!(side.out.len(), before + usize::from(control), "one message, if it says so");
        side.check_windows();
        let out = std::mem::take(&mut side.out);
        let any = !out.is_empty();
        self.sides[1 - at].inbox.extend(out);
        any
    }

    fn deliver(&mut self, at: usize) -> bool {
        let Some(payload) = self.sides[at].inbox.pop_front() else { return false };
        self.hand(at, &payload);
        true
    }

    fn hand(&mut self, at: usize, payload: &[u8]) {
        let [client, server] = &mut self.sides;
        let (side, peer) = if at == 0 { (client, server) } else { (server, client) };
        let before = side.out.len();
        let output = match side.machine.handle(payload, &mut side.out) {
            Ok(output) => output,
            Err(connection::Error::Unimplemented(_)) if self.lied => return,
            Err(error) => {
                assert!(self.lied, "{at} refuses {payload:?}: {error}");
                self.over = true;
                return;
            }
        };
        assert!(side.out.len() <= before + 1, "one message leads to one reply at most");
        let told = Told { at, lied: self.lied };
        match output {
            Output::Nothing => {}
            Output::Event(event) => told.event(side, peer, &event),
            Output::Ask(Ask::Open { id, .. }) => {
                let link = peer.on_the_way.pop_front().filter(|_| !self.lied);
                assert!(self.lied || link.is_some(), "an open that nobody sent");
                side.opens.push_back((id, link.unwrap_or_default()));
            }
            Output::Ask(Ask::Request { id, channel, .. }) => {
                assert_eq!(id.channel(), channel);
                side.requests.push(id);
            }
            Output::Ask(Ask::Global { id, .. }) => side.globals.push(id),
            Output::Ask(_) => {}
        }
        let machine = &side.machine;
        assert!(machine.channel_count() <= CHANNELS_MAX);
        assert!(
            machine.pending_questions()
                <= CHANNELS_MAX * (1 + limits::PENDING_REQUESTS_MAX) + limits::PENDING_GLOBALS_MAX
        );
        side.check_windows();
    }

    /// Moves everything until nothing moves.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut any = false;
            for at in [0, 1] {
                any |= self.flush(at);
                any |= self.deliver(at);
                if self.over {
                    return;
                }
            }
            if !any {
                return;
            }
        }
        panic!("it never settles");
    }

    /// Answers and consumes everything.
    fn willing(&mut self) {
        for at in [0, 1] {
            while !self.sides[at].opens.is_empty() {
                self.answer_open(at, Some(Grant { window: 300, max_packet: 64 }));
            }
            while !self.sides[at].requests.is_empty() {
                self.answer(at, 0, true);
            }
            while !self.sides[at].globals.is_empty() {
                self.answer_global(at, 0, true);
            }
            for id in self.open_ids(at) {
                self.command(at, id, &Op::SetWindow { channel: 0, bytes: 300 });
                self.command(at, id, &Op::Consume { channel: 0, bytes: u16::MAX });
            }
        }
        self.settle();
    }

    /// With willing applications 700 more bytes pass on every stream that is open, which is more than two windows.
    fn no_stall(&mut self) {
        for at in [0, 1] {
            for id in self.open_ids(at) {
                for stderr in [false, true] {
                    let goal = self.sides[at].channels[&id].sent[usize::from(stderr)] + 700;
                    for round in 0.. {
                        let channel = &self.sides[at].channels[&id];
                        let sent = channel.sent[usize::from(stderr)];
                        if channel.eof || channel.closing || channel.seen_close || sent >= goal {
                            break;
                        }
                        assert!(round < 200, "stalled at {sent} of {goal}");
                        self.send(at, id, stderr, 64.min(goal - sent));
                        self.settle();
                        self.willing();
                    }
                }
            }
        }
    }

    fn finish(&mut self) {
        self.settle();
        // Answers may bring opens to life, which is seen in the next round.
        self.willing();
        self.willing();
        self.no_stall();
        for at in [0, 1] {
            for id in self.open_ids(at) {
                self.command(at, id, &Op::Close(0));
            }
        }
        self.settle();
        for side in &self.sides {
            assert_eq!(side.machine.channel_count(), 0, "every number is free");
            assert_eq!(side.machine.pending_questions(), 0);
            assert_eq!(side.machine.sendable(), None);
            assert!(!side.machine.has_control());
            assert!(side.global_tags.is_empty(), "every global request has its reply");
            assert!(side.channels.values().all(|channel| channel.seen_close));
        }
    }
}

/// An application that takes in what it is told, and checks it.
struct Told {
    at: usize,
    lied: bool,
}

impl Told {
    fn event(&self, side: &mut Side, peer: &mut Side, event: &Event<'_>) {
        let holds = |what: bool, why: &str| assert!(self.lied || what, "{why}: {event:?}");
        match event {
            Event::OpenFailed { channel, tag, .. } => {
                let gone = side.channels.remove(channel);
                holds(gone.is_some_and(|gone| gone.link == *tag && !gone.open), "an open that was refused");
                // An open that was refused without a question.
                peer.on_the_way.retain(|_| true);
                side.on_the_way.retain(|link| link != tag);
            }
            Event::GlobalReply { tag, .. } => {
                holds(side.global_tags.pop_front() == Some(*tag), "replies keep their order");
            }
            Event::Global { .. } | Event::Malformed { .. } => {}
            Event::Opened { channel, tag, .. } => {
                let Some(known) = side.channels.get_mut(channel) else { panic!("{event:?}") };
                assert_eq!(known.link, *tag);
                known.open = true;
            }
            Event::Data { channel, stream, data } => {
                let unconsumed = side.machine.unconsumed(*channel);
                let Some(known) = side.channels.get_mut(channel) else { panic!("{event:?}") };
                assert!(!data.is_empty() && !known.seen_eof && !known.seen_close);
                assert!(!known.deaf && !known.closing, "nobody reads any more");
                let index = usize::from(*stream == Stream::Stderr);
                for (place, got) in (known.received[index]..).zip(*data) {
                    holds(*got == byte(1 - self.at, known.link, index, place), "every byte in its place");
                }
                let bytes = u32::try_from(data.len()).expect("a small message");
                known.received[index] += bytes;
                known.held += bytes;
                assert_eq!(unconsumed, known.held);
            }
            Event::Eof { channel } => {
                let Some(known) = side.channels.get_mut(channel) else { panic!("{event:?}") };
                assert!(!known.seen_eof && !known.seen_close, "one end");
                known.seen_eof = true;
                let theirs = peer.channels.values().find(|theirs| theirs.link == known.link);
                let whole =
                    theirs.is_some_and(|theirs| theirs.eof && (known.deaf || theirs.sent == known.received));
                holds(whole, "EOF comes after the last byte");
            }
            Event::Closed { channel } => {
                let Some(known) = side.channels.get_mut(channel) else { panic!("{event:?}") };
                assert!(!std::mem::replace(&mut known.seen_close, true), "closed once");
            }
            Event::RequestReply { channel, tag, .. } => {
                let Some(known) = side.channels.get_mut(channel) else { panic!("{event:?}") };
                assert_eq!(known.tags.pop_front(), Some(*tag), "replies keep their order");
            }
            Event::WindowAdjusted { channel } => {
                holds(side.machine.send_window(*channel) > 0, "an adjustment that gives");
            }
            Event::Eow { channel } | Event::Request { channel, .. } => {
                assert!(side.channels.contains_key(channel));
            }
            _ => {}
        }
    }
}

fuzz_target!(|ops: Vec<(bool, Op<'_>)>| {
    let mut world = World::new();
    world.open(0, true, Grant { window: 300, max_packet: 64 });
    world.open(1, false, Grant { window: 300, max_packet: 64 });
    for (server, op) in &ops {
        world.step(usize::from(*server), op);
        if world.over {
            return;
        }
    }
    if world.lied {
        world.settle();
    } else {
        world.finish();
    }
});
