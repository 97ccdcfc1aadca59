//! The client's side of the agent protocol.

use std::collections::VecDeque;
use std::mem;

use keys::{Certificate, Identity, KeyError, PrivateKey, Secret, Signature, SignatureAlg};
use wire::{Bytes, Encode, Message, Reader, Rest, Sensitive, encoded_len, put_string, put_u32};

use super::message::{
    AddConstrainedIdentity, AddConstrainedToken, AddIdentity, AddToken, Extension, ExtensionFailure,
    ExtensionResponse, Failure, IdentitiesAnswer, Lock, RSA_SHA2_256, RSA_SHA2_512, RemoveAllIdentities,
    RemoveIdentity, RemoveToken, RequestIdentities, SensitiveRest, SignRequest, SignResponse, Success,
    Unlock,
};
use super::{AgentError, Constraint};
use crate::limits::{MAX_AGENT_EXTENSIONS, MAX_AGENT_FRAME, MAX_AGENT_IDENTITIES, MAX_AGENT_REQUESTS};

const QUERY: &[u8] = b"query";
const SESSION_BIND: &[u8] = b"session-bind@openssh.com";

/// A connection to an agent, without its socket.
///
/// Each request gets one [`Answer`], in their order. A request that fails changes nothing; after an error of
/// [`receive`](Self::receive) the connection is good for nothing, and everything gives that error again.
#[derive(Default)]
pub struct AgentClient {
    /// Frames to be written. They may hold private keys and passphrases.
    out: VecDeque<Secret>,
    /// How much of the first of them is written.
    written: usize,
    awaited: VecDeque<Awaited>,
    /// The beginning of a frame of which the rest has not come.
    partial: Vec<u8>,
    failed: Option<AgentError>,
}

/// What a request wants to hear.
#[derive(Clone, Copy)]
enum Awaited {
    Identities,
    Signature(&'static SignatureAlg),
    Success,
    Extensions,
}

/// What the agent says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`request_identities`](AgentClient::request_identities): the keys that it has.
    Identities(Vec<AgentIdentity>),
    /// To [`sign`](AgentClient::sign): a signature blob by the algorithm that was asked for. Nobody has verified it.
    Signature(Vec<u8>),
    /// To [`sign`](AgentClient::sign): it signed by another algorithm, as old agents do with RSA keys. Such a signature is worth
    /// nothing to who asked.
    OtherAlgorithm,
    /// To [`query`](AgentClient::query): the names of the extensions that it has, of any bytes.
    Extensions(Vec<Vec<u8>>),
    /// It was done.
    Success,
    /// It was not done, whatever it was.
    Failure,
}

/// A key that an agent has, or says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentIdentity {
    /// The blob, which requests about the key hold.
    pub blob: Vec<u8>,
    /// The key or certificate in it; an agent may have keys of types that are not known here.
    pub identity: Result<Identity, KeyError>,
    /// What the agent says of it, of any bytes.
    pub comment: Vec<u8>,
}

impl AgentClient {
    /// Asks for the keys that the agent has.
    ///
    /// # Errors
    /// [`AgentError::TooManyRequests`], or an error from before.
    pub fn request_identities(&mut self) -> Result<(), AgentError> {
        self.ask(&RequestIdentities {}, Awaited::Identities)
    }

