//! What no process of ours would do, so that one which does was taken over.

use std::fmt;

use wire::WireError;

use super::exchange::Implausible;

/// Why a connection is given up at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// No message of the table has this number.
    Unknown(u8),
    /// A message that somebody else sends.
    NotTheirs(&'static str),
    /// Before the login what belongs behind it, or the other way round.
    WrongPhase(&'static str),
    /// More often than a connection needs.
    TooOften(&'static str),
    /// Before what must come first: the key exchange, then the user.
    OutOfOrder(&'static str),
    /// Its fields are not those of the message.
    Malformed(&'static str, WireError),
    /// No key exchange of this connection.
    Implausible(Implausible),
    /// The user's attempts were used up before.
    TooManyTries,
    /// No proof of host keys that is asked for: not ours, one twice, or too many.
    NoProof,
    /// A line for the log at no level that there is.
    LogLevel(u8),
    /// A name longer than user authentication takes.
    UserTooLong,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(number) => write!(f, "unknown message {number}"),
            Self::NotTheirs(name) => write!(f, "{name} from the wrong process"),
            Self::WrongPhase(name) => write!(f, "{name} on the wrong side of the login"),
            Self::TooOften(name) => write!(f, "{name} too often"),
            Self::OutOfOrder(name) => write!(f, "{name} out of order"),
            Self::Malformed(name, error) => write!(f, "malformed {name}: {error}"),
            // That is no fault of net's.
            Self::Implausible(why @ Implausible::Signature(_)) => why.fmt(f),
            Self::Implausible(why) => write!(f, "implausible key exchange: {why}"),
            Self::TooManyTries => f.write_str("attempt after the last one"),
            Self::NoProof => f.write_str("proof of host keys that is none"),
            Self::LogLevel(level) => write!(f, "log line of level {level}"),
            Self::UserTooLong => f.write_str("user name too long"),
        }
    }
}
