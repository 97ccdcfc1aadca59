//! Ciphers and key derivation of key files that have a passphrase.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, StreamCipher, StreamCipherSeek};
use aes::{Aes128, Aes192, Aes256};
use chacha20::ChaCha20Legacy;
use crypto::Secret;
use des::TdesEde3;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use ring::aead;
use zeroize::Zeroizing;

/// A cipher of `openssh-key-v1` files (`ssh-keygen -Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FileCipher {
    /// `aes128-ctr`.
    Aes128Ctr,
    /// `aes192-ctr`.
    Aes192Ctr,
    /// `aes256-ctr`, which `ssh-keygen` takes when it is told none.
    #[default]
    Aes256Ctr,
    /// `aes128-cbc`.
    Aes128Cbc,
    /// `aes192-cbc`.
    Aes192Cbc,
    /// `aes256-cbc`.
    Aes256Cbc,
    /// `3des-cbc`.
    TripleDesCbc,
    /// `aes128-gcm@openssh.com`.
    Aes128Gcm,
    /// `aes256-gcm@openssh.com`.
    Aes256Gcm,
    /// `chacha20-poly1305@openssh.com`, here without a length of its own.
    ChaCha20Poly1305,
}

/// Length in bytes of an AES block.
const AES_BLOCK: usize = 16;

/// Length in bytes of the keys of ChaCha20-Poly1305: one for the data and the one for lengths, of which there are none.
const CHACHA_KEYS: usize = 64;

/// Length in bytes of the first block of ChaCha20, in which only Poly1305's key is.
const CHACHA_BLOCK: u32 = 64;

/// The key or the passphrase was another one, or the bytes are not what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong;

impl FileCipher {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Aes128Ctr,
        Self::Aes192Ctr,
        Self::Aes256Ctr,
        Self::Aes128Cbc,
        Self::Aes192Cbc,
        Self::Aes256Cbc,
        Self::TripleDesCbc,
        Self::Aes128Gcm,
        Self::Aes256Gcm,
        Self::ChaCha20Poly1305,
    ];

    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Ctr => "aes128-ctr",
            Self::Aes192Ctr => "aes192-ctr",
            Self::Aes256Ctr => "aes256-ctr",
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes192Cbc => "aes192-cbc",
            Self::Aes256Cbc => "aes256-cbc",
            Self::TripleDesCbc => "3des-cbc",
            Self::Aes128Gcm => "aes128-gcm@openssh.com",
            Self::Aes256Gcm => "aes256-gcm@openssh.com",
            Self::ChaCha20Poly1305 => "chacha20-poly1305@openssh.com",
        }
    }

    /// The cipher with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.name() == name)
    }

    /// The unit in bytes that the private section is padded to.
    pub(super) fn block_len(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 | Self::TripleDesCbc => 8,
            Self::Aes128Ctr | Self::Aes192Ctr | Self::Aes256Ctr => AES_BLOCK,
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc => AES_BLOCK,
            Self::Aes128Gcm | Self::Aes256Gcm => AES_BLOCK,
        }
    }

    /// How many bytes prove, after the private section, that it is what was encrypted; 0 when none do.
    pub(super) fn tag_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305 => 16,
            Self::Aes128Ctr | Self::Aes192Ctr | Self::Aes256Ctr => 0,
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc | Self::TripleDesCbc => 0,
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Aes128Ctr | Self::Aes128Cbc | Self::Aes128Gcm => 16,
            Self::Aes192Ctr | Self::Aes192Cbc | Self::TripleDesCbc => 24,
            Self::Aes256Ctr | Self::Aes256Cbc | Self::Aes256Gcm => 32,
            Self::ChaCha20Poly1305 => CHACHA_KEYS,
        }
    }

    fn iv_len(self) -> usize {
        match self {
            Self::Aes128Ctr | Self::Aes192Ctr | Self::Aes256Ctr => AES_BLOCK,
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc => AES_BLOCK,
            Self::TripleDesCbc => 8,
            Self::Aes128Gcm | Self::Aes256Gcm => aead::NONCE_LEN,
            Self::ChaCha20Poly1305 => 0,
        }
    }

    /// The key that `rounds` of bcrypt make of a passphrase, which is meant to take long. [`Wrong`] when the passphrase
    /// or the salt is empty or the rounds are none.
    pub(super) fn derive(self, passphrase: &Secret, salt: &[u8], rounds: u32) -> Result<FileKey, Wrong> {
        let length = self.key_len().saturating_add(self.iv_len());
        let mut bytes = Zeroizing::new(vec![0; length]);
        bcrypt_pbkdf::bcrypt_pbkdf(passphrase.expose(), salt, rounds, &mut bytes).map_err(|_| Wrong)?;
        Ok(FileKey { cipher: self, bytes })
    }
}

