//! Receive windows follow what the way to the peer holds.

use std::time::{Duration, Instant};

use crate::limits::WINDOW_GROWTH_MAX;
use crate::window::{Look, ReceiveWindow};
use crate::{Connection, LocalId};

impl Connection {
    /// Lets the receive windows follow what was consumed since the last call, given how long a byte takes to the peer and back.
    /// A window of which half is consumed within that time doubles, up to
    /// [`WINDOW_MAX`](crate::limits::WINDOW_MAX) and, all channels together, [`WINDOW_GROWTH_MAX`] more than was granted; one
    /// that is too large for [`WINDOW_REST`](crate::limits::WINDOW_REST) goes back to what was granted. So a channel whose
    /// application is slow gets nothing, and without calls every window stays as it is.
    ///
    /// To be called about once a round trip while data comes; it takes time in proportion to the channels that data came on.
    pub fn tune(&mut self, now: Instant, round_trip: Duration) {
        let Some(last) = self.last_look.replace(now) else {
            self.each_tuned(|window, _| window.forget_use());
            return;
        };
        let look = Look { now, passed: now.saturating_duration_since(last), round_trip };
        self.each_tuned(|window, spare| window.look(look, spare));
    }

    /// Gives back what windows have grown by: nothing happens on the connection. What the peer was given it may still use.
    pub fn rest_windows(&mut self) {
        self.last_look = None;
        self.each_tuned(|window, _| window.rest());
    }

    /// Whether [`tune`](Self::tune) would find anything to look at.
    #[must_use]
    pub fn wants_tuning(&self) -> bool {
        !self.tuned.is_empty()
    }

    fn each_tuned(&mut self, mut tune: impl FnMut(&mut ReceiveWindow, u32)) {
        let mut kept = None;
        while let Some(slot) = self.tuned.front().filter(|slot| kept != Some(*slot)) {
            self.tuned.remove(slot);
            let Some(channel) = self.channels.id_of(slot) else { continue };
            if self.tune_one(channel, &mut tune) {
                self.tuned.push(slot);
                kept.get_or_insert(slot);
            }
        }
    }

    /// Says whether the window of a channel is still larger than it was granted.
    fn tune_one(&mut self, channel: LocalId, tune: &mut impl FnMut(&mut ReceiveWindow, u32)) -> bool {
        let spare = WINDOW_GROWTH_MAX.saturating_sub(self.growth);
        let Ok(open) = self.open_channel_mut(channel) else { return false };
        tune(&mut open.receive, spare);
        let grown = open.receive.growth() > 0;
        self.settle(channel);
        grown
    }
}
