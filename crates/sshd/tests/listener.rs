//! The listener from outside: its command line, its processes and signals, and what `--quick` prints. Needs no rights and no client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "listener/command_line.rs"]
mod command_line;
#[path = "listener/daemon.rs"]
mod daemon;
#[path = "listener/quick.rs"]
mod quick;
#[path = "listener/world.rs"]
mod world;
