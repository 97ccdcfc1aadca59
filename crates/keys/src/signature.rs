//! Signatures, and the one function that proves a key (RFC 4253 §6.6).

use std::fmt;

use wire::{Decode, Encode, Name, Reader, Sink, WireError, put_string};

use crate::algorithm::{Scheme, SignatureAlg};
use crate::limits::BLOB_MAX;
use crate::{Assertion, Certificate, Identity, KeyError, PublicKey, webauthn};

/// A signature blob: the algorithm that made it, and its bytes in that algorithm's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The name of the signature algorithm, which for some keys is not the name of the key's type.
    pub algorithm: Name<'a>,
    /// The signature itself.
    pub bytes: &'a [u8],
    /// What follows it: empty, but in signatures of security keys.
    pub rest: &'a [u8],
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
        self.algorithm == algorithm.signature_name
    }
}

impl<'a> Decode<'a> for Signature<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        let (algorithm, bytes) = (Name::decode(input)?, input.string()?);
        let asserts = SignatureAlg::by_name(algorithm.as_str()).is_some_and(|row| row.scheme.has_assertion());
        Ok(Self { algorithm, bytes, rest: if asserts { input.rest() } else { &[] } })
    }
}

impl Encode for Signature<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.algorithm.encode(out);
        put_string(out, self.bytes);
        out.put(self.rest);
    }
}

/// The blob of a signature by `algorithm`.
pub(crate) fn blob(algorithm: &SignatureAlg, bytes: &[u8]) -> Vec<u8> {
    let name = algorithm.signature_name.as_bytes();
    let mut blob = Vec::with_capacity(name.len().saturating_add(bytes.len()).saturating_add(8));
    put_string(&mut blob, name);
    put_string(&mut blob, bytes);
    blob
}

/// The proof that the holder of a key signed. Only [`verify`] makes one.
///
/// ```compile_fail,E0451
/// fn forged(key: nacre_keys::PublicKey) -> nacre_keys::Verified {
///     let identity = nacre_keys::Identity::Key(key);
///     nacre_keys::Verified { identity, algorithm: &nacre_keys::SIGNATURES[0], assertion: None }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    identity: Identity,
    algorithm: &'static SignatureAlg,
    assertion: Option<Assertion>,
}

impl Verified {
    /// What was proven: the one to look up, never one that was named elsewhere. Who is let in by a plain key is not let
    /// in by every certificate of it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was proven, by value.
    #[must_use]
    pub fn into_identity(self) -> Identity {
        self.identity
    }

    /// The key that verified the signature, also when it was shown by a certificate.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.identity.key()
    }

    /// The certificate, if one was shown. Nobody has looked at its authority yet.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.identity.certificate()
    }

    /// What the security key said about the signing, where the key is in one.
    #[must_use]
    pub fn assertion(&self) -> Option<Assertion> {
        self.assertion
    }

    /// The algorithm that the signature was made with.
    #[must_use]
    pub fn algorithm(&self) -> &'static SignatureAlg {
        self.algorithm
    }
}

/// Verifies that the holder of the key in `key_blob`, a plain one or a certificate's, signed `data` with exactly
/// `algorithm`.
///
/// `algorithm` is the one that was negotiated, or that the request declared; the name inside of `signature_blob` must
/// be its [`signature_name`](SignatureAlg::signature_name), and the blob's type its
/// [`key_type`](SignatureAlg::key_type), so an algorithm of certificates wants one and the others do not take one.
/// (Declared algorithm, parsed key) gives the only format that the signature may have.
///
/// A certificate's authority is not looked at, nor is what a security key said about touch and PIN.
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
    let wrong_type = VerifyError::WrongKeyType { algorithm: algorithm.name, expected: algorithm.key_type };
    if PublicKey::type_of(key_blob).map_err(VerifyError::Key)? != algorithm.key_type {
        return Err(wrong_type);
    }
    let identity = Identity::parse(key_blob).map_err(VerifyError::Key)?;
    if identity.certificate().is_some() != algorithm.certificate {
        return Err(wrong_type);
    }
    let signature = Signature::parse(signature_blob).map_err(VerifyError::Malformed)?;
    if !signature.is_by(algorithm) {
        return Err(VerifyError::WrongAlgorithm { declared: algorithm.name });
    }
    let assertion = check(algorithm.scheme, identity.key(), data, &signature).unwrap_or(Err(wrong_type))?;
    Ok(Verified { identity, algorithm, assertion })
}

/// Checks the signature in the one format that scheme and key give; `None` when they give none.
fn check(
    scheme: Scheme,
    key: &PublicKey,
    data: &[u8],
    signature: &Signature<'_>,
) -> Option<Result<Option<Assertion>, VerifyError>> {
    let &Signature { bytes, rest, .. } = signature;
    let checked = match (scheme, key) {
        (Scheme::Ed25519, PublicKey::Ed25519(key)) => key.verify(data, bytes),
        (Scheme::Ecdsa(curve), PublicKey::Ecdsa(key)) if key.curve() == curve => key.verify(data, bytes),
        (Scheme::Rsa(hash), PublicKey::Rsa(key)) => key.verify(hash, data, bytes),
        #[cfg(feature = "mldsa")]
        (Scheme::MlDsa44Ed25519, PublicKey::MlDsa44Ed25519(key)) => key.verify(data, bytes),
        (Scheme::SkEd25519, PublicKey::SkEd25519(key)) => {
            return Some(key.verify(data, bytes, rest).map(Some));
        }
        (Scheme::SkEcdsa, PublicKey::SkEcdsa(key)) => return Some(key.verify(data, bytes, rest).map(Some)),
        (Scheme::WebAuthn, PublicKey::SkEcdsa(key)) => {
            return Some(webauthn::verify(key, data, bytes, rest).map(Some));
        }
        (Scheme::Null, PublicKey::Ed25519(_)) => match bytes {
            [] => Ok(()),
            _ => Err(VerifyError::WrongLength { expected: 0, got: bytes.len() }),
        },
        (
            Scheme::Null
            | Scheme::Ed25519
            | Scheme::Ecdsa(_)
            | Scheme::Rsa(_)
            | Scheme::SkEd25519
            | Scheme::SkEcdsa
            | Scheme::WebAuthn,
            _,
        ) => return None,
        #[cfg(feature = "mldsa")]
        (Scheme::MlDsa44Ed25519, _) => return None,
    };
    Some(checked.map(|()| None))
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
    /// What the browser says that it signed is something else, or is not written as browsers write it.
    BadClientData,
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
            Self::BadClientData => f.write_str("client data of a browser's signature does not fit"),
            Self::BadSignature => f.write_str("signature does not verify"),
        }
    }
}

impl std::error::Error for VerifyError {}
