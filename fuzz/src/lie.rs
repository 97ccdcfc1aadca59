use arbitrary::Arbitrary;
use connection::{Connection, LocalId, message as m};

use crate::{name, payload};

/// A message that nobody sent.
#[derive(Arbitrary, Debug)]
#[allow(missing_docs, reason = "the fields are those of the messages")]
pub enum Lie<'a> {
    Open { session: bool, sender: u8, window: u32, packet: u16 },
    Confirm { recipient: u8, sender: u8, window: u32, packet: u16 },
    Fail { recipient: u8 },
    Adjust { recipient: u8, bytes: u32 },
    Data { recipient: u8, bytes: u16 },
    Extended { recipient: u8, data_type: u32, bytes: u16 },
    Eof(u8),
    Close(u8),
    Request { recipient: u8, kind: u8, reply: bool, data: &'a [u8] },
    Reply { recipient: u8, ok: bool },
    Global { kind: u8, reply: bool, data: &'a [u8] },
    GlobalReply(bool),
    Raw(&'a [u8]),
}

const REQUESTS: [&str; 8] = [
    "pty-req",
    "exec",
    "shell",
    "window-change",
    "signal",
    "exit-status",
    "exit-signal",
    "keepalive@openssh.com",
];
const GLOBALS: [&str; 4] =
    ["tcpip-forward", "no-more-sessions@openssh.com", "keepalive@openssh.com", "hostkeys-00@openssh.com"];

impl Lie<'_> {
    /// The message's payload. Numbers of channels are taken from those that the victim has, so that lies meet something.
    #[must_use]
    pub fn payload(&self, victim: &Connection) -> Vec<u8> {
        let ids: Vec<u32> = victim.channels().map(LocalId::number).collect();
        let id = |choice: u8| match ids.get(usize::from(choice) % (ids.len() + 1)) {
            Some(id) => *id,
            None => u32::from(choice),
        };
        let data = |bytes: u16| vec![b'l'; usize::from(bytes)];
        match self {
            Self::Open { session, sender, window, packet } => payload(&m::ChannelOpen {
                kind: name(if *session { "session" } else { "x@example.org" }),
                sender: u32::from(*sender),
                window: *window,
                max_packet: u32::from(*packet),
                data: wire::Rest(&[]),
            }),
            Self::Confirm { recipient, sender, window, packet } => payload(&m::ChannelOpenConfirmation {
                recipient: id(*recipient),
                sender: u32::from(*sender),
                window: *window,
                max_packet: u32::from(*packet),
                data: wire::Rest(&[]),
            }),
            Self::Fail { recipient } => payload(&m::ChannelOpenFailure {
                recipient: id(*recipient),
                reason: 1,
                text: wire::Human(b"no"),
                language: wire::Human(b""),
            }),
            Self::Adjust { recipient, bytes } => {
                payload(&m::ChannelWindowAdjust { recipient: id(*recipient), bytes: *bytes })
            }
            Self::Data { recipient, bytes } => {
                payload(&m::ChannelData { recipient: id(*recipient), data: wire::Bytes(&data(*bytes)) })
            }
            Self::Extended { recipient, data_type, bytes } => payload(&m::ChannelExtendedData {
                recipient: id(*recipient),
                data_type: *data_type,
                data: wire::Bytes(&data(*bytes)),
            }),
            Self::Eof(recipient) => payload(&m::ChannelEof { recipient: id(*recipient) }),
            Self::Close(recipient) => payload(&m::ChannelClose { recipient: id(*recipient) }),
            Self::Request { recipient, kind, reply, data } => payload(&m::ChannelRequestFrame {
                recipient: id(*recipient),
                name: name(REQUESTS[usize::from(*kind) % REQUESTS.len()]),
                want_reply: *reply,
                data: wire::Rest(data),
            }),
            Self::Reply { recipient, ok: true } => payload(&m::ChannelSuccess { recipient: id(*recipient) }),
            Self::Reply { recipient, ok: false } => payload(&m::ChannelFailure { recipient: id(*recipient) }),
            Self::Global { kind, reply, data } => payload(&m::GlobalRequestFrame {
                name: name(GLOBALS[usize::from(*kind) % GLOBALS.len()]),
                want_reply: *reply,
                data: wire::Rest(data),
            }),
            Self::GlobalReply(true) => payload(&m::RequestSuccess { data: wire::Rest(&[]) }),
            Self::GlobalReply(false) => payload(&m::RequestFailure {}),
            Self::Raw(bytes) => bytes.to_vec(),
        }
    }
}