    /// Asks for a signature of `data`. The agent must have exactly this identity: the plain key, or the certificate.
    ///
    /// # Errors
    /// [`AgentError::WrongKeyType`], [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn sign(
        &mut self,
        identity: &Identity,
        algorithm: &'static SignatureAlg,
        data: &[u8],
    ) -> Result<(), AgentError> {
        if identity.key().key_type() != algorithm.plain {
            return Err(AgentError::WrongKeyType { algorithm: algorithm.name });
        }
        let flags = match algorithm.signature_name {
            "rsa-sha2-256" => RSA_SHA2_256,
            "rsa-sha2-512" => RSA_SHA2_512,
            _ => 0,
        };
        let (key, awaited) = (identity.blob(), Awaited::Signature(algorithm));
        self.ask(&SignRequest { key: Bytes(&key), data: Bytes(data), flags }, awaited)
    }

    /// Gives the agent a private key.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn add(
        &mut self,
        key: &PrivateKey,
        comment: &[u8],
        constraints: &[Constraint<'_>],
    ) -> Result<(), AgentError> {
        self.ask_add(&Added { parts: &[key.fields().expose()], comment, constraints })
    }

    /// Gives the agent a certificate and its private key.
    ///
    /// # Errors
    /// [`AgentError::WrongCertificate`] when it is one of another key, [`AgentError::RequestTooLong`],
    /// [`AgentError::TooManyRequests`], or an error from before.
    pub fn add_certificate(
        &mut self,
        key: &PrivateKey,
        certificate: &Certificate,
        comment: &[u8],
        constraints: &[Constraint<'_>],
    ) -> Result<(), AgentError> {
        if *certificate.key() != key.public() {
            return Err(AgentError::WrongCertificate);
        }
        let fields = key.fields();
        let mut private = Reader::new(fields.expose());
        let _key_type = private.string()?;
        for _ in 0..public_fields(key.public().key_type()) {
            private.string()?;
        }
        let mut shown = Vec::new();
        put_string(&mut shown, certificate.key_type().as_bytes());
        put_string(&mut shown, certificate.blob());
        self.ask_add(&Added { parts: &[&shown, private.rest()], comment, constraints })
    }

    fn ask_add(&mut self, added: &Added<'_>) -> Result<(), AgentError> {
        let mut bytes = Vec::with_capacity(encoded_len(added));
        added.encode(&mut bytes);
        let bytes = Secret::new(bytes);
        let key = SensitiveRest(bytes.expose());
        if added.constraints.is_empty() {
            self.ask(&AddIdentity { key }, Awaited::Success)
        } else {
            self.ask(&AddConstrainedIdentity { key }, Awaited::Success)
        }
    }

    /// Tells the agent to take the keys of a token (PKCS#11): the library that talks to it, and its PIN.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn add_token(
        &mut self,
        provider: &str,
        pin: &Secret,
        constraints: &[Constraint<'_>],
    ) -> Result<(), AgentError> {
        let (provider, pin) = (Bytes(provider.as_bytes()), Sensitive(pin.expose()));
        if constraints.is_empty() {
            return self.ask(&AddToken { provider, pin }, Awaited::Success);
        }
        let mut bytes = Vec::new();
        constraints.iter().for_each(|constraint| constraint.encode(&mut bytes));
        self.ask(&AddConstrainedToken { provider, pin, constraints: Rest(&bytes) }, Awaited::Success)
    }

    /// Tells the agent to forget the keys of a token.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn remove_token(&mut self, provider: &str, pin: &Secret) -> Result<(), AgentError> {
        let (provider, pin) = (Bytes(provider.as_bytes()), Sensitive(pin.expose()));
        self.ask(&RemoveToken { provider, pin }, Awaited::Success)
    }

    /// Tells the agent to forget a key.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn remove(&mut self, blob: &[u8]) -> Result<(), AgentError> {
        self.ask(&RemoveIdentity { key: Bytes(blob) }, Awaited::Success)
    }

    /// Tells the agent to forget all keys.
    ///
    /// # Errors
    /// [`AgentError::TooManyRequests`], or an error from before.
    pub fn remove_all(&mut self) -> Result<(), AgentError> {
        self.ask(&RemoveAllIdentities {}, Awaited::Success)
    }

    /// Locks the agent: it lists nothing and signs nothing.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn lock(&mut self, passphrase: &Secret) -> Result<(), AgentError> {
        self.ask(&Lock { passphrase: Sensitive(passphrase.expose()) }, Awaited::Success)
    }

    /// Unlocks the agent.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn unlock(&mut self, passphrase: &Secret) -> Result<(), AgentError> {
        self.ask(&Unlock { passphrase: Sensitive(passphrase.expose()) }, Awaited::Success)
    }

    /// Tells the agent which session this connection serves, so that it can hold keys to their destinations
    /// (PROTOCOL.agent §1): the host key's blob, the session id, the host's signature of it, and whether the connection is
    /// forwarded to the host and not used to log in there.
    ///
    /// # Errors
    /// [`AgentError::RequestTooLong`], [`AgentError::TooManyRequests`], or an error from before.
    pub fn bind_session(
        &mut self,
        host_key: &[u8],
        session_id: &[u8],
        signature: &[u8],
        is_forwarding: bool,
    ) -> Result<(), AgentError> {
        let mut contents = Vec::new();
        [host_key, session_id, signature].into_iter().for_each(|field| put_string(&mut contents, field));
        is_forwarding.encode(&mut contents);
        self.ask(&Extension { name: Bytes(SESSION_BIND), contents: Rest(&contents) }, Awaited::Success)
    }

    /// Asks for the names of the extensions that the agent has. OpenSSH's answers since 2026; older ones give
    /// [`Answer::Failure`].
    ///
    /// # Errors
    /// [`AgentError::TooManyRequests`], or an error from before.
    pub fn query(&mut self) -> Result<(), AgentError> {
        self.ask(&Extension { name: Bytes(QUERY), contents: Rest(&[]) }, Awaited::Extensions)
    }

    fn ask<M: Message>(&mut self, message: &M, awaited: Awaited) -> Result<(), AgentError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.awaited.len() >= MAX_AGENT_REQUESTS {
            return Err(AgentError::TooManyRequests);
        }
        let length = encoded_len(message);
        if length > MAX_AGENT_FRAME {
            return Err(AgentError::RequestTooLong);
        }
        let mut frame = Vec::with_capacity(length.saturating_add(4));
        put_u32(&mut frame, u32::try_from(length).unwrap_or(u32::MAX));
        message.encode(&mut frame);
        self.out.push_back(Secret::new(frame));
        self.awaited.push_back(awaited);
        Ok(())
    }

    /// Bytes for the agent: not always all, but none only when there are none.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.out.front().and_then(|frame| frame.expose().get(self.written..)).unwrap_or_default()
    }

    /// Takes back so many of the bytes that [`transmit`](Self::transmit) gave.
    pub fn sent(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
        if self.transmit().is_empty() {
            self.out.pop_front();
            self.written = 0;
        }
    }

    /// How many requests wait for an answer.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Takes bytes from the agent, to the end of one answer at most; tells how many it took, and the answer.
    ///
    /// # Errors
    /// Any error but those of requests. The connection is to be closed then.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(usize, Option<Answer>), AgentError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.take(bytes);
        if let Err(error) = result {
            *self = Self { failed: Some(error), ..Self::default() };
        }
        result
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Answer>), AgentError> {
        let mut rest = bytes;
        let taken = |rest: &[u8]| bytes.len().saturating_sub(rest.len());
        loop {
            let needed = match self.partial.first_chunk() {
                None => 4,
                Some(length) => frame_length(u32::from_be_bytes(*length))?.saturating_add(4),
            };
            let missing = needed.saturating_sub(self.partial.len());
            if missing == 0 {
                break;
            }
            if rest.is_empty() {
                return Ok((taken(rest), None));
            }
            if self.awaited.is_empty() {
                return Err(AgentError::Unasked);
            }
            let (part, behind) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.partial.extend_from_slice(part);
            rest = behind;
        }
        let frame = mem::take(&mut self.partial);
        let awaited = self.awaited.pop_front().ok_or(AgentError::Unasked)?;
        let answer = awaited.read(frame.get(4..).unwrap_or_default())?;
        Ok((taken(rest), Some(answer)))
    }
}

