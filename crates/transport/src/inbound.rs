//! Packets on their way in (RFC 4253 §6).

use crypto::{CompressionAlg, Inflater, OpenError, OpeningKey};

use crate::error::{Error, Misbehaviour};
use crate::limits::{PACKET_LENGTH_MIN, PADDING_MIN};
use crate::recvbuf::RecvBuf;
use crate::sequence::Sequence;

/// What takes packets apart: the key of the peer's direction and what it has done so far.
pub(crate) struct Inbound {
    key: OpeningKey,
    sequence: Sequence,
    /// The packet under way, once its length is known. With encrypt-and-MAC its first block has been decrypted by then,
    /// which must not be done twice.
    under_way: Option<UnderWay>,
    /// Packets that this key opened.
    packets: u64,
    /// Bytes that this key opened.
    bytes: u64,
    compression: Option<&'static CompressionAlg>,
    /// Inflates all payloads, where compression was agreed on and has begun.
    inflater: Option<Inflater>,
    /// The message that tells of the login was sent or received.
    authenticated: bool,
}

/// A packet that is not all there.
#[derive(Clone, Copy)]
struct UnderWay {
    /// All of its bytes on the wire, from its length to its tag.
    total: usize,
    /// Those of the longest packet that could have begun here.
    longest: usize,
    /// It is refused, which must not show before the longest packet would be there.
    doomed: bool,
}

