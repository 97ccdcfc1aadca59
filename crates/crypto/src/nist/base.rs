//! Multiples of the base point, by a comb with six teeth (Lim and Lee, CRYPTO '94) that have signs.
//!
//! A number is written as a sum of powers of two with a sign each, of which there are six times [`Nist::COLUMNS`]. The
//! powers that are [`Nist::COLUMNS`] apart are one column, and a table has the sum of the base point's multiples for each
//! column that there may be: 32 points, as the other 32 are their negatives. So a multiple is one doubling and one sum for
//! each column, in place of one doubling for each bit.

use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::group::Group;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use p256::elliptic_curve::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use std::ops::{Add, Mul, Neg, Sub};
use zeroize::Zeroizing;

use super::Nist;

/// The value of each tooth in the number of a column.
const TEETH: [u8; 6] = [1, 2, 4, 8, 16, 32];
/// The tooth that is taken for positive in the table.
const SIGN: u8 = 32;

/// The points of a table, which has both coordinates of each.
pub(super) fn sums<C: Nist>(table: &[u8]) -> Box<[AffinePoint<C>]> {
    let length = FieldBytes::<C>::default().len();
    let coordinate = |bytes: &[u8]| FieldBytes::<C>::try_from(bytes).unwrap_or_default();
    let point = |both: &[u8]| {
        let (x, y) = both.split_at_checked(length).unwrap_or_default();
        Option::from(AffinePoint::<C>::from_coordinates(&coordinate(x), &coordinate(y)))
    };
    // All of them are points: a test computes them anew.
    table.chunks_exact(length.saturating_mul(2)).filter_map(point).collect()
}

/// The base point `k` times. The time taken is the same for every `k`.
pub(crate) fn base_times<C: Nist>(k: &Scalar<C>) -> ProjectivePoint<C> {
    let signs = signs::<C>(k);
    let sums = C::sums();
    let mut product = ProjectivePoint::<C>::identity();
    for column in (0..C::COLUMNS).rev() {
        let column = signs.iter().skip(column).step_by(C::COLUMNS).zip(TEETH);
        let number = column.fold(0, |number, (sign, tooth)| number | sign.wrapping_neg() & tooth);
        // All ones where the last tooth is negative, and the column that of another one's negative.
        let negative = (number / SIGN).wrapping_sub(1);
        let wanted = (number ^ negative) % SIGN;
        let mut sum = AffinePoint::<C>::default();
        for (at, candidate) in (0_u8..).zip(sums) {
            sum.conditional_assign(candidate, at.ct_eq(&wanted));
        }
        let other = sum.neg();
        sum.conditional_assign(&other, Choice::from(negative & 1));
        product = product.double().add(sum);
    }
    product
}

/// The sign of each power of two in the sum that is `k`, the lowest first: 1 for plus, 0 for minus.
fn signs<C: Nist>(k: &Scalar<C>) -> Zeroizing<Vec<u8>> {
    // The sum of all powers of two, each with a sign s, is twice that of the powers with (s + 1) / 2, less all powers.
    let powers = u64::try_from(TEETH.len().saturating_mul(C::COLUMNS)).unwrap_or_default();
    let all = Scalar::<C>::ONE.double().pow_vartime([powers]).sub(Scalar::<C>::ONE);
    let half = Zeroizing::new(k.add(all).mul(Scalar::<C>::TWO_INV));
    let bytes = Zeroizing::new(half.to_repr());
    let bits = bytes.iter().rev().flat_map(|byte| (0..8).map(move |at| byte.rotate_right(at) & 1));
    Zeroizing::new(bits.collect())
}
