//! ECDSA (FIPS 186-5 §6.4), with numbers that follow from the key and the data (RFC 6979).

use std::fmt;
use std::ops::{Add, Mul};

use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::group::{Curve as _, CurveAffine};
use p256::elliptic_curve::ops::{Invert, MulByGeneratorVartime, Reduce};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use rfc6979::KGenerator;
use sha2::digest::Digest;
use zeroize::Zeroizing;

use super::{Nist, base_times, read_point, write_point};

/// Why a signature does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcdsaError {
    /// The key is no uncompressed point of the curve.
    BadPoint,
    /// The signature is not by this key over this data, or no signature at all.
    BadSignature,
}

impl fmt::Display for EcdsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadPoint => "public key is no point of its curve",
            Self::BadSignature => "signature does not verify",
        })
    }
}

impl std::error::Error for EcdsaError {}

pub(super) fn public_point<C: Nist>(secret: &[u8]) -> Option<Vec<u8>> {
    let secret = Zeroizing::new(number::<C>(secret)?);
    Some(write_point::<C>(&base_times::<C>(&secret).to_affine()))
}

pub(super) fn sign<C: Nist>(secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let key = Zeroizing::new(number::<C>(secret)?);
    let digest = C::Hash::digest(data);
    let order = C::ORDER;
    let mut numbers = KGenerator::<C::Hash, C::Uint>::new(secret, &digest, &[], &order);
    let hashed = hashed::<C>(&digest);
    // One is enough, but for once in 2^256 times.
    for _ in 0..2 {
        let mut bytes = Zeroizing::new(FieldBytes::<C>::default());
        numbers.fill_next_k(&mut bytes);
        let k = Zeroizing::new(number::<C>(&bytes)?);
        let r = x_of::<C>(&base_times::<C>(&k));
        let s = Zeroizing::new(*k.invert()).mul(hashed.add(r.mul(**key)));
        if let (Some(r), Some(s)) = (nonzero::<C>(r), nonzero::<C>(s)) {
            return Some([&*r.to_repr(), &*s.to_repr()].concat());
        }
    }
    None
}

pub(super) fn verify<C: Nist>(point: &[u8], data: &[u8], signature: &[u8]) -> Result<(), EcdsaError> {
    let key = read_point::<C>(point).ok_or(EcdsaError::BadPoint)?;
    let (r, s) = signature.split_at_checked(FieldBytes::<C>::default().len()).unwrap_or_default();
    let [r, s] = [r, s].map(number::<C>);
    let (r, s) = r.zip(s).ok_or(EcdsaError::BadSignature)?;
    let inverse = *s.invert_vartime();
    let of_base = hashed::<C>(&C::Hash::digest(data)).mul(inverse);
    let of_key = inverse.mul(*r);
    let sum = ProjectivePoint::<C>::mul_by_generator_and_mul_add_vartime(&of_base, &of_key, &key.to_curve());
    if x_of::<C>(&sum) == *r { Ok(()) } else { Err(EcdsaError::BadSignature) }
}

/// A number of the range of private keys and of both halves of a signature: from 1 to the order, without it.
fn number<C: Nist>(bytes: &[u8]) -> Option<NonZeroScalar<C>> {
    let bytes = FieldBytes::<C>::try_from(bytes).ok()?;
    NonZeroScalar::<C>::from_repr(bytes).into()
}

fn nonzero<C: Nist>(scalar: Scalar<C>) -> Option<NonZeroScalar<C>> {
    NonZeroScalar::<C>::new(scalar).into()
}

/// A hash as a number modulo the order, with as many bits as it has or fewer (FIPS 186-5 §6.4.1).
fn hashed<C: Nist>(digest: &[u8]) -> Scalar<C> {
    let mut bytes = FieldBytes::<C>::default();
    for (to, from) in bytes.iter_mut().rev().zip(digest.iter().rev()) {
        *to = *from;
    }
    Reduce::<FieldBytes<C>>::reduce(&bytes)
}

/// The first coordinate as a number modulo the order; that of the point at infinity is 0.
fn x_of<C: Nist>(point: &ProjectivePoint<C>) -> Scalar<C> {
    Reduce::<FieldBytes<C>>::reduce(&point.to_affine().x())
}
