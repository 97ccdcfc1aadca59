use std::collections::VecDeque;

/// Bytes that a descriptor did not take yet, in order. Its memory goes round, so that nothing moves in it, and serves until it is
/// released.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: VecDeque<u8>,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The first of them, as many as stand in a row; the others are the first when those are taken.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.as_slices().0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Drops the first `n` bytes.
    pub(crate) fn take(&mut self, n: usize) {
        self.bytes.drain(..n.min(self.bytes.len()));
    }

    /// Gives back memory that holds no bytes.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Drops everything and says how much it was.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.len();
        *self = Self::default();
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_memory_stays_within_twice_what_waits() {
        let mut backlog = Backlog::default();
        let (mut next_in, mut next_out, mut most) = (0_u8, 0_u8, 0);
        for round in 1..3000_usize {
            let bytes: Vec<u8> = (0..round % 97)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            backlog.push(&bytes);
            most = most.max(backlog.len());
            let n = backlog.data().len().min(round % 101);
            for byte in &backlog.data()[..n] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
            backlog.take(n);
            assert!(backlog.bytes.capacity() <= 2 * most + 97);
        }
        backlog.take(backlog.len());
        backlog.release();
        assert_eq!(backlog.bytes.capacity(), 0);
        backlog.push(b"dropped");
        backlog.release();
        assert_eq!(backlog.clear(), 7);
        assert!(backlog.is_empty());
    }
}
