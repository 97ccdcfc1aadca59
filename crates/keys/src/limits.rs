//! Limits of what is read as a key.

/// Longest public key or signature blob in bytes that is looked at. An RSA key of 16384 bits has 2 KiB; the largest
/// certificates that OpenSSH makes, with many principals, stay below this.
pub const BLOB_MAX: usize = 32 * 1024;

/// Longest public key line in bytes, with type, base64 and comment.
pub const LINE_MAX: usize = 64 * 1024;

/// Largest private key file in bytes. The largest RSA key that `ssh-keygen` makes takes 13 KiB.
pub const FILE_MAX: usize = 64 * 1024;
