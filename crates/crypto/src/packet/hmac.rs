//! HMAC of packets (RFC 4253 §6.4, RFC 6668): over the sequence number and the packet.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::mac::{MacAlg, MacKind};

use super::error::{KeyError, KeyPart};

/// A key, as the hash states after its two padded blocks; each packet begins with a copy of them. They are wiped when
/// dropped.
pub(super) enum PacketHmac {
    Sha256(Box<Hmac<Sha256>>),
    Sha512(Box<Hmac<Sha512>>),
}

impl PacketHmac {
    pub(super) fn new(alg: &MacAlg, key: &[u8]) -> Result<Self, KeyError> {
        let wrong =
            |_| KeyError::WrongLength { part: KeyPart::MacKey, expected: alg.key_len, got: key.len() };
        Ok(match alg.kind {
            MacKind::HmacSha256 => Self::Sha256(Box::new(KeyInit::new_from_slice(key).map_err(wrong)?)),
            MacKind::HmacSha512 => Self::Sha512(Box::new(KeyInit::new_from_slice(key).map_err(wrong)?)),
        })
    }

    /// Writes the tag of `packet`; `tag` has the length that the MAC has.
    pub(super) fn sign(&self, seq: u32, packet: &[u8], tag: &mut [u8]) {
        self.with_tag(seq, packet, |made| {
            for (to, from) in tag.iter_mut().zip(made) {
                *to = *from;
            }
        });
    }

    /// Whether `tag` is that of `packet`, in constant time.
    pub(super) fn verifies(&self, seq: u32, packet: &[u8], tag: &[u8]) -> bool {
        self.with_tag(seq, packet, |made| made.ct_eq(tag).into())
    }

    fn with_tag<T>(&self, seq: u32, packet: &[u8], use_tag: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Sha256(key) => {
                let mut mac = Hmac::<Sha256>::clone(key);
                mac.update(&seq.to_be_bytes());
                mac.update(packet);
                use_tag(&mac.finalize().into_bytes())
            }
            Self::Sha512(key) => {
                let mut mac = Hmac::<Sha512>::clone(key);
                mac.update(&seq.to_be_bytes());
                mac.update(packet);
                use_tag(&mac.finalize().into_bytes())
            }
        }
    }
}
