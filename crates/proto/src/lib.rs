//! One sans-IO SSH connection: the facade over transport, userauth and connection.
//!
//! [`Connection<Client>`](Connection) and [`Connection<Server>`](Connection) are the two sides. They have no socket, no
//! clock, no thread and no randomness of their own: bytes, time and a random number generator are handed in; bytes,
//! facts and questions come out. So a connection can be driven by any event loop, tested with a virtual clock, fuzzed
//! without tricks, and replayed from its seed and inputs.
//!
//! The [`manual`] tells how to drive one, what is promised, and against whom it defends.
//!
//! # The map
//!
//! ```text
//! bytes → RecvBuf → Connection::process → transport (deframe, open in place)
//!                                       → route by message number
//!                                           1–49, 192, 193 → transport: identification, key exchange, rekey, EXT_INFO
//!                                           5, 6, 50–79    → userauth: who the user is
//!                                           80–127         → connection: channels; they exist once the user is in
//! Step::Event, Step::Ask → the application → answer, commands, Slot → transport (seal in place) → transmit → bytes
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `connection.rs` | [`Connection`]: the router, timers, what is sent when |
//! | `command.rs`, `slot.rs` | what an application has it do, and how data is sent without a copy |
//! | `event.rs`, `question.rs`, `ticket.rs` | what comes out: facts, and questions with the right to answer them |
//! | `server.rs`, `client.rs`, `side.rs` | what differs between the sides |
//! | `alive.rs`, `config.rs`, `limits.rs`, `error.rs` | signs of life, configuration, limits, errors by fault |
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod alive;
mod client;
mod command;
mod config;
mod connection;
mod error;
mod event;
pub mod limits;
pub mod manual;
mod question;
mod server;
mod side;
mod slot;
mod ticket;

pub use alive::AlivePolicy;
pub use client::{
    ChangePassword, Client, ClientAuthConfig, ClientAuthEvent, ClientQuestion, NextCredential,
    RespondToPrompts, SignLogin, TrustHostKey,
};
pub use config::Config;
pub use connection::Connection;
pub use error::{Error, Fault, Misuse, Wait};
pub use event::{Event, Step};
pub use question::{Ask, ChannelQuestion, OpenChannel, ReplyToGlobal, ReplyToRequest};
pub use server::{
    AdmitInteractive, AdmitKey, AdmitNone, AdmitPassword, ChooseGroup, Server, ServerAuthEvent,
    ServerQuestion, SignExchange, WantKey,
};
pub use side::Side;
pub use slot::Slot;
pub use ticket::Ticket;

pub use transport::RecvBuf;

// The layers, for whoever needs the types that events, questions and commands are made of and may import this crate only.
pub use ::{crypto, keys, transport, userauth, wire};
pub use ::connection as channels;
