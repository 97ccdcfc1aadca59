//! Private key files of the form `openssh-key-v1` (OpenSSH's PROTOCOL.key), unencrypted.

use std::fmt;

use crypto::{NoEntropy, Rng, Secret};
use wire::{Decode, Encode, Name, Reader, Sink, WireError, encoded_len, put_string, put_u32};
use zeroize::Zeroizing;

use crate::ed25519::{self, Ed25519PrivateKey};
use crate::limits::FILE_MAX;
use crate::{KeyError, PrivateKey, PublicKey, base64};

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const NONE: &str = "none";

/// Characters of base64 on a line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

/// The unit in bytes that the private section is padded to when it is not encrypted.
const BLOCK: usize = 8;

/// A private key with its comment, as a file holds it.
#[derive(Debug)]
pub struct KeyFile {
    /// The key.
    pub key: PrivateKey,
    /// The comment, of any bytes; empty when there is none.
    pub comment: Vec<u8>,
}

impl KeyFile {
    /// Reads a file. White space around the armour, in it and CR LF line ends are accepted, as is text after the last
    /// line, which OpenSSH does not read either.
    ///
    /// # Errors
    /// [`FileError::Encrypted`] when the key needs a passphrase, else what is wrong with the file.
    pub fn parse(file: &[u8]) -> Result<Self, FileError> {
        if file.len() > FILE_MAX {
            return Err(FileError::TooLarge);
        }
        let document = unarmour(file)?;
        let mut input = Reader::new(document.strip_prefix(MAGIC).ok_or(FileError::BadMagic)?);
        let cipher = Name::decode(&mut input)?;
        let kdf = Name::decode(&mut input)?;
        let kdf_options = input.string()?;
        if cipher != NONE {
            return Err(FileError::Encrypted { cipher: cipher.as_str().into(), kdf: kdf.as_str().into() });
        }
        if kdf != NONE || !kdf_options.is_empty() {
            return Err(FileError::KdfWithoutCipher);
        }
        let keys = input.u32()?;
        if keys != 1 {
            return Err(FileError::KeyCount { got: keys });
        }
        let public_blob = input.string()?;
        let section = input.string()?;
        input.finish()?;

        let public = PublicKey::parse(public_blob).map_err(FileError::Key)?;
        let file = Self::parse_section(section)?;
        if file.key.public() != public {
            return Err(FileError::PublicMismatch);
        }
        Ok(file)
    }

    /// Reads the private section: two equal numbers, the key, the comment, and the padding 1, 2, 3 and so on.
    fn parse_section(section: &[u8]) -> Result<Self, FileError> {
        if !section.len().is_multiple_of(BLOCK) {
            return Err(FileError::BadPadding);
        }
        let mut input = Reader::new(section);
        if input.u32()? != input.u32()? {
            return Err(FileError::CheckMismatch);
        }
        let key = match Name::decode(&mut input)?.as_str() {
            ed25519::KEY_TYPE => Ed25519PrivateKey::read(&mut input)
                .map_err(FileError::Key)?
                .map(PrivateKey::Ed25519)
                .ok_or(FileError::PublicMismatch)?,
            _ => return Err(FileError::Key(KeyError::UnknownType)),
        };
        let comment = input.string()?.to_vec();
        // Some writers pad to 16 although 8 would do. Nobody can need 256, where the count would begin anew.
        let padding = input.rest();
        let counted = padding.iter().zip(1..=u8::MAX).all(|(found, expected)| *found == expected);
        if !counted || padding.len() > usize::from(u8::MAX) {
            return Err(FileError::BadPadding);
        }
        Ok(Self { key, comment })
    }

    /// Writes the file as `ssh-keygen` does, unencrypted.
    ///
    /// # Errors
    /// [`WriteError::TooLarge`] when the comment makes it larger than [`parse`](Self::parse) would read;
    /// [`WriteError::NoEntropy`] when `rng` did not give the check number.
    pub fn write(&self, rng: &mut dyn Rng) -> Result<Secret, WriteError> {
        let mut check = [0; 4];
        rng.fill(&mut check)?;
        let section = Section { check: u32::from_be_bytes(check), file: self };
        let public = self.key.public();

        // Sizes are known before bytes are put, so no buffer grows and leaves a copy behind.
        let document = Document { public: &public, section };
        let length = encoded_len(&document);
        if length > FILE_MAX {
            return Err(WriteError::TooLarge);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        document.encode(&mut *bytes);
        let text = armour(&bytes);
        if text.len() > FILE_MAX { Err(WriteError::TooLarge) } else { Ok(text) }
    }
}

/// What the armour holds.
struct Document<'a> {
    public: &'a PublicKey,
    section: Section<'a>,
}

