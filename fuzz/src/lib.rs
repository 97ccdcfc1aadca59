//! What the fuzz targets share: how an input is cut ([`Input`]), a peer that frames and seals what the input says
//! ([`Peer`], [`Suite`]), applications whose answers are the input's too ([`ServerSide`], [`ClientSide`]), messages of
//! channels that nobody sent ([`Lie`]), and the other ends of descriptors ([`Way`]).
//!
//! Randomness comes from a fixed seed and time moves only when a target moves it, so an input always does the same.
#![forbid(unsafe_code)]

mod channels;
mod client;
mod input;
mod lie;
mod peer;
mod server;
mod suite;
mod way;

pub use channels::Channels;
pub use client::ClientSide;
pub use input::{Choices, Input, Record, Records, Treatment, write_input};
pub use lie::Lie;
pub use peer::{Peer, frame};
pub use server::ServerSide;
pub use suite::{Suite, algorithms, host_key, null_signature, suites};
pub use way::{Way, bytes, fill};

use std::sync::LazyLock;
use std::time::Instant;

/// When every run starts. `Instant` has no constructor but the clock's, and only differences matter.
pub static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The payload of a message.
pub fn payload(message: &impl wire::Encode) -> Vec<u8> {
    let mut payload = Vec::new();
    message.encode(&mut payload);
    payload
}

/// A name that is known to be one.
///
/// # Panics
/// When it is none.
pub fn name(name: &str) -> wire::Name<'_> {
    wire::Name::new(name).expect("a name")
}
