//! A server on the loop that runs shell commands with pipes or a terminal, and a client that a test drives by hand.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its part")]

mod peer;
mod served;

pub use peer::{Note, Peer, pattern};
pub use served::{Call, Ran, Script, no_script, serve, serve_over};
