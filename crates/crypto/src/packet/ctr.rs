//! AES in counter mode (RFC 4344 §4): one keystream that goes on from packet to packet.

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use ctr::Ctr128BE;
use ctr::cipher::{InvalidLength, KeyIvInit, StreamCipher, StreamCipherError};

use super::error::{KeyError, KeyPart};

/// The keystream of a direction. The crates below wipe it when it is dropped. It is on the heap, so that moving it
/// leaves no copies.
pub(super) enum AesCtr {
    Aes128(Box<Ctr128BE<Aes128Enc>>),
    Aes192(Box<Ctr128BE<Aes192Enc>>),
    Aes256(Box<Ctr128BE<Aes256Enc>>),
}

impl AesCtr {
    /// A key of 16, 24 or 32 bytes chooses the AES.
    pub(super) fn new(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        let made = match key.len() {
            16 => KeyIvInit::new_from_slices(key, iv).map(Box::new).map(Self::Aes128),
            24 => KeyIvInit::new_from_slices(key, iv).map(Box::new).map(Self::Aes192),
            _ => KeyIvInit::new_from_slices(key, iv).map(Box::new).map(Self::Aes256),
        };
        made.map_err(|InvalidLength| match iv.len() {
            IV_LEN => KeyError::WrongLength { part: KeyPart::Key, expected: 32, got: key.len() },
            got => KeyError::WrongLength { part: KeyPart::Iv, expected: IV_LEN, got },
        })
    }

    /// Encrypts or decrypts `bytes`, which is the same, and moves on by as many.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) -> Result<(), StreamCipherError> {
        match self {
            Self::Aes128(stream) => stream.try_apply_keystream(bytes),
            Self::Aes192(stream) => stream.try_apply_keystream(bytes),
            Self::Aes256(stream) => stream.try_apply_keystream(bytes),
        }
    }
}

/// Length in bytes of the first counter block.
const IV_LEN: usize = 16;
