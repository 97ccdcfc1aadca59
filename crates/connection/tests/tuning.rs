//! Receive windows follow what the way to the peer holds, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::time::{Duration, Instant};

use nacre_connection::limits::{
    CHANNELS_MAX, WINDOW_DEFAULT, WINDOW_GROWTH_MAX, WINDOW_MAX, WINDOW_MIN, WINDOW_REST, WINDOWS_GRANTED_MAX,
};
use nacre_connection::{AgentName, ChannelType, Config, Grant, LocalId, Misuse, message};
use support::{Alone, close, confirm, data};
use wire::{Human, Role};

const ROUND_TRIP: Duration = Duration::from_millis(50);
const MIB: u32 = 1024 * 1024;
const GRANT: Grant = Grant { window: WINDOW_DEFAULT, max_packet: u32::MAX };

/// A server, and a peer at the end of a long way that carries so many bytes in a round trip.
struct Far {
    alone: Alone,
    now: Instant,
    zeros: Vec<u8>,
}

impl Far {
    fn new() -> Self {
        let zeros = vec![0; WINDOW_MAX as usize];
        Self { alone: Alone::with(Role::Server, Config::default()), now: Instant::now(), zeros }
    }

    fn channel(&mut self, grant: Grant) -> LocalId {
        let id = self.alone.ask_session(1, grant);
        self.alone.machine.answer_open(id, Ok(grant), &mut self.alone.out).unwrap();
        self.alone.out.clear();
        id.channel()
    }

    /// The peer sends what it may and what the way holds, of which the program takes so many bytes.
    fn send(&mut self, channel: LocalId, carried: u32, taken: u32) -> u32 {
        let sent = self.alone.machine.receive_window(channel).min(carried);
        self.alone.get(&data(channel, &self.zeros[..sent as usize])).unwrap();
        let taken = self.alone.machine.unconsumed(channel).min(taken);
        self.alone.machine.consumed(channel, taken).unwrap();
        sent
    }

    /// A round trip passes, the driver looks, and credit goes out.
    fn pass(&mut self) {
        self.now += ROUND_TRIP;
        self.alone.machine.tune(self.now, ROUND_TRIP);
        self.alone.control();
    }

    fn target(&self, channel: LocalId) -> u32 {
        self.alone.machine.window_target(channel)
    }
}

#[test]
fn a_window_grows_to_what_the_way_holds_and_no_further() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    far.pass();
    let mut sent = Vec::new();
    for _ in 0..12 {
        sent.push(far.send(channel, 10 * MIB, u32::MAX) / MIB);
        far.pass();
    }
    // Two, four, eight; then the way is full, and half of 32 is not consumed in a round trip.
    assert_eq!(sent[..3], [2, 4, 8]);
    assert!(sent[4..].iter().all(|mib| *mib == 10), "{sent:?}");
    assert_eq!(far.target(channel), 32 * MIB);
}

#[test]
fn no_window_grows_past_the_largest() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    for _ in 0..20 {
        far.pass();
        far.send(channel, u32::MAX, u32::MAX);
    }
    assert_eq!(far.target(channel), WINDOW_MAX);
}

#[test]
fn all_windows_together_stay_within_their_budget() {
    let mut far = Far::new();
    let channels: Vec<LocalId> = (0..20).map(|_| far.channel(GRANT)).collect();
    for _ in 0..20 {
        far.pass();
        for channel in &channels {
            far.send(*channel, u32::MAX, u32::MAX);
        }
    }
    far.pass();
    let growth =
        |far: &Far| channels.iter().map(|channel| far.target(*channel) - WINDOW_DEFAULT).sum::<u32>();
    assert_eq!(growth(&far), WINDOW_GROWTH_MAX);
    // What one gives back another one gets.
    let (grown, small) = (channels[0], channels[19]);
    assert!(far.target(small) < far.target(grown));
    far.alone.get(&close(grown)).unwrap();
    far.alone.machine.close(grown).unwrap();
    far.alone.control();
    let before = far.target(small);
    far.send(small, u32::MAX, u32::MAX);
    far.pass();
    far.send(small, u32::MAX, u32::MAX);
    far.pass();
    assert!(far.target(small) > before);
}

