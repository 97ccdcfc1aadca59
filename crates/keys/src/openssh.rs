//! The form `openssh-key-v1` of private key files (OpenSSH's PROTOCOL.key).

mod encryption;

use crypto::{Rng, Secret};
use wire::{Decode, Encode, Name, Reader, Sink, WireError, encoded_len, put_string, put_u32};
use zeroize::Zeroizing;

pub use encryption::FileCipher;
pub(crate) use encryption::{Wrong, open_aes_cbc, open_triple_des_cbc};

use crate::key_file::{Encryption, FileError, KeyFile, WriteError};
use crate::limits::{FILE_MAX, ROUNDS_MAX};
use crate::{PrivateKey, PublicKey, base64};

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const NONE: &str = "none";
const BCRYPT: &str = "bcrypt";

/// Rounds of bcrypt that `ssh-keygen` does when it is told nothing.
pub(crate) const ROUNDS: u32 = 32;

/// Length in bytes of the salt, as `ssh-keygen` makes it.
const SALT_LEN: usize = 16;

/// Characters of base64 on a line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

/// The unit in bytes that the private section is padded to when it is not encrypted.
const BLOCK: usize = 8;

/// What the armour holds, before anything was decrypted.
pub(crate) struct Container<'a> {
    cipher: Name<'a>,
    kdf: Name<'a>,
    kdf_options: &'a [u8],
    public: &'a [u8],
    section: &'a [u8],
    /// What follows the section: the proof of ciphers that have one.
    tag: &'a [u8],
}

impl<'a> Container<'a> {
    pub(crate) fn parse(document: &'a [u8]) -> Result<Self, FileError> {
        let mut input = Reader::new(document.strip_prefix(MAGIC).ok_or(FileError::BadMagic)?);
        let cipher = Name::decode(&mut input)?;
        let kdf = Name::decode(&mut input)?;
        let kdf_options = input.string()?;
        let keys = input.u32()?;
        if keys != 1 {
            return Err(FileError::KeyCount { got: keys });
        }
        let public = input.string()?;
        let section = input.string()?;
        Ok(Self { cipher, kdf, kdf_options, public, section, tag: input.rest() })
    }

    /// The key, when it is not encrypted.
    pub(crate) fn read_plain(&self) -> Result<KeyFile, FileError> {
        if self.cipher != NONE {
            let (cipher, kdf) = (self.cipher.as_str().into(), self.kdf.as_str().into());
            return Err(FileError::Encrypted { cipher, kdf });
        }
        if self.kdf != NONE || !self.kdf_options.is_empty() {
            return Err(FileError::KdfWithoutCipher);
        }
        Reader::new(self.tag).finish()?;
        self.parse_section(self.section, BLOCK)
    }

    /// The key, encrypted or not.
    pub(crate) fn read(&self, passphrase: &Secret) -> Result<KeyFile, FileError> {
        if self.cipher == NONE {
            return self.read_plain();
        }
        let unknown = |name: Name<'_>| FileError::UnknownEncryption { name: name.as_str().into() };
        let cipher = FileCipher::by_name(self.cipher.as_str()).ok_or_else(|| unknown(self.cipher))?;
        if self.kdf != BCRYPT {
            return Err(unknown(self.kdf));
        }
        let (salt, rounds) = self.bcrypt_options().map_err(|_| FileError::BadKdfOptions)?;
        if salt.is_empty() || rounds == 0 {
            return Err(FileError::BadKdfOptions);
        }
        if rounds > ROUNDS_MAX {
            return Err(FileError::rounds(rounds));
        }
        let mut proof = Reader::new(self.tag);
        let tag = proof.take(cipher.tag_len())?;
        proof.finish()?;
        if !self.section.len().is_multiple_of(cipher.block_len()) {
            return Err(FileError::BadPadding);
        }

        let mut section = Zeroizing::new(self.section.to_vec());
        let key = cipher.derive(passphrase, salt, rounds).map_err(|Wrong| FileError::WrongPassphrase)?;
        key.open(&mut section, tag).map_err(|Wrong| FileError::WrongPassphrase)?;
        self.parse_section(&section, cipher.block_len()).map_err(|error| match error {
            // What a wrong key decrypts has two equal numbers once in four thousand million times.
            FileError::CheckMismatch => FileError::WrongPassphrase,
            damaged => damaged,
        })
    }

    /// The salt and the rounds that a key is made with, and nothing more.
    fn bcrypt_options(&self) -> Result<(&'a [u8], u32), WireError> {
        let mut options = Reader::new(self.kdf_options);
        let read = (options.string()?, options.u32()?);
        options.finish()?;
        Ok(read)
    }