/// A cipher with its key and what it begins with. One key encrypts one file.
pub(super) struct FileKey {
    cipher: FileCipher,
    bytes: Zeroizing<Vec<u8>>,
}

impl FileKey {
    fn parts(&self) -> Result<(&[u8], &[u8]), Wrong> {
        self.bytes.split_at_checked(self.cipher.key_len()).ok_or(Wrong)
    }

    /// Decrypts in place what is a multiple of the block's length.
    pub(super) fn open(&self, data: &mut [u8], tag: &[u8]) -> Result<(), Wrong> {
        let (key, iv) = self.parts()?;
        match self.cipher {
            FileCipher::Aes128Ctr | FileCipher::Aes192Ctr | FileCipher::Aes256Ctr => aes_ctr(key, iv, data),
            FileCipher::Aes128Cbc | FileCipher::Aes192Cbc | FileCipher::Aes256Cbc => {
                open_aes_cbc(key, iv, data)
            }
            FileCipher::TripleDesCbc => open_triple_des_cbc(key, iv, data),
            FileCipher::Aes128Gcm => open_gcm(&aead::AES_128_GCM, key, iv, data, tag),
            FileCipher::Aes256Gcm => open_gcm(&aead::AES_256_GCM, key, iv, data, tag),
            FileCipher::ChaCha20Poly1305 => {
                let (mut stream, mac) = chacha(key)?;
                // In a time that tells nothing of where it differs.
                if !Secret::copy_of(&mac.compute_unpadded(data)).ct_eq(tag) {
                    return Err(Wrong);
                }
                stream.apply_keystream(data);
                Ok(())
            }
        }
    }

    /// Encrypts in place what is a multiple of the block's length, and gives the tag.
    pub(super) fn seal(&self, data: &mut [u8]) -> Result<Vec<u8>, Wrong> {
        let (key, iv) = self.parts()?;
        match self.cipher {
            FileCipher::Aes128Ctr | FileCipher::Aes192Ctr | FileCipher::Aes256Ctr => {
                aes_ctr(key, iv, data).map(|()| Vec::new())
            }
            FileCipher::Aes128Cbc | FileCipher::Aes192Cbc | FileCipher::Aes256Cbc => {
                seal_aes_cbc(key, iv, data).map(|()| Vec::new())
            }
            FileCipher::TripleDesCbc => {
                seal_cbc::<cbc::Encryptor<TdesEde3>>(key, iv, data).map(|()| Vec::new())
            }
            FileCipher::Aes128Gcm => seal_gcm(&aead::AES_128_GCM, key, iv, data),
            FileCipher::Aes256Gcm => seal_gcm(&aead::AES_256_GCM, key, iv, data),
            FileCipher::ChaCha20Poly1305 => {
                let (mut stream, mac) = chacha(key)?;
                stream.apply_keystream(data);
                Ok(mac.compute_unpadded(data).to_vec())
            }
        }
    }
}