/// A packet that was opened.
pub(crate) struct Opened<'b> {
    /// The message, number first; never empty.
    pub(crate) payload: &'b [u8],
    /// The message's number.
    pub(crate) number: u8,
    pub(crate) sequence: u32,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self {
            key: OpeningKey::none(),
            sequence: Sequence::default(),
            under_way: None,
            packets: 0,
            bytes: 0,
            compression: None,
            inflater: None,
            authenticated: false,
        }
    }

    /// The bytes of the next packet on the wire, from its length to its tag, when its length is there. A length over
    /// `limit` is refused before anything waits or grows for it. Whatever was received, this takes note of: where errors
    /// must be concealed it is decrypted now, so that nothing is left to do for a packet of any length when it is there.
    pub(crate) fn expect(
        &mut self,
        rx: &mut RecvBuf,
        packets_max: u64,
        limit: u32,
    ) -> Result<Option<usize>, Error> {
        let under_way = match self.under_way {
            Some(under_way) => under_way,
            None => {
                let Some(prefix) = rx.data_mut(self.key.prefix_len()) else { return Ok(None) };
                if self.packets >= packets_max {
                    return Err(Error::KeyUsedUp);
                }
                let length = self.key.length(self.sequence.next(), prefix).map_err(open_error)?;
                let longest = self.longest(limit);
                *self.under_way.insert(match self.total(length, limit) {
                    Some(total) => UnderWay { total, longest, doomed: false },
                    None if self.key.must_conceal_errors() => {
                        UnderWay { total: longest, longest, doomed: true }
                    }
                    None => return Err(Error::BadPacketLength { length }),
                })
            }
        };
        self.advance(rx, under_way.total)?;
        Ok(Some(under_way.total))
    }

    /// Works on what is there of a packet of `total` bytes, where its errors must be concealed.
    fn advance(&mut self, rx: &mut RecvBuf, total: usize) -> Result<(), Error> {
        if self.key.must_conceal_errors() {
            let here = total.saturating_sub(self.key.tag_len()).min(rx.len());
            self.key.advance(rx.data_mut(here).unwrap_or_default()).map_err(open_error)?;
        }
        Ok(())
    }

    /// All bytes of a packet with this `packet_length`, if there can be one.
    fn total(&self, length: u32, limit: u32) -> Option<usize> {
        if !(PACKET_LENGTH_MIN..=limit).contains(&length) {
            return None;
        }
        let length = usize::try_from(length).ok()?;
        let whole = length.checked_add(4)?;
        let padded = if self.key.length_outside_blocks() { length } else { whole };
        let blocks = padded.checked_rem(self.key.block_len())? == 0;
        whole.checked_add(self.key.tag_len()).filter(|_| blocks)
    }

    /// All bytes of the longest packet.
    fn longest(&self, limit: u32) -> usize {
        let whole = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(4);
        let over = whole.checked_rem(self.key.block_len()).unwrap_or_default();
        whole.saturating_sub(over).saturating_add(self.key.tag_len())
    }

    /// Opens the packet whose length [`expect`](Self::expect) gave, when it is all there. A payload that was compressed
    /// may have as many bytes as a packet may: `limit`.
    pub(crate) fn open<'b>(&mut self, rx: &'b mut RecvBuf, limit: u32) -> Result<Option<Opened<'b>>, Error> {
        let sequence = self.sequence.next();
        let total = loop {
            let Some(mut under_way) = self.under_way else { return Ok(None) };
            let Some(packet) = rx.data_mut(under_way.total) else { return Ok(None) };
            match self.key.open(sequence, packet) {
                Ok(()) if !under_way.doomed => break under_way.total,
                Ok(()) => return Err(Error::Forged),
                Err(error) if under_way.doomed || !self.key.must_conceal_errors() => {
                    return Err(open_error(error));
                }
                Err(_) => {
                    under_way = UnderWay { total: under_way.longest, doomed: true, ..under_way };
                    self.under_way = Some(under_way);
                    self.advance(rx, under_way.total)?;
                }
            }
        };
        let tag_len = self.key.tag_len();
        let Some((packet, inflated)) = rx.take_beside_inflated(total) else { return Ok(None) };
        self.under_way = None;
        self.sequence.advance();
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(total).unwrap_or(u64::MAX));
        let text = packet.get(4..total.saturating_sub(tag_len)).unwrap_or_default();
        let (padding, rest) = text.split_first().ok_or(Misbehaviour::Padding)?;
        let padding = usize::from(*padding);
        if padding < PADDING_MIN {
            return Err(Misbehaviour::Padding.into());
        }
        let payload_len = rest.len().checked_sub(padding).ok_or(Misbehaviour::Padding)?;
        let mut payload = rest.get(..payload_len).unwrap_or_default();
        if let Some(inflater) = &mut self.inflater {
            let max = usize::try_from(limit).unwrap_or(usize::MAX);
            inflater.inflate(payload, inflated, max).map_err(Misbehaviour::Compression)?;
            payload = inflated;
        }
        let number = *payload.first().ok_or(Misbehaviour::EmptyPayload)?;
        Ok(Some(Opened { payload, number, sequence }))
    }

    /// From the peer's NEWKEYS on. The sequence number starts again only under strict KEX, compression always.
    pub(crate) fn change_key(&mut self, key: OpeningKey, compression: &'static CompressionAlg, strict: bool) {
        self.key = key;
        self.compression = Some(compression);
        self.inflater = None;
        self.begin_compression();
        self.packets = 0;
        self.bytes = 0;
        if strict {
            self.sequence.reset();
        }
    }

    /// The message that tells of the login was the last one that the peer sent, or nothing else comes from the peer
    /// before it has it.
    pub(crate) fn authenticated(&mut self) {
        self.authenticated_from_new_keys();
        self.begin_compression();
    }

    /// The peer will have the message that tells of the login only after it has sent its NEWKEYS.
    pub(crate) fn authenticated_from_new_keys(&mut self) {
        self.authenticated = true;
    }

    fn begin_compression(&mut self) {
        let due = self.compression.filter(|row| !row.after_auth || self.authenticated);
        if let Some(row) = due.filter(|_| self.inflater.is_none()) {
            self.inflater = row.inflater();
        }
    }

    /// Whether the length of a packet says nothing: its payload can be longer, or what is done may not hang on it before it
    /// is verified.
    pub(crate) fn tells_no_length(&self) -> bool {
        self.inflater.is_some() || self.key.must_conceal_errors()
    }

    pub(crate) fn wrapped(&self) -> bool {
        self.sequence.wrapped()
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(crate) fn sequence(&self) -> Sequence {
        self.sequence
    }

    #[cfg(test)]
    pub(crate) fn set_sequence(&mut self, sequence: Sequence) {
        self.sequence = sequence;
    }
}

fn open_error(error: OpenError) -> Error {
    match error {
        OpenError::Forged => Error::Forged,
        OpenError::Exhausted => Error::KeyUsedUp,
        // Neither can be: lengths are checked, and `expect` and `open` take turns. Of the errors that end a connection
        // this one says the least.
        OpenError::TooShort | OpenError::OutOfTurn => Error::Forged,
    }
}

#[cfg(test)]
mod tests;
