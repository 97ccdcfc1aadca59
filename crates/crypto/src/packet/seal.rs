use super::bulk::BulkSealing;
use super::chacha::ChaChaSealing;
use super::error::{KeyError, SealError};
use super::gcm::Gcm;
use super::mac::PacketMac;
use super::{Layout, check_sizes, split_tag};
use crate::cipher::{CipherAlg, CipherKind};
use crate::{MacAlg, NULL_CIPHER};

/// What protects the packets of one direction on their way out.
pub struct SealingKey {
    kind: Kind,
    pub(super) layout: Layout,
}

enum Kind {
    None,
    ChaCha20Poly1305(ChaChaSealing),
    Gcm(Gcm),
    EncryptThenMac(BulkSealing, PacketMac),
    EncryptAndMac(BulkSealing, PacketMac),
}

impl Kind {
    fn with_mac(bulk: BulkSealing, mac: Option<&MacAlg>, mac_key: &[u8]) -> Result<Self, KeyError> {
        let alg = mac.ok_or(KeyError::MissingMac)?;
        let mac = PacketMac::new(alg, mac_key)?;
        Ok(if alg.etm { Self::EncryptThenMac(bulk, mac) } else { Self::EncryptAndMac(bulk, mac) })
    }
}

impl SealingKey {
    /// A key of `cipher`, and of `mac` where the cipher needs one, from what key derivation gave for this direction
    /// (RFC 4253 §7.2). `mac_key` is empty where there is no MAC.
    ///
    /// # Errors
    /// [`KeyError`] where something does not fit the rows.
    pub fn new(
        cipher: &'static CipherAlg,
        mac: Option<&'static MacAlg>,
        iv: &[u8],
        key: &[u8],
        mac_key: &[u8],
    ) -> Result<Self, KeyError> {
        check_sizes(cipher, mac, iv, key, mac_key)?;
        let kind = match cipher.kind {
            CipherKind::Null => Kind::None,
            CipherKind::ChaCha20Poly1305 => Kind::ChaCha20Poly1305(ChaChaSealing::new(key)?),
            CipherKind::AesGcm => Kind::Gcm(Gcm::new(key, iv)?),
            CipherKind::AesCtr => Kind::with_mac(BulkSealing::ctr(key, iv)?, mac, mac_key)?,
            CipherKind::Cbc => Kind::with_mac(BulkSealing::cbc(key, iv)?, mac, mac_key)?,
        };
        Ok(Self { kind, layout: Layout::of(cipher, mac) })
    }

    /// No protection, as before the first NEWKEYS (RFC 4253 §6).
    #[must_use]
    pub fn none() -> Self {
        Self { kind: Kind::None, layout: Layout::of(&NULL_CIPHER, None) }
    }

    /// Seals `packet` in place. It is the length, the padding's length, payload and padding, and then
    /// [`tag_len`](Self::tag_len) bytes of room for the tag. Every packet is sealed once and in the order of `seq`, the
    /// direction's sequence number (RFC 4253 §6.4). Nothing is allocated.
    ///
    /// # Errors
    /// [`SealError`]; the key is not to be used again then.
    pub fn seal(&mut self, seq: u32, packet: &mut [u8]) -> Result<(), SealError> {
        let (text, tag) = split_tag(packet, self.layout.tag_len).ok_or(SealError::TooShort)?;
        match &mut self.kind {
            Kind::None => Ok(()),
            Kind::ChaCha20Poly1305(key) => key.seal(seq, text, tag),
            Kind::Gcm(key) => key.seal(text, tag),
            Kind::EncryptThenMac(bulk, mac) => {
                let body = text.get_mut(super::LENGTH_LEN..).ok_or(SealError::TooShort)?;
                bulk.encrypt(body)?;
                mac.sign(seq, text, tag);
                Ok(())
            }
            Kind::EncryptAndMac(bulk, mac) => {
                mac.sign(seq, text, tag);
                bulk.encrypt(text)
            }
        }
    }
}
