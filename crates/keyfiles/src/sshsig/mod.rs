//! SSHSIG (OpenSSH's PROTOCOL.sshsig): signatures of files and other messages, made with SSH keys.
//!
//! ```
//! use keys::{Identity, PrivateKey, SignatureAlg};
//! use nacre_keyfiles::sshsig::{MessageHash, SshSignature};
//!
//! let key = PrivateKey::from_seed(&[1; 32]);
//! let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
//! let identity = Identity::Key(key.public());
//! let file = SshSignature::sign(&key, identity, algorithm, b"file", MessageHash::Sha512, b"message")?.armored();
//!
//! let signature = SshSignature::parse(file.as_bytes())?;
//! assert_eq!(signature.verify(b"file", b"message")?.key(), &key.public());
//! assert!(signature.verify(b"git", b"message").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A signature that verifies tells who holds a key. Whose that key is, and for what, is [`allowed_signers`](crate::allowed_signers)'
//! to say, and whether it was lost is [`revoked_keys`](crate::revoked_keys)'.

use std::fmt;

use crypto::{Digest, HashAlg};
use keys::{
    Identity, KeyError, PrivateKey, SIGNATURES, SignError, Signature, SignatureAlg, Status, Verified,
    VerifyError, verify,
};
use wire::{Reader, Sink, WireError, put_string, put_u32};

mod armor;

/// What a blob and what is signed begin with.
const MAGIC: &[u8] = b"SSHSIG";

/// The version of the format that is read and written.
const VERSION: u32 = 1;

/// The hash of a message, which is signed in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum MessageHash {
    /// SHA-256.
    Sha256,
    /// SHA-512, as `ssh-keygen -Y sign` takes.
    #[default]
    Sha512,
}

impl MessageHash {
    /// Its name in a signature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The hash of that name.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.name().as_bytes() == name)
    }

    /// The hash function, for messages that come piece by piece.
    #[must_use]
    pub fn algorithm(self) -> HashAlg {
        match self {
            Self::Sha256 => HashAlg::Sha256,
            Self::Sha512 => HashAlg::Sha512,
        }
    }
}

/// A signature of a message, which is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSignature {
    identity: Identity,
    namespace: Vec<u8>,
    /// For later versions; signed, and otherwise ignored.
    reserved: Vec<u8>,
    hash: MessageHash,
    /// The signature blob.
    signature: Vec<u8>,
}

impl SshSignature {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &[u8]) -> Result<Self, SshsigError> {
        Self::from_blob(&armor::take_off(file)?)
    }

    /// Reads what the armour holds, and nothing more.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_blob(blob: &[u8]) -> Result<Self, SshsigError> {
        let mut input = Reader::new(blob.strip_prefix(MAGIC).ok_or(SshsigError::BadMagic)?);
        let version = input.u32()?;
        if version != VERSION {
            return Err(SshsigError::UnknownVersion { got: version });
        }
        let identity = Identity::parse(input.string()?).map_err(SshsigError::Key)?;
        let namespace = good_namespace(input.string()?)?;
        let reserved = input.string()?.to_vec();
        let hash = MessageHash::by_name(input.string()?).ok_or(SshsigError::UnknownHash)?;
        let signature = input.string()?.to_vec();
        input.finish()?;
        Ok(Self { identity, namespace, reserved, hash, signature })
    }

    /// Signs a message with a key that is here. `identity` is what the signature shows: the key, or a certificate of it.
    ///
    /// # Errors
    /// What [`assemble`](Self::assemble) says, and [`SshsigError::Sign`] when the key does not sign by this algorithm.
    pub fn sign(
        key: &PrivateKey,
        identity: Identity,
        algorithm: &'static SignatureAlg,
        namespace: &[u8],
        hash: MessageHash,
        message: &[u8],
    ) -> Result<Self, SshsigError> {
        let data = to_sign(namespace, hash, &hash.algorithm().digest(message));
        let signature = key.sign(algorithm, &data).map_err(SshsigError::Sign)?;
        Self::assemble(identity, namespace, hash, signature)
    }

    /// A signature whose signature blob was made elsewhere, over [`to_sign`]: by an agent.
    ///
    /// # Errors
    /// [`SshsigError::NoNamespace`] when the namespace is empty, [`SshsigError::Algorithm`] when the blob's algorithm is none that
    /// may sign messages with such a key.
    pub fn assemble(
        identity: Identity,
        namespace: &[u8],
        hash: MessageHash,
        signature: Vec<u8>,
    ) -> Result<Self, SshsigError> {
        let namespace = good_namespace(namespace)?;
        let made = Self { identity, namespace, reserved: Vec::new(), hash, signature };
        made.algorithm()?;
        Ok(made)
    }

    /// The key or certificate that it shows. Nothing is proven by it.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it is for.
    #[must_use]
    pub fn namespace(&self) -> &[u8] {
        &self.namespace
    }

    /// How its message is hashed.
    #[must_use]
    pub fn hash(&self) -> MessageHash {
        self.hash
    }

    /// What the armour holds.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        let mut blob = MAGIC.to_vec();
        put_u32(&mut blob, VERSION);
        put_string(&mut blob, &self.identity.blob());
        put_string(&mut blob, &self.namespace);
        put_string(&mut blob, &self.reserved);
        put_string(&mut blob, self.hash.name().as_bytes());
        put_string(&mut blob, &self.signature);
        blob
    }

    /// The file.
    #[must_use]
    pub fn armored(&self) -> String {
        armor::put_on(&self.blob())
    }

    /// Verifies that the holder of the key signed this message for this namespace.
    ///
    /// # Errors
    /// Which of it does not hold.
    pub fn verify(&self, namespace: &[u8], message: &[u8]) -> Result<Verified, SshsigError> {
        self.verify_digest(namespace, &self.hash.algorithm().digest(message))
    }

    /// Verifies a message that was hashed by [`hash`](Self::hash).
    ///
    /// # Errors
    /// Which of it does not hold.
    pub fn verify_digest(&self, namespace: &[u8], digest: &Digest) -> Result<Verified, SshsigError> {
        if namespace != self.namespace {
            return Err(SshsigError::WrongNamespace);
        }
        let data = signed(namespace, &self.reserved, self.hash, digest);
        verify(self.algorithm()?, &self.identity.blob(), &data, &self.signature).map_err(SshsigError::Verify)
    }

    /// The algorithm that its signature blob names, if it may sign messages.
    fn algorithm(&self) -> Result<&'static SignatureAlg, SshsigError> {
        let signature = Signature::parse(&self.signature)?;
        SIGNATURES
            .iter()
            .find(|row| row.key_type == self.identity.key_type() && signature.is_by(row))
            // SHA-1 is not enough for what may be verified years later.
            .filter(|row| row.status != Status::Insecure)
            .ok_or_else(|| SshsigError::Algorithm { name: signature.algorithm.as_str().into() })
    }
}

