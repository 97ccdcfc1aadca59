use std::fmt;

use wire::WireError;

/// Why the connection protocol cannot go on. The fault is the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A message is not what its number says.
    Malformed(WireError),
    /// A well-formed message breaks a rule.
    Misbehaved(Misbehaviour),
    /// A number from 80 to 127 that RFC 4254 gives no meaning: to be answered with UNIMPLEMENTED, which does not end
    /// the connection (RFC 4253 §11.4).
    Unimplemented(u8),
}

/// A rule of RFC 4254 that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A message names a channel that does not exist, or no longer.
    UnknownChannel(u32),
    /// A message that only an open channel can have, on one whose opening is not yet confirmed by us.
    ChannelNotOpen(u32),
    /// An answer to an open that we never sent, or a second one.
    UnexpectedOpenReply(u32),
    /// Our open was confirmed with a maximum packet below [`PEER_PACKET_MIN`](crate::limits::PEER_PACKET_MIN).
    PacketTooSmall(u32),
    /// More data than the window that we gave (RFC 4254 §5.2).
    WindowExceeded {
        /// Bytes that the peer could send.
        window: u32,
        /// Bytes that it did send.
        sent: usize,
    },
    /// More data in one message than the maximum packet size that we gave (RFC 4254 §5.1).
    PacketTooLarge {
        /// The size that we gave.
        max: u32,
        /// Bytes that came.
        sent: usize,
    },
    /// An adjustment takes the window past 2^32-1 (RFC 4254 §5.2).
    WindowOverflow,
    /// Data after EOF (RFC 4254 §5.3).
    DataAfterEof,
    /// A second EOF.
    SecondEof,
    /// Data, EOF, CLOSE or a reply after CLOSE (RFC 4254 §5.3).
    AfterClose,
    /// A reply to a channel request that we did not send.
    UnexpectedReply,
    /// A reply to a global request that we did not send.
    UnexpectedGlobalReply,
    /// More requests without waiting for replies than
    /// [`PENDING_REQUESTS_MAX`](crate::limits::PENDING_REQUESTS_MAX).
    TooManyRequests,
    /// More global requests without waiting for replies than
    /// [`PENDING_GLOBALS_MAX`](crate::limits::PENDING_GLOBALS_MAX).
    TooManyGlobalRequests,
    /// A session was asked for after `no-more-sessions@openssh.com`. OpenSSH ends the connection too: whoever took
    /// over the client must not get a second session.
    SessionAfterNoMoreSessions,
}

/// The application asked for what cannot be. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// No such channel, or no longer: the peer may have closed it in the meantime.
    UnknownChannel,
    /// The channel is not open yet.
    NotOpen,
    /// EOF was already asked for.
    AfterEof,
    /// CLOSE was already asked for, or the peer's CLOSE has come.
    AfterClose,
    /// Data without the window for it, or more than fits a packet.
    OverBudget,
    /// More was said to be consumed than was delivered.
    OverConsumed,
    /// The room for a data header is too small.
    NoRoom,
    /// The question was answered before, or never asked.
    NoSuchQuestion,
    /// Too many channels.
    TooManyChannels,
    /// Too many of our requests wait for replies.
    TooManyOutstanding,
    /// A reply longer than [`GLOBAL_REPLY_MAX`](crate::limits::GLOBAL_REPLY_MAX).
    ReplyTooLong,
    /// The exit status or signal was already given.
    SecondExit,
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Misbehaviour> for Error {
    fn from(error: Misbehaviour) -> Self {
        Self::Misbehaved(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed message: {error}"),
            Self::Misbehaved(what) => what.fmt(f),
            Self::Unimplemented(number) => write!(f, "message {number} is not known"),
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChannel(id) => write!(f, "message for channel {id}, which does not exist"),
            Self::ChannelNotOpen(id) => write!(f, "message for channel {id}, which is not open yet"),
            Self::UnexpectedOpenReply(id) => {
                write!(f, "answer to an open of channel {id} that was not asked")
            }
            Self::PacketTooSmall(size) => write!(f, "maximum packet size {size} is too small"),
            Self::WindowExceeded { window, sent } => write!(f, "{sent} bytes sent into a window of {window}"),
            Self::PacketTooLarge { max, sent } => write!(f, "{sent} bytes in a packet of at most {max}"),
            Self::WindowOverflow => f.write_str("window adjusted past 2^32-1"),
            Self::DataAfterEof => f.write_str("data after EOF"),
            Self::SecondEof => f.write_str("second EOF"),
            Self::AfterClose => f.write_str("message after CLOSE"),
            Self::UnexpectedReply => f.write_str("reply to a channel request that was not sent"),
            Self::UnexpectedGlobalReply => f.write_str("reply to a global request that was not sent"),
            Self::TooManyRequests => f.write_str("too many channel requests without waiting for replies"),
            Self::TooManyGlobalRequests => {
                f.write_str("too many global requests without waiting for replies")
            }
            Self::SessionAfterNoMoreSessions => {
                f.write_str("attempt to open a session after additional sessions were disabled")
            }
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownChannel => "no such channel",
            Self::NotOpen => "channel is not open yet",
            Self::AfterEof => "EOF was already asked for",
            Self::AfterClose => "channel is closed or closing",
            Self::OverBudget => "more data than window and packet size allow",
            Self::OverConsumed => "more consumed than was delivered",
            Self::NoRoom => "no room for a data header",
            Self::NoSuchQuestion => "no such question waits for an answer",
            Self::TooManyChannels => "too many channels",
            Self::TooManyOutstanding => "too many requests wait for replies",
            Self::ReplyTooLong => "reply is too long",
            Self::SecondExit => "exit was already given",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Misbehaviour {}
impl std::error::Error for Misuse {}
