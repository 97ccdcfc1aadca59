//! Private keys.

use std::fmt;

use crypto::{NoEntropy, Rng, Secret};
use wire::{Encode, Name, Reader, Sink, put_string};

use crate::algorithm::{Scheme, SignatureAlg};
use crate::ecdsa::{Curve, EcdsaPrivateKey};
use crate::ed25519::{self, Ed25519PrivateKey};
#[cfg(feature = "mldsa")]
use crate::mldsa::{self, MlDsa44Ed25519PrivateKey};
use crate::rsa::{self, RsaPrivateKey};
use crate::sk::{self, SkEcdsaPrivateKey, SkEd25519PrivateKey};
use crate::{KeyError, PublicKey, signature};

/// A private key of a type that we know. It is wiped when dropped, is never copied, and its `Debug` shows no more than
/// type and fingerprint.
pub enum PrivateKey {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519(Ed25519PrivateKey),
    /// `ecdsa-sha2-nistp256`, `-nistp384`, `-nistp521` (RFC 5656).
    Ecdsa(EcdsaPrivateKey),
    /// `ssh-rsa` (RFC 4253 §6.6, RFC 8332).
    Rsa(Box<RsaPrivateKey>),
    /// `sk-ssh-ed25519@openssh.com`: where a device finds the key.
    SkEd25519(SkEd25519PrivateKey),
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: where a device finds the key.
    SkEcdsa(SkEcdsaPrivateKey),
    /// `ssh-mldsa44-ed25519` (draft-miller-sshm-mldsa44-ed25519-composite-sigs).
    #[cfg(feature = "mldsa")]
    MlDsa44Ed25519(MlDsa44Ed25519PrivateKey),
}

/// A type of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NewKey {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-` and the curve's name.
    Ecdsa(Curve),
    /// `ssh-mldsa44-ed25519`.
    #[cfg(feature = "mldsa")]
    MlDsa44Ed25519,
}

impl PrivateKey {
    /// A new Ed25519 key, the type that `ssh-keygen` makes when it is asked for none.
    ///
    /// # Errors
    /// [`NoEntropy`] when `rng` gave nothing.
    pub fn generate(rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        Self::generate_of(NewKey::Ed25519, rng)
    }

    /// A new key of that type.
    ///
    /// # Errors
    /// [`NoEntropy`] when `rng` gave nothing.
    pub fn generate_of(kind: NewKey, rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        match kind {
            NewKey::Ed25519 => Ed25519PrivateKey::generate(rng).map(Self::Ed25519),
            NewKey::Ecdsa(curve) => EcdsaPrivateKey::generate(curve, rng).map(Self::Ecdsa),
            #[cfg(feature = "mldsa")]
            NewKey::MlDsa44Ed25519 => MlDsa44Ed25519PrivateKey::generate(rng).map(Self::MlDsa44Ed25519),
        }
    }

    /// The Ed25519 key that RFC 8032 §5.1.5 makes of these 32 bytes. They stay the caller's to wipe.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::Ed25519(Ed25519PrivateKey::from_seed(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.public()),
            Self::Ecdsa(key) => PublicKey::Ecdsa(key.public().clone()),
            Self::Rsa(key) => PublicKey::Rsa(key.public().clone()),
            Self::SkEd25519(key) => PublicKey::SkEd25519(key.public.clone()),
            Self::SkEcdsa(key) => PublicKey::SkEcdsa(key.public.clone()),
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(key) => PublicKey::MlDsa44Ed25519(key.public().clone()),
        }
    }

    /// The algorithms that it can sign with when no certificate is shown, the preferred one first. A key in a device
    /// has algorithms too.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static SignatureAlg> {
        SignatureAlg::for_key_type(self.public().key_type())
    }

    /// Signs `data` and gives the signature blob: the algorithm's name and the signature's bytes. `algorithm` may be
    /// one of certificates: their keys sign as they do without.
    ///
    /// # Errors
    /// [`SignError::WrongKeyType`] when `algorithm` does not belong to this type of key, [`SignError::NeedsDevice`] when
    /// the key is in a security key, [`SignError::Unusable`] when the key is one that only verifies.
    pub fn sign(&self, algorithm: &SignatureAlg, data: &[u8]) -> Result<Vec<u8>, SignError> {
        let key_type = self.public().key_type();
        let wrong_type = SignError::WrongKeyType { algorithm: algorithm.name, key: key_type };
        if key_type != algorithm.plain {
            return Err(wrong_type);
        }
        let bytes = match (algorithm.scheme, self) {
            (Scheme::Ed25519, Self::Ed25519(key)) => Some(key.sign(data).to_vec()),
            (Scheme::Ecdsa(_), Self::Ecdsa(key)) => key.sign(data),
            (Scheme::Rsa(hash), Self::Rsa(key)) => key.sign(hash, data),
            #[cfg(feature = "mldsa")]
            (Scheme::MlDsa44Ed25519, Self::MlDsa44Ed25519(key)) => key.sign(data),
            (_, Self::SkEd25519(_) | Self::SkEcdsa(_)) => return Err(SignError::NeedsDevice),
            (Scheme::Null, Self::Ed25519(_)) => Some(Vec::new()),
            (
                Scheme::Null
                | Scheme::Ed25519
                | Scheme::Ecdsa(_)
                | Scheme::Rsa(_)
                | Scheme::SkEd25519
                | Scheme::SkEcdsa
                | Scheme::WebAuthn,
                _,
            ) => return Err(wrong_type),
            #[cfg(feature = "mldsa")]
            (Scheme::MlDsa44Ed25519, _) => return Err(wrong_type),
        };
        let bytes = bytes.ok_or(SignError::Unusable { algorithm: algorithm.name })?;
        Ok(signature::blob(algorithm, &bytes))
    }

    /// Its type and its fields, public and private, as key files and agents have them (OpenSSH's PROTOCOL.key,
    /// RFC 9987 §3.2).
    #[must_use]
    pub fn fields(&self) -> Secret {
        // The size is known before bytes are put, so the buffer does not grow and leaves no copy behind.
        let mut fields = Vec::with_capacity(wire::encoded_len(&Fields(self)));
        self.put(&mut fields);
        Secret::new(fields)
    }

    /// Reads what [`fields`](Self::fields) gives; what follows is left. `None` when a public half does not belong to
    /// its private half.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Option<Self>, KeyError> {
        let key_type = <Name<'_> as wire::Decode<'_>>::decode(input)?;
        Ok(match key_type.as_str() {
            ed25519::KEY_TYPE => Ed25519PrivateKey::read(input)?.map(Self::Ed25519),
            rsa::KEY_TYPE => RsaPrivateKey::read(input)?.map(|key| Self::Rsa(Box::new(key))),
            sk::ED25519 => Some(Self::SkEd25519(SkEd25519PrivateKey::read(input)?)),
            sk::ECDSA => Some(Self::SkEcdsa(SkEcdsaPrivateKey::read(input)?)),
            #[cfg(feature = "mldsa")]
            name @ (mldsa::KEY_TYPE | mldsa::KEY_TYPE_OPENSSH) => {
                MlDsa44Ed25519PrivateKey::read(name, input)?.map(Self::MlDsa44Ed25519)
            }
            name => {
                let curve = Curve::of_key_type(name).ok_or(KeyError::UnknownType)?;
                EcdsaPrivateKey::read(curve, input)?.map(Self::Ecdsa)
            }
        })
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.public().key_type().as_bytes());
        match self {
            Self::Ed25519(key) => key.put(out),
            Self::Ecdsa(key) => key.put(out),
            Self::Rsa(key) => key.put(out),
            Self::SkEd25519(key) => key.put(out),
            Self::SkEcdsa(key) => key.put(out),
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519(key) => key.put(out),
        }
    }
}