#[test]
fn a_slow_program_gets_nothing_and_its_peer_no_more_than_it_was_given() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    far.pass();
    for _ in 0..100 {
        far.send(channel, u32::MAX, MIB / 2);
        far.pass();
        assert!(far.alone.machine.unconsumed(channel) <= WINDOW_DEFAULT);
    }
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
}

#[test]
fn a_program_that_stops_leaves_no_more_than_the_window_waiting() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    for _ in 0..4 {
        far.pass();
        far.send(channel, u32::MAX, u32::MAX);
    }
    far.pass();
    let target = far.target(channel);
    assert!(target > WINDOW_DEFAULT);
    for _ in 0..10 {
        far.pass();
        far.send(channel, u32::MAX, 0);
    }
    assert_eq!(
        (far.alone.machine.unconsumed(channel), far.alone.machine.receive_window(channel)),
        (target, 0)
    );
}

#[test]
fn a_short_way_needs_no_larger_window_however_fast_it_is() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    far.alone.machine.tune(far.now, Duration::from_micros(50));
    for _ in 0..100 {
        // 30 MiB in 10 ms, which is 150 KiB in a round trip.
        for _ in 0..30 {
            far.send(channel, MIB, MIB);
            far.alone.control();
        }
        far.now += Duration::from_millis(10);
        far.alone.machine.tune(far.now, Duration::from_micros(50));
    }
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
}

#[test]
fn looks_that_come_late_see_the_same_speed() {
    for looks in [ROUND_TRIP, 10 * ROUND_TRIP] {
        let mut far = Far::new();
        let channel = far.channel(GRANT);
        far.alone.machine.tune(far.now, ROUND_TRIP);
        for _ in 0..20 {
            // 410 KiB in 5 ms are 4 MiB in a round trip: half of eight, so that eight become sixteen and stay.
            for _ in 0..looks.as_millis() / 5 {
                far.send(channel, 410 * 1024, u32::MAX);
                far.alone.control();
            }
            far.now += looks;
            far.alone.machine.tune(far.now, ROUND_TRIP);
        }
        assert_eq!(far.target(channel), 16 * MIB);
    }
}

#[test]
fn a_window_that_is_of_no_use_any_more_goes_back() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    for _ in 0..4 {
        far.pass();
        far.send(channel, u32::MAX, u32::MAX);
    }
    far.pass();
    let grown = far.target(channel);
    let start = far.now;
    // A trickle is no use of it.
    while far.now - start < WINDOW_REST {
        assert_eq!(far.target(channel), grown);
        far.send(channel, 1000, u32::MAX);
        far.pass();
    }
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
    // What was given stays given; no credit comes until that is used up.
    let left = far.alone.machine.receive_window(channel);
    assert!(left > WINDOW_DEFAULT);
    assert_eq!(far.send(channel, left - WINDOW_DEFAULT, u32::MAX), left - WINDOW_DEFAULT);
    assert!(far.alone.control().is_empty());
    far.send(channel, MIB, u32::MAX);
    assert_eq!(far.alone.control().len(), 1);
    assert!(far.alone.machine.receive_window(channel) <= WINDOW_DEFAULT);
}

#[test]
fn an_idle_connection_keeps_no_growth() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    for _ in 0..4 {
        far.pass();
        far.send(channel, u32::MAX, u32::MAX);
    }
    assert!(far.target(channel) > WINDOW_DEFAULT);
    far.alone.machine.rest_windows();
    far.alone.control();
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
    // The time in which nothing happened says nothing about the way.
    far.now += Duration::from_secs(1000);
    far.alone.machine.tune(far.now, ROUND_TRIP);
    far.send(channel, u32::MAX, u32::MAX);
    far.pass();
    assert_eq!(far.target(channel), 2 * WINDOW_DEFAULT);
}

