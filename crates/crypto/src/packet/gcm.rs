//! AES-GCM as `aes128-gcm@openssh.com` and `aes256-gcm@openssh.com` use it (RFC 5647): the length is sent in the clear
//! and is the additional data, the nonce is a counter of its own.

use std::hint::black_box;

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, Tag, UnboundKey};
use zeroize::Zeroize;

use super::LENGTH_LEN;
use super::error::{KeyError, KeyPart, OpenError, SealError};

/// A key and the nonce of the next packet. For one direction only: each packet, sealed or opened, moves the nonce on.
pub(super) struct Gcm {
    // On the heap, so that moving the key around leaves no copies.
    key: Box<LessSafeKey>,
    fixed: [u8; 4],
    invocation: u64,
}

impl Gcm {
    /// RFC 5647 §7.1: the initial vector is 4 bytes that stay and the first value of a 64-bit counter.
    ///
    /// A key of 16 or 32 bytes chooses the AES.
    pub(super) fn new(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let wrong = |part, expected, got| KeyError::WrongLength { part, expected, got };
        let unbound = UnboundKey::new(algorithm, key)
            .map_err(|_| wrong(KeyPart::Key, algorithm.key_len(), key.len()))?;
        let [f0, f1, f2, f3, i0, i1, i2, i3, i4, i5, i6, i7]: [u8; 12] =
            iv.try_into().map_err(|_| wrong(KeyPart::Iv, 12, iv.len()))?;
        Ok(Self {
            key: Box::new(LessSafeKey::new(unbound)),
            fixed: [f0, f1, f2, f3],
            invocation: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
        })
    }

    /// Encrypts `text` after its length and writes the tag.
    pub(super) fn seal(&mut self, text: &mut [u8], tag: &mut [u8]) -> Result<(), SealError> {
        let nonce = self.next_nonce();
        let (length, text) = text.split_first_chunk_mut::<LENGTH_LEN>().ok_or(SealError::TooShort)?;
        let made = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(*length), text)
            .map_err(|_| SealError::Exhausted)?;
        let made = made.as_ref().first_chunk::<TAG_LEN>().ok_or(SealError::TooShort)?;
        *tag.first_chunk_mut().ok_or(SealError::TooShort)? = *made;
        Ok(())
    }

    /// Verifies and decrypts `text` after its length. ring does both in one pass, so a forged packet is left in pieces.
    pub(super) fn open(&mut self, text: &mut [u8], tag: &[u8]) -> Result<(), OpenError> {
        let nonce = self.next_nonce();
        let (length, text) = text.split_first_chunk_mut::<LENGTH_LEN>().ok_or(OpenError::TooShort)?;
        let tag = Tag::try_from(tag).map_err(|_| OpenError::TooShort)?;
        match self.key.open_in_place_separate_tag(nonce, Aad::from(*length), tag, text, 0..) {
            Ok(_) => Ok(()),
            Err(_) => Err(OpenError::Forged),
        }
    }

    /// The counter may start anywhere, so it wraps; 2^64 packets are out of reach.
    fn next_nonce(&mut self) -> Nonce {
        let [f0, f1, f2, f3] = self.fixed;
        let [i0, i1, i2, i3, i4, i5, i6, i7] = self.invocation.to_be_bytes();
        self.invocation = self.invocation.wrapping_add(1);
        Nonce::assume_unique_for_key([f0, f1, f2, f3, i0, i1, i2, i3, i4, i5, i6, i7])
    }

    /// ring's key does not wipe itself: a key of zeros is written over it.
    fn wipe(&mut self) {
        let zeros = [0; 32];
        let algorithm: &'static Algorithm = self.key.algorithm();
        if let Some(blank) =
            zeros.get(..algorithm.key_len()).and_then(|key| UnboundKey::new(algorithm, key).ok())
        {
            *self.key = LessSafeKey::new(blank);
            // Without this the write could be left out, as nobody reads it.
            black_box(&mut *self.key);
        }
        self.fixed.zeroize();
        self.invocation.zeroize();
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        self.wipe();
    }
}

const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_key_is_the_key_of_zeros() {
        for key_len in [16, 32] {
            let mut wiped = Gcm::new(&vec![7; key_len], &[9; 12]).unwrap();
            wiped.wipe();
            let mut zero = Gcm::new(&vec![0; key_len], &[0; 12]).unwrap();
            let (mut left, mut right) = ([1; 40], [1; 40]);
            let (mut left_tag, mut right_tag) = ([0; 16], [0; 16]);
            wiped.seal(&mut left, &mut left_tag).unwrap();
            zero.seal(&mut right, &mut right_tag).unwrap();
            assert_eq!((left, left_tag), (right, right_tag));
        }
    }

    #[test]
    fn the_invocation_counter_wraps_and_leaves_the_fixed_part() {
        let mut iv = [0xff; 12];
        iv[..4].copy_from_slice(&[1, 2, 3, 4]);
        let mut gcm = Gcm::new(&[0; 16], &iv).unwrap();
        assert_eq!(gcm.next_nonce().as_ref(), &iv);
        assert_eq!(gcm.next_nonce().as_ref(), &[1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(gcm.next_nonce().as_ref(), &[1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
