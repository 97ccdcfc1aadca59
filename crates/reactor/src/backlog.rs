/// Bytes that a descriptor did not take yet, in order. Its memory serves until it is released.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: Vec<u8>,
    head: usize,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What was taken is dropped where that frees as much as it costs.
        if self.head >= self.len() {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops the first `n` bytes.
    pub(crate) fn take(&mut self, n: usize) {
        self.head = self.head.saturating_add(n);
        if self.is_empty() {
            self.bytes.clear();
            self.head = 0;
        }
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
            let n = backlog.len().min(round % 101);
            for byte in &backlog.data()[..n] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
            backlog.take(n);
            assert!(backlog.bytes.len() <= 2 * most + 97);
        }
        backlog.take(backlog.len());
        backlog.release();
        assert_eq!((backlog.bytes.capacity(), backlog.head), (0, 0));
        backlog.push(b"dropped");
        backlog.release();
        assert_eq!(backlog.clear(), 7);
        assert!(backlog.is_empty());
    }
}
