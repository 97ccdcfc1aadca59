//! Packets on their way out (RFC 4253 §6), and the gate that holds them back during a key exchange.

use crypto::{CompressionAlg, Deflater, SealingKey};
use wire::{Message, SliceSink, encoded_len};
use zeroize::Zeroizing;

use crate::limits::{FRAME_PAYLOAD_MAX, PADDING_MIN, PLAIN_MIN};
use crate::outbuf::OutBuf;
use crate::replies::Replies;
use crate::sequence::Sequence;

/// What puts packets together: the key of our direction and what it has done so far.
pub(crate) struct Outbound {
    key: SealingKey,
    sequence: Sequence,
    /// Packets and bytes that this key sealed.
    packets: u64,
    bytes: u64,
    /// Packets under this key that were neither part of the exchange nor waiting for it: what a key was made for.
    used: u64,
    packets_max: u64,
    buf: OutBuf,
    replies: Replies,
    compression: Option<&'static CompressionAlg>,
    /// Compresses all payloads, where that was agreed on and has begun.
    deflater: Option<Deflater>,
    /// What a payload is written into when it is to be compressed: plaintext, so all that was ever here is overwritten.
    plain: Zeroizing<Vec<u8>>,
    authenticated: Authenticated,
    /// Closed from our KEXINIT to our NEWKEYS: then only messages of the exchange pass (RFC 4253 §7.1).
    gate_open: bool,
    /// The key may not be used any more; nothing is sent from then on.
    used_up: bool,
}

/// Whether the message that tells of the login was sent or received, behind which delayed compression begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authenticated {
    No,
    /// It waits for the gate, as the last of this many messages.
    Waits(usize),
    Yes,
}

/// Bytes before a payload: the packet's length and the padding's.
pub(crate) const HEADER_LEN: usize = 5;

impl Outbound {
    pub(crate) fn new(packets_max: u64) -> Self {
        Self {
            key: SealingKey::none(),
            sequence: Sequence::default(),
            packets: 0,
            bytes: 0,
            used: 0,
            packets_max,
            buf: OutBuf::default(),
            replies: Replies::default(),
            compression: None,
            deflater: None,
            plain: Zeroizing::default(),
            authenticated: Authenticated::No,
            gate_open: false,
            used_up: false,
        }
    }

    /// Puts bytes that are no packet: the identification.
    pub(crate) fn put_plain(&mut self, bytes: &[u8]) {
        self.buf.room(bytes.len()).copy_from_slice(bytes);
        self.buf.filled(bytes.len());
    }

    /// Sends a message, or lets it wait for the gate.
    pub(crate) fn send<M: Message>(&mut self, message: &M) {
        if self.gate_open {
            self.used = self.used.saturating_add(1);
            self.pass(message);
        } else {
            self.replies.push(message);
        }
    }

    /// Sends a message whether or not the gate is open.
    pub(crate) fn pass<M: Message>(&mut self, message: &M) {
        let length = encoded_len(message);
        message.encode(&mut SliceSink::new(self.payload_room(length)));
        self.put(length);
    }

    /// Sends a payload whether or not the gate is open.
    pub(crate) fn pass_payload(&mut self, payload: &[u8]) {
        let room = self.payload_room(payload.len());
        if room.len() == payload.len() {
            room.copy_from_slice(payload);
        }
        self.put(payload.len());
    }

    /// Room for a payload of `payload_max` bytes. After it was filled comes [`commit`](Self::commit).
    pub(crate) fn payload_room(&mut self, payload_max: usize) -> &mut [u8] {
        if self.deflater.is_some() {
            return self.plain_room(payload_max);
        }
        let room = self.buf.room(packet_len(&self.key, payload_max));
        room.get_mut(HEADER_LEN..HEADER_LEN.saturating_add(payload_max)).unwrap_or_default()
    }

    /// Seals the first `payload_len` bytes of [`payload_room`](Self::payload_room), with nothing sent in between.
    pub(crate) fn commit(&mut self, payload_len: usize) {
        self.used = self.used.saturating_add(1);
        self.put(payload_len);
    }

    /// Room for a payload that is to be compressed. It grows by hand: a vector that grows by itself leaves its old
    /// contents behind.
    fn plain_room(&mut self, payload_max: usize) -> &mut [u8] {
        if self.plain.len() < payload_max {
            let grown =
                payload_max.max(PLAIN_MIN).max(self.plain.len().saturating_mul(2).min(FRAME_PAYLOAD_MAX));
            self.plain = Zeroizing::new(vec![0; grown]);
        }
        self.plain.get_mut(..payload_max).unwrap_or_default()
    }

    /// Makes a packet of the first `payload_len` bytes of [`payload_room`](Self::payload_room).
    fn put(&mut self, payload_len: usize) {
        let Some(deflater) = &mut self.deflater else { return self.seal(payload_len) };
        let room = Deflater::room_for(payload_len);
        let packet = self.buf.room(packet_len(&self.key, room));
        let deflated = packet.get_mut(HEADER_LEN..HEADER_LEN.saturating_add(room)).unwrap_or_default();
        match deflater.deflate(self.plain.get(..payload_len).unwrap_or_default(), deflated) {
            Ok(deflated_len) => self.seal(deflated_len),
            // It has all the room that it can need. If that were wrong, the peer could follow no further.
            Err(crypto::NoRoom) => self.used_up = true,
        }
    }

