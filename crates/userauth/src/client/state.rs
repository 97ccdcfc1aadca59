//! The states of the client machine. Each is consumed by the payload or the answer that it waits for.

use std::sync::Arc;

use keys::{Secret, Signature, SignatureAlg};
use wire::{Bytes, Encode, Human, Message, Name, Outbox, Role, Sensitive, Text};

use super::{Ask, Because, Credential, LoggedIn, Output, Prompts, Remaining, Wanted};
use crate::error::{Error, Misbehaviour, Misuse, Refusal};
use crate::limits::{BANNER_BYTES_MAX, BANNERS_MAX, METHOD_LIST_MAX, REQUESTS_MAX, ROUNDS_MAX};
use crate::message::{
    Banner, BoundKeyOffer, BoundKeyProof, Failure, InfoRequest, InfoResponse, InteractiveRequest, KeyOffer,
    KeyProof, MethodFields, NoneRequest, PasswordChange, PasswordChangeRequest, PasswordRequest, PkOk,
    ServiceAccept, ServiceRequest, Success, unexpected,
};
use crate::method::name;
use crate::proof::{CONNECTION, USERAUTH};
use crate::{Method, Methods, SessionInfo, SignedRequest, signed_data};

/// What does not change from state to state.
pub(super) struct Context {
    pub(super) user: Box<str>,
    pub(super) signature_algorithms: Option<Box<str>>,
    pub(super) host_bound: bool,
    session: SessionInfo,
    remaining: Option<Remaining>,
    tried: Methods,
    requests: u32,
    banners: u32,
    banner_bytes: usize,
    /// Whether anything was sent that only the user could know or make.
    proved: bool,
}

impl Context {
    pub(super) fn new(user: &str, session: SessionInfo) -> Self {
        Self {
            user: user.into(),
            signature_algorithms: None,
            host_bound: false,
            session,
            remaining: None,
            tried: Methods::EMPTY,
            requests: 0,
            banners: 0,
            banner_bytes: 0,
            proved: false,
        }
    }

    pub(super) fn takes(&self, algorithm: &SignatureAlg) -> Option<bool> {
        let list = self.signature_algorithms.as_ref()?;
        // OpenSSH lists what keys sign with, and no algorithm of certificates.
        Some(list.split(',').any(|name| name == algorithm.name || name == algorithm.signature_name))
    }

    /// Where a key can sign by several algorithms, and only there, the server's list decides.
    pub(super) fn check_listed(&self, algorithm: &SignatureAlg) -> Result<(), Misuse> {
        let choice = algorithm.name != algorithm.key_type
            || SignatureAlg::for_key_type(algorithm.key_type).any(|row| row.name != algorithm.name);
        match self.takes(algorithm) {
            Some(false) if choice => Err(Misuse::AlgorithmNotListed),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn may_request(&self) -> bool {
        self.requests < REQUESTS_MAX
    }

    fn requested(&mut self, method: Method) {
        self.requests = self.requests.saturating_add(1);
        self.tried = self.tried.with(method);
    }

    fn ask(&self, because: Because) -> Next<'static> {
        let wanted =
            Wanted { remaining: self.remaining.clone(), because, tried: self.tried, requests: self.requests };
        Ok((State::AwaitCredential(AwaitCredential), Output::Ask(Ask::Credential(wanted))))
    }

    fn banner<'b>(&mut self, payload: &'b [u8]) -> Result<Output<'b>, Error> {
        let banner = Banner::from_payload(payload)?;
        self.banners = self.banners.saturating_add(1);
        self.banner_bytes = self.banner_bytes.saturating_add(banner.text.0.len());
        if self.banners > BANNERS_MAX {
            return Err(Misbehaviour::TooManyBanners.into());
        }
        if self.banner_bytes > BANNER_BYTES_MAX {
            return Err(Misbehaviour::TooMuchBanner.into());
        }
        Ok(Output::Banner(banner.text))
    }

    fn failure(&mut self, payload: &[u8]) -> Next<'static> {
        let failure = Failure::from_payload(payload)?;
        if failure.remaining.as_str().len() > METHOD_LIST_MAX {
            return Err(Misbehaviour::TooManyMethods.into());
        }
        self.remaining = Some(Remaining::new(failure.remaining));
        if failure.partial_success {
            self.tried = Methods::EMPTY;
            return self.ask(Because::PartialSuccess);
        }
        self.ask(Because::Failure)
    }

    fn success(&self, payload: &[u8], method: Method) -> Next<'static> {
        Success::from_payload(payload)?;
        Ok((State::Done(Done), Output::Authenticated(LoggedIn { method, trivial: !self.proved })))
    }
}

/// What comes after a state.
pub(super) type Next<'b> = Result<(State, Output<'b>), Error>;

