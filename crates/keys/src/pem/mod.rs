//! Private keys in PEM (RFC 7468, RFC 1421): PKCS#1, SEC1 and PKCS#8, as OpenSSH wrote them before 7.8 and other programs
//! still do. They are read and not written.

mod encryption;
mod private_key;

use crypto::Secret;
use zeroize::Zeroizing;

use crate::base64;
use crate::der::{BadDer, Der};
use crate::key_file::{FileError, KeyFile};
use crate::openssh::Wrong;
use encryption::TraditionalCipher;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Most bytes of a label that are shown to a person.
const LABEL_MAX: usize = 64;

/// What a file between its first and its last line holds.
pub(crate) struct Document {
    form: Form,
    der: Zeroizing<Vec<u8>>,
}

/// What the first line says.
#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    Ec,
    Pkcs8,
    EncryptedPkcs8,
}

impl Kind {
    fn of_label(label: &[u8]) -> Option<Self> {
        match label {
            b"RSA PRIVATE KEY" => Some(Self::Rsa),
            b"EC PRIVATE KEY" => Some(Self::Ec),
            b"PRIVATE KEY" => Some(Self::Pkcs8),
            b"ENCRYPTED PRIVATE KEY" => Some(Self::EncryptedPkcs8),
            _ => None,
        }
    }
}

/// What the first line, and the headers after it, say.
#[derive(Debug)]
enum Form {
    /// PKCS#1 (RFC 8017 A.1.2).
    Rsa(Option<TraditionalCipher>),
    /// SEC1 (RFC 5915).
    Ec(Option<TraditionalCipher>),
    /// PKCS#8 (RFC 5958).
    Pkcs8,
    /// PKCS#8, encrypted.
    EncryptedPkcs8,
}

impl From<BadDer> for FileError {
    fn from(BadDer: BadDer) -> Self {
        Self::BadDer
    }
}

impl Document {
    /// Finds the first private key in a file, which may begin with other text and other documents; `None` when there is
    /// no document at all.
    pub(crate) fn parse(file: &[u8]) -> Result<Option<Self>, FileError> {
        let mut lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        // openssl puts the parameters of a curve before the key.
        let mut other = None;
        let begun = lines.find_map(|line| {
            let label = mark(line, BEGIN)?;
            let kind = Kind::of_label(label);
            if kind.is_none() {
                other.get_or_insert(label);
            }
            kind.map(|kind| (label, kind))
        });
        let Some((label, kind)) = begun else {
            return match other {
                None => Ok(None),
                // It would have begun the file.
                Some(b"OPENSSH PRIVATE KEY") => Err(FileError::NoArmour),
                Some(label) => Err(FileError::NotPrivate { what: shown(label) }),
            };
        };
        let mut headers = Headers::default();
        let mut text = Zeroizing::new(Vec::with_capacity(file.len()));
        let mut whole = false;
        for line in lines {
            if let Some(end) = mark(line, END) {
                whole = end == label;
                break;
            }
            // Base64 has no colon.
            match line.iter().position(|byte| *byte == b':') {
                Some(colon) if text.is_empty() => headers.take(line, colon),
                _ => text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace())),
            }
        }
        let form = match kind {
            Kind::Rsa => Form::Rsa(headers.cipher()?),
            Kind::Ec => Form::Ec(headers.cipher()?),
            Kind::Pkcs8 => Form::Pkcs8,
            Kind::EncryptedPkcs8 => Form::EncryptedPkcs8,
        };
        if !whole {
            return Err(FileError::NoArmour);
        }
        let der = base64::decode(&text).ok_or(FileError::BadBase64)?;
        Ok(Some(Self { form, der }))
    }

    /// The key, when it is not encrypted.
    pub(crate) fn read_plain(&self) -> Result<KeyFile, FileError> {
        let key = match &self.form {
            Form::Rsa(None) => private_key::pkcs1(&self.der)?,
            Form::Ec(None) => private_key::sec1(&self.der, None)?,
            Form::Pkcs8 => private_key::pkcs8(&self.der)?,
            Form::Rsa(Some(cipher)) | Form::Ec(Some(cipher)) => {
                return Err(FileError::Encrypted { cipher: cipher.name().into(), kdf: "MD5".into() });
            }
            Form::EncryptedPkcs8 => {
                return Err(FileError::Encrypted { cipher: "PKCS#8".into(), kdf: "PBES2".into() });
            }
        };
        Ok(KeyFile { key, comment: Vec::new() })
    }

    /// The key, encrypted or not.
    pub(crate) fn read(&self, passphrase: &Secret) -> Result<KeyFile, FileError> {
        let key = match &self.form {
            Form::Rsa(Some(cipher)) => private_key::pkcs1(&decrypted(cipher.open(passphrase, &self.der))?)?,
            Form::Ec(Some(cipher)) => {
                private_key::sec1(&decrypted(cipher.open(passphrase, &self.der))?, None)?
            }
            Form::EncryptedPkcs8 => private_key::pkcs8(&encryption::open_pkcs8(passphrase, &self.der)?)?,
            Form::Rsa(None) | Form::Ec(None) | Form::Pkcs8 => return self.read_plain(),
        };
        Ok(KeyFile { key, comment: Vec::new() })
    }
}

/// What was decrypted, when it is one sequence and nothing more: a wrong passphrase leaves noise.
fn decrypted(opened: Result<Zeroizing<Vec<u8>>, Wrong>) -> Result<Zeroizing<Vec<u8>>, FileError> {
    opened.ok().filter(|der| Der::whole_sequence(der).is_ok()).ok_or(FileError::WrongPassphrase)
}

/// The label between this and five dashes, when the line is nothing else.
fn mark<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(begin)?.strip_suffix(DASHES)
}

fn shown(label: &[u8]) -> String {
    wire::Human(label.get(..LABEL_MAX).unwrap_or(label)).to_string()
}

/// The headers of RFC 1421 that encryption has.
#[derive(Default)]
struct Headers<'a> {
    encrypted: bool,
    cipher: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    fn take(&mut self, line: &'a [u8], colon: usize) {
        let Some((tag, value)) = line.split_at_checked(colon) else { return };
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        match tag {
            b"Proc-Type" => self.encrypted = value == b"4,ENCRYPTED",
            b"DEK-Info" => self.cipher = Some(value),
            _ => {}
        }
    }

    fn cipher(&self) -> Result<Option<TraditionalCipher>, FileError> {
        match (self.encrypted, self.cipher) {
            (false, _) => Ok(None),
            (true, None) => Err(FileError::UnknownEncryption { name: "no DEK-Info".into() }),
            (true, Some(info)) => TraditionalCipher::parse(info).map(Some),
        }
    }
}
