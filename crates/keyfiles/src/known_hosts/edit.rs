//! New files of known hosts: a line more, a host less, names hashed.

use std::fmt;

use crypto::{NoEntropy, Rng};
use keys::PublicKey;

use super::names::of_line;
use super::{HostName, LineFault, Marker, Names, NamesFault, Unread, is_word};
use crate::limits::MAX_KNOWN_HOSTS;

/// A line for a key of these hosts, with its end. Without names there is none.
///
/// With `hashed` each host gets a line of its own, and nobody can read which hosts they are.
///
/// # Errors
/// [`EditError::Comment`] when the comment holds a line break or a NUL; [`EditError::NoEntropy`] when there was no salt.
pub fn lines_for(
    marker: Option<Marker>,
    hosts: &[HostName],
    key: &PublicKey,
    comment: &[u8],
    hashed: Option<&mut dyn Rng>,
) -> Result<Vec<u8>, EditError> {
    let names: Vec<String> = match hashed {
        Some(rng) => {
            hosts.iter().map(|host| Ok(host.hashed(&salt(rng)?))).collect::<Result<_, NoEntropy>>()?
        }
        None if hosts.is_empty() => Vec::new(),
        None => vec![hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(",")],
    };
    let mut out = Vec::new();
    for names in names {
        put_line(&mut out, marker, &names, key, comment)?;
    }
    Ok(out)
}

/// A line for a key with a marker, with its end, whose hosts are those that a list of names and patterns with commas between them
/// says: `*.example.org,!db.example.org`.
///
/// # Errors
/// [`EditError::Names`] when the list is none or is hashed; [`EditError::Comment`] when the comment holds a line break or a NUL.
pub fn line_for_patterns(
    marker: Marker,
    patterns: &str,
    key: &PublicKey,
    comment: &[u8],
) -> Result<Vec<u8>, EditError> {
    if !is_word(patterns.as_bytes()) || patterns.starts_with('|') {
        return Err(EditError::Names(NamesFault::NotText));
    }
    Names::parse(patterns.as_bytes()).map_err(EditError::Names)?;
    let mut out = Vec::new();
    put_line(&mut out, Some(marker), patterns, key, comment)?;
    Ok(out)
}

fn put_line(
    out: &mut Vec<u8>,
    marker: Option<Marker>,
    names: &str,
    key: &PublicKey,
    comment: &[u8],
) -> Result<(), EditError> {
    if comment.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        return Err(EditError::Comment);
    }
    if let Some(marker) = marker {
        out.extend_from_slice(marker.word().as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(format!("{names} {key}").as_bytes());
    if !comment.is_empty() {
        out.push(b' ');
        out.extend_from_slice(comment);
    }
    out.push(b'\n');
    Ok(())
}

/// A file without the lines of a host, and which lines those were (`ssh-keygen -R`). A line with a marker stays; one with other hosts
/// or patterns beside does not.
///
/// # Errors
/// [`EditError::Line`] when a line is none: a file that is not what it seems is not rewritten.
pub fn without(file: &[u8], host: &HostName) -> Result<(Vec<u8>, Vec<usize>), EditError> {
    let (mut out, mut removed) = (Vec::with_capacity(file.len()), Vec::new());
    for (number, text) in (1..).zip(file.split_inclusive(|byte| *byte == b'\n')) {
        match whole(number, text)? {
            Some(line) if line.marker.is_none() && line.names.matches(host) => removed.push(number),
            Some(_) | None => out.extend_from_slice(text),
        }
    }
    Ok((out, removed))
}

/// A file whose names are hashed (`ssh-keygen -H`), each on a line of its own. Lines with a marker, a wildcard or a negation stay as
/// they are, and so does what is hashed.
///
/// # Errors
/// [`EditError::Line`] when a line is none, [`EditError::TooLarge`] when it would be over [`MAX_KNOWN_HOSTS`],
/// [`EditError::NoEntropy`] when there was no salt.
pub fn hash_names(file: &[u8], rng: &mut dyn Rng) -> Result<Vec<u8>, EditError> {
    let mut out = Vec::with_capacity(file.len());
    for (number, text) in (1..).zip(file.split_inclusive(|byte| *byte == b'\n')) {
        let line = whole(number, text)?.filter(|line| line.marker.is_none());
        let Some((names, key)) = line.and_then(|line| Some((line.names.plain()?, line.key))) else {
            out.extend_from_slice(text);
            continue;
        };
        for name in names {
            // A line with many names and a long comment becomes as many lines with it.
            if out.len() > MAX_KNOWN_HOSTS {
                return Err(EditError::TooLarge);
            }
            out.extend_from_slice(of_line(name).hashed(&salt(rng)?).as_bytes());
            out.push(b' ');
            out.extend_from_slice(key.trim_ascii());
            out.push(b'\n');
        }
    }
    Ok(out)
}

/// A line that is what it should be; `None` for a blank one or a comment.
fn whole(number: usize, text: &[u8]) -> Result<Option<Unread<'_>>, EditError> {
    let error = |fault: LineFault<'_>| EditError::Line { number, fault: fault.to_string() };
    let line = Unread::parse(text).map_err(error)?;
    if let Some(line) = &line
        && !is_word(super::word(super::word(line.key).1).0)
    {
        return Err(error(LineFault::BadKey(keys::LineError::NoKey)));
    }
    Ok(line)
}

fn salt(rng: &mut dyn Rng) -> Result<[u8; 20], NoEntropy> {
    let mut salt = [0; 20];
    rng.fill(&mut salt)?;
    Ok(salt)
}

/// Why there is no new file or line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// A line of the old file is none.
    Line {
        /// Its number; the first is 1.
        number: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// A list of hosts is none that a line can have.
    Names(NamesFault),
    /// A comment holds a line break or a NUL.
    Comment,
    /// The file would be over [`MAX_KNOWN_HOSTS`].
    TooLarge,
    /// There was no salt.
    NoEntropy,
}

impl From<NoEntropy> for EditError {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, fault } => write!(f, "line {number}: {fault}"),
            Self::Names(fault) => fault.fmt(f),
            Self::Comment => f.write_str("comment holds a line break or a NUL"),
            Self::TooLarge => write!(f, "file of known hosts would be larger than {MAX_KNOWN_HOSTS} bytes"),
            Self::NoEntropy => NoEntropy.fmt(f),
        }
    }
}

impl std::error::Error for EditError {}
