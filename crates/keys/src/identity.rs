//! What a peer can show as its key: a plain key, or a certificate of one.

use std::fmt;

use crate::{Certificate, KeyError, PublicKey, base64};

/// A key as a peer shows it: in `publickey` requests, in key exchanges, in lists of revoked keys.
///
/// Nothing is proven by it, and of a certificate not even the authority's signature was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A plain key.
    Key(PublicKey),
    /// A certificate.
    Certificate(Box<Certificate>),
}

impl Identity {
    /// Reads the blob of a key or of a certificate, and nothing more.
    ///
    /// # Errors
    /// [`KeyError::UnknownType`] when the type's name is well formed and not one of ours, else what is wrong with the
    /// bytes.
    pub fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        if Certificate::is_type(PublicKey::type_of(blob)?.as_str()) {
            return Ok(Self::Certificate(Box::new(Certificate::parse(blob)?)));
        }
        PublicKey::parse(blob).map(Self::Key)
    }

    /// The key: the plain one, or the one that the certificate certifies.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certificate(certificate) => certificate.key(),
        }
    }

    /// The certificate, if it is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Key(_) => None,
            Self::Certificate(certificate) => Some(certificate),
        }
    }

    /// Its blob. What [`parse`](Self::parse) accepted comes out as it went in.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        match self {
            Self::Key(key) => key.blob(),
            Self::Certificate(certificate) => certificate.blob().to_vec(),
        }
    }

    /// The name of its type, which is the first field of its blob.
    #[must_use]
    pub fn key_type(&self) -> &'static str {
        match self {
            Self::Key(key) => key.key_type(),
            Self::Certificate(certificate) => certificate.key_type(),
        }
    }

    /// Its type as people and logs name it: `ED25519`, or `ED25519-CERT`.
    #[must_use]
    pub fn short_type(&self) -> String {
        let key = self.key().short_type();
        match self {
            Self::Key(_) => key.into(),
            Self::Certificate(_) => format!("{key}-CERT"),
        }
    }
}

/// The type and the blob in base64, as in a `.pub` file without comment.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key_type(), &*base64::encode(&self.blob()))
    }
}
