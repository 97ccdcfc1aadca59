//! Private key files of all forms that are read, and `openssh-key-v1`, which is the one that is written.

use std::fmt;

use crypto::{NoEntropy, Rng, Secret};
use wire::WireError;

use crate::limits::{FILE_MAX, ITERATIONS_MAX, ROUNDS_MAX};
use crate::openssh::{self, FileCipher};
use crate::{KeyError, PrivateKey, pem};

/// A private key with its comment, as a file holds it.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub key: PrivateKey,
    /// The comment, of any bytes; empty when there is none, as in PEM.
    pub comment: Vec<u8>,
}

/// How a key file is to be encrypted.
pub struct Encryption<'a> {
    /// What the person who may read the file knows.
    pub passphrase: &'a Secret,
    /// The cipher.
    pub cipher: FileCipher,
    /// Rounds of bcrypt: how long each try of a passphrase takes, about 7 ms for each round.
    pub rounds: u32,
}

impl<'a> Encryption<'a> {
    /// What `ssh-keygen` does when it is told no more than the passphrase: aes256-ctr, and 32 rounds.
    #[must_use]
    pub fn new(passphrase: &'a Secret) -> Self {
        Self { passphrase, cipher: FileCipher::default(), rounds: openssh::ROUNDS }
    }
}

impl KeyFile {
    /// Reads a file that takes no passphrase: `openssh-key-v1`, or PEM with PKCS#1, SEC1 or PKCS#8.
    ///
    /// White space around `openssh-key-v1`'s armour, in it and CR LF line ends are accepted, as is text after the last
    /// line, which OpenSSH does not read either.
    ///
    /// # Errors
    /// [`FileError::Encrypted`] when the key needs a passphrase, else what is wrong with the file.
    pub fn parse(file: &[u8]) -> Result<Self, FileError> {
        match Form::of(file)? {
            Form::OpenSsh(document) => openssh::Container::parse(&document)?.read_plain(),
            Form::Pem(document) => document.read_plain(),
        }
    }

    /// Reads a file, with the passphrase where it takes one; where it does not, none is looked at.
    ///
    /// Deriving a key from the passphrase takes as long as the file's author wanted, up to [`ROUNDS_MAX`] and
    /// [`ITERATIONS_MAX`]: a second or a minute, so not on an event loop.
    ///
    /// # Errors
    /// [`FileError::Encrypted`] when a passphrase is needed and there is none; [`FileError::WrongPassphrase`] when it
    /// does not fit, or what it would decrypt is damaged, which look the same to all ciphers; else what is wrong with
    /// the file.
    pub fn read(file: &[u8], passphrase: Option<&Secret>) -> Result<Self, FileError> {
        let Some(passphrase) = passphrase else { return Self::parse(file) };
        match Form::of(file)? {
            Form::OpenSsh(document) => openssh::Container::parse(&document)?.read(passphrase),
            Form::Pem(document) => document.read(passphrase),
        }
    }

    /// Writes an `openssh-key-v1` file as `ssh-keygen` does, unencrypted.
    ///
    /// # Errors
    /// [`WriteError::TooLarge`] when the comment makes it larger than [`parse`](Self::parse) would read;
    /// [`WriteError::NoEntropy`] when `rng` did not give the check number.
    pub fn write(&self, rng: &mut dyn Rng) -> Result<Secret, WriteError> {
        openssh::write_plain(self, rng)
    }

    /// Writes an `openssh-key-v1` file as `ssh-keygen` does, encrypted.
    ///
    /// # Errors
    /// [`WriteError::BadEncryption`] when the passphrase is empty or the rounds are none or over [`ROUNDS_MAX`], else
    /// those of [`write`](Self::write).
    pub fn write_encrypted(
        &self,
        encryption: &Encryption<'_>,
        rng: &mut dyn Rng,
    ) -> Result<Secret, WriteError> {
        openssh::write_encrypted(self, encryption, rng)
    }
}

/// What a file is, by its first line.
enum Form {
    /// What the armour of `openssh-key-v1` holds.
    OpenSsh(zeroize::Zeroizing<Vec<u8>>),
    Pem(pem::Document),
}

impl Form {
    fn of(file: &[u8]) -> Result<Self, FileError> {
        if file.len() > FILE_MAX {
            return Err(FileError::TooLarge);
        }
        if let Some(document) = openssh::unarmour(file)? {
            return Ok(Self::OpenSsh(document));
        }
        pem::Document::parse(file)?.map_or_else(|| Err(not_private(file)), |document| Ok(Self::Pem(document)))
    }
}

/// What a file is that is no private key of ours.
fn not_private(file: &[u8]) -> FileError {
    let file = file.trim_ascii_start();
    let begins = |with: &[u8]| file.starts_with(with);
    if begins(b"PuTTY-User-Key-File-") {
        FileError::NotPrivate { what: "PuTTY private key".into() }
    } else if begins(b"---- BEGIN SSH2 PUBLIC KEY ----")
        || begins(b"ssh-")
        || begins(b"ecdsa-")
        || begins(b"sk-")
    {
        FileError::NotPrivate { what: "public key".into() }
    } else {
        FileError::NoArmour
    }
}

