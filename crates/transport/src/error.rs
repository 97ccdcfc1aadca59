use std::fmt;

use crypto::{InflateError, KexError};
use wire::{Escaped, WireError};

use crate::group::GroupRequest;
use crate::negotiate::NoCommon;
use crate::reason::Reason;

/// Why the machine stopped, by whose fault it was. A machine that failed stays failed with this error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer's bytes are no message.
    Malformed(WireError),
    /// The peer broke a rule.
    Misbehaved(Misbehaviour),
    /// We and the peer have no algorithm in common.
    NoCommon(Box<NoCommon>),
    /// A packet's tag does not verify: it was changed on its way, or made by nobody who has the key.
    Forged,
    /// A packet says a length that none can have. It is not authenticated at that point, so this is most often the
    /// same as [`Forged`](Self::Forged), and looks the same to the peer.
    BadPacketLength {
        /// What it said.
        length: u32,
    },
    /// The peer's public value, or our randomness, gave no shared secret.
    KeyExchange(KexError),
    /// What was derived does not fit the algorithm it was derived for: a fault of our tables.
    Keys(crypto::KeyError),
    /// The server's signature of the exchange hash does not verify, or is not of the agreed algorithm and key.
    BadSignature(keys::VerifyError),
    /// An answer was no.
    Refused(Refusal),
    /// An exchange took too long.
    TimedOut,
    /// A key protected as many packets as it may.
    KeyUsedUp,
    /// The connection is closed.
    Closed(Closed),
    /// The caller did what the state does not allow. Nothing has changed.
    Misuse(Misuse),
}

/// A rule that the peer broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The first line of a client, or the line after the last greeting, is no identification (RFC 4253 §4.2).
    IdentNotSsh {
        /// The line.
        line: Vec<u8>,
    },
    /// The identification is longer than [`limits::IDENT_LINE_MAX`](crate::limits::IDENT_LINE_MAX).
    IdentTooLong,
    /// A line before the keys holds a NUL (RFC 4253 §4.2).
    IdentNul,
    /// The identification holds a character that is not printable US-ASCII.
    IdentCharacter {
        /// The byte.
        byte: u8,
    },
    /// The peer speaks neither 2.0 nor 1.99 (RFC 4253 §5).
    ProtocolVersion {
        /// The line.
        line: Vec<u8>,
    },
    /// A server sent a longer line than [`limits::GREETING_LINE_MAX`](crate::limits::GREETING_LINE_MAX).
    GreetingTooLong,
    /// A server sent more lines than [`limits::GREETING_LINES_MAX`](crate::limits::GREETING_LINES_MAX).
    TooManyGreetings,
    /// The padding is shorter than four bytes or longer than its packet (RFC 4253 §6).
    Padding,
    /// A packet has no payload, so no message number.
    EmptyPayload,
    /// Message number 0 does not exist (RFC 4250 §4.1.2).
    NumberZero,
    /// The peer's sequence numbers wrapped in the initial key exchange.
    SequenceWrapped,
    /// In a strict initial exchange something came before KEXINIT.
    StrictKexInitNotFirst {
        /// The sequence number that KEXINIT had.
        sequence: u32,
    },
    /// In a strict initial exchange something came that is not the message which was awaited.
    StrictViolation {
        /// Its number.
        number: u8,
    },
    /// In an exchange something came that may not be in one (RFC 4253 §7.1), or not at this point.
    UnexpectedInExchange {
        /// Its number.
        number: u8,
    },
    /// A message of a key exchange came where none is under way.
    OutsideExchange {
        /// Its number.
        number: u8,
    },
    /// The peer did not know a message of the key exchange.
    UnimplementedInExchange {
        /// The sequence number of what it did not know.
        sequence: u32,
    },
    /// A client asked for a group of sizes that none has, or that no server should give (RFC 4419 §3).
    GroupRequest(GroupRequest),
    /// A server gave a group of another size than it was asked for (RFC 4419 §3).
    GroupSize {
        /// Bits of its prime.
        bits: u32,
    },
    /// EXT_INFO came where it may not be (RFC 8308 §2.4).
    ExtInfoMisplaced,
    /// More EXT_INFO than [`limits::EXT_INFO_MESSAGES`](crate::limits::EXT_INFO_MESSAGES).
    TooManyExtInfo,
    /// More extensions than [`limits::EXTENSIONS_MAX`](crate::limits::EXTENSIONS_MAX).
    TooManyExtensions {
        /// How many it says.
        count: u32,
    },
    /// More packets than [`limits::PACKETS_BEFORE_AUTH`](crate::limits::PACKETS_BEFORE_AUTH).
    TooManyPacketsBeforeAuth,
    /// More exchanges than [`limits::EXCHANGES_BEFORE_AUTH`](crate::limits::EXCHANGES_BEFORE_AUTH).
    TooManyExchangesBeforeAuth,
    /// What the peer compressed cannot be inflated, or has no end.
    Compression(InflateError),
    /// The peer asked for more answers than can wait while it owes us its KEXINIT.
    TooManyReplies,
}

