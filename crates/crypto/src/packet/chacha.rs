//! `chacha20-poly1305@openssh.com` (OpenSSH PROTOCOL.chacha20poly1305, draft-ietf-sshm-chacha20-poly1305).
//!
//! Two ChaCha20 keys: one encrypts the length by itself, so that it can be read first; the other gives a fresh Poly1305
//! key with its first block and encrypts the rest with what follows. The nonce of both is the sequence number.
//!
//! There are two ways through it with the same bytes at the end. ring's is the quicker one for short packets, where a
//! keystroke is; for long ones the `chacha20` and `poly1305` crates are, as they use wider vectors but cost more to
//! start.

use std::hint::black_box;

use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use poly1305::universal_hash::{KeyInit, UniversalHash};
use poly1305::{Block, Poly1305};
use ring::aead::chacha20_poly1305_openssh as ring_openssh;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::LENGTH_LEN;
use super::error::{KeyError, KeyPart, OpenError, SealError};

/// Length in bytes of both keys, K_2 (for the packet) and then K_1 (for its length).
const KEY_LEN: usize = 64;
const TAG_LEN: usize = 16;
/// Bytes of keystream in a block of ChaCha20.
const CHACHA_BLOCK_LEN: usize = 64;

/// Packets of at least this many bytes, tag not counted, take the long way. Measured with both ways in one run: they
/// take the same time here, and at 32 KiB the long way takes six tenths of ring's.
const LONG_PACKET: usize = 6144;

pub(super) struct ChaChaSealing {
    short: RingSealing,
    length: RingOpening,
    long: PacketKey,
}

impl ChaChaSealing {
    pub(super) fn new(key: &[u8]) -> Result<Self, KeyError> {
        let key = exactly(key)?;
        Ok(Self { short: RingSealing::new(key), length: RingOpening::new(key), long: PacketKey::new(key) })
    }

    /// Encrypts `text`, which begins with its length, and writes the tag.
    pub(super) fn seal(&self, seq: u32, text: &mut [u8], tag: &mut [u8]) -> Result<(), SealError> {
        let tag = tag.first_chunk_mut::<TAG_LEN>().ok_or(SealError::TooShort)?;
        if text.len() < LONG_PACKET {
            self.seal_short(seq, text, tag)
        } else {
            self.seal_long(seq, text, tag)
        }
    }

    fn seal_short(&self, seq: u32, text: &mut [u8], tag: &mut [u8; TAG_LEN]) -> Result<(), SealError> {
        // ring panics where there is no length.
        if text.len() < LENGTH_LEN {
            return Err(SealError::TooShort);
        }
        self.short.0.seal_in_place(seq, text, tag);
        Ok(())
    }

    fn seal_long(&self, seq: u32, text: &mut [u8], tag: &mut [u8; TAG_LEN]) -> Result<(), SealError> {
        let (mut stream, poly1305) = self.long.start(seq).ok_or(SealError::Exhausted)?;
        let (length, rest) = text.split_first_chunk_mut::<LENGTH_LEN>().ok_or(SealError::TooShort)?;
        // Decrypting with a stream cipher is encrypting; ring's is the quicker one for so little.
        *length = self.length.0.decrypt_packet_length(seq, *length);
        stream.try_apply_keystream(rest).map_err(|_| SealError::Exhausted)?;
        *tag = authenticate(poly1305, text);
        Ok(())
    }
}

pub(super) struct ChaChaOpening {
    short: RingOpening,
    long: PacketKey,
}

impl ChaChaOpening {
    pub(super) fn new(key: &[u8]) -> Result<Self, KeyError> {
        let key = exactly(key)?;
        Ok(Self { short: RingOpening::new(key), long: PacketKey::new(key) })
    }

    /// The length that `encrypted` says. Nothing has verified it yet.
    pub(super) fn length(&self, seq: u32, encrypted: [u8; LENGTH_LEN]) -> u32 {
        u32::from_be_bytes(self.short.0.decrypt_packet_length(seq, encrypted))
    }

