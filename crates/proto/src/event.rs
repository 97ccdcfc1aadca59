use std::fmt;

use crate::side::Side;

/// What one call of [`process`](crate::Connection::process) came to.
#[must_use]
pub enum Step<'b, S: Side> {
    /// More bytes must be received first.
    NeedBytes,
    /// What was received waits: for an answer, for a point of time, or for room that sending makes. Call again after
    /// [`answer`](crate::Connection::answer), [`handle_timeout`](crate::Connection::handle_timeout) or
    /// [`sent`](crate::Connection::sent); until then do not read from the socket.
    Blocked,
    /// A packet was dealt with that the application need not know of. Call again.
    Progress,
    /// A fact. Call again.
    Event(Event<'b, S>),
    /// A question. Call again; the answer may come at any time.
    Ask(S::Question<'b>),
}

/// A fact. What it borrows, it borrows from the receive buffer.
pub enum Event<'b, S: Side> {
    /// Of the transport (RFC 4253): identification, keys, extensions, DEBUG, pong, and the peer's DISCONNECT.
    Transport(transport::Event<'b>),
    /// Of user authentication (RFC 4252): what this side learns about it, the login above all.
    Auth(S::AuthEvent<'b>),
    /// Of a channel (RFC 4254).
    Channel(connection::Event<'b>),
}

impl<S: Side> Step<'static, S> {
    /// The projection of a type parameter is invariant, so what was made without borrowing has to be told that it may
    /// live shorter.
    pub(crate) fn shorten<'b>(self) -> Step<'b, S> {
        match self {
            Self::NeedBytes => Step::NeedBytes,
            Self::Blocked => Step::Blocked,
            Self::Progress => Step::Progress,
            Self::Event(Event::Transport(event)) => Step::Event(Event::Transport(event)),
            Self::Event(Event::Auth(event)) => Step::Event(Event::Auth(S::shorten_event(event))),
            Self::Event(Event::Channel(event)) => Step::Event(Event::Channel(event)),
            Self::Ask(question) => Step::Ask(S::shorten_question(question)),
        }
    }
}

impl<S: Side> fmt::Debug for Step<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedBytes => f.write_str("NeedBytes"),
            Self::Blocked => f.write_str("Blocked"),
            Self::Progress => f.write_str("Progress"),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Ask(question) => f.debug_tuple("Ask").field(question).finish(),
        }
    }
}

impl<S: Side> fmt::Debug for Event<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(event) => f.debug_tuple("Transport").field(event).finish(),
            Self::Auth(event) => f.debug_tuple("Auth").field(event).finish(),
            Self::Channel(event) => f.debug_tuple("Channel").field(event).finish(),
        }
    }
}
