//! Diffie-Hellman on elliptic curves: one face for X25519 and the curves of NIST.

use p256::NistP256;
use p384::NistP384;
use p521::NistP521;
use zeroize::Zeroizing;

use super::nist;
use super::{KexError, Response, exactly, x25519};
use crate::nist::point_len;
use crate::{Rng, SharedSecret};

/// A curve that a method names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    X25519,
    P256,
    P384,
    P521,
}

impl Curve {
    /// Length of a public value in bytes.
    pub(super) fn public_len(self) -> usize {
        match self {
            Self::X25519 => x25519::PUBLIC_LEN,
            Self::P256 => point_len::<NistP256>(),
            Self::P384 => point_len::<NistP384>(),
            Self::P521 => point_len::<NistP521>(),
        }
    }
}

/// A secret scalar and its point.
pub(super) enum Keypair {
    X25519(x25519::Keypair),
    P256(nist::Keypair<NistP256>),
    P384(nist::Keypair<NistP384>),
    P521(nist::Keypair<NistP521>),
}

impl Keypair {
    pub(super) fn generate(rng: &mut dyn Rng, curve: Curve) -> Result<Self, KexError> {
        Ok(match curve {
            Curve::X25519 => Self::X25519(x25519::Keypair::generate(rng)?),
            Curve::P256 => Self::P256(nist::Keypair::generate(rng)?),
            Curve::P384 => Self::P384(nist::Keypair::generate(rng)?),
            Curve::P521 => Self::P521(nist::Keypair::generate(rng)?),
        })
    }

    pub(super) fn public(&self) -> &[u8] {
        match self {
            Self::X25519(keypair) => keypair.public(),
            Self::P256(keypair) => keypair.public(),
            Self::P384(keypair) => keypair.public(),
            Self::P521(keypair) => keypair.public(),
        }
    }

    /// The shared coordinate, as long as the curve's field elements are. `peer_public` is checked as the curve wants it.
    pub(super) fn agree(&self, peer_public: &[u8]) -> Result<Zeroizing<Vec<u8>>, KexError> {
        match self {
            Self::X25519(keypair) => {
                Ok(Zeroizing::new(keypair.agree(exactly(peer_public)?)?.as_bytes().to_vec()))
            }
            Self::P256(keypair) => keypair.agree(peer_public),
            Self::P384(keypair) => keypair.agree(peer_public),
            Self::P521(keypair) => keypair.agree(peer_public),
        }
    }
}

/// The client's half, ended: K is the coordinate, read as a big-endian number (RFC 5656 §4, RFC 8731 §3.1).
pub(super) fn complete(client: &Keypair, server_public: &[u8]) -> Result<SharedSecret, KexError> {
    Ok(SharedSecret::mpint(&client.agree(server_public)?))
}

pub(super) fn respond(rng: &mut dyn Rng, curve: Curve, client_public: &[u8]) -> Result<Response, KexError> {
    let server = Keypair::generate(rng, curve)?;
    let secret = complete(&server, client_public)?;
    Ok(Response { public: server.public().to_vec(), secret })
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
            let mut keypair = || Keypair::generate(&mut rng, Curve::X25519).unwrap();
            let (a, b) = (keypair(), keypair());
            let product = a.agree(b.public()).unwrap();
            let encoded = complete(&a, b.public()).unwrap();
            match product[0] {
                0 => {
                    assert!(encoded.encoded().len() < 4 + 32 + 1);
                    assert_ne!(encoded.encoded()[4..6], [0, 0]);
                    seen[0] += 1;
                }
                0x80.. => {
                    assert_eq!(encoded.encoded()[..5], [0, 0, 0, 33, 0]);
                    assert_eq!(encoded.encoded()[5..], **product);
                    seen[1] += 1;
                }
                _ => assert_eq!(encoded.encoded()[4..], **product),
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    }
}
