use std::collections::BTreeMap;
use std::time::Instant;

/// A timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    at: Instant,
    serial: u64,
}

/// Points of time, the earliest first; those of one time in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    set: BTreeMap<TimerId, T>,
    next: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Self { set: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn set(&mut self, at: Instant, value: T) -> TimerId {
        let id = TimerId { at, serial: self.next };
        self.next = self.next.wrapping_add(1);
        self.set.insert(id, value);
        id
    }

    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.set.remove(&id);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.set.first_key_value().map(|(id, _)| id.at)
    }

    /// Takes out the earliest one that is due at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(TimerId, T)> {
        if self.deadline()? > now {
            return None;
        }
        self.set.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_expire_in_order_and_cancelled_ones_never() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::new();
        timers.set(at(3), 'c');
        timers.set(at(1), 'a');
        let cancelled = timers.set(at(1), 'x');
        timers.set(at(1), 'b');
        timers.cancel(cancelled);
        assert_eq!(timers.deadline(), Some(at(1)));
        assert!(timers.expire(start).is_none());
        let due: Vec<char> = std::iter::from_fn(|| timers.expire(at(2)).map(|(_, name)| name)).collect();
        assert_eq!(due, ['a', 'b']);
        assert_eq!(timers.expire(at(3)).map(|(_, name)| name), Some('c'));
        assert_eq!(timers.deadline(), None);
    }
}
