//! The files that say which keys let a user in, read with the user's own rights.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use keyfiles::authorized_keys::{Entry, LineFault, lines};

use crate::log::Logger;

use super::account::Account;
use super::certificates::{Candidate, Shown};
use super::conditions::{self, For, Use};
use super::limits::REPORTED_LINES_MAX;
use super::permit::Grant;
use super::user_file::UserFiles;

/// A line of a key, or of an authority, that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// What it permits.
    pub(super) grant: Grant,
    /// Where it stands: `FILE:LINE`.
    pub(super) place: String,
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
    /// The first line that lets in who shows this: with the key, or with the authority of the certificate. Files that cannot be used
    /// and lines that are refused are logged.
    pub(super) fn find(
        &self,
        shown: Shown<'_>,
        used: Use<'_>,
        reported: &mut Reported,
        log: &Logger,
    ) -> Option<Listed> {
        let (noun, keyword) = ("authorized keys", "AuthorizedKeysFile");
        let (account, strict, tried) = (self.account, self.strict, "public key");
        let files = UserFiles { account, strict, noun, keyword, tried };
        let patterns: Vec<&str> = self.patterns.iter().map(String::as_str).collect();
        files
            .contents(&patterns, log)
            .find_map(|(path, contents)| self.find_line(&contents, &path, shown, used, reported, log))
    }

    /// The first such line of a file, or of what a program says in place of one.
    pub(super) fn find_line(
        &self,
        contents: &[u8],
        path: &Path,
        shown: Shown<'_>,
        used: Use<'_>,
        reported: &mut Reported,
        log: &Logger,
    ) -> Option<Listed> {
        for (number, line) in lines(contents) {
            let place = || format!("{}:{number}", path.display());
            match line {
                Ok(Some(entry)) => {
                    if let Some(grant) = self.granted(entry, place, shown, used, log) {
                        return Some(Listed { grant, place: place() });
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

    /// What a line grants to who shows this. An authority's own key is nobody's, and no other key makes certificates.
    fn granted(
        &self,
        entry: Entry<'_>,
        place: impl Fn() -> String,
        shown: Shown<'_>,
        used: Use<'_>,
        log: &Logger,
    ) -> Option<Grant> {
        let Entry { mut options, key, comment: _ } = entry;
        let (wanted, of, noun) = match shown {
            Shown::Key(key) => (key, For::Key, "key"),
            Shown::Certificate(endorsed) => (endorsed.certificate().authority(), For::Authority, "CA"),
        };
        if key != *wanted || options.cert_authority != (of == For::Authority) {
            return None;
        }
        let place = place();
        if used.told {
            let (key_type, fingerprint) = (key.short_type(), key.fingerprint());
            log.debug(format_args!("{place}: matching {noun} found: {key_type} {fingerprint}"));
        }
        // On a line that is no authority's they stay, and refuse it.
        let principals = if options.cert_authority { options.principals.take() } else { None };
        let Some(grant) = conditions::grant(options, of, &place, self.account, used, log) else {
            if used.told {
                log.error(format_args!("Refused by key options at {place}"));
            }
            return None;
        };
        match shown {
            Shown::Key(_) => Some(grant),
            Shown::Certificate(endorsed) => {
                let candidate = Candidate { endorsed, account: self.account, used };
                candidate.by_line(grant, principals.as_deref(), &place, log)
            }
        }
    }
}

#[cfg(test)]
mod tests;
