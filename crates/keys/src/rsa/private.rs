//! RSA private keys, with the arithmetic in a time that tells nothing about them.
//!
//! `ring` signs twice as fast, but only with SHA-2, and only by keys of 2048, 3072 or 4096 bits with an exponent of at
//! least 65537. People have others, for which there is arithmetic for numbers of any size.

use crypto::{RsaComponents, RsaSigner};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use wire::{Decode, Encode, Mpint, Reader, Sink};
use zeroize::Zeroizing;

use super::{RsaHash, RsaPublicKey};
use crate::KeyError;

/// The numbers of an RSA private key, each big-endian; leading zero bytes do not count.
#[derive(Clone, Copy)]
pub struct RsaNumbers<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// The inverse of `q` modulo `p`.
    pub iqmp: &'a [u8],
    /// A prime.
    pub p: &'a [u8],
    /// The other one.
    pub q: &'a [u8],
}

/// A number that is wiped when dropped.
type Number = Zeroizing<BoxedUint>;

/// An RSA private key, wiped when dropped but for what arithmetic modulo its primes needs, what that leaves on the heap,
/// and the numbers that `ring` keeps.
pub struct RsaPrivateKey {
    public: RsaPublicKey,
    d: Number,
    iqmp: Number,
    p: Prime,
    q: Prime,
    /// The fast way to sign, when `ring` takes the key.
    signer: Option<RsaSigner>,
}

/// One of the two primes, and what signing needs of it.
struct Prime {
    prime: Zeroizing<Odd<BoxedUint>>,
    /// What arithmetic modulo the prime needs. It is shared, so it is not wiped.
    params: BoxedMontyParams,
    /// The private exponent modulo the prime less one.
    exponent: Number,
}

impl Prime {
    /// `None` when `prime` is even or 1, or `d` is not the inverse of `e` modulo it less one.
    fn new(prime: &[u8], d: &BoxedUint, e: &BoxedUint) -> Option<Self> {
        let prime = Zeroizing::new(Option::<Odd<BoxedUint>>::from(number(prime).to_odd())?);
        let less_one = Zeroizing::new(prime.wrapping_sub(BoxedUint::one()));
        let modulus = Zeroizing::new(Option::<NonZero<BoxedUint>>::from(less_one.to_nz())?);
        let exponent = Zeroizing::new(d.rem(&modulus));
        let product = Zeroizing::new(exponent.concatenating_mul(e));
        let inverse = Zeroizing::new(product.rem(&modulus));
        let params = BoxedMontyParams::new((*prime).clone());
        bool::from(inverse.is_one()).then_some(Self { prime, params, exponent })
    }

    fn number(&self) -> &BoxedUint {
        (*self.prime).as_ref()
    }

    /// `base` to the power of the private exponent, modulo the prime.
    fn power(&self, base: &BoxedUint) -> BoxedMontyForm {
        BoxedMontyForm::new(base.rem(self.prime.as_nz_ref()), &self.params).pow(&self.exponent)
    }
}

impl RsaPrivateKey {
    /// The key of these numbers; `None` when they do not belong together. That the primes are primes is not tested.
    ///
    /// # Errors
    /// Those of [`RsaPublicKey::new`]; [`KeyError::BadPrivate`] when a number is longer than the modulus.
    pub fn new(numbers: &RsaNumbers<'_>) -> Result<Option<Self>, KeyError> {
        let RsaNumbers { n, e, d, iqmp, p, q } = *numbers;
        let public = RsaPublicKey::new(e, n)?;
        let [d, iqmp, p, q] = [d, iqmp, p, q].map(|bytes| Mpint::from_magnitude(bytes).magnitude());
        if [d, iqmp, p, q].iter().any(|bytes| bytes.len() > public.modulus().len()) {
            return Err(KeyError::BadPrivate);
        }
        Ok(Self::of_numbers(public, d, iqmp, p, q))
    }

