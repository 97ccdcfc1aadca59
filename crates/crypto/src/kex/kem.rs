//! Key encapsulation: one face for the post-quantum parts of the hybrids.

use zeroize::Zeroizing;

use super::{KexError, mlkem768, mlkem1024, sntrup761};
use crate::Rng;

/// What encapsulation and decapsulation agree on, the same size for all mechanisms.
pub(super) type Shared = Zeroizing<[u8; 32]>;

/// A mechanism that a method names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kem {
    MlKem768,
    MlKem1024,
    Sntrup761,
}

impl Kem {
    /// Length of what the client sends, in bytes.
    pub(super) fn encapsulation_key_len(self) -> usize {
        match self {
            Self::MlKem768 => mlkem768::ENCAPSULATION_KEY_LEN,
            Self::MlKem1024 => mlkem1024::ENCAPSULATION_KEY_LEN,
            Self::Sntrup761 => sntrup761::ENCAPSULATION_KEY_LEN,
        }
    }

    /// Length of what the server sends, in bytes.
    pub(super) fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem768 => mlkem768::CIPHERTEXT_LEN,
            Self::MlKem1024 => mlkem1024::CIPHERTEXT_LEN,
            Self::Sntrup761 => sntrup761::CIPHERTEXT_LEN,
        }
    }
}

/// The client's secret. Wiped when dropped.
pub(super) enum DecapsulationKey {
    MlKem768(Box<mlkem768::DecapsulationKey>),
    MlKem1024(Box<mlkem1024::DecapsulationKey>),
    Sntrup761(sntrup761::DecapsulationKey),
}

impl DecapsulationKey {
    /// A fresh one, and the encapsulation key that belongs to it.
    pub(super) fn generate(rng: &mut dyn Rng, kem: Kem) -> Result<(Self, Vec<u8>), KexError> {
        Ok(match kem {
            Kem::MlKem768 => {
                let (secret, public) = mlkem768::DecapsulationKey::generate(rng)?;
                (Self::MlKem768(Box::new(secret)), public)
            }
            Kem::MlKem1024 => {
                let (secret, public) = mlkem1024::DecapsulationKey::generate(rng)?;
                (Self::MlKem1024(Box::new(secret)), public)
            }
            Kem::Sntrup761 => {
                let (secret, public) = sntrup761::DecapsulationKey::generate(rng)?;
                (Self::Sntrup761(secret), public)
            }
        })
    }

    /// What is in `ciphertext`, for any that has the right length.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Shared, KexError> {
        match self {
            Self::MlKem768(key) => key.decapsulate(ciphertext),
            Self::MlKem1024(key) => key.decapsulate(ciphertext),
            Self::Sntrup761(key) => key.decapsulate(ciphertext),
        }
    }
}

/// A client's key that has been checked.
pub(super) enum EncapsulationKey {
    MlKem768(Box<mlkem768::EncapsulationKey>),
    MlKem1024(Box<mlkem1024::EncapsulationKey>),
    Sntrup761(sntrup761::EncapsulationKey),
}

impl EncapsulationKey {
    pub(super) fn parse(kem: Kem, bytes: &[u8]) -> Result<Self, KexError> {
        Ok(match kem {
            Kem::MlKem768 => Self::MlKem768(Box::new(mlkem768::EncapsulationKey::parse(bytes)?)),
            Kem::MlKem1024 => Self::MlKem1024(Box::new(mlkem1024::EncapsulationKey::parse(bytes)?)),
            Kem::Sntrup761 => Self::Sntrup761(sntrup761::EncapsulationKey::parse(bytes)?),
        })
    }

    /// A fresh ciphertext, and what it holds.
    pub(super) fn encapsulate(&self, rng: &mut dyn Rng) -> Result<(Vec<u8>, Shared), KexError> {
        match self {
            Self::MlKem768(key) => Ok(key.encapsulate(rng)?),
            Self::MlKem1024(key) => Ok(key.encapsulate(rng)?),
            Self::Sntrup761(key) => key.encapsulate(rng),
        }
    }
}