/// What was answered with no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A group of the sizes that the client asks for.
    Group,
    /// Trust in the server's host key.
    HostKey,
    /// A signature by our host key.
    Signature,
}

/// How a connection came to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// By us.
    Local(Reason),
    /// By the peer.
    Peer(Reason),
}

/// What a caller did wrong. The machine goes on as if it had not been called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// An answer to a question that is not open.
    NotAsked,
    /// A server without host keys, or without one for any algorithm in its list.
    NoHostKey,
    /// A list of algorithms is empty.
    NoAlgorithms,
    /// An identification that RFC 4253 §4.2 does not allow.
    BadIdent,
    /// A host key that is not a key blob.
    BadHostKey,
    /// A signature that is not of the algorithm that was asked for.
    WrongSignature,
    /// A group that is not of the sizes that were asked for.
    WrongGroup,
    /// The peer did not say that it knows this.
    NotOffered,
    /// Not now, or not in this role.
    NotNow,
    /// Longer than a packet may be.
    TooLong,
}

impl Error {
    /// What to tell the peer, if anything: the one mapping from errors to reasons (RFC 4253 §11.1).
    #[must_use]
    pub fn disconnect_reason(&self) -> Option<Reason> {
        match self {
            Self::Misbehaved(Misbehaviour::ProtocolVersion { .. }) => {
                Some(Reason::PROTOCOL_VERSION_NOT_SUPPORTED)
            }
            Self::Misbehaved(Misbehaviour::GroupRequest(_) | Misbehaviour::GroupSize { .. }) => {
                Some(Reason::KEY_EXCHANGE_FAILED)
            }
            Self::Misbehaved(Misbehaviour::Compression(_)) => Some(Reason::COMPRESSION_ERROR),
            Self::Malformed(_) | Self::Misbehaved(_) => Some(Reason::PROTOCOL_ERROR),
            // One answer for both, or the answer would tell which of them it was.
            Self::Forged | Self::BadPacketLength { .. } => Some(Reason::MAC_ERROR),
            Self::NoCommon(_)
            | Self::KeyExchange(_)
            | Self::Keys(_)
            | Self::BadSignature(_)
            | Self::Refused(Refusal::Group | Refusal::Signature) => Some(Reason::KEY_EXCHANGE_FAILED),
            Self::Refused(Refusal::HostKey) => Some(Reason::HOST_KEY_NOT_VERIFIABLE),
            Self::TimedOut => Some(Reason::BY_APPLICATION),
            Self::KeyUsedUp => Some(Reason::PROTOCOL_ERROR),
            Self::Closed(_) | Self::Misuse(_) => None,
        }
    }

    /// The text that goes with [`disconnect_reason`](Self::disconnect_reason). It says what the peer knows anyway.
    pub(crate) fn disconnect_text(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed message",
            Self::Misbehaved(Misbehaviour::GroupRequest(_) | Misbehaviour::GroupSize { .. }) => {
                "DH GEX group out of range"
            }
            Self::Misbehaved(Misbehaviour::Compression(_)) => "compression error",
            Self::Misbehaved(_) => "protocol error",
            Self::NoCommon(_) => "no common algorithm",
            Self::Forged | Self::BadPacketLength { .. } => "corrupt packet",
            Self::KeyExchange(_)
            | Self::Keys(_)
            | Self::BadSignature(_)
            | Self::Refused(Refusal::Signature) => "key exchange failed",
            Self::Refused(Refusal::Group) => "no matching DH grp found",
            Self::Refused(Refusal::HostKey) => "host key not accepted",
            Self::TimedOut => "timeout",
            Self::KeyUsedUp => "too many packets without rekey",
            Self::Closed(_) | Self::Misuse(_) => "",
        }
    }
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

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

