use super::Transport;
use crate::limits::FRAME_PAYLOAD_MAX;

/// Room in the send buffer for one message with data, sealed where it stands. Dropped without
/// [`commit`](Self::commit) it was never there.
#[must_use]
pub struct Frame<'a> {
    transport: &'a mut Transport,
    payload_max: usize,
}

impl Transport {
    /// Whether [`frame`](Self::frame) would give room for some payload now.
    #[must_use]
    pub fn may_frame(&self) -> bool {
        self.gate_open() && self.outbound.buf().len() < self.config.limits.sealed_ahead
    }

    /// Room for a payload of at most `payload_max` bytes, less when that is over
    /// [`FRAME_PAYLOAD_MAX`](crate::limits::FRAME_PAYLOAD_MAX). `None` while an exchange is under way, and where so
    /// much would be further ahead of the socket than [`SEALED_AHEAD`](crate::limits::SEALED_AHEAD): then data stays
    /// where it is.
    pub fn frame(&mut self, payload_max: usize) -> Option<Frame<'_>> {
        self.rekey_if_due();
        let payload_max = payload_max.min(FRAME_PAYLOAD_MAX);
        let waiting = self.outbound.buf().len();
        let ahead = waiting.saturating_add(self.outbound.packet_len(payload_max));
        let too_far = waiting > 0 && ahead > self.config.limits.sealed_ahead;
        if payload_max == 0 || too_far || !self.gate_open() {
            return None;
        }
        Some(Frame { transport: self, payload_max })
    }
}

impl Frame<'_> {
    /// The room: the whole payload goes here, number first. It holds whatever was there before.
    pub fn payload(&mut self) -> &mut [u8] {
        self.transport.outbound.payload_room(self.payload_max)
    }

    /// Seals the first `payload_len` bytes of [`payload`](Self::payload). Nothing is sent for 0.
    pub fn commit(self, payload_len: usize) {
        let payload_len = payload_len.min(self.payload_max);
        if payload_len > 0 {
            self.transport.outbound.commit(payload_len);
            self.transport.rekey_if_due();
        }
    }
}
