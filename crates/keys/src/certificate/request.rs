//! Making certificates, as `ssh-keygen -s` does.

use std::fmt;

use crypto::{NoEntropy, Rng};
use wire::{Encode, put_string, put_u32};

use super::options::{PERMIT_AGENT, PERMIT_PORT, PERMIT_PTY, PERMIT_USER_RC, PERMIT_X11};
use super::{Certificate, CertificateError, CertificateKind, CertificateOption, CertificateOptions};
use crate::{KeyError, PrivateKey, PublicKey, SIGNATURES, SignError, SignatureAlg};

/// Length in bytes of the nonce, as OpenSSH makes it.
const NONCE_LEN: usize = 32;

/// What an authority is asked to certify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The key to certify.
    pub key: PublicKey,
    /// What the certificate is for.
    pub kind: CertificateKind,
    /// The authority's number for it, 0 for none.
    pub serial: u64,
    /// What logs will call it.
    pub key_id: Vec<u8>,
    /// Whom it is for. With none it is for nobody.
    pub principals: Vec<Vec<u8>>,
    /// The first second, since 1970 in UTC, in which it is valid.
    pub valid_after: u64,
    /// The first second, since 1970 in UTC, in which it is valid no more; `u64::MAX` for never.
    pub valid_before: u64,
    /// The critical options, in any order.
    pub critical: Vec<CertificateOption>,
    /// The extensions, in any order.
    pub extensions: Vec<CertificateOption>,
}

impl CertificateRequest {
    /// A request for what `ssh-keygen -s` makes when it is told nothing more: no principals, valid for ever, and for
    /// users with everything permitted.
    #[must_use]
    pub fn new(kind: CertificateKind, key: PublicKey, key_id: &[u8]) -> Self {
        let permits: &[&str] = match kind {
            CertificateKind::User => &[PERMIT_X11, PERMIT_AGENT, PERMIT_PORT, PERMIT_PTY, PERMIT_USER_RC],
            CertificateKind::Host => &[],
        };
        Self {
            key,
            kind,
            serial: 0,
            key_id: key_id.to_vec(),
            principals: Vec::new(),
            valid_after: 0,
            valid_before: u64::MAX,
            critical: Vec::new(),
            extensions: permits.iter().map(|name| CertificateOption::new(name, &[])).collect(),
        }
    }

    /// Signs it as the authority `key` with `algorithm`, which is one of that key's type and not of a certificate's.
    ///
    /// # Errors
    /// A [`RequestError`] that says what cannot be certified; nothing that [`Certificate::parse`] refuses is made, nor
    /// an option that we know with data that it cannot have.
    pub fn sign(
        &self,
        authority: &PrivateKey,
        algorithm: &'static SignatureAlg,
        rng: &mut dyn Rng,
    ) -> Result<Certificate, RequestError> {
        let public = authority.public();
        if algorithm.key_type != public.key_type() {
            let wrong = SignError::WrongKeyType { algorithm: algorithm.name, key: public.key_type() };
            return Err(RequestError::Sign(wrong));
        }
        let critical = sorted(&self.critical);
        let extensions = sorted(&self.extensions);
        match CertificateOptions::read(self.kind, &critical, &extensions) {
            // The authority may know an option that we do not.
            Ok(_) | Err(CertificateError::UnknownCritical { .. }) => {}
            Err(error) => return Err(RequestError::Option(error)),
        }
        let mut nonce = [0; NONCE_LEN];
        rng.fill(&mut nonce)?;

        let mut blob = self.certified(&nonce)?;
        self.put_rest(&critical, &extensions, &mut blob);
        put_string(&mut blob, &public.blob());
        let signature = authority.sign(algorithm, &blob).map_err(RequestError::Sign)?;
        put_string(&mut blob, &signature);
        // The other end of every rule about what a certificate may be.
        Certificate::parse(&blob).map_err(RequestError::Certificate)
    }

    /// The type, the nonce and the key.
    fn certified(&self, nonce: &[u8]) -> Result<Vec<u8>, RequestError> {
        let key_type = self.key.key_type();
        let row = SIGNATURES
            .iter()
            .find(|row| row.certificate && row.plain == key_type)
            .ok_or(RequestError::Certificate(KeyError::UnknownType))?;
        let plain = self.key.blob();
        let fields = plain.get(key_type.len().saturating_add(4)..).unwrap_or_default();
        let mut blob = Vec::new();
        put_string(&mut blob, row.key_type.as_bytes());
        put_string(&mut blob, nonce);
        blob.extend_from_slice(fields);
        Ok(blob)
    }

    fn put_rest(&self, critical: &[CertificateOption], extensions: &[CertificateOption], blob: &mut Vec<u8>) {
        blob.extend_from_slice(&self.serial.to_be_bytes());
        put_u32(blob, self.kind.number());
        put_string(blob, &self.key_id);
        let mut principals = Vec::new();
        for principal in &self.principals {
            put_string(&mut principals, principal);
        }
        put_string(blob, &principals);
        blob.extend_from_slice(&self.valid_after.to_be_bytes());
        blob.extend_from_slice(&self.valid_before.to_be_bytes());
        for options in [critical, extensions] {
            let mut section = Vec::new();
            for option in options {
                option.encode(&mut section);
            }
            put_string(blob, &section);
        }
        // Reserved.
        put_string(blob, &[]);
    }
}

fn sorted(options: &[CertificateOption]) -> Vec<CertificateOption> {
    let mut options = options.to_vec();
    options.sort_by(|one, other| one.name.cmp(&other.name));
    options
}

/// Why a certificate was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// What was asked for is no certificate.
    Certificate(KeyError),
    /// An option has data that it cannot have.
    Option(CertificateError),
    /// The authority cannot sign so.
    Sign(SignError),
    /// There was no random nonce.
    NoEntropy,
}

impl From<NoEntropy> for RequestError {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => error.fmt(f),
            Self::Option(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
            Self::NoEntropy => NoEntropy.fmt(f),
        }
    }
}

impl std::error::Error for RequestError {}
