//! The two windows of a channel (RFC 4254 §5.2), with checked arithmetic.

use std::time::{Duration, Instant};

use crate::Misbehaviour;
use crate::limits::{WINDOW_MAX, WINDOW_REST};

/// What we may send: filled by the peer's adjustments, emptied by our data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendWindow {
    left: u32,
    max_packet: u32,
}

impl SendWindow {
    /// A window of `left` bytes, for packets of at most `max_packet`.
    pub(crate) fn new(left: u32, max_packet: u32) -> Self {
        Self { left, max_packet }
    }

    pub(crate) fn left(self) -> u32 {
        self.left
    }

    /// Bytes that the next message may carry.
    pub(crate) fn budget(self) -> u32 {
        self.left.min(self.max_packet)
    }

    /// Takes `bytes` out of the window, or says that they do not fit in it or in a packet.
    pub(crate) fn take(&mut self, bytes: u32) -> Option<()> {
        if bytes > self.max_packet {
            return None;
        }
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    /// Takes an adjustment in.
    pub(crate) fn add(&mut self, bytes: u32) -> Result<(), Misbehaviour> {
        self.left = self.left.checked_add(bytes).ok_or(Misbehaviour::WindowOverflow)?;
        Ok(())
    }
}

/// What the peer may send. Three numbers say it all: what it may still send, what has arrived and is not consumed,
/// and the target for the sum of the two. What is missing to the target is the credit to be given.
///
/// So the bytes that the application has to keep for a channel never exceed the target, or what it was before.
///
/// The target follows what the way to the peer holds: it doubles when half of it is consumed within one round trip, and
/// goes back to what was granted when an eighth of it has not been for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceiveWindow {
    left: u32,
    held: u32,
    target: u32,
    max_packet: u32,
    /// The target that was granted.
    base: u32,
    /// Bytes that were consumed since the last look.
    consumed: u32,
    /// The last look that found so large a target of use.
    used: Option<Instant>,
}

/// What was measured since the last look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Instant,
    /// Since the last look.
    pub(crate) passed: Duration,
    /// To the peer and back.
    pub(crate) round_trip: Duration,
}

impl ReceiveWindow {
    /// A window whose whole target the peer has been given.
    pub(crate) fn new(target: u32, max_packet: u32) -> Self {
        Self { left: target, held: 0, target, max_packet, base: target, consumed: 0, used: None }
    }

    /// Takes `bytes` of arrived data out of the window.
    pub(crate) fn receive(&mut self, bytes: usize) -> Result<u32, Misbehaviour> {
        let got = u32::try_from(bytes).unwrap_or(u32::MAX);
        if got > self.max_packet {
            return Err(Misbehaviour::PacketTooLarge { max: self.max_packet, sent: bytes });
        }
        self.left = self
            .left
            .checked_sub(got)
            .ok_or(Misbehaviour::WindowExceeded { window: self.left, sent: bytes })?;
        // `left` plus `held` never grows past a u32: both came out of credit that was given.
        self.held = self.held.saturating_add(got);
        Ok(got)
    }

    /// Takes note that `bytes` of what arrived are done with.
    pub(crate) fn consume(&mut self, bytes: u32) -> Option<()> {
        self.held = self.held.checked_sub(bytes)?;
        self.consumed = self.consumed.saturating_add(bytes);
        Some(())
    }

    /// Takes note that everything that arrived is done with.
    pub(crate) fn consume_all(&mut self) {
        self.held = 0;
    }

    /// Sets the target. A smaller one is reached by giving no credit for a while; given credit cannot be taken back.
    pub(crate) fn set_target(&mut self, target: u32) {
        self.target = target;
        self.base = target;
    }

    /// Bytes beyond what was granted that the peer may make us keep.
    pub(crate) fn growth(self) -> u32 {
        self.target.max(self.left.saturating_add(self.held)).saturating_sub(self.base)
    }

