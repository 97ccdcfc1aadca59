//! Public key files as RFC 4716 has them, which other SSH programs write (`ssh-keygen -e` and `-i`).

use std::fmt;

use wire::Human;

use crate::limits::LINE_MAX;
use crate::{KeyError, PublicKey, base64};

const BEGIN: &[u8] = b"---- BEGIN SSH2 PUBLIC KEY ----";
const END: &[u8] = b"---- END SSH2 PUBLIC KEY ----";

/// Characters of base64 on a line, as `ssh-keygen` writes them.
const COLUMNS: usize = 70;

/// Longest line in bytes without its line break, which is RFC 4716's 72 (§3.1).
const LINE_LEN: usize = 72;

/// A public key with its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh2PublicKey {
    key: PublicKey,
    comment: Vec<u8>,
}

impl Ssh2PublicKey {
    /// A key that can be written.
    ///
    /// # Errors
    /// [`Ssh2Error::BadHeader`] when the comment holds a line break or a NUL, or is over 1024 bytes (RFC 4716 §3.3).
    pub fn new(key: PublicKey, comment: &[u8]) -> Result<Self, Ssh2Error> {
        if comment.len() > HEADER_MAX || comment.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(Ssh2Error::BadHeader);
        }
        Ok(Self { key, comment: comment.to_vec() })
    }

    /// Reads a file. What stands around the two marks is ignored, headers other than the comment too.
    ///
    /// # Errors
    /// A [`Ssh2Error`] that says what is wrong.
    pub fn parse(file: &[u8]) -> Result<Self, Ssh2Error> {
        if file.len() > LINE_MAX {
            return Err(Ssh2Error::TooLong);
        }
        let mut lines = file
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .skip_while(|line| *line != BEGIN);
        lines.next().ok_or(Ssh2Error::NoMarks)?;

        let mut comment = Vec::new();
        let mut text = Vec::new();
        let mut whole = false;
        while let Some(line) = lines.next() {
            if line == END {
                whole = true;
                break;
            }
            // Base64 has no colon, so a line with one is a header, until the first line of base64.
            match line.iter().position(|byte| *byte == b':') {
                Some(colon) if text.is_empty() => {
                    let (tag, value) = line.split_at_checked(colon).ok_or(Ssh2Error::BadHeader)?;
                    let value = header(value.strip_prefix(b":").unwrap_or_default(), &mut lines)?;
                    if tag.eq_ignore_ascii_case(b"comment") {
                        comment = unquoted(&value).to_vec();
                    }
                }
                _ => text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace())),
            }
        }
        if !whole {
            return Err(Ssh2Error::NoMarks);
        }
        let blob = base64::decode(&text).ok_or(Ssh2Error::BadBase64)?;
        Self::new(PublicKey::parse(&blob).map_err(Ssh2Error::Key)?, &comment)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The comment, empty when there is none.
    #[must_use]
    pub fn comment(&self) -> Human<'_> {
        Human(&self.comment)
    }

    /// The file as `ssh-keygen -e` writes it; a comment that is longer than a line goes on in the next.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut file = [BEGIN, b"\n"].concat();
        if !self.comment.is_empty() {
            let header = [b"Comment: \"", &self.comment[..], b"\""].concat();
            let mut parts = header.chunks(LINE_LEN.saturating_sub(1)).peekable();
            while let Some(part) = parts.next() {
                file.extend_from_slice(part);
                file.extend_from_slice(if parts.peek().is_some() { b"\\\n" } else { b"\n" });
            }
        }
        for line in base64::encode(&self.key.blob()).as_bytes().chunks(COLUMNS) {
            file.extend_from_slice(line);
            file.push(b'\n');
        }
        file.extend_from_slice(END);
        file.push(b'\n');
        file
    }
}

/// Longest value of a header in bytes (RFC 4716 §3.3).
const HEADER_MAX: usize = 1024;

/// The value of a header, which goes on in the next line where a backslash ends one.
fn header<'a>(first: &'a [u8], lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Ssh2Error> {
    let mut value = Vec::new();
    let mut part = first;
    while let Some(begun) = part.strip_suffix(b"\\") {
        value.extend_from_slice(begun);
        part = lines.next().ok_or(Ssh2Error::BadHeader)?;
    }
    value.extend_from_slice(part);
    Ok(value.trim_ascii().to_vec())
}

/// The value without the quotation marks that comments may have (RFC 4716 §3.3.2).
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// Why a file is not a public key of RFC 4716.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ssh2Error {
    /// It is over [`LINE_MAX`].
    TooLong,
    /// The line that begins it or the line that ends it is missing.
    NoMarks,
    /// A header ends with the file, or has a value that it cannot have.
    BadHeader,
    /// What is between the marks is not base64.
    BadBase64,
    /// The key in it is none.
    Key(KeyError),
}

impl fmt::Display for Ssh2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "public key file is larger than {LINE_MAX} bytes"),
            Self::NoMarks => f.write_str("no SSH2 PUBLIC KEY in the file"),
            Self::BadHeader => f.write_str("bad header in the public key file"),
            Self::BadBase64 => f.write_str("public key file is not base64"),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Ssh2Error {}
