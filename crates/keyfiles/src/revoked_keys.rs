//! `RevokedKeys` files (`sshd_config(5)`) and their like: a key revocation list, or keys one a line.

use std::collections::BTreeSet;
use std::fmt;

use keys::{Identity, KeyError, LineError};

use crate::key_text::identity_line;
use crate::krl::{KeyRevocationList, KrlError};
use crate::limits::{MAX_LINE, MAX_REVOKED};

/// The keys and certificates that a file revokes.
///
/// ```
/// use keys::{Identity, PrivateKey};
/// use nacre_keyfiles::revoked_keys::RevokedKeys;
///
/// let file = b"# lost in 2026\n\
///     ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOuBVA+OrztROrw2lmTOBlkBxk46ybxW6GAN6PXzzrUb build\n";
/// let revoked = RevokedKeys::parse(file)?;
/// assert!(!revoked.revokes(&Identity::Key(PrivateKey::from_seed(&[1; 32]).public())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedKeys<'a> {
    /// A key revocation list.
    List(KeyRevocationList<'a>),
    /// The blobs of keys that stood one a line.
    Keys(BTreeSet<Vec<u8>>),
}

impl<'a> RevokedKeys<'a> {
    /// Reads a file. A line is a key type, base64 and perhaps a comment; blank lines and those that begin with `#` say nothing. A
    /// certificate on a line stands for its key.
    ///
    /// # Errors
    /// What is wrong. A line that is no key makes the whole file an error, as in OpenSSH: it may be the one that counts. RSA keys that
    /// nobody could use, for their size or their exponent, are passed over. After an
    /// error every key is to be taken for revoked.
    pub fn parse(file: &'a [u8]) -> Result<Self, RevokedKeysError> {
        if file.len() > MAX_REVOKED {
            return Err(RevokedKeysError::TooLarge);
        }
        // What begins as a list, but not quite, is a damaged one and no line.
        if file.starts_with(b"SSHKRL") {
            return KeyRevocationList::parse(file).map(Self::List).map_err(RevokedKeysError::List);
        }
        let mut keys = BTreeSet::new();
        for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            let text = line.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            if line.len() > MAX_LINE {
                return Err(RevokedKeysError::Line { number, error: LineError::TooLong });
            }
            match identity_line(text) {
                Ok((identity, _)) => _ = keys.insert(identity.key().blob()),
                // Old lists name RSA keys that are too weak to be anybody's here.
                Err(LineError::Key(KeyError::BadModulus | KeyError::BadExponent)) => {}
                Err(error) => return Err(RevokedKeysError::Line { number, error }),
            }
        }
        Ok(Self::Keys(keys))
    }

    /// Whether the identity is revoked: the plain key is; or it is a certificate and its authority's key is, or, in a list, its
    /// serial number or key ID under that authority.
    #[must_use]
    pub fn revokes(&self, identity: &Identity) -> bool {
        match self {
            Self::List(list) => list.revokes(identity),
            Self::Keys(keys) => {
                keys.contains(&identity.key().blob())
                    || identity
                        .certificate()
                        .is_some_and(|certificate| keys.contains(&certificate.authority().blob()))
            }
        }
    }
}

/// Why a file does not tell which keys are revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedKeysError {
    /// It is over [`MAX_REVOKED`].
    TooLarge,
    /// It begins as a key revocation list and is none.
    List(KrlError),
    /// One of its lines is no key.
    Line {
        /// The number of the line; the first is 1.
        number: usize,
        /// What is wrong with it.
        error: LineError,
    },
}

impl fmt::Display for RevokedKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "file of revoked keys is larger than {MAX_REVOKED} bytes"),
            Self::List(error) => error.fmt(f),
            Self::Line { number, error } => write!(f, "line {number}: {error}"),
        }
    }
}

impl std::error::Error for RevokedKeysError {}