    /// Lets the target follow what was consumed since the last look; `spare` more bytes are there to be given.
    pub(crate) fn look(&mut self, look: Look, spare: u32) {
        let consumed = u128::from(std::mem::take(&mut self.consumed));
        // As if a look came with every round trip; one that comes earlier has seen less than a round trip's.
        let passed = look.passed.max(look.round_trip).as_micros();
        let trip = consumed.saturating_mul(look.round_trip.as_micros()).checked_div(passed).unwrap_or(0);
        let target = u128::from(self.target);
        if trip.saturating_mul(8) >= target {
            self.used = Some(look.now);
        }
        if self.consumed_half(trip) {
            let most = self.target.saturating_mul(2).min(WINDOW_MAX.max(self.target));
            self.target = most.min(self.target.saturating_add(spare));
        } else if self.used.is_none_or(|used| look.now.saturating_duration_since(used) >= WINDOW_REST) {
            self.rest();
        }
    }

    fn consumed_half(&self, trip: u128) -> bool {
        trip > 0 && trip.saturating_mul(2) >= u128::from(self.target)
    }

    /// Back to what was granted.
    pub(crate) fn rest(&mut self) {
        self.target = self.target.min(self.base);
        self.used = None;
        self.forget_use();
    }

    /// What was consumed so far took nobody knows how long.
    pub(crate) fn forget_use(&mut self) {
        self.consumed = 0;
    }

    pub(crate) fn left(self) -> u32 {
        self.left
    }

    pub(crate) fn held(self) -> u32 {
        self.held
    }

    pub(crate) fn target(self) -> u32 {
        self.target
    }

    /// The credit that is worth a message: a quarter of the target, or nothing yet.
    ///
    /// A peer never waits for credit that is not coming: when the application has consumed everything, and the peer
    /// has less than three quarters of the window left, then a quarter or more is owed.
    pub(crate) fn due(self) -> Option<u32> {
        const PARTS: u32 = 4;
        let used = self.left.saturating_add(self.held);
        let owed = self.target.saturating_sub(used);
        let worth = self.target.wrapping_div(PARTS).max(1);
        (owed >= worth).then_some(owed)
    }

    /// Takes note that `bytes` of credit were given.
    pub(crate) fn give(&mut self, bytes: u32) {
        self.left = self.left.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_gives_no_more_than_it_has_and_takes_no_more_than_it_can() {
        let mut window = SendWindow::new(100, 60);
        assert_eq!(window.budget(), 60);
        assert_eq!(window.take(61), None);
        assert_eq!(window.take(60), Some(()));
        assert_eq!((window.budget(), window.take(41)), (40, None));
        assert_eq!(window.add(u32::MAX - 40), Ok(()));
        assert_eq!(window.add(1), Err(Misbehaviour::WindowOverflow));
        assert_eq!(window.left(), u32::MAX);
    }

    #[test]
    fn a_receive_window_carries_more_than_four_gibibytes_in_total() {
        let mut window = ReceiveWindow::new(u32::MAX, u32::MAX);
        for _ in 0..20 {
            assert_eq!(window.receive(1 << 30), Ok(1 << 30));
            window.consume(1 << 30).unwrap();
            if let Some(bytes) = window.due() {
                window.give(bytes);
            }
        }
        assert!(window.left() >= 3 << 30);
    }

    #[test]
    fn credit_is_due_from_a_quarter_of_the_target_on() {
        let mut window = ReceiveWindow::new(100, 100);
        window.receive(60).unwrap();
        assert_eq!(window.due(), None);
        window.consume(24).unwrap();
        assert_eq!(window.due(), None);
        window.consume(1).unwrap();
        assert_eq!(window.due(), Some(25));
        window.give(25);
        assert_eq!((window.left(), window.held(), window.due()), (65, 35, None));
    }

    #[test]
    fn a_window_of_one_byte_works_and_one_of_none_gives_nothing() {
        let mut window = ReceiveWindow::new(1, 100);
        window.receive(1).unwrap();
        assert_eq!(window.due(), None);
        window.consume(1).unwrap();
        assert_eq!(window.due(), Some(1));
        assert_eq!(ReceiveWindow::new(0, 100).due(), None);
    }
}
