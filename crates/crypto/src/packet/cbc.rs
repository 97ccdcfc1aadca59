//! Block ciphers in CBC mode (RFC 4253 §6.3): the last block of a packet is the initial vector of the next.
//!
//! The mode is there once for each direction, and the block ciphers are enums in it.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, InvalidLength, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Aes192Dec, Aes192Enc, Aes256Dec, Aes256Enc, Block};
use des::TdesEde3;
use zeroize::Zeroizing;

use super::error::{KeyError, KeyPart};

/// Bytes of AES's block, and room for that of triple DES.
const AES_BLOCK_LEN: usize = 16;
/// Bytes of triple DES's block.
const DES_BLOCK_LEN: usize = 8;
/// Bytes that are decrypted at a time, for which the ciphertext is kept.
const BATCH_LEN: usize = 256;

/// There is not a whole number of blocks.
#[derive(Debug)]
pub(super) struct Misaligned;

/// What encrypts a direction. The crates below wipe their keys when they are dropped. They are on the heap, so that
/// moving them leaves no copies.
pub(super) struct CbcSealing {
    cipher: Box<Encrypting>,
    chain: Zeroizing<[u8; AES_BLOCK_LEN]>,
}

enum Encrypting {
    Aes(AesEncrypting),
    TripleDes(TdesEde3),
}

enum AesEncrypting {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
}

/// What decrypts a direction, kept in the same way.
pub(super) struct CbcOpening {
    cipher: Box<Decrypting>,
    block_len: usize,
    chain: Zeroizing<[u8; AES_BLOCK_LEN]>,
}

enum Decrypting {
    Aes128(Aes128Dec),
    Aes192(Aes192Dec),
    Aes256(Aes256Dec),
    TripleDes(TdesEde3),
}

impl CbcSealing {
    /// An initial vector of 8 bytes is triple DES's; with one of 16, a key of 16, 24 or 32 bytes chooses the AES.
    pub(super) fn new(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        let made = match (iv.len(), key.len()) {
            (DES_BLOCK_LEN, _) => KeyInit::new_from_slice(key).map(Encrypting::TripleDes),
            (_, 16) => KeyInit::new_from_slice(key).map(AesEncrypting::Aes128).map(Encrypting::Aes),
            (_, 24) => KeyInit::new_from_slice(key).map(AesEncrypting::Aes192).map(Encrypting::Aes),
            (_, _) => KeyInit::new_from_slice(key).map(AesEncrypting::Aes256).map(Encrypting::Aes),
        };
        let cipher = Box::new(made.map_err(|InvalidLength| wrong_key(key, iv))?);
        Ok(Self { cipher, chain: first_chain(iv)? })
    }

    /// Encrypts `bytes`, or nothing where they are not whole blocks.
    pub(super) fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), Misaligned> {
        match &*self.cipher {
            Encrypting::Aes(cipher) => chained(&mut self.chain, bytes, |block| cipher.encrypt(block.into())),
            Encrypting::TripleDes(cipher) => {
                let chain = self.chain.first_chunk_mut::<DES_BLOCK_LEN>().ok_or(Misaligned)?;
                chained(chain, bytes, |block| cipher.encrypt_block(block.into()))
            }
        }
    }
}

impl AesEncrypting {
    fn encrypt(&self, block: &mut Block) {
        match self {
            Self::Aes128(cipher) => cipher.encrypt_block(block),
            Self::Aes192(cipher) => cipher.encrypt_block(block),
            Self::Aes256(cipher) => cipher.encrypt_block(block),
        }
    }
}

/// Encrypts block after block, each XORed with the one before, and leaves the last of them in `chain`.
fn chained<const N: usize>(
    chain: &mut [u8; N],
    bytes: &mut [u8],
    encrypt: impl Fn(&mut [u8; N]),
) -> Result<(), Misaligned> {
    let (blocks, []) = bytes.as_chunks_mut::<N>() else { return Err(Misaligned) };
    for block in blocks {
        xor(block, chain);
        encrypt(block);
        *chain = *block;
    }
    Ok(())
}

impl CbcOpening {
    /// As [`CbcSealing::new`].
    pub(super) fn new(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        let made = match (iv.len(), key.len()) {
            (DES_BLOCK_LEN, _) => KeyInit::new_from_slice(key).map(Decrypting::TripleDes),
            (_, 16) => KeyInit::new_from_slice(key).map(Decrypting::Aes128),
            (_, 24) => KeyInit::new_from_slice(key).map(Decrypting::Aes192),
            (_, _) => KeyInit::new_from_slice(key).map(Decrypting::Aes256),
        };
        let cipher = Box::new(made.map_err(|InvalidLength| wrong_key(key, iv))?);
        Ok(Self { cipher, block_len: iv.len(), chain: first_chain(iv)? })
    }

    /// Bytes of a block.
    pub(super) fn block_len(&self) -> usize {
        self.block_len
    }

    /// Decrypts `bytes`, or nothing where they are not whole blocks.
    pub(super) fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), Misaligned> {
        if bytes.len().checked_rem(self.block_len) != Some(0) {
            return Err(Misaligned);
        }
        for batch in bytes.chunks_mut(BATCH_LEN) {
            let mut ciphertext = [0; BATCH_LEN];
            for (to, from) in ciphertext.iter_mut().zip(batch.iter()) {
                *to = *from;
            }
            let ciphertext = ciphertext.get(..batch.len()).unwrap_or_default();
            self.cipher.decrypt(batch);
            let (first, rest) = batch.split_at_mut(self.block_len);
            xor(first, &*self.chain);
            xor(rest, ciphertext);
            let last = ciphertext.get(rest.len()..).unwrap_or_default();
            for (to, from) in self.chain.iter_mut().zip(last) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl Decrypting {
    /// Each block by itself, one after the other: wide code for what nobody should use is not worth its size.
    fn decrypt(&self, bytes: &mut [u8]) {
        match self {
            Self::Aes128(cipher) => each(cipher, bytes),
            Self::Aes192(cipher) => each(cipher, bytes),
            Self::Aes256(cipher) => each(cipher, bytes),
            Self::TripleDes(cipher) => each(cipher, bytes),
        }
    }
}

fn each<C: BlockCipherDecrypt>(cipher: &C, bytes: &mut [u8]) {
    for block in Array::<u8, C::BlockSize>::slice_as_chunks_mut(bytes).0 {
        cipher.decrypt_block(block);
    }
}

/// As far as the shorter of both goes.
fn xor(bytes: &mut [u8], with: &[u8]) {
    for (byte, with) in bytes.iter_mut().zip(with) {
        *byte ^= *with;
    }
}

/// The initial vector in front of room that a shorter block leaves.
fn first_chain(iv: &[u8]) -> Result<Zeroizing<[u8; AES_BLOCK_LEN]>, KeyError> {
    if !matches!(iv.len(), DES_BLOCK_LEN | AES_BLOCK_LEN) {
        return Err(KeyError::WrongLength { part: KeyPart::Iv, expected: AES_BLOCK_LEN, got: iv.len() });
    }
    let mut chain = Zeroizing::new([0; AES_BLOCK_LEN]);
    xor(chain.as_mut_slice(), iv);
    Ok(chain)
}

fn wrong_key(key: &[u8], iv: &[u8]) -> KeyError {
    let expected = if iv.len() == DES_BLOCK_LEN { 24 } else { 32 };
    KeyError::WrongLength { part: KeyPart::Key, expected, got: key.len() }
}
