//! What net may ask for.

use wire::{Message, row};

use crate::protocol::LinkError;
use crate::protocol::session::{
    Agent, Break, Cancel, CancelLocal, Closed, Connect, ConnectLocal, Env, Exec, From, Listen, ListenLocal,
    Pty, SESSION, Shell, Signal, Subsystem, X11,
};

/// One request, of the table's rows that are net's.
#[derive(Debug)]
pub(super) enum Asked<'a> {
    /// For a session: its answer has its place after those before it.
    OfSession(Request<'a>),
    /// For connections past sessions: its answer comes when there is one.
    Forward(Forward<'a>),
}

/// A request for a session.
#[derive(Debug)]
pub(super) enum Request<'a> {
    Env(Env<'a>),
    Pty(Pty<'a>),
    Shell(Shell),
    Exec(Exec<'a>),
    Subsystem(Subsystem<'a>),
    Signal(Signal<'a>),
    Break(Break),
    Agent(Agent),
    X11(X11<'a>),
    Closed(Closed),
}

/// A request of the connection as a whole.
#[derive(Debug)]
pub(super) enum Forward<'a> {
    Connect(Connect<'a>),
    ConnectLocal(ConnectLocal<'a>),
    Listen(Listen<'a>),
    ListenLocal(ListenLocal<'a>),
    Cancel(Cancel<'a>),
    CancelLocal(CancelLocal<'a>),
}

impl<'a> Asked<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// When it is in no row of the table, in a row that is not net's, or not what its row says.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, LinkError> {
        let number = payload.first().copied().unwrap_or_default();
        let unexpected = || LinkError::Protocol(format!("unexpected message {number}"));
        row(SESSION, number).filter(|row| row.phase == From::Net).ok_or_else(unexpected)?;
        Ok(match number {
            Env::NUMBER => Self::OfSession(Request::Env(Env::from_payload(payload)?)),
            Pty::NUMBER => Self::OfSession(Request::Pty(Pty::from_payload(payload)?)),
            Shell::NUMBER => Self::OfSession(Request::Shell(Shell::from_payload(payload)?)),
            Exec::NUMBER => Self::OfSession(Request::Exec(Exec::from_payload(payload)?)),
            Subsystem::NUMBER => Self::OfSession(Request::Subsystem(Subsystem::from_payload(payload)?)),
            Signal::NUMBER => Self::OfSession(Request::Signal(Signal::from_payload(payload)?)),
            Break::NUMBER => Self::OfSession(Request::Break(Break::from_payload(payload)?)),
            Agent::NUMBER => Self::OfSession(Request::Agent(Agent::from_payload(payload)?)),
            X11::NUMBER => Self::OfSession(Request::X11(X11::from_payload(payload)?)),
            Closed::NUMBER => Self::OfSession(Request::Closed(Closed::from_payload(payload)?)),
            Connect::NUMBER => Self::Forward(Forward::Connect(Connect::from_payload(payload)?)),
            ConnectLocal::NUMBER => {
                Self::Forward(Forward::ConnectLocal(ConnectLocal::from_payload(payload)?))
            }
            Listen::NUMBER => Self::Forward(Forward::Listen(Listen::from_payload(payload)?)),
            ListenLocal::NUMBER => Self::Forward(Forward::ListenLocal(ListenLocal::from_payload(payload)?)),
            Cancel::NUMBER => Self::Forward(Forward::Cancel(Cancel::from_payload(payload)?)),
            CancelLocal::NUMBER => Self::Forward(Forward::CancelLocal(CancelLocal::from_payload(payload)?)),
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
            let error = Asked::read(&[row.number, 0]).unwrap_err().to_string();
            assert!(!error.contains("unexpected message"), "{}: {error}", row.name);
        }
    }

    #[test]
    fn what_is_not_nets_to_send_is_refused() {
        let mut own = Vec::new();
        wire::Encode::encode(&Reply { session: 0, good: true }, &mut own);
        for payload in [own.as_slice(), &[0], &[99, 0, 0, 0, 0], &[]] {
            let error = Asked::read(payload).unwrap_err().to_string();
            assert!(error.contains("unexpected message"), "{error}");
        }
    }
}
