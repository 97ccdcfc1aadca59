//! Between net and the session: typed requests, never SSH packets.
//!
//! Each request but `Closed` is answered by one `Reply`, in the order of the requests. A session is named by the number that its
//! channel has on our side, which does not come back soon.

use wire::{Bytes, Human, Name, NulFree};

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The process that reads the network.
    Net,
    /// The user's process.
    Session,
}

wire::messages! {
    /// The messages between net and the session.
    pub(crate) static SESSION: From;

    /// `env` (RFC 4254 §6.4).
    1 Env<'a> { session: u32, name: NulFree<'a>, value: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `pty-req` (RFC 4254 §6.2). Granted with the master's descriptor.
    2 Pty<'a> {
        session: u32,
        term: NulFree<'a>,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        /// As on the wire (RFC 4254 §8).
        modes: Bytes<'a>,
    } in From::Net, by Client, "DESIGN §4";

    /// `shell` (RFC 4254 §6.5). Granted with the descriptors of standard input, output and error, unless there is a pty.
    3 Shell { session: u32 } in From::Net, by Client, "DESIGN §4";

    /// `exec`, granted as `Shell` is.
    4 Exec<'a> { session: u32, command: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `subsystem`, granted as `Shell` is.
    5 Subsystem<'a> { session: u32, name: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `signal` (RFC 4254 §6.9): its name without `SIG`.
    6 Signal<'a> { session: u32, name: Name<'a> } in From::Net, by Client, "DESIGN §4";

    /// `break` (RFC 4335).
    7 Break { session: u32, milliseconds: u32 } in From::Net, by Client, "DESIGN §4";

    /// The channel is gone: nobody reads or writes its descriptors any more.
    8 Closed { session: u32 } in From::Net, by Client, "DESIGN §4";

    /// The answer to the oldest request that has none.
    20 Reply { session: u32, good: bool } in From::Session, by Server, "DESIGN §4";

    /// The program ended by itself.
    21 Exited { session: u32, status: u32 } in From::Session, by Server, "DESIGN §4";

    /// The program was ended by a signal.
    22 Signalled<'a> {
        session: u32,
        /// Without `SIG`.
        name: Name<'a>,
        core: bool,
        text: Human<'a>,
    } in From::Session, by Server, "DESIGN §4";
}
