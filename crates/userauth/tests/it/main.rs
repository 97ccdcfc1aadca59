//! User authentication from outside: both machines together, and each one against a peer that lies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod counting;
mod lying_client;
mod lying_server;
mod methods;
mod random;
mod rig;
mod signing;
mod timing;
