//! UMAC (RFC 4418), as `umac-64@openssh.com` and `umac-128@openssh.com` use it: tags of 64 and of 128 bits.
//!
//! A tag is the universal hash of the message, made of 32 bits per stream in three layers, XORed with a pad that AES
//! makes of the nonce. The layers are [`nh`] (1024 bytes to 8), [`poly`] (any number of those to one) and
//! [`Stream::finish`] (8 bytes to 4).

mod nh;
mod poly;
#[cfg(test)]
mod tests;

use aes::Aes128Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::{Zeroize, Zeroizing};

/// Length in bytes of UMAC's key, which is one of AES-128.
const KEY_LEN: usize = 16;
/// Longest tag in bytes.
pub(crate) const MAX_TAG_LEN: usize = 16;
/// Most streams that a tag is made of, one for each four bytes of it.
const MAX_STREAMS: usize = MAX_TAG_LEN / 4;
/// Words of the first layer's key by which each stream's part begins later than that of the one before.
const STREAM_SHIFT: usize = 4;
/// Words of the first layer's key for all streams together.
const L1_WORDS: usize = nh::CHUNK_WORDS + STREAM_SHIFT * (MAX_STREAMS - 1);

/// A key of UMAC. Everything in it is wiped when it is dropped, and on the heap, so that moving it leaves no copies.
pub(crate) struct Umac {
    /// Makes the pads.
    pads: Box<Aes128Enc>,
    /// The first layer's key; the streams' parts of it overlap.
    l1: Box<Zeroizing<[u32; L1_WORDS]>>,
    /// What each stream has for itself: two of them make a tag of 64 bits, four one of 128.
    streams: Vec<Stream>,
}

/// The hash of what has come of a message.
pub(crate) struct Hashed {
    /// Of each stream, the second layer's.
    states: Zeroizing<[u64; MAX_STREAMS]>,
    /// Whole chunks that are in them. The last one of a message never is.
    chunks: usize,
}

/// The keys of one stream for the second and third layer.
struct Stream {
    poly: u64,
    /// Multipliers of the value's four words of 16 bits, the highest first. (RFC 4418 has eight; the first four meet
    /// zeros, as no message here is long enough for the second layer to give more than 64 bits.)
    multipliers: [u64; 4],
    mask: u32,
}

