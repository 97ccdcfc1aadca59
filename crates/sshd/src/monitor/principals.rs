//! The file that says which principals let their certificates in to an account.

use keyfiles::authorized_principals::{Principal, lines};
use keys::Certificate;

use crate::log::Logger;

use super::account::Account;
use super::user_file::UserFiles;

/// `AuthorizedPrincipalsFile` of an account.
#[derive(Clone, Copy)]
pub(super) struct Principals<'a> {
    /// Its name, with tokens.
    pub(super) pattern: &'a str,
    pub(super) account: &'a Account,
    /// `StrictModes`.
    pub(super) strict: bool,
}

impl Principals<'_> {
    /// What stands in the file; nothing when it cannot be used, which is logged.
    pub(super) fn read(&self, log: &Logger) -> Option<Vec<u8>> {
        let (noun, keyword) = ("authorized principals", "AuthorizedPrincipalsFile");
        let files = UserFiles { account: self.account, strict: self.strict, noun, keyword };
        files.read(&files.path(self.pattern, log)?, log)
    }

    /// The first line with a name that the certificate has. A line with a fault names nobody.
    pub(super) fn find<'c>(
        &self,
        contents: &'c [u8],
        certificate: &Certificate,
        told: bool,
        log: &Logger,
    ) -> Option<Principal<'c>> {
        for (number, line) in lines(contents) {
            match line {
                Ok(Some(entry)) if certificate.names(entry.principal) => return Some(entry),
                Ok(_) => {}
                Err(fault) if told => {
                    log.debug(format_args!("{}:{number}: bad principals options: {fault}", self.pattern));
                }
                Err(_) => {}
            }
        }
        None
    }
}
