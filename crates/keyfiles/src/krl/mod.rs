//! Key revocation lists (OpenSSH's PROTOCOL.krl): keys, and certificates by serial number or key ID, that are good for nothing.
//!
//! ```
//! use keys::{PrivateKey, PublicKey};
//! use nacre_keyfiles::krl::KeyRevocationList;
//!
//! let (authority, lost) = (PrivateKey::from_seed(&[1; 32]).public(), PrivateKey::from_seed(&[2; 32]).public());
//! let mut list = KeyRevocationList::default();
//! list.revoke_key(&lost);
//! list.revoke_serials(Some(&authority), 7..=9)?;
//! let file = list.write();
//!
//! let list = KeyRevocationList::parse(&file)?;
//! assert!(list.revokes_key(&lost) && !list.revokes_key(&authority));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crypto::HashAlg;
use keys::{Certificate, Identity, PublicKey};

mod error;
mod read;
mod serials;
mod write;

pub use error::KrlError;
use serials::Serials;

/// What a file begins with.
const MAGIC: &[u8; 8] = b"SSHKRL\n\0";

/// The version of the format that is read and written.
const FORMAT_VERSION: u32 = 1;

/// The types of sections and, below them, of a certificate section's parts (PROTOCOL.krl §1 and §2).
mod section {
    pub(super) const CERTIFICATES: u8 = 1;
    pub(super) const EXPLICIT_KEY: u8 = 2;
    pub(super) const FINGERPRINT_SHA1: u8 = 3;
    pub(super) const SIGNATURE: u8 = 4;
    pub(super) const FINGERPRINT_SHA256: u8 = 5;
    pub(super) const EXTENSION: u8 = 255;

    pub(super) const SERIAL_LIST: u8 = 0x20;
    pub(super) const SERIAL_RANGE: u8 = 0x21;
    pub(super) const SERIAL_BITMAP: u8 = 0x22;
    pub(super) const KEY_ID: u8 = 0x23;
    pub(super) const CERTIFICATE_EXTENSION: u8 = 0x39;
}

/// A key revocation list. One that was read borrows from its file and takes memory in proportion to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRevocationList<'a> {
    /// The number of the list, which its writer raises with each change.
    pub version: u64,
    /// When it was written, in seconds from 1970-01-01 00:00:00 UTC.
    pub generated: u64,
    comment: Cow<'a, [u8]>,
    keys: BTreeSet<Cow<'a, [u8]>>,
    sha1: BTreeSet<[u8; 20]>,
    sha256: BTreeSet<[u8; 32]>,
    /// By the blob of the authority; the empty one stands for every authority.
    certificates: BTreeMap<Cow<'a, [u8]>, RevokedCertificates<'a>>,
}

