//! `RevokedKeys`: what lets nobody in, whatever else says so.

use std::path::{Path, PathBuf};

use keyfiles::limits::MAX_REVOKED;
use keyfiles::revoked_keys::RevokedKeys;
use keys::Identity;

use crate::log::Logger;

use super::certificates::named_key;
use super::system_file;

/// Whether one of the files revokes the key, the certificate or its authority; or cannot be read, and so could. Which one it was is
/// logged where that is wanted.
pub(super) fn is_revoked(files: &[PathBuf], identity: &Identity, told: bool, log: &Logger) -> bool {
    files.iter().any(|file| is_revoked_by(file, identity, told, log))
}

fn is_revoked_by(file: &Path, identity: &Identity, told: bool, log: &Logger) -> bool {
    let most = u64::try_from(MAX_REVOKED).unwrap_or(u64::MAX);
    let revokes = system_file::read(file, most).and_then(|contents| {
        let revoked = RevokedKeys::parse(&contents).map_err(|error| error.to_string())?;
        Ok(revoked.revokes(identity))
    });
    let (key, file) = (named_key(identity), file.display());
    match revokes {
        Ok(false) => return false,
        Ok(true) if told => log.error(format_args!("Authentication key {key} revoked by file {file}")),
        Err(why) if told => {
            log.error(format_args!(
                "Error checking authentication key {key} in revoked keys file {file}: {why}"
            ));
        }
        Ok(true) | Err(_) => {}
    }
    true
}
