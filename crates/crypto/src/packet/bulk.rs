//! Ciphers that do not authenticate, and so have a MAC beside them.

use super::cbc::{CbcOpening, CbcSealing, Misaligned};
use super::ctr::AesCtr;
use super::error::{KeyError, OpenError, SealError};

/// One to encrypt with.
pub(super) enum BulkSealing {
    Ctr(AesCtr),
    Cbc(CbcSealing),
}

/// One to decrypt with.
pub(super) enum BulkOpening {
    Ctr(AesCtr),
    Cbc(CbcOpening),
}

impl BulkSealing {
    pub(super) fn ctr(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        AesCtr::new(key, iv).map(Self::Ctr)
    }

    pub(super) fn cbc(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        CbcSealing::new(key, iv).map(Self::Cbc)
    }

    /// Encrypts `bytes` in place, as what follows all that it has encrypted.
    pub(super) fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), SealError> {
        match self {
            Self::Ctr(stream) => stream.apply(bytes).map_err(|_| SealError::Exhausted),
            Self::Cbc(cipher) => cipher.encrypt(bytes).map_err(|Misaligned| SealError::TooShort),
        }
    }
}

impl BulkOpening {
    pub(super) fn ctr(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        AesCtr::new(key, iv).map(Self::Ctr)
    }

    pub(super) fn cbc(key: &[u8], iv: &[u8]) -> Result<Self, KeyError> {
        CbcOpening::new(key, iv).map(Self::Cbc)
    }

    /// Decrypts `bytes` in place, as what follows all that it has decrypted.
    pub(super) fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), OpenError> {
        match self {
            Self::Ctr(stream) => stream.apply(bytes).map_err(|_| OpenError::Exhausted),
            Self::Cbc(cipher) => cipher.decrypt(bytes).map_err(|Misaligned| OpenError::TooShort),
        }
    }
}
