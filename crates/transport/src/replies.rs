use wire::{Message, SliceSink, encoded_len};
use zeroize::{Zeroize, Zeroizing};

/// Payloads that wait for the gate to open, in order. Whoever adds one has made sure of room; this only counts.
///
/// They are plaintext, and a password can be among them, so all that was ever here is overwritten.
#[derive(Default)]
pub(crate) struct Replies {
    /// Each payload behind its length.
    bytes: Zeroizing<Vec<u8>>,
}

const LENGTH_LEN: usize = 4;

impl Replies {
    /// Bytes that wait, lengths included.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push<M: Message>(&mut self, message: &M) {
        let length = encoded_len(message);
        let start = self.bytes.len();
        let payload = start.saturating_add(LENGTH_LEN);
        let end = payload.saturating_add(length);
        self.reserve(end);
        self.bytes.resize(end, 0);
        if let Some(prefix) = self.bytes.get_mut(start..payload) {
            prefix.copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        if let Some(room) = self.bytes.get_mut(payload..end) {
            message.encode(&mut SliceSink::new(room));
        }
    }

    /// All that waits, for [`payloads`](Self::payloads).
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes
    }

    /// All that waits; nothing waits after it.
    pub(crate) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.bytes)
    }

    /// The payloads in what [`take`](Self::take) or [`waiting`](Self::waiting) gave.
    pub(crate) fn payloads(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut left = wire::Reader::new(bytes);
        std::iter::from_fn(move || left.string().ok())
    }

    pub(crate) fn wipe(&mut self) {
        self.bytes.zeroize();
        self.bytes = Zeroizing::default();
    }

    /// Grows by hand: a vector that grows by itself leaves its old contents behind.
    fn reserve(&mut self, needed: usize) {
        if needed > self.bytes.capacity() {
            let mut grown = Vec::with_capacity(needed.max(self.bytes.capacity().saturating_mul(2)));
            grown.extend_from_slice(&self.bytes);
            self.bytes = Zeroizing::new(grown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Ping, Unimplemented};
    use wire::Bytes;

    #[test]
    fn payloads_come_out_whole_and_in_order() {
        let mut replies = Replies::default();
        for n in 0..100_u32 {
            replies.push(&Unimplemented { sequence: n });
            replies.push(&Ping { data: Bytes(&vec![7; n as usize]) });
        }
        let bytes = replies.take();
        assert_eq!(replies.len(), 0);
        let payloads: Vec<_> = Replies::payloads(&bytes).collect();
        assert_eq!(payloads.len(), 200);
        for (n, pair) in payloads.chunks(2).enumerate() {
            assert_eq!(Unimplemented::from_payload(pair[0]).unwrap().sequence as usize, n);
            assert_eq!(Ping::from_payload(pair[1]).unwrap().data.0, vec![7; n]);
        }
    }
}
