//! What says which principals let their certificates in to an account: a file of it, or a program.

use std::path::{Path, PathBuf};

use keyfiles::authorized_principals::{Principal, lines};
use keys::Certificate;
use wire::Human;

use crate::log::{Level, Logger};

use super::account::Account;
use super::command::LoginProgram;
use super::user_file::UserFiles;

/// `AuthorizedPrincipalsFile` and `AuthorizedPrincipalsCommand` of an account; at least one of them.
#[derive(Clone, Copy)]
pub(super) struct Principals<'a> {
    /// The file's name, with tokens and wildcards.
    pub(super) pattern: Option<&'a str>,
    pub(super) command: Option<LoginProgram<'a>>,
    pub(super) account: &'a Account,
    /// `StrictModes`.
    pub(super) strict: bool,
}

/// What stands in the log for the file, where the program says who is let in.
const COMMAND: &str = "(command)";

impl Principals<'_> {
    /// What stands in the files, and what the program says, which runs when that is asked for; each with where it comes from. What
    /// cannot be used is nothing, which is logged.
    pub(super) fn contents<'l>(&'l self, log: &'l Logger) -> impl Iterator<Item = (PathBuf, Vec<u8>)> + 'l {
        let (noun, keyword) = ("authorized principals", "AuthorizedPrincipalsFile");
        let (account, strict, tried) = (self.account, self.strict, noun);
        let files = UserFiles { account, strict, noun, keyword, tried };
        let mut files = files.contents(self.pattern.as_slice(), log);
        let mut command = self.command;
        std::iter::from_fn(move || {
            files.next().or_else(|| command.take()?.output().map(|said| (COMMAND.into(), said)))
        })
    }
}

/// The first line with a name that the certificate has. A line with a fault names nobody.
pub(super) fn find<'c>(
    contents: &'c [u8],
    place: &Path,
    certificate: &Certificate,
    told: bool,
    log: &Logger,
) -> Option<Principal<'c>> {
    let place = place.display();
    for (number, line) in lines(contents) {
        match line {
            Ok(Some(entry)) if certificate.names(entry.principal) => {
                if told {
                    let name = Human(entry.principal);
                    log.log(Level::Debug3, format_args!("{place}:{number}: matched principal \"{name}\""));
                }
                return Some(entry);
            }
            Ok(_) => {}
            Err(fault) if told => {
                log.debug(format_args!("{place}:{number}: bad principals options: {fault}"));
            }
            Err(_) => {}
        }
    }
    None
}
