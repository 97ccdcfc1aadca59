//! ECDSA keys and signatures over the curves of NIST (RFC 5656, FIPS 186-5).

use crypto::{EcdsaError, NistCurve, NoEntropy, Rng};
use wire::{Decode, Encode, Mpint, Reader, Sink, encoded_len, put_string};
use zeroize::Zeroizing;

use crate::{KeyError, VerifyError};

pub(crate) const P256: &str = "ecdsa-sha2-nistp256";
pub(crate) const P384: &str = "ecdsa-sha2-nistp384";
pub(crate) const P521: &str = "ecdsa-sha2-nistp521";

/// The first byte of a point that is given by both of its coordinates (SEC 1 §2.3.3), the only form that is accepted.
const UNCOMPRESSED: u8 = 4;

/// A curve, and with it the hash that RFC 5656 §6.2.1 gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `nistp256`, with SHA-256.
    NistP256,
    /// `nistp384`, with SHA-384.
    NistP384,
    /// `nistp521`, with SHA-512.
    NistP521,
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NistP256, Self::NistP384, Self::NistP521];

    /// The identifier inside of key blobs (RFC 5656 §6.1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NistP256 => "nistp256",
            Self::NistP384 => "nistp384",
            Self::NistP521 => "nistp521",
        }
    }

    /// The size of its field in bits.
    #[must_use]
    pub fn bits(self) -> usize {
        match self {
            Self::NistP256 => 256,
            Self::NistP384 => 384,
            Self::NistP521 => 521,
        }
    }

    /// Who does its arithmetic.
    fn arithmetic(self) -> NistCurve {
        match self {
            Self::NistP256 => NistCurve::P256,
            Self::NistP384 => NistCurve::P384,
            Self::NistP521 => NistCurve::P521,
        }
    }

    pub(crate) fn key_type(self) -> &'static str {
        match self {
            Self::NistP256 => P256,
            Self::NistP384 => P384,
            Self::NistP521 => P521,
        }
    }

    pub(crate) fn of_key_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.key_type() == name)
    }

    /// Length in bytes of a coordinate, and of a number modulo the order, which on these curves have the same.
    pub(crate) fn field_len(self) -> usize {
        self.bits().div_ceil(8)
    }

    fn point_len(self) -> usize {
        self.field_len().saturating_mul(2).saturating_add(1)
    }
}

/// An ECDSA public key: an uncompressed point, which [`crate::verify`] looks at as one of the curve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcdsaPublicKey {
    curve: Curve,
    point: Box<[u8]>,
}

impl EcdsaPublicKey {
    /// The key with this point, uncompressed (SEC 1 §2.3.3).
    ///
    /// # Errors
    /// [`KeyError::WrongLength`], or [`KeyError::BadPoint`] for a point in another form.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        if point.len() != curve.point_len() {
            return Err(KeyError::WrongLength { expected: curve.point_len(), got: point.len() });
        }
        if point.first() != Some(&UNCOMPRESSED) {
            return Err(KeyError::BadPoint);
        }
        Ok(Self { curve, point: point.into() })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point, uncompressed.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// Whether SEC 1 §2.3.3 writes the point so: uncompressed, compressed or, as only old programs do, both at once.
    pub(crate) fn is_point(&self, written: &[u8]) -> bool {
        let Some((form, numbers)) = written.split_first() else { return false };
        let both = self.point.get(1..).unwrap_or_default();
        let (x, y) = both.split_at_checked(self.curve.field_len()).unwrap_or_default();
        // The last bit of y is all that x does not tell of it.
        let bit = y.last().map_or(0, |last| last & 1);
        match form {
            &UNCOMPRESSED => numbers == both,
            2 | 3 => *form == 2 | bit && numbers == x,
            6 | 7 => *form == 6 | bit && numbers == both,
            _ => false,
        }
    }

    /// Reads what follows the type's name in a public key blob (RFC 5656 §3.1): the curve, which must be that of the
    /// type, and the point.
    pub(crate) fn read(curve: Curve, input: &mut Reader<'_>) -> Result<Self, KeyError> {
        if input.string()? != curve.name().as_bytes() {
            return Err(KeyError::WrongCurve);
        }
        Self::from_point(curve, input.string()?)
    }

    /// Verifies the bytes of a signature (RFC 5656 §3.1.2): the two numbers and nothing more, both at least one and
    /// below the order.
    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let mut input = Reader::new(signature);
        let r = Mpint::decode(&mut input).map_err(VerifyError::Malformed)?;
        let s = Mpint::decode(&mut input).map_err(VerifyError::Malformed)?;
        input.finish().map_err(VerifyError::Malformed)?;
        let length = self.curve.field_len();
        let mut fixed = Vec::with_capacity(length.saturating_mul(2));
        for number in [r, s] {
            let missing = length.checked_sub(number.magnitude().len()).ok_or(VerifyError::BadSignature)?;
            fixed.resize(fixed.len().saturating_add(missing), 0);
            fixed.extend_from_slice(number.magnitude());
        }
        self.curve.arithmetic().verify(&self.point, data, &fixed).map_err(|error| match error {
            EcdsaError::BadPoint => VerifyError::BadKey,
            EcdsaError::BadSignature => VerifyError::BadSignature,
        })
    }
}

