//! Streamlined NTRU Prime 761 (draft-ietf-sshm-ntruprime-ssh).
//!
//! Any bytes of the right length are an encapsulation key: its coefficients are reduced where they are decoded, as in
//! the submission that the draft refers to.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use sntrup::sntrup761::{self, CIPHERTEXT_SIZE, PUBLIC_KEY_SIZE};
use zeroize::Zeroizing;

use super::kem::Shared;
use super::{KexError, exactly};
use crate::rng::secret_bytes;
use crate::{NoEntropy, Rng};

pub(super) const ENCAPSULATION_KEY_LEN: usize = PUBLIC_KEY_SIZE;
pub(super) const CIPHERTEXT_LEN: usize = CIPHERTEXT_SIZE;

/// Wiped by its crate when it is dropped.
pub(super) struct DecapsulationKey(sntrup761::DecapsulationKey);

impl DecapsulationKey {
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<(Self, Vec<u8>), NoEntropy> {
        let (public, secret) = sntrup761::generate_key(&mut stretched(rng)?);
        Ok((Self(secret), public.as_ref().to_vec()))
    }

    /// Never fails for a ciphertext of the right length: one that is not for our key gives a secret that nobody knows.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Shared, KexError> {
        let wrong = KexError::WrongLength { expected: CIPHERTEXT_LEN, got: ciphertext.len() };
        let ciphertext = sntrup761::Ciphertext::try_from(ciphertext).map_err(|_| wrong)?;
        shared(&self.0.decapsulate(&ciphertext))
    }
}

/// A client's key.
pub(super) struct EncapsulationKey(sntrup761::EncapsulationKey);

impl EncapsulationKey {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KexError> {
        let wrong = KexError::WrongLength { expected: ENCAPSULATION_KEY_LEN, got: bytes.len() };
        Ok(Self(sntrup761::EncapsulationKey::try_from(bytes).map_err(|_| wrong)?))
    }

    /// The ciphertext, and what it holds.
    pub(super) fn encapsulate(&self, rng: &mut dyn Rng) -> Result<(Vec<u8>, Shared), KexError> {
        let (ciphertext, secret) = self.0.encapsulate(&mut stretched(rng)?);
        Ok((ciphertext.as_ref().to_vec(), shared(&secret)?))
    }
}

fn shared(secret: &sntrup761::SharedSecret) -> Result<Shared, KexError> {
    exactly(secret.as_ref()).map(|bytes| Zeroizing::new(*bytes))
}

/// 32 random bytes as a stream: the crate wants thousands, from a source that cannot fail.
fn stretched(rng: &mut dyn Rng) -> Result<ChaCha20Rng, NoEntropy> {
    Ok(ChaCha20Rng::from_seed(*secret_bytes(rng)?))
}
