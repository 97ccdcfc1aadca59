/// Sealed packets on their way to the socket: one contiguous run of bytes.
#[derive(Default)]
pub(crate) struct OutBuf {
    /// All of it is initialised, so that room for a packet need not be cleared first; `head..tail` waits to be sent.
    bytes: Vec<u8>,
    head: usize,
    tail: usize,
}

impl OutBuf {
    pub(crate) fn len(&self) -> usize {
        self.tail.saturating_sub(self.head)
    }

    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.head..self.tail).unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`data`](Self::data) were sent.
    pub(crate) fn sent(&mut self, n: usize) {
        self.head = self.head.saturating_add(n).min(self.tail);
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
        }
    }

    /// Exactly `n` bytes of room behind what waits. Its contents are whatever was there before.
    pub(crate) fn room(&mut self, n: usize) -> &mut [u8] {
        let end = match self.tail.checked_add(n) {
            Some(end) if end <= self.bytes.len() => end,
            _ => {
                self.make_room(n);
                self.tail.saturating_add(n)
            }
        };
        self.bytes.get_mut(self.tail..end).unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`room`](Self::room) are now to be sent.
    pub(crate) fn filled(&mut self, n: usize) {
        self.tail = self.tail.saturating_add(n).min(self.bytes.len());
    }

    /// Gives the memory back when nothing waits.
    pub(crate) fn release(&mut self) {
        if self.len() == 0 {
            *self = Self::default();
        }
    }

    /// Moves what waits to the front where that frees as much as it costs, and grows otherwise.
    fn make_room(&mut self, n: usize) {
        let len = self.len();
        let needed = len.saturating_add(n);
        if needed > self.bytes.len() || self.head < len {
            let grown = needed.max(self.bytes.len().saturating_mul(2).min(needed.saturating_mul(2)));
            self.bytes.resize(grown, 0);
        }
        self.bytes.copy_within(self.head..self.tail, 0);
        self.head = 0;
        self.tail = len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_room_stays_bounded() {
        let mut buf = OutBuf::default();
        let (mut next_in, mut next_out, mut most) = (0_u8, 0_u8, 0);
        for round in 1..2000_usize {
            let n = round % 97;
            for byte in buf.room(n) {
                next_in = next_in.wrapping_add(1);
                *byte = next_in;
            }
            buf.filled(n);
            most = most.max(buf.len());
            let sent = buf.len().min(round % 101);
            for byte in &buf.data()[..sent] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
            buf.sent(sent);
        }
        assert!(buf.bytes.len() <= 2 * most, "{} bytes for {most}", buf.bytes.len());
        buf.sent(usize::MAX);
        buf.release();
        assert_eq!(buf.bytes.capacity(), 0);
    }
}
