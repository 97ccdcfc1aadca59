//! The table of MACs (RFC 4253 §6.4), for ciphers that do not authenticate by themselves.

use crate::Status;

/// A MAC, as negotiation and key derivation see it.
#[derive(Debug)]
pub struct MacAlg {
    /// Its name in negotiation.
    pub name: &'static str,
    /// Bytes of integrity key that it takes from key derivation.
    pub key_len: usize,
    /// Bytes of tag after each packet.
    pub tag_len: usize,
    /// Encrypt-then-MAC: the length is sent in the clear, and the tag covers the ciphertext. Otherwise the tag covers
    /// the plaintext, and the length is encrypted with it (RFC 4253 §6.4).
    pub etm: bool,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    pub(crate) kind: MacKind,
}

/// What a MAC is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacKind {
    HmacSha256,
    HmacSha512,
}

/// All MACs, in OpenSSH's order of preference.
pub static MACS: &[MacAlg] = &[
    MacAlg {
        name: "hmac-sha2-256-etm@openssh.com",
        key_len: 32,
        tag_len: 32,
        etm: true,
        status: Status::Default,
        reference: "RFC 6668, OpenSSH PROTOCOL §1.5",
        kind: MacKind::HmacSha256,
    },
    MacAlg {
        name: "hmac-sha2-512-etm@openssh.com",
        key_len: 64,
        tag_len: 64,
        etm: true,
        status: Status::Default,
        reference: "RFC 6668, OpenSSH PROTOCOL §1.5",
        kind: MacKind::HmacSha512,
    },
    MacAlg {
        name: "hmac-sha2-256",
        key_len: 32,
        tag_len: 32,
        etm: false,
        status: Status::Default,
        reference: "RFC 6668 §2",
        kind: MacKind::HmacSha256,
    },
    MacAlg {
        name: "hmac-sha2-512",
        key_len: 64,
        tag_len: 64,
        etm: false,
        status: Status::Default,
        reference: "RFC 6668 §2",
        kind: MacKind::HmacSha512,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn every_row_is_within_the_limits_and_has_its_own_name() {
        for (index, row) in MACS.iter().enumerate() {
            assert!(row.key_len <= limits::MAX_MAC_KEY_LEN, "{}", row.name);
            assert!((1..=limits::MAX_TAG_LEN).contains(&row.tag_len), "{}", row.name);
            assert_eq!(row.etm, row.name.contains("-etm@"), "{}", row.name);
            assert_ne!(row.status, Status::Insecure, "{}", row.name);
            assert!(MACS.iter().skip(index + 1).all(|other| other.name != row.name), "{}", row.name);
        }
    }
}
