//! ECDH on the curves of NIST (RFC 5656 §4).

use std::ops::Mul;

use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{
    AffinePoint, CurveArithmetic, CurveGroup, FieldBytes, FieldBytesSize, NonZeroScalar, PublicKey,
};
use zeroize::Zeroizing;

use super::KexError;
use crate::{NoEntropy, Rng};

/// How often a scalar is drawn until one is below the order. One draw fails less than once in 2^32 times, so that a
/// source of randomness which fails so often is broken.
const DRAWS: usize = 8;

/// How a point is written: 4, and both coordinates. RFC 5656 §4 would allow compressed points, but OpenSSH refuses them
/// too, and nobody sends them.
const UNCOMPRESSED: u8 = 4;

/// A secret scalar and its point.
pub(super) struct Keypair<C: CurveArithmetic> {
    scalar: Zeroizing<NonZeroScalar<C>>,
    public: Box<[u8]>,
}

/// Length of a public value in bytes.
pub(super) fn public_len<C: CurveArithmetic>() -> usize {
    FieldBytes::<C>::default().len().saturating_mul(2).saturating_add(1)
}

impl<C> Keypair<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    pub(super) fn generate(rng: &mut dyn Rng) -> Result<Self, KexError> {
        let scalar = draw::<C>(rng)?;
        let public = PublicKey::<C>::from_secret_scalar(&scalar);
        let public = public.as_affine().to_sec1_point(false).as_bytes().into();
        Ok(Self { scalar, public })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The shared point's x. The peer's point must be on the curve and not the point at infinity (RFC 5656 §4); all of
    /// these curves have prime order, so that the product is neither.
    pub(super) fn agree(&self, peer_public: &[u8]) -> Result<Zeroizing<Vec<u8>>, KexError> {
        let expected = public_len::<C>();
        if peer_public.len() != expected {
            return Err(KexError::WrongLength { expected, got: peer_public.len() });
        }
        if peer_public.first() != Some(&UNCOMPRESSED) {
            return Err(KexError::BadPublicValue);
        }
        let peer = PublicKey::<C>::from_sec1_bytes(peer_public).map_err(|_| KexError::BadPublicValue)?;
        let product = Zeroizing::new(peer.to_projective().mul(**self.scalar));
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
