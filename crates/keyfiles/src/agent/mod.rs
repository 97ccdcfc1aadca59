//! The agent protocol (RFC 9987; OpenSSH's PROTOCOL.agent): asking another process to sign with keys that it holds.
//!
//! [`AgentClient`] is the client's side without a socket. Requests are made by its methods, and the agent answers them in their
//! order; whoever has the socket writes [`transmit`](AgentClient::transmit) and gives what it reads to
//! [`receive`](AgentClient::receive).
//!
//! ```
//! use nacre_keyfiles::agent::{AgentClient, Answer};
//!
//! let mut agent = AgentClient::default();
//! agent.request_identities()?;
//! assert_eq!(agent.transmit(), [0, 0, 0, 1, 11]);
//! agent.sent(5);
//! // The socket gives an empty list.
//! let (taken, answer) = agent.receive(&[0, 0, 0, 5, 12, 0, 0, 0, 0])?;
//! assert_eq!((taken, answer), (9, Some(Answer::Identities(Vec::new()))));
//! # Ok::<(), nacre_keyfiles::agent::AgentError>(())
//! ```
//!
//! What an agent says is bounded, in bytes and in numbers, and never believed: a signature counts when it verifies.

mod client;
mod constraint;
mod error;
pub mod message;

pub use client::{AgentClient, AgentIdentity, Answer};
pub use constraint::{Constraint, Hop, HopKey, Permitted};
pub use error::AgentError;
