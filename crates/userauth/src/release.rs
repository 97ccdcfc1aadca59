//! When a failure may leave.

use std::time::{Duration, Instant};

/// The points after a request at which its failure may be told: `grid + offset`, `2 * grid + offset`, and so on.
///
/// They are counted from the arrival of the request and not on an absolute scale: a client that chooses when it asks
/// could else place its request just before a point and read off on which side of it the work ended. So as long as the
/// work takes less than one `grid`, every failure takes the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    grid: Duration,
    offset: Duration,
}

impl Grid {
    /// `seed` gives the offset, which is less than one `grid`.
    pub(crate) fn new(grid: Duration, seed: u64) -> Self {
        let nanos = u64::try_from(grid.as_nanos()).unwrap_or(u64::MAX);
        Self { grid, offset: Duration::from_nanos(seed.checked_rem(nanos).unwrap_or(0)) }
    }

    /// The first point that is not before `now`, for a request that came in at `arrived`.
    pub(crate) fn release(self, arrived: Instant, now: Instant) -> Instant {
        let taken = now.saturating_duration_since(arrived);
        let first = self.grid.saturating_add(self.offset);
        let late = taken.saturating_sub(first);
        // Whole grids that fit into the time over the first point, and one more unless that ends on a point.
        let nanos = late.as_nanos();
        let over = nanos.checked_rem(self.grid.as_nanos()).unwrap_or(0);
        let wait = match over {
            0 => Duration::ZERO,
            over => self.grid.saturating_sub(Duration::from_nanos(u64::try_from(over).unwrap_or(u64::MAX))),
        };
        // A time that cannot be represented is no reason to hold a reply back for ever.
        arrived.checked_add(first.max(taken).saturating_add(wait)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn work_within_one_grid_always_ends_at_the_same_point() {
        let start = Instant::now();
        let grid = Grid::new(50 * MS, 7_000_000);
        for taken in [0, 1, 7, 49, 50, 56, 57] {
            assert_eq!(grid.release(start, start + taken * MS), start + 57 * MS, "{taken}");
        }
    }

    #[test]
    fn work_over_one_grid_ends_at_the_next_point() {
        let start = Instant::now();
        let grid = Grid::new(50 * MS, 7_000_000);
        for (taken, end) in [(58, 107), (106, 107), (107, 107), (108, 157), (1000, 1007)] {
            assert_eq!(grid.release(start, start + taken * MS), start + end * MS, "{taken}");
        }
    }

    #[test]
    fn the_offset_is_less_than_one_grid_whatever_the_seed() {
        let start = Instant::now();
        for seed in [0, 1, 49_999_999, 50_000_000, u64::MAX] {
            let end = Grid::new(50 * MS, seed).release(start, start) - start;
            assert!(end >= 50 * MS && end < 100 * MS, "{seed} {end:?}");
        }
    }

    #[test]
    fn without_a_grid_a_failure_leaves_at_once() {
        let start = Instant::now();
        let grid = Grid::new(Duration::ZERO, 9);
        assert_eq!(grid.release(start, start), start);
        assert_eq!(grid.release(start, start + 3 * MS), start + 3 * MS);
    }
}
