//! The server's host keys, of which a client knows one: it is told of the others, and may ask for proof.

use connection::GlobalRequest;
use keys::{Certificate, PublicKey};
use proto::{Connection, Server};
use wire::{Message, row};

use crate::protocol::monitor::{MONITOR, PROVEN_MAX, Prove};
use crate::protocol::{join, split};

use super::limits::ANNOUNCED;

/// The plain ones.
pub(super) struct HostKeys {
    blobs: Vec<Vec<u8>>,
    /// How often the monitor may still be asked.
    left: u32,
}

impl HostKeys {
    /// Those of them that are no certificates.
    pub(super) fn new(all: &[Vec<u8>]) -> Self {
        let plain = |blob: &&Vec<u8>| {
            PublicKey::type_of(blob).is_ok_and(|key_type| !Certificate::is_type(key_type.as_str()))
        };
        let left = row(MONITOR, Prove::NUMBER).map_or(0, |row| row.phase.most);
        Self { blobs: all.iter().filter(plain).cloned().collect(), left }
    }

    /// Tells the client of all of them (`hostkeys-00@openssh.com`), if they fit: a client forgets those of which it is not told. Says
    /// whether they do.
    pub(super) fn announce(&self, connection: &mut Connection<Server>) -> Result<bool, proto::Misuse> {
        let keys = join(self.blobs.iter().map(Vec::as_slice));
        if keys.len() > ANNOUNCED {
            return Ok(false);
        }
        connection.global(&GlobalRequest::HostKeys { keys: &keys }, false, 0)?;
        Ok(true)
    }

    /// Whether the monitor is to be asked for proof of these keys: ours, each once, and not too often.
    pub(super) fn may_prove(&mut self, keys: &[u8]) -> bool {
        let Ok(asked) = split(keys) else { return false };
        let ours = |blob: &&[u8]| self.blobs.iter().any(|own| own == blob);
        let once =
            asked.iter().enumerate().all(|(index, blob)| asked.iter().take(index).all(|other| other != blob));
        let good = (1..=PROVEN_MAX).contains(&asked.len()) && asked.iter().all(ours) && once;
        let left = if good { self.left.checked_sub(1) } else { None };
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use keys::PrivateKey;

    use super::*;

    fn blob(seed: u8) -> Vec<u8> {
        PrivateKey::from_seed(&[seed; 32]).public().blob()
    }

    #[test]
    fn proof_is_asked_for_of_our_own_keys_each_once_and_so_often() {
        let (one, two, other) = (blob(1), blob(2), blob(3));
        let mut keys = HostKeys::new(&[one.clone(), two.clone()]);
        for asked in [&[&other[..]][..], &[&one, &one], &[&one, &other], &[], &[b""]] {
            assert!(!keys.may_prove(&join(asked.iter().copied())));
        }
        assert!(!keys.may_prove(&[0, 0, 0, 9, 1]));
        let both = join([&two[..], &one]);
        let granted = (0..100).filter(|_| keys.may_prove(&both)).count();
        assert_eq!(granted, 16, "what was refused does not count");
    }

    #[test]
    fn certificates_are_not_told() {
        let mut certificate = Vec::new();
        wire::put_string(&mut certificate, b"ssh-ed25519-cert-v01@openssh.com");
        let keys = HostKeys::new(&[blob(1), certificate]);
        assert_eq!(keys.blobs, [blob(1)]);
    }
}