#[test]
fn without_a_look_nothing_changes_and_what_nobody_reads_is_no_use() {
    let mut far = Far::new();
    let channel = far.channel(GRANT);
    for _ in 0..100 {
        far.send(channel, u32::MAX, u32::MAX);
        far.alone.control();
    }
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
    far.alone.machine.stop_reading(channel).unwrap();
    for _ in 0..100 {
        far.pass();
        far.alone.get(&data(channel, &vec![0; MIB as usize])).unwrap();
        assert_eq!(far.alone.machine.consumed(channel, MIB), Ok::<(), Misuse>(()));
    }
    assert_eq!(far.target(channel), WINDOW_DEFAULT);
}

#[test]
fn what_is_granted_to_very_many_channels_is_bounded() {
    let mut far = Far::new();
    let mut granted = 0;
    let channels: Vec<LocalId> = (0..CHANNELS_MAX)
        .map(|_| {
            let grant = Grant { max_packet: u32::MAX, ..far.alone.machine.usual_grant() };
            granted += u64::from(grant.window);
            far.channel(grant)
        })
        .collect();
    let all = CHANNELS_MAX as u64 * u64::from(WINDOW_MIN);
    assert!(granted > WINDOWS_GRANTED_MAX && granted <= WINDOWS_GRANTED_MAX + all, "{granted}");
    // A small one grows like any other.
    let last = channels[CHANNELS_MAX - 1];
    for _ in 0..6 {
        far.pass();
        far.send(last, 8 * MIB, u32::MAX);
    }
    assert!(far.target(last) >= WINDOW_DEFAULT);
    // And when a large one is gone, the next is large again.
    assert_eq!(far.alone.machine.usual_grant().window, WINDOW_MIN);
    far.alone.get(&close(channels[0])).unwrap();
    far.alone.machine.close(channels[0]).unwrap();
    far.alone.control();
    assert_eq!(far.alone.machine.usual_grant(), Grant::default());
}

#[test]
fn what_is_offered_to_the_peer_counts_before_it_has_answered_and_once() {
    let mut far = Far::new();
    let mut granted = 0;
    let offered: Vec<LocalId> = (0..256)
        .map(|tag| {
            let grant = far.alone.machine.usual_grant();
            granted += u64::from(grant.window);
            let kind = ChannelType::AuthAgent(AgentName::OpenSsh);
            far.alone.machine.open(&kind, grant, tag, &mut far.alone.out).unwrap()
        })
        .collect();
    assert!(granted <= WINDOWS_GRANTED_MAX + 256 * u64::from(WINDOW_MIN), "{granted}");
    assert_eq!(far.alone.machine.usual_grant().window, WINDOW_MIN);
    for channel in &offered {
        far.alone.get(&confirm(*channel, GRANT)).unwrap();
    }
    assert_eq!(far.alone.machine.usual_grant().window, WINDOW_MIN);
    far.alone.get(&close(offered[0])).unwrap();
    far.alone.control();
    let again = far.alone.machine.usual_grant();
    assert_eq!(again, Grant::default());
    // One that the peer refuses counts no more either.
    let kind = ChannelType::AuthAgent(AgentName::OpenSsh);
    let refused = far.alone.machine.open(&kind, again, 0, &mut far.alone.out).unwrap();
    assert_eq!(far.alone.machine.usual_grant().window, WINDOW_MIN);
    let recipient = refused.number();
    let refusal =
        message::ChannelOpenFailure { recipient, reason: 1, text: Human(b""), language: Human(b"") };
    far.alone.get(&refusal).unwrap();
    assert_eq!(far.alone.machine.usual_grant(), Grant::default());
}
