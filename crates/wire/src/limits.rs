//! Limits of the encodings themselves; limits of a protocol layer stand in that layer's crate.

/// Longest algorithm, method or request name in bytes (RFC 4251 §6).
pub const NAME_MAX: usize = 64;

/// Longest name-list in bytes. OpenSSH's longest, with every certificate and algorithm listed, has about 1.5 KiB.
pub const NAME_LIST_MAX: usize = 16 * 1024;

/// Longest magnitude of an mpint in bytes: 16384 bits, twice the largest RSA key or Diffie-Hellman group in use.
pub const MPINT_MAX: usize = 2048;