impl Encode for EcdsaPublicKey {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.curve.name().as_bytes());
        put_string(out, &self.point);
    }
}

/// An ECDSA private key, wiped when dropped.
pub struct EcdsaPrivateKey {
    /// The number, in as many bytes as the order has.
    secret: Zeroizing<Box<[u8]>>,
    public: EcdsaPublicKey,
}

/// Numbers that are drawn before the source of randomness is taken for a broken one.
const DRAWS: usize = 8;

impl EcdsaPrivateKey {
    /// The key with this number, given big-endian in as many bytes as the curve's order has: 32, 48 or 66.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`]; [`KeyError::BadPrivate`] when it is zero or not below the order.
    pub fn from_scalar(curve: Curve, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() != curve.field_len() {
            return Err(KeyError::WrongLength { expected: curve.field_len(), got: secret.len() });
        }
        let point = curve.arithmetic().public_point(secret).ok_or(KeyError::BadPrivate)?;
        let public = EcdsaPublicKey::from_point(curve, &point)?;
        Ok(Self { secret: Zeroizing::new(secret.into()), public })
    }

    /// A new key: the first string of random bits that is a number of the right range (FIPS 186-5 §A.2.2).
    pub(crate) fn generate(curve: Curve, rng: &mut dyn Rng) -> Result<Self, NoEntropy> {
        let spare = curve.field_len().saturating_mul(8).saturating_sub(curve.bits());
        let mut secret = Zeroizing::new(vec![0; curve.field_len()]);
        // Of honest randomness the first one is in the range, but for one of 2^32 at least.
        for _ in 0..DRAWS {
            rng.fill(&mut secret)?;
            if let Some(first) = secret.first_mut() {
                *first &= u8::MAX.checked_shr(u32::try_from(spare).unwrap_or_default()).unwrap_or_default();
            }
            if let Ok(key) = Self::from_scalar(curve, &secret) {
                return Ok(key);
            }
        }
        Err(NoEntropy)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &EcdsaPublicKey {
        &self.public
    }

    /// The bytes of a signature. The same data gives the same signature (RFC 6979), so no bad randomness can give the
    /// key away.
    pub(crate) fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let fixed = self.public.curve.arithmetic().sign(&self.secret, data)?;
        let (r, s) = fixed.split_at_checked(self.public.curve.field_len())?;
        let [r, s] = [r, s].map(Mpint::from_magnitude);
        let mut bytes = Vec::with_capacity(encoded_len(&r).saturating_add(encoded_len(&s)));
        r.encode(&mut bytes);
        s.encode(&mut bytes);
        Some(bytes)
    }

    /// Reads what follows the type's name in the private section of an `openssh-key-v1` file: the curve, the point and
    /// the number. `None` when they do not belong together.
    pub(crate) fn read(curve: Curve, input: &mut Reader<'_>) -> Result<Option<Self>, KeyError> {
        let public = EcdsaPublicKey::read(curve, input)?;
        let key = Self::from_number(curve, Mpint::decode(input)?)?;
        Ok((key.public == public).then_some(key))
    }

    /// The key with this number, which [`from_scalar`](Self::from_scalar) gets in its one length.
    pub(crate) fn from_number(curve: Curve, number: Mpint<'_>) -> Result<Self, KeyError> {
        let number = number.magnitude();
        let missing = curve.field_len().checked_sub(number.len()).ok_or(KeyError::BadPrivate)?;
        let mut secret = Zeroizing::new(vec![0; curve.field_len()]);
        if let Some(end) = secret.get_mut(missing..) {
            end.copy_from_slice(number);
        }
        Self::from_scalar(curve, &secret)
    }

    /// Puts what [`read`](Self::read) reads. Only into memory that is wiped.
    pub(crate) fn put<S: Sink + ?Sized>(&self, out: &mut S) {
        self.public.encode(out);
        Mpint::from_magnitude(&self.secret).encode(out);
    }
}
