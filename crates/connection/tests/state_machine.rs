//! Two honest machines under applications that do anything in any order, over wires that deliver at any time.
//!
//! Whatever happens: no side refuses what the other sends, no window is exceeded, every byte arrives in order or the
//! receiver did not want it, EOF comes after the last byte and an exit status always comes, replies keep their order,
//! nothing stalls, and in the end every channel and every number is free.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::{HashMap, VecDeque};

use nacre_connection::{
    ChannelRequest, ChannelType, Config, Grant, LocalId, OpenId, OpenRefusal, RequestId, Stream,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use support::{At, Pair, Seen, name};

const STREAMS: [Stream; 2] = [Stream::Data, Stream::Stderr];
/// More would only make a failure harder to read.
const OPENS: usize = 6;
const GRANT: Grant = Grant { window: 300, max_packet: 64 };

/// One thing that one side's application or wire does. `usize`s choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Op {
    Open,
    AnswerOpen(bool),
    Send(usize, bool, u32),
    Consume(usize, u32),
    StopReading(usize),
    SetWindow(usize, u32),
    Eof(usize),
    Exit(usize, u32),
    Close(usize),
    Request(usize),
    Answer(usize, bool),
    Flush,
    Deliver,
}

fn op() -> impl Strategy<Value = Op> {
    let pick = || any::<usize>();
    prop_oneof![
        2 => Just(Op::Open),
        3 => proptest::bool::weighted(0.8).prop_map(Op::AnswerOpen),
        6 => (pick(), any::<bool>(), 0..100_u32).prop_map(|(c, s, n)| Op::Send(c, s, n)),
        5 => (pick(), 0..400_u32).prop_map(|(c, n)| Op::Consume(c, n)),
        1 => pick().prop_map(Op::StopReading),
        1 => (pick(), 0..1000_u32).prop_map(|(c, n)| Op::SetWindow(c, n)),
        1 => pick().prop_map(Op::Eof),
        1 => (pick(), any::<u32>()).prop_map(|(c, n)| Op::Exit(c, n)),
        1 => pick().prop_map(Op::Close),
        2 => pick().prop_map(Op::Request),
        3 => (pick(), any::<bool>()).prop_map(|(c, ok)| Op::Answer(c, ok)),
        8 => Just(Op::Flush),
        10 => Just(Op::Deliver),
    ]
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![Just(At::Client), Just(At::Server)]
}

/// What an application knows of one of its channels.
#[derive(Debug, Default)]
struct Channel {
    /// The channel's place in the order of all opens, by which the two sides' halves are matched.
    link: usize,
    open: bool,
    sent: [u32; 2],
    received: [u32; 2],
    held: u32,
    eof: bool,
    close: bool,
    deaf: bool,
    exit: Option<u32>,
    seen_eof: bool,
    seen_exit: Option<u32>,
    seen_close: bool,
    tags: VecDeque<u64>,
}

#[derive(Debug, Default)]
struct App {
    channels: HashMap<LocalId, Channel>,
    /// Opens of this side that the peer has not been asked about yet.
    on_the_way: VecDeque<usize>,
    opens: Vec<(OpenId, usize)>,
    questions: Vec<RequestId>,
}

struct World {
    pair: Pair,
    client: App,
    server: App,
    links: usize,
    tags: u64,
}

/// The byte that stands at `place` of a stream of one side of a channel.
fn byte(at: At, link: usize, stream: usize, place: u32) -> u8 {
    let seed = link * 7 + stream * 3 + usize::from(at == At::Client);
    u8::try_from((seed + usize::try_from(place).unwrap()) % 251).unwrap()
}

impl World {
    fn new() -> Self {
        let config = Config { send_eow: true, ..Config::default() };
        Self { pair: Pair::new(config), client: App::default(), server: App::default(), links: 0, tags: 0 }
    }

    fn app(&mut self, at: At) -> &mut App {
        match at {
            At::Client => &mut self.client,
            At::Server => &mut self.server,
        }
    }

