//! Points as SSH writes them: uncompressed (SEC 1 §2.3.3).

use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{AffinePoint, FieldBytes};

use super::Nist;

/// How a point is written: 4, and both coordinates. RFC 5656 §4 would allow compressed points, but OpenSSH refuses them
/// too, and nobody sends them.
const UNCOMPRESSED: u8 = 4;

/// Length of a point in bytes.
pub(crate) fn point_len<C: Nist>() -> usize {
    FieldBytes::<C>::default().len().saturating_mul(2).saturating_add(1)
}

/// The point, when it is one of the curve. That at infinity cannot be written so; all others have the curve's prime order.
pub(crate) fn read_point<C: Nist>(bytes: &[u8]) -> Option<AffinePoint<C>> {
    let (&UNCOMPRESSED, both) = bytes.split_first()? else { return None };
    let (x, y) = both.split_at_checked(FieldBytes::<C>::default().len())?;
    let [x, y] = [x, y].map(FieldBytes::<C>::try_from);
    AffinePoint::<C>::from_coordinates(&x.ok()?, &y.ok()?).into()
}

/// What [`read_point`] reads. The point is not the one at infinity.
pub(crate) fn write_point<C: Nist>(point: &AffinePoint<C>) -> Vec<u8> {
    [&[UNCOMPRESSED], &*point.x(), &*point.y()].concat()
}
