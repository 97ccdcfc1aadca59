//! What bounds this layer. A peer that goes over one of these gets the named error, never more memory.
//!
//! Those that a test must be able to reach stand in [`Limits`] too, with these values as defaults.

/// Longest identification line in bytes, with its CR LF (RFC 4253 §4.2).
pub const IDENT_LINE_MAX: usize = 255;

/// Longest line before a server's identification, in bytes with its line end.
pub const GREETING_LINE_MAX: usize = 1024;

/// Most lines before a server's identification.
pub const GREETING_LINES_MAX: u32 = 1024;

/// Largest `packet_length` before authentication: the longest certificate, with a signature and a name beside it. RFC 4253
/// §6.1 wants 35,000 bytes to be understood.
pub const PACKET_LENGTH_BEFORE_AUTH: u32 = 96 * 1024;

/// Largest `packet_length` after authentication, as OpenSSH has it. A payload that came compressed may have as many bytes.
pub const PACKET_LENGTH_MAX: u32 = 256 * 1024;

/// Smallest `packet_length`: the padding's length, one byte of payload, four of padding (RFC 4253 §6).
pub const PACKET_LENGTH_MIN: u32 = 6;

/// Room in bytes for payloads that are to be compressed, to begin with.
pub const PLAIN_MIN: usize = 4 * 1024;

/// Least padding in bytes (RFC 4253 §6).
pub const PADDING_MIN: usize = 4;

/// Most payload in bytes that one frame of data carries.
pub const FRAME_PAYLOAD_MAX: usize = 128 * 1024;

/// Bytes of sealed packets that data may be ahead of the socket. More would make a keystroke wait.
pub const SEALED_AHEAD: usize = 256 * 1024;

/// Bytes that answers may take beyond what data may take, before authentication.
pub const REPLIES_BEFORE_AUTH: usize = 128 * 1024;

/// Bytes that answers may take beyond what data may take.
pub const REPLIES_MAX: usize = 512 * 1024;

/// Room for answers, in bytes beyond the packet's own length, that must be free before a packet is opened.
pub const REPLY_SLACK: usize = 1024;

/// Longest data in bytes that we put into a ping.
pub const PING_MAX: usize = 1024;

/// Largest receive buffer in bytes: several of the largest packets.
pub const RECV_BUFFER_MAX: usize = 1024 * 1024;

/// Least growth of the receive buffer in bytes.
pub const RECV_BUFFER_MIN: usize = 4 * 1024;

/// Packets that a peer may send before it is authenticated, or has authenticated us.
pub const PACKETS_BEFORE_AUTH: u64 = 2048;

/// Key exchanges that may be begun before authentication. One is needed; a second one is begun by whoever counts the time and
/// waits an hour for a password. OpenSSH begins none.
pub const EXCHANGES_BEFORE_AUTH: u32 = 2;

/// Packets that one key may protect (RFC 4344 §3.1 asks for a rekey by then). Reaching it ends the connection.
pub const PACKETS_PER_KEY: u64 = 1 << 31;

/// Packets after which we rekey: half of what a key may do, so that a peer has all the time to answer.
pub const REKEY_PACKETS: u64 = 1 << 30;

/// Bytes that may be received over the rekey limit while nothing of ours was sent under the key. Without this a peer
/// that fills our input could keep the gate closed for ever when the limit is tiny.
pub const REKEY_OVERSHOOT: u64 = 1024 * 1024;

/// `SSH_MSG_EXT_INFO` messages in one connection: one after NEWKEYS, others while authenticating.
pub const EXT_INFO_MESSAGES: u32 = 8;

/// Extensions in one `SSH_MSG_EXT_INFO`.
pub const EXTENSIONS_MAX: u32 = 128;

/// Longest description in bytes that we put into `SSH_MSG_DISCONNECT`.
pub const DISCONNECT_TEXT_MAX: usize = 512;

/// Seconds that a key exchange may take, from the connection's start or from its first KEXINIT, questions included.
pub const EXCHANGE_SECONDS: u64 = 120;

/// The limits that a configuration can change; the default is the constant of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// [`PACKET_LENGTH_BEFORE_AUTH`]
    pub packet_length_before_auth: u32,
    /// [`PACKET_LENGTH_MAX`], which it cannot exceed.
    pub packet_length: u32,
    /// [`PACKETS_BEFORE_AUTH`]
    pub packets_before_auth: u64,
    /// [`EXCHANGES_BEFORE_AUTH`]
    pub exchanges_before_auth: u32,
    /// [`PACKETS_PER_KEY`], which it cannot exceed.
    pub packets_per_key: u64,
    /// [`SEALED_AHEAD`]
    pub sealed_ahead: usize,
    /// [`REPLIES_BEFORE_AUTH`]
    pub replies_before_auth: usize,
    /// [`REPLIES_MAX`]
    pub replies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet_length_before_auth: PACKET_LENGTH_BEFORE_AUTH,
            packet_length: PACKET_LENGTH_MAX,
            packets_before_auth: PACKETS_BEFORE_AUTH,
            exchanges_before_auth: EXCHANGES_BEFORE_AUTH,
            packets_per_key: PACKETS_PER_KEY,
            sealed_ahead: SEALED_AHEAD,
            replies_before_auth: REPLIES_BEFORE_AUTH,
            replies: REPLIES_MAX,
        }
    }
}
