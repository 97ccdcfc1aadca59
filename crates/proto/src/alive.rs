use std::time::{Duration, Instant};

/// Asks for a sign of life when nothing came for a while: `ClientAliveInterval`, `ServerAliveInterval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlivePolicy {
    /// How long nothing may come before the peer is asked.
    pub interval: Duration,
    /// How many questions may go without any sign of life; one more interval ends the connection.
    pub count_max: u32,
}

/// The state of it.
#[derive(Debug)]
pub(crate) struct Alive {
    policy: Option<AlivePolicy>,
    unanswered: u32,
    due: Option<Instant>,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ask,
    Lost,
}

impl Alive {
    pub(crate) fn new(policy: Option<AlivePolicy>) -> Self {
        Self { policy, unanswered: 0, due: None }
    }

    /// A packet of the peer came, or watching begins.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.unanswered = 0;
        self.due = self.policy.and_then(|policy| now.checked_add(policy.interval));
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn check(&mut self, now: Instant) -> Due {
        let (Some(policy), Some(due)) = (self.policy, self.due) else { return Due::Nothing };
        if now < due {
            return Due::Nothing;
        }
        if self.unanswered >= policy.count_max {
            self.due = None;
            return Due::Lost;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.due = now.checked_add(policy.interval);
        Due::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_count_max_times_and_gives_up_one_interval_later() {
        let interval = Duration::from_secs(10);
        let start = Instant::now();
        let mut alive = Alive::new(Some(AlivePolicy { interval, count_max: 2 }));
        assert_eq!(alive.check(start), Due::Nothing);
        alive.heard(start);
        assert_eq!(alive.check(start + interval / 2), Due::Nothing);
        assert_eq!(alive.check(start + interval), Due::Ask);
        assert_eq!(alive.check(start + interval * 2), Due::Ask);
        assert_eq!(alive.check(start + interval * 3), Due::Lost);
        assert_eq!(alive.deadline(), None);
    }

    #[test]
    fn any_packet_starts_the_count_anew() {
        let interval = Duration::from_secs(10);
        let start = Instant::now();
        let mut alive = Alive::new(Some(AlivePolicy { interval, count_max: 1 }));
        alive.heard(start);
        assert_eq!(alive.check(start + interval), Due::Ask);
        alive.heard(start + interval * 2);
        assert_eq!(alive.check(start + interval * 2), Due::Nothing);
        assert_eq!(alive.check(start + interval * 3), Due::Ask);
    }

    #[test]
    fn without_a_policy_nothing_is_ever_due() {
        let mut alive = Alive::new(None);
        alive.heard(Instant::now());
        assert_eq!(alive.deadline(), None);
        assert_eq!(alive.check(Instant::now() + Duration::from_secs(1 << 20)), Due::Nothing);
    }
}
