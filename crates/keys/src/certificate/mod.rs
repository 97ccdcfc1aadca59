//! Certificates (OpenSSH's PROTOCOL.certkeys): a key, what it may be used for, and the signature of an authority.
//!
//! An authority is a [`PublicKey`], which is never a certificate, so no chain and no circle of certificates can be
//! written down here. What a certificate says counts for nothing until [`Certificate::verify_authority`] gave an
//! [`Endorsed`]; whether that authority is one to trust is the caller's to know, before or after.

mod endorsed;
mod options;
mod request;

use std::fmt;

use wire::{Decode, Human, NulFree, Reader};

pub use endorsed::{CertificateError, Endorsed, Refusal};
pub use options::{CertificateOption, CertificateOptions};
pub use request::{CertificateRequest, RequestError};

use crate::limits::PRINCIPALS_MAX;
use crate::{KeyError, PublicKey, SignatureAlg, base64};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateKind {
    /// It names users.
    User,
    /// It names hosts.
    Host,
}

impl CertificateKind {
    /// Its number in a certificate.
    fn number(self) -> u32 {
        match self {
            Self::User => 1,
            Self::Host => 2,
        }
    }
}

/// `user` or `host`.
impl fmt::Display for CertificateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Host => "host",
        })
    }
}

/// A certificate that is well formed. Nobody has looked at its signature: see [`verify_authority`].
///
/// [`verify_authority`]: Self::verify_authority
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// All of it, as it came.
    blob: Vec<u8>,
    /// How many bytes of the blob the authority signed: those up to and with its own key.
    signed: usize,
    key_type: &'static str,
    nonce: Vec<u8>,
    key: PublicKey,
    serial: u64,
    kind: CertificateKind,
    key_id: Vec<u8>,
    principals: Vec<Vec<u8>>,
    valid_after: u64,
    valid_before: u64,
    critical: Vec<CertificateOption>,
    extensions: Vec<CertificateOption>,
    authority: PublicKey,
    signature: Vec<u8>,
}

impl Certificate {
    /// Whether a key type, the first field of a blob, is one of a certificate that we know.
    #[must_use]
    pub fn is_type(name: &str) -> bool {
        row_of(name).is_some()
    }

    /// Reads a certificate's blob and nothing more. No signature is verified by that.
    ///
    /// # Errors
    /// [`KeyError::UnknownType`] when it is not of a type of certificate, else what is wrong with its fields.
    pub fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        let row = row_of(PublicKey::type_of(blob)?.as_str()).ok_or(KeyError::UnknownType)?;
        let mut input = Reader::new(blob);
        input.string()?;
        let nonce = input.string()?.to_vec();
        let key = PublicKey::read(row.plain, &mut input)?;
        let serial = input.u64()?;
        let kind = match input.u32()? {
            1 => CertificateKind::User,
            2 => CertificateKind::Host,
            got => return Err(CertificateFault::Kind { got }.into()),
        };
        let key_id = NulFree::decode(&mut input)?.as_bytes().to_vec();
        let principals = read_principals(input.string()?)?;
        let valid_after = input.u64()?;
        let valid_before = input.u64()?;
        let critical = options::read(input.string()?)?;
        let extensions = options::read(input.string()?)?;
        // Reserved, and to be ignored in this version.
        input.string()?;
        let authority = read_authority(input.string()?)?;
        let signed = blob.len().saturating_sub(input.left());
        let signature = input.string()?.to_vec();
        input.finish()?;
        Ok(Self {
            blob: blob.to_vec(),
            signed,
            key_type: row.key_type,
            nonce,
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical,
            extensions,
            authority,
            signature,
        })
    }

    /// All of it, as it came.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The name of its type, which is the first field of its blob.
    #[must_use]
    pub fn key_type(&self) -> &'static str {
        self.key_type
    }

    /// What the authority put in so that nobody could know before what it would sign.
    #[must_use]
    pub fn nonce(&self) -> &[u8] {
        &self.nonce
    }

    /// The key that it certifies.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the authority numbers it with; 0 when it does not number.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// What the authority calls it in logs, without NUL.
    #[must_use]
    pub fn key_id(&self) -> Human<'_> {
        Human(&self.key_id)
    }

    /// The users or hosts that it names, as its author ordered them, without NUL. When there are none it is for none.
    pub fn principals(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        self.principals.iter().map(Vec::as_slice)
    }

    /// The first second, since 1970 in UTC, in which it is valid.
    #[must_use]
    pub fn valid_after(&self) -> u64 {
        self.valid_after
    }

    /// The first second, since 1970 in UTC, in which it is valid no more; `u64::MAX` means never.
    #[must_use]
    pub fn valid_before(&self) -> u64 {
        self.valid_before
    }

    /// The critical options as they stand, for showing; [`Endorsed::options`] says what they mean.
    #[must_use]
    pub fn critical_options(&self) -> &[CertificateOption] {
        &self.critical
    }

    /// The extensions as they stand, for showing; [`Endorsed::options`] says what they mean.
    #[must_use]
    pub fn extensions(&self) -> &[CertificateOption] {
        &self.extensions
    }

    /// The key that is said to have signed it.
    #[must_use]
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// The signature's blob.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What the authority signed.
    fn signed(&self) -> &[u8] {
        self.blob.get(..self.signed).unwrap_or_default()
    }
}

