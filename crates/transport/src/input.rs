//! What [`Transport::process`](crate::Transport::process) returns.

use crypto::KexAlg;
use keys::SignatureAlg;
use wire::{Bytes, Human};

use crate::group::GroupRequest;
use crate::negotiate::Agreed;
use crate::reason::Reason;
use crate::transcript::{ExchangeHash, Transcript};

/// What one call came to: at most one packet, or one line before the keys.
#[derive(Debug)]
#[must_use]
pub enum Input<'b> {
    /// More bytes must be received first.
    NeedBytes,
    /// What was received waits: for the answer to a question, or for room for answers, which sending makes.
    Blocked,
    /// Something was processed that tells nobody anything.
    Progress,
    /// A fact.
    Event(Event<'b>),
    /// A question. Until it is answered nothing more is processed.
    Ask(Ask),
    /// A message of a layer above this one. It comes only after the initial key exchange.
    Payload(Payload<'b>),
}

/// A message of a layer above.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'b> {
    /// The whole payload, number first, never empty.
    pub bytes: &'b [u8],
    /// The sequence number of its packet, for [`unimplemented`](crate::Transport::unimplemented).
    pub sequence: u32,
}

/// A fact.
#[derive(Clone, Copy, Debug)]
pub enum Event<'b> {
    /// A line before the server's identification, without its line end.
    Greeting(Human<'b>),
    /// The peer's identification came: [`peer_ident`](crate::Transport::peer_ident).
    Identified,
    /// An exchange is under way with these algorithms.
    Agreed(Agreed),
    /// Both directions have their new keys.
    KeysChanged {
        /// It was the initial exchange; from now on payloads come, and what was sent before goes out.
        first: bool,
    },
    /// The peer told of extensions: [`peer_extensions`](crate::Transport::peer_extensions).
    Extensions,
    /// The peer wants something written for whoever looks for an error.
    Debug {
        /// The user should see it without having asked.
        always_display: bool,
        /// The text.
        message: Human<'b>,
    },
    /// The peer did not know a message of ours.
    Unimplemented {
        /// The sequence number of our message.
        sequence: u32,
    },
    /// The answer to a [`ping`](crate::Transport::ping).
    Pong {
        /// What the ping held.
        data: Bytes<'b>,
    },
    /// The peer ended the connection. The machine is closed.
    Disconnected {
        /// Why.
        reason: Reason,
        /// In the peer's words.
        description: Human<'b>,
    },
}

/// A question. No answer before the exchange's deadline is "no".
#[derive(Debug)]
pub enum Ask {
    /// Asks the server for a group of one of these sizes, which are some that it may give (RFC 4419). Answer with
    /// [`group`](crate::Transport::group).
    Group(GroupRequest),
    /// Asks the server for its host key's signature of the exchange hash. Answer with
    /// [`signed`](crate::Transport::signed).
    Sign(SignRequest),
    /// Asks the client whether it trusts the host key, which has proven itself already. Answer with
    /// [`host_key`](crate::Transport::host_key).
    HostKey(HostKeyOffer),
}

/// What is to be signed.
#[derive(Debug)]
pub struct SignRequest {
    /// The algorithm that the signature must have.
    pub algorithm: &'static SignatureAlg,
    /// The key exchange method, which says by which hash the transcript comes to what is signed.
    pub kex: &'static KexAlg,
    /// Which of [`Config::host_keys`](crate::Config::host_keys) must sign.
    pub host_key: usize,
    /// The bytes to sign.
    pub hash: ExchangeHash,
    /// What the hash was computed from; `transcript.hash(kex.hash)` is `hash`.
    pub transcript: Box<Transcript>,
    /// The session's first exchange is long over.
    pub rekey: bool,
}

/// The host key of a server that has signed the exchange hash with it.
#[derive(Clone, Debug)]
pub struct HostKeyOffer {
    /// The algorithm that it signed with.
    pub algorithm: &'static SignatureAlg,
    /// The key, as the server sent it.
    pub blob: Vec<u8>,
    /// The session's first exchange is long over, so the key should be the one of then.
    pub rekey: bool,
}
