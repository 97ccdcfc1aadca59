//! Vectors from outside, through our own `verify` and `sign`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod cases;
mod ecdsa;
mod ed25519;
mod openssh;
mod rsa;
