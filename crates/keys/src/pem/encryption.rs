//! Passphrases of PEM: PKCS#8 with PBES2 (RFC 8018 §6.2), and OpenSSL's traditional form.

use core::num::NonZeroU32;

use crypto::Secret;
use ring::pbkdf2;
use zeroize::Zeroizing;

use super::decrypted;
use crate::der::{BadDer, Der};
use crate::key_file::FileError;
use crate::limits::ITERATIONS_MAX;
use crate::openssh::{Wrong, open_aes_cbc, open_triple_des_cbc};

/// id-PBES2, 1.2.840.113549.1.5.13.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
/// id-PBKDF2, 1.2.840.113549.1.5.12.
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// The arcs that id-hmacWithSHA1 (RFC 8018 B.1.1) and its siblings have before their last, 1.2.840.113549.2.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// The arcs that AES has before the last, 2.16.840.1.101.3.4.1 (RFC 8018 B.2.5).
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
/// des-EDE3-CBC, 1.2.840.113549.3.7 (RFC 8018 B.2.2).
const TRIPLE_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];

/// A cipher of PEM files, which always runs in CBC mode.
#[derive(Clone, Copy, Debug)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
}

impl Cipher {
    const ALL: [Self; 4] = [Self::Aes128, Self::Aes192, Self::Aes256, Self::TripleDes];

    /// Its name in `DEK-Info`.
    fn name(self) -> &'static str {
        match self {
            Self::Aes128 => "AES-128-CBC",
            Self::Aes192 => "AES-192-CBC",
            Self::Aes256 => "AES-256-CBC",
            Self::TripleDes => "DES-EDE3-CBC",
        }
    }

    fn of_identifier(identifier: &[u8]) -> Option<Self> {
        match identifier.strip_prefix(AES) {
            Some([2]) => Some(Self::Aes128),
            Some([22]) => Some(Self::Aes192),
            Some([42]) => Some(Self::Aes256),
            Some(_) => None,
            None => (identifier == TRIPLE_DES).then_some(Self::TripleDes),
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    fn block_len(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::TripleDes => 8,
        }
    }

    /// Decrypts, and takes the padding of RFC 8018 §6.1.1 off: n bytes of n.
    fn open(self, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        let mut plain = Zeroizing::new(data.to_vec());
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => open_aes_cbc(key, iv, &mut plain)?,
            Self::TripleDes => open_triple_des_cbc(key, iv, &mut plain)?,
        }
        let padding = usize::from(*plain.last().ok_or(Wrong)?);
        let end = plain.len().checked_sub(padding).ok_or(Wrong)?;
        let padded = plain.get(end..).is_some_and(|pad| pad.iter().all(|byte| usize::from(*byte) == padding));
        if padding == 0 || padding > self.block_len() || !padded {
            return Err(Wrong);
        }
        plain.truncate(end);
        Ok(plain)
    }
}

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
    let named = Cipher::of_identifier(cipher.identifier()?);
    let named = named.ok_or_else(|| unknown("a PKCS#8 cipher other than AES and triple DES in CBC mode"))?;
    let iv = cipher.octets()?;
    let mut function = function.sequence()?;
    let salt = function.octets()?;
    let iterations = function.number()?;
    if function.optional_number()?.is_some_and(|length| usize::try_from(length) != Ok(named.key_len())) {
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

    let mut key = Zeroizing::new(vec![0; named.key_len()]);
    pbkdf2::derive(hmac, rounds, salt, passphrase.expose(), &mut key);
    decrypted(named.open(&key, iv, data))
}

/// The cipher of a traditional file, with what it begins with.
#[derive(Debug)]
pub(super) struct TraditionalCipher {
    cipher: Cipher,
    /// A block.
    iv: Vec<u8>,
}

/// Bytes of a traditional file's first block that its key is made with too.
const SALT_LEN: usize = 8;

impl TraditionalCipher {
    /// Reads the value of `DEK-Info`: the cipher's name, and in hexadecimal what it begins with.
    pub(super) fn parse(info: &[u8]) -> Result<Self, FileError> {
        let mut parts = info.splitn(2, |byte| *byte == b',');
        let name = parts.next().unwrap_or_default();
        let cipher = Cipher::ALL.into_iter().find(|cipher| cipher.name().as_bytes() == name);
        let cipher = cipher.ok_or_else(|| FileError::UnknownEncryption { name: super::shown(name) })?;
        let iv = parts.next().and_then(hexadecimal).filter(|iv| iv.len() == cipher.block_len());
        Ok(Self { cipher, iv: iv.ok_or(FileError::BadKdfOptions)? })
    }

    pub(super) fn name(&self) -> &'static str {
        self.cipher.name()
    }

    /// Decrypts with the key that OpenSSL's `EVP_BytesToKey` makes: MD5 of what was hashed before, the passphrase and the
    /// salt, again and again, once each.
    pub(super) fn open(&self, passphrase: &Secret, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        let salt = self.iv.get(..SALT_LEN).ok_or(Wrong)?;
        let key_len = self.cipher.key_len();
        let mut last = Zeroizing::new([0; 16]);
        let mut key = Zeroizing::new(Vec::with_capacity(key_len.saturating_add(last.len())));
        while key.len() < key_len {
            let mut hash = md5::Context::new();
            if !key.is_empty() {
                hash.consume(last.as_slice());
            }
            hash.consume(passphrase.expose());
            hash.consume(salt);
            *last = hash.finalize().0;
            key.extend_from_slice(last.as_slice());
        }
        key.truncate(key_len);
        self.cipher.open(&key, &self.iv, data)
    }
}

/// The bytes that pairs of hexadecimal digits stand for.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}
