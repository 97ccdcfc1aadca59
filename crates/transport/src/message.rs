//! The messages of this layer.

use wire::{Bytes, Human, Mpint, NameList, Rest};

/// When a message of this layer may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At any time.
    Always,
    /// At any time but in the initial key exchange, when that is a strict one.
    Loose,
    /// Only where no exchange is under way: it begins one.
    Begin,
    /// Only in an exchange, in the state that waits for it.
    Exchange,
    /// Only under keys, outside of an exchange.
    Keyed,
}

wire::messages! {
    /// The messages of RFC 4253 and RFC 8308, and OpenSSH's ping.
    pub static TABLE: Phase;

    /// Ends the connection at once.
    1 Disconnect<'a> { reason: u32, description: Human<'a>, language: Human<'a> } in Phase::Always, by Both, "RFC 4253 §11.1";
    /// Means nothing.
    2 Ignore<'a> { data: Bytes<'a> } in Phase::Loose, by Both, "RFC 4253 §11.2";
    /// Answers a message whose number nobody knew.
    3 Unimplemented { sequence: u32 } in Phase::Loose, by Both, "RFC 4253 §11.4";
    /// Text for whoever looks for an error.
    4 Debug<'a> { always_display: bool, message: Human<'a>, language: Human<'a> } in Phase::Loose, by Both, "RFC 4253 §11.3";
    /// Says which extensions the sender knows: `count` pairs of name and value.
    7 ExtInfo<'a> { count: u32, extensions: Rest<'a> } in Phase::Keyed, by Both, "RFC 8308 §2.3";
    /// Begins a key exchange.
    20 KexInit<'a> {
        cookie: [u8; 16],
        kex: NameList<'a>,
        host_keys: NameList<'a>,
        ciphers_client_to_server: NameList<'a>,
        ciphers_server_to_client: NameList<'a>,
        macs_client_to_server: NameList<'a>,
        macs_server_to_client: NameList<'a>,
        compressions_client_to_server: NameList<'a>,
        compressions_server_to_client: NameList<'a>,
        languages_client_to_server: NameList<'a>,
        languages_server_to_client: NameList<'a>,
        first_kex_packet_follows: bool,
        reserved: u32,
    } in Phase::Begin, by Both, "RFC 4253 §7.1";
    /// The last message under the sender's old keys.
    21 NewKeys {} in Phase::Exchange, by Both, "RFC 4253 §7.3";
    /// The client's public value.
    30 KexEcdhInit<'a> { client_public: Bytes<'a> } in Phase::Exchange, by Client, "RFC 5656 §4";
    /// The server's host key, its public value and its signature of the exchange hash.
    31 KexEcdhReply<'a> { host_key: Bytes<'a>, server_public: Bytes<'a>, signature: Bytes<'a> } in Phase::Exchange, by Server, "RFC 5656 §4";
    /// Asks for the same data back.
    192 Ping<'a> { data: Bytes<'a> } in Phase::Keyed, by Both, "OpenSSH PROTOCOL §1.10";
    /// The data of a ping.
    193 Pong<'a> { data: Bytes<'a> } in Phase::Keyed, by Both, "OpenSSH PROTOCOL §1.10";
}

wire::messages! {
    /// The messages of group exchange (RFC 4419), whose numbers mean other things in [`TABLE`]. Number 30, the request
    /// that names one size only, is of drafts and was never needed by anybody who offers these methods to us.
    pub static GROUP_TABLE: Phase;

    /// The server's group.
    31 KexDhGexGroup<'a> { prime: Mpint<'a>, generator: Mpint<'a> } in Phase::Exchange, by Server, "RFC 4419 §3";
    /// The client's public value. An `mpint` is taken as a string here: its bytes are judged with the group.
    32 KexDhGexInit<'a> { client_public: Bytes<'a> } in Phase::Exchange, by Client, "RFC 4419 §3";
    /// The server's host key, its public value and its signature of the exchange hash.
    33 KexDhGexReply<'a> { host_key: Bytes<'a>, server_public: Bytes<'a>, signature: Bytes<'a> } in Phase::Exchange, by Server, "RFC 4419 §3";
    /// The sizes in bits of the group that the client wants.
    34 KexDhGexRequest { min: u32, preferred: u32, max: u32 } in Phase::Exchange, by Client, "RFC 4419 §3";
}
