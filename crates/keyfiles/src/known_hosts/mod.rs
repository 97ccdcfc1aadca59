//! `known_hosts`: which keys are which hosts' (`sshd(8)`, SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! A line is a marker (or none), names of hosts with commas between them or one hashed name, and a key. [`KnownKeys`] collects what
//! files say of one host and then tells what a key of that host is to us; [`edit`] makes new files.
//!
//! ```
//! use keys::{Identity, PrivateKey};
//! use nacre_keyfiles::known_hosts::{HostName, KnownKeys, Standing};
//!
//! let key = PrivateKey::from_seed(&[1; 32]).public();
//! let file = format!("# mine\n*.example.org,!db.example.org {key}\n");
//! let known = |host| {
//!     let mut known = KnownKeys::of(HostName::new(host, 22).expect("a name"));
//!     known.read(file.as_bytes());
//!     known.standing(&Identity::Key(key.clone()))
//! };
//! assert!(matches!(known("www.example.org"), Standing::Known(at) if at.line == 2));
//! assert_eq!(known("db.example.org"), Standing::New);
//! ```

use std::fmt;

use keys::{Identity, LineError, PublicKey};
use wire::Human;

use crate::key_text::{identity_line, is_blank, trim_start, word};
use crate::limits::{KNOWN_HOSTS_FAULTS_MAX, MAX_HOST_NAME, MAX_LINE, MAX_SHOWN};

pub mod edit;
mod names;

pub use names::{BadHostName, HostName, Names, NamesFault};

/// What a line says of its key besides whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// It signs the hosts' certificates.
    CertAuthority,
    /// It is not to be accepted, from these hosts.
    Revoked,
}

impl Marker {
    /// The word in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CertAuthority => "@cert-authority",
            Self::Revoked => "@revoked",
        }
    }
}

/// A line that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its marker.
    pub marker: Option<Marker>,
    /// The hosts.
    pub names: Names<'a>,
    /// The key. A certificate stands there in vain, but it stands there.
    pub key: Identity,
    /// What stands behind it, without blanks around it; empty when there is nothing.
    pub comment: Human<'a>,
}

/// Why a line gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault<'a> {
    /// It is over [`MAX_LINE`].
    TooLong,
    /// Its marker is none that is known.
    UnknownMarker {
        /// The marker, as far as it is shown.
        marker: Human<'a>,
    },
    /// Its names of hosts are none.
    Names(NamesFault),
    /// What stands where the key should be is none.
    BadKey(LineError),
}

impl fmt::Display for LineFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "line is longer than {MAX_LINE} bytes"),
            Self::UnknownMarker { marker } => write!(f, "unknown marker {marker}"),
            Self::Names(fault) => fault.fmt(f),
            Self::BadKey(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LineFault<'_> {}

/// The lines of a file with their numbers, the first is 1. `Ok(None)` is a blank line or a comment. The time is linear in the file.
pub fn lines(file: &[u8]) -> impl Iterator<Item = (usize, Result<Option<Entry<'_>>, LineFault<'_>>)> {
    (1..).zip(file.split_inclusive(|byte| *byte == b'\n')).map(|(number, text)| {
        let entry = Unread::parse(text).and_then(|line| line.map(Unread::entry).transpose());
        (number, entry)
    })
}

/// A line whose key has not been looked at, because most lines are another host's.
struct Unread<'a> {
    marker: Option<Marker>,
    names: Names<'a>,
    key: &'a [u8],
}

impl<'a> Unread<'a> {
    fn parse(text: &'a [u8]) -> Result<Option<Self>, LineFault<'a>> {
        if text.len() > MAX_LINE {
            return Err(LineFault::TooLong);
        }
        let text = trim_start(text.trim_ascii_end());
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        let (mut first, mut rest) = word(text);
        let mut marker = None;
        if first.starts_with(b"@") {
            let known = [Marker::CertAuthority, Marker::Revoked];
            marker = known.into_iter().find(|marker| marker.word().as_bytes() == first);
            if marker.is_none() {
                let shown = first.get(..MAX_SHOWN).unwrap_or(first);
                return Err(LineFault::UnknownMarker { marker: Human(shown) });
            }
            (first, rest) = word(rest);
        }
        let names = Names::parse(first).map_err(LineFault::Names)?;
        Ok(Some(Self { marker, names, key: rest }))
    }

    fn entry(self) -> Result<Entry<'a>, LineFault<'a>> {
        let Self { marker, names, key } = self;
        let (key, comment) = identity_line(key).map_err(LineFault::BadKey)?;
        Ok(Entry { marker, names, key, comment: Human(comment) })
    }
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file, of those that were read; the first is 0.
    pub file: usize,
    /// The line; the first is 1.
    pub line: usize,
}

/// What a key is to us, coming from this host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// It is this host's key.
    Known(Position),
    /// It is a certificate, and the authority here signs this host's. Whether it did, and for this name and time, is to be verified.
    Certified(Position),
    /// Nothing is known of this host, or only who would certify it.
    New,
    /// The host has other keys, of whatever type, at these lines.
    Changed(Vec<Position>),
    /// It, or its certificate's authority, must not be accepted.
    Revoked(Position),
}

