//! A whole request, parsed before anybody is asked about its user.

use wire::{Bytes, Human, Name, Text, WireError};

use crate::error::{Error, Misbehaviour, Refusal};
use crate::limits::USER_MAX;
use crate::message::{
    BoundKeyOffer, BoundKeyProof, InteractiveRequest, KeyOffer, KeyProof, NoneRequest, PasswordChange,
    PasswordRequest, Request as Head,
};
use crate::method::name;
use crate::proof::CONNECTION;

/// A request and who it is for.
#[derive(Debug)]
pub(crate) struct Request<'b> {
    pub(crate) user: Text<'b>,
    pub(crate) body: Body<'b>,
}

/// What a request shows.
#[derive(Debug)]
pub(crate) enum Body<'b> {
    None,
    KeyOffer(Key<'b>),
    KeyProof { key: Key<'b>, signature: &'b [u8] },
    Password(&'b [u8]),
    PasswordChange { old: &'b [u8], new: &'b [u8] },
    Interactive { language: Human<'b>, submethods: Text<'b> },
    Unknown,
}

/// The key of a request, as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'b> {
    pub(crate) algorithm: Name<'b>,
    pub(crate) blob: Bytes<'b>,
    /// The host key that the host-bound method names.
    pub(crate) host_key: Option<Bytes<'b>>,
}

impl<'b> Request<'b> {
    /// Parses a payload with number 50 to its last byte.
    pub(crate) fn parse(payload: &'b [u8]) -> Result<Self, Error> {
        let head = Head::from_payload(payload)?;
        if head.user.as_str().len() > USER_MAX {
            return Err(Misbehaviour::UserTooLong.into());
        }
        if head.service != CONNECTION {
            return Err(Refusal::ServiceNotAvailable.into());
        }
        // Where a method has two forms, a boolean is the first of its fields and says which.
        let second_form = head.fields.0.first().is_some_and(|byte| *byte != 0);
        Ok(Self { user: head.user, body: Body::parse(head.method, second_form, payload)? })
    }
}

impl<'b> Body<'b> {
    fn parse(method: Name<'b>, second_form: bool, payload: &'b [u8]) -> Result<Self, WireError> {
        Ok(match (method.as_str(), second_form) {
            (name::NONE, _) => {
                NoneRequest::from_payload(payload)?;
                Self::None
            }
            (name::PUBLIC_KEY, false) => {
                let KeyOffer { algorithm, key, .. } = KeyOffer::from_payload(payload)?;
                Self::KeyOffer(Key { algorithm, blob: key, host_key: None })
            }
            (name::PUBLIC_KEY, true) => {
                let KeyProof { algorithm, key, signature, .. } = KeyProof::from_payload(payload)?;
                Self::KeyProof { key: Key { algorithm, blob: key, host_key: None }, signature: signature.0 }
            }
            (name::HOST_BOUND, false) => {
                let BoundKeyOffer { algorithm, key, host_key, .. } = BoundKeyOffer::from_payload(payload)?;
                Self::KeyOffer(Key { algorithm, blob: key, host_key: Some(host_key) })
            }
            (name::HOST_BOUND, true) => {
                let BoundKeyProof { algorithm, key, host_key, signature, .. } =
                    BoundKeyProof::from_payload(payload)?;
                let key = Key { algorithm, blob: key, host_key: Some(host_key) };
                Self::KeyProof { key, signature: signature.0 }
            }
            (name::PASSWORD, false) => Self::Password(PasswordRequest::from_payload(payload)?.password.0),
            (name::PASSWORD, true) => {
                let PasswordChange { old, new, .. } = PasswordChange::from_payload(payload)?;
                Self::PasswordChange { old: old.0, new: new.0 }
            }
            (name::INTERACTIVE, _) => {
                let InteractiveRequest { language, submethods, .. } =
                    InteractiveRequest::from_payload(payload)?;
                Self::Interactive { language, submethods }
            }
            // RFC 4252 §5: an unknown method fails; its fields are nobody's business.
            _ => Self::Unknown,
        })
    }
}
