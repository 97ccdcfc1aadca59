//! RSA keys, and signatures of PKCS #1 v1.5 (RFC 4253 §6.6, RFC 8332, RFC 8017 §8.2).

mod private;

use crypto::HashAlg;
use ring::signature::{self as ring_rsa, RsaParameters, RsaPublicKeyComponents};
use wire::{Decode, Encode, Mpint, Reader, Sink};

use private::encoded;
pub use private::{RsaNumbers, RsaPrivateKey};

use crate::limits::{RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_BITS_MAX};
use crate::{KeyError, VerifyError};

/// The name of the key type (RFC 4253 §6.6).
pub(crate) const KEY_TYPE: &str = "ssh-rsa";

/// Largest modulus in bits that `ring` verifies with. For larger ones there is arithmetic that takes some milliseconds.
const RING_BITS_MAX: usize = 8 * 1024;

/// The hash of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaHash {
    Sha1,
    Sha256,
    Sha512,
}

impl RsaHash {
    fn algorithm(self) -> HashAlg {
        match self {
            Self::Sha1 => HashAlg::Sha1,
            Self::Sha256 => HashAlg::Sha256,
            Self::Sha512 => HashAlg::Sha512,
        }
    }

    fn parameters(self, bits: usize) -> &'static RsaParameters {
        // The library wants to be asked by name for keys that are shorter than anybody should have.
        match (self, bits >= 2048) {
            (Self::Sha1, _) => &ring_rsa::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Self::Sha256, true) => &ring_rsa::RSA_PKCS1_2048_8192_SHA256,
            (Self::Sha256, false) => &ring_rsa::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            (Self::Sha512, true) => &ring_rsa::RSA_PKCS1_2048_8192_SHA512,
            (Self::Sha512, false) => &ring_rsa::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// An RSA public key. How long it must be to be worth anything is the caller's to say, by its [`bits`](Self::bits).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RsaPublicKey {
    /// The exponent, big-endian without leading zero bytes.
    e: Box<[u8]>,
    /// The modulus, likewise.
    n: Box<[u8]>,
}

impl RsaPublicKey {
    /// The key with this exponent and this modulus, both big-endian.
    ///
    /// # Errors
    /// [`KeyError::BadModulus`] when the modulus is even, under [`RSA_BITS_MIN`] or over [`RSA_BITS_MAX`];
    /// [`KeyError::BadExponent`] when the exponent is even, 1, or has over [`RSA_EXPONENT_BITS_MAX`] bits, which would
    /// cost more work than any signature is worth. An exponent of 3 is good as any, because nothing here takes a
    /// signature of which only a part fits.
    pub fn new(e: &[u8], n: &[u8]) -> Result<Self, KeyError> {
        let [e, n] = [e, n].map(Mpint::from_magnitude);
        let odd = |number: Mpint<'_>| number.magnitude().last().is_some_and(|byte| byte & 1 == 1);
        if !odd(n) || !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&n.bits()) {
            return Err(KeyError::BadModulus);
        }
        if !odd(e) || !(2..=RSA_EXPONENT_BITS_MAX).contains(&e.bits()) {
            return Err(KeyError::BadExponent);
        }
        Ok(Self { e: e.magnitude().into(), n: n.magnitude().into() })
    }

    /// The public exponent, big-endian without leading zero bytes.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.e
    }

    /// The modulus, big-endian without leading zero bytes.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// The size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        Mpint::from_magnitude(&self.n).bits()
    }

    /// Reads what follows the type's name in a public key blob (RFC 4253 §6.6).
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let e = Mpint::decode(input)?;
        let n = Mpint::decode(input)?;
        Self::new(e.magnitude(), n.magnitude())
    }

    /// Verifies the bytes of a signature. Some signers leave its leading zero bytes out; like OpenSSH we put them back,
    /// and take no signature that is longer than the modulus.
    pub(crate) fn verify(&self, hash: RsaHash, data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let wrong = VerifyError::WrongLength { expected: self.n.len(), got: signature.len() };
        let missing = self.n.len().checked_sub(signature.len()).ok_or(wrong)?;
        let mut padded = vec![0; missing];
        padded.extend_from_slice(signature);
        if self.bits() > RING_BITS_MAX {
            // RFC 8017 §5.2.2: the number is below the modulus, or one signature would have two forms.
            let below = padded.as_slice() < &*self.n;
            let power = self.power(&padded).ok_or(VerifyError::BadSignature)?;
            let good = below && encoded(hash, data, self.n.len()).is_some_and(|message| power == message);
            return if good { Ok(()) } else { Err(VerifyError::BadSignature) };
        }
        RsaPublicKeyComponents { n: &self.n, e: &self.e }
            .verify(hash.parameters(self.bits()), data, &padded)
            .map_err(|_| VerifyError::BadSignature)
    }
}

impl Encode for RsaPublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        Mpint::from_magnitude(&self.e).encode(out);
        Mpint::from_magnitude(&self.n).encode(out);
    }
}