pub(super) enum State {
    ExpectStart(ExpectStart),
    ExpectServiceAccept(ExpectServiceAccept),
    ExpectVerdict(ExpectVerdict),
    ExpectPkOk(ExpectPkOk),
    ExpectPasswordVerdict(ExpectPasswordVerdict),
    ExpectInfoRequest(ExpectInfoRequest),
    AwaitCredential(AwaitCredential),
    AwaitSignature(AwaitSignature),
    AwaitResponses(AwaitResponses),
    AwaitChange(AwaitChange),
    Done(Done),
}

impl State {
    pub(super) fn new() -> Self {
        Self::ExpectStart(ExpectStart)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ExpectStart(_) => "ExpectStart",
            Self::ExpectServiceAccept(_) => "ExpectServiceAccept",
            Self::ExpectVerdict(_) => "ExpectVerdict",
            Self::ExpectPkOk(_) => "ExpectPkOk",
            Self::ExpectPasswordVerdict(_) => "ExpectPasswordVerdict",
            Self::ExpectInfoRequest(_) => "ExpectInfoRequest",
            Self::AwaitCredential(_) => "AwaitCredential",
            Self::AwaitSignature(_) => "AwaitSignature",
            Self::AwaitResponses(_) => "AwaitResponses",
            Self::AwaitChange(_) => "AwaitChange",
            Self::Done(_) => "Done",
        }
    }

    pub(super) fn waiting(&self) -> bool {
        match self {
            Self::AwaitCredential(_)
            | Self::AwaitSignature(_)
            | Self::AwaitResponses(_)
            | Self::AwaitChange(_) => true,
            Self::ExpectStart(_)
            | Self::ExpectServiceAccept(_)
            | Self::ExpectVerdict(_)
            | Self::ExpectPkOk(_)
            | Self::ExpectPasswordVerdict(_)
            | Self::ExpectInfoRequest(_)
            | Self::Done(_) => false,
        }
    }

    /// Whether the service was accepted and the login is not complete: only then may a banner come.
    fn authenticating(&self) -> bool {
        !matches!(self, Self::ExpectStart(_) | Self::ExpectServiceAccept(_) | Self::Done(_))
    }

    pub(super) fn handle<'b>(self, context: &mut Context, payload: &'b [u8]) -> Next<'b> {
        if payload.first() == Some(&Banner::NUMBER) && self.authenticating() {
            return Ok((self, context.banner(payload)?));
        }
        match self {
            Self::ExpectServiceAccept(state) => state.handle(context, payload),
            Self::ExpectVerdict(state) => state.handle(context, payload),
            Self::ExpectPkOk(state) => state.handle(context, payload),
            Self::ExpectPasswordVerdict(state) => state.handle(context, payload),
            Self::ExpectInfoRequest(state) => state.handle(context, payload),
            Self::ExpectStart(_)
            | Self::AwaitCredential(_)
            | Self::AwaitSignature(_)
            | Self::AwaitResponses(_)
            | Self::AwaitChange(_)
            | Self::Done(_) => misplaced(self, payload),
        }
    }
}

/// A message that `state` does not wait for.
fn misplaced<'b>(state: State, payload: &[u8]) -> Next<'b> {
    match payload.first() {
        Some(&Success::NUMBER) => Err(Misbehaviour::SuccessWithoutRequest.into()),
        Some(&Failure::NUMBER) => Err(Misbehaviour::FailureWithoutRequest.into()),
        _ => {
            unexpected(payload, Role::Server)?;
            Ok((state, Output::Unimplemented))
        }
    }
}

pub(super) struct ExpectStart;

impl ExpectStart {
    pub(super) fn start<O: Outbox>(self, out: &mut O) -> Result<State, Error> {
        out.send(&ServiceRequest { service: Name::new(USERAUTH)? });
        Ok(State::ExpectServiceAccept(ExpectServiceAccept))
    }
}

pub(super) struct ExpectServiceAccept;

impl ExpectServiceAccept {
    fn handle<'b>(self, context: &Context, payload: &'b [u8]) -> Next<'b> {
        if payload.first() != Some(&ServiceAccept::NUMBER) {
            return misplaced(State::ExpectServiceAccept(self), payload);
        }
        if ServiceAccept::from_payload(payload)?.service != USERAUTH {
            return Err(Misbehaviour::WrongService.into());
        }
        context.ask(Because::Start)
    }
}

/// The application chooses what to try.
pub(super) struct AwaitCredential;

