//! Passphrases of PEM: PKCS#8 with PBES2 (RFC 8018 §6.2), and OpenSSL's traditional form.

use core::num::NonZeroU32;

use crypto::Secret;
use ring::pbkdf2;
use zeroize::Zeroizing;

use super::decrypted;
use crate::der::{BadDer, Der};
use crate::key_file::FileError;
use crate::limits::ITERATIONS_MAX;
use crate::openssh::{Wrong, open_aes_cbc};

/// id-PBES2, 1.2.840.113549.1.5.13.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
/// id-PBKDF2, 1.2.840.113549.1.5.12.
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// The arcs that id-hmacWithSHA1 (RFC 8018 B.1.1) and its siblings have before their last, 1.2.840.113549.2.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// The arcs that AES has before the last, 2.16.840.1.101.3.4.1 (RFC 8018 B.2.5).
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// Length in bytes of an AES block.
const BLOCK: usize = 16;

/// Decrypts `EncryptedPrivateKeyInfo`.
pub(super) fn open_pkcs8(passphrase: &Secret, der: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let unknown = |name: &str| FileError::UnknownEncryption { name: name.into() };
    let mut input = Der::whole_sequence(der)?;
    let mut scheme = input.sequence()?;
    let data = input.octets()?;
    input.finish()?;

    if scheme.identifier()? != PBES2 {
        return Err(unknown("a PKCS#8 scheme other than PBES2"));
    }
    let mut parameters = scheme.sequence()?;
    let mut function = parameters.sequence()?;
    let mut cipher = parameters.sequence()?;
    if function.identifier()? != PBKDF2 {
        return Err(unknown("a PKCS#8 key derivation other than PBKDF2"));
    }
    let key_len = match cipher.identifier()?.strip_prefix(AES) {
        Some([2]) => 16,
        Some([22]) => 24,
        Some([42]) => 32,
        _ => return Err(unknown("a PKCS#8 cipher other than AES in CBC mode")),
    };
    let iv = cipher.octets()?;
    let mut function = function.sequence()?;
    let salt = function.octets()?;
    let iterations = function.number()?;
    if function.optional_number()?.is_some_and(|length| usize::try_from(length) != Ok(key_len)) {
        return Err(FileError::BadDer);
    }
    let hmac = match function.optional_sequence()? {
        // RFC 8018 A.2: what is not said is HMAC with SHA-1.
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(mut hmac) => match hmac.identifier()?.strip_prefix(HMAC) {
            Some([7]) => pbkdf2::PBKDF2_HMAC_SHA1,
            Some([9]) => pbkdf2::PBKDF2_HMAC_SHA256,
            Some([10]) => pbkdf2::PBKDF2_HMAC_SHA384,
            Some([11]) => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return Err(unknown("PBKDF2 with a hash other than SHA-1 and SHA-2")),
        },
    };
    let rounds = NonZeroU32::new(iterations).ok_or(BadDer)?;
    if iterations > ITERATIONS_MAX {
        return Err(FileError::iterations(iterations));
    }

    let mut key = Zeroizing::new(vec![0; key_len]);
    pbkdf2::derive(hmac, rounds, salt, passphrase.expose(), &mut key);
    decrypted(open(&key, iv, data))
}

/// The cipher of a traditional file, with what it begins with.
#[derive(Debug)]
pub(super) struct TraditionalCipher {
    name: &'static str,
    key_len: usize,
    iv: [u8; BLOCK],
}

impl TraditionalCipher {
    /// Reads the value of `DEK-Info`: the cipher's name, and in hexadecimal what it begins with.
    pub(super) fn parse(info: &[u8]) -> Result<Self, FileError> {
        let mut parts = info.splitn(2, |byte| *byte == b',');
        let name = parts.next().unwrap_or_default();
        let (name, key_len) = match name {
            b"AES-128-CBC" => ("AES-128-CBC", 16),
            b"AES-192-CBC" => ("AES-192-CBC", 24),
            b"AES-256-CBC" => ("AES-256-CBC", 32),
            other => return Err(FileError::UnknownEncryption { name: super::shown(other) }),
        };
        let iv = parts.next().and_then(hexadecimal).ok_or(FileError::BadBase64)?;
        Ok(Self { name, key_len, iv })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Decrypts with the key that OpenSSL's `EVP_BytesToKey` makes: MD5 of what was hashed before, the passphrase and half
    /// of the first block, again and again, once each.
    pub(super) fn open(&self, passphrase: &Secret, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        let (salt, _) = self.iv.split_at_checked(BLOCK / 2).ok_or(Wrong)?;
        let mut key = Zeroizing::new(Vec::with_capacity(self.key_len.saturating_add(BLOCK)));
        let mut last = Zeroizing::new([0; 16]);
        while key.len() < self.key_len {
            let mut hash = md5::Context::new();
            if !key.is_empty() {
                hash.consume(last.as_slice());
            }
            hash.consume(passphrase.expose());
            hash.consume(salt);
            *last = hash.finalize().0;
            key.extend_from_slice(last.as_slice());
        }
        key.truncate(self.key_len);
        open(&key, &self.iv, data)
    }
}

/// Decrypts AES in CBC mode and takes the padding of RFC 8018 §6.1.1 off: n bytes of n.
fn open(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let mut plain = Zeroizing::new(data.to_vec());
    open_aes_cbc(key, iv, &mut plain)?;
    let padding = usize::from(*plain.last().ok_or(Wrong)?);
    let end = plain.len().checked_sub(padding).ok_or(Wrong)?;
    let padded = plain.get(end..).is_some_and(|pad| pad.iter().all(|byte| usize::from(*byte) == padding));
    if padding == 0 || padding > BLOCK || !padded {
        return Err(Wrong);
    }
    plain.truncate(end);
    Ok(plain)
}

/// A block in hexadecimal digits.
fn hexadecimal(text: &[u8]) -> Option<[u8; BLOCK]> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == BLOCK * 2)?;
    let number = text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u128::from_str_radix(text, 16))?;
    number.ok().map(u128::to_be_bytes)
}