    /// Seals the payload that stands in the buffer's room behind the header.
    fn seal(&mut self, payload_len: usize) {
        if self.used_up || self.packets >= self.packets_max {
            self.used_up = true;
            return;
        }
        let padding = padding_len(&self.key, payload_len);
        let whole = packet_len(&self.key, payload_len);
        let tag_len = self.key.tag_len();
        let packet = self.buf.room(whole);
        let padding_start = HEADER_LEN.saturating_add(payload_len);
        let length = whole.saturating_sub(4).saturating_sub(tag_len);
        if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
            let [l0, l1, l2, l3] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
            *header = [l0, l1, l2, l3, u8::try_from(padding).unwrap_or(u8::MAX)];
        }
        // RFC 4253 §6 would have random padding. It was to help ciphers that leak equal plaintext. No mode here does:
        // under CBC a block depends on all that came before it, and whoever waits for two blocks to collide knows plaintext
        // enough without the padding's. Before the keys there is nothing to hide. Random bytes would cost more than sealing.
        if let Some(padding) = packet.get_mut(padding_start..padding_start.saturating_add(padding)) {
            padding.fill(0);
        }
        if self.key.seal(self.sequence.next(), packet).is_err() {
            self.used_up = true;
            return;
        }
        self.sequence.advance();
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
        self.buf.filled(whole);
    }

    /// From our NEWKEYS on. Compression starts anew with each key.
    pub(crate) fn change_key(&mut self, key: SealingKey, compression: &'static CompressionAlg, strict: bool) {
        self.key = key;
        self.compression = Some(compression);
        self.deflater = None;
        self.begin_compression();
        self.packets = 0;
        self.bytes = 0;
        self.used = 0;
        if strict {
            self.sequence.reset();
        }
    }

    pub(crate) fn close_gate(&mut self) {
        self.gate_open = false;
    }

    /// Opens the gate and sends what waited for it.
    pub(crate) fn open_gate(&mut self) {
        self.gate_open = true;
        let waiting = self.replies.take();
        for payload in Replies::payloads(&waiting) {
            self.pass_payload(payload);
            if let Authenticated::Waits(ahead) = &mut self.authenticated {
                *ahead = ahead.saturating_sub(1);
                if *ahead == 0 {
                    self.authenticated();
                }
            }
        }
    }

    /// The message that tells of the login was the last one that was sent, or has been received.
    pub(crate) fn authenticated(&mut self) {
        self.authenticated = Authenticated::Yes;
        self.begin_compression();
    }

    /// The message that tells of the login was the last one that was given to [`send`](Self::send).
    pub(crate) fn authenticated_behind_what_waits(&mut self) {
        match Replies::payloads(self.replies.waiting()).count() {
            0 => self.authenticated(),
            waiting => self.authenticated = Authenticated::Waits(waiting),
        }
    }

    fn begin_compression(&mut self) {
        let due = self.compression.filter(|row| !row.after_auth || self.authenticated == Authenticated::Yes);
        if let Some(row) = due.filter(|_| self.deflater.is_none()) {
            self.deflater = row.deflater();
        }
    }

    /// Gives memory back, for connections that are idle.
    pub(crate) fn release(&mut self) {
        self.buf.release();
        self.plain = Zeroizing::default();
        if let Some(deflater) = &mut self.deflater {
            deflater.release();
        }
    }

    /// Nothing more will be sent but what is sealed.
    pub(crate) fn shut(&mut self) {
        self.gate_open = false;
        self.replies.wipe();
    }

    /// Whether data and messages may be sent. Under a used-up key they would be lost.
    pub(crate) fn gate_open(&self) -> bool {
        self.gate_open && !self.used_up
    }

    pub(crate) fn used_up(&self) -> bool {
        self.used_up
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Most bytes of a packet with such a payload, from its length to its tag.
    pub(crate) fn packet_len(&self, payload_len: usize) -> usize {
        let deflates = self.deflater.is_some();
        packet_len(&self.key, if deflates { Deflater::room_for(payload_len) } else { payload_len })
    }

    /// Bytes of payloads that wait for the gate.
    pub(crate) fn waiting(&self) -> usize {
        self.replies.len()
    }

    #[cfg(test)]
    pub(crate) fn sequence(&self) -> Sequence {
        self.sequence
    }

    #[cfg(test)]
    pub(crate) fn set_sequence(&mut self, sequence: Sequence) {
        self.sequence = sequence;
    }

    pub(crate) fn buf(&self) -> &OutBuf {
        &self.buf
    }

    pub(crate) fn buf_mut(&mut self) -> &mut OutBuf {
        &mut self.buf
    }
}

/// Bytes of padding: at least four, and up to a whole number of blocks (RFC 4253 §6).
fn padding_len(key: &SealingKey, payload_len: usize) -> usize {
    let header = if key.length_outside_blocks() { 1 } else { HEADER_LEN };
    let least = payload_len.saturating_add(header).saturating_add(PADDING_MIN);
    let over = least.checked_rem(key.block_len()).unwrap_or_default();
    let fill = if over == 0 { 0 } else { key.block_len().saturating_sub(over) };
    PADDING_MIN.saturating_add(fill)
}

/// Bytes of a packet with such a payload, from its length to its tag.
fn packet_len(key: &SealingKey, payload_len: usize) -> usize {
    payload_len
        .saturating_add(HEADER_LEN)
        .saturating_add(padding_len(key, payload_len))
        .saturating_add(key.tag_len())
}
