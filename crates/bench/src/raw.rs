//! The same packets through the cipher alone.

use crypto::{OpeningKey, SealingKey};

use crate::bulk::{Load, Round};
use crate::phase::{Watch, phase_copy, phase_open, phase_seal};
use crate::suite::Suite;

/// Keys of one direction, and buffers as a connection has them.
pub struct Raw {
    sealing: SealingKey,
    opening: OpeningKey,
    sequence: u32,
    out: Vec<u8>,
    received: Vec<u8>,
}

impl Raw {
    /// Keys of `suite`.
    ///
    /// # Panics
    /// Never: the lengths are those of the rows.
    #[must_use]
    pub fn new(suite: Suite) -> Self {
        let Suite { cipher, mac } = suite;
        let (iv, key) = (vec![1; cipher.iv_len], vec![2; cipher.key_len]);
        let mac_key = vec![3; mac.map_or(0, |mac| mac.key_len)];
        Self {
            sealing: SealingKey::new(cipher, mac, &iv, &key, &mac_key).expect("lengths of the rows"),
            opening: OpeningKey::new(cipher, mac, &iv, &key, &mac_key).expect("lengths of the rows"),
            sequence: 0,
            out: vec![0; 512 * 1024],
            received: vec![0; 512 * 1024],
        }
    }

    /// Bytes of a packet with `size` bytes of data.
    fn packet_len(&self, size: usize) -> usize {
        let outside = if self.sealing.length_outside_blocks() { 4 } else { 0 };
        let text = 5 + 9 + size + 4 - outside;
        text.next_multiple_of(self.sealing.block_len()) + outside + self.sealing.tag_len()
    }

    /// One round, without anything but the cipher.
    ///
    /// # Panics
    /// When a packet does not open.
    pub fn round(&mut self, load: Load, watch: Watch) -> Round {
        let len = self.packet_len(load.size);
        let length = u32::try_from(len - 4 - self.sealing.tag_len()).expect("a packet");
        let mut round = Round::default();
        for _ in 0..load.batches {
            let (out, received) = (&mut self.out[..len * load.batch], &mut self.received[..len * load.batch]);
            watch.time(&mut round.seal, phase_seal, &mut || {
                for (seq, packet) in (self.sequence..).zip(out.chunks_exact_mut(len)) {
                    packet[..4].copy_from_slice(&length.to_be_bytes());
                    self.sealing.seal(seq, packet).expect("a packet");
                }
            });
            watch.time(&mut round.copy, phase_copy, &mut || received.copy_from_slice(out));
            watch.time(&mut round.open, phase_open, &mut || {
                for (seq, packet) in (self.sequence..).zip(received.chunks_exact_mut(len)) {
                    let prefix = self.opening.prefix_len();
                    let said = self.opening.length(seq, &mut packet[..prefix]).expect("a length");
                    assert_eq!(said, length, "the length of a packet");
                    self.opening.open(seq, packet).expect("a packet that we sealed");
                }
            });
            self.sequence += u32::try_from(load.batch).expect("few");
        }
        round
    }
}
