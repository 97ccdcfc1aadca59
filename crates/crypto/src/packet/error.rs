use std::fmt;

/// Why no key could be made: the caller gave what does not fit the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A derived part has not the length that the row calls for.
    WrongLength {
        /// Which part.
        part: KeyPart,
        /// Bytes that the row calls for.
        expected: usize,
        /// Bytes that were given.
        got: usize,
    },
    /// The cipher does not authenticate, and there is no MAC beside it.
    MissingMac,
    /// The cipher authenticates by itself, and there is a MAC beside it.
    UnwantedMac,
}

/// One of the parts that key derivation makes for a direction (RFC 4253 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// The initial vector.
    Iv,
    /// The encryption key.
    Key,
    /// The integrity key.
    MacKey,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { part, expected, got } => {
                let part = match part {
                    KeyPart::Iv => "initial vector",
                    KeyPart::Key => "encryption key",
                    KeyPart::MacKey => "integrity key",
                };
                write!(f, "{part} of {got} bytes where the algorithm has {expected}")
            }
            Self::MissingMac => f.write_str("cipher without a MAC that needs one"),
            Self::UnwantedMac => f.write_str("MAC beside a cipher that authenticates by itself"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Why a packet was not sealed: always the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The packet does not hold its length, its padding's length and the tag, or ends within a block of a cipher that
    /// has only whole ones.
    TooShort,
    /// The key may not encrypt that much. No packet that SSH allows gets here before its key is replaced.
    Exhausted,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "packet too short to be sealed",
            Self::Exhausted => "key used up",
        })
    }
}

impl std::error::Error for SealError {}

/// Why a packet was not opened. After any of them the key is not to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The tag does not belong to this packet with this sequence number. The peer's fault, or somebody's between us.
    Forged,
    /// The packet does not hold its length, its padding's length and the tag, or ends within a block of a cipher that
    /// has only whole ones, or the prefix is not [`prefix_len`](crate::OpeningKey::prefix_len) long.
    TooShort,
    /// [`length`](crate::OpeningKey::length) and [`open`](crate::OpeningKey::open) were not called in turn. The
    /// caller's fault.
    OutOfTurn,
    /// The key may not decrypt that much. No packet that SSH allows gets here before its key is replaced.
    Exhausted,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "packet with a tag that does not verify",
            Self::TooShort => "packet too short to be opened",
            Self::OutOfTurn => "length and body of a packet asked for out of turn",
            Self::Exhausted => "key used up",
        })
    }
}

impl std::error::Error for OpenError {}