    /// The channel that `choice` falls on, by the order of their numbers.
    fn choose(&mut self, at: At, choice: usize) -> Option<LocalId> {
        let mut ids: Vec<LocalId> =
            self.app(at).channels.iter().filter(|(_, channel)| channel.open).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids[choice % ids.len()])
    }

    fn step(&mut self, at: At, op: Op) {
        match op {
            Op::Open => self.open(at),
            Op::AnswerOpen(yes) => self.answer_open(at, yes),
            Op::Flush => {
                self.pair.flush(at);
            }
            Op::Deliver => {
                self.pair.deliver(at);
                self.look(at);
            }
            Op::Answer(choice, ok) => self.answer(at, choice, ok),
            Op::Send(choice, ..)
            | Op::Consume(choice, _)
            | Op::StopReading(choice)
            | Op::SetWindow(choice, _)
            | Op::Eof(choice)
            | Op::Exit(choice, _)
            | Op::Close(choice)
            | Op::Request(choice) => {
                if let Some(id) = self.choose(at, choice) {
                    self.use_channel(at, id, op);
                }
            }
        }
    }

    fn open(&mut self, at: At) {
        let link = self.links;
        if link >= OPENS {
            return;
        }
        let other = ChannelType::Other { name: name("x@example.org"), data: b"" };
        let kind = if at == At::Client && link.is_multiple_of(2) { ChannelType::Session } else { other };
        let side = self.pair.side(at);
        let id = side.machine.open(&kind, GRANT, link as u64, &mut side.out).unwrap();
        self.links += 1;
        let app = self.app(at);
        app.on_the_way.push_back(link);
        app.channels.insert(id, Channel { link, ..Channel::default() });
    }

    fn answer_open(&mut self, at: At, yes: bool) {
        let Some((id, link)) = self.app(at).opens.pop() else { return };
        let side = self.pair.side(at);
        let answer = if yes { Ok(GRANT) } else { Err(OpenRefusal::PROHIBITED) };
        side.machine.answer_open(id, answer, &mut side.out).unwrap();
        if yes {
            self.app(at).channels.insert(id.channel(), Channel { link, open: true, ..Channel::default() });
        }
    }

    fn answer(&mut self, at: At, choice: usize, ok: bool) {
        let count = self.app(at).questions.len();
        if count > 0 {
            let id = self.app(at).questions.swap_remove(choice % count);
            let side = self.pair.side(at);
            // The channel may be gone; then nobody waits.
            let _ = side.machine.answer_request(id, ok, &mut side.out);
        }
    }

    fn use_channel(&mut self, at: At, id: LocalId, op: Op) {
        let mut channel = self.app(at).channels.remove(&id).unwrap();
        self.tags += 1;
        let tag = self.tags;
        let side = self.pair.side(at);
        let machine = &mut side.machine;
        match op {
            Op::Send(_, stderr, bytes) => {
                let stream = usize::from(stderr);
                let bytes = bytes.min(machine.data_budget(id));
                if bytes > 0 {
                    let start = channel.sent[stream];
                    let data: Vec<u8> =
                        (start..start + bytes).map(|place| byte(at, channel.link, stream, place)).collect();
                    channel.sent[stream] += bytes;
                    self.pair.send(at, id, STREAMS[stream], &data);
                }
            }
            Op::Consume(_, bytes) => {
                let bytes = bytes.min(channel.held);
                channel.held -= bytes;
                let _ = machine.consumed(id, bytes);
            }
            Op::StopReading(_) => {
                channel.deaf |= machine.stop_reading(id).is_ok();
            }
            Op::SetWindow(_, bytes) => {
                let _ = machine.set_window(id, bytes);
            }
            Op::Eof(_) => channel.eof |= machine.eof(id).is_ok(),
            Op::Exit(_, status) => {
                if machine.exit_status(id, status).is_ok() {
                    channel.exit = Some(status);
                }
            }
            Op::Close(_) => channel.close |= machine.close(id).is_ok(),
            Op::Request(_) => {
                if channel.tags.len() < 20
                    && machine.request(id, &ChannelRequest::Shell, true, tag, &mut side.out).is_ok()
                {
                    channel.tags.push_back(tag);
                }
            }
            Op::Open | Op::AnswerOpen(_) | Op::Answer(..) | Op::Flush | Op::Deliver => {
                panic!("{op:?} is not about a channel")
            }
        }
        self.app(at).channels.insert(id, channel);
    }

    /// Takes in what `at` was told, and checks it.
    fn look(&mut self, at: At) {
        for seen in self.pair.seen(at) {
            match seen {
                Seen::AskOpen(id, _) => {
                    let link = self.app(at.other()).on_the_way.pop_front().unwrap();
                    self.app(at).opens.push((id, link));
                }
                Seen::AskRequest(id, _) => self.app(at).questions.push(id),
                Seen::OpenFailed(link, ..) => {
                    let link = usize::try_from(link).unwrap();
                    self.app(at).channels.retain(|_, channel| channel.link != link);
                }
                Seen::Opened(id, link) => {
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert_eq!(channel.link as u64, link);
                    channel.open = true;
                }
                Seen::Data(id, stream, data) => {
                    let stream = usize::from(stream == Stream::Stderr);
                    let unconsumed = self.pair.side(at).machine.unconsumed(id);
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert!(!channel.seen_eof && !channel.seen_close && !channel.deaf && !channel.close);
                    let start = channel.received[stream];
                    for (place, got) in (start..).zip(&data) {
                        assert_eq!(*got, byte(at.other(), channel.link, stream, place));
                    }
                    let bytes = u32::try_from(data.len()).unwrap();
                    channel.received[stream] += bytes;
                    channel.held += bytes;
                    assert_eq!(unconsumed, channel.held);
                    assert!(channel.held <= 1000, "more than any window that was ever set");
                }
                Seen::Eof(id) => {
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert!(!channel.seen_eof && !channel.seen_close);
                    channel.seen_eof = true;
                    let (link, received, deaf) = (channel.link, channel.received, channel.deaf);
                    let sender =
                        self.app(at.other()).channels.values().find(|other| other.link == link).unwrap();
                    assert!(sender.eof);
                    assert!(deaf || sender.sent == received, "EOF comes after the last byte");
                }
                Seen::Request(id, text) => {
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert!(!channel.seen_close && channel.seen_exit.is_none());
                    let status = text.trim_start_matches("ExitStatus { status: ").trim_end_matches(" }");
                    channel.seen_exit = Some(status.parse().unwrap());
                }
                Seen::Reply(id, tag, _) => {
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert_eq!(channel.tags.pop_front(), Some(tag), "replies keep their order");
                }
                Seen::Closed(id) => {
                    let channel = self.app(at).channels.get_mut(&id).unwrap();
                    assert!(!std::mem::replace(&mut channel.seen_close, true), "closed once");
                    let (link, seen_exit) = (channel.link, channel.seen_exit);
                    let sender =
                        self.app(at.other()).channels.values().find(|other| other.link == link).unwrap();
                    assert_eq!(sender.exit, seen_exit, "an exit status always comes");
                }
                Seen::Eow(id) => assert!(self.app(at).channels.contains_key(&id)),
                Seen::Adjusted(id) => assert!(self.pair.side(at).machine.send_window(id) > 0),
                other => panic!("{other:?}"),
            }
        }
    }

    fn move_everything(&mut self) {
        loop {
            let mut any = false;
            for at in [At::Client, At::Server] {
                any |= self.pair.flush(at);
                any |= self.pair.deliver(at);
                self.look(at);
            }
            if !any {
                return;
            }
        }
    }

    fn open_ids(&mut self, at: At) -> Vec<LocalId> {
        let mut ids: Vec<LocalId> =
            self.app(at).channels.iter().filter(|(_, channel)| channel.open).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Answers and consumes everything.
    fn willing(&mut self) {
        for at in [At::Client, At::Server] {
            while !self.app(at).opens.is_empty() {
                self.answer_open(at, true);
            }
            while !self.app(at).questions.is_empty() {
                self.answer(at, 0, true);
            }
            for id in self.open_ids(at) {
                self.use_channel(at, id, Op::SetWindow(0, 300));
                self.use_channel(at, id, Op::Consume(0, u32::MAX));
            }
        }
        self.move_everything();
    }

    /// Sends 700 more bytes on every stream that can, which takes more than two windows.
    fn no_stall(&mut self) {
        for at in [At::Client, At::Server] {
            for id in self.open_ids(at) {
                for stream in [false, true] {
                    let mut left = 700;
                    for _ in 0..200 {
                        let (eof, close, seen_close) = {
                            let channel = &self.app(at).channels[&id];
                            (channel.eof, channel.close, channel.seen_close)
                        };
                        if left == 0 || eof || close || seen_close {
                            left = 0;
                            break;
                        }
                        let before = self.app(at).channels[&id].sent[usize::from(stream)];
                        self.use_channel(at, id, Op::Send(0, stream, 64.min(left)));
                        left -= self.app(at).channels[&id].sent[usize::from(stream)] - before;
                        self.move_everything();
                        self.willing();
                    }
                    assert_eq!(left, 0, "stalled");
                }
            }
        }
    }

    fn finish(&mut self) {
        self.move_everything();
        // Answers may bring opens to life, which is seen in the next round.
        self.willing();
        self.willing();
        self.no_stall();
        for at in [At::Client, At::Server] {
            for id in self.open_ids(at) {
                self.use_channel(at, id, Op::Close(0));
                if id.number() % 2 == 0 {
                    self.move_everything();
                }
            }
        }
        self.move_everything();
        for at in [At::Client, At::Server] {
            let machine = &self.pair.side(at).machine;
            assert_eq!(machine.channel_count(), 0, "every number is free");
            assert_eq!(machine.pending_questions(), 0);
            assert_eq!(machine.sendable(), None);
            assert!(!machine.has_control());
            assert!(self.app(at).channels.values().all(|channel| channel.seen_close));
        }
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_order_of_anything_ends_well(ops in proptest::collection::vec((at(), op()), 0..250)) {
        let mut world = World::new();
        world.open(At::Client);
        world.open(At::Server);
        for (at, op) in ops {
            world.step(at, op);
        }
        world.finish();
    }

    #[test]
    fn bytes_of_any_kind_never_panic(payloads in proptest::collection::vec(frame(), 0..60), server in any::<bool>()) {
        let role = if server { wire::Role::Server } else { wire::Role::Client };
        let mut alone = support::Alone::new(role);
        let mut channels = 0;
        for payload in payloads {
            let before = alone.out.len();
            match alone.machine.handle(&payload, &mut alone.out).map(Seen::from) {
                Ok(Seen::AskOpen(id, _)) => {
                    alone.machine.answer_open(id, Ok(GRANT), &mut alone.out).unwrap();
                    channels += 1;
                }
                Ok(Seen::AskRequest(id, _)) => {
                    alone.machine.answer_request(id, true, &mut alone.out).unwrap();
                }
                Ok(_) | Err(_) => {}
            }
            assert!(alone.out.len() <= before + 1, "one message leads to one reply at most");
            alone.control();
            assert!(alone.machine.channel_count() <= channels);
        }
    }
}

/// Frames that are often right, for a channel that often exists.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![8 => 80..=82_u8, 60 => 90..=100_u8, 1 => any::<u8>()];
    let kind = prop_oneof![
        Just("session"),
        Just("direct-tcpip"),
        Just("shell"),
        Just("pty-req"),
        Just("tcpip-forward"),
        Just("exit-signal"),
        Just("no-more-sessions@openssh.com"),
    ];
    let rest = proptest::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..40);
    (number, 0..3_u8, kind, rest).prop_map(|(number, channel, kind, rest)| {
        let mut payload = vec![number];
        if !matches!(number, 80 | 90) {
            payload.extend([0, 0, 0, channel]);
        }
        if matches!(number, 80 | 90 | 98) {
            payload.extend(support::string(kind.as_bytes()));
        }
        if number == 90 {
            payload.extend([0, 0, 0, channel, 0, 0, 1, 0, 0, 0, 1, 0]);
        }
        payload.extend(rest);
        payload
    })
}
