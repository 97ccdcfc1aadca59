use crypto::{HashAlg, Hasher, SealingKey};
use transport::message::{KexEcdhInit, KexEcdhReply, NewKeys};
use wire::{Bytes, Role};

use crate::{Record, Suite, Treatment, host_key, null_signature, payload};

/// The other end: it has bytes to send and, after [`rekeyed`](Self::rekeyed), the right key to seal them with.
pub struct Peer {
    role: Role,
    seal: SealingKey,
    sequence: u32,
    out: Vec<u8>,
}

impl Peer {
    /// A peer in this role that has sent nothing.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self { role, seal: SealingKey::none(), sequence: 0, out: Vec::with_capacity(4096) }
    }

    /// What it wants sent.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends a payload in an honest packet.
    pub fn send(&mut self, payload: &[u8]) {
        frame(&mut self.seal, self.sequence, payload, &mut self.out);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Sends what a record says.
    pub fn play(&mut self, record: Record<'_>) {
        match record.treatment {
            Treatment::Framed | Treatment::AfterWaiting => self.send(record.bytes),
            Treatment::Raw => self.out.extend_from_slice(record.bytes),
            Treatment::Damaged => {
                let Some((at, payload)) = record.bytes.split_at_checked(2) else { return };
                let start = self.out.len();
                self.send(payload);
                let packet = &mut self.out[start..];
                let bit = usize::from(u16::from_le_bytes([at[0], at[1]])) % (packet.len() * 8);
                packet[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    /// Sends identification and its whole part of an exchange by the null method, without waiting for anything.
    pub fn exchange(&mut self, suite: &Suite) {
        self.out.extend_from_slice(b"SSH-2.0-fuzz\r\n");
        self.send(&suite.kexinit(self.role));
        let public = Bytes(&[]);
        match self.role {
            Role::Client => self.send(&payload(&KexEcdhInit { client_public: public })),
            Role::Server => self.send(&payload(&KexEcdhReply {
                host_key: Bytes(&host_key().public().blob()),
                server_public: public,
                signature: Bytes(&null_signature()),
            })),
        }
        self.send(&payload(&NewKeys {}));
        // Strict KEX: the other side lists the marker too.
        self.sequence = 0;
    }

    /// Uses the keys that the null method gives for this session id.
    ///
    /// # Panics
    /// When the derived keys do not fit the suite.
    pub fn rekeyed(&mut self, suite: &Suite, session_id: &[u8]) {
        let letters = if self.role == Role::Client { *b"ACE" } else { *b"BDF" };
        let part = |letter: u8, length: usize| {
            let mut out: Vec<u8> = Vec::new();
            while out.len() < length {
                let mut hasher = Hasher::new(HashAlg::Sha256);
                // K, which is the mpint 0.
                hasher.update(&[0; 4]);
                hasher.update(session_id);
                if out.is_empty() {
                    hasher.update(&[letter]);
                    hasher.update(session_id);
                } else {
                    hasher.update(&out);
                }
                out.extend_from_slice(hasher.finish().as_slice());
            }
            out.truncate(length);
            out
        };
        let iv = part(letters[0], suite.cipher.iv_len);
        let key = part(letters[1], suite.cipher.key_len);
        let mac = part(letters[2], suite.mac.map_or(0, |mac| mac.key_len));
        self.seal = SealingKey::new(suite.cipher, suite.mac, &iv, &key, &mac).expect("derived to fit");
    }
}

/// Appends the packet of a payload (RFC 4253 §6), sealed.
///
/// # Panics
/// When the key refuses, which an honest packet gives it no reason for.
pub fn frame(seal: &mut SealingKey, sequence: u32, payload: &[u8], out: &mut Vec<u8>) {
    let block = seal.block_len();
    let counted = payload.len() + 1 + if seal.length_outside_blocks() { 0 } else { 4 };
    let mut padding = block - counted % block;
    if padding < 4 {
        padding += block;
    }
    let start = out.len();
    let length = u32::try_from(payload.len() + 1 + padding).expect("a small payload");
    out.extend_from_slice(&length.to_be_bytes());
    out.push(u8::try_from(padding).expect("less than two blocks"));
    out.extend_from_slice(payload);
    out.resize(out.len() + padding + seal.tag_len(), 0);
    seal.seal(sequence, &mut out[start..]).expect("an honest packet");
}
