//! ML-KEM-1024 (FIPS 203).

use ml_kem::ml_kem_1024::{self, Ciphertext, EncapsulationKey as Key};
use ml_kem::{Decapsulate, KeyExport, Seed};
use zeroize::Zeroizing;

use super::kem::Shared;
use super::{KexError, exactly};
use crate::rng::secret_bytes;
use crate::{NoEntropy, Rng};

pub(super) const ENCAPSULATION_KEY_LEN: usize = 1568;
pub(super) const CIPHERTEXT_LEN: usize = 1568;

/// Wiped by its crate when it is dropped.
pub(super) struct DecapsulationKey(ml_kem_1024::DecapsulationKey);

impl DecapsulationKey {
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<(Self, Vec<u8>), NoEntropy> {
        // FIPS 203 §7.1: d, then z.
        let seed = Zeroizing::new(Seed::from(*secret_bytes::<64>(rng)?));
        let secret = ml_kem_1024::DecapsulationKey::from_seed(*seed);
        let public = secret.encapsulation_key().to_bytes().to_vec();
        Ok((Self(secret), public))
    }

    /// Never fails for a ciphertext of the right length: one that is not for our key gives a secret that nobody knows
    /// (FIPS 203 §7.3), and the exchange ends where the server's signature or the first packet does not verify.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Shared, KexError> {
        let ciphertext = Ciphertext::from(*exactly::<CIPHERTEXT_LEN>(ciphertext)?);
        Ok(Zeroizing::new(self.0.decapsulate(&ciphertext).into()))
    }
}

/// A client's key whose numbers are reduced.
pub(super) struct EncapsulationKey(Key);

impl EncapsulationKey {
    /// FIPS 203 §7.2: the length, and each of the encoded numbers below q.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KexError> {
        let bytes = exactly::<ENCAPSULATION_KEY_LEN>(bytes)?;
        Key::new(&(*bytes).into()).map(Self).map_err(|_| KexError::BadEncapsulationKey)
    }

    /// The ciphertext, and what it holds.
    pub(super) fn encapsulate(&self, rng: &mut dyn Rng) -> Result<(Vec<u8>, Shared), NoEntropy> {
        let message = Zeroizing::new((*secret_bytes::<32>(rng)?).into());
        let (ciphertext, shared) = self.0.encapsulate_deterministic(&message);
        Ok((ciphertext.to_vec(), Zeroizing::new(shared.into())))
    }
}