/// What a key signs: nothing that it would ever sign to log in somewhere.
#[must_use]
pub fn to_sign(namespace: &[u8], hash: MessageHash, digest: &Digest) -> Vec<u8> {
    signed(namespace, &[], hash, digest)
}

fn signed(namespace: &[u8], reserved: &[u8], hash: MessageHash, digest: &Digest) -> Vec<u8> {
    let mut data = Vec::new();
    data.put(MAGIC);
    put_string(&mut data, namespace);
    put_string(&mut data, reserved);
    put_string(&mut data, hash.name().as_bytes());
    put_string(&mut data, digest.as_slice());
    data
}

fn good_namespace(namespace: &[u8]) -> Result<Vec<u8>, SshsigError> {
    if namespace.is_empty() { Err(SshsigError::NoNamespace) } else { Ok(namespace.to_vec()) }
}

/// Why there is no signature, or it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshsigError {
    /// The file is over [`MAX_SIGNATURE_FILE`](crate::limits::MAX_SIGNATURE_FILE).
    TooLarge,
    /// It does not begin with the armour's first line, or the last one is missing.
    NoArmour,
    /// What the armour holds is not base64.
    BadBase64,
    /// What the base64 holds is no SSHSIG.
    BadMagic,
    /// It has another version of the format.
    UnknownVersion {
        /// The version that it has.
        got: u32,
    },
    /// Its fields are not those of such a signature.
    Malformed(WireError),
    /// The key in it is none.
    Key(KeyError),
    /// Its namespace is empty.
    NoNamespace,
    /// Its message is hashed by something else than SHA-256 and SHA-512.
    UnknownHash,
    /// It is signed by an algorithm that is none of its key, or one with SHA-1.
    Algorithm {
        /// The algorithm's name.
        name: String,
    },
    /// It is for something else.
    WrongNamespace,
    /// It does not verify.
    Verify(VerifyError),
    /// The key did not sign.
    Sign(SignError),
}

impl From<WireError> for SshsigError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for SshsigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("signature file is too large"),
            Self::NoArmour => f.write_str("no SSH SIGNATURE in the file"),
            Self::BadBase64 => f.write_str("signature is not base64"),
            Self::BadMagic => f.write_str("not an SSHSIG signature"),
            Self::UnknownVersion { got } => write!(f, "unsupported SSHSIG version {got}"),
            Self::Malformed(error) => write!(f, "malformed signature: {error}"),
            Self::Key(error) => error.fmt(f),
            Self::NoNamespace => f.write_str("namespace is empty"),
            Self::UnknownHash => f.write_str("message is hashed by something else than sha256 and sha512"),
            Self::Algorithm { name } => {
                write!(f, "key cannot sign messages with {}", wire::Escaped(name.as_bytes()))
            }
            Self::WrongNamespace => f.write_str("namespace does not match"),
            Self::Verify(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SshsigError {}
