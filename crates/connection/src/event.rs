use wire::{Human, Name};

use crate::{ChannelRequest, ChannelType, GlobalRequest, LocalId, OpenReason, PayloadError};

/// One of a channel's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// CHANNEL_DATA: standard input or output.
    Data,
    /// CHANNEL_EXTENDED_DATA of type 1: standard error (RFC 4254 §5.2).
    Stderr,
}

impl Stream {
    /// Bytes that stand before the data in a message of this stream: message number, recipient, for
    /// [`Stderr`](Self::Stderr) the type, and the length.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Self::Data => 9,
            Self::Stderr => 13,
        }
    }
}

/// What one message of the peer led to.
#[derive(Debug)]
#[must_use = "a question that nobody looks at is never answered"]
pub enum Output<'b> {
    /// Nothing that concerns the application.
    Nothing,
    /// A fact.
    Event(Event<'b>),
    /// A question, which must be answered. Until then it holds its place in a bounded queue.
    Ask(Ask<'b>),
}

/// A fact.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// Our open was granted; the channel can be used.
    Opened {
        /// The channel, as [`open`](crate::Connection::open) returned it.
        channel: LocalId,
        /// The tag that was given to it.
        tag: u64,
        /// Data of the channel's type; empty for all types of RFC 4254.
        data: &'b [u8],
    },
    /// Our open was refused. The channel no longer exists.
    OpenFailed {
        /// The channel, as [`open`](crate::Connection::open) returned it.
        channel: LocalId,
        /// The tag that was given to it.
        tag: u64,
        /// Why.
        reason: OpenReason,
        /// Why, for a person.
        text: Human<'b>,
    },
    /// Data, never empty. Give the room back with [`consumed`](crate::Connection::consumed).
    Data {
        /// The channel.
        channel: LocalId,
        /// The stream.
        stream: Stream,
        /// The bytes.
        data: &'b [u8],
    },
    /// The peer sends no more data. It may still read ours, and send and answer requests.
    Eof {
        /// The channel.
        channel: LocalId,
    },
    /// The peer's CLOSE: the last event of this channel. Requests without a reply get none any more.
    ///
    /// Our own CLOSE follows by itself, unless this is a session that we accepted: there the application may still
    /// give the exit status, and must call [`close`](crate::Connection::close), as it must before this event.
    Closed {
        /// The channel.
        channel: LocalId,
    },
    /// The peer reads more: there is window to send into.
    WindowAdjusted {
        /// The channel.
        channel: LocalId,
    },
    /// The peer reads no more of our data (`eow@openssh.com`): sending ends best with
    /// [`eof`](crate::Connection::eof).
    Eow {
        /// The channel.
        channel: LocalId,
    },
    /// A request that wants no reply.
    Request {
        /// The channel.
        channel: LocalId,
        /// The request.
        request: ChannelRequest<'b>,
    },
    /// The reply to a request of ours.
    RequestReply {
        /// The channel.
        channel: LocalId,
        /// The tag that was given to [`request`](crate::Connection::request).
        tag: u64,
        /// Whether it was granted.
        ok: bool,
    },
    /// A global request that wants no reply.
    Global {
        /// The request.
        request: GlobalRequest<'b>,
    },
    /// The reply to a global request of ours.
    GlobalReply {
        /// The tag that was given to [`global`](crate::Connection::global).
        tag: u64,
        /// The data of a grant, or `None` for a refusal.
        result: Option<&'b [u8]>,
    },
    /// An open or request that is known by name and has data that are not its own. It was refused already.
    Malformed {
        /// What it was.
        what: Malformed,
        /// The name of the type or request.
        name: Name<'b>,
        /// What is wrong.
        error: PayloadError,
    },
}

/// What was malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// An open.
    Open,
    /// A request on this channel.
    Request(LocalId),
    /// A global request.
    Global,
}

/// A question.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ask<'b> {
    /// The peer asks for a channel. To be answered with [`answer_open`](crate::Connection::answer_open).
    Open {
        /// The question.
        id: OpenId,
        /// What it is for.
        kind: ChannelType<'b>,
        /// Bytes that the peer is ready to read at first.
        window: u32,
        /// Most data bytes per message that the peer takes.
        max_packet: u32,
    },
    /// A request that wants a reply. To be answered with [`answer_request`](crate::Connection::answer_request).
    Request {
        /// The question.
        id: RequestId,
        /// The channel.
        channel: LocalId,
        /// The request.
        request: ChannelRequest<'b>,
    },
    /// A global request that wants a reply. To be answered with
    /// [`answer_global`](crate::Connection::answer_global).
    Global {
        /// The question.
        id: GlobalId,
        /// The request.
        request: GlobalRequest<'b>,
    },
}

/// Names an open that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpenId(pub(crate) LocalId);

impl OpenId {
    /// The channel that it will be when it is granted.
    #[must_use]
    pub fn channel(self) -> LocalId {
        self.0
    }
}

/// Names a request that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    pub(crate) channel: LocalId,
    pub(crate) serial: u32,
}

impl RequestId {
    /// The channel on which it was made.
    #[must_use]
    pub fn channel(self) -> LocalId {
        self.channel
    }
}

/// Names a global request that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalId(pub(crate) u32);