impl Umac {
    /// The key `key`, of 16 bytes, for tags of `tag_len` bytes: 8 or 16. `None` for any other lengths.
    pub(crate) fn new(key: &[u8], tag_len: usize) -> Option<Self> {
        let key: &[u8; KEY_LEN] = key.try_into().ok()?;
        let streams = match tag_len {
            8 => 2,
            16 => 4,
            _ => return None,
        };
        let derivation = Aes128Enc::new(key.into());
        let derive = |purpose, len| derive(&derivation, purpose, len);
        let pads = Aes128Enc::new_from_slice(&derive(0, KEY_LEN)).ok()?;
        let mut l1 = Box::new(Zeroizing::new([0; L1_WORDS]));
        for (word, bytes) in l1.iter_mut().zip(derive(1, size_of::<[u32; L1_WORDS]>()).as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        let (l2, l3, masks) =
            (derive(2, 24 * MAX_STREAMS), derive(3, 64 * MAX_STREAMS), derive(4, 4 * MAX_STREAMS));
        let parts = l2.as_chunks::<24>().0.iter().zip(l3.as_chunks::<64>().0).zip(masks.as_chunks::<4>().0);
        let streams = parts.take(streams).filter_map(|((l2, l3), mask)| Stream::new(l2, l3, *mask)).collect();
        Some(Self { pads: Box::new(pads), l1, streams })
    }

    /// The tag of `message` under `nonce`, in as many of the first bytes as the tag is long. A nonce has one message.
    ///
    /// RFC 4418 has another second layer from 16 MiB (2^24 bytes) of message on; no packet of SSH is that long.
    pub(crate) fn tag(&self, nonce: u64, message: &[u8]) -> [u8; MAX_TAG_LEN] {
        let mut hashed = Hashed::default();
        self.hash(&mut hashed, message);
        self.tag_of(nonce, &hashed, message)
    }

    /// The tag of `message`, all of whose chunks but the last one were [hashed](Self::hash).
    pub(crate) fn tag_of(&self, nonce: u64, hashed: &Hashed, message: &[u8]) -> [u8; MAX_TAG_LEN] {
        let mut tag = self.pad(nonce);
        let hashes = self.finish(hashed, message);
        for (word, hash) in tag.as_chunks_mut::<4>().0.iter_mut().zip(hashes) {
            *word = (u32::from_be_bytes(*word) ^ hash).to_be_bytes();
        }
        tag
    }

    /// RFC 4418 §3.3. Two nonces share a block of AES where a tag needs but half of it.
    fn pad(&self, nonce: u64) -> [u8; MAX_TAG_LEN] {
        let halved = self.streams.len() < MAX_STREAMS;
        let block_nonce = if halved { nonce & !1 } else { nonce };
        let mut block = (u128::from(block_nonce) << 64).to_be_bytes().into();
        self.pads.encrypt_block(&mut block);
        let pad = u128::from_be_bytes(block.into());
        if halved && nonce & 1 == 1 { (pad << 64).to_be_bytes() } else { pad.to_be_bytes() }
    }

    /// Hashes what of `message`, which is there from its first byte on, was not hashed before: whole chunks that something
    /// comes after.
    pub(crate) fn hash(&self, hashed: &mut Hashed, message: &[u8]) {
        let chunks = message.len().saturating_sub(1) / nh::CHUNK_LEN;
        for chunk in message.chunks(nh::CHUNK_LEN).take(chunks).skip(hashed.chunks) {
            // Chunk by chunk and not stream by stream, so that the message comes from memory once.
            for (index, (state, stream)) in hashed.states.iter_mut().zip(&self.streams).enumerate() {
                *state = poly::step(stream.poly, *state, self.value(index, chunk));
            }
        }
        hashed.chunks = chunks;
    }

    /// RFC 4418 §5.1: 32 bits of each stream, and zeros where there is no stream. An empty message is one chunk too, and
    /// what has but one chunk does without the second layer.
    fn finish(&self, hashed: &Hashed, message: &[u8]) -> [u32; MAX_STREAMS] {
        let last = message.get(hashed.chunks.saturating_mul(nh::CHUNK_LEN)..).unwrap_or_default();
        let mut hashes = [0; MAX_STREAMS];
        for (index, (hash, stream)) in hashes.iter_mut().zip(&self.streams).enumerate() {
            let value = self.value(index, last);
            *hash = stream.finish(match hashed.chunks {
                0 => value,
                _ => poly::step(stream.poly, hashed.states.get(index).copied().unwrap_or_default(), value),
            });
        }
        hashes
    }

    /// What the first layer makes of a chunk for one stream.
    fn value(&self, stream: usize, chunk: &[u8]) -> u64 {
        nh::hash(self.l1.get(stream.saturating_mul(STREAM_SHIFT)..).unwrap_or_default(), chunk)
    }
}

impl Default for Hashed {
    fn default() -> Self {
        Self { states: Zeroizing::new([poly::START; MAX_STREAMS]), chunks: 0 }
    }
}

impl Stream {
    fn new(l2: &[u8; 24], l3: &[u8; 64], mask: [u8; 4]) -> Option<Self> {
        let words = l3.as_chunks::<8>().0.last_chunk::<4>()?;
        Some(Self {
            poly: poly::key(*l2.first_chunk()?),
            multipliers: words.map(|word| u64::from_be_bytes(word) % P36),
            mask: u32::from_be_bytes(mask),
        })
    }

    /// The third layer (RFC 4418 §5.4).
    fn finish(&self, value: u64) -> u32 {
        let words = value.to_be_bytes();
        let sum = words.as_chunks().0.iter().zip(self.multipliers).fold(0_u64, |sum, (word, multiplier)| {
            // 16 bits by 36: four such products are far from 64 bits.
            sum.wrapping_add(u64::from(u16::from_be_bytes(*word)).wrapping_mul(multiplier))
        });
        let [_, _, _, _, low @ ..] = (sum % P36).to_be_bytes();
        u32::from_be_bytes(low) ^ self.mask
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.poly.zeroize();
        self.multipliers.zeroize();
        self.mask.zeroize();
    }
}

/// The prime of the third layer.
const P36: u64 = (1 << 36) - 5;

/// RFC 4418 §3.2.1: `len` bytes of key for a purpose; how much more is asked for changes nothing in what comes first.
fn derive(key: &Aes128Enc, purpose: u64, len: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(vec![0; len.next_multiple_of(16)]);
    for (number, bytes) in (1_u64..).zip(out.as_chunks_mut::<16>().0) {
        let mut block = ((u128::from(purpose) << 64) | u128::from(number)).to_be_bytes().into();
        key.encrypt_block(&mut block);
        *bytes = block.into();
    }
    out.truncate(len);
    out
}
