use zeroize::{Zeroize, Zeroizing};

use crate::limits::{RECV_BUFFER_MAX, RECV_BUFFER_MIN};

/// What the socket is read into and packets are opened in. The caller owns it, so that an event can borrow the
/// plaintext from it while the machine is free.
///
/// Bytes are never moved per packet, only when the room behind them is short and at least as much is free before them.
#[derive(Default)]
pub struct RecvBuf {
    /// All of it is initialised; what was received stands in `head..tail`.
    bytes: Zeroizing<Vec<u8>>,
    head: usize,
    tail: usize,
    /// The payload that came compressed last.
    inflated: Zeroizing<Vec<u8>>,
}

impl RecvBuf {
    /// A buffer without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Room to read into: `want` bytes or more, or what is left below
    /// [`RECV_BUFFER_MAX`](crate::limits::RECV_BUFFER_MAX). It is empty only when several of the largest packets wait
    /// to be processed.
    pub fn space(&mut self, want: usize) -> &mut [u8] {
        let want = want.min(RECV_BUFFER_MAX.saturating_sub(self.len()));
        if self.bytes.len().saturating_sub(self.tail) < want {
            self.make_room(want);
        }
        self.bytes.get_mut(self.tail..).unwrap_or_default()
    }

    /// Says that the first `n` bytes of [`space`](Self::space) were filled.
    pub fn filled(&mut self, n: usize) {
        self.tail = self.tail.saturating_add(n).min(self.bytes.len());
    }

    /// How many bytes wait to be processed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tail.saturating_sub(self.head)
    }

    /// Whether no bytes wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len().saturating_add(self.inflated.capacity())
    }

    /// Gives the memory back when no bytes wait. For connections that are idle.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Overwrites all but the bytes that wait, for when what was processed held a password. It may stand behind them as
    /// well as before them: making room moves what waits and leaves the rest where it was.
    pub fn wipe_consumed(&mut self) {
        if let Some(consumed) = self.bytes.get_mut(..self.head) {
            consumed.zeroize();
        }
        if let Some(left_behind) = self.bytes.get_mut(self.tail..) {
            left_behind.zeroize();
        }
        self.inflated.zeroize();
    }

    /// The bytes that wait.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.head..self.tail).unwrap_or_default()
    }

    /// The first `n` bytes that wait, to be changed in place; `None` when fewer wait.
    pub(crate) fn data_mut(&mut self, n: usize) -> Option<&mut [u8]> {
        let end = self.head.checked_add(n).filter(|end| *end <= self.tail)?;
        self.bytes.get_mut(self.head..end)
    }

    /// Takes the first `n` bytes away; `None` when fewer wait. They are taken before they are looked at, so whoever
    /// borrows them does not keep the buffer in an earlier state.
    pub(crate) fn take(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = self.head;
        let end = start.checked_add(n).filter(|end| *end <= self.tail)?;
        self.head = end;
        self.bytes.get_mut(start..end)
    }

    /// As [`take`](Self::take), with room to inflate what is in it.
    pub(crate) fn take_beside_inflated(&mut self, n: usize) -> Option<(&mut [u8], &mut Zeroizing<Vec<u8>>)> {
        let start = self.head;
        let end = start.checked_add(n).filter(|end| *end <= self.tail)?;
        self.head = end;
        Some((self.bytes.get_mut(start..end)?, &mut self.inflated))
    }

    fn make_room(&mut self, want: usize) {
        let len = self.len();
        let needed = len.saturating_add(want);
        // Moving costs `len` and frees `head`: worth it only when it frees as much as it costs, or at the limit.
        let worth = self.head >= len || self.bytes.len() >= RECV_BUFFER_MAX;
        if needed <= self.bytes.len() && worth {
            self.bytes.copy_within(self.head..self.tail, 0);
        } else {
            let grown =
                needed.max(RECV_BUFFER_MIN).max(self.bytes.len().saturating_mul(2)).min(RECV_BUFFER_MAX);
            let mut bytes = Zeroizing::new(vec![0; grown.max(needed)]);
            if let (Some(to), Some(from)) = (bytes.get_mut(..len), self.bytes.get(self.head..self.tail)) {
                to.copy_from_slice(from);
            }
            self.bytes = bytes;
        }
        self.head = 0;
        self.tail = len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_leaves_nothing_of_what_was_processed_even_after_room_was_made() {
        let mut buf = RecvBuf::new();
        put(&mut buf, &[7; RECV_BUFFER_MIN]);
        buf.take(RECV_BUFFER_MIN - 10).unwrap();
        put(&mut buf, &[8; 100]);
        assert_eq!((buf.head, buf.len()), (0, 110), "room was made by moving");
        assert!(buf.bytes[buf.tail..].contains(&7));
        buf.wipe_consumed();
        assert!(!buf.bytes[buf.tail..].contains(&7));
        assert_eq!(buf.data(), [vec![7; 10], vec![8; 100]].concat());
    }

    fn put(buf: &mut RecvBuf, bytes: &[u8]) {
        buf.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        buf.filled(bytes.len());
    }

    #[test]
    fn bytes_come_out_as_they_went_in_across_compaction_and_growth() {
        let mut buf = RecvBuf::new();
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for round in 1..400_usize {
            let chunk: Vec<u8> = (0..round % 97 * 11)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            put(&mut buf, &chunk);
            let n = buf.len().min(round % 89 * 12);
            for byte in buf.take(n).unwrap() {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
        }
        assert!(buf.take(buf.len() + 1).is_none());
    }

    #[test]
    fn it_grows_to_its_limit_and_then_gives_no_room() {
        let mut buf = RecvBuf::new();
        assert_eq!(buf.capacity(), 0);
        put(&mut buf, &[1; 10]);
        assert_eq!(buf.capacity(), RECV_BUFFER_MIN);
        let n = buf.space(usize::MAX).len();
        buf.filled(n);
        assert_eq!((buf.len(), buf.capacity()), (RECV_BUFFER_MAX, RECV_BUFFER_MAX));
        assert!(buf.space(1).is_empty());
        buf.take(1).unwrap();
        assert_eq!(buf.space(1).len(), 1);
    }

    #[test]
    fn memory_is_given_back_only_when_nothing_waits() {
        let mut buf = RecvBuf::new();
        put(&mut buf, &[7; 100]);
        buf.release();
        assert_eq!(buf.len(), 100);
        buf.take(100).unwrap();
        buf.release();
        assert_eq!(buf.capacity(), 0);
    }

    #[test]
    fn consumed_plaintext_can_be_wiped() {
        let mut buf = RecvBuf::new();
        put(&mut buf, b"hunter2rest");
        buf.take(7).unwrap();
        buf.wipe_consumed();
        assert_eq!(&buf.bytes[..11], b"\0\0\0\0\0\0\0rest");
    }
}
