//! Groups that the server chooses (RFC 4419): which are asked for, and which will do.

use crypto::limits::{MAX_GROUP_BITS, MIN_GROUP_BITS};
use crypto::{CipherAlg, Group};
use wire::{Encode, Mpint, Role, Sink};

use crate::ident::software;
use crate::message::KexDhGexRequest;
use crate::negotiate::Agreed;
use crate::quirks;

/// The sizes of a group, as lengths of its prime in bits, that somebody asks for (RFC 4419 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRequest {
    /// The smallest that will do.
    pub min: u32,
    /// The size that is wanted.
    pub preferred: u32,
    /// The largest that will do.
    pub max: u32,
}

impl GroupRequest {
    /// What a client asks a server with this identification for: as large as the algorithms on top of the exchange are strong, by
    /// OpenSSH's rule, and as the server can.
    pub(crate) fn for_strength_of(agreed: &Agreed, server_ident: &[u8]) -> Self {
        let strengths = [Role::Client, Role::Server].map(|sender| {
            let protection = agreed.protection.sent_by(sender);
            let mac = protection.mac.map_or(0, |mac| mac.key_len);
            strength(protection.cipher).max(mac)
        });
        let preferred = match strengths.into_iter().max().unwrap_or_default() {
            0..=14 => 2048,
            15..=16 => 3072,
            17..=24 => 7680,
            _ => MAX_GROUP_BITS,
        };
        let preferred =
            quirks::group_bits(software(server_ident)).map_or(preferred, |most| preferred.min(most));
        Self { min: MIN_GROUP_BITS, preferred, max: MAX_GROUP_BITS }
    }

    /// What a server looks for when a client asks for this: the sizes that it gives at all. Nothing, when the client asks
    /// for none of these, or says a least size that is not the least.
    #[must_use]
    pub fn within_limits(self) -> Option<Self> {
        let ordered = |sizes: &Self| sizes.min <= sizes.preferred && sizes.preferred <= sizes.max;
        let (least, most) = (MIN_GROUP_BITS, MAX_GROUP_BITS);
        let sizes = Self {
            min: self.min.max(least),
            preferred: self.preferred.clamp(least, most),
            max: self.max.min(most),
        };
        (ordered(&self) && ordered(&sizes)).then_some(sizes)
    }

    /// Whether a prime of so many bits will do.
    #[must_use]
    pub fn admits(&self, bits: u32) -> bool {
        (self.min..=self.max).contains(&bits)
    }

    pub(crate) fn message(self) -> KexDhGexRequest {
        KexDhGexRequest { min: self.min, preferred: self.preferred, max: self.max }
    }
}

impl From<KexDhGexRequest> for GroupRequest {
    fn from(message: KexDhGexRequest) -> Self {
        Self { min: message.min, preferred: message.preferred, max: message.max }
    }
}

/// Bytes of strength that a cipher needs of the exchange: nothing that is derived for it may be guessed more easily.
fn strength(cipher: &CipherAlg) -> usize {
    cipher.strength.max(cipher.block_len).max(cipher.iv_len)
}

/// What a group that the server chose adds to the exchange hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPart {
    /// What the client asked for, in its own numbers.
    pub request: GroupRequest,
    /// What the server gave.
    pub group: Group,
}

/// min || n || max || p || g (RFC 4419 §3).
impl Encode for GroupPart {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        for size in [self.request.min, self.request.preferred, self.request.max] {
            size.encode(out);
        }
        for number in [self.group.prime(), self.group.generator()] {
            Mpint::from_magnitude(number).encode(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::Directions;
    use crate::negotiate::Protection;

    fn request(min: u32, preferred: u32, max: u32) -> GroupRequest {
        GroupRequest { min, preferred, max }
    }

    #[test]
    fn a_server_looks_for_what_it_gives_at_all() {
        for (asked, looked_for) in [
            ((2048, 3072, 8192), Some((2048, 3072, 8192))),
            ((1024, 1024, 8192), Some((2048, 2048, 8192))),
            ((1, 1, 2048), Some((2048, 2048, 2048))),
            ((0, 5000, u32::MAX), Some((2048, 5000, 8192))),
            ((2048, u32::MAX, u32::MAX), Some((2048, 8192, 8192))),
            ((8192, 8192, 9000), Some((8192, 8192, 8192))),
            // The least is more than the most, what is wanted is not between them, or all is too small or too large.
            ((4096, 4096, 3072), None),
            ((3072, 2048, 4096), None),
            ((2048, 4096, 3072), None),
            ((1024, 1024, 2047), None),
            ((0, 0, 0), None),
            ((8193, 9000, 9000), None),
            ((u32::MAX, u32::MAX, u32::MAX), None),
        ] {
            let found = request(asked.0, asked.1, asked.2).within_limits();
            assert_eq!(found, looked_for.map(|(min, wanted, max)| request(min, wanted, max)), "{asked:?}");
        }
    }

    #[test]
    fn a_client_asks_for_what_its_algorithms_need_as_openssh_does() {
        let row = |name: &str| crypto::CIPHERS.iter().find(|row| row.name == name).unwrap();
        let mac = |name: &str| crypto::MACS.iter().find(|row| row.name == name).unwrap();
        for (cipher, of_mac, preferred) in [
            ("aes128-gcm@openssh.com", None, 3072),
            ("aes256-gcm@openssh.com", None, 8192),
            ("chacha20-poly1305@openssh.com", None, 8192),
            ("aes128-ctr", Some("hmac-sha2-256"), 8192),
            ("aes192-ctr", Some("hmac-sha2-512"), 8192),
            ("aes192-cbc", Some("umac-64@openssh.com"), 7680),
            // By its strength and not by its length, which would be 192 bits.
            ("3des-cbc", Some("umac-64@openssh.com"), 3072),
        ] {
            let here = Protection {
                cipher: row(cipher),
                mac: of_mac.map(mac),
                compression: &crypto::COMPRESSIONS[0],
            };
            let weak = Protection { cipher: row("aes128-gcm@openssh.com"), mac: None, ..here };
            // The stronger direction decides.
            for protection in [
                Directions { client_to_server: here, server_to_client: weak },
                Directions { client_to_server: weak, server_to_client: here },
            ] {
                let agreed = Agreed {
                    kex: &crypto::KEX[0],
                    host_key: keys::SignatureAlg::by_name("ssh-ed25519").unwrap(),
                    protection,
                };
                let asked = GroupRequest::for_strength_of(&agreed, b"SSH-2.0-x");
                assert_eq!(asked, request(2048, preferred, 8192), "{cipher}");
                assert_eq!(asked.within_limits(), Some(asked));
            }
        }
    }
}
