//! Between net and the session: typed requests, never SSH packets.
//!
//! Each request of a session but `Closed` is answered by one `Reply`, in the order of the requests. A session is named by the number
//! that its channel has on our side, which does not come back soon.
//!
//! What takes its time is answered when it is done, whatever was asked before and since: `Connect` and `ConnectLocal` by `Connected`
//! or `Refused`, which name the channel; `Listen`, `ListenLocal` and their ends by `Listening`, which names the request. Connections
//! that come in where the session listens are told by one of the `Incoming` messages, unasked, each with its descriptor.

use wire::{Bytes, Human, Name, NulFree, Text};

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

    /// `direct-tcpip` (RFC 4254 §7.2): connect, for this channel.
    9 Connect<'a> {
        channel: u32,
        host: Text<'a>,
        /// 0 to 65535.
        port: u32,
        originator: Text<'a>,
        originator_port: u32,
    } in From::Net, by Client, "DESIGN §4";

    /// `direct-streamlocal@openssh.com`: connect to a Unix socket, for this channel.
    10 ConnectLocal<'a> { channel: u32, path: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `tcpip-forward` (RFC 4254 §7.1).
    11 Listen<'a> {
        /// Net's number for it, which does not come back soon.
        request: u32,
        /// As the client wrote it.
        address: Text<'a>,
        /// 0 to 65535; 0 for any.
        port: u32,
    } in From::Net, by Client, "DESIGN §4";

    /// `streamlocal-forward@openssh.com`.
    12 ListenLocal<'a> { request: u32, path: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `cancel-tcpip-forward` (RFC 4254 §7.1).
    13 Cancel<'a> { request: u32, address: Text<'a>, port: u32 } in From::Net, by Client, "DESIGN §4";

    /// `cancel-streamlocal-forward@openssh.com`.
    14 CancelLocal<'a> { request: u32, path: NulFree<'a> } in From::Net, by Client, "DESIGN §4";

    /// `auth-agent-req@openssh.com`, or `agent-req` (RFC 9987).
    15 Agent {
        session: u32,
        /// By the name of RFC 9987, so that channels are opened by that name too.
        standard: bool,
    } in From::Net, by Client, "DESIGN §4";

    /// `x11-req` (RFC 4254 §6.3.1).
    16 X11<'a> {
        session: u32,
        /// For one connection only.
        single: bool,
        protocol: NulFree<'a>,
        cookie: NulFree<'a>,
        screen: u32,
    } in From::Net, by Client, "DESIGN §4";

    /// The answer to the oldest request of a session that has none.
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

    /// The connection for a channel is there. With its descriptor.
    23 Connected { channel: u32 } in From::Session, by Server, "DESIGN §4";

    /// There is no connection for a channel.
    24 Refused<'a> {
        channel: u32,
        /// As RFC 4254 §5.1 numbers it.
        reason: u32,
        text: Human<'a>,
    } in From::Session, by Server, "DESIGN §4";

    /// What became of listening, or of its end.
    25 Listening {
        request: u32,
        good: bool,
        /// The port, where any was asked for; else 0.
        port: u32,
    } in From::Session, by Server, "DESIGN §4";

    /// A connection to a forwarded port. With its descriptor.
    26 IncomingTcp<'a> {
        /// As the client wrote it when it asked for the port.
        address: Text<'a>,
        /// The port itself.
        port: u32,
        originator: Text<'a>,
        originator_port: u32,
    } in From::Session, by Server, "DESIGN §4";

    /// A connection to a forwarded Unix socket. With its descriptor.
    27 IncomingLocal<'a> { path: NulFree<'a> } in From::Session, by Server, "DESIGN §4";

    /// A connection to the agent's socket. With its descriptor.
    28 IncomingAgent { standard: bool } in From::Session, by Server, "DESIGN §4";

    /// A connection to a display. With its descriptor.
    29 IncomingX11<'a> { originator: Text<'a>, originator_port: u32 } in From::Session, by Server, "DESIGN §4";
}
