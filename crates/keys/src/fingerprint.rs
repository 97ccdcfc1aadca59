//! Fingerprints: the hash of a public key by which people and logs name it.

use std::fmt;

use crypto::HashAlg;

use crate::base64;

/// A hash that fingerprints are made with (FingerprintHash, `ssh-keygen -E`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FingerprintHash {
    /// MD5, as before OpenSSH 6.8; anyone can make two keys that have the same.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl FingerprintHash {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name, which fingerprints begin with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// The hash with this name in any case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(name))
    }
}

/// Length in bytes of the longest hash.
const LONGEST: usize = 64;

/// The hash of a public key blob. `Display` writes it as OpenSSH does: `SHA256:` and base64 without padding, or `MD5:`
/// and hexadecimal bytes with colons between them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    hash: FingerprintHash,
    /// As many as the hash has; zeros after them.
    bytes: [u8; LONGEST],
    len: usize,
}

impl Fingerprint {
    /// The SHA-256 fingerprint of a key blob of any type, also of one that we do not know.
    #[must_use]
    pub fn of_blob(blob: &[u8]) -> Self {
        Self::sha(FingerprintHash::Sha256, HashAlg::Sha256, blob)
    }

    /// The fingerprint of a key blob of any type with this hash. OpenSSH takes a certificate's fingerprint of the key in
    /// it.
    #[must_use]
    pub fn with(hash: FingerprintHash, blob: &[u8]) -> Self {
        match hash {
            FingerprintHash::Md5 => Self::new(hash, &md5::compute(blob).0),
            FingerprintHash::Sha1 => Self::sha(hash, HashAlg::Sha1, blob),
            FingerprintHash::Sha256 => Self::sha(hash, HashAlg::Sha256, blob),
            FingerprintHash::Sha384 => Self::sha(hash, HashAlg::Sha384, blob),
            FingerprintHash::Sha512 => Self::sha(hash, HashAlg::Sha512, blob),
        }
    }

    fn sha(hash: FingerprintHash, algorithm: HashAlg, blob: &[u8]) -> Self {
        Self::new(hash, algorithm.digest(blob).as_slice())
    }

    fn new(hash: FingerprintHash, digest: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { hash, bytes, len: digest.len().min(LONGEST) }
    }

    /// The hash that it was made with.
    #[must_use]
    pub fn hash(&self) -> FingerprintHash {
        self.hash
    }

    /// The hash's output.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.hash.name())?;
        match self.hash {
            FingerprintHash::Md5 => {
                for (index, byte) in self.as_bytes().iter().enumerate() {
                    write!(f, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
                }
                Ok(())
            }
            FingerprintHash::Sha1
            | FingerprintHash::Sha256
            | FingerprintHash::Sha384
            | FingerprintHash::Sha512 => f.write_str(&base64::encode_unpadded(self.as_bytes())),
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
