//! Public keys as the wire has them (RFC 4253 §6.6).

use std::fmt;

use crypto::HashAlg;
use wire::{Decode, Encode, Name, Reader, Sink, WireError};

use crate::base64;
use crate::ed25519::{self, Ed25519PublicKey};
use crate::limits::BLOB_MAX;

/// A public key of a type that we know.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// `ssh-ed25519` (RFC 8709 §4).
    Ed25519(Ed25519PublicKey),
}

impl PublicKey {
    /// Reads a public key blob: the type's name, the key's fields, and nothing more.
    ///
    /// # Errors
    /// [`KeyError::UnknownType`] when the name is well formed and not one of ours, else what is wrong with the bytes.
    pub fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        let (key_type, mut input) = open(blob)?;
        let key = match key_type.as_str() {
            ed25519::KEY_TYPE => Self::Ed25519(Ed25519PublicKey::read(&mut input)?),
            _ => return Err(KeyError::UnknownType),
        };
        input.finish()?;
        Ok(key)
    }

    /// The name of the type in a blob, whether or not the type is known; the rest of the blob is not looked at.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the blob does not begin with a name, or is over [`BLOB_MAX`].
    pub fn type_of(blob: &[u8]) -> Result<Name<'_>, KeyError> {
        open(blob).map(|(key_type, _)| key_type)
    }

    /// The name of its type, which is the first field of its blob.
    #[must_use]
    pub fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ed25519::KEY_TYPE,
        }
    }

    /// Its blob. What [`parse`](Self::parse) accepted comes out as it went in.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(wire::encoded_len(self));
        self.encode(&mut blob);
        blob
    }

    /// The SHA-256 of its blob, by which people and logs name a key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_blob(&self.blob())
    }
}

fn open(blob: &[u8]) -> Result<(Name<'_>, Reader<'_>), KeyError> {
    if blob.len() > BLOB_MAX {
        return Err(KeyError::Malformed(WireError::TooLong { limit: BLOB_MAX }));
    }
    let mut input = Reader::new(blob);
    Ok((Name::decode(&mut input)?, input))
}

impl Encode for PublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        wire::put_string(out, self.key_type().as_bytes());
        match self {
            Self::Ed25519(key) => key.encode(out),
        }
    }
}

/// The type and the blob in base64, as in a `.pub` file without comment.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key_type(), &*base64::encode(&self.blob()))
    }
}

/// The type and the fingerprint.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.key_type(), self.fingerprint())
    }
}

/// The SHA-256 of a public key blob. `Display` writes it as OpenSSH does: `SHA256:` and base64 without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a key blob of any type, also of one that we do not know.
    #[must_use]
    pub fn of_blob(blob: &[u8]) -> Self {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(HashAlg::Sha256.digest(blob).as_slice()) {
            *to = *from;
        }
        Self(hash)
    }

    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", base64::encode_unpadded(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why bytes are not a public key, or not the key part of a private one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// They are not the fields that the type has.
    Malformed(WireError),
    /// The type is none that we know; [`PublicKey::type_of`] tells which.
    UnknownType,
    /// A field has another length than its type allows.
    WrongLength {
        /// The length in bytes that it must have.
        expected: usize,
        /// The length that it has.
        got: usize,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed key: {error}"),
            Self::UnknownType => f.write_str("unknown key type"),
            Self::WrongLength { expected, got } => write!(f, "{got} bytes of key where {expected} belong"),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<WireError> for KeyError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}
