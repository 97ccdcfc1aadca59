//! The second layer (RFC 4418 §5.3): the values of a message's chunks as a polynomial over the prime field of 64 bits.

/// The field's prime is this much less than 2^64.
const OFFSET: u64 = 59;
/// Stands before a value that is no element of the field for sure, and is none that such values begin with.
const MARKER: u64 = u64::MAX - OFFSET;
/// Values from here on have the marker before them.
const OUT_OF_RANGE: u64 = 0xffff_ffff_0000_0000;

/// What a polynomial begins with.
pub(super) const START: u64 = 1;

/// The point at which polynomials are evaluated, from key derivation: less than 2^57, which [`times_plus`] needs.
pub(super) fn key(bytes: [u8; 8]) -> u64 {
    u64::from_be_bytes(bytes) & 0x01ff_ffff_01ff_ffff
}

/// The polynomial with one more value.
pub(super) fn step(key: u64, state: u64, value: u64) -> u64 {
    if value >= OUT_OF_RANGE {
        times_plus(key, times_plus(key, state, MARKER), value.wrapping_sub(OFFSET))
    } else {
        times_plus(key, state, value)
    }
}

/// `key * state + value` modulo the prime.
fn times_plus(key: u64, state: u64, value: u64) -> u64 {
    let product = u128::from(key).wrapping_mul(u128::from(state)).wrapping_add(u128::from(value));
    // 2^64 is 59 modulo the prime. What is over 64 bits is at most 2^57, and 59 times that less than 2^63: where adding
    // it overflows, 59 more do not.
    let [high, low] = [(product >> 64) as u64, product as u64];
    let (sum, overflow) = low.overflowing_add(high.wrapping_mul(OFFSET));
    let sum = if overflow { sum.wrapping_add(OFFSET) } else { sum };
    if sum >= PRIME { sum.wrapping_sub(PRIME) } else { sum }
}

const PRIME: u64 = u64::MAX - OFFSET + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_reduced_as_the_long_division_does() {
        let prime = u128::from(PRIME);
        let edges = [0, 1, 58, 59, 60, u64::from(u32::MAX), PRIME - 1, PRIME, PRIME + 1, u64::MAX];
        for key in [0, 1, 2, 0x01ff_ffff_01ff_ffff, 0x0123_4567_0089_abcd] {
            for state in edges {
                for value in edges {
                    let expected = (u128::from(key) * u128::from(state) + u128::from(value)) % prime;
                    assert_eq!(u128::from(times_plus(key, state, value)), expected, "{key} {state} {value}");
                }
            }
        }
    }

    #[test]
    fn a_value_over_the_range_has_the_marker_before_it() {
        let (key, state) = (0x0123_4567_0089_abcd, 77);
        let prime = u128::from(PRIME);
        let by_hand = |state: u128, value: u128| (u128::from(key) * state + value) % prime;
        assert_eq!(u128::from(step(key, state, OUT_OF_RANGE - 1)), by_hand(77, u128::from(OUT_OF_RANGE - 1)));
        for value in [OUT_OF_RANGE, PRIME, u64::MAX] {
            let marked = by_hand(77, prime - 1);
            assert_eq!(u128::from(step(key, state, value)), by_hand(marked, u128::from(value) - 59));
        }
    }
}
