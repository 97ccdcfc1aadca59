//! RFC 4252 and 4256: user authentication, both sides.
//!
//! [`Server`] and [`Client`] are machines without input and output of their own. A whole payload goes in; messages go
//! into a [`wire::Outbox`]; what the application must decide comes out as a question, and its answer is a call with a
//! type of its own. Time is an argument.
//!
//! * A key that is *offered* and one that is *proven* are different types: [`Proof`] becomes [`KeyProven`] only in
//!   [`verify`], or by the one constructor that says that somebody else has verified.
//! * [`Authenticated`] is made in one place, from an accepting verdict and, for a key, the proof of the open request.
//! * The first two messages of the service protocol (RFC 4253 §10) are dealt with here too.
//!
//! The crate knows the encodings and the keys, and nothing of packets, channels, sockets, clocks or randomness.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod client;
pub mod limits;
pub mod message;
pub mod server;

mod error;
mod login;
mod method;
mod proof;
mod release;
mod request;
mod verdict;

pub use client::Client;
pub use error::{Error, Misbehaviour, Misuse, Refusal};
pub use login::{Authenticated, Step};
pub use method::{Method, Methods};
pub use proof::{CONNECTION, KeyProven, Proof, SessionInfo, SignedRequest, signed_data, verify};
pub use server::Server;
pub use verdict::{Challenge, InteractiveAnswer, KeyVerdict, PasswordAnswer, Prompt, Responses, Verdict};
