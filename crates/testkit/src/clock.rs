use std::time::{Duration, Instant};

/// Time that only moves when a test says so.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    now: Instant,
}

impl Clock {
    /// A clock at zero.
    #[must_use]
    pub fn new() -> Self {
        // `Instant` has no constructor but this one; every comparison is relative to it, so runs are alike.
        let start = Instant::now();
        Self { start, now: start }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Moves the time forward to `then`, if that is later.
    pub fn move_to(&mut self, then: Instant) {
        self.now = self.now.max(then);
    }

    /// Moves the time forward by `duration`.
    pub fn advance(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// The instant `offset` after the clock was made.
    #[must_use]
    pub fn at(&self, offset: Duration) -> Instant {
        self.start + offset
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
