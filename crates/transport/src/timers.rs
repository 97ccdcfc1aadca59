use std::time::Instant;

/// What this layer waits for with a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The key exchange under way must be done, the identification before the first one included.
    Exchange,
    /// The keys are old enough for others.
    Rekey,
}

const ALL: [Timer; 2] = [Timer::Exchange, Timer::Rekey];

/// The one table of deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    exchange: Option<Instant>,
    rekey: Option<Instant>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Instant>) {
        *self.slot(timer) = at;
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        [self.exchange, self.rekey].into_iter().flatten().min()
    }

    /// Takes a timer that has run out by `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Timer> {
        ALL.into_iter().find(|timer| self.slot(*timer).take_if(|at| *at <= now).is_some())
    }

    fn slot(&mut self, timer: Timer) -> &mut Option<Instant> {
        match timer {
            Timer::Exchange => &mut self.exchange,
            Timer::Rekey => &mut self.rekey,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_is_next_and_each_expires_once() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(Timer::Rekey, Some(start + Duration::from_secs(1)));
        timers.set(Timer::Exchange, Some(start + Duration::from_secs(2)));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(timers.expire(start), None);
        assert_eq!(timers.expire(start + Duration::from_secs(3)), Some(Timer::Exchange));
        assert_eq!(timers.expire(start + Duration::from_secs(3)), Some(Timer::Rekey));
        assert_eq!(timers.next(), None);
    }
}
