//! CBC with encrypt-and-MAC, without telling by time where a packet that is refused ended.
//!
//! The length stands in a block that somebody between us can have chosen, and what it seems to be are bits of that block's
//! plaintext (CPNI-957037; Albrecht, Paterson and Watson, "Plaintext Recovery Attacks Against SSH"). So the work here follows
//! what has come and not what was said: each block is decrypted and enters the MAC when it is there, the tag of a packet
//! that turns out to be none is read on as blocks like any other, and what is left to do at the end is the same whatever
//! the length was.
//!
//! What that hides is when and after how many bytes the connection fails, and the work behind each byte of them. What it
//! does not hide: where a packet of a possible length ends, its tag is made once and compared, and up to a tag's length of
//! blocks waits until then. That is about a microsecond, in which nothing is sent; whoever shares the machine's processor
//! may see it. And a packet that is accepted is answered, as with every cipher.

use super::cbc::{CbcOpening, Misaligned};
use super::error::OpenError;
use super::mac::{GradualMac, PacketMac};

/// What opens the packets of a direction.
pub(super) struct Concealing {
    cipher: CbcOpening,
    mac: GradualMac,
    /// Bytes of the packet under way that were decrypted and are in the MAC.
    done: usize,
}

impl Concealing {
    pub(super) fn new(cipher: CbcOpening, mac: PacketMac) -> Self {
        Self { cipher, mac: mac.into(), done: 0 }
    }

    /// Decrypts the first block of a packet.
    pub(super) fn begin(&mut self, seq: u32, block: &mut [u8]) -> Result<(), OpenError> {
        self.mac.begin(seq);
        self.done = 0;
        self.advance(block)
    }

    /// Decrypts the whole blocks of `text` that were not. It is what has come of a packet without its tag, and begins with
    /// what it began with before.
    pub(super) fn advance(&mut self, text: &mut [u8]) -> Result<(), OpenError> {
        let over = text.len().checked_rem(self.cipher.block_len()).unwrap_or_default();
        let end = text.len().saturating_sub(over);
        let Some(fresh) = text.get_mut(self.done..end) else { return Ok(()) };
        self.cipher.decrypt(fresh).map_err(|Misaligned| OpenError::TooShort)?;
        self.mac.take(text.get(..end).unwrap_or_default(), self.done);
        self.done = end;
        Ok(())
    }

    /// Decrypts what is left of a packet, and verifies all of it.
    pub(super) fn open(&mut self, seq: u32, text: &mut [u8], tag: &[u8]) -> Result<(), OpenError> {
        self.advance(text)?;
        let verified = self.mac.verifies(seq, text.get(..self.done).unwrap_or_default(), tag);
        if verified && self.done == text.len() { Ok(()) } else { Err(OpenError::Forged) }
    }
}
