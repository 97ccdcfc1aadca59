//! What net may ask for.

use wire::{Message, row};

use crate::protocol::LinkError;
use crate::protocol::session::{Break, Closed, Env, Exec, From, Pty, SESSION, Shell, Signal, Subsystem};

/// One request, of the table's rows that are net's.
#[derive(Debug)]
pub(super) enum Request<'a> {
    Env(Env<'a>),
    Pty(Pty<'a>),
    Shell(Shell),
    Exec(Exec<'a>),
    Subsystem(Subsystem<'a>),
    Signal(Signal<'a>),
    Break(Break),
    Closed(Closed),
}

impl<'a> Request<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// When it is in no row of the table, in a row that is not net's, or not what its row says.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, LinkError> {
        let number = payload.first().copied().unwrap_or_default();
        let unexpected = || LinkError::Protocol(format!("unexpected message {number}"));
        row(SESSION, number).filter(|row| row.phase == From::Net).ok_or_else(unexpected)?;
        Ok(match number {
            Env::NUMBER => Self::Env(Env::from_payload(payload)?),
            Pty::NUMBER => Self::Pty(Pty::from_payload(payload)?),
            Shell::NUMBER => Self::Shell(Shell::from_payload(payload)?),
            Exec::NUMBER => Self::Exec(Exec::from_payload(payload)?),
            Subsystem::NUMBER => Self::Subsystem(Subsystem::from_payload(payload)?),
            Signal::NUMBER => Self::Signal(Signal::from_payload(payload)?),
            Break::NUMBER => Self::Break(Break::from_payload(payload)?),
            Closed::NUMBER => Self::Closed(Closed::from_payload(payload)?),
            _ => return Err(unexpected()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::session::Reply;

    #[test]
    fn every_row_of_net_is_read() {
        for row in SESSION.iter().filter(|row| row.phase == From::Net) {
            // Too short for any of them, but no stranger.
            let error = Request::read(&[row.number, 0]).unwrap_err().to_string();
            assert!(!error.contains("unexpected message"), "{}: {error}", row.name);
        }
    }

    #[test]
    fn what_is_not_nets_to_send_is_refused() {
        let mut own = Vec::new();
        wire::Encode::encode(&Reply { session: 0, good: true }, &mut own);
        for payload in [own.as_slice(), &[0], &[99, 0, 0, 0, 0], &[]] {
            let error = Request::read(payload).unwrap_err().to_string();
            assert!(error.contains("unexpected message"), "{error}");
        }
    }
}
