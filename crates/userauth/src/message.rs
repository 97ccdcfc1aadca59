//! The messages of RFC 4252 and RFC 4256, and the two of RFC 4253 §10 that lead to them.
//!
//! Number 50 is declared once for its head, which every request has, and once for each method's whole request: the
//! head says which of these the payload must be. Numbers 60 and 61 mean what the method that is under way makes of
//! them, so only the state that waits for one decodes it.

use std::fmt;

use wire::{
    Bytes, Decode, Encode, Human, Name, NameList, Reader, Rest, Role, Sensitive, Sink, Text, WireError,
};

use crate::error::{Error, Misbehaviour};

/// When a message may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the service `ssh-userauth` is accepted.
    Service,
    /// From then on until SUCCESS.
    Request,
    /// While a `publickey` request is open.
    PublicKey,
    /// While a `password` request is open.
    Password,
    /// While a `keyboard-interactive` request is open.
    KeyboardInteractive,
}

/// The fields of a request that only its method understands. They may be a password, so `Debug` shows only a length.
#[derive(Clone, Copy)]
pub struct MethodFields<'a>(pub &'a [u8]);

impl<'a> Decode<'a> for MethodFields<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self(input.rest()))
    }
}

impl Encode for MethodFields<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.0);
    }
}

impl fmt::Debug for MethodFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodFields({} bytes)", self.0.len())
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for MethodFields<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        u.arbitrary().map(Self)
    }
}

/// The prompts of a challenge as they stand on the wire: a `string` and a `boolean` for each. What is in it was
/// neither counted nor checked; see [`Prompts`](crate::client::Prompts).
pub type PromptFields<'a> = Rest<'a>;

wire::messages! {
    /// The messages of this crate.
    pub static MESSAGES: Phase;

    /// Asks for a service, before anything else.
    5 ServiceRequest<'a> { service: Name<'a> } in Phase::Service, by Client, "RFC 4253 §10";
    /// The service is there.
    6 ServiceAccept<'a> { service: Name<'a> } in Phase::Service, by Server, "RFC 4253 §10";

    /// What every request starts with.
    50 Request<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, fields: MethodFields<'a> }
        in Phase::Request, by Client, "RFC 4252 §5";
    /// A request by `none`.
    50 NoneRequest<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a> }
        in Phase::Request, by Client, "RFC 4252 §5.2";
    /// Asks whether a signature by this key would be looked at. `signed` is false.
    50 KeyOffer<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, signed: bool, algorithm: Name<'a>, key: Bytes<'a> }
        in Phase::Request, by Client, "RFC 4252 §7";
    /// Carries the signature. `signed` is true.
    50 KeyProof<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, signed: bool, algorithm: Name<'a>, key: Bytes<'a>, signature: Bytes<'a> }
        in Phase::Request, by Client, "RFC 4252 §7";
    /// A [`KeyOffer`] that names the server's host key too.
    50 BoundKeyOffer<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, signed: bool, algorithm: Name<'a>, key: Bytes<'a>, host_key: Bytes<'a> }
        in Phase::Request, by Client, "OpenSSH PROTOCOL, publickey-hostbound-v00@openssh.com";
    /// A [`KeyProof`] that covers the server's host key too.
    50 BoundKeyProof<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, signed: bool, algorithm: Name<'a>, key: Bytes<'a>, host_key: Bytes<'a>, signature: Bytes<'a> }
        in Phase::Request, by Client, "OpenSSH PROTOCOL, publickey-hostbound-v00@openssh.com";
    /// A password. `change` is false.
    50 PasswordRequest<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, change: bool, password: Sensitive<'a> }
        in Phase::Request, by Client, "RFC 4252 §8";
    /// A password and the one that shall replace it. `change` is true.
    50 PasswordChange<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, change: bool, old: Sensitive<'a>, new: Sensitive<'a> }
        in Phase::Request, by Client, "RFC 4252 §8";
    /// A request by `keyboard-interactive`.
    50 InteractiveRequest<'a> { user: Text<'a>, service: Name<'a>, method: Name<'a>, language: Human<'a>, submethods: Text<'a> }
        in Phase::Request, by Client, "RFC 4256 §3.1";

    /// The request failed, or is only one of several that are needed.
    51 Failure<'a> { remaining: NameList<'a>, partial_success: bool } in Phase::Request, by Server, "RFC 4252 §5.1";
    /// The user is authenticated.
    52 Success {} in Phase::Request, by Server, "RFC 4252 §5.1";
    /// Text to show before the login.
    53 Banner<'a> { text: Human<'a>, language: Human<'a> } in Phase::Request, by Server, "RFC 4252 §5.4";

    /// A signature by this key would be looked at.
    60 PkOk<'a> { algorithm: Name<'a>, key: Bytes<'a> } in Phase::PublicKey, by Server, "RFC 4252 §7";
    /// The password was right and has expired.
    60 PasswordChangeRequest<'a> { prompt: Human<'a>, language: Human<'a> } in Phase::Password, by Server, "RFC 4252 §8";
    /// A challenge. `count` prompts follow in `prompts`.
    60 InfoRequest<'a> { name: Human<'a>, instruction: Human<'a>, language: Human<'a>, count: u32, prompts: PromptFields<'a> }
        in Phase::KeyboardInteractive, by Server, "RFC 4256 §3.2";
    /// The responses to a challenge. `count` strings follow in `responses`.
    61 InfoResponse<'a> { count: u32, responses: MethodFields<'a> } in Phase::KeyboardInteractive, by Client, "RFC 4256 §3.4";
}

/// Judges a message that no state waits for: what `peer` may not send now is an error, what this crate does not know
/// is nothing to it.
pub(crate) fn unexpected(payload: &[u8], peer: Role) -> Result<(), Error> {
    let number = *payload.first().ok_or(WireError::Truncated { needed: 1, left: 0 })?;
    match wire::row(MESSAGES, number) {
        Some(row) if row.by.allows(peer) => Err(Misbehaviour::Unexpected { number }.into()),
        Some(_) => Err(Misbehaviour::WrongSide { number }.into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_request_shows_no_password_whichever_way_it_is_read() {
        let (user, service) = (Text::new("alice").unwrap(), Name::new("ssh-connection").unwrap());
        let method = Name::new("password").unwrap();
        let mut payload = Vec::new();
        PasswordRequest { user, service, method, change: false, password: Sensitive(b"hunter2") }
            .encode(&mut payload);
        let head = format!("{:?}", Request::from_payload(&payload).unwrap());
        let whole = format!("{:?}", PasswordRequest::from_payload(&payload).unwrap());
        assert!(head.contains("MethodFields(12 bytes)"), "{head}");
        for shown in [head, whole] {
            assert!(!shown.contains("hunter2") && !shown.contains("68756e"), "{shown}");
        }
    }

    #[test]
    fn requests_come_from_clients_and_verdicts_from_servers() {
        for row in MESSAGES {
            let by =
                if [5, 50, 61].contains(&row.number) { wire::Sender::Client } else { wire::Sender::Server };
            assert_eq!(row.by, by, "{}", row.name);
        }
    }
}