/// The length of a frame, which is not believed before it is in bounds.
fn frame_length(length: u32) -> Result<usize, AgentError> {
    usize::try_from(length)
        .ok()
        .filter(|length| (1..=MAX_AGENT_FRAME).contains(length))
        .ok_or(AgentError::FrameLength { got: length })
}

/// How many strings of a private key's fields, after its type, are its public half and left out beside a certificate. Not so of
/// Ed25519.
fn public_fields(key_type: &str) -> usize {
    match key_type {
        "ssh-rsa" | "sk-ecdsa-sha2-nistp256@openssh.com" => 2,
        ecdsa if ecdsa.starts_with("ecdsa-sha2-") => 2,
        composite if composite.starts_with("ssh-mldsa44-ed25519") => 1,
        _ => 0,
    }
}

/// A key that is given to an agent.
struct Added<'a> {
    parts: &'a [&'a [u8]],
    comment: &'a [u8],
    constraints: &'a [Constraint<'a>],
}

impl Encode for Added<'_> {
    fn encode<S: wire::Sink + ?Sized>(&self, out: &mut S) {
        self.parts.iter().for_each(|part| out.put(part));
        put_string(out, self.comment);
        self.constraints.iter().for_each(|constraint| constraint.encode(out));
    }
}

impl Awaited {
    fn read(self, payload: &[u8]) -> Result<Answer, AgentError> {
        let number = payload.first().copied();
        if number == Some(Failure::NUMBER) || number == Some(ExtensionFailure::NUMBER) {
            return Ok(Answer::Failure);
        }
        Ok(match self {
            Self::Identities => Answer::Identities(identities(&IdentitiesAnswer::from_payload(payload)?)?),
            Self::Signature(algorithm) => {
                let SignResponse { signature: Bytes(blob) } = SignResponse::from_payload(payload)?;
                let is_asked = Signature::parse(blob)?.is_by(algorithm);
                if is_asked { Answer::Signature(blob.to_vec()) } else { Answer::OtherAlgorithm }
            }
            Self::Success => Success::from_payload(payload).map(|Success {}| Answer::Success)?,
            Self::Extensions => Answer::Extensions(extensions(&ExtensionResponse::from_payload(payload)?)?),
        })
    }
}

fn identities(answer: &IdentitiesAnswer<'_>) -> Result<Vec<AgentIdentity>, AgentError> {
    if usize::try_from(answer.count).map_or(true, |count| count > MAX_AGENT_IDENTITIES) {
        return Err(AgentError::TooManyIdentities);
    }
    let mut input = Reader::new(answer.identities.0);
    let mut identities = Vec::new();
    for _ in 0..answer.count {
        let (blob, comment) = (input.string()?, input.string()?);
        let identity = Identity::parse(blob);
        identities.push(AgentIdentity { blob: blob.to_vec(), identity, comment: comment.to_vec() });
    }
    input.finish()?;
    Ok(identities)
}

fn extensions(answer: &ExtensionResponse<'_>) -> Result<Vec<Vec<u8>>, AgentError> {
    if answer.name.0 != QUERY {
        return Err(AgentError::WrongExtension);
    }
    let mut input = Reader::new(answer.contents.0);
    let mut names = Vec::new();
    while input.left() > 0 {
        if names.len() >= MAX_AGENT_EXTENSIONS {
            return Err(AgentError::TooManyExtensions);
        }
        names.push(input.string()?.to_vec());
    }
    Ok(names)
}
