//! Sizes that bound what the tables' rows take and give, for callers that reserve room before they know the row.

/// Longest encryption key, in bytes: both keys of `chacha20-poly1305@openssh.com`.
pub const MAX_KEY_LEN: usize = 64;

/// Longest initial vector, in bytes: the counter block of AES in counter mode.
pub const MAX_IV_LEN: usize = 16;

/// Longest key of a MAC, in bytes: that of `hmac-sha2-512`.
pub const MAX_MAC_KEY_LEN: usize = 64;

/// Longest tag after a packet, in bytes: that of `hmac-sha2-512`.
pub const MAX_TAG_LEN: usize = 64;

/// Largest unit that a packet is padded to, in bytes: AES's block.
pub const MAX_BLOCK_LEN: usize = 16;

/// Longest output of a hash, in bytes: that of SHA-512.
pub const MAX_DIGEST_LEN: usize = 64;

/// Longest public value of a key exchange, in bytes: an ML-KEM-1024 encapsulation key and a point of P-384.
pub const MAX_KEX_PUBLIC_LEN: usize = 1665;

/// Smallest prime of a group that a server chooses for Diffie-Hellman, in bits (RFC 8270 §3).
pub const MIN_GROUP_BITS: u32 = 2048;

/// Largest prime of such a group, in bits (RFC 4419 §3).
pub const MAX_GROUP_BITS: u32 = 8192;

/// Shortest packet that can be sealed or opened, in bytes without its tag: the length and the length of the padding.
pub const MIN_PACKET_LEN: usize = 5;

/// Room in bytes for inflated payloads to begin with.
pub const INFLATED_MIN: usize = 4 * 1024;
