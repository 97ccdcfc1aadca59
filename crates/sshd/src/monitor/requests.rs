//! What the monitor is asked, after the table let it in.

use wire::{Message, WireError};

use crate::protocol::monitor::{
    From, KeyOffer, KeyProof, Log, Password, Prove, PtyOpen, SessionLog, Sign, User, WantGroup,
};

use super::table::{Phase, Table};
use super::violation::Violation;

/// A request whose row and fields are good.
pub(super) enum Request<'a> {
    Sign(Sign<'a>),
    WantGroup(WantGroup),
    User(User<'a>),
    KeyOffer(KeyOffer<'a>),
    KeyProof(KeyProof<'a>),
    Password(Password<'a>),
    Prove(Prove<'a>),
    PtyOpen,
    Log(Log<'a>),
    SessionLog(SessionLog<'a>),
    /// A line for the log beyond those that there may be; it is let fall.
    LogFull,
}

/// Whether the answer can be the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decides(pub(super) bool);

/// Reads what a child sent.
pub(super) fn read<'a>(
    table: &mut Table,
    from: From,
    phase: Phase,
    payload: &'a [u8],
) -> Result<(Request<'a>, Decides), Violation> {
    let number = payload.first().copied().unwrap_or_default();
    let rule = match table.admit(from, phase, number) {
        // A connection that lives for months says much, and must not die of it.
        Err(Violation::TooOften(_)) if [Log::NUMBER, SessionLog::NUMBER].contains(&number) => {
            return Ok((Request::LogFull, Decides(false)));
        }
        admitted => admitted?,
    };
    let request = match number {
        Sign::NUMBER => Request::Sign(Sign::from_payload(payload).map_err(malformed::<Sign<'_>>)?),
        WantGroup::NUMBER => {
            Request::WantGroup(WantGroup::from_payload(payload).map_err(malformed::<WantGroup>)?)
        }
        User::NUMBER => Request::User(User::from_payload(payload).map_err(malformed::<User<'_>>)?),
        KeyOffer::NUMBER => {
            Request::KeyOffer(KeyOffer::from_payload(payload).map_err(malformed::<KeyOffer<'_>>)?)
        }
        KeyProof::NUMBER => {
            Request::KeyProof(KeyProof::from_payload(payload).map_err(malformed::<KeyProof<'_>>)?)
        }
        Password::NUMBER => {
            Request::Password(Password::from_payload(payload).map_err(malformed::<Password<'_>>)?)
        }
        Prove::NUMBER => Request::Prove(Prove::from_payload(payload).map_err(malformed::<Prove<'_>>)?),
        PtyOpen::NUMBER => {
            PtyOpen::from_payload(payload).map_err(malformed::<PtyOpen>)?;
            Request::PtyOpen
        }
        Log::NUMBER => Request::Log(Log::from_payload(payload).map_err(malformed::<Log<'_>>)?),
        SessionLog::NUMBER => {
            Request::SessionLog(SessionLog::from_payload(payload).map_err(malformed::<SessionLog<'_>>)?)
        }
        // The table let only requests in; what it may hold one day without a line here is none.
        other => return Err(Violation::Unknown(other)),
    };
    Ok((request, Decides(rule.decides)))
}

fn malformed<M: Message>(error: WireError) -> Violation {
    Violation::Malformed(M::NAME, error)
}