/// What files say of one host.
#[derive(Clone, Debug)]
pub struct KnownKeys {
    host: HostName,
    files: usize,
    keys: Vec<KnownKey>,
    faults: Vec<(Position, String)>,
}

/// A key of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Where it stands.
    pub position: Position,
    /// Its marker.
    pub marker: Option<Marker>,
    /// The key.
    pub key: Identity,
}

impl KnownKeys {
    /// Nothing yet of this host.
    #[must_use]
    pub fn of(host: HostName) -> Self {
        Self { host, files: 0, keys: Vec::new(), faults: Vec::new() }
    }

    /// Reads what a file says of the host. Lines with a fault say nothing, as in OpenSSH; see [`faults`](Self::faults).
    pub fn read(&mut self, file: &[u8]) {
        for (line, text) in (1..).zip(file.split_inclusive(|byte| *byte == b'\n')) {
            let position = Position { file: self.files, line };
            match Unread::parse(text) {
                Ok(Some(unread)) if unread.names.matches(&self.host) => match unread.entry() {
                    Ok(Entry { marker, key, .. }) => self.keys.push(KnownKey { position, marker, key }),
                    Err(fault) => self.note(position, fault),
                },
                Ok(_) => {}
                Err(fault) => self.note(position, fault),
            }
        }
        self.files = self.files.saturating_add(1);
    }

    fn note(&mut self, position: Position, fault: LineFault<'_>) {
        if self.faults.len() < KNOWN_HOSTS_FAULTS_MAX {
            self.faults.push((position, fault.to_string()));
        }
    }

    /// The keys, in the order of the files.
    #[must_use]
    pub fn keys(&self) -> &[KnownKey] {
        &self.keys
    }

    /// What is wrong with lines that may be the host's, at most [`KNOWN_HOSTS_FAULTS_MAX`].
    pub fn faults(&self) -> impl Iterator<Item = (Position, &str)> {
        self.faults.iter().map(|(position, fault)| (*position, fault.as_str()))
    }

    /// What the key or certificate is to us, coming from the host. A certificate whose authority is none here counts as its plain
    /// key.
    pub fn standing(&self, offered: &Identity) -> Standing {
        let authority = offered.certificate().map(keys::Certificate::authority);
        let is =
            |known: &KnownKey, key: &PublicKey| matches!(&known.key, Identity::Key(known) if known == key);
        let marked = |marker| self.keys.iter().filter(move |known| known.marker == marker);
        let refused = marked(Some(Marker::Revoked)).find(|known| {
            // Also a certificate that somebody listed by mistake.
            known.key.key() == offered.key() || authority.is_some_and(|authority| is(known, authority))
        });
        if let Some(known) = refused {
            return Standing::Revoked(known.position);
        }
        let certified = marked(Some(Marker::CertAuthority))
            .find(|known| authority.is_some_and(|authority| is(known, authority)));
        if let Some(known) = certified {
            return Standing::Certified(known.position);
        }
        if let Some(known) = marked(None).find(|known| is(known, offered.key())) {
            return Standing::Known(known.position);
        }
        let others: Vec<Position> = marked(None).map(|known| known.position).collect();
        if others.is_empty() { Standing::New } else { Standing::Changed(others) }
    }
}

/// Whether text can be one word of a line.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && !text.iter().any(|byte| is_blank(byte) || matches!(byte, b'\n' | b'\r' | 0))
}

/// Whether text can be a host's name.
fn is_name(text: &str) -> bool {
    is_word(text.as_bytes()) && text.len() <= MAX_HOST_NAME
}
