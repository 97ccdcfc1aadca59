//! `MaxStartups`: which connections are dropped because too many others have not logged in yet.

use config::value::MaxStartups;
use crypto::Rng;

/// Whether a new connection is dropped while `startups` others have not logged in yet: none below the start, all from the full
/// count on, and between them a share that grows in a straight line from the rate. Without randomness all are dropped that could be.
pub(super) fn drops(limits: &MaxStartups, startups: usize, rng: &mut dyn Rng) -> bool {
    match share(limits, startups) {
        0 => false,
        share @ 1..100 => percent(rng).is_none_or(|number| number < share),
        100.. => true,
    }
}

/// How many of a hundred connections are dropped.
fn share(limits: &MaxStartups, startups: usize) -> u64 {
    let startups = u64::try_from(startups).unwrap_or(u64::MAX);
    let [start, rate, full] = [limits.start, limits.rate, limits.full].map(u64::from);
    if startups < start {
        return 0;
    }
    if startups >= full || rate >= 100 {
        return 100;
    }
    // Each is below 2^32, and `full` is above `startups`, which is not below `start`.
    let grown = (100_u64.saturating_sub(rate)).saturating_mul(startups.saturating_sub(start));
    let share = rate.saturating_add(grown.checked_div(full.saturating_sub(start)).unwrap_or(100));
    share.min(100)
}

/// A number from 0 to 99, each as likely as the others.
fn percent(rng: &mut dyn Rng) -> Option<u64> {
    /// Bytes above the last whole hundred are drawn again; that this happens so often has a probability below 2^-64.
    const DRAWS: usize = 32;
    for _ in 0..DRAWS {
        let mut byte = [0];
        rng.fill(&mut byte).ok()?;
        let [byte] = byte;
        if byte < 200 {
            return Some(u64::from(byte) % 100);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crypto::{NoEntropy, SeededRng};

    use super::*;

    const LIMITS: MaxStartups = MaxStartups { start: 10, rate: 30, full: 100 };

    fn dropped_of_a_thousand(limits: &MaxStartups, startups: usize) -> usize {
        let mut rng = SeededRng::new(7);
        (0..1000).filter(|_| drops(limits, startups, &mut rng)).count()
    }

    #[test]
    fn nobody_is_dropped_below_the_start_and_everybody_from_the_full_count_on() {
        for startups in [0, 1, 9] {
            assert_eq!(dropped_of_a_thousand(&LIMITS, startups), 0);
        }
        for startups in [100, 101, usize::MAX] {
            assert_eq!(dropped_of_a_thousand(&LIMITS, startups), 1000);
        }
    }

    #[test]
    fn between_them_the_share_grows_in_a_straight_line_from_the_rate() {
        assert_eq!([10, 55, 99].map(|startups| share(&LIMITS, startups)), [30, 65, 99]);
        for (startups, expected) in [(10, 300), (55, 650), (99, 990)] {
            let dropped = dropped_of_a_thousand(&LIMITS, startups);
            assert!(dropped.abs_diff(expected) < 60, "{startups}: {dropped}");
        }
    }

    #[test]
    fn a_rate_of_a_hundred_and_a_range_of_nothing_are_a_plain_limit() {
        for limits in
            [MaxStartups { start: 2, rate: 100, full: 9 }, MaxStartups { start: 2, rate: 1, full: 2 }]
        {
            assert_eq!(dropped_of_a_thousand(&limits, 1), 0);
            assert_eq!(dropped_of_a_thousand(&limits, 2), 1000);
        }
        let widest = MaxStartups { start: 1, rate: 1, full: u32::MAX };
        assert_eq!(share(&widest, u32::MAX as usize - 1), 99);
    }

    #[test]
    fn without_randomness_all_are_dropped_that_could_be() {
        struct Dry;
        impl Rng for Dry {
            fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
                Err(NoEntropy)
            }
        }
        assert!(drops(&LIMITS, 10, &mut Dry));
        assert!(!drops(&LIMITS, 9, &mut Dry));
    }
}