/// The certificates of one authority, or of all, that a list revokes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokedCertificates<'a> {
    serials: Serials<'a>,
    key_ids: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> KeyRevocationList<'a> {
    /// Whether the identity is revoked: its key is; or it is a certificate and its serial number or key ID is, or the key of its
    /// authority.
    #[must_use]
    pub fn revokes(&self, identity: &Identity) -> bool {
        self.revokes_key(identity.key())
            || identity.certificate().is_some_and(|certificate| self.revokes_certificate(certificate))
    }

    /// Whether a plain key is revoked, by its blob or by a hash of it.
    #[must_use]
    pub fn revokes_key(&self, key: &PublicKey) -> bool {
        let blob = key.blob();
        let has = |alg: HashAlg| alg.digest(&blob);
        self.keys.contains(&*blob)
            || !self.sha1.is_empty() && self.sha1.contains(has(HashAlg::Sha1).as_slice())
            || !self.sha256.is_empty() && self.sha256.contains(has(HashAlg::Sha256).as_slice())
    }

    /// Whether a certificate is revoked as such, or its authority's key; its own key is not looked at.
    fn revokes_certificate(&self, certificate: &Certificate) -> bool {
        let authority = certificate.authority();
        let lists = [authority.blob(), Vec::new()];
        self.revokes_key(authority)
            || lists.iter().filter_map(|authority| self.certificates.get(&**authority)).any(|revoked| {
                revoked.serials.contains(certificate.serial())
                    || revoked.key_ids.contains(certificate.key_id().0)
            })
    }

    /// What its writer says of it, of any bytes but NUL.
    #[must_use]
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// The blobs of the keys that are revoked by their blob. Of a file they may be any bytes.
    pub fn key_blobs(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// The SHA-1 hashes of blobs.
    pub fn sha1_hashes(&self) -> impl Iterator<Item = &[u8; 20]> {
        self.sha1.iter()
    }

    /// The SHA-256 hashes of blobs.
    pub fn sha256_hashes(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.sha256.iter()
    }

    /// The authorities' blobs, empty for every authority, each with what is revoked of it.
    pub fn certificates(&self) -> impl Iterator<Item = (&[u8], &RevokedCertificates<'a>)> {
        self.certificates.iter().map(|(authority, revoked)| (&**authority, revoked))
    }

    /// Says something of the list.
    ///
    /// # Errors
    /// [`KrlError::Nul`] when the comment holds a NUL.
    pub fn set_comment(&mut self, comment: impl Into<Cow<'a, [u8]>>) -> Result<(), KrlError> {
        self.comment = nul_free(comment.into())?;
        Ok(())
    }

    /// Revokes an identity as `ssh-keygen -k` does: a key by its blob, a certificate by its serial number or, when that is zero, by its
    /// key ID.
    ///
    /// # Errors
    /// [`KrlError::Nul`] when it is a certificate without a serial number and its key ID holds a NUL.
    pub fn revoke(&mut self, identity: &Identity) -> Result<(), KrlError> {
        match identity.certificate() {
            None => {
                self.revoke_key(identity.key());
                Ok(())
            }
            Some(certificate) => {
                let (authority, serial) = (Some(certificate.authority()), certificate.serial());
                match serial {
                    0 => self.revoke_key_id(authority, certificate.key_id().0.to_vec()),
                    serial => self.revoke_serials(authority, serial..=serial),
                }
            }
        }
    }

    /// Revokes a key, and with it all certificates of that key and all that it signed, by its blob.
    pub fn revoke_key(&mut self, key: &PublicKey) {
        self.keys.insert(key.blob().into());
    }

    /// Revokes a key by its blob's SHA-1, which older readers know too.
    pub fn revoke_sha1(&mut self, key: &PublicKey) {
        self.sha1.insert(hash(HashAlg::Sha1, &key.blob()));
    }

    /// Revokes the key whose blob has this SHA-256, as a fingerprint shows it.
    pub fn revoke_sha256(&mut self, hash: [u8; 32]) {
        self.sha256.insert(hash);
    }

    /// Revokes the certificates with these serial numbers, of this authority or of all.
    ///
    /// # Errors
    /// [`KrlError::ZeroSerial`] when zero is among them, [`KrlError::ReversedRange`] when there is none.
    pub fn revoke_serials(
        &mut self,
        authority: Option<&PublicKey>,
        serials: RangeInclusive<u64>,
    ) -> Result<(), KrlError> {
        let serials = good_range(serials)?;
        self.of(authority).serials.insert(serials);
        Ok(())
    }

    /// Revokes the certificates with this key ID, of this authority or of all.
    ///
    /// # Errors
    /// [`KrlError::Nul`] when the key ID holds a NUL, with which other readers would take it for a shorter one.
    pub fn revoke_key_id(
        &mut self,
        authority: Option<&PublicKey>,
        key_id: impl Into<Cow<'a, [u8]>>,
    ) -> Result<(), KrlError> {
        let key_id = nul_free(key_id.into())?;
        self.of(authority).key_ids.insert(key_id);
        Ok(())
    }

    fn of(&mut self, authority: Option<&PublicKey>) -> &mut RevokedCertificates<'a> {
        let authority = authority.map(PublicKey::blob).unwrap_or_default();
        self.certificates.entry(authority.into()).or_default()
    }
}

impl RevokedCertificates<'_> {
    /// The serial numbers as ranges. What the file holds several times comes several times.
    pub fn serials(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.serials.iter()
    }

    /// The key IDs.
    pub fn key_ids(&self) -> impl Iterator<Item = &[u8]> {
        self.key_ids.iter().map(AsRef::as_ref)
    }
}

/// The hash of a blob; `N` is as many bytes as the hash has.
fn hash<const N: usize>(alg: HashAlg, blob: &[u8]) -> [u8; N] {
    let mut hash = [0; N];
    for (to, from) in hash.iter_mut().zip(alg.digest(blob).as_slice()) {
        *to = *from;
    }
    hash
}

/// A range of serial numbers that a list may hold.
fn good_range(serials: RangeInclusive<u64>) -> Result<RangeInclusive<u64>, KrlError> {
    if *serials.start() == 0 {
        Err(KrlError::ZeroSerial)
    } else if serials.is_empty() {
        Err(KrlError::ReversedRange)
    } else {
        Ok(serials)
    }
}

fn nul_free(text: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, KrlError> {
    if text.contains(&0) { Err(KrlError::Nul) } else { Ok(text) }
}
