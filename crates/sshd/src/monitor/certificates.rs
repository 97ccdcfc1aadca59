//! Certificates of users: which of them are good for an account, by a line of the account's own or by an authority of the system.

use std::fmt;
use std::path::Path;

use keys::{Certificate, CertificateKind, Endorsed, Identity, KeyError, LineError, PublicKey, Refusal};
use text::cidr::NetworkList;
use wire::Human;

use crate::log::Logger;

use super::account::{Account, shown};
use super::conditions::{self, For, Use};
use super::limits::{KEY_ID_SHOWN_MAX, USER_FILE_MAX};
use super::permit::{Grant, OtherCommand};
use super::principals::{self, Principals};
use super::system_file;

/// What somebody shows.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// A key.
    Key(&'a PublicKey),
    /// A certificate that its authority has signed, by an algorithm that is accepted.
    Certificate(Endorsed<'a>),
}

/// Why a certificate is not good for an account, in OpenSSH's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// An option of it is unknown, or is not what it should be.
    InvalidOptions,
    /// The client is not where it should be.
    Options,
    /// The conditions of the line with its principal do not hold.
    PrincipalOptions,
    /// None of its principals is one of those that are listed.
    NoPrincipal,
    /// It wants one command to run, and the line another one.
    OtherCommand,
    Refusal(Refusal),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOptions => f.write_str("Invalid certificate options"),
            Self::Options => f.write_str("Refused by certificate options"),
            Self::PrincipalOptions => f.write_str("Refused by certificate principals options"),
            Self::NoPrincipal => f.write_str("Certificate does not contain an authorized principal"),
            Self::OtherCommand => f.write_str("forced command options do not match"),
            Self::Refusal(refusal) => refusal.fmt(f),
        }
    }
}

impl From<OtherCommand> for Reason {
    fn from(OtherCommand: OtherCommand) -> Self {
        Self::OtherCommand
    }
}

/// A certificate that is shown for an account.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) endorsed: Endorsed<'a>,
    pub(super) account: &'a Account,
    pub(super) used: Use<'a>,
}

impl Candidate<'_> {
    /// What it may do by the line of its authority in a file of the account, whose own conditions hold.
    pub(super) fn by_line(
        self,
        line: Grant,
        principals: Option<&[String]>,
        place: &str,
        log: &Logger,
    ) -> Option<Grant> {
        let granted = self.granted_by_line(line, principals, place, log);
        granted.inspect_err(|reason| self.refused(&format!(" via {place}"), *reason, log)).ok()
    }

    fn granted_by_line(
        self,
        line: Grant,
        principals: Option<&[String]>,
        place: &str,
        log: &Logger,
    ) -> Result<Grant, Reason> {
        let grant = line.and(self.own_grant(place, log)?)?;
        match principals {
            None => self.admits(self.account.user.name.as_encoded_bytes())?,
            Some(principals) => {
                let certificate = self.endorsed.certificate();
                let listed = principals.iter().find(|name| certificate.names(name.as_bytes()));
                self.admits(listed.ok_or(Reason::NoPrincipal)?.as_bytes())?;
            }
        }
        Ok(grant)
    }

    /// What it may do by itself, where the client is.
    fn own_grant(self, place: &str, log: &Logger) -> Result<Grant, Reason> {
        let told = self.used.told;
        let options = self.endorsed.options().map_err(|error| {
            if told {
                log.error(format_args!("{error}"));
            }
            Reason::InvalidOptions
        })?;
        for name in options.unknown_extensions.iter().filter(|_| told) {
            log.info(format_args!("Certificate extension \"{name}\" is not supported"));
        }
        if let Some(source) = options.source_address {
            let networks = NetworkList::parse(source).map_err(|_| Reason::InvalidOptions)?;
            let client = self.used.peer.client();
            if !client.is_some_and(|address| networks.contains(address)) {
                if told {
                    log.info(format_args!(
                        "{place}: Authentication tried for {} with valid certificate but not from a permitted source address ({}).",
                        shown(&self.account.user.name.to_string_lossy()),
                        self.used.peer.client_text()
                    ));
                }
                return Err(Reason::Options);
            }
        }
        let grant = Grant::of_certificate(&options).remarked(place);
        if told {
            log.debug(format_args!("{place}: key options:{grant}"));
        }
        Ok(grant)
    }

    fn admits(self, principal: &[u8]) -> Result<(), Reason> {
        let now = u64::try_from(self.used.now).unwrap_or_default();
        self.endorsed.admits(CertificateKind::User, principal, now).map_err(Reason::Refusal)
    }

    fn refused(self, via: &str, reason: Reason, log: &Logger) {
        if self.used.told {
            let certificate = self.endorsed.certificate();
            let (id, serial) = (id(certificate), certificate.serial());
            let authority = certificate.authority();
            let (key_type, fingerprint) = (authority.short_type(), authority.fingerprint());
            log.error(format_args!(
                "Refusing certificate ID \"{id}\" serial={serial} signed by {key_type} CA {fingerprint}{via}: {reason}"
            ));
        }
    }
}

