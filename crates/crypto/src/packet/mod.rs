//! Protection of binary packets (RFC 4253 §6): the keys of one direction each.
//!
//! Which constructs there are is a closed enum in [`seal`] and one in [`open`], so that adding one makes the compiler
//! list the places to visit. Each construct has its file.

mod bulk;
mod cbc;
mod chacha;
mod concealing;
mod ctr;
mod error;
mod gcm;
mod mac;
mod open;
mod seal;

pub use error::{KeyError, KeyPart, OpenError, SealError};
pub use open::OpeningKey;
pub use seal::SealingKey;

use crate::cipher::CipherKind;
use crate::limits::MIN_PACKET_LEN;
use crate::{CipherAlg, MacAlg};

/// Length in bytes of a packet's first field, its `packet_length`.
const LENGTH_LEN: usize = 4;

/// How packets are laid out under a cipher and its MAC.
#[derive(Clone, Copy)]
struct Layout {
    /// The unit in bytes that packets are padded to.
    block_len: usize,
    /// Bytes of tag after each packet.
    tag_len: usize,
    /// Whether the length does not count towards the padding, because it is not encrypted with the rest.
    length_outside_blocks: bool,
}

impl Layout {
    fn of(cipher: &CipherAlg, mac: Option<&MacAlg>) -> Self {
        Self {
            block_len: cipher.block_len,
            tag_len: mac.map_or(cipher.tag_len, |mac| mac.tag_len),
            length_outside_blocks: match cipher.kind {
                CipherKind::ChaCha20Poly1305 | CipherKind::AesGcm => true,
                CipherKind::AesCtr | CipherKind::Cbc => mac.is_some_and(|mac| mac.etm),
                CipherKind::Null => false,
            },
        }
    }
}

/// What the keys of both directions say of their packets.
macro_rules! laid_out {
    ($($key:ty),*) => { $( impl $key {
        /// The unit in bytes that packets are padded to.
        #[must_use]
        pub fn block_len(&self) -> usize {
            self.layout.block_len
        }

        /// Bytes of tag after each packet.
        #[must_use]
        pub fn tag_len(&self) -> usize {
            self.layout.tag_len
        }

        /// Whether the 4 bytes of length do not count towards the padding, because they are not encrypted with the rest.
        #[must_use]
        pub fn length_outside_blocks(&self) -> bool {
            self.layout.length_outside_blocks
        }
    } )* };
}
laid_out!(SealingKey, OpeningKey);

/// Splits a packet into what is protected and its tag, when it is long enough to be one.
fn split_tag(packet: &mut [u8], tag_len: usize) -> Option<(&mut [u8], &mut [u8])> {
    let text_len = packet.len().checked_sub(tag_len).filter(|len| *len >= MIN_PACKET_LEN)?;
    packet.split_at_mut_checked(text_len)
}

/// Whether all that was derived fits its row, and whether the cipher has the MAC that it needs and no other.
fn check_sizes(
    cipher: &CipherAlg,
    mac: Option<&MacAlg>,
    iv: &[u8],
    key: &[u8],
    mac_key: &[u8],
) -> Result<(), KeyError> {
    let mac_key_len = match (cipher.aead, mac) {
        (true, None) => 0,
        (false, Some(mac)) => mac.key_len,
        (true, Some(_)) => return Err(KeyError::UnwantedMac),
        (false, None) => return Err(KeyError::MissingMac),
    };
    let parts = [
        (KeyPart::Iv, cipher.iv_len, iv.len()),
        (KeyPart::Key, cipher.key_len, key.len()),
        (KeyPart::MacKey, mac_key_len, mac_key.len()),
    ];
    match parts.into_iter().find(|(_, expected, got)| expected != got) {
        Some((part, expected, got)) => Err(KeyError::WrongLength { part, expected, got }),
        None => Ok(()),
    }
}
