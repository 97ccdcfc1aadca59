//! Certificates of host keys (`HostCertificate`).

use std::path::{Path, PathBuf};

use keys::{Certificate, CertificateKind, Identity, PublicKey};

use super::file::{self, LoadError};
use crate::log::Logger;
use crate::settings::without_number;

/// The certificates of files, each with the number of the key that it belongs to; of several for one key the last one. What is wrong
/// with a file is logged, and it is passed over.
pub(super) fn load(files: &[PathBuf], keys: &[&PublicKey], log: &Logger) -> Vec<(usize, Certificate)> {
    let mut found: Vec<(usize, Certificate)> = Vec::new();
    for path in files {
        let Some(certificate) = read(path, log) else { continue };
        let path = path.display();
        let Some(key) = keys.iter().position(|key| *key == certificate.key()) else {
            log.error(format_args!("No matching private key for certificate: {path}"));
            continue;
        };
        // OpenSSH would show it, and no client would take it.
        if certificate.kind() != CertificateKind::Host {
            log.error(format_args!("Certificate is not a host certificate: {path}"));
            continue;
        }
        log.debug(format_args!("host certificate: #{key} {}", certificate.key_type()));
        found.retain(|(other, _)| *other != key);
        found.push((key, certificate));
    }
    found.sort_by_key(|(key, _)| *key);
    found
}

fn read(path: &Path, log: &Logger) -> Option<Certificate> {
    let (shown, why) = (
        path.display(),
        match file::read_public(path) {
            Ok(Some(Identity::Certificate(certificate))) => return Some(*certificate),
            Ok(Some(Identity::Key(_))) => {
                log.error(format_args!("Certificate file is not a certificate: {}", path.display()));
                return None;
            }
            Ok(None) => "invalid format".to_owned(),
            Err(LoadError::Io(error)) => without_number(&error),
            Err(error) => error.to_string(),
        },
    );
    log.error(format_args!("Could not load host certificate \"{shown}\": {why}"));
    None
}
