//! ML-KEM-768 (FIPS 203).

use std::hint::black_box;

use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use zeroize::Zeroizing;

use super::kem::Shared;
use super::{KexError, exactly};
use crate::rng::secret_bytes;
use crate::{NoEntropy, Rng};

pub(super) const ENCAPSULATION_KEY_LEN: usize = MlKem768PublicKey::len();
pub(super) const CIPHERTEXT_LEN: usize = MlKem768Ciphertext::len();

/// libcrux's key does not wipe itself, so we overwrite it.
pub(super) struct DecapsulationKey(MlKem768PrivateKey);

impl DecapsulationKey {
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<(Self, Vec<u8>), NoEntropy> {
        // FIPS 203 §7.1: d, then z.
        let seed = secret_bytes::<64>(rng)?;
        let (secret, public) = mlkem768::generate_key_pair(*seed).into_parts();
        Ok((Self(secret), public.as_slice().to_vec()))
    }

    /// Never fails for a ciphertext of the right length: one that is not for our key gives a secret that nobody knows
    /// (FIPS 203 §7.3), and the exchange ends where the server's signature or the first packet does not verify.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Shared, KexError> {
        let ciphertext = MlKem768Ciphertext::from(exactly(ciphertext)?);
        Ok(Zeroizing::new(mlkem768::decapsulate(&self.0, &ciphertext)))
    }

    fn wipe(&mut self) {
        self.0 = MlKem768PrivateKey::default();
        // Without this the write could be left out, as nobody reads it.
        black_box(&mut self.0);
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// A client's key whose numbers are reduced.
pub(super) struct EncapsulationKey(MlKem768PublicKey);

impl EncapsulationKey {
    /// FIPS 203 §7.2: the length, and each of the encoded numbers below q.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KexError> {
        let key = MlKem768PublicKey::from(exactly(bytes)?);
        if mlkem768::validate_public_key(&key) { Ok(Self(key)) } else { Err(KexError::BadEncapsulationKey) }
    }

    /// The ciphertext, and what it holds.
    pub(super) fn encapsulate(&self, rng: &mut dyn Rng) -> Result<(Vec<u8>, Shared), NoEntropy> {
        let message = secret_bytes::<32>(rng)?;
        let (ciphertext, shared) = mlkem768::encapsulate(&self.0, *message);
        Ok((ciphertext.as_slice().to_vec(), Zeroizing::new(shared)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_decapsulation_key_is_zeros() {
        let mut key = DecapsulationKey(MlKem768PrivateKey::from([7; MlKem768PrivateKey::len()]));
        key.wipe();
        assert!(key.0.as_slice().iter().all(|byte| *byte == 0));
    }
}
