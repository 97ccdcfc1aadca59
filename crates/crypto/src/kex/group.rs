//! Finite field groups, as values: those that a method names, and those that a server chooses (RFC 4419).

use std::borrow::Cow;
use std::fmt;

use wire::Mpint;

use super::{KexError, oakley};
use crate::limits::{MAX_GROUP_BITS, MIN_GROUP_BITS};

/// A group for Diffie-Hellman: the integers modulo a prime, and a generator.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Group {
    // Minimal big-endian magnitudes.
    pub(super) prime: Cow<'static, [u8]>,
    pub(super) generator: Cow<'static, [u8]>,
}

impl Group {
    /// The group of `prime` and `generator`, big-endian magnitudes whose leading zeros do not count.
    ///
    /// That the modulus is prime is not tested: it would cost more than the exchange, and a server that wanted the
    /// exchange's secret known could as well tell it.
    ///
    /// # Errors
    /// [`KexError::BadGroup`] when the modulus has less than [`MIN_GROUP_BITS`] or more than [`MAX_GROUP_BITS`] bits or
    /// is even, or the generator is not between 1 and the modulus - 1, both excluded.
    pub fn new(prime: &[u8], generator: &[u8]) -> Result<Self, KexError> {
        let [prime, generator] = [prime, generator].map(|number| Mpint::from_magnitude(number).magnitude());
        let group = Self { prime: prime.to_vec().into(), generator: generator.to_vec().into() };
        let sized = (MIN_GROUP_BITS..=MAX_GROUP_BITS).contains(&group.bits());
        let odd = group.prime.last().is_some_and(|byte| byte % 2 == 1);
        if sized && odd && group.is_inner(&group.generator) { Ok(group) } else { Err(KexError::BadGroup) }
    }

    /// The group of RFC 3526 whose prime has `bits` bits, for 2048 (group 14), 4096 (group 16) and 8192 (group 18):
    /// what a server gives that has no groups of its own.
    #[must_use]
    pub fn well_known(bits: u32) -> Option<Self> {
        [&oakley::GROUP14, &oakley::GROUP16, &oakley::GROUP18]
            .into_iter()
            .find(|group| group.bits() == bits)
            .cloned()
    }

    /// The prime, a big-endian magnitude without leading zeros.
    #[must_use]
    pub fn prime(&self) -> &[u8] {
        &self.prime
    }

    /// The generator, a big-endian magnitude without leading zeros.
    #[must_use]
    pub fn generator(&self) -> &[u8] {
        &self.generator
    }

    /// The length of the prime in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        u32::try_from(Mpint::from_magnitude(&self.prime).bits()).unwrap_or(u32::MAX)
    }

    /// Whether 1 < `magnitude` < p - 1, where `magnitude` has no leading zeros. Only for numbers that anybody may know.
    pub(super) fn is_inner(&self, magnitude: &[u8]) -> bool {
        let Some((last, high)) = self.prime.split_last() else { return false };
        // The prime is odd, so that one less is only another last bit.
        let below = (high.len(), magnitude.len().saturating_sub(1));
        let smaller = match magnitude.split_last() {
            Some((low, rest)) if below.0 == below.1 => (rest, *low) < (high, last & 0xfe),
            _ => below.1 < below.0,
        };
        smaller && !matches!(magnitude, [] | [1])
    }
}

/// Only the size: a prime of 8192 bits helps nobody in a log.
impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} bits)", self.bits())
    }
}
