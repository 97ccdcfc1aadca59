//! What tests of the protocol are made of: two connections on an in-memory wire with a virtual clock ([`Pair`]), an
//! application for each side that does what a test tells it ([`ServerApp`], [`ClientApp`]), a peer written a second
//! time by hand that can lie at every step ([`Handmade`], and [`Against`] which brings it before one of ours), and record and replay of one side ([`record`]).
//!
//! Everything is deterministic: randomness comes from a seed and time moves only when a test says so.

mod against;
mod app;
mod client_app;
mod clock;
mod driven;
mod endpoint;
mod handmade;
mod link;
mod pair;
mod pattern;
mod payload;
mod raw;
pub mod record;
mod server_app;

pub use against::{Against, AgainstClient, AgainstServer};
pub use app::{App, Consume};
pub use client_app::{ClientApp, ClientHook, Login, Session};
pub use clock::Clock;
pub use driven::{Driven, Recordable, Slot};
pub use endpoint::Endpoint;
pub use handmade::{Exchange, FrameLie, Handmade, Proposal};
pub use link::Link;
pub use pair::{Pair, client_config, rng_seed, server_config};
pub use pattern::Pattern;
pub use payload::Payload;
pub use raw::Raw;
pub use server_app::{Served, ServerApp, ServerHook};
