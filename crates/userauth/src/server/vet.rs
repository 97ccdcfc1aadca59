//! What is refused without asking anybody, because it does not depend on who the user is.

use keys::{Identity, Signature, SignatureAlg};
use wire::{Bytes, Human, Text};

use super::Unasked;
use super::state::Context;
use crate::Method;
use crate::error::{Error, Misbehaviour};
use crate::limits::{KEY_BLOB_MAX, PASSWORD_MAX, SIGNATURE_MAX};
use crate::request::{Body, Key};

/// A request about which the application is asked.
pub(super) enum Vetted<'b> {
    None,
    KeyOffer { algorithm: &'static SignatureAlg, key: Bytes<'b> },
    KeyProof { algorithm: &'static SignatureAlg, key: Key<'b>, signature: &'b [u8] },
    Password(&'b [u8]),
    PasswordChange { old: &'b [u8], new: &'b [u8] },
    Interactive { language: Human<'b>, submethods: Text<'b> },
}

impl Context {
    /// Ends the connection when a request is bound to the host key of another one: whoever sent it on is between the
    /// user and us (OpenSSH `PROTOCOL`, publickey-hostbound).
    pub(super) fn check_binding(&self, body: &Body<'_>) -> Result<(), Error> {
        match body {
            Body::KeyOffer(key) | Body::KeyProof { key, .. } => match key.host_key {
                Some(bound) if bound.0 != self.session.host_key() => {
                    Err(Misbehaviour::HostKeyMismatch.into())
                }
                Some(_) | None => Ok(()),
            },
            Body::None
            | Body::Password(_)
            | Body::PasswordChange { .. }
            | Body::Interactive { .. }
            | Body::Unknown => Ok(()),
        }
    }

    pub(super) fn vet<'b>(&self, body: Body<'b>) -> Result<Vetted<'b>, Unasked> {
        match body {
            Body::None => Ok(Vetted::None),
            Body::KeyOffer(key) => {
                self.enabled(Method::PublicKey)?;
                Ok(Vetted::KeyOffer { algorithm: self.vet_key(&key)?, key: key.blob })
            }
            Body::KeyProof { key, signature } => {
                self.enabled(Method::PublicKey)?;
                let algorithm = self.vet_key(&key)?;
                vet_signature(algorithm, signature)?;
                Ok(Vetted::KeyProof { algorithm, key, signature })
            }
            Body::Password(password) => {
                self.enabled(Method::Password)?;
                vet_passwords(&[password])?;
                Ok(Vetted::Password(password))
            }
            Body::PasswordChange { old, new } => {
                self.enabled(Method::Password)?;
                vet_passwords(&[old, new])?;
                Ok(Vetted::PasswordChange { old, new })
            }
            Body::Interactive { language, submethods } => {
                self.enabled(Method::KeyboardInteractive)?;
                Ok(Vetted::Interactive { language, submethods })
            }
            Body::Unknown => Err(Unasked::UnknownMethod),
        }
    }

    fn enabled(&self, method: Method) -> Result<(), Unasked> {
        if self.methods.contains(method) { Ok(()) } else { Err(Unasked::NotEnabled) }
    }

    /// The algorithm of `key`, if it is an accepted one that fits the key.
    fn vet_key(&self, key: &Key<'_>) -> Result<&'static SignatureAlg, Unasked> {
        let algorithm = self.algorithms.iter().copied().find(|row| key.algorithm == row.name);
        let algorithm = algorithm.ok_or(Unasked::Algorithm)?;
        if key.blob.0.len() > KEY_BLOB_MAX {
            return Err(Unasked::TooLong);
        }
        let shown = Identity::parse(key.blob.0).map_err(|_| Unasked::Key)?;
        if shown.key_type() == algorithm.key_type { Ok(algorithm) } else { Err(Unasked::Key) }
    }
}

fn vet_signature(algorithm: &SignatureAlg, signature: &[u8]) -> Result<(), Unasked> {
    if signature.len() > SIGNATURE_MAX {
        return Err(Unasked::TooLong);
    }
    let parsed = Signature::parse(signature).map_err(|_| Unasked::Signature)?;
    if parsed.is_by(algorithm) { Ok(()) } else { Err(Unasked::Signature) }
}

fn vet_passwords(passwords: &[&[u8]]) -> Result<(), Unasked> {
    if passwords.iter().any(|password| password.len() > PASSWORD_MAX) {
        return Err(Unasked::TooLong);
    }
    Ok(())
}
