//! Ed25519 keys and signatures (RFC 8032, RFC 8709).

use crypto::{NoEntropy, Rng};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use wire::{Encode, Reader, Sink, put_string};
use zeroize::Zeroizing;

use crate::{KeyError, VerifyError};

/// The name of the key type (RFC 8709 §4).
pub(crate) const KEY_TYPE: &str = "ssh-ed25519";

const PUBLIC_LEN: usize = 32;
const SEED_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;
/// A seed with its public key after it.
const PAIR_LEN: usize = 64;

/// An Ed25519 public key: 32 bytes, which [`crate::verify`] looks at as a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ed25519PublicKey([u8; PUBLIC_LEN]);

impl Ed25519PublicKey {
    /// The key with this encoding (RFC 8032 §5.1.2).
    #[must_use]
    pub fn from_bytes(bytes: [u8; PUBLIC_LEN]) -> Self {
        Self(bytes)
    }

    /// The encoding of the key (RFC 8032 §5.1.2).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_LEN] {
        &self.0
    }

    /// Reads what follows the type's name in a public key blob (RFC 8709 §4).
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, KeyError> {
        let bytes = input.string()?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| KeyError::WrongLength { expected: PUBLIC_LEN, got: bytes.len() })
    }

    /// Verifies the bytes of a signature (RFC 8709 §6) in the strictest reading of RFC 8032 §5.1.7: one public key has
    /// one encoding and no small order, and so has `R`; `s` is below `L`; the equation is the one without cofactor.
    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let signature: &[u8; SIGNATURE_LEN] = signature
            .try_into()
            .map_err(|_| VerifyError::WrongLength { expected: SIGNATURE_LEN, got: signature.len() })?;
        if !self.is_canonical() {
            return Err(VerifyError::BadKey);
        }
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| VerifyError::BadKey)?;
        if key.is_weak() {
            return Err(VerifyError::BadKey);
        }
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.verify_strict(data, &signature).map_err(|_| VerifyError::BadSignature)
    }

    /// Whether the y coordinate is below 2^255 - 19 (RFC 8032 §5.1.3 step 1), which the curve's crate does not ask.
    fn is_canonical(&self) -> bool {
        let [low, middle @ .., high] = &self.0;
        let at_least_p = high & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *low >= 0xed;
        !at_least_p
    }
}

impl Encode for Ed25519PublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, &self.0);
    }
}

/// An Ed25519 private key, wiped when dropped. It lives on the heap, so that moving it leaves no copies; what making it
/// and signing with it leave on the stack is not wiped.
pub struct Ed25519PrivateKey(Box<SigningKey>);

impl Ed25519PrivateKey {
    /// A new key.
    pub(crate) fn generate(rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        rng.fill(seed.as_mut_slice())?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that RFC 8032 §5.1.5 makes of these 32 bytes, which it calls the private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> Ed25519PublicKey {
        Ed25519PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, data: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(data).to_bytes()
    }

    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file: the public key, then the
    /// seed with the public key after it. `None` when the three do not belong together.
    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Option<Self>, KeyError> {
        let public = Ed25519PublicKey::read(input)?;
        let pair = input.string()?;
        let wrong = || KeyError::WrongLength { expected: PAIR_LEN, got: pair.len() };
        let (seed, appended) = pair.split_first_chunk::<SEED_LEN>().ok_or_else(wrong)?;
        let appended: &[u8; PUBLIC_LEN] = appended.try_into().map_err(|_| wrong())?;
        let key = Self::from_seed(seed);
        Ok((key.public() == public && public.0 == *appended).then_some(key))
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        let public = self.public();
        public.encode(out);
        let pair: Zeroizing<[u8; PAIR_LEN]> = Zeroizing::new(self.0.to_keypair_bytes());
        put_string(out, pair.as_slice());
    }
}
