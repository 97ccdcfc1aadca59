//! Serial numbers of revoked certificates.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Serial numbers that one authority revoked. Zero is none: it stands for a certificate without a number.
///
/// Bitmaps of a file stay bitmaps, because one bit of a file is not to become a range in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Serials<'a> {
    /// First and last of each range; they neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
    bitmaps: Vec<Bitmap<'a>>,
}

/// Bit N, counted from the last bit of the last byte, stands for `offset + N`, which is always a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bitmap<'a> {
    pub(super) offset: u64,
    pub(super) bits: Cow<'a, [u8]>,
}

impl<'a> Serials<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.bitmaps.is_empty()
    }

    pub(super) fn contains(&self, serial: u64) -> bool {
        let before = self.ranges.range(..=serial).next_back();
        before.is_some_and(|(_, last)| *last >= serial)
            || self.bitmaps.iter().any(|bitmap| bitmap.contains(serial))
    }

    /// Adds a range and merges it with those that it overlaps or touches. One without a number adds nothing.
    pub(super) fn insert(&mut self, serials: RangeInclusive<u64>) {
        let (mut first, mut last) = serials.into_inner();
        if first > last {
            return;
        }
        if let Some((&earlier, &end)) = self.ranges.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            (first, last) = (earlier, last.max(end));
        }
        while let Some((&next, &end)) = self.ranges.range(first..=last.saturating_add(1)).next() {
            self.ranges.remove(&next);
            last = last.max(end);
        }
        self.ranges.insert(first, last);
    }

    pub(super) fn insert_bitmap(&mut self, bitmap: Bitmap<'a>) {
        self.bitmaps.push(bitmap);
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    pub(super) fn bitmaps(&self) -> &[Bitmap<'a>] {
        &self.bitmaps
    }

    /// The ranges, then what each bitmap holds. What stands in several places comes several times.
    pub(super) fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.ranges()
            .chain(self.bitmaps.iter().flat_map(|bitmap| bitmap.iter().map(|serial| serial..=serial)))
    }
}

impl Bitmap<'_> {
    fn contains(&self, serial: u64) -> bool {
        let Some(bit) = serial.checked_sub(self.offset) else { return false };
        let from_end = usize::try_from(bit / 8).ok().and_then(|byte| byte.checked_add(1));
        let byte =
            from_end.and_then(|back| self.bits.len().checked_sub(back)).and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte.wrapping_shr(u32::try_from(bit % 8).unwrap_or_default()) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        // The last number may be the last that there is, and what comes after it is not to be counted.
        let bits = self.bits.iter().rev().zip((0_u64..).step_by(8));
        bits.flat_map(|(byte, base)| {
            let start = self.offset.saturating_add(base);
            let set = (0..8_u32).filter(|bit| byte.wrapping_shr(*bit) & 1 == 1);
            set.map(move |bit| start.saturating_add(bit.into()))
        })
    }

    /// The last number that it can name and does, or `None` when that is none or beyond all numbers.
    pub(super) fn last(&self) -> Option<u64> {
        let used = self.bits.iter().position(|byte| *byte != 0).and_then(|at| self.bits.get(at..))?;
        let top = used.first()?;
        let whole = u64::try_from(used.len().checked_sub(1)?).ok()?.checked_mul(8)?;
        self.offset.checked_add(whole.checked_add(u64::from(7_u32.checked_sub(top.leading_zeros())?))?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_overlap_or_touch_become_one() {
        let mut serials = Serials::default();
        for range in [5..=7, 20..=30, 8..=9, 1..=2, 4..=4, 25..=40] {
            serials.insert(range);
        }
        assert_eq!(serials.ranges().collect::<Vec<_>>(), [1..=2, 4..=9, 20..=40]);
        serials.insert(0..=u64::MAX);
        assert_eq!(serials.ranges().collect::<Vec<_>>(), [0..=u64::MAX]);
    }

    #[test]
    fn a_bitmap_reaches_to_the_last_number_and_no_further() {
        let bitmap = |offset, bits: &'static [u8]| Bitmap { offset, bits: Cow::Borrowed(bits) };
        assert_eq!(bitmap(u64::MAX - 2, &[0, 4]).last(), Some(u64::MAX));
        assert_eq!(bitmap(u64::MAX - 2, &[8]).last(), None);
        assert_eq!(bitmap(3, &[1, 0]).last(), Some(11));
        assert_eq!(bitmap(3, &[0, 0]).last(), None);
        let edge = bitmap(u64::MAX - 2, &[4]);
        assert!(edge.contains(u64::MAX) && !edge.contains(u64::MAX - 1) && !edge.contains(0));
    }

    proptest! {
        #[test]
        fn ranges_and_bitmaps_hold_what_was_put_in(
            ranges in proptest::collection::vec((0_u64..300, 0_u64..20), 0..20),
            offset in 0_u64..200,
            bits in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut expected: BTreeSet<u64> = ranges.iter().flat_map(|(lo, len)| *lo..=lo + len).collect();
            let set = |at: usize| bits[bits.len() - 1 - at / 8] >> (at % 8) & 1 == 1;
            expected.extend((0..bits.len() * 8).filter(|at| set(*at)).map(|at| offset + at as u64));
            let mut serials = Serials::default();
            for (lo, len) in ranges {
                serials.insert(lo..=lo + len);
            }
            serials.insert_bitmap(Bitmap { offset, bits: Cow::Borrowed(&bits) });
            prop_assert_eq!(&serials.iter().flatten().collect::<BTreeSet<_>>(), &expected);
            for serial in 0..400 {
                prop_assert_eq!(serials.contains(serial), expected.contains(&serial));
            }
        }
    }
}
