//! Names of hosts: as they are looked up, and as a line has them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use text::pattern::{Case, PatternList};

use super::is_name;
use crate::key_text::{decode, encode};
use crate::limits::MAX_HOST_NAME;

/// Bytes of a salt and of a hash.
const HASH_LEN: usize = 20;

/// What a hashed name begins with.
const HASHED: &[u8] = b"|1|";

/// The port that a name without brackets means.
const DEFAULT_PORT: u16 = 22;

/// A host as files name it: in small letters, and in brackets with its port when that is not 22.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(String);

impl HostName {
    /// The host, or its address, at a port.
    ///
    /// # Errors
    /// [`BadHostName`] when it cannot stand in a file for itself: it is empty, over [`MAX_HOST_NAME`], holds a blank, a line break or a
    /// NUL, or a character that means something else there: a comma, `*`, `?` or `!`, or as its first one `|`, `@` or `#`.
    pub fn new(host: &str, port: u16) -> Result<Self, BadHostName> {
        let host = host.to_ascii_lowercase();
        if host.is_empty() || host.contains([',', '*', '?', '!']) || host.starts_with(['|', '@', '#']) {
            return Err(BadHostName);
        }
        let name = if port == DEFAULT_PORT { host } else { format!("[{host}]:{port}") };
        if is_name(&name) { Ok(Self(name)) } else { Err(BadHostName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name hashed with this salt, as a line has it: it can be found again, and not be read.
    #[must_use]
    pub fn hashed(&self, salt: &[u8; 20]) -> String {
        format!("|1|{}|{}", encode(salt), encode(&self.mac(salt)))
    }

    fn mac(&self, salt: &[u8]) -> [u8; HASH_LEN] {
        // A key of any length is one.
        Hmac::<Sha1>::new_from_slice(salt)
            .map(|mac| mac.chain_update(self.0.as_bytes()).finalize().into_bytes().into())
            .unwrap_or_default()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text cannot be a host's name in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHostName;

impl fmt::Display for BadHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a host name of at most {MAX_HOST_NAME} bytes without blanks, commas and wildcards")
    }
}

impl std::error::Error for BadHostName {}

/// The names of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// One name, hashed.
    Hashed {
        /// What it is hashed with.
        salt: [u8; 20],
        /// The HMAC-SHA1 of the name.
        hash: [u8; 20],
    },
    /// Names and patterns.
    Patterns {
        /// As they stand in the line.
        text: &'a str,
        /// What they say.
        list: PatternList,
    },
}

/// Why a word is no names of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamesFault {
    /// It begins as a hashed name and is none.
    BadHash,
    /// It is empty or not UTF-8.
    NotText,
    /// One of its patterns is longer than a pattern may be.
    PatternTooLong,
}

impl fmt::Display for NamesFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadHash => "hashed host name is none",
            Self::NotText => "no host names in the line",
            Self::PatternTooLong => "host name pattern is too long",
        })
    }
}

impl<'a> Names<'a> {
    pub(super) fn parse(word: &'a [u8]) -> Result<Self, NamesFault> {
        if word.starts_with(b"|") {
            return hashed(word).ok_or(NamesFault::BadHash);
        }
        let text = str::from_utf8(word).ok().filter(|text| !text.is_empty()).ok_or(NamesFault::NotText)?;
        let list = PatternList::parse(text).map_err(|_| NamesFault::PatternTooLong)?;
        Ok(Self::Patterns { text, list })
    }

    /// Whether they name this host.
    #[must_use]
    pub fn matches(&self, host: &HostName) -> bool {
        match self {
            // Who can see how long this takes has the file.
            Self::Hashed { salt, hash } => host.mac(salt) == *hash,
            Self::Patterns { list, .. } => list.matches(&host.0, Case::Ignored).is_yes(),
        }
    }

    /// The names, when they are plain: no hash, no wildcard, no negation.
    pub(super) fn plain(&self) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        match self {
            Self::Hashed { .. } => None,
            Self::Patterns { text, .. } if text.contains(['*', '?', '!']) => None,
            Self::Patterns { text, .. } => Some(text.split(',').filter(|name| !name.is_empty())),
        }
    }
}

fn hashed<'a>(word: &[u8]) -> Option<Names<'a>> {
    let mut parts = word.strip_prefix(HASHED)?.split(|byte| *byte == b'|');
    let (salt, hash) = (decode(parts.next()?)?, decode(parts.next()?)?);
    match parts.next() {
        None => Some(Names::Hashed { salt: salt.try_into().ok()?, hash: hash.try_into().ok()? }),
        Some(_) => None,
    }
}

/// A plain name of a line, for hashing it.
pub(super) fn of_line(name: &str) -> HostName {
    HostName(name.to_ascii_lowercase())
}
