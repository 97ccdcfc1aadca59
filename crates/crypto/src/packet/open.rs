use super::bulk::BulkOpening;
use super::chacha::ChaChaOpening;
use super::concealing::Concealing;
use super::ctr::AesCtr;
use super::error::{KeyError, OpenError};
use super::gcm::Gcm;
use super::mac::PacketMac;
use super::{LENGTH_LEN, Layout, check_sizes, split_tag};
use crate::cipher::{CipherAlg, CipherKind};
use crate::{MacAlg, NULL_CIPHER};

/// What protects the packets of one direction on their way in.
///
/// For each packet [`length`](Self::length) is called once with its first bytes, and, when as many more are there,
/// [`open`](Self::open) once with all of it; where [`must_conceal_errors`](Self::must_conceal_errors) says so,
/// [`advance`](Self::advance) in between. Until `open` has said yes the length is what anybody may have written:
/// check it against a bound first. (With encrypt-and-MAC nothing better is possible, as the tag covers the plaintext.)
pub struct OpeningKey {
    kind: Kind,
    pub(super) layout: Layout,
    prefix_len: usize,
    /// Whether the length of the packet under way has been read.
    length_read: bool,
}

enum Kind {
    None,
    ChaCha20Poly1305(ChaChaOpening),
    Gcm(Gcm),
    EncryptThenMac(BulkOpening, PacketMac),
    EncryptAndMac(AesCtr, PacketMac),
    Concealing(Concealing),
}

impl Kind {
    fn with_mac(bulk: BulkOpening, mac: Option<&MacAlg>, mac_key: &[u8]) -> Result<Self, KeyError> {
        let alg = mac.ok_or(KeyError::MissingMac)?;
        let mac = PacketMac::new(alg, mac_key)?;
        Ok(match bulk {
            bulk if alg.etm => Self::EncryptThenMac(bulk, mac),
            BulkOpening::Ctr(stream) => Self::EncryptAndMac(stream, mac),
            BulkOpening::Cbc(cipher) => Self::Concealing(Concealing::new(cipher, mac)),
        })
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
            Kind::EncryptAndMac(..) | Kind::Concealing(_) => cipher.block_len,
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

    /// Whether a packet that is not accepted, for its length or for its tag, has to look the same from outside wherever
    /// it ends. With CBC and encrypt-and-MAC somebody between us can put any block where a length is expected, and
    /// learns bits of its plaintext from how much is read until the connection fails, and from what is done by then
    /// (CPNI-957037, RFC 4253 §9.3.1). What protects is to call [`advance`](Self::advance) whenever something has come, to
    /// read, from the packet's start, as many bytes as the longest packet has, to [`open`](Self::open) those, and only
    /// then to fail with one error for all.
    #[must_use]
    pub fn must_conceal_errors(&self) -> bool {
        matches!(&self.kind, Kind::Concealing(_))
    }

    /// Where [`must_conceal_errors`](Self::must_conceal_errors) says so, works on what has come of the packet under way:
    /// `text`, from its first byte to where its tag begins at most. For other keys there is nothing to do.
    ///
    /// # Errors
    /// [`OpenError::OutOfTurn`] where no packet is under way.
    pub fn advance(&mut self, text: &mut [u8]) -> Result<(), OpenError> {
        match &mut self.kind {
            Kind::Concealing(_) if !self.length_read => Err(OpenError::OutOfTurn),
            Kind::Concealing(key) => key.advance(text),
            Kind::None
            | Kind::ChaCha20Poly1305(_)
            | Kind::Gcm(_)
            | Kind::EncryptThenMac(..)
            | Kind::EncryptAndMac(..) => Ok(()),
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
        match &mut self.kind {
            Kind::ChaCha20Poly1305(key) => {
                return Ok(key.length(seq, *prefix.first_chunk().ok_or(OpenError::TooShort)?));
            }
            Kind::EncryptAndMac(stream, _) => stream.apply(prefix).map_err(|_| OpenError::Exhausted)?,
            Kind::Concealing(key) => key.begin(seq, prefix)?,
            Kind::None | Kind::Gcm(_) | Kind::EncryptThenMac(..) => {}
        }
        Ok(u32::from_be_bytes(*prefix.first_chunk::<LENGTH_LEN>().ok_or(OpenError::TooShort)?))
    }

    /// Opens `packet` in place: all of it, from the prefix that [`length`](Self::length) saw to the tag. Then its
    /// plaintext (the padding's length, payload and padding) is `packet[4..len - tag_len]`. `seq` is the direction's
    /// sequence number. Nothing is allocated, and tags are compared in constant time.
    ///
    /// # Errors
    /// [`OpenError::Forged`] where the tag does not verify: the packet is then untouched, except with GCM, which
    /// verifies while it decrypts, and encrypt-and-MAC, which can only verify after it. Where
    /// [`must_conceal_errors`](Self::must_conceal_errors) says so, the packet is still under way then, as one that is
    /// longer.
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
            Kind::EncryptAndMac(stream, mac) => {
                let rest = text.get_mut(self.prefix_len..).ok_or(OpenError::TooShort)?;
                stream.apply(rest).map_err(|_| OpenError::Exhausted)?;
                if mac.verifies(seq, text, tag) { Ok(()) } else { Err(OpenError::Forged) }
            }
            Kind::Concealing(key) => {
                if text.len() < self.prefix_len {
                    return Err(OpenError::TooShort);
                }
                let opened = key.open(seq, text, tag);
                self.length_read = opened.is_err();
                opened
            }
        }
    }
}