/// A private key's fields, to be measured.
struct Fields<'a>(&'a PrivateKey);

impl Encode for Fields<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.0.put(out);
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = self.public();
        write!(f, "PrivateKey({} {})", public.key_type(), public.fingerprint())
    }
}

/// Why a key did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// The algorithm belongs to another type of key.
    WrongKeyType {
        /// The algorithm that was asked for.
        algorithm: &'static str,
        /// The type that the key has.
        key: &'static str,
    },
    /// The key is in a security key, which has to be asked.
    NeedsDevice,
    /// The key can only verify by this algorithm.
    Unusable {
        /// The algorithm that was asked for.
        algorithm: &'static str,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKeyType { algorithm, key } => {
                write!(f, "a key of type {key} cannot sign with {algorithm}")
            }
            Self::NeedsDevice => f.write_str("the key is in a security key, which signs itself"),
            Self::Unusable { algorithm } => write!(f, "the key cannot make signatures with {algorithm}"),
        }
    }
}

impl std::error::Error for SignError {}

#[cfg(test)]
mod tests {
    use crypto::SeededRng;

    use super::*;
    use crate::verify;

    #[test]
    fn a_key_signs_with_every_algorithm_of_its_type_and_the_signature_verifies() {
        let key = PrivateKey::generate(&mut SeededRng::new(1)).unwrap();
        let algorithms: Vec<_> = key.algorithms().collect();
        assert_eq!(algorithms, [SignatureAlg::by_name("ssh-ed25519").unwrap()]);
        for algorithm in algorithms {
            let signature = key.sign(algorithm, b"data").unwrap();
            let verified = verify(algorithm, &key.public().blob(), b"data", &signature).unwrap();
            assert_eq!((verified.key(), verified.algorithm()), (&key.public(), algorithm));
            assert_eq!(verified.into_identity(), crate::Identity::Key(key.public()));
        }
    }

    #[test]
    fn a_key_does_not_sign_with_an_algorithm_of_another_type() {
        let other = SignatureAlg::by_name("rsa-sha2-256").unwrap();
        let key = PrivateKey::from_seed(&[7; 32]);
        let error = SignError::WrongKeyType { algorithm: "rsa-sha2-256", key: "ssh-ed25519" };
        assert_eq!(key.sign(other, b"data"), Err(error));
        assert_eq!(error.to_string(), "a key of type ssh-ed25519 cannot sign with rsa-sha2-256");
    }

    #[test]
    fn one_seed_gives_one_key_and_no_entropy_gives_none() {
        struct Dry;
        impl Rng for Dry {
            fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
                Err(NoEntropy)
            }
        }
        let made = |seed| PrivateKey::generate(&mut SeededRng::new(seed)).unwrap().public();
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert_eq!(PrivateKey::generate(&mut Dry).unwrap_err(), NoEntropy);
    }

    #[test]
    fn debug_shows_type_and_fingerprint_and_nothing_of_the_seed() {
        let key = PrivateKey::from_seed(&[0xab; 32]);
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("PrivateKey(ssh-ed25519 {})", key.public().fingerprint()));
        assert!(!shown.contains("abab") && !shown.contains("171, 171"));
    }
}