impl AwaitCredential {
    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        credential: Credential,
        out: &mut O,
    ) -> Next<'static> {
        let state = match credential {
            Credential::None => {
                let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
                out.send(&NoneRequest { user, service, method: Name::new(name::NONE)? });
                context.requested(Method::None);
                State::ExpectVerdict(ExpectVerdict { method: Method::None })
            }
            Credential::PublicKey { algorithm, key, query_first } => {
                let bound = context.host_bound;
                let offer = Offer { algorithm, key: key.into(), bound };
                if !query_first {
                    return offer.sign(context, false);
                }
                offer.send(context, out)?;
                context.requested(Method::PublicKey);
                State::ExpectPkOk(ExpectPkOk { offer })
            }
            Credential::Password(password) => {
                let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
                let (method, password) = (Name::new(name::PASSWORD)?, Sensitive(password.expose()));
                out.send(&PasswordRequest { user, service, method, change: false, password });
                context.requested(Method::Password);
                context.proved = true;
                State::ExpectPasswordVerdict(ExpectPasswordVerdict { changes: 0 })
            }
            Credential::Interactive { submethods } => {
                let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
                let (method, submethods) = (Name::new(name::INTERACTIVE)?, Text::new(&submethods)?);
                out.send(&InteractiveRequest { user, service, method, language: Human(b""), submethods });
                context.requested(Method::KeyboardInteractive);
                State::ExpectInfoRequest(ExpectInfoRequest { rounds: 0 })
            }
            Credential::GiveUp => return Err(Refusal::GaveUp.into()),
        };
        Ok((state, Output::Progress))
    }
}

/// A key that may be used, and how.
struct Offer {
    algorithm: &'static SignatureAlg,
    key: Arc<[u8]>,
    /// Whether the method is the host-bound one.
    bound: bool,
}

impl Offer {
    fn send<O: Outbox>(&self, context: &Context, out: &mut O) -> Result<(), Error> {
        let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
        let (algorithm, key, signed) = (Name::new(self.algorithm.name)?, Bytes(&self.key), false);
        if self.bound {
            let (method, host_key) = (Name::new(name::HOST_BOUND)?, Bytes(context.session.host_key()));
            out.send(&BoundKeyOffer { user, service, method, signed, algorithm, key, host_key });
        } else {
            let method = Name::new(name::PUBLIC_KEY)?;
            out.send(&KeyOffer { user, service, method, signed, algorithm, key });
        }
        Ok(())
    }

    fn sign(self, context: &Context, wanted: bool) -> Next<'static> {
        let request = SignedRequest {
            user: &context.user,
            algorithm: self.algorithm.name,
            key: &self.key,
            host_key: self.bound.then(|| context.session.host_key()),
        };
        let data = signed_data(context.session.id(), &request);
        let ask = Ask::Sign { algorithm: self.algorithm, key: Arc::clone(&self.key), data, wanted };
        Ok((State::AwaitSignature(AwaitSignature { offer: self }), Output::Ask(ask)))
    }
}

/// The holder of the key decides on a signature.
pub(super) struct AwaitSignature {
    offer: Offer,
}

impl AwaitSignature {
    /// Whether the blob is a signature by the algorithm that was asked for.
    pub(super) fn made(&self, signature: &[u8]) -> bool {
        Signature::parse(signature).is_ok_and(|signature| signature.is_by(self.offer.algorithm))
    }

    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        signature: Option<Vec<u8>>,
        out: &mut O,
    ) -> Next<'static> {
        let Some(signature) = signature else {
            return context.ask(Because::Declined);
        };
        let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
        let (algorithm, key, signed) = (Name::new(self.offer.algorithm.name)?, Bytes(&self.offer.key), true);
        let signature = Bytes(&signature);
        if self.offer.bound {
            let (method, host_key) = (Name::new(name::HOST_BOUND)?, Bytes(context.session.host_key()));
            out.send(&BoundKeyProof { user, service, method, signed, algorithm, key, host_key, signature });
        } else {
            let method = Name::new(name::PUBLIC_KEY)?;
            out.send(&KeyProof { user, service, method, signed, algorithm, key, signature });
        }
        context.requested(Method::PublicKey);
        context.proved = true;
        Ok((State::ExpectVerdict(ExpectVerdict { method: Method::PublicKey }), Output::Progress))
    }
}

/// A request is open that only succeeds or fails.
pub(super) struct ExpectVerdict {
    method: Method,
}

impl ExpectVerdict {
    fn handle<'b>(self, context: &mut Context, payload: &'b [u8]) -> Next<'b> {
        match payload.first() {
            Some(&Success::NUMBER) => context.success(payload, self.method),
            Some(&Failure::NUMBER) => context.failure(payload),
            _ => misplaced(State::ExpectVerdict(self), payload),
        }
    }
}

/// A key is offered (RFC 4252 §7).
pub(super) struct ExpectPkOk {
    offer: Offer,
}

