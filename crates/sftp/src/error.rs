use std::fmt;

use wire::WireError;

/// Why a session cannot go on. All of these are the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A packet claims more bytes than [`PACKET`](crate::limits::PACKET).
    TooLong(u32),
    /// A request came before the client had said which version it speaks.
    BeforeInit(u8),
    /// A request is not what its type says.
    Malformed {
        /// Its name, or `packet` when it has not even a type.
        request: &'static str,
        /// What is wrong with it.
        why: WireError,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(f, "bad message: packet of {length} bytes"),
            Self::BeforeInit(number) => write!(f, "Received {number} request before init"),
            Self::Malformed { request, why } => write!(f, "bad {request} message: {why}"),
        }
    }
}

impl std::error::Error for Error {}
