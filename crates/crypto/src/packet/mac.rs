//! MACs of packets (RFC 4253 §6.4): over the sequence number and the packet.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::limits::MAX_TAG_LEN;
use crate::mac::{MacAlg, MacKind};
use crate::umac::Umac;

use super::error::{KeyError, KeyPart};

/// A key. That of an HMAC is the hash states after its two padded blocks; each packet begins with a copy of them. All
/// of it is wiped when it is dropped.
pub(super) enum PacketMac {
    HmacSha1(Box<Hmac<Sha1>>),
    HmacSha256(Box<Hmac<Sha256>>),
    HmacSha512(Box<Hmac<Sha512>>),
    Umac(Umac),
}

/// Bytes of a tag, and behind them what no MAC is long enough for.
type Tag = [u8; MAX_TAG_LEN];

impl PacketMac {
    pub(super) fn new(alg: &MacAlg, key: &[u8]) -> Result<Self, KeyError> {
        let wrong = || KeyError::WrongLength { part: KeyPart::MacKey, expected: alg.key_len, got: key.len() };
        let made = match alg.kind {
            MacKind::HmacSha1 => KeyInit::new_from_slice(key).ok().map(Box::new).map(Self::HmacSha1),
            MacKind::HmacSha256 => KeyInit::new_from_slice(key).ok().map(Box::new).map(Self::HmacSha256),
            MacKind::HmacSha512 => KeyInit::new_from_slice(key).ok().map(Box::new).map(Self::HmacSha512),
            MacKind::Umac => Umac::new(key, alg.tag_len).map(Self::Umac),
        };
        made.ok_or_else(wrong)
    }

    /// Writes the tag of `packet`; `tag` has the length that the MAC has.
    pub(super) fn sign(&self, seq: u32, packet: &[u8], tag: &mut [u8]) {
        for (to, from) in tag.iter_mut().zip(self.tag(seq, packet)) {
            *to = from;
        }
    }

    /// Whether `tag`, which has the length that the MAC has, is that of `packet`, in constant time.
    pub(super) fn verifies(&self, seq: u32, packet: &[u8], tag: &[u8]) -> bool {
        self.tag(seq, packet).get(..tag.len()).is_some_and(|made| made.ct_eq(tag).into())
    }

    fn tag(&self, seq: u32, packet: &[u8]) -> Tag {
        match self {
            Self::HmacSha1(key) => widened(&hmac(key.as_ref().clone(), seq, packet).finalize().into_bytes()),
            Self::HmacSha256(key) => {
                widened(&hmac(key.as_ref().clone(), seq, packet).finalize().into_bytes())
            }
            Self::HmacSha512(key) => {
                widened(&hmac(key.as_ref().clone(), seq, packet).finalize().into_bytes())
            }
            // The sequence number is the nonce here, as 64 bits.
            Self::Umac(key) => widened(&key.tag(u64::from(seq), packet)),
        }
    }
}

fn hmac<M: hmac::Mac>(mut mac: M, seq: u32, packet: &[u8]) -> M {
    mac.update(&seq.to_be_bytes());
    mac.update(packet);
    mac
}

fn widened(made: &[u8]) -> Tag {
    let mut tag = [0; MAX_TAG_LEN];
    for (to, from) in tag.iter_mut().zip(made) {
        *to = *from;
    }
    tag
}
