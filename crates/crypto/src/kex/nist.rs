//! ECDH on the curves of NIST (RFC 5656 §4).

use std::ops::Mul;

use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::group::{Curve as _, CurveAffine};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{CurveArithmetic, FieldBytes, NonZeroScalar};
use zeroize::Zeroizing;

use super::KexError;
use crate::nist::{Nist, base_times, point_len, read_point, write_point};
use crate::{NoEntropy, Rng};

/// How often a scalar is drawn until one is below the order. One draw fails less than once in 2^32 times, so that a
/// source of randomness which fails so often is broken.
const DRAWS: usize = 8;

/// A secret scalar and its point.
pub(super) struct Keypair<C: CurveArithmetic> {
    scalar: Zeroizing<NonZeroScalar<C>>,
    public: Vec<u8>,
}

impl<C: Nist> Keypair<C> {
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<Self, KexError> {
        let scalar = draw::<C>(rng)?;
        let public = write_point::<C>(&base_times::<C>(&scalar).to_affine());
        Ok(Self { scalar, public })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The shared point's x. The peer's point must be on the curve and not the point at infinity (RFC 5656 §4); all of
    /// these curves have prime order, so that the product is neither.
    pub(super) fn agree(&self, peer_public: &[u8]) -> Result<Zeroizing<Vec<u8>>, KexError> {
        let expected = point_len::<C>();
        if peer_public.len() != expected {
            return Err(KexError::WrongLength { expected, got: peer_public.len() });
        }
        let peer = read_point::<C>(peer_public).ok_or(KexError::BadPublicValue)?;
        let product = Zeroizing::new(peer.to_curve().mul(**self.scalar));
        let product = Zeroizing::new(product.to_affine());
        let coordinate = Zeroizing::new(product.x());
        Ok(Zeroizing::new(coordinate.to_vec()))
    }
}

/// A scalar between 1 and the order, drawn until it is one.
fn draw<C: CurveArithmetic>(rng: &mut dyn Rng) -> Result<Zeroizing<NonZeroScalar<C>>, NoEntropy> {
    // P-521's order has one bit in its first byte; that of the others has all eight.
    let excess = u32::try_from(FieldBytes::<C>::default().len())
        .unwrap_or(u32::MAX)
        .saturating_mul(8)
        .saturating_sub(<C::Scalar as PrimeField>::NUM_BITS);
    let mask = 0xff_u8.checked_shr(excess).unwrap_or_default();
    for _ in 0..DRAWS {
        let mut bytes = Zeroizing::new(FieldBytes::<C>::default());
        rng.fill(&mut bytes)?;
        if let Some(top) = bytes.first_mut() {
            *top &= mask;
        }
        let scalar: Option<NonZeroScalar<C>> = NonZeroScalar::from_repr(*bytes).into();
        if let Some(scalar) = scalar {
            return Ok(Zeroizing::new(scalar));
        }
    }
    Err(NoEntropy)
}
