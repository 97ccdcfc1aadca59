//! Files about keys, from bytes to typed values.
//!
//! | module | noun |
//! |---|---|
//! | [`authorized_keys`] | the keys that may log in as a user, and what each of them may do (`sshd(8)`, AUTHORIZED_KEYS FILE FORMAT) |
//! | [`limits`] | how much there may be |
//!
//! Nothing here opens a file; what is read is a user's, so nothing in it is trusted, every fault is of one line, and what cannot be
//! enforced is refused instead of ignored.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod authorized_keys;
pub mod limits;