/// Why a private key file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is over [`FILE_MAX`].
    TooLarge,
    /// It does not begin with the first line of any form, or the last one is missing.
    NoArmour,
    /// It holds something else, or a private key in a form that is not read.
    NotPrivate {
        /// What it says it holds.
        what: String,
    },
    /// What the armour holds is not base64.
    BadBase64,
    /// What the base64 holds is not `openssh-key-v1`.
    BadMagic,
    /// The key is encrypted, so it takes a passphrase.
    Encrypted {
        /// The cipher that it is encrypted with.
        cipher: String,
        /// The function that makes the cipher's key of the passphrase.
        kdf: String,
    },
    /// The passphrase is not the right one, or what is encrypted is damaged.
    WrongPassphrase,
    /// The key is encrypted in a way that is not read, or derived from the passphrase in one.
    UnknownEncryption {
        /// The cipher or the function.
        name: String,
    },
    /// What is said of how the cipher's key is made of the passphrase is none of it: there are no rounds or no salt, or
    /// other fields than these.
    BadKdfOptions,
    /// Trying a passphrase would take longer than a file may ask for.
    TooManyRounds {
        /// The rounds or iterations that it asks for.
        got: u32,
        /// The most that are done.
        limit: u32,
    },
    /// It says that a key was derived from a passphrase and that nothing is encrypted with it.
    KdfWithoutCipher,
    /// It holds not one key.
    KeyCount {
        /// How many it says that it holds.
        got: u32,
    },
    /// Its fields are not those of such a file.
    Malformed(WireError),
    /// What the PEM holds is not the DER that its first line says.
    BadDer,
    /// The two check numbers differ, as they do after decryption with a wrong key.
    CheckMismatch,
    /// What follows the comment is not 1, 2, 3 and so on up to a multiple of the cipher's block.
    BadPadding,
    /// A key in it is none.
    Key(KeyError),
    /// The key in a PEM file is of a type or on a curve that we do not know.
    UnknownKey {
        /// The form that holds it, as people call it.
        form: &'static str,
    },
    /// The public key does not belong to the private key.
    PublicMismatch,
}

impl FileError {
    pub(crate) fn rounds(got: u32) -> Self {
        Self::TooManyRounds { got, limit: ROUNDS_MAX }
    }

    pub(crate) fn iterations(got: u32) -> Self {
        Self::TooManyRounds { got, limit: ITERATIONS_MAX }
    }
}

impl From<WireError> for FileError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "key file is larger than {FILE_MAX} bytes"),
            Self::NoArmour => f.write_str("no private key in the file"),
            Self::NotPrivate { what } => {
                write!(f, "file holds a {what}, which is no private key that can be read")
            }
            Self::BadBase64 => f.write_str("key file is not base64"),
            Self::BadMagic => f.write_str("not a key file of version openssh-key-v1"),
            Self::Encrypted { cipher, kdf } => {
                write!(f, "passphrase needed: key is encrypted with {cipher}, key from {kdf}")
            }
            Self::WrongPassphrase => f.write_str("incorrect passphrase supplied to decrypt private key"),
            Self::UnknownEncryption { name } => {
                write!(f, "key is encrypted with {name}, which is not supported")
            }
            Self::BadKdfOptions => f.write_str("bad key derivation options in the key file"),
            Self::TooManyRounds { got, limit } => {
                write!(f, "{got} rounds of key derivation, more than {limit}")
            }
            Self::KdfWithoutCipher => f.write_str("key derivation without encryption"),
            Self::KeyCount { got } => write!(f, "{got} keys in the file where one belongs"),
            Self::Malformed(error) => write!(f, "malformed key file: {error}"),
            Self::BadDer => f.write_str("malformed key file: bad DER"),
            Self::CheckMismatch => f.write_str("check numbers differ"),
            Self::BadPadding => f.write_str("bad padding"),
            Self::Key(error) => error.fmt(f),
            Self::UnknownKey { form } => write!(f, "{form} key of an unknown type"),
            Self::PublicMismatch => f.write_str("public and private key do not belong together"),
        }
    }
}

impl std::error::Error for FileError {}

/// Why a private key file was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// It would be over [`FILE_MAX`].
    TooLarge,
    /// There was no random check number or salt.
    NoEntropy,
    /// The passphrase is empty, or the rounds are none or more than [`ROUNDS_MAX`].
    BadEncryption,
}

impl From<NoEntropy> for WriteError {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "key file would be larger than {FILE_MAX} bytes"),
            Self::NoEntropy => NoEntropy.fmt(f),
            Self::BadEncryption => {
                write!(f, "a passphrase that is not empty and 1 to {ROUNDS_MAX} rounds are needed")
            }
        }
    }
}

impl std::error::Error for WriteError {}
