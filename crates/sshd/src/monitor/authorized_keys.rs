//! The files that say which keys let a user in, read with the user's own rights.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keyfiles::authorized_keys::{Entry, LineFault, Options, lines};
use keys::PublicKey;
use sys::ids::Uid;
use wire::Human;

use crate::log::Logger;
use crate::peer::Peer;
use crate::settings::{glob, without_number};

use super::account::{Account, shown};
use super::expiry;
use super::limits::{AUTHORIZED_KEYS_MAX, FROM_SHOWN_MAX, KEY_FILES_MAX, REPORTED_LINES_MAX};
use super::permit::Grant;

/// A line of a key that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// What it permits.
    pub(super) grant: Grant,
    /// Where it stands: `FILE:LINE`.
    pub(super) place: String,
}

/// Who wants to use a key, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use<'a> {
    pub(super) peer: &'a Peer,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// It is logged when a key may not be used.
    pub(super) told: bool,
}

/// The files of one user.
pub(super) struct KeyFiles<'a> {
    /// `AuthorizedKeysFile`.
    pub(super) patterns: &'a [String],
    pub(super) account: &'a Account,
    /// `StrictModes`.
    pub(super) strict: bool,
}

/// Lines that were refused and logged already.
#[derive(Default)]
pub(super) struct Reported(HashSet<(PathBuf, usize)>);

impl KeyFiles<'_> {
    /// The first line with this key. Files that cannot be used and lines that are refused are logged.
    pub(super) fn find(
        &self,
        key: &PublicKey,
        used: Use<'_>,
        reported: &mut Reported,
        log: &Logger,
    ) -> Option<Listed> {
        self.paths(log).into_iter().find_map(|path| {
            let contents = self.read(&path, log)?;
            self.find_line(&contents, &path, key, used, reported, log)
        })
    }

    fn find_line(
        &self,
        contents: &[u8],
        path: &Path,
        key: &PublicKey,
        used: Use<'_>,
        reported: &mut Reported,
        log: &Logger,
    ) -> Option<Listed> {
        for (number, line) in lines(contents) {
            let place = || format!("{}:{number}", path.display());
            match line {
                Ok(Some(Entry { options, key: listed, comment: _ })) => {
                    if listed == *key && self.may_be_used(&options, &place(), used, log) {
                        return Some(Listed { grant: Grant::of(options), place: place() });
                    }
                }
                Ok(None) => {}
                // Keys that other programs can use are nothing to talk about.
                Err(fault @ LineFault::UnknownType { .. }) => {
                    log.debug(format_args!("{}: {fault}", place()));
                }
                Err(fault) => {
                    let new =
                        reported.0.len() < REPORTED_LINES_MAX && reported.0.insert((path.to_owned(), number));
                    if new {
                        log.info(format_args!("{}: {fault}", place()));
                    }
                }
            }
        }
        None
    }

    /// Whether the line's own conditions hold: its dates, and where the peer is.
    fn may_be_used(&self, options: &Options<'_>, place: &str, used: Use<'_>, log: &Logger) -> bool {
        let expired = options.expires.iter().find(|date| expiry::has_passed(date, used.now));
        let from = options.from.as_ref().filter(|from| !from.list.matches(used.peer.client()).is_yes());
        if expired.is_none() && from.is_none() {
            return true;
        }
        if !used.told {
            return false;
        }
        if let Some(date) = expired {
            log.debug(format_args!("{place}: entry expired at {date}"));
        } else if let Some(from) = from {
            let (user, address) = (self.account.user.name.to_string_lossy(), used.peer.client_text());
            log.info(format_args!(
                "{place}: Authentication tried for {} with correct key but not from a permitted host \
                 (host={address}, ip={address}, required={}).",
                shown(&user),
                Human(from.text.get(..FROM_SHOWN_MAX).unwrap_or(&from.text).as_bytes()),
            ));
        }
        log.error(format_args!("Refused by key options at {place}"));
        false
    }

    /// The files' names: tokens expanded, below the home directory unless they begin at the root.
    fn paths(&self, log: &Logger) -> Vec<PathBuf> {
        let user = &self.account.user;
        let (Some(home), Some(name)) = (user.home.to_str(), user.name.to_str()) else {
            log.error("Name or home directory of the user is not UTF-8: no authorized keys");
            return Vec::new();
        };
        let uid = user.uid.to_string();
        let tokens = [('h', home), ('u', name), ('U', uid.as_str())];
        let expand = |pattern: &String| match text::percent::expand(pattern, &tokens, None) {
            Ok(path) => Some(user.home.join(path)),
            Err(error) => {
                log.error(format_args!("AuthorizedKeysFile {pattern}: {error}"));
                None
            }
        };
        self.patterns.iter().filter_map(expand).flat_map(|path| self.matching(path)).collect()
    }

    /// The files that a path with wildcards stands for, as far as the user may look, in the order of their names.
    fn matching(&self, path: PathBuf) -> Vec<PathBuf> {
        let pattern = path.to_str().filter(|path| path.contains(['*', '?', '[']));
        let Some(pattern) = pattern else { return vec![path] };
        let found = sys::switch::as_user(&self.account.credentials, || glob::paths(pattern));
        found.unwrap_or_default().into_iter().take(KEY_FILES_MAX).map(PathBuf::from).collect()
    }

    fn read(&self, path: &Path, log: &Logger) -> Option<Vec<u8>> {
        let strict = self.strict.then_some((self.account.user.home.as_path(), self.account.user.uid));
        let read = sys::switch::as_user(&self.account.credentials, || contents(path, strict));
        let user = shown(&self.account.user.name.to_string_lossy());
        let path = path.display();
        match read {
            Ok(Ok(contents)) => return Some(contents),
            Ok(Err(Unusable::Open(error))) => {
                let line = format!(
                    "Could not open user '{user}' authorized keys '{path}': {}",
                    without_number(&error)
                );
                match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => log.debug(line),
                    _ => log.info(line),
                }
            }
            Ok(Err(Unusable::NotRegular)) => {
                log.info(format_args!("User '{user}' authorized keys '{path}' is not a regular file"));
            }
            Ok(Err(Unusable::Modes(why))) => log.info(format_args!("Authentication refused: {why}")),
            Ok(Err(Unusable::TooLarge)) => {
                log.info(format_args!(
                    "Authentication refused: {path} is larger than {AUTHORIZED_KEYS_MAX} bytes"
                ));
            }
            Ok(Err(Unusable::Read(error))) => {
                log.info(format_args!(
                    "Could not read user '{user}' authorized keys '{path}': {}",
                    without_number(&error)
                ));
            }
            Err(error) => log.error(format_args!(
                "Could not take the rights of user '{user}': {}",
                without_number(&error)
            )),
        }
        None
    }
}