    /// Verifies `text`, which begins with its encrypted length, and only then decrypts what follows the length.
    pub(super) fn open(&self, seq: u32, text: &mut [u8], tag: &[u8]) -> Result<(), OpenError> {
        let tag = tag.first_chunk::<TAG_LEN>().ok_or(OpenError::TooShort)?;
        if text.len() < LONG_PACKET {
            self.open_short(seq, text, tag)
        } else {
            self.open_long(seq, text, tag)
        }
    }

    fn open_short(&self, seq: u32, text: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), OpenError> {
        match self.short.0.open_in_place(seq, text, tag) {
            Ok(_) => Ok(()),
            Err(_) => Err(OpenError::Forged),
        }
    }

    fn open_long(&self, seq: u32, text: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), OpenError> {
        let (mut stream, poly1305) = self.long.start(seq).ok_or(OpenError::Exhausted)?;
        if !bool::from(authenticate(poly1305, text).ct_eq(tag)) {
            return Err(OpenError::Forged);
        }
        let rest = text.get_mut(LENGTH_LEN..).ok_or(OpenError::TooShort)?;
        stream.try_apply_keystream(rest).map_err(|_| OpenError::Exhausted)
    }
}

/// K_2 for the long way, which sets up its cipher anew for each packet.
struct PacketKey(Box<Zeroizing<[u8; 32]>>);

impl PacketKey {
    fn new(key: &[u8; KEY_LEN]) -> Self {
        let mut packet_key = Box::new(Zeroizing::new([0; 32]));
        for (to, from) in packet_key.iter_mut().zip(key) {
            *to = *from;
        }
        Self(packet_key)
    }

    /// The stream of a packet after its first block, and the Poly1305 whose key that block began with.
    fn start(&self, seq: u32) -> Option<(ChaCha20Legacy, Poly1305)> {
        // ChaCha20 in its first form, with a 64-bit nonce: the sequence number, big-endian.
        let key: &[u8; 32] = &self.0;
        let mut stream = ChaCha20Legacy::new(key.into(), &u64::from(seq).to_be_bytes().into());
        let mut block = Zeroizing::new([0; CHACHA_BLOCK_LEN]);
        stream.try_apply_keystream(block.as_mut_slice()).ok()?;
        let key = block.first_chunk::<32>()?;
        Some((stream, Poly1305::new(key.into())))
    }
}

/// The tag of `text`, which is not padded to whole blocks. Many blocks at once are quicker than one by one.
fn authenticate(mut poly1305: Poly1305, text: &[u8]) -> [u8; TAG_LEN] {
    let (blocks, rest) = Block::slice_as_chunks(text);
    poly1305.update(blocks);
    poly1305.compute_unpadded(rest).into()
}

/// ring's keys do not wipe themselves: when they are dropped a key of zeros is written over them. They are on the heap,
/// so that moving them around leaves no copies.
struct RingSealing(Box<ring_openssh::SealingKey>);

impl RingSealing {
    fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(Box::new(ring_openssh::SealingKey::new(key)))
    }

    fn wipe(&mut self) {
        *self.0 = ring_openssh::SealingKey::new(&[0; KEY_LEN]);
        // Without this the write could be left out, as nobody reads it.
        black_box(&mut *self.0);
    }
}

impl Drop for RingSealing {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// As [`RingSealing`].
struct RingOpening(Box<ring_openssh::OpeningKey>);

impl RingOpening {
    fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(Box::new(ring_openssh::OpeningKey::new(key)))
    }

    fn wipe(&mut self) {
        *self.0 = ring_openssh::OpeningKey::new(&[0; KEY_LEN]);
        black_box(&mut *self.0);
    }
}

