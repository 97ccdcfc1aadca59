//! `authorized_keys`: the keys that may log in as a user, and what each of them may do.
//!
//! A line is options (or none), a key type, base64 and a comment, with blanks between. [`lines`] reads a whole file; a line with a
//! fault gives no key and changes nothing about the next line.
//!
//! ```
//! use nacre_keyfiles::authorized_keys::lines;
//!
//! let file = b"# build host\n\
//!     restrict,command=\"backup \\\"now\\\"\" ssh-ed25519 \
//!     AAAAC3NzaC1lZDI1NTE5AAAAIOuBVA+OrztROrw2lmTOBlkBxk46ybxW6GAN6PXzzrUb build\n";
//! let entries: Vec<_> = lines(file).filter_map(|(number, line)| Some((number, line.ok()??))).collect();
//! let [(number, entry)] = &entries[..] else { panic!("one entry") };
//! assert_eq!(*number, 2);
//! assert_eq!(entry.options.command.as_deref(), Some(&b"backup \"now\""[..]));
//! assert!(!entry.options.pty);
//! ```

use std::fmt;

use keys::{KeyError, KeyLine, LineError, PublicKey};
use wire::Human;

use crate::key_text::{split_comment, trim_start, word};
use crate::limits::{MAX_LINE, MAX_SHOWN};

mod options;

pub use options::{Options, Peers, Tunnel, ValueFault};
pub(crate) use options::{split_off, unquote};

/// A line that names a key, or an authority for keys ([`Options::cert_authority`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What the key may do.
    pub options: Options<'a>,
    /// The key.
    pub key: PublicKey,
    /// What stands behind it, without blanks around it; empty when there is nothing.
    pub comment: Human<'a>,
}

/// Why a line gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault<'a> {
    /// It is over [`MAX_LINE`].
    TooLong,
    /// It holds a NUL, which another program could take for its end.
    Nul,
    /// A quote in its options is never closed.
    Unterminated,
    /// What stands where the key should be, at the beginning or after options, is none.
    BadKey(LineError),
    /// Its key is of a type that is not known here.
    UnknownType {
        /// The type, as far as it is shown.
        key_type: Human<'a>,
    },
    /// It has an option that `sshd(8)` does not know.
    UnknownOption {
        /// Its name, as far as it is shown.
        option: Human<'a>,
    },
    /// An option has a value and takes none, or it takes one and that is not there, not in quotes, or not all that follows `=`.
    OptionValue {
        /// Its name.
        option: &'static str,
        /// Whether it takes one.
        takes: bool,
    },
    /// The value of an option is none for it.
    BadValue {
        /// The option's name.
        option: &'static str,
        /// What is wrong.
        fault: ValueFault,
    },
}

impl fmt::Display for LineFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "line is longer than {MAX_LINE} bytes"),
            Self::Nul => f.write_str("line holds a NUL byte"),
            Self::Unterminated => f.write_str("quote in the options is not closed"),
            Self::BadKey(error) => error.fmt(f),
            Self::UnknownType { key_type } => write!(f, "unknown key type {key_type}"),
            Self::UnknownOption { option } => write!(f, "unknown option {option}"),
            Self::OptionValue { option, takes: true } => {
                write!(f, "option {option} without a value in double quotes")
            }
            Self::OptionValue { option, takes: false } => write!(f, "option {option} with a value"),
            Self::BadValue { option, fault } => write!(f, "option {option}: {fault}"),
        }
    }
}

impl std::error::Error for LineFault<'_> {}

/// The lines of a file with their numbers, the first is 1. `Ok(None)` is a blank line or a comment. How large a file may be is the
/// caller's to say; the time is linear in it.
pub fn lines(file: &[u8]) -> impl Iterator<Item = (usize, Result<Option<Entry<'_>>, LineFault<'_>>)> {
    (1..).zip(file.split_inclusive(|byte| *byte == b'\n').map(line))
}

/// One line, with or without its end.
fn line(text: &[u8]) -> Result<Option<Entry<'_>>, LineFault<'_>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.len() > MAX_LINE {
        return Err(LineFault::TooLong);
    }
    let ends = text.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at.saturating_add(1));
    let text = trim_start(text.get(..ends).unwrap_or(text));
    if text.is_empty() || text.starts_with(b"#") {
        return Ok(None);
    }
    if text.contains(&0) {
        return Err(LineFault::Nul);
    }
    // A line begins with its options only when it does not begin with its key.
    let first = match key(text) {
        Err(LineFault::BadKey(error)) => error,
        done => return done.map(|(key, comment)| Some(Entry { options: Options::default(), key, comment })),
    };
    let (options, rest) = split_off(text).ok_or(LineFault::Unterminated)?;
    let options = Options::parse(options);
    match key(trim_start(rest)) {
        Ok((key, comment)) => Ok(Some(Entry { options: options?, key, comment })),
        // Where the options are none, a key without options was meant.
        Err(LineFault::BadKey(_)) if options.is_err() => Err(LineFault::BadKey(first)),
        Err(fault) => Err(fault),
    }
}

/// The key at the beginning of this text, and the comment behind it; or [`LineFault::BadKey`] or [`LineFault::UnknownType`].
fn key(text: &[u8]) -> Result<(PublicKey, Human<'_>), LineFault<'_>> {
    let (line, comment) = split_comment(text);
    match KeyLine::parse(line) {
        Ok(line) => Ok((line.into_key(), Human(comment))),
        Err(LineError::Key(KeyError::UnknownType)) => {
            Err(LineFault::UnknownType { key_type: shown(word(line).0) })
        }
        Err(error) => Err(LineFault::BadKey(error)),
    }
}

/// As much of a name as a log may show.
pub(crate) fn shown(name: &[u8]) -> Human<'_> {
    Human(name.get(..MAX_SHOWN).unwrap_or(name))
}

#[cfg(test)]
mod tests;
