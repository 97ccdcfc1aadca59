use std::fmt;

/// Why bytes are not the value that was expected. Always the fault of whoever wrote the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The value needs more bytes than are left.
    Truncated {
        /// Bytes that the value still needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The value ended before its bytes did.
    Trailing {
        /// Bytes that are left over.
        left: usize,
    },
    /// A text is not UTF-8.
    NotUtf8,
    /// A string that is used as a C string somewhere holds a NUL.
    Nul,
    /// A name is empty or holds something other than printable US-ASCII without comma and blank (RFC 4251 §6).
    BadName,
    /// An mpint is negative or has needless leading bytes (RFC 4251 §5).
    BadMpint,
    /// A value is longer than the limit that is named for it.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The message has another number than the one that is decoded here.
    WrongNumber {
        /// The number of the message that was to be decoded.
        expected: u8,
        /// The number that was found.
        got: u8,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => write!(f, "{needed} bytes needed where {left} are left"),
            Self::Trailing { left } => write!(f, "{left} bytes left over"),
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
            Self::Nul => f.write_str("string holds a NUL"),
            Self::BadName => f.write_str("not a name"),
            Self::BadMpint => f.write_str("mpint is negative or not in its shortest form"),
            Self::TooLong { limit } => write!(f, "longer than {limit} bytes"),
            Self::WrongNumber { expected, got } => write!(f, "message {got} where {expected} was expected"),
        }
    }
}

impl std::error::Error for WireError {}
