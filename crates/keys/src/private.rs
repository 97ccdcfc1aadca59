//! Private keys.

use std::fmt;

use crypto::{NoEntropy, Rng};

use crate::algorithm::{Scheme, SignatureAlg};
use crate::ed25519::Ed25519PrivateKey;
use crate::{PublicKey, signature};

/// A private key of a type that we know. It is wiped when dropped, is never copied, and its `Debug` shows no more than
/// type and fingerprint.
pub enum PrivateKey {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519(Ed25519PrivateKey),
}

impl PrivateKey {
    /// A new Ed25519 key, the type that `ssh-keygen` makes when it is asked for none.
    ///
    /// # Errors
    /// [`NoEntropy`] when `rng` gave nothing.
    pub fn generate(rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        Ed25519PrivateKey::generate(rng).map(Self::Ed25519)
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
        }
    }

    /// The algorithms that it can sign with, the preferred one first.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static SignatureAlg> {
        SignatureAlg::for_key_type(self.public().key_type())
    }

    /// Signs `data` and gives the signature blob: the algorithm's name and the signature's bytes.
    ///
    /// # Errors
    /// [`SignError::WrongKeyType`] when `algorithm` does not belong to this type of key.
    pub fn sign(&self, algorithm: &SignatureAlg, data: &[u8]) -> Result<Vec<u8>, SignError> {
        let key_type = self.public().key_type();
        if key_type != algorithm.key_type {
            return Err(SignError::WrongKeyType { algorithm: algorithm.name, key: key_type });
        }
        Ok(match (algorithm.scheme, self) {
            (Scheme::Ed25519, Self::Ed25519(key)) => signature::blob(algorithm, &key.sign(data)),
            (Scheme::Null, Self::Ed25519(_)) => signature::blob(algorithm, &[]),
        })
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
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKeyType { algorithm, key } => {
                write!(f, "a key of type {key} cannot sign with {algorithm}")
            }
        }
    }
}

impl std::error::Error for SignError {}

#[cfg(test)]
mod tests {
    use crypto::{SeededRng, Status};

    use super::*;
    use crate::{SIGNATURES, verify};

    #[test]
    fn a_key_signs_with_every_algorithm_of_its_type_and_the_signature_verifies() {
        let key = PrivateKey::generate(&mut SeededRng::new(1)).unwrap();
        let algorithms: Vec<_> = key.algorithms().collect();
        assert_eq!(algorithms, [&SIGNATURES[0]]);
        for algorithm in algorithms {
            let signature = key.sign(algorithm, b"data").unwrap();
            let verified = verify(algorithm, &key.public().blob(), b"data", &signature).unwrap();
            assert_eq!((verified.key(), verified.algorithm()), (&key.public(), algorithm));
            assert_eq!(verified.into_key(), key.public());
        }
    }

    #[test]
    fn a_key_does_not_sign_with_an_algorithm_of_another_type() {
        static OTHER: SignatureAlg = SignatureAlg {
            name: "rsa-sha2-256",
            key_type: "ssh-rsa",
            status: Status::Default,
            reference: "RFC 8332",
            scheme: Scheme::Ed25519,
        };
        let key = PrivateKey::from_seed(&[7; 32]);
        let error = SignError::WrongKeyType { algorithm: "rsa-sha2-256", key: "ssh-ed25519" };
        assert_eq!(key.sign(&OTHER, b"data"), Err(error));
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
