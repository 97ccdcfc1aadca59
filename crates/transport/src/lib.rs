//! RFC 4253 as a machine for both roles: identification, packets, negotiation, key exchange, rekey, extensions.
//!
//! * [`Transport`] is the machine. Bytes are read into a [`RecvBuf`] that the caller owns, [`Transport::process`] opens
//!   one packet in place and says what it was ([`Input`]), [`Transport::transmit`] gives what is to be written.
//! * The layers above send messages through [`wire::Outbox`], which it implements, and data through a [`Frame`], which
//!   is sealed where it was filled. While a key exchange is under way messages wait and there are no frames.
//! * What needs a private key, a file, or trust, is a question ([`Ask`]).
//! * [`negotiate()`], [`Transcript`] and [`Algorithms`] are values and pure functions, for processes that check.
//!
//! # What it guarantees
//! It does not panic, whatever comes. Every queue and every count has a limit ([`limits`]). A length is looked at
//! before anything waits or grows for it. Per packet it allocates nothing. Strict KEX is offered and kept: nothing beside
//! the initial exchange, and sequence numbers that begin again with each key. No exchange comes into force without an
//! [`Ask`] that was answered with yes, and for a client without a host key that has signed.
//!
//! # What it may depend on
//! `wire`, `crypto`, `keys`. It knows nothing of users and channels.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod algorithms;
mod config;
mod error;
mod ext_info;
mod group;
mod ident;
mod inbound;
mod input;
mod kex;
pub mod limits;
pub mod message;
mod negotiate;
mod outbound;
mod outbuf;
mod query;
mod quirks;
mod reason;
mod recvbuf;
mod rekey;
mod replies;
mod schedule;
mod sequence;
mod timers;
mod transcript;
mod transport;

pub use algorithms::{Algorithms, Directions};
pub use config::Config;
pub use error::{Closed, Error, Misbehaviour, Misuse, Refusal};
pub use ext_info::PeerExtensions;
pub use group::{GroupPart, GroupRequest};
pub use ident::{Ident, PeerIdent};
pub use input::{Ask, Event, HostKeyOffer, Input, Payload, SignRequest};
pub use limits::Limits;
pub use negotiate::{Agreed, Kind, Negotiated, NoCommon, Protection, negotiate};
pub use query::query;
pub use reason::Reason;
pub use recvbuf::RecvBuf;
pub use rekey::RekeyPolicy;
pub use transcript::{ExchangeHash, SessionId, Transcript};
pub use transport::{Frame, Transport};