/// The first algorithm of this type of certificate, if there is such a type.
fn row_of(key_type: &str) -> Option<&'static SignatureAlg> {
    SignatureAlg::for_key_type(key_type).find(|row| row.certificate)
}

fn read_principals(packed: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut input = Reader::new(packed);
    let mut principals = Vec::new();
    while input.left() > 0 {
        if principals.len() >= PRINCIPALS_MAX {
            return Err(CertificateFault::TooManyPrincipals.into());
        }
        principals.push(NulFree::decode(&mut input)?.as_bytes().to_vec());
    }
    Ok(principals)
}

fn read_authority(blob: &[u8]) -> Result<PublicKey, KeyError> {
    match PublicKey::parse(blob) {
        Err(KeyError::UnknownType) if Certificate::is_type(PublicKey::type_of(blob)?.as_str()) => {
            Err(CertificateFault::AuthorityIsCertificate.into())
        }
        Err(KeyError::UnknownType) => Err(CertificateFault::AuthorityUnknown.into()),
        read => read,
    }
}

/// The type and the blob in base64, as in a `-cert.pub` file without comment.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key_type, &*base64::encode(&self.blob))
    }
}

/// The type, and what the authority calls it.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} ID {} serial {})", self.key_type, self.key_id(), self.serial)
    }
}

/// What is wrong with a certificate's fields, when each for itself is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It is neither for users nor for hosts.
    Kind {
        /// The number that it has for its kind.
        got: u32,
    },
    /// It has more than [`PRINCIPALS_MAX`] principals.
    TooManyPrincipals,
    /// Its options do not stand in order, or one stands there twice.
    OptionOrder,
    /// Its authority is a certificate, which nothing makes an authority.
    AuthorityIsCertificate,
    /// Its authority is a key of a type that we do not know.
    AuthorityUnknown,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { got } => write!(f, "unknown certificate type {got}"),
            Self::TooManyPrincipals => write!(f, "certificate has more than {PRINCIPALS_MAX} principals"),
            Self::OptionOrder => f.write_str("certificate's options are not in order"),
            Self::AuthorityIsCertificate => f.write_str("certificate's authority is a certificate"),
            Self::AuthorityUnknown => f.write_str("certificate's authority is a key of unknown type"),
        }
    }
}

impl std::error::Error for CertificateFault {}

impl From<CertificateFault> for KeyError {
    fn from(fault: CertificateFault) -> Self {
        Self::Certificate(fault)
    }
}
