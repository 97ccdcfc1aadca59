//! Vectors from outside: Project Wycheproof's, and those of RFCs from the `vectors` folder. Wherever our own code can
//! be driven with a vector it is, through the public API; the rest goes to the crates below in the way we use them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "tests"
)]

mod aes_gcm;
mod cbc;
mod chacha20_poly1305;
mod classical;
mod dh;
mod ecdh;
mod hmac;
mod ml_kem;
#[path = "../reference/umac.rs"]
mod reference;
mod sntrup761;
mod support;
mod umac;
mod x25519;
mod zlib;