impl Drop for RingOpening {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn exactly(key: &[u8]) -> Result<&[u8; KEY_LEN], KeyError> {
    key.try_into().map_err(|_| KeyError::WrongLength {
        part: KeyPart::Key,
        expected: KEY_LEN,
        got: key.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> [u8; KEY_LEN] {
        std::array::from_fn(|i| (i * 5 + 1) as u8)
    }

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 11 % 256) as u8).collect()
    }

    const SEQUENCE_NUMBERS: [u32; 5] = [0, 1, 0x8000_0000, u32::MAX - 1, u32::MAX];
    const LENGTHS: [usize; 12] =
        [5, 16, 63, 64, 65, 68, 500, 1028, 4096, LONG_PACKET - 1, LONG_PACKET, 32_796];

    #[test]
    fn both_ways_seal_to_the_same_bytes() {
        let sealing = ChaChaSealing::new(&key()).unwrap();
        for seq in SEQUENCE_NUMBERS {
            for len in LENGTHS {
                let (mut short, mut long) = (text(len), text(len));
                let (mut short_tag, mut long_tag) = ([0; TAG_LEN], [0; TAG_LEN]);
                sealing.seal_short(seq, &mut short, &mut short_tag).unwrap();
                sealing.seal_long(seq, &mut long, &mut long_tag).unwrap();
                assert_eq!(short, long, "{len} bytes, number {seq}");
                assert_eq!(short_tag, long_tag, "{len} bytes, number {seq}");
            }
        }
    }

    #[test]
    fn each_way_opens_what_the_other_sealed() {
        let sealing = ChaChaSealing::new(&key()).unwrap();
        let opening = ChaChaOpening::new(&key()).unwrap();
        for seq in SEQUENCE_NUMBERS {
            for len in LENGTHS {
                let (mut short, mut long) = (text(len), text(len));
                let (mut short_tag, mut long_tag) = ([0; TAG_LEN], [0; TAG_LEN]);
                sealing.seal_short(seq, &mut short, &mut short_tag).unwrap();
                sealing.seal_long(seq, &mut long, &mut long_tag).unwrap();
                opening.open_long(seq, &mut short, &short_tag).unwrap();
                opening.open_short(seq, &mut long, &long_tag).unwrap();
                assert_eq!(short[LENGTH_LEN..], text(len)[LENGTH_LEN..], "{len} bytes, number {seq}");
                assert_eq!(short, long, "{len} bytes, number {seq}");
            }
        }
    }

    #[test]
    fn neither_way_touches_a_forged_packet() {
        let opening = ChaChaOpening::new(&key()).unwrap();
        for len in LENGTHS {
            let mut forged = text(len);
            assert_eq!(opening.open_short(3, &mut forged, &[0; TAG_LEN]), Err(OpenError::Forged));
            assert_eq!(forged, text(len));
            assert_eq!(opening.open_long(3, &mut forged, &[0; TAG_LEN]), Err(OpenError::Forged));
            assert_eq!(forged, text(len));
        }
    }

    #[test]
    fn a_wiped_key_is_the_key_of_zeros() {
        let mut wiped = ChaChaSealing::new(&key()).unwrap();
        wiped.short.wipe();
        let zero = ChaChaSealing::new(&[0; KEY_LEN]).unwrap();
        let (mut left, mut right) = (text(40), text(40));
        let (mut left_tag, mut right_tag) = ([0; TAG_LEN], [0; TAG_LEN]);
        wiped.seal_short(1, &mut left, &mut left_tag).unwrap();
        zero.seal_short(1, &mut right, &mut right_tag).unwrap();
        assert_eq!((left, left_tag), (right, right_tag));

        let mut wiped = ChaChaOpening::new(&key()).unwrap();
        wiped.short.wipe();
        let zero = ChaChaOpening::new(&[0; KEY_LEN]).unwrap();
        assert_eq!(wiped.length(1, [1, 2, 3, 4]), zero.length(1, [1, 2, 3, 4]));
    }
}