    /// Reads the private section: two equal numbers, the key, the comment, and the padding 1, 2, 3 and so on.
    fn parse_section(&self, section: &[u8], block: usize) -> Result<KeyFile, FileError> {
        if !section.len().is_multiple_of(block) {
            return Err(FileError::BadPadding);
        }
        let public = PublicKey::parse(self.public).map_err(FileError::Key)?;
        let mut input = Reader::new(section);
        if input.u32()? != input.u32()? {
            return Err(FileError::CheckMismatch);
        }
        let key = PrivateKey::read(&mut input).map_err(FileError::Key)?.ok_or(FileError::PublicMismatch)?;
        let comment = input.string()?.to_vec();
        // Some writers pad to 16 although 8 would do. Nobody can need 256, where the count would begin anew.
        let padding = input.rest();
        let counted = padding.iter().zip(1..=u8::MAX).all(|(found, expected)| *found == expected);
        if !counted || padding.len() > usize::from(u8::MAX) {
            return Err(FileError::BadPadding);
        }
        if key.public() != public {
            return Err(FileError::PublicMismatch);
        }
        Ok(KeyFile { key, comment })
    }
}

pub(crate) fn write_plain(file: &KeyFile, rng: &mut dyn Rng) -> Result<Secret, WriteError> {
    let section = section(file, BLOCK, rng)?;
    put_document(&Document { cipher: NONE, kdf: NONE, kdf_options: &[], file, section: &section, tag: &[] })
}

pub(crate) fn write_encrypted(
    file: &KeyFile,
    encryption: &Encryption<'_>,
    rng: &mut dyn Rng,
) -> Result<Secret, WriteError> {
    let Encryption { passphrase, cipher, rounds } = *encryption;
    if rounds > ROUNDS_MAX {
        return Err(WriteError::BadEncryption);
    }
    let mut section = section(file, cipher.block_len(), rng)?;
    let mut salt = [0; SALT_LEN];
    rng.fill(&mut salt)?;
    let key = cipher.derive(passphrase, &salt, rounds).map_err(|Wrong| WriteError::BadEncryption)?;
    let tag = key.seal(&mut section).map_err(|Wrong| WriteError::BadEncryption)?;

    let mut kdf_options = Vec::new();
    put_string(&mut kdf_options, &salt);
    put_u32(&mut kdf_options, rounds);
    put_document(&Document {
        cipher: cipher.name(),
        kdf: BCRYPT,
        kdf_options: &kdf_options,
        file,
        section: &section,
        tag: &tag,
    })
}

/// The private section as it is before encryption, padded to a multiple of `block`.
fn section(file: &KeyFile, block: usize, rng: &mut dyn Rng) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let mut check = [0; 4];
    rng.fill(&mut check)?;
    // Sizes are known before bytes are put, so no buffer grows and leaves a copy behind.
    let section = Section { check: u32::from_be_bytes(check), file, block };
    let length = encoded_len(&section);
    if length > FILE_MAX {
        return Err(WriteError::TooLarge);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    section.encode(&mut *bytes);
    Ok(bytes)
}

fn put_document(document: &Document<'_>) -> Result<Secret, WriteError> {
    let length = encoded_len(document);
    if length > FILE_MAX {
        return Err(WriteError::TooLarge);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    document.encode(&mut *bytes);
    let text = armour(&bytes);
    if text.len() > FILE_MAX { Err(WriteError::TooLarge) } else { Ok(text) }
}

/// What the armour is put around.
struct Document<'a> {
    cipher: &'a str,
    kdf: &'a str,
    kdf_options: &'a [u8],
    file: &'a KeyFile,
    section: &'a [u8],
    tag: &'a [u8],
}

impl Encode for Document<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(MAGIC);
        put_string(out, self.cipher.as_bytes());
        put_string(out, self.kdf.as_bytes());
        put_string(out, self.kdf_options);
        put_u32(out, 1);
        wire::Blob(&self.file.key.public()).encode(out);
        put_string(out, self.section);
        out.put(self.tag);
    }
}

/// What is encrypted if there is a passphrase.
struct Section<'a> {
    check: u32,
    file: &'a KeyFile,
    block: usize,
}

impl Section<'_> {
    fn put_fields<S: Sink + ?Sized>(&self, out: &mut S) {
        put_u32(out, self.check);
        put_u32(out, self.check);
        self.file.key.put(out);
        put_string(out, &self.file.comment);
    }
}

impl Encode for Section<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        let mut counted = Counted { sink: out, len: 0 };
        self.put_fields(&mut counted);
        let missing = counted.len.next_multiple_of(self.block).saturating_sub(counted.len);
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

/// Takes the armour off; `None` when the file does not begin with this one.
pub(crate) fn unarmour(file: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let Some(body) = file.trim_ascii_start().strip_prefix(BEGIN) else { return Ok(None) };
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
    base64::decode(&text).map(Some).ok_or(FileError::BadBase64)
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
