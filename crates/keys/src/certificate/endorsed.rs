//! Certificates whose authority's signature was verified, and what they are good for.

use std::fmt;

use super::{Certificate, CertificateKind, CertificateOptions};
use crate::{Signature, SignatureAlg, VerifyError, verify};

/// A certificate that the key in [`Certificate::authority`] did sign. Only [`Certificate::verify_authority`] makes one.
/// It says nothing about whether that authority is trusted.
///
/// ```compile_fail,E0451
/// fn forged(certificate: &nacre_keys::Certificate) -> nacre_keys::Endorsed<'_> {
///     nacre_keys::Endorsed { certificate }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Endorsed<'a> {
    certificate: &'a Certificate,
}

impl Certificate {
    /// Verifies the authority's signature, which must be by one of the `accepted` algorithms (CASignatureAlgorithms;
    /// rows of certificates in it mean nothing, because no certificate is an authority).
    ///
    /// # Errors
    /// [`CertificateError::Algorithm`] when the signature is by none of them, [`CertificateError::Signature`] when it
    /// does not verify.
    pub fn verify_authority(
        &self,
        accepted: &[&'static SignatureAlg],
    ) -> Result<Endorsed<'_>, CertificateError> {
        let signature = Signature::parse(&self.signature)
            .map_err(|error| CertificateError::Signature(VerifyError::Malformed(error)))?;
        let key_type = self.authority.key_type();
        let algorithm = accepted
            .iter()
            .find(|row| row.key_type == key_type && signature.is_by(row))
            .ok_or_else(|| CertificateError::Algorithm { name: signature.algorithm.as_str().into() })?;
        // A security key may sign certificates without anyone present; only who logs in with one is asked for that.
        let _proven = verify(algorithm, &self.authority.blob(), self.signed(), &self.signature)
            .map_err(CertificateError::Signature)?;
        Ok(Endorsed { certificate: self })
    }

    /// Whether it is valid at this second since 1970 in UTC: not before `valid_after`, and before `valid_before`.
    ///
    /// # Errors
    /// [`Refusal::NotYetValid`] or [`Refusal::Expired`].
    pub fn valid_at(&self, now: u64) -> Result<(), Refusal> {
        if now < self.valid_after {
            Err(Refusal::NotYetValid)
        } else if now >= self.valid_before {
            Err(Refusal::Expired)
        } else {
            Ok(())
        }
    }

    /// Whether it names this user or host. A host certificate's names are patterns with `*` and `?`; a user's stand for
    /// themselves. A certificate that names nobody names nobody.
    #[must_use]
    pub fn names(&self, principal: &[u8]) -> bool {
        self.principals().any(|listed| match self.kind {
            CertificateKind::User => listed == principal,
            CertificateKind::Host => matches(listed, principal),
        })
    }
}

impl<'a> Endorsed<'a> {
    /// The certificate.
    #[must_use]
    pub fn certificate(self) -> &'a Certificate {
        self.certificate
    }

    /// Whether it is a certificate of this kind, valid at this second since 1970 in UTC, that names this user or host.
    ///
    /// Where names come from a list (`principals=`, AuthorizedPrincipalsFile), ask for the one that
    /// [`Certificate::names`] said yes to: there is no way to ask for none.
    ///
    /// # Errors
    /// The [`Refusal`], whose text is the one that OpenSSH logs.
    pub fn admits(self, kind: CertificateKind, principal: &[u8], now: u64) -> Result<(), Refusal> {
        if self.certificate.kind != kind {
            return Err(Refusal::WrongKind { wanted: kind });
        }
        self.certificate.valid_at(now)?;
        if self.certificate.principals().len() == 0 {
            return Err(Refusal::NoPrincipals);
        }
        if self.certificate.names(principal) { Ok(()) } else { Err(Refusal::NotListed) }
    }

    /// What it restricts and grants.
    ///
    /// # Errors
    /// [`CertificateError::UnknownCritical`] and [`CertificateError::BadOption`]; then it is good for nothing.
    pub fn options(self) -> Result<CertificateOptions<'a>, CertificateError> {
        let Certificate { kind, critical, extensions, .. } = self.certificate;
        CertificateOptions::read(*kind, critical, extensions)
    }
}

/// Whether `text` is what `pattern` describes: `*` is anything, `?` any one byte. Where it has to go back it goes back to
/// the last `*` only, so the work is at most the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // What follows the last `*`, and the text that has not been tried against it.
    let mut last: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                last = Some((rest, text));
                pattern = rest;
            }
            (None, None) => return true,
            (Some((wanted, pattern_rest)), Some((found, text_rest)))
                if *wanted == b'?' || wanted == found =>
            {
                (pattern, text) = (pattern_rest, text_rest);
            }
            _ => {
                let Some((after, tried)) = last else { return false };
                let Some((_, tried)) = tried.split_first() else { return false };
                last = Some((after, tried));
                (pattern, text) = (after, tried);
            }
        }
    }
}

/// Why a certificate is not good for what it was shown for. The texts are those of OpenSSH's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is of the other kind.
    WrongKind {
        /// The kind that it should be.
        wanted: CertificateKind,
    },
    /// It is valid later.
    NotYetValid,
    /// It was valid before.
    Expired,
    /// It names nobody.
    NoPrincipals,
    /// It names others.
    NotListed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind { wanted } => write!(f, "Certificate invalid: not a {wanted} certificate"),
            Self::NotYetValid => f.write_str("Certificate invalid: not yet valid"),
            Self::Expired => f.write_str("Certificate invalid: expired"),
            Self::NoPrincipals => f.write_str("Certificate lacks principal list"),
            Self::NotListed => f.write_str("Certificate invalid: name is not a listed principal"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why what a certificate says does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// Its signature is by an algorithm that is not accepted of an authority.
    Algorithm {
        /// The name of the algorithm.
        name: String,
    },
    /// The authority did not sign it.
    Signature(VerifyError),
    /// It has a critical option that we do not know, so it may have been meant for less than we would grant.
    UnknownCritical {
        /// The option, fit for a log.
        name: String,
    },
    /// An option that we know does not have the data that it must have.
    BadOption {
        /// The option.
        name: String,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm { name } => {
                write!(f, "certificate signature algorithm {name}: signature algorithm not supported")
            }
            Self::Signature(error) => write!(f, "certificate's signature: {error}"),
            Self::UnknownCritical { name } => {
                write!(f, "Certificate critical option \"{name}\" is not supported")
            }
            Self::BadOption { name } => write!(f, "Certificate option \"{name}\" corrupt"),
        }
    }
}

impl std::error::Error for CertificateError {}
