//! The table of ciphers (RFC 4253 §6.3).

use crate::Status;

/// A cipher, as negotiation and key derivation see it. Keys of it are made by [`crate::SealingKey::new`] and
/// [`crate::OpeningKey::new`].
#[derive(Debug)]
pub struct CipherAlg {
    /// Its name in negotiation.
    pub name: &'static str,
    /// Bytes of encryption key that it takes from key derivation.
    pub key_len: usize,
    /// Bytes of initial vector that it takes from key derivation.
    pub iv_len: usize,
    /// The unit in bytes that packets are padded to; at least 8 (RFC 4253 §6).
    pub block_len: usize,
    /// Bytes of tag after each packet where the cipher authenticates by itself, else 0.
    pub tag_len: usize,
    /// Bytes of key that somebody would have to guess: some keys are longer than they are strong. A key exchange should be
    /// as strong.
    pub strength: usize,
    /// Whether it wants no MAC beside it, so that the negotiated one is ignored.
    pub aead: bool,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    pub(crate) kind: CipherKind,
}

/// What a cipher is made of. Which AES it is, the length of the key says; in CBC mode a block of 8 bytes is triple DES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CipherKind {
    Null,
    ChaCha20Poly1305,
    AesGcm,
    AesCtr,
    Cbc,
}

/// All ciphers, in OpenSSH's order of preference.
pub static CIPHERS: &[CipherAlg] = &[
    CipherAlg {
        name: "chacha20-poly1305@openssh.com",
        key_len: 64,
        strength: 32,
        iv_len: 0,
        block_len: 8,
        tag_len: 16,
        aead: true,
        status: Status::Default,
        reference: "OpenSSH PROTOCOL.chacha20poly1305, draft-ietf-sshm-chacha20-poly1305",
        kind: CipherKind::ChaCha20Poly1305,
    },
    CipherAlg {
        name: "aes128-gcm@openssh.com",
        key_len: 16,
        strength: 16,
        iv_len: 12,
        block_len: 16,
        tag_len: 16,
        aead: true,
        status: Status::Default,
        reference: "RFC 5647, OpenSSH PROTOCOL §1.6",
        kind: CipherKind::AesGcm,
    },
    CipherAlg {
        name: "aes256-gcm@openssh.com",
        key_len: 32,
        strength: 32,
        iv_len: 12,
        block_len: 16,
        tag_len: 16,
        aead: true,
        status: Status::Default,
        reference: "RFC 5647, OpenSSH PROTOCOL §1.6",
        kind: CipherKind::AesGcm,
    },
    ctr("aes128-ctr", 16),
    ctr("aes192-ctr", 24),
    ctr("aes256-ctr", 32),
    cbc("aes128-cbc", 16, 16),
    cbc("aes192-cbc", 24, 16),
    cbc("aes256-cbc", 32, 16),
    // 112 bits of strength, whoever has some memory (NIST SP 800-57 part 1, table 2).
    CipherAlg { strength: 14, ..cbc("3des-cbc", 24, 8) },
];

const fn ctr(name: &'static str, key_len: usize) -> CipherAlg {
    CipherAlg {
        name,
        key_len,
        strength: key_len,
        iv_len: 16,
        block_len: 16,
        tag_len: 0,
        aead: false,
        status: Status::Default,
        reference: "RFC 4344 §4",
        kind: CipherKind::AesCtr,
    }
}

const fn cbc(name: &'static str, key_len: usize, block_len: usize) -> CipherAlg {
    CipherAlg {
        name,
        key_len,
        strength: key_len,
        iv_len: block_len,
        block_len,
        tag_len: 0,
        aead: false,
        status: Status::Insecure,
        reference: "RFC 4253 §6.3",
        kind: CipherKind::Cbc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn every_row_is_within_the_limits_and_has_its_own_name() {
        for (index, row) in CIPHERS.iter().enumerate() {
            assert!(row.key_len <= limits::MAX_KEY_LEN, "{}", row.name);
            assert!((14..=row.key_len).contains(&row.strength), "{}", row.name);
            assert!(row.iv_len <= limits::MAX_IV_LEN, "{}", row.name);
            assert!(row.tag_len <= limits::MAX_TAG_LEN, "{}", row.name);
            assert!((8..=limits::MAX_BLOCK_LEN).contains(&row.block_len), "{}", row.name);
            assert_eq!(row.aead, row.tag_len > 0, "{}", row.name);
            let insecure = row.status == Status::Insecure;
            assert_eq!(insecure, row.name.ends_with("-cbc"), "{}", row.name);
            assert!(CIPHERS.iter().skip(index + 1).all(|other| other.name != row.name), "{}", row.name);
        }
    }
}