/// The authorities of the system, and whom they may let in.
pub(super) struct Authorities<'a> {
    /// `TrustedUserCAKeys`.
    pub(super) file: &'a Path,
    /// Where principals are named.
    pub(super) principals: Option<Principals<'a>>,
}

impl Authorities<'_> {
    /// What a certificate may do by these authorities, if it is one of theirs.
    pub(super) fn grant(&self, candidate: Candidate<'_>, log: &Logger) -> Option<Grant> {
        let certificate = candidate.endorsed.certificate();
        let (authority, file) = (certificate.authority(), self.file.display());
        if let Err(why) = lists(self.file, authority) {
            if candidate.used.told {
                let (key_type, fingerprint) = (authority.short_type(), authority.fingerprint());
                log.debug(format_args!("CA {key_type} {fingerprint} is not listed in {file}: {why}"));
            }
            return None;
        }
        let granted = self.granted(candidate, log);
        let grant = granted.inspect_err(|reason| candidate.refused("", *reason, log)).ok()?;
        if candidate.used.told {
            log.verbose(format_args!(
                "Accepted certificate ID \"{}\" (serial {}) signed by {} CA {} via {file}",
                id(certificate),
                certificate.serial(),
                authority.short_type(),
                authority.fingerprint()
            ));
        }
        Some(grant)
    }

    fn granted(&self, candidate: Candidate<'_>, log: &Logger) -> Result<Grant, Reason> {
        let Some(principals) = &self.principals else {
            candidate.admits(candidate.account.user.name.as_encoded_bytes())?;
            return candidate.own_grant("cert", log);
        };
        let (certificate, told) = (candidate.endorsed.certificate(), candidate.used.told);
        for (place, contents) in principals.contents(log) {
            let Some(listed) = principals::find(&contents, &place, certificate, told, log) else { continue };
            candidate.admits(listed.principal)?;
            let own = candidate.own_grant("cert", log)?;
            let Candidate { account, used, .. } = candidate;
            let listed = conditions::grant(listed.options, For::Principal, "principals", account, used, log);
            return Ok(listed.ok_or(Reason::PrincipalOptions)?.and(own)?);
        }
        Err(Reason::NoPrincipal)
    }
}

/// Whether a key stands in a file of authorities; or why not. What follows a line that is no key is not looked at. A certificate is
/// no authority, and neither is an RSA key that nobody could use; both are passed over.
fn lists(file: &Path, key: &PublicKey) -> Result<(), String> {
    let contents = system_file::read(file, USER_FILE_MAX)?;
    for line in contents.split(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        match keys::IdentityLine::parse(text) {
            Ok(line) => {
                if line.identity().certificate().is_none() && line.identity().key() == key {
                    return Ok(());
                }
            }
            Err(LineError::Key(KeyError::BadModulus | KeyError::BadExponent)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("key not found".into())
}

/// What the authority calls a certificate, as far as the log shows it.
fn id(certificate: &Certificate) -> Human<'_> {
    let Human(id) = certificate.key_id();
    Human(id.get(..KEY_ID_SHOWN_MAX).unwrap_or(id))
}

/// A key or a certificate as logs have it: type and fingerprint, and of a certificate what it is called and who signed it.
pub(super) fn named(identity: &Identity) -> String {
    let named = named_key(identity);
    let Some(certificate) = identity.certificate() else { return named };
    let (id, serial, authority) = (id(certificate), certificate.serial(), certificate.authority());
    let (key_type, fingerprint) = (authority.short_type(), authority.fingerprint());
    format!("{named} ID {id} (serial {serial}) CA {key_type} {fingerprint}")
}

/// The type and the fingerprint, which of a certificate is that of its key.
pub(super) fn named_key(identity: &Identity) -> String {
    format!("{} {}", identity.short_type(), identity.key().fingerprint())
}

/// How the log says that a line of a file lets in who shows this.
pub(super) fn accepted(identity: &Identity, place: &str) -> String {
    let Some(certificate) = identity.certificate() else {
        return format!("Accepted key {} found at {place}", named(identity));
    };
    let (id, serial, authority) = (id(certificate), certificate.serial(), certificate.authority());
    let (key_type, fingerprint) = (authority.short_type(), authority.fingerprint());
    format!(
        "Accepted certificate ID \"{id}\" (serial {serial}) signed by CA {key_type} {fingerprint} found at {place}"
    )
}