impl Encode for Document<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(MAGIC);
        put_string(out, NONE.as_bytes());
        put_string(out, NONE.as_bytes());
        put_string(out, &[]);
        put_u32(out, 1);
        wire::Blob(self.public).encode(out);
        wire::Blob(&self.section).encode(out);
    }
}

/// What would be encrypted if there were a passphrase.
struct Section<'a> {
    check: u32,
    file: &'a KeyFile,
}

impl Section<'_> {
    fn put_fields<S: Sink + ?Sized>(&self, out: &mut S) {
        put_u32(out, self.check);
        put_u32(out, self.check);
        match &self.file.key {
            PrivateKey::Ed25519(key) => {
                put_string(out, ed25519::KEY_TYPE.as_bytes());
                key.put(out);
            }
        }
        put_string(out, &self.file.comment);
    }
}

impl Encode for Section<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        let mut counted = Counted { sink: out, len: 0 };
        self.put_fields(&mut counted);
        let missing = counted.len.next_multiple_of(BLOCK).saturating_sub(counted.len);
        for (pad, _) in (1..=u8::MAX).zip(0..missing) {
            out.put(&[pad]);
        }
    }
}

/// A sink that knows how much went through it.
struct Counted<'a, S: Sink + ?Sized> {
    sink: &'a mut S,
    len: usize,
}

impl<S: Sink + ?Sized> Sink for Counted<'_, S> {
    fn put(&mut self, bytes: &[u8]) {
        self.len = self.len.saturating_add(bytes.len());
        self.sink.put(bytes);
    }
}

/// Takes the armour off.
fn unarmour(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let body = file.trim_ascii_start().strip_prefix(BEGIN).ok_or(FileError::NoArmour)?;
    let end = body.windows(END.len()).position(|window| window == END).ok_or(FileError::NoArmour)?;
    let (body, rest) = body.split_at_checked(end).ok_or(FileError::NoArmour)?;
    let rest = rest.strip_prefix(END).unwrap_or_default();
    // Both lines stand alone; the last one may lack its line break.
    let breaks = |text: &[u8]| text.starts_with(b"\n") || text.starts_with(b"\r\n");
    if !breaks(body) || !body.ends_with(b"\n") || !(rest.is_empty() || breaks(rest)) {
        return Err(FileError::NoArmour);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
    text.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
    base64::decode(&text).ok_or(FileError::BadBase64)
}

/// Puts the armour on.
fn armour(document: &[u8]) -> Secret {
    let text = base64::encode(document);
    let lines = text.len().div_ceil(COLUMNS);
    let length = [BEGIN.len(), END.len(), text.len(), lines, 2].into_iter().fold(0, usize::saturating_add);
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(BEGIN);
    file.push(b'\n');
    for line in text.as_bytes().chunks(COLUMNS) {
        file.extend_from_slice(line);
        file.push(b'\n');
    }
    file.extend_from_slice(END);
    file.push(b'\n');
    Secret::new(file)
}

/// Why a private key file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is over [`FILE_MAX`].
    TooLarge,
    /// It does not begin with the armour's first line, or the last one is missing.
    NoArmour,
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
    /// It says that a key was derived from a passphrase and that nothing is encrypted with it.
    KdfWithoutCipher,
    /// It holds not one key.
    KeyCount {
        /// How many it says that it holds.
        got: u32,
    },
    /// Its fields are not those of such a file.
    Malformed(WireError),
    /// The two check numbers differ, as they do after decryption with a wrong key.
    CheckMismatch,
    /// What follows the comment is not 1, 2, 3 and so on up to a multiple of eight bytes.
    BadPadding,
    /// A key in it is none.
    Key(KeyError),
    /// The public key does not belong to the private key.
    PublicMismatch,
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
            Self::NoArmour => f.write_str("no OPENSSH PRIVATE KEY in the file"),
            Self::BadBase64 => f.write_str("key file is not base64"),
            Self::BadMagic => f.write_str("not a key file of version openssh-key-v1"),
            Self::Encrypted { cipher, kdf } => write!(f, "key is encrypted with {cipher}, key from {kdf}"),
            Self::KdfWithoutCipher => f.write_str("key derivation without encryption"),
            Self::KeyCount { got } => write!(f, "{got} keys in the file where one belongs"),
            Self::Malformed(error) => write!(f, "malformed key file: {error}"),
            Self::CheckMismatch => f.write_str("check numbers differ"),
            Self::BadPadding => f.write_str("bad padding"),
            Self::Key(error) => error.fmt(f),
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
    /// There was no random check number.
    NoEntropy,
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
        }
    }
}

impl std::error::Error for WriteError {}
