use std::fmt;

use wire::{Reader, WireError};

/// Why the part of an open or request that its name gives a meaning to is not what it must be. It costs the peer
/// that one request, not the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// The bytes are not the fields.
    Wire(WireError),
    /// A port number over 65535. Taking its low 16 bits would open another port than the one that was checked.
    Port(u32),
    /// Terminal modes end within an argument, or are longer than
    /// [`TERMINAL_MODES_MAX`](crate::limits::TERMINAL_MODES_MAX).
    Modes,
}

impl From<WireError> for PayloadError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => error.fmt(f),
            Self::Port(port) => write!(f, "{port} is no port"),
            Self::Modes => f.write_str("bad terminal modes"),
        }
    }
}

impl std::error::Error for PayloadError {}

/// Reads a port, which has 32 bits on the wire (RFC 4254 §7) and 16 in the world.
pub(crate) fn port(input: &mut Reader<'_>) -> Result<u16, PayloadError> {
    let port = input.u32()?;
    u16::try_from(port).map_err(|_| PayloadError::Port(port))
}
