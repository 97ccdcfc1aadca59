//! Two machines and a wire between them; one machine and a peer that may lie.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::VecDeque;

use nacre_connection::{
    Ask, ChannelType, Config, Connection, Error, Event, GlobalId, Grant, LocalId, OpenId, Output, RequestId,
    Stream, message,
};
use wire::{Bytes, Encode, Name, Rest, Role};

/// What `handle` returned, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Nothing,
    Opened(LocalId, u64),
    OpenFailed(u64, u32, String),
    Data(LocalId, Stream, Vec<u8>),
    Eof(LocalId),
    Closed(LocalId),
    Adjusted(LocalId),
    Eow(LocalId),
    Request(LocalId, String),
    Reply(LocalId, u64, bool),
    Global(String),
    GlobalReply(u64, Option<Vec<u8>>),
    Malformed(String, String),
    AskOpen(OpenId, String),
    AskRequest(RequestId, String),
    AskGlobal(GlobalId, String),
}

impl From<Output<'_>> for Seen {
    fn from(output: Output<'_>) -> Self {
        match output {
            Output::Nothing => Self::Nothing,
            Output::Event(event) => match event {
                Event::Opened { channel, tag, .. } => Self::Opened(channel, tag),
                Event::OpenFailed { tag, reason, text, .. } => {
                    Self::OpenFailed(tag, reason.0, text.to_string())
                }
                Event::Data { channel, stream, data } => Self::Data(channel, stream, data.to_vec()),
                Event::Eof { channel } => Self::Eof(channel),
                Event::Closed { channel } => Self::Closed(channel),
                Event::WindowAdjusted { channel } => Self::Adjusted(channel),
                Event::Eow { channel } => Self::Eow(channel),
                Event::Request { channel, request } => Self::Request(channel, format!("{request:?}")),
                Event::RequestReply { channel, tag, ok } => Self::Reply(channel, tag, ok),
                Event::Global { request } => Self::Global(format!("{request:?}")),
                Event::GlobalReply { tag, result } => Self::GlobalReply(tag, result.map(<[u8]>::to_vec)),
                Event::Malformed { name, error, .. } => Self::Malformed(name.to_string(), error.to_string()),
                other => panic!("unknown event {other:?}"),
            },
            Output::Ask(ask) => match ask {
                Ask::Open { id, kind, .. } => Self::AskOpen(id, format!("{kind:?}")),
                Ask::Request { id, request, .. } => Self::AskRequest(id, format!("{request:?}")),
                Ask::Global { id, request } => Self::AskGlobal(id, format!("{request:?}")),
                other => panic!("unknown question {other:?}"),
            },
        }
    }
}

/// The encoding of a message.
pub(crate) fn bytes(message: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

pub(crate) fn name(name: &str) -> Name<'_> {
    Name::new(name).unwrap()
}

/// A grant for small tests.
pub(crate) const SMALL: Grant = Grant { window: 1000, max_packet: 100 };

/// One machine, and what it sent.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) machine: Connection,
    pub(crate) out: Vec<Vec<u8>>,
}

/// The number by which the raw peer calls its channel.
pub(crate) const PEER_ID: u32 = 77;

impl Alone {
    pub(crate) fn new(role: Role) -> Self {
        Self::with(role, Config::default())
    }

    pub(crate) fn with(role: Role, config: Config) -> Self {
        Self { machine: Connection::new(role, config), out: Vec::new() }
    }

    /// Hands the machine a message of the raw peer.
    pub(crate) fn get(&mut self, message: &impl Encode) -> Result<Seen, Error> {
        self.machine.handle(&bytes(message), &mut self.out).map(Seen::from)
    }

    /// A `session` that the raw peer opened and the machine's application granted with [`SMALL`].
    pub(crate) fn session(&mut self, peer: Grant) -> LocalId {
        let id = self.ask_session(PEER_ID, peer);
        self.machine.answer_open(id, Ok(SMALL), &mut self.out).unwrap();
        self.out.clear();
        id.channel()
    }

    /// A `session` that the raw peer asked for.
    pub(crate) fn ask_session(&mut self, sender: u32, peer: Grant) -> OpenId {
        match self.get(&open("session", sender, peer, &[])).unwrap() {
            Seen::AskOpen(id, _) => id,
            other => panic!("{other:?}"),
        }
    }

    /// A channel that the machine opened and the raw peer granted.
    pub(crate) fn opened(&mut self, peer: Grant) -> LocalId {
        let channel = self.machine.open(&ChannelType::Session, SMALL, 1, &mut self.out).unwrap();
        assert_eq!(self.get(&confirm(channel, peer)).unwrap(), Seen::Opened(channel, 1));
        self.out.clear();
        channel
    }

    /// All state messages that are due.
    pub(crate) fn control(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while self.machine.next_control(&mut out) {}
        out
    }

    /// All replies and other messages since the last call.
    pub(crate) fn sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.out)
    }
}

pub(crate) fn open<'a>(kind: &'a str, sender: u32, grant: Grant, data: &'a [u8]) -> message::ChannelOpen<'a> {
    message::ChannelOpen {
        kind: name(kind),
        sender,
        window: grant.window,
        max_packet: grant.max_packet,
        data: Rest(data),
    }
}

pub(crate) fn confirm(channel: LocalId, grant: Grant) -> message::ChannelOpenConfirmation<'static> {
    message::ChannelOpenConfirmation {
        recipient: channel.number(),
        sender: PEER_ID,
        window: grant.window,
        max_packet: grant.max_packet,
        data: Rest(&[]),
    }
}

