//! MACs of packets (RFC 4253 §6.4): over the sequence number and the packet.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::limits::MAX_TAG_LEN;
use crate::mac::{MacAlg, MacKind};
use crate::umac::{self, Umac};

use super::error::{KeyError, KeyPart};

/// A key. That of an HMAC is the hash states after its two padded blocks; each packet begins with a copy of them. All
/// of it is wiped when it is dropped.
pub(super) enum PacketMac {
    HmacSha1(Box<Hmac<Sha1>>),
    HmacSha256(Box<Hmac<Sha256>>),
    HmacSha512(Box<Hmac<Sha512>>),
    Umac(Umac),
}

/// A key, and the MAC of the packet under way as far as that has come.
pub(super) enum GradualMac {
    HmacSha1(Box<Gradual<Hmac<Sha1>>>),
    HmacSha256(Box<Gradual<Hmac<Sha256>>>),
    HmacSha512(Box<Gradual<Hmac<Sha512>>>),
    Umac(Umac, umac::Hashed),
}

pub(super) struct Gradual<M> {
    key: M,
    taken: M,
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

impl From<PacketMac> for GradualMac {
    fn from(mac: PacketMac) -> Self {
        match mac {
            PacketMac::HmacSha1(key) => Self::HmacSha1(Gradual::of(*key)),
            PacketMac::HmacSha256(key) => Self::HmacSha256(Gradual::of(*key)),
            PacketMac::HmacSha512(key) => Self::HmacSha512(Gradual::of(*key)),
            PacketMac::Umac(key) => Self::Umac(key, umac::Hashed::default()),
        }
    }
}

impl GradualMac {
    /// A packet with this number begins.
    pub(super) fn begin(&mut self, seq: u32) {
        match self {
            Self::HmacSha1(mac) => mac.taken = hmac(mac.key.clone(), seq, &[]),
            Self::HmacSha256(mac) => mac.taken = hmac(mac.key.clone(), seq, &[]),
            Self::HmacSha512(mac) => mac.taken = hmac(mac.key.clone(), seq, &[]),
            Self::Umac(_, hashed) => *hashed = umac::Hashed::default(),
        }
    }

    /// Takes what stands in `packet` behind the first `taken` bytes, which it has.
    pub(super) fn take(&mut self, packet: &[u8], taken: usize) {
        let fresh = packet.get(taken..).unwrap_or_default();
        match self {
            Self::HmacSha1(mac) => mac.taken.update(fresh),
            Self::HmacSha256(mac) => mac.taken.update(fresh),
            Self::HmacSha512(mac) => mac.taken.update(fresh),
            Self::Umac(key, hashed) => key.hash(hashed, packet),
        }
    }

    /// As [`PacketMac::verifies`], of a packet that was [taken](Self::take). More of it may be taken afterwards.
    pub(super) fn verifies(&self, seq: u32, packet: &[u8], tag: &[u8]) -> bool {
        let made = match self {
            Self::HmacSha1(mac) => widened(&mac.taken.clone().finalize().into_bytes()),
            Self::HmacSha256(mac) => widened(&mac.taken.clone().finalize().into_bytes()),
            Self::HmacSha512(mac) => widened(&mac.taken.clone().finalize().into_bytes()),
            Self::Umac(key, hashed) => widened(&key.tag_of(u64::from(seq), hashed, packet)),
        };
        made.get(..tag.len()).is_some_and(|made| made.ct_eq(tag).into())
    }
}

impl<M: Clone> Gradual<M> {
    fn of(key: M) -> Box<Self> {
        Box::new(Self { taken: key.clone(), key })
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