fn aes_ctr(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    fn with<C: KeyIvInit + StreamCipher>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
        C::new_from_slices(key, iv).map_err(|_| Wrong)?.apply_keystream(data);
        Ok(())
    }
    match key.len() {
        16 => with::<ctr::Ctr128BE<Aes128>>(key, iv, data),
        24 => with::<ctr::Ctr128BE<Aes192>>(key, iv, data),
        _ => with::<ctr::Ctr128BE<Aes256>>(key, iv, data),
    }
}

/// Decrypts in place with the AES that has keys of this length. Data that is no multiple of the block is [`Wrong`].
pub(crate) fn open_aes_cbc(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    match key.len() {
        16 => open_cbc::<cbc::Decryptor<Aes128>>(key, iv, data),
        24 => open_cbc::<cbc::Decryptor<Aes192>>(key, iv, data),
        _ => open_cbc::<cbc::Decryptor<Aes256>>(key, iv, data),
    }
}

/// Decrypts in place with triple DES and a key of three. Data that is no multiple of the block is [`Wrong`].
pub(crate) fn open_triple_des_cbc(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    open_cbc::<cbc::Decryptor<TdesEde3>>(key, iv, data)
}

fn open_cbc<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    let mut cipher = C::new_from_slices(key, iv).map_err(|_| Wrong)?;
    let (blocks, rest) = aes::cipher::Array::slice_as_chunks_mut(data);
    if !rest.is_empty() {
        return Err(Wrong);
    }
    cipher.decrypt_blocks(blocks);
    Ok(())
}

fn seal_aes_cbc(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    match key.len() {
        16 => seal_cbc::<cbc::Encryptor<Aes128>>(key, iv, data),
        24 => seal_cbc::<cbc::Encryptor<Aes192>>(key, iv, data),
        _ => seal_cbc::<cbc::Encryptor<Aes256>>(key, iv, data),
    }
}

fn seal_cbc<C: KeyIvInit + BlockModeEncrypt>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Wrong> {
    let mut cipher = C::new_from_slices(key, iv).map_err(|_| Wrong)?;
    let (blocks, rest) = aes::cipher::Array::slice_as_chunks_mut(data);
    if !rest.is_empty() {
        return Err(Wrong);
    }
    cipher.encrypt_blocks(blocks);
    Ok(())
}

fn gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: &[u8],
) -> Result<(aead::LessSafeKey, aead::Nonce), Wrong> {
    let key = aead::UnboundKey::new(algorithm, key).map_err(|_| Wrong)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(iv).map_err(|_| Wrong)?;
    Ok((aead::LessSafeKey::new(key), nonce))
}

fn open_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
    tag: &[u8],
) -> Result<(), Wrong> {
    let (key, nonce) = gcm(algorithm, key, iv)?;
    let tag = aead::Tag::try_from(tag).map_err(|_| Wrong)?;
    key.open_in_place_separate_tag(nonce, aead::Aad::empty(), tag, data, 0..).map(|_| ()).map_err(|_| Wrong)
}

fn seal_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Result<Vec<u8>, Wrong> {
    let (key, nonce) = gcm(algorithm, key, iv)?;
    let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), data).map_err(|_| Wrong)?;
    Ok(tag.as_ref().to_vec())
}

/// The stream for the data, and the MAC with the key from the stream's first block (PROTOCOL.chacha20poly1305 with the
/// sequence number 0).
fn chacha(keys: &[u8]) -> Result<(ChaCha20Legacy, Poly1305), Wrong> {
    let (data_key, _) = keys.split_at_checked(32).ok_or(Wrong)?;
    let mut stream = ChaCha20Legacy::new_from_slices(data_key, &[0; 8]).map_err(|_| Wrong)?;
    let mut mac_key = Zeroizing::new([0; 32]);
    stream.apply_keystream(mac_key.as_mut_slice());
    stream.seek(CHACHA_BLOCK);
    let mac = Poly1305::new_from_slice(mac_key.as_slice()).map_err(|_| Wrong)?;
    Ok((stream, mac))
}
