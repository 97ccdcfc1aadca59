use std::hint::black_box;

use super::bulk::BulkOpening;
use super::chacha::ChaChaOpening;
use super::error::{KeyError, OpenError};
use super::gcm::Gcm;
use super::mac::PacketMac;
use super::{LENGTH_LEN, Layout, check_sizes, split_tag};
use crate::cipher::{CipherAlg, CipherKind};
use crate::{MacAlg, NULL_CIPHER};

/// What protects the packets of one direction on their way in.
///
/// For each packet [`length`](Self::length) is called once with its first bytes, and, when as many more are there,
/// [`open`](Self::open) once with all of it. Until `open` has said yes the length is what anybody may have written:
/// check it against a bound first. (With encrypt-and-MAC nothing better is possible, as the tag covers the plaintext.)
pub struct OpeningKey {
    kind: Kind,
    layout: Layout,
    prefix_len: usize,
    /// Whether the length of the packet under way has been read.
    length_read: bool,
}

enum Kind {
    None,
    ChaCha20Poly1305(ChaChaOpening),
    Gcm(Gcm),
    EncryptThenMac(BulkOpening, PacketMac),
    EncryptAndMac(BulkOpening, PacketMac),
}

impl Kind {
    fn with_mac(bulk: BulkOpening, mac: Option<&MacAlg>, mac_key: &[u8]) -> Result<Self, KeyError> {
        let alg = mac.ok_or(KeyError::MissingMac)?;
        let mac = PacketMac::new(alg, mac_key)?;
        Ok(if alg.etm { Self::EncryptThenMac(bulk, mac) } else { Self::EncryptAndMac(bulk, mac) })
    }
}

impl OpeningKey {
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
            CipherKind::ChaCha20Poly1305 => Kind::ChaCha20Poly1305(ChaChaOpening::new(key)?),
            CipherKind::AesGcm => Kind::Gcm(Gcm::new(key, iv)?),
            CipherKind::AesCtr => Kind::with_mac(BulkOpening::ctr(key, iv)?, mac, mac_key)?,
            CipherKind::Cbc => Kind::with_mac(BulkOpening::cbc(key, iv)?, mac, mac_key)?,
        };
        let prefix_len = match &kind {
            Kind::EncryptAndMac(..) => cipher.block_len,
            Kind::None | Kind::ChaCha20Poly1305(_) | Kind::Gcm(_) | Kind::EncryptThenMac(..) => LENGTH_LEN,
        };
        Ok(Self { kind, layout: Layout::of(cipher, mac), prefix_len, length_read: false })
    }

    /// No protection, as before the first NEWKEYS (RFC 4253 §6).
    #[must_use]
    pub fn none() -> Self {
        Self {
            kind: Kind::None,
            layout: Layout::of(&NULL_CIPHER, None),
            prefix_len: LENGTH_LEN,
            length_read: false,
        }
    }

    /// How many bytes of a packet [`length`](Self::length) needs: 4, or the cipher's block where the length is
    /// encrypted with the rest.
    #[must_use]
    pub fn prefix_len(&self) -> usize {
        self.prefix_len
    }

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

    /// Whether a packet that is not accepted, for its length or for its tag, has to look the same from outside wherever
    /// it ends. With CBC and encrypt-and-MAC somebody between us can put any block where a length is expected, and
    /// learns bits of its plaintext from how much is read until the connection fails (CPNI-957037, RFC 4253 §9.3.1).
    /// What protects is to read, from the packet's start, as many bytes as the longest packet has, to spend the time
    /// that verifying them would take ([`pretend`](Self::pretend)), and only then to fail with one error for all. What
    /// decrypting costs is not imitated, so an exact clock still learns something: a reason more to use another cipher.
    #[must_use]
    pub fn must_conceal_errors(&self) -> bool {
        matches!(&self.kind, Kind::EncryptAndMac(BulkOpening::Cbc(_), _))
    }

    /// Takes the time that verifying `len` more bytes of a packet would take, where
    /// [`must_conceal_errors`](Self::must_conceal_errors) says so; otherwise none.
    pub fn pretend(&self, len: usize) {
        const STEP: [u8; 4096] = [0; 4096];
        let Kind::EncryptAndMac(BulkOpening::Cbc(_), mac) = &self.kind else { return };
        let mut left = len;
        while let Some(bytes) = STEP.get(..left.min(STEP.len())).filter(|bytes| !bytes.is_empty()) {
            black_box(mac.verifies(0, black_box(bytes), &[0]));
            left = left.saturating_sub(bytes.len());
        }
    }

    /// The `packet_length` of the packet that begins with `prefix`, without its tag and without its own 4 bytes
    /// (RFC 4253 §6). `prefix` is [`prefix_len`](Self::prefix_len) bytes in the place where `open` will find them: with
    /// encrypt-and-MAC they are decrypted there, otherwise they stay as they are.
    ///
    /// # Errors
    /// [`OpenError`], but never `Forged`: the length is not verified.
    pub fn length(&mut self, seq: u32, prefix: &mut [u8]) -> Result<u32, OpenError> {
        if self.length_read {
            return Err(OpenError::OutOfTurn);
        }
        if prefix.len() != self.prefix_len {
            return Err(OpenError::TooShort);
        }
        self.length_read = true;
        if let Kind::EncryptAndMac(bulk, _) = &mut self.kind {
            bulk.decrypt(prefix)?;
        }
        let length = *prefix.first_chunk::<LENGTH_LEN>().ok_or(OpenError::TooShort)?;
        Ok(match &self.kind {
            Kind::ChaCha20Poly1305(key) => key.length(seq, length),
            Kind::None | Kind::Gcm(_) | Kind::EncryptThenMac(..) | Kind::EncryptAndMac(..) => {
                u32::from_be_bytes(length)
            }
        })
    }

    /// Opens `packet` in place: all of it, from the prefix that [`length`](Self::length) saw to the tag. Then its
    /// plaintext (the padding's length, payload and padding) is `packet[4..len - tag_len]`. `seq` is the direction's
    /// sequence number. Nothing is allocated, and tags are compared in constant time.
    ///
    /// # Errors
    /// [`OpenError::Forged`] where the tag does not verify: the packet is then untouched, except with GCM, which
    /// verifies while it decrypts, and encrypt-and-MAC, which can only verify after it.
    pub fn open(&mut self, seq: u32, packet: &mut [u8]) -> Result<(), OpenError> {
        if !std::mem::take(&mut self.length_read) {
            return Err(OpenError::OutOfTurn);
        }
        let (text, tag) = split_tag(packet, self.layout.tag_len).ok_or(OpenError::TooShort)?;
        match &mut self.kind {
            Kind::None => Ok(()),
            Kind::ChaCha20Poly1305(key) => key.open(seq, text, tag),
            Kind::Gcm(key) => key.open(text, tag),
            Kind::EncryptThenMac(bulk, mac) => {
                if !mac.verifies(seq, text, tag) {
                    return Err(OpenError::Forged);
                }
                bulk.decrypt(text.get_mut(LENGTH_LEN..).ok_or(OpenError::TooShort)?)
            }
            Kind::EncryptAndMac(bulk, mac) => {
                let rest = text.get_mut(self.prefix_len..).ok_or(OpenError::TooShort)?;
                // Whatever is wrong, the work is the same and so is the error.
                let decrypted = bulk.decrypt(rest);
                let verified = mac.verifies(seq, text, tag);
                match decrypted {
                    Err(OpenError::Exhausted) => Err(OpenError::Exhausted),
                    Ok(()) if verified => Ok(()),
                    _ => Err(OpenError::Forged),
                }
            }
        }
    }
}
