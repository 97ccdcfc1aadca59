//! Files of users that decide on their logins, read with their own rights.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sys::ids::Uid;

use crate::log::Logger;
use crate::settings::{glob, without_number};

use super::account::{Account, shown};
use super::limits::{KEY_FILES_BYTES_MAX, KEY_FILES_MAX, USER_FILE_MAX};

/// Whose files these are, and what they are called in the log.
#[derive(Clone, Copy)]
pub(super) struct UserFiles<'a> {
    pub(super) account: &'a Account,
    /// `StrictModes`.
    pub(super) strict: bool,
    /// What is in them.
    pub(super) noun: &'static str,
    /// The keyword that names them.
    pub(super) keyword: &'static str,
    /// As what each of them is tried.
    pub(super) tried: &'static str,
}

impl UserFiles<'_> {
    /// A file's name: tokens expanded, below the home directory unless it begins at the root.
    fn path(&self, pattern: &str, log: &Logger) -> Option<PathBuf> {
        let user = &self.account.user;
        let (Some(home), Some(name)) = (user.home.to_str(), user.name.to_str()) else {
            log.error(format_args!("Name or home directory of the user is not UTF-8: no {}", self.noun));
            return None;
        };
        let uid = user.uid.to_string();
        let tokens = [('h', home), ('u', name), ('U', uid.as_str())];
        match text::percent::expand(pattern, &tokens, None) {
            Ok(path) => Some(user.home.join(path)),
            Err(error) => {
                log.error(format_args!("{} {pattern}: {error}", self.keyword));
                None
            }
        }
    }

    /// The contents of the files that these patterns stand for, in the order of the patterns and of the names of files, as far as both
    /// limits go. Files that cannot be used are passed over.
    pub(super) fn contents<'l>(
        self,
        patterns: &[&str],
        log: &'l Logger,
    ) -> Box<dyn Iterator<Item = (PathBuf, Vec<u8>)> + 'l>
    where
        Self: 'l,
    {
        let paths = patterns.iter().filter_map(|pattern| self.path(pattern, log));
        let mut paths: Vec<PathBuf> = paths.flat_map(|path| self.matching(path)).collect();
        if paths.len() > KEY_FILES_MAX {
            log.info(format_args!("{}: only the first {KEY_FILES_MAX} files are read", self.keyword));
            paths.truncate(KEY_FILES_MAX);
        }
        let (mut paths, mut left) = (paths.into_iter(), KEY_FILES_BYTES_MAX);
        Box::new(std::iter::from_fn(move || {
            let (path, contents) = paths.by_ref().find_map(|path| {
                log.debug(format_args!("trying {} file {}", self.tried, path.display()));
                let contents = self.read(&path, log)?;
                Some((path, contents))
            })?;
            let Some(rest) = left.checked_sub(contents.len()) else {
                log.info(format_args!(
                    "{}: only the first {KEY_FILES_BYTES_MAX} bytes are read",
                    self.keyword
                ));
                paths = Vec::new().into_iter();
                return None;
            };
            left = rest;
            Some((path, contents))
        }))
    }

    /// The files that a path with wildcards stands for, as far as the user may look, in the order of their names.
    fn matching(&self, path: PathBuf) -> Vec<PathBuf> {
        let pattern = path.to_str().filter(|path| path.contains(['*', '?', '[']));
        let Some(pattern) = pattern else { return vec![path] };
        let found = sys::switch::as_user(&self.account.credentials, || glob::paths(pattern));
        found.unwrap_or_default().into_iter().map(PathBuf::from).collect()
    }

    /// All of a file, unless somebody else could have written it. Why it cannot be used is logged.
    fn read(&self, path: &Path, log: &Logger) -> Option<Vec<u8>> {
        let (account, noun) = (self.account, self.noun);
        let strict = self.strict.then_some((account.user.home.as_path(), account.user.uid));
        let read = sys::switch::as_user(&account.credentials, || contents(path, strict));
        let user = shown(&account.user.name.to_string_lossy());
        let path = path.display();
        match read {
            Ok(Ok(contents)) => return Some(contents),
            Ok(Err(Unusable::Open(error))) => {
                let line =
                    format!("Could not open user '{user}' {noun} '{path}': {}", without_number(&error));
                match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => log.debug(line),
                    _ => log.info(line),
                }
            }
            Ok(Err(Unusable::NotRegular)) => {
                log.info(format_args!("User '{user}' {noun} '{path}' is not a regular file"));
            }
            Ok(Err(Unusable::Modes(why))) => log.info(format_args!("Authentication refused: {why}")),
            Ok(Err(Unusable::TooLarge)) => {
                log.info(format_args!("Authentication refused: {path} is larger than {USER_FILE_MAX} bytes"));
            }
            Ok(Err(Unusable::Read(error))) => {
                let why = without_number(&error);
                log.info(format_args!("Could not read user '{user}' {noun} '{path}': {why}"));
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
        check_modes(path, &metadata, Some(home), uid).map_err(Unusable::Modes)?;
    }
    let mut contents = Vec::new();
    let limit = USER_FILE_MAX.saturating_add(1);
    file.take(limit).read_to_end(&mut contents).map_err(Unusable::Read)?;
    if u64::try_from(contents.len()).is_ok_and(|len| len <= USER_FILE_MAX) {
        Ok(contents)
    } else {
        Err(Unusable::TooLarge)
    }
}

/// Only the user and root may be able to change the file, and every directory above it up to the home directory, or up to the root
/// for a file that is not below that.
pub(super) fn check_modes(path: &Path, file: &Metadata, home: Option<&Path>, uid: Uid) -> Result<(), String> {
    let failed = |error: io::Error| format!("realpath {} failed: {}", path.display(), without_number(&error));
    let real = path.canonicalize().map_err(failed)?;
    let home = home.and_then(|home| home.canonicalize().ok());
    let good =
        |found: &Metadata| (found.uid() == Uid::ROOT.0 || found.uid() == uid.0) && found.mode() & 0o022 == 0;
    if !file.is_file() {
        return Err(format!("{} is not a regular file", real.display()));
    }
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
