use std::time::Duration;

use crypto::CipherAlg;

use crate::limits::{REKEY_OVERSHOOT, REKEY_PACKETS};

/// When keys are replaced. By default as OpenSSH does it: as the cipher's block size calls for, and not by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyPolicy {
    /// Bytes in either direction; never more than the cipher should protect.
    pub bytes: Option<u64>,
    /// Packets in either direction; never more than [`REKEY_PACKETS`](crate::limits::REKEY_PACKETS).
    pub packets: u64,
    /// Time since the keys came into use.
    pub interval: Option<Duration>,
}

impl Default for RekeyPolicy {
    fn default() -> Self {
        Self { bytes: None, packets: REKEY_PACKETS, interval: None }
    }
}

/// What one direction has done under its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
}

impl RekeyPolicy {
    /// Bytes that `cipher` should protect under one key: RFC 4344 §3.2 has 2^(L/4) blocks of L bits for blocks of 128
    /// bits and more, and 1 GiB for smaller ones.
    fn bytes_for(&self, cipher: &CipherAlg) -> u64 {
        let block = u64::try_from(cipher.block_len).unwrap_or(u64::MAX);
        let cap = if block >= 16 { block.saturating_mul(1 << 32) } else { 1 << 30 };
        self.bytes.map_or(cap, |bytes| bytes.min(cap))
    }

    /// The points at which keys of these ciphers are replaced, for what we send and for what the peer sends.
    pub(crate) fn points(&self, sent: &CipherAlg, received: &CipherAlg) -> RekeyPoints {
        let packets = self.packets.min(REKEY_PACKETS);
        RekeyPoints {
            sent: Volume { bytes: self.bytes_for(sent), packets },
            received: Volume { bytes: self.bytes_for(received), packets },
        }
    }
}

/// What a [`RekeyPolicy`] comes to under the keys in use. It is looked at for every packet, so it is computed once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RekeyPoints {
    sent: Volume,
    received: Volume,
}

impl RekeyPoints {
    /// Whether what was sent calls for other keys.
    pub(crate) fn due_by_sent(&self, sent: Volume) -> bool {
        sent.bytes >= self.sent.bytes || sent.packets >= self.sent.packets
    }

    /// Whether what was received calls for other keys. While nothing of ours went out under our key this waits a
    /// little, so that a peer that keeps our input full cannot keep our output shut.
    pub(crate) fn due_by_received(&self, received: Volume, used: bool) -> bool {
        let slack = if used { 0 } else { REKEY_OVERSHOOT };
        received.bytes >= self.received.bytes.saturating_add(slack)
            || received.packets >= self.received.packets.saturating_add(slack >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::CIPHERS;

    fn cipher(name: &str) -> &'static CipherAlg {
        CIPHERS.iter().find(|row| row.name == name).unwrap()
    }

    #[test]
    fn the_default_is_by_block_size_as_openssh_has_it() {
        let policy = RekeyPolicy::default();
        assert_eq!(policy.bytes_for(cipher("chacha20-poly1305@openssh.com")), 1 << 30);
        assert_eq!(policy.bytes_for(cipher("aes128-gcm@openssh.com")), 64 << 30);
        assert_eq!(policy.bytes_for(cipher("aes256-ctr")), 64 << 30);
    }

    #[test]
    fn a_configured_volume_cannot_exceed_the_ciphers() {
        let policy = RekeyPolicy { bytes: Some(u64::MAX), packets: u64::MAX, interval: None };
        assert_eq!(policy.bytes_for(cipher("aes128-gcm@openssh.com")), 64 << 30);
        let sent = Volume { bytes: 0, packets: REKEY_PACKETS };
        let row = cipher("aes256-ctr");
        assert!(policy.points(row, row).due_by_sent(sent));
    }

    #[test]
    fn received_volume_waits_until_something_was_sent_but_not_for_ever() {
        let policy = RekeyPolicy { bytes: Some(16), ..RekeyPolicy::default() };
        let points = policy.points(cipher("chacha20-poly1305@openssh.com"), cipher("aes256-ctr"));
        let received = |bytes| Volume { bytes, packets: 1 };
        assert!(!points.due_by_received(received(15), true));
        assert!(points.due_by_received(received(16), true));
        assert!(!points.due_by_received(received(16), false));
        assert!(points.due_by_received(received(16 + REKEY_OVERSHOOT), false));
    }
}