/// Why a file lets nobody in.
#[derive(Debug)]
enum Unusable {
    Open(io::Error),
    NotRegular,
    /// Somebody else may change it; how, in OpenSSH's words.
    Modes(String),
    TooLarge,
    Read(io::Error),
}

/// A whole file. `strict` is the user's home directory and number.
fn contents(path: &Path, strict: Option<(&Path, Uid)>) -> Result<Vec<u8>, Unusable> {
    let file = sys::fd::open_to_read(path).map_err(Unusable::Open)?;
    let metadata = file.metadata().map_err(Unusable::Open)?;
    if !metadata.is_file() {
        return Err(Unusable::NotRegular);
    }
    if let Some((home, uid)) = strict {
        check_modes(path, &metadata, home, uid).map_err(Unusable::Modes)?;
    }
    let mut contents = Vec::new();
    let limit = AUTHORIZED_KEYS_MAX.saturating_add(1);
    file.take(limit).read_to_end(&mut contents).map_err(Unusable::Read)?;
    if u64::try_from(contents.len()).is_ok_and(|len| len <= AUTHORIZED_KEYS_MAX) {
        Ok(contents)
    } else {
        Err(Unusable::TooLarge)
    }
}

/// Only the user and root may be able to change the file, and every directory above it up to the home directory, or up to the root
/// for a file that is not below that.
fn check_modes(path: &Path, file: &Metadata, home: &Path, uid: Uid) -> Result<(), String> {
    let failed = |error: io::Error| format!("realpath {} failed: {}", path.display(), without_number(&error));
    let real = path.canonicalize().map_err(failed)?;
    let home = home.canonicalize().ok();
    let good =
        |found: &Metadata| (found.uid() == Uid::ROOT.0 || found.uid() == uid.0) && found.mode() & 0o022 == 0;
    if !good(file) {
        return Err(format!("bad ownership or modes for file {}", real.display()));
    }
    for directory in real.ancestors().skip(1) {
        if !directory.metadata().is_ok_and(|found| good(&found)) {
            return Err(format!("bad ownership or modes for directory {}", directory.display()));
        }
        if home.as_deref() == Some(directory) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
