//! Public keys as the wire has them (RFC 4253 §6.6).

use std::fmt;

use wire::{Decode, Encode, Name, Reader, Sink, WireError};

use crate::certificate::CertificateFault;
use crate::ecdsa::{Curve, EcdsaPublicKey};
use crate::ed25519::{self, Ed25519PublicKey};
use crate::limits::{BLOB_MAX, RSA_BITS_MAX, RSA_BITS_MIN};
#[cfg(feature = "mldsa")]
use crate::mldsa::{self, MlDsa44Ed25519PublicKey};
use crate::rsa::{self, RsaPublicKey};
use crate::sk::{self, SkEcdsaPublicKey, SkEd25519PublicKey};
use crate::{Fingerprint, base64};

/// A public key of a type that we know. It is never a certificate: see [`Identity`](crate::Identity).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// `ssh-ed25519` (RFC 8709 §4).
    Ed25519(Ed25519PublicKey),
    /// `ecdsa-sha2-nistp256`, `-nistp384`, `-nistp521` (RFC 5656 §3.1).
    Ecdsa(EcdsaPublicKey),
    /// `ssh-rsa` (RFC 4253 §6.6), whatever hash it signs with.
    Rsa(RsaPublicKey),
    /// `sk-ssh-ed25519@openssh.com` (OpenSSH's PROTOCOL.u2f).
    SkEd25519(SkEd25519PublicKey),
    /// `sk-ecdsa-sha2-nistp256@openssh.com` (OpenSSH's PROTOCOL.u2f).
    SkEcdsa(SkEcdsaPublicKey),
    /// `ssh-mldsa44-ed25519` (draft-miller-sshm-mldsa44-ed25519-composite-sigs).
    #[cfg(feature = "mldsa")]
    MlDsa44Ed25519(MlDsa44Ed25519PublicKey),
}

impl PublicKey {
    /// Reads a public key blob: the type's name, the key's fields, and nothing more.
    ///
    /// # Errors
    /// [`KeyError::UnknownType`] when the name is well formed and not one of ours, else what is wrong with the bytes.
    pub fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        let (key_type, mut input) = open(blob)?;
        let key = Self::read(key_type.as_str(), &mut input)?;
        input.finish()?;
        Ok(key)
    }

    /// Reads what follows the name of this type in a blob, or the nonce in a certificate's.
    pub(crate) fn read(key_type: &str, input: &mut Reader<'_>) -> Result<Self, KeyError> {
        Ok(match key_type {
            ed25519::KEY_TYPE => Self::Ed25519(Ed25519PublicKey::read(input)?),
            rsa::KEY_TYPE => Self::Rsa(RsaPublicKey::read(input)?),
            sk::ED25519 => Self::SkEd25519(SkEd25519PublicKey::read(input)?),
            sk::ECDSA => Self::SkEcdsa(SkEcdsaPublicKey::read(input)?),
            #[cfg(feature = "mldsa")]
            name @ (mldsa::KEY_TYPE | mldsa::KEY_TYPE_OPENSSH) => {
                Self::MlDsa44Ed25519(MlDsa44Ed25519PublicKey::read(name, input)?)
            }
            name => {
                let curve = Curve::of_key_type(name).ok_or(KeyError::UnknownType)?;
                Self::Ecdsa(EcdsaPublicKey::read(curve, input)?)
            }
        })
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
            Self::Ecdsa(key) => key.curve().key_type(),
            Self::Rsa(_) => rsa::KEY_TYPE,
            Self::SkEd25519(_) => sk::ED25519,
            Self::SkEcdsa(_) => sk::ECDSA,
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(key) => key.key_type(),
        }
    }

    /// The name of its type as people and logs have it: `ED25519`, `RSA`, `ED25519-SK`.
    #[must_use]
    pub fn short_type(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ED25519",
            Self::Ecdsa(_) => "ECDSA",
            Self::Rsa(_) => "RSA",
            Self::SkEd25519(_) => "ED25519-SK",
            Self::SkEcdsa(_) => "ECDSA-SK",
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(_) => "MLDSA44-ED25519",
        }
    }

    /// Its size in bits as `ssh-keygen -l` tells it: of RSA the modulus, of a curve its field.
    #[must_use]
    pub fn bits(&self) -> usize {
        match self {
            Self::Ed25519(_) | Self::SkEd25519(_) | Self::SkEcdsa(_) => 256,
            Self::Ecdsa(key) => key.curve().bits(),
            Self::Rsa(key) => key.bits(),
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(_) => 512,
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
            Self::Ecdsa(key) => key.encode(out),
            Self::Rsa(key) => key.encode(out),
            Self::SkEd25519(key) => key.encode(out),
            Self::SkEcdsa(key) => key.encode(out),
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(key) => key.encode(out),
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
    /// A point is in another form than the uncompressed one.
    BadPoint,
    /// The curve is not the one that the type names.
    WrongCurve,
    /// An RSA modulus is even, too small or too large.
    BadModulus,
    /// An RSA exponent is even, too small or too large.
    BadExponent,
    /// A private number is not in its range.
    BadPrivate,
    /// An application's name holds a NUL.
    BadApplication,
    /// They are a certificate's, and not as a certificate is.
    Certificate(CertificateFault),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed key: {error}"),
            Self::UnknownType => f.write_str("unknown key type"),
            Self::WrongLength { expected, got } => write!(f, "{got} bytes of key where {expected} belong"),
            Self::BadPoint => f.write_str("point is not uncompressed"),
            Self::WrongCurve => f.write_str("curve is not that of the key's type"),
            Self::BadModulus => {
                write!(f, "RSA modulus is even, or not of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
            }
            Self::BadExponent => f.write_str("RSA exponent is even, or not in its range"),
            Self::BadPrivate => f.write_str("private key is not in its range"),
            Self::BadApplication => f.write_str("application name holds a NUL"),
            Self::Certificate(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<WireError> for KeyError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}