impl From<KexError> for Error {
    fn from(error: KexError) -> Self {
        Self::KeyExchange(error)
    }
}

impl From<crypto::NoEntropy> for Error {
    fn from(error: crypto::NoEntropy) -> Self {
        Self::KeyExchange(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed message: {error}"),
            Self::Misbehaved(rule) => fmt::Display::fmt(rule, f),
            Self::NoCommon(none) => fmt::Display::fmt(none, f),
            Self::Forged => f.write_str("message authentication code incorrect"),
            Self::BadPacketLength { length } => write!(f, "Bad packet length {length}."),
            Self::KeyExchange(error) => write!(f, "key exchange: {error}"),
            Self::Keys(error) => write!(f, "key derivation: {error}"),
            Self::BadSignature(error) => write!(f, "signature of the host key: {error}"),
            Self::Refused(Refusal::Group) => f.write_str("no matching DH grp found"),
            Self::Refused(Refusal::HostKey) => f.write_str("host key was not accepted"),
            Self::Refused(Refusal::Signature) => f.write_str("no signature by the host key"),
            Self::TimedOut => f.write_str("key exchange took too long"),
            Self::KeyUsedUp => f.write_str("key used up before the peer agreed on another"),
            Self::Closed(Closed::Local(reason)) => write!(f, "closed: {reason}"),
            Self::Closed(Closed::Peer(reason)) => write!(f, "closed by the peer: {reason}"),
            Self::Misuse(misuse) => fmt::Display::fmt(misuse, f),
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentNotSsh { line } => write!(f, "not an SSH identification: {}", Escaped(line)),
            Self::IdentTooLong => f.write_str("identification too long"),
            Self::IdentNul => f.write_str("identification holds a NUL"),
            Self::IdentCharacter { byte } => write!(f, "identification holds byte {byte:#04x}"),
            Self::ProtocolVersion { line } => write!(f, "protocol major versions differ: {}", Escaped(line)),
            Self::GreetingTooLong => f.write_str("line before the identification too long"),
            Self::TooManyGreetings => f.write_str("too many lines before the identification"),
            Self::Padding => f.write_str("padding error"),
            Self::EmptyPayload => f.write_str("packet without a message"),
            Self::NumberZero => f.write_str("message number 0"),
            Self::SequenceWrapped => f.write_str("sequence number wrapped in the initial key exchange"),
            Self::StrictKexInitNotFirst { sequence } => {
                write!(f, "strict KEX violation: KEXINIT was not the first packet but number {sequence}")
            }
            Self::StrictViolation { number } => {
                write!(f, "strict KEX violation: unexpected message {number}")
            }
            Self::UnexpectedInExchange { number } => write!(f, "message {number} in a key exchange"),
            Self::OutsideExchange { number } => write!(f, "message {number} outside of a key exchange"),
            Self::UnimplementedInExchange { sequence } => {
                write!(f, "message {sequence} of the key exchange is unknown to the peer")
            }
            Self::GroupRequest(_) | Self::GroupSize { .. } => f.write_str("DH GEX group out of range"),
            Self::ExtInfoMisplaced => f.write_str("EXT_INFO where it may not be"),
            Self::TooManyExtInfo => f.write_str("too many EXT_INFO messages"),
            Self::TooManyExtensions { count } => write!(f, "{count} extensions in one message"),
            Self::TooManyPacketsBeforeAuth => f.write_str("too many packets before authentication"),
            Self::TooManyExchangesBeforeAuth => f.write_str("too many key exchanges before authentication"),
            Self::Compression(error) => fmt::Display::fmt(error, f),
            Self::TooManyReplies => f.write_str("too many answers wait for a key exchange"),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "answer to a question that is not open",
            Self::NoHostKey => "no host key for any of the algorithms",
            Self::NoAlgorithms => "empty list of algorithms",
            Self::BadIdent => "identification that the protocol does not allow",
            Self::BadHostKey => "host key that is not a key blob",
            Self::WrongSignature => "signature of another algorithm than was asked for",
            Self::WrongGroup => "group of another size than was asked for",
            Self::NotOffered => "extension that the peer did not offer",
            Self::NotNow => "not possible now",
            Self::TooLong => "longer than a packet may be",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Misuse {}
