//! Why a key exchange gives no shared secret.

use std::fmt;

use crate::NoEntropy;

/// Why there is no shared secret. [`KexError::NoEntropy`] and [`KexError::NoGroup`] are our own fault, all others the
/// peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KexError {
    /// The peer's public value does not have the one length that the method gives it.
    WrongLength {
        /// Bytes that the method wants.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The peer's X25519 value has small order: the result would be all zeros, known to anybody (RFC 8731 §3).
    LowOrderPoint,
    /// The client's ML-KEM encapsulation key holds a number that is not reduced (FIPS 203 §7.2).
    BadEncapsulationKey,
    /// The peer's value is no point of the curve in uncompressed form (RFC 5656 §4), or no `mpint` within the range of
    /// its group (RFC 4253 §8).
    BadPublicValue,
    /// A finite field group that cannot be used: too small or too large, no odd modulus, or a generator without powers
    /// worth the name. Also said when a group is given to a method that has its own.
    BadGroup,
    /// The method needs a group that the server chooses (RFC 4419), and none was given.
    NoGroup,
    /// There was no randomness to make a secret from.
    NoEntropy,
}

impl From<NoEntropy> for KexError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for KexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { expected, got } => {
                write!(f, "public value of {got} bytes where the key exchange has {expected}")
            }
            Self::LowOrderPoint => f.write_str("X25519 public value of small order"),
            Self::BadEncapsulationKey => f.write_str("ML-KEM encapsulation key that is not reduced"),
            Self::BadPublicValue => f.write_str("invalid public value in key exchange"),
            Self::BadGroup => f.write_str("unusable Diffie-Hellman group"),
            Self::NoGroup => f.write_str("key exchange without the group that the server chooses"),
            Self::NoEntropy => fmt::Display::fmt(&NoEntropy, f),
        }
    }
}

impl std::error::Error for KexError {}
