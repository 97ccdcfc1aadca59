//! Public key lines: `ssh-ed25519 AAAA… comment`, as in `.pub` files.

use std::fmt;

use wire::Human;
use zeroize::Zeroizing;

use crate::limits::LINE_MAX;
use crate::{Identity, KeyError, PublicKey, base64};

/// A public key with a comment. Options before the key, as in `authorized_keys`, are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine<'a> {
    key: PublicKey,
    comment: &'a [u8],
}

impl<'a> KeyLine<'a> {
    /// A line that can be written.
    ///
    /// # Errors
    /// [`LineError::BadComment`] when the comment holds a line break or a NUL, which would make it more than one line
    /// or less; [`LineError::TooLong`] when the line would be over [`LINE_MAX`].
    pub fn new(key: PublicKey, comment: &'a [u8]) -> Result<Self, LineError> {
        let line = Self::of_one_line(key, comment)?;
        if line.to_vec().len() > LINE_MAX { Err(LineError::TooLong) } else { Ok(line) }
    }

    /// Reads one line: blanks, type, blanks, base64, and after blanks the comment, which may be absent and may hold
    /// blanks. One line break at the end is left out.
    ///
    /// # Errors
    /// A [`LineError`] that says what is wrong. The type in the text must be the type in the blob.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let (blob, comment) = parts(line)?;
        Self::of_one_line(PublicKey::parse(&blob).map_err(LineError::Key)?, comment)
    }

    fn of_one_line(key: PublicKey, comment: &'a [u8]) -> Result<Self, LineError> {
        Ok(Self { key, comment: one_line(comment)? })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key, by value.
    #[must_use]
    pub fn into_key(self) -> PublicKey {
        self.key
    }

    /// The comment without blanks around it, empty when there is none.
    #[must_use]
    pub fn comment(&self) -> Human<'a> {
        Human(self.comment)
    }

    /// The line without a line break.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut line = self.key.to_string().into_bytes();
        if !self.comment.is_empty() {
            line.push(b' ');
            line.extend_from_slice(self.comment);
        }
        line
    }
}

/// A plain key or a certificate with a comment, as in a `.pub` file that may be a `-cert.pub` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityLine<'a> {
    identity: Identity,
    comment: &'a [u8],
}

impl<'a> IdentityLine<'a> {
    /// Reads one line as [`KeyLine::parse`] does.
    ///
    /// # Errors
    /// A [`LineError`] that says what is wrong.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let (blob, comment) = parts(line)?;
        let identity = Identity::parse(&blob).map_err(LineError::Key)?;
        Ok(Self { identity, comment: one_line(comment)? })
    }

    /// The key or the certificate.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The key or the certificate, by value.
    #[must_use]
    pub fn into_identity(self) -> Identity {
        self.identity
    }

    /// The comment without blanks around it, empty when there is none.
    #[must_use]
    pub fn comment(&self) -> Human<'a> {
        Human(self.comment)
    }
}

/// The blob of a line, which is of the type that the line says, and the comment.
fn parts(line: &[u8]) -> Result<(Zeroizing<Vec<u8>>, &[u8]), LineError> {
    if line.len() > LINE_MAX {
        return Err(LineError::TooLong);
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (key_type, rest) = word(line).ok_or(LineError::NoKey)?;
    let (text, rest) = word(rest).ok_or(LineError::NoKey)?;
    let blob = base64::decode(text).ok_or(LineError::BadBase64)?;
    if PublicKey::type_of(&blob).map_err(LineError::Key)?.as_str().as_bytes() != key_type {
        return Err(LineError::TypeMismatch);
    }
    Ok((blob, rest))
}

fn one_line(comment: &[u8]) -> Result<&[u8], LineError> {
    let comment = comment.trim_ascii();
    if comment.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        return Err(LineError::BadComment);
    }
    Ok(comment)
}

/// The next word, and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte))?;
    let (_, text) = text.split_at_checked(start)?;
    let end = text.iter().position(blank).unwrap_or(text.len());
    text.split_at_checked(end)
}

/// Why a line is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// It is over [`LINE_MAX`].
    TooLong,
    /// It has no type or no base64.
    NoKey,
    /// Its second word is not base64.
    BadBase64,
    /// The type that it begins with is not the type of the key in it.
    TypeMismatch,
    /// The key in it is none.
    Key(KeyError),
    /// The comment holds a line break or a NUL.
    BadComment,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "key line is longer than {LINE_MAX} bytes"),
            Self::NoKey => f.write_str("no key type and key in the line"),
            Self::BadBase64 => f.write_str("key is not base64"),
            Self::TypeMismatch => f.write_str("key is of another type than its line says"),
            Self::Key(error) => error.fmt(f),
            Self::BadComment => f.write_str("comment holds a line break or a NUL"),
        }
    }
}

impl std::error::Error for LineError {}
