//! What is wrong with a key revocation list.

use std::fmt;

use keys::KeyError;
use wire::WireError;

use crate::limits::MAX_REVOKED;

/// Why bytes are not a key revocation list, or cannot go into one. Whoever gets it for a file must take every key for revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KrlError {
    /// The file is over [`MAX_REVOKED`].
    TooLarge,
    /// It does not begin as such a list does.
    BadMagic,
    /// It has another version of the format.
    UnknownVersion {
        /// The version that it has.
        got: u32,
    },
    /// Its fields are not those of such a list.
    Malformed(WireError),
    /// It has a section that is not known here, so it revokes something that would not be seen.
    UnknownSection {
        /// Its type, of a section or of a part of a certificate section.
        section: u8,
    },
    /// It has an extension that is not known here and must be.
    CriticalExtension {
        /// The extension's name, of any bytes.
        name: Vec<u8>,
    },
    /// It is signed in a way that nobody checks; a signature of the whole file (SSHSIG) takes its place.
    Signed,
    /// It names an authority that is no key. A certificate is never one.
    BadAuthority(KeyError),
    /// It names serial number zero, which stands for a certificate that has none.
    ZeroSerial,
    /// A range of serial numbers ends before it begins.
    ReversedRange,
    /// A bitmap of serial numbers goes on after the last number that there is.
    BitmapPastEnd,
    /// A hash has another length than its kind has.
    HashLength {
        /// The length in bytes that it must have.
        expected: usize,
        /// The length that it has.
        got: usize,
    },
    /// A comment or a key ID holds a NUL.
    Nul,
}

impl From<WireError> for KrlError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for KrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "key revocation list is larger than {MAX_REVOKED} bytes"),
            Self::BadMagic => f.write_str("not a key revocation list"),
            Self::UnknownVersion { got } => write!(f, "unsupported KRL format version {got}"),
            Self::Malformed(error) => write!(f, "malformed key revocation list: {error}"),
            Self::UnknownSection { section } => write!(f, "unsupported KRL section {section}"),
            Self::CriticalExtension { name } => {
                write!(f, "KRL contains unsupported critical section \"{}\"", wire::Escaped(name))
            }
            Self::Signed => f.write_str("KRL holds a signature section, which is not supported"),
            Self::BadAuthority(error) => write!(f, "KRL names an authority that is none: {error}"),
            Self::ZeroSerial => f.write_str("KRL revokes serial number zero"),
            Self::ReversedRange => f.write_str("KRL range of serial numbers ends before it begins"),
            Self::BitmapPastEnd => f.write_str("KRL bitmap of serial numbers goes on after the last number"),
            Self::HashLength { expected, got } => {
                write!(f, "KRL hash of {got} bytes where {expected} belong")
            }
            Self::Nul => f.write_str("KRL comment or key ID holds a NUL"),
        }
    }
}

impl std::error::Error for KrlError {}
