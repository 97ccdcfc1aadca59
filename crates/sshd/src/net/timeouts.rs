//! `ChannelTimeout` and `UnusedConnectionTimeout`: channels that nothing passes on, and connections without channels.
//!
//! A timer is set for the earliest point at which time can be up. Traffic moves none; when it comes, it is looked how long the
//! channel has been idle, and set anew for what is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connection::LocalId;
use proto::Server;
use reactor::{Io, TimerId};
use text::pattern::{Case, matches};

use crate::protocol::LinkError;

use super::process::unexpected;

/// The type that stands for all channels taken together, which no pattern does.
const ALL: &str = "global";

/// How long channels, and connections without channels, may be idle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    /// Patterns of types of channels, in their order; `None` for as long as they like.
    channels: Vec<(String, Option<Duration>)>,
    /// All channels together.
    all: Option<Duration>,
    /// A connection without channels.
    unused: Option<Duration>,
}

impl Policy {
    /// What an admission says.
    pub(super) fn parse(channel_timeouts: &str, unused_seconds: u64) -> Result<Self, LinkError> {
        let mut policy = Self { unused: limit(Duration::from_secs(unused_seconds)), ..Self::default() };
        for pair in channel_timeouts.split(',').filter(|_| !channel_timeouts.is_empty()) {
            let (kind, seconds) = pair.rsplit_once('=').unwrap_or_default();
            let time = decimal(seconds).filter(|_| !kind.is_empty());
            let time = time.ok_or_else(|| unexpected("a channel timeout that is none"))?;
            if kind == ALL {
                policy.all = limit(time);
            } else {
                policy.channels.push((kind.to_owned(), limit(time)));
            }
        }
        Ok(policy)
    }
}

/// No time at all is no limit.
fn limit(time: Duration) -> Option<Duration> {
    Some(time).filter(|time| !time.is_zero())
}

/// What is over at a point of time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// These channels have been idle for so long.
    Idle(Vec<(LocalId, Duration)>),
    /// The connection has had no channels for too long.
    Unused,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Channel(LocalId),
    All,
    Unused,
}

/// A channel in use.
#[derive(Clone, Copy, Debug)]
struct Used {
    limit: Option<Duration>,
    timer: Option<TimerId>,
    /// When something is known to have passed.
    moved: Instant,
}

/// The channels in use, and the times at which they or the connection are to be looked at.
pub(super) struct Timeouts {
    policy: Policy,
    channels: BTreeMap<LocalId, Used>,
    timers: BTreeMap<TimerId, Due>,
    /// The timer of all channels together, or of a connection without any.
    common: Option<TimerId>,
    /// When something is known to have passed on any channel.
    moved: Instant,
}

impl Timeouts {
    /// The user is in, and has no channels.
    pub(super) fn begin(io: &mut Io<'_, Server>, policy: Policy) -> Self {
        let mut timeouts = Self {
            policy,
            channels: BTreeMap::new(),
            timers: BTreeMap::new(),
            common: None,
            moved: io.now(),
        };
        timeouts.common = timeouts.set(io, timeouts.policy.unused, Due::Unused);
        timeouts
    }

    /// How long a channel of this type may be idle: what the first pattern says that fits.
    pub(super) fn limit(&self, kind: &str) -> Option<Duration> {
        let fits = |(pattern, _): &&(String, _)| matches(pattern, kind, Case::Exact);
        self.policy.channels.iter().find(fits).and_then(|(_, limit)| *limit)
    }

    /// A channel is in use from now on, and may be idle for so long. What was said of it before no longer holds.
    pub(super) fn opened(&mut self, io: &mut Io<'_, Server>, channel: LocalId, limit: Option<Duration>) {
        self.moved = io.now();
        if self.channels.is_empty() {
            self.take_back(io, self.common);
            self.common = self.set(io, self.policy.all, Due::All);
        }
        let timer = self.set(io, limit, Due::Channel(channel));
        let before = self.channels.insert(channel, Used { limit, timer, moved: io.now() });
        self.take_back(io, before.and_then(|used| used.timer));
    }

