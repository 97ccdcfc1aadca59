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

/// What a MAC is made of. Which UMAC it is, the length of its tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacKind {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    Umac,
}

/// All MACs, in OpenSSH's order of preference.
pub static MACS: &[MacAlg] = &[
    etm("umac-64-etm@openssh.com", UMAC_64),
    etm("umac-128-etm@openssh.com", UMAC_128),
    etm("hmac-sha2-256-etm@openssh.com", HMAC_SHA2_256),
    etm("hmac-sha2-512-etm@openssh.com", HMAC_SHA2_512),
    etm("hmac-sha1-etm@openssh.com", HMAC_SHA1),
    UMAC_64,
    UMAC_128,
    HMAC_SHA2_256,
    HMAC_SHA2_512,
    HMAC_SHA1,
];

const UMAC_64: MacAlg = MacAlg {
    name: "umac-64@openssh.com",
    key_len: 16,
    tag_len: 8,
    etm: false,
    status: Status::Default,
    reference: "RFC 4418, draft-miller-secsh-umac-01",
    kind: MacKind::Umac,
};

const UMAC_128: MacAlg = MacAlg { name: "umac-128@openssh.com", tag_len: 16, ..UMAC_64 };

const HMAC_SHA2_256: MacAlg = MacAlg {
    name: "hmac-sha2-256",
    key_len: 32,
    tag_len: 32,
    etm: false,
    status: Status::Default,
    reference: "RFC 6668 §2",
    kind: MacKind::HmacSha256,
};

const HMAC_SHA2_512: MacAlg =
    MacAlg { name: "hmac-sha2-512", key_len: 64, tag_len: 64, kind: MacKind::HmacSha512, ..HMAC_SHA2_256 };

const HMAC_SHA1: MacAlg = MacAlg {
    name: "hmac-sha1",
    key_len: 20,
    tag_len: 20,
    etm: false,
    status: Status::Insecure,
    reference: "RFC 4253 §6.4",
    kind: MacKind::HmacSha1,
};

/// The form of `mac` that tags the ciphertext. What is tagged with, the row of the same name without `-etm` says.
const fn etm(name: &'static str, mac: MacAlg) -> MacAlg {
    MacAlg { name, etm: true, reference: "OpenSSH PROTOCOL §1.5", ..mac }
}

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
            let insecure = row.status == Status::Insecure;
            assert_eq!(insecure, row.name.contains("sha1"), "{}", row.name);
            assert!(MACS.iter().skip(index + 1).all(|other| other.name != row.name), "{}", row.name);
        }
    }
}
