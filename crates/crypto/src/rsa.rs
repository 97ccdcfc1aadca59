//! RSA signatures of PKCS #1 v1.5 (RFC 8017 §8.2) by the keys that `ring` takes, which most are.

use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};

use crate::HashAlg;

/// The numbers of an RSA private key (RFC 8017 §3.2), each big-endian without leading zero bytes.
#[derive(Clone, Copy)]
pub struct RsaComponents<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// A prime.
    pub p: &'a [u8],
    /// The other one.
    pub q: &'a [u8],
    /// `d` modulo `p` - 1.
    pub d_p: &'a [u8],
    /// `d` modulo `q` - 1.
    pub d_q: &'a [u8],
    /// The inverse of `q` modulo `p`.
    pub q_inv: &'a [u8],
}

/// A private key in the form that signs fastest. `ring` does not wipe it, and gives no way to.
pub struct RsaSigner(RsaKeyPair);

impl RsaSigner {
    /// `None` when the modulus has not 2048, 3072 or 4096 bits, the exponent is under 65537, or the numbers do not belong
    /// together.
    #[must_use]
    pub fn new(components: &RsaComponents<'_>) -> Option<Self> {
        let RsaComponents { n, e, d, p, q, d_p, d_q, q_inv } = *components;
        let public_key = PublicKeyComponents { n, e };
        let components = KeyPairComponents { public_key, d, p, q, dP: d_p, dQ: d_q, qInv: q_inv };
        RsaKeyPair::from_components(&components).ok().map(Self)
    }

    /// A signature, as long as the modulus, that has been verified. `None` for a hash that `ring` does not sign with, and
    /// when the machine made a fault.
    #[must_use]
    pub fn sign(&self, hash: HashAlg, data: &[u8]) -> Option<Vec<u8>> {
        let encoding: &'static dyn RsaEncoding = match hash {
            HashAlg::Sha256 => &RSA_PKCS1_SHA256,
            HashAlg::Sha512 => &RSA_PKCS1_SHA512,
            HashAlg::Sha1 | HashAlg::Sha384 => return None,
        };
        let mut signature = vec![0; self.0.public().modulus_len()];
        // This encoding draws nothing from the randomness that it is given.
        self.0.sign(encoding, &SystemRandom::new(), data, &mut signature).ok()?;
        Some(signature)
    }
}
