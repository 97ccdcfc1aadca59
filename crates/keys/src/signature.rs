//! Signatures, and the one function that proves a key (RFC 4253 §6.6).

use std::fmt;

use wire::{Decode, Encode, Name, Reader, Sink, WireError, put_string};

use crate::algorithm::{Scheme, SignatureAlg};
use crate::limits::BLOB_MAX;
use crate::{KeyError, PublicKey};

/// A signature blob: the algorithm that made it, and its bytes in that algorithm's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The name of the signature algorithm, which for some keys is not the name of the key's type.
    pub algorithm: Name<'a>,
    /// The signature itself.
    pub bytes: &'a [u8],
}

impl<'a> Signature<'a> {
    /// Reads a signature blob and nothing more.
    ///
    /// # Errors
    /// What is wrong with the bytes; [`WireError::TooLong`] over [`BLOB_MAX`].
    pub fn parse(blob: &'a [u8]) -> Result<Self, WireError> {
        if blob.len() > BLOB_MAX {
            return Err(WireError::TooLong { limit: BLOB_MAX });
        }
        wire::decode_all(blob)
    }

    /// Whether it says that it was made by `algorithm`. Nothing is verified by that.
    #[must_use]
    pub fn is_by(&self, algorithm: &SignatureAlg) -> bool {
        self.algorithm == algorithm.name
    }
}

impl<'a> Decode<'a> for Signature<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self { algorithm: Name::decode(input)?, bytes: input.string()? })
    }
}

impl Encode for Signature<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.algorithm.encode(out);
        put_string(out, self.bytes);
    }
}

/// The blob of a signature by `algorithm`.
pub(crate) fn blob(algorithm: &SignatureAlg, bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(algorithm.name.len().saturating_add(bytes.len()).saturating_add(8));
    put_string(&mut blob, algorithm.name.as_bytes());
    put_string(&mut blob, bytes);
    blob
}

/// The proof that the holder of a key signed. Only [`verify`] makes one.
///
/// ```compile_fail,E0451
/// fn forged(key: nacre_keys::PublicKey) -> nacre_keys::Verified {
///     nacre_keys::Verified { key, algorithm: &nacre_keys::SIGNATURES[0] }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    key: PublicKey,
    algorithm: &'static SignatureAlg,
}

impl Verified {
    /// The key that verified the signature: the one to look up, never one that was named elsewhere.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key, by value.
    #[must_use]
    pub fn into_key(self) -> PublicKey {
        self.key
    }

    /// The algorithm that the signature was made with.
    #[must_use]
    pub fn algorithm(&self) -> &'static SignatureAlg {
        self.algorithm
    }
}

/// Verifies that the holder of the key in `key_blob` signed `data` with exactly `algorithm`.
///
/// `algorithm` is the one that was negotiated, or that the request declared; the name inside of `signature_blob` must
/// be the same, and the key's type must be the one that the algorithm belongs to. (Declared algorithm, parsed key)
/// gives the only format that the signature may have.
///
/// # Errors
/// A [`VerifyError`] that says which of these does not hold.
pub fn verify(
    algorithm: &'static SignatureAlg,
    key_blob: &[u8],
    data: &[u8],
    signature_blob: &[u8],
) -> Result<Verified, VerifyError> {
    // The type first: a key of a type that we do not know is above all not a key of this algorithm.
    if PublicKey::type_of(key_blob).map_err(VerifyError::Key)? != algorithm.key_type {
        return Err(VerifyError::WrongKeyType { algorithm: algorithm.name, expected: algorithm.key_type });
    }
    let key = PublicKey::parse(key_blob).map_err(VerifyError::Key)?;
    let signature = Signature::parse(signature_blob).map_err(VerifyError::Malformed)?;
    if !signature.is_by(algorithm) {
        return Err(VerifyError::WrongAlgorithm { declared: algorithm.name });
    }
    match (algorithm.scheme, &key) {
        (Scheme::Ed25519, PublicKey::Ed25519(key)) => key.verify(data, signature.bytes)?,
        (Scheme::Null, PublicKey::Ed25519(_)) => {
            if !signature.bytes.is_empty() {
                return Err(VerifyError::WrongLength { expected: 0, got: signature.bytes.len() });
            }
        }
    }
    Ok(Verified { key, algorithm })
}

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The key blob is not a key.
    Key(KeyError),
    /// The key is of a type that the declared algorithm does not belong to.
    WrongKeyType {
        /// The declared algorithm.
        algorithm: &'static str,
        /// The type of key that it belongs to.
        expected: &'static str,
    },
    /// The signature blob is not one.
    Malformed(WireError),
    /// The signature says that it was made with another algorithm than the declared one.
    WrongAlgorithm {
        /// The declared algorithm.
        declared: &'static str,
    },
    /// The signature's bytes are not as many as its algorithm makes.
    WrongLength {
        /// The length in bytes that it must have.
        expected: usize,
        /// The length that it has.
        got: usize,
    },
    /// The key can verify nothing: not a point of the curve, not canonical, or of small order.
    BadKey,
    /// The signature is not of this data by this key.
    BadSignature,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::WrongKeyType { algorithm, expected } => {
                write!(f, "{algorithm} belongs to keys of type {expected}, which the key is not")
            }
            Self::Malformed(error) => write!(f, "malformed signature: {error}"),
            Self::WrongAlgorithm { declared } => {
                write!(f, "signature of another algorithm where {declared} was declared")
            }
            Self::WrongLength { expected, got } => {
                write!(f, "{got} bytes of signature where {expected} belong")
            }
            Self::BadKey => f.write_str("key is weak or no point of its curve"),
            Self::BadSignature => f.write_str("signature does not verify"),
        }
    }
}

impl std::error::Error for VerifyError {}
