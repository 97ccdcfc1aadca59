//! X25519 (RFC 7748) as SSH uses it (RFC 8731).

use x25519_dalek::{PublicKey, SharedSecret as Product, StaticSecret};

use super::{KexError, Response, exactly};
use crate::rng::secret_bytes;
use crate::{Rng, SharedSecret};

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

pub(super) fn respond(rng: &mut dyn Rng, client_public: &[u8]) -> Result<Response, KexError> {
    let client_public = exactly(client_public)?;
    let server = Keypair::generate(rng)?;
    let secret = encode(&server.agree(client_public)?);
    Ok(Response { public: server.public().to_vec(), secret })
}

pub(super) fn complete(client: &Keypair, server_public: &[u8]) -> Result<SharedSecret, KexError> {
    Ok(encode(&client.agree(exactly(server_public)?)?))
}

/// RFC 8731 §3.1: the 32 bytes, as they are, are read as a big-endian number and sent to the hash as an `mpint`.
fn encode(product: &Product) -> SharedSecret {
    SharedSecret::mpint(product.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_with_leading_zeros_or_a_top_bit_is_a_minimal_mpint() {
        // Over 600 exchanges both cases occur; each is checked against the length that its first byte calls for.
        let mut seen = [0; 2];
        let mut rng = crate::SeededRng::new(1);
        for _ in 0..600 {
            let (a, b) = (Keypair::generate(&mut rng).unwrap(), Keypair::generate(&mut rng).unwrap());
            let product = a.agree(b.public()).unwrap();
            let encoded = encode(&product);
            match product.as_bytes()[0] {
                0 => {
                    assert!(encoded.encoded().len() < 4 + 32 + 1);
                    assert_ne!(encoded.encoded()[4..6], [0, 0]);
                    seen[0] += 1;
                }
                0x80.. => {
                    assert_eq!(encoded.encoded()[..5], [0, 0, 0, 33, 0]);
                    assert_eq!(encoded.encoded()[5..], *product.as_bytes());
                    seen[1] += 1;
                }
                _ => assert_eq!(encoded.encoded()[4..], *product.as_bytes()),
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    }
}
