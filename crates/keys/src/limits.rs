//! Limits of what is read as a key.

/// Longest public key, certificate or signature blob in bytes that is looked at. An RSA key of 16384 bits has 2 KiB; a
/// certificate with as many principals as may be, of 255 bytes each, has 65 KiB and its keys. What is signed in a login
/// holds it once more than the request does, and an agent takes 256 KiB at most.
pub const BLOB_MAX: usize = 72 * 1024;

/// Longest public key line in bytes, with type, base64 and comment.
pub const LINE_MAX: usize = 128 * 1024;

/// Largest private key file in bytes. The largest RSA key that `ssh-keygen` makes takes 13 KiB.
pub const FILE_MAX: usize = 64 * 1024;

/// Most rounds of bcrypt that a passphrase is tried with, more than a minute. `ssh-keygen` does 32 when it is told nothing.
pub const ROUNDS_MAX: u32 = 10_000;

/// Most iterations of PBKDF2 that a passphrase is tried with, some seconds. `openssl` does 2048 when it is told nothing.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// Most principals in a certificate, as in OpenSSH.
pub const PRINCIPALS_MAX: usize = 256;

/// Smallest RSA modulus in bits that is read as a key at all, as in OpenSSH. What is worth anything is policy.
pub const RSA_BITS_MIN: usize = 1024;

/// Largest RSA modulus in bits that is read as a key, as in OpenSSH.
pub const RSA_BITS_MAX: usize = 16 * 1024;

/// Largest RSA public exponent in bits. The work of verifying grows with it; OpenSSH has 64, and nobody has over 17.
pub const RSA_EXPONENT_BITS_MAX: usize = 33;