    /// A channel is no longer in use.
    pub(super) fn closed(&mut self, io: &mut Io<'_, Server>, channel: LocalId) {
        let Some(used) = self.channels.remove(&channel) else { return };
        self.take_back(io, used.timer);
        // What passed on it last is forgotten with it.
        self.moved = io.now();
        if self.channels.is_empty() {
            self.take_back(io, self.common);
            self.common = self.set(io, self.policy.unused, Due::Unused);
        }
    }

    /// What is over now that a timer's time has come.
    pub(super) fn due(&mut self, io: &mut Io<'_, Server>, timer: TimerId) -> Verdict {
        match self.timers.remove(&timer) {
            None => Verdict::Nothing,
            Some(Due::Unused) => Verdict::Unused,
            Some(Due::Channel(channel)) => self.one(io, channel),
            Some(Due::All) => self.all(io),
        }
    }

    fn one(&mut self, io: &mut Io<'_, Server>, channel: LocalId) -> Verdict {
        let Some(Used { limit: Some(limit), moved, .. }) = self.channels.get(&channel).copied() else {
            return Verdict::Nothing;
        };
        let moved = io.idle_since(channel).map_or(moved, |at| at.max(moved));
        let left = left(io.now(), moved, limit);
        let timer = self.set(io, left, Due::Channel(channel));
        if let Some(used) = self.channels.get_mut(&channel) {
            (used.moved, used.timer) = (moved, timer);
        }
        if left.is_some() { Verdict::Nothing } else { Verdict::Idle(vec![(channel, limit)]) }
    }

    fn all(&mut self, io: &mut Io<'_, Server>) -> Verdict {
        let Some(limit) = self.policy.all else { return Verdict::Nothing };
        let latest = self.channels.keys().filter_map(|channel| io.idle_since(*channel)).max();
        self.moved = latest.map_or(self.moved, |at| at.max(self.moved));
        let left = left(io.now(), self.moved, limit);
        self.common = self.set(io, left, Due::All);
        if left.is_some() {
            return Verdict::Nothing;
        }
        Verdict::Idle(self.channels.keys().map(|channel| (*channel, limit)).collect())
    }

    /// Sets a timer, where there is a limit.
    fn set(&mut self, io: &mut Io<'_, Server>, after: Option<Duration>, due: Due) -> Option<TimerId> {
        // What is farther away than clocks go never comes.
        let timer = io.set_timer(io.now().checked_add(after?)?);
        self.timers.insert(timer, due);
        Some(timer)
    }

    fn take_back(&mut self, io: &mut Io<'_, Server>, timer: Option<TimerId>) {
        if let Some(timer) = timer {
            io.cancel_timer(timer);
            self.timers.remove(&timer);
        }
    }
}

/// Seconds with at most nine digits behind the point.
fn decimal(seconds: &str) -> Option<Duration> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanoseconds))
}

/// How long something may still be idle; `None` when its time is up.
fn left(now: Instant, moved: Instant, limit: Duration) -> Option<Duration> {
    limit.checked_sub(now.saturating_duration_since(moved)).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Option<Duration> {
        Some(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn an_admission_says_what_may_be_idle_for_how_long() {
        let policy = Policy::parse("session:*=5,global=1.5,a=b=0,x11-connection=0.5", 7).unwrap();
        let pattern = |pattern: &str, limit| (pattern.to_owned(), limit);
        let channels = vec![
            pattern("session:*", seconds(5.0)),
            pattern("a=b", None),
            pattern("x11-connection", seconds(0.5)),
        ];
        assert_eq!(policy, Policy { channels, all: seconds(1.5), unused: seconds(7.0) });
        assert_eq!(Policy::parse("", 0).unwrap(), Policy::default());
    }

    #[test]
    fn what_is_no_timeout_is_an_error() {
        for bad in ["x", "=1", "x=", "x=-1", "x=nan", "x=inf", "x=1e40", "x=1,", ",x=1", "x=1,,y=2", "x=1s"] {
            assert!(Policy::parse(bad, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_is_up_when_the_whole_limit_has_passed() {
        let (start, limit) = (Instant::now(), Duration::from_secs(5));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(left(at(3), start, limit), Some(Duration::from_secs(2)));
        assert_eq!(left(at(5), start, limit), None);
        assert_eq!(left(at(9), start, limit), None);
        // Something may have passed since the turn began.
        assert_eq!(left(start, at(1), limit), Some(limit));
    }
}