pub(crate) fn data(channel: LocalId, data: &[u8]) -> message::ChannelData<'_> {
    message::ChannelData { recipient: channel.number(), data: Bytes(data) }
}

pub(crate) fn extended(channel: LocalId, data_type: u32, data: &[u8]) -> message::ChannelExtendedData<'_> {
    message::ChannelExtendedData { recipient: channel.number(), data_type, data: Bytes(data) }
}

pub(crate) fn adjust(channel: LocalId, bytes: u32) -> message::ChannelWindowAdjust {
    message::ChannelWindowAdjust { recipient: channel.number(), bytes }
}

pub(crate) fn eof(channel: LocalId) -> message::ChannelEof {
    message::ChannelEof { recipient: channel.number() }
}

pub(crate) fn close(channel: LocalId) -> message::ChannelClose {
    message::ChannelClose { recipient: channel.number() }
}

pub(crate) fn success(channel: LocalId) -> message::ChannelSuccess {
    message::ChannelSuccess { recipient: channel.number() }
}

pub(crate) fn failure(channel: LocalId) -> message::ChannelFailure {
    message::ChannelFailure { recipient: channel.number() }
}

pub(crate) fn request<'a>(
    channel: LocalId,
    request: &'a str,
    want_reply: bool,
    data: &'a [u8],
) -> message::ChannelRequestFrame<'a> {
    message::ChannelRequestFrame {
        recipient: channel.number(),
        name: name(request),
        want_reply,
        data: Rest(data),
    }
}

pub(crate) fn global<'a>(
    request: &'a str,
    want_reply: bool,
    data: &'a [u8],
) -> message::GlobalRequestFrame<'a> {
    message::GlobalRequestFrame { name: name(request), want_reply, data: Rest(data) }
}

/// A string of RFC 4251 §5.
pub(crate) fn string(text: &[u8]) -> Vec<u8> {
    bytes(&Bytes(text))
}

/// One side of a [`Pair`].
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) machine: Connection,
    /// What was written and is not yet on the wire.
    pub(crate) out: Vec<Vec<u8>>,
    /// What is on its way to this side.
    pub(crate) inbox: VecDeque<Vec<u8>>,
    /// What this side's application was told and has not yet looked at.
    pub(crate) seen: Vec<Seen>,
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Client,
    Server,
}

impl At {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A client and a server.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Side,
    pub(crate) server: Side,
}

impl Pair {
    pub(crate) fn new(config: Config) -> Self {
        let side = |role| Side {
            machine: Connection::new(role, config),
            out: Vec::new(),
            inbox: VecDeque::new(),
            seen: Vec::new(),
        };
        Self { client: side(Role::Client), server: side(Role::Server) }
    }

    pub(crate) fn side(&mut self, at: At) -> &mut Side {
        match at {
            At::Client => &mut self.client,
            At::Server => &mut self.server,
        }
    }

    /// Puts what `at` has written, and one state message if there is one, on the wire. Whether there was anything.
    pub(crate) fn flush(&mut self, at: At) -> bool {
        let side = self.side(at);
        side.machine.next_control(&mut side.out);
        let out = std::mem::take(&mut side.out);
        let any = !out.is_empty();
        self.side(at.other()).inbox.extend(out);
        any
    }

    /// Lets `at` take one message from the wire. Whether there was one.
    pub(crate) fn deliver(&mut self, at: At) -> bool {
        let side = self.side(at);
        let Some(payload) = side.inbox.pop_front() else { return false };
        let seen: Seen = match side.machine.handle(&payload, &mut side.out) {
            Ok(output) => output.into(),
            Err(error) => panic!("{at:?} refuses {payload:?}: {error}"),
        };
        if seen != Seen::Nothing {
            side.seen.push(seen);
        }
        true
    }

    /// Moves everything until nothing moves.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut any = false;
            for at in [At::Client, At::Server] {
                any |= self.flush(at);
                any |= self.deliver(at);
            }
            if !any {
                return;
            }
        }
    }

    /// What `at` was told since the last call.
    pub(crate) fn seen(&mut self, at: At) -> Vec<Seen> {
        std::mem::take(&mut self.side(at).seen)
    }

    /// Opens a session of the client, both ways with `grant`. Returns the channel as the client and the server know it.
    pub(crate) fn session(&mut self, grant: Grant) -> (LocalId, LocalId) {
        let client = &mut self.client;
        let ours = client.machine.open(&ChannelType::Session, grant, 5, &mut client.out).unwrap();
        self.settle();
        let seen = self.seen(At::Server);
        let [Seen::AskOpen(id, _)] = seen[..] else { panic!("{seen:?}") };
        let server = &mut self.server;
        server.machine.answer_open(id, Ok(grant), &mut server.out).unwrap();
        self.settle();
        assert_eq!(self.seen(At::Client), [Seen::Opened(ours, 5)]);
        (ours, id.channel())
    }

    /// Sends data as a driver would: header, bytes, account.
    pub(crate) fn send(&mut self, at: At, channel: LocalId, stream: Stream, data: &[u8]) {
        let side = self.side(at);
        send(&side.machine, channel, stream, data, &mut side.out);
        side.machine.data_sent(channel, stream, u32::try_from(data.len()).unwrap()).unwrap();
    }
}

fn send(machine: &Connection, channel: LocalId, stream: Stream, data: &[u8], out: &mut Vec<Vec<u8>>) {
    let mut packet = vec![0; stream.header_len()];
    let length = u32::try_from(data.len()).unwrap();
    assert_eq!(machine.data_header(channel, stream, length, &mut packet), Ok(stream.header_len()));
    packet.extend_from_slice(data);
    out.push(packet);
}