    fn of_numbers(public: RsaPublicKey, d: &[u8], iqmp: &[u8], p: &[u8], q: &[u8]) -> Option<Self> {
        let (e, d, iqmp) = (number(public.exponent()), number(d), number(iqmp));
        let [p, q] = [Prime::new(p, &d, &e)?, Prime::new(q, &d, &e)?];
        let product = Zeroizing::new(p.number().concatenating_mul(q.number()));
        let inverse = Zeroizing::new(iqmp.concatenating_mul(q.number()));
        let inverse = Zeroizing::new(inverse.rem(p.prime.as_nz_ref()));
        let fits = *product == *number(public.modulus()) && bool::from(inverse.is_one());
        if !fits {
            return None;
        }
        let bytes = |number: &BoxedUint| {
            let bytes = Zeroizing::new(number.to_be_bytes());
            Zeroizing::new(Mpint::from_magnitude(&bytes).magnitude().to_vec())
        };
        let signer = RsaSigner::new(&RsaComponents {
            n: public.modulus(),
            e: public.exponent(),
            d: &bytes(&d),
            p: &bytes(p.number()),
            q: &bytes(q.number()),
            d_p: &bytes(&p.exponent),
            d_q: &bytes(&q.exponent),
            q_inv: &bytes(&iqmp),
        });
        Some(Self { public, d, iqmp, p, q, signer })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// The bytes of a signature (RFC 8017 §8.2.1), as many as the modulus has. `None` when the result is not one, which
    /// would tell the key to whoever gets it: a fault of the machine, or a number that is no prime.
    pub(crate) fn sign(&self, hash: RsaHash, data: &[u8]) -> Option<Vec<u8>> {
        let fast = |signer: &RsaSigner| signer.sign(hash.algorithm(), data);
        self.signer.as_ref().and_then(fast).or_else(|| self.sign_slowly(hash, data))
    }

    /// The same with any hash and by keys of any size.
    fn sign_slowly(&self, hash: RsaHash, data: &[u8]) -> Option<Vec<u8>> {
        let message = encoded(hash, data, self.public.modulus().len())?;
        let base = number(&message);
        // RFC 8017 §5.1.2, 2.b: two powers with half the bits are four times as fast as one.
        let (of_p, of_q) = (self.p.power(&base), Zeroizing::new(self.q.power(&base).retrieve()));
        let in_p =
            |value: &BoxedUint| BoxedMontyForm::new(value.rem(self.p.prime.as_nz_ref()), of_p.params());
        let difference = of_p.sub(&in_p(&of_q)).mul(&in_p(&self.iqmp));
        let product = Zeroizing::new(difference.retrieve().concatenating_mul(self.q.number()));
        let signature = Zeroizing::new(product.wrapping_add(&*of_q));
        let bytes = Zeroizing::new(signature.to_be_bytes());
        let signature = bytes.get(bytes.len().checked_sub(message.len())?..)?.to_vec();
        (self.public.power(&signature)? == message).then_some(signature)
    }

    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file: n, e, d, iqmp, p, q.
    /// `None` when they do not belong together.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Option<Self>, KeyError> {
        let mut number = || Mpint::decode(input).map(Mpint::magnitude);
        let (n, e) = (number()?, number()?);
        let (d, iqmp, p, q) = (number()?, number()?, number()?, number()?);
        Self::new(&RsaNumbers { n, e, d, iqmp, p, q })
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        Mpint::from_magnitude(self.public.modulus()).encode(out);
        Mpint::from_magnitude(self.public.exponent()).encode(out);
        for number in [&*self.d, &*self.iqmp, self.p.number(), self.q.number()] {
            Mpint::from_magnitude(&Zeroizing::new(number.to_be_bytes())).encode(out);
        }
    }
}

impl RsaPublicKey {
    /// `base` to the power of the public exponent, in as many bytes as the modulus has.
    pub(super) fn power(&self, base: &[u8]) -> Option<Vec<u8>> {
        let modulus = Option::<Odd<BoxedUint>>::from(number(self.modulus()).to_odd())?;
        let params = BoxedMontyParams::new_vartime(modulus);
        let exponent = number(self.exponent());
        let base = number(base).rem(params.modulus().as_nz_ref());
        let power = BoxedMontyForm::new(base, &params).pow_bounded_exp(&exponent, exponent.bits_vartime());
        let bytes = power.retrieve().to_be_bytes();
        Some(bytes.get(bytes.len().checked_sub(self.modulus().len())?..)?.to_vec())
    }
}

/// A number of big-endian bytes, with as many bits of room as they have.
fn number(bytes: &[u8]) -> Number {
    let bits = u32::try_from(bytes.len().max(1)).unwrap_or(u32::MAX).saturating_mul(8);
    Zeroizing::new(BoxedUint::from_be_slice_truncated(bytes, bits))
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): what is raised to the private power. `None` when the modulus is too short.
pub(super) fn encoded(hash: RsaHash, data: &[u8], length: usize) -> Option<Vec<u8>> {
    // The DER of DigestInfo up to the hash itself (§9.2, note 1).
    let info: &[u8] = match hash {
        RsaHash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        RsaHash::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        RsaHash::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    };
    let algorithm = hash.algorithm();
    let taken = info.len().saturating_add(algorithm.output_len()).saturating_add(3);
    let padding = length.checked_sub(taken).filter(|padding| *padding >= 8)?;
    let mut message = Vec::with_capacity(length);
    message.extend_from_slice(&[0, 1]);
    message.resize(padding.saturating_add(2), 0xff);
    message.push(0);
    message.extend_from_slice(info);
    message.extend_from_slice(algorithm.digest(data).as_slice());
    Some(message)
}

#[cfg(test)]
mod tests {
    use crypto::HashAlg;

    use super::*;
    use crate::{KeyFile, PrivateKey};

    fn key() -> RsaPrivateKey {
        let file =
            include_str!("../../tests/data/pem.txt").split("## ").find(|part| part.starts_with("rsa PEM\n"));
        let (_, pem) = file.unwrap().split_once('\n').unwrap();
        let PrivateKey::Rsa(key) = KeyFile::parse(pem.as_bytes()).unwrap().key else { panic!("an RSA key") };
        *key
    }

    #[test]
    fn both_ways_make_the_same_signature_and_sha1_has_the_slow_one() {
        let key = key();
        let signer = key.signer.as_ref().unwrap();
        for hash in [RsaHash::Sha256, RsaHash::Sha512] {
            let fast = signer.sign(hash.algorithm(), b"data").unwrap();
            assert_eq!(fast.len(), key.public.modulus().len());
            assert_eq!(key.sign_slowly(hash, b"data").as_ref(), Some(&fast));
            assert_eq!(key.sign(hash, b"data"), Some(fast));
        }
        assert_eq!(signer.sign(HashAlg::Sha1, b"data"), None);
        let slow = key.sign(RsaHash::Sha1, b"data").unwrap();
        assert_eq!(key.public.verify(RsaHash::Sha1, b"data", &slow), Ok(()));
    }

    #[test]
    fn a_key_whose_arithmetic_went_wrong_signs_nothing() {
        let mut key = key();
        key.signer = None;
        let wrong = key.q.exponent.wrapping_add(BoxedUint::one());
        key.q.exponent = Zeroizing::new(wrong);
        assert_eq!(key.sign(RsaHash::Sha512, b"data"), None);
    }
}