impl ExpectPkOk {
    fn handle<'b>(self, context: &mut Context, payload: &'b [u8]) -> Next<'b> {
        match payload.first() {
            Some(&PkOk::NUMBER) => {
                let PkOk { algorithm, key } = PkOk::from_payload(payload)?;
                if algorithm != self.offer.algorithm.name || key.0 != &*self.offer.key {
                    return Err(Misbehaviour::PkOkForOther.into());
                }
                self.offer.sign(context, true)
            }
            Some(&Success::NUMBER) => Err(Misbehaviour::SuccessToOffer.into()),
            Some(&Failure::NUMBER) => context.failure(payload),
            _ => misplaced(State::ExpectPkOk(self), payload),
        }
    }
}

/// A password is sent (RFC 4252 §8).
pub(super) struct ExpectPasswordVerdict {
    /// How often the server has asked for a new one.
    changes: u32,
}

impl ExpectPasswordVerdict {
    fn handle<'b>(self, context: &mut Context, payload: &'b [u8]) -> Next<'b> {
        match payload.first() {
            Some(&PasswordChangeRequest::NUMBER) => {
                let prompt = PasswordChangeRequest::from_payload(payload)?.prompt;
                if self.changes >= ROUNDS_MAX {
                    return Err(Misbehaviour::TooManyRounds.into());
                }
                let state = AwaitChange { changes: self.changes.saturating_add(1) };
                Ok((State::AwaitChange(state), Output::Ask(Ask::ChangePassword { prompt })))
            }
            Some(&Success::NUMBER) => context.success(payload, Method::Password),
            Some(&Failure::NUMBER) => context.failure(payload),
            _ => misplaced(State::ExpectPasswordVerdict(self), payload),
        }
    }
}

/// The user chooses a new password.
pub(super) struct AwaitChange {
    changes: u32,
}

impl AwaitChange {
    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        passwords: Option<(Secret, Secret)>,
        out: &mut O,
    ) -> Next<'static> {
        let Some((old, new)) = passwords else {
            return context.ask(Because::Declined);
        };
        let (user, service) = (Text::new(&context.user)?, Name::new(CONNECTION)?);
        let (old, new) = (Sensitive(old.expose()), Sensitive(new.expose()));
        out.send(&PasswordChange {
            user,
            service,
            method: Name::new(name::PASSWORD)?,
            change: true,
            old,
            new,
        });
        context.requested(Method::Password);
        Ok((State::ExpectPasswordVerdict(ExpectPasswordVerdict { changes: self.changes }), Output::Progress))
    }
}

/// A keyboard-interactive request is open, or its responses are sent (RFC 4256).
pub(super) struct ExpectInfoRequest {
    /// Challenges that came.
    rounds: u32,
}

impl ExpectInfoRequest {
    fn handle<'b>(self, context: &mut Context, payload: &'b [u8]) -> Next<'b> {
        match payload.first() {
            Some(&InfoRequest::NUMBER) => {
                let message = InfoRequest::from_payload(payload)?;
                if self.rounds >= ROUNDS_MAX {
                    return Err(Misbehaviour::TooManyRounds.into());
                }
                let prompts = Prompts::parse(&message)?;
                let state =
                    AwaitResponses { prompts: prompts.count(), rounds: self.rounds.saturating_add(1) };
                Ok((State::AwaitResponses(state), Output::Ask(Ask::Prompts(prompts))))
            }
            Some(&Success::NUMBER) => context.success(payload, Method::KeyboardInteractive),
            Some(&Failure::NUMBER) => context.failure(payload),
            _ => misplaced(State::ExpectInfoRequest(self), payload),
        }
    }
}

/// The user is asked.
pub(super) struct AwaitResponses {
    prompts: usize,
    rounds: u32,
}

impl AwaitResponses {
    /// How many responses are wanted.
    pub(super) fn prompts(&self) -> usize {
        self.prompts
    }

    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        responses: Option<Vec<Secret>>,
        out: &mut O,
    ) -> Next<'static> {
        let Some(responses) = responses else {
            return context.ask(Because::Declined);
        };
        let count = u32::try_from(responses.len()).unwrap_or(u32::MAX);
        // Reserved in full, so that no copy of a response is left behind where the vector grew.
        let length =
            responses.iter().fold(0_usize, |sum, one| sum.saturating_add(one.len()).saturating_add(4));
        let mut fields = Vec::with_capacity(length);
        for response in &responses {
            Sensitive(response.expose()).encode(&mut fields);
        }
        let fields = Secret::new(fields);
        out.send(&InfoResponse { count, responses: MethodFields(fields.expose()) });
        context.proved |= !responses.is_empty();
        Ok((State::ExpectInfoRequest(ExpectInfoRequest { rounds: self.rounds }), Output::Progress))
    }
}

/// The user is in.
pub(super) struct Done;
