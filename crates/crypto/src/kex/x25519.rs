//! X25519 (RFC 7748) as SSH uses it (RFC 8731).

use x25519_dalek::{PublicKey, SharedSecret as Product, StaticSecret};

use super::KexError;
use crate::Rng;
use crate::rng::secret_bytes;

/// Length of a public value in bytes.
pub(super) const PUBLIC_LEN: usize = 32;

/// A secret scalar and its point. dalek wipes the scalar when it is dropped.
pub(super) struct Keypair {
    secret: StaticSecret,
    public: PublicKey,
}

impl Keypair {
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<Self, KexError> {
        let secret = StaticSecret::from(*secret_bytes(rng)?);
        let public = PublicKey::from(&secret);
        Ok(Self { secret, public })
    }

    pub(super) fn public(&self) -> &[u8; PUBLIC_LEN] {
        self.public.as_bytes()
    }

    /// The shared point's coordinate. The peer's value may be any 32 bytes, but the result must not be zero
    /// (RFC 8731 §3, RFC 7748 §6.1), which dalek leaves to us.
    pub(super) fn agree(&self, peer_public: &[u8; PUBLIC_LEN]) -> Result<Product, KexError> {
        let product = self.secret.diffie_hellman(&PublicKey::from(*peer_public));
        if product.was_contributory() { Ok(product) } else { Err(KexError::LowOrderPoint) }
    }
}
