//! What a connection asks its application. Every question carries the [`Ticket`] that answers it.

use connection::{ChannelRequest, ChannelType, GlobalRequest, Grant, LocalId, OpenRefusal};

use crate::side::Side;
use crate::{Connection, Error, Ticket};

/// A kind of question that side `S` is asked: what its ticket is for, and what answers it.
///
/// Only this crate implements it.
pub trait Ask<S: Side>: Sized + sealed::Sealed {
    /// The answer.
    type Answer;

    #[doc(hidden)]
    fn apply(connection: &mut Connection<S>, what: What, answer: Self::Answer) -> Result<(), Error>;
}

pub(crate) mod sealed {
    /// Keeps the kinds of questions to those of this crate.
    pub trait Sealed {}
}

/// Which question of which layer a ticket answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum What {
    /// The one that the key exchange waits for.
    Exchange,
    /// The one that user authentication waits for.
    Auth,
    /// A channel open of the peer.
    Open(connection::OpenId),
    /// A channel request of the peer.
    Request(connection::RequestId),
    /// A global request of the peer.
    Global(connection::GlobalId),
}

/// What both sides are asked about channels (RFC 4254). Without an answer the peer is refused.
#[derive(Debug)]
pub enum ChannelQuestion<'b> {
    /// The peer asks for a channel.
    Open {
        /// Answers it.
        ticket: Ticket<OpenChannel>,
        /// The channel that it will be, once it is granted.
        channel: LocalId,
        /// What it is for.
        kind: ChannelType<'b>,
    },
    /// The peer makes a request on a channel and waits for the reply.
    Request {
        /// Answers it.
        ticket: Ticket<ReplyToRequest>,
        /// The channel.
        channel: LocalId,
        /// The request.
        request: ChannelRequest<'b>,
    },
    /// The peer makes a request that belongs to no channel and waits for the reply.
    Global {
        /// Answers it.
        ticket: Ticket<ReplyToGlobal>,
        /// The request.
        request: GlobalRequest<'b>,
    },
}

/// Answered with what the peer may send at first, or why the open is refused.
#[derive(Clone, Copy, Debug)]
pub enum OpenChannel {}

/// Answered with whether the request is granted. Requests of one channel may be answered in any order; the replies go
/// out in the order of the requests.
#[derive(Clone, Copy, Debug)]
pub enum ReplyToRequest {}

/// Answered with the data of the grant, most often none, or `None` to refuse.
#[derive(Clone, Copy, Debug)]
pub enum ReplyToGlobal {}

impl sealed::Sealed for OpenChannel {}
impl sealed::Sealed for ReplyToRequest {}
impl sealed::Sealed for ReplyToGlobal {}

impl<S: Side> Ask<S> for OpenChannel {
    type Answer = Result<Grant, OpenRefusal<'static>>;

    fn apply(connection: &mut Connection<S>, what: What, answer: Self::Answer) -> Result<(), Error> {
        let What::Open(id) = what else { return Ok(()) };
        connection.with_channels(|channels, out| channels.answer_open(id, answer, out))
    }
}

impl<S: Side> Ask<S> for ReplyToRequest {
    type Answer = bool;

    fn apply(connection: &mut Connection<S>, what: What, answer: bool) -> Result<(), Error> {
        let What::Request(id) = what else { return Ok(()) };
        connection.with_channels(|channels, out| channels.answer_request(id, answer, out))
    }
}

impl<S: Side> Ask<S> for ReplyToGlobal {
    type Answer = Option<Vec<u8>>;

    fn apply(connection: &mut Connection<S>, what: What, answer: Self::Answer) -> Result<(), Error> {
        let What::Global(id) = what else { return Ok(()) };
        connection.with_channels(|channels, out| channels.answer_global(id, answer.as_deref(), out))
    }
}
