//! The states of the server machine. Each is consumed by the payload or the answer that it waits for.

use std::time::Instant;

use keys::{Secret, SignatureAlg};
use wire::{Bytes, Decode, Encode, Human, Message, Name, NameList, Outbox, Reader, Rest, Role, Sensitive};

use super::banner::BannerText;
use super::vet::Vetted;
use super::{Ask, Config, Output, Unasked};
use crate::error::{Error, Misbehaviour, Misuse, Refusal};
use crate::limits::{RESPONSE_MAX, ROUNDS_MAX, SERVICE_REQUESTS_MAX};
use crate::login::{Login, Open, Step};
use crate::message::{
    Failure, InfoRequest, InfoResponse, PasswordChangeRequest, PkOk, Request as RequestHead, ServiceAccept,
    ServiceRequest, Success, unexpected,
};
use crate::proof::USERAUTH;
use crate::release::Grid;
use crate::request::Request;
use crate::verdict::{Challenge, InteractiveAnswer, PasswordAnswer, Responses, Verdict};
use crate::{KeyProven, Method, Methods, Proof, SessionInfo};

/// What does not change from state to state.
pub(super) struct Context {
    pub(super) methods: Methods,
    pub(super) max_tries: u32,
    pub(super) key_questions: u32,
    pub(super) algorithms: Vec<&'static SignatureAlg>,
    banner: Option<BannerText>,
    grid: Grid,
    service_requests: u32,
    pub(super) session: SessionInfo,
}

impl Context {
    pub(super) fn new(config: Config, session: SessionInfo) -> Self {
        Self {
            methods: config.methods,
            max_tries: config.max_tries,
            key_questions: config.key_questions,
            algorithms: config.algorithms,
            banner: config.banner,
            grid: Grid::new(config.failure_grid, config.failure_seed),
            service_requests: 0,
            session,
        }
    }

    /// Accepts the one service there is, whenever it is requested (RFC 4253 §10).
    fn accept_service<O: Outbox>(&mut self, payload: &[u8], out: &mut O) -> Result<(), Error> {
        let request = ServiceRequest::from_payload(payload)?;
        if request.service != USERAUTH {
            return Err(Refusal::ServiceNotAvailable.into());
        }
        self.service_requests = self.service_requests.saturating_add(1);
        if self.service_requests > SERVICE_REQUESTS_MAX {
            return Err(Misbehaviour::TooManyServiceRequests.into());
        }
        out.send(&ServiceAccept { service: request.service });
        Ok(())
    }

    /// Whether `verdict` may be given on a request by `method`.
    pub(super) fn check(&self, method: Method, verdict: Verdict) -> Result<(), Misuse> {
        match verdict {
            Verdict::Reject => Ok(()),
            Verdict::Accept | Verdict::Partial { .. } if !self.methods.contains(method) => {
                Err(Misuse::NotEnabled)
            }
            Verdict::Partial { remaining } if remaining.is_empty() => Err(Misuse::NothingRemains),
            Verdict::Accept | Verdict::Partial { .. } => Ok(()),
        }
    }
}

/// What comes after a state.
pub(super) type Next<'b> = Result<(State, Output<'b>), Error>;

pub(super) enum State {
    ExpectServiceRequest(ExpectServiceRequest),
    ExpectFirstRequest(ExpectFirstRequest),
    ExpectRequest(ExpectRequest),
    ExpectInfoResponse(ExpectInfoResponse),
    AwaitNone(AwaitNone),
    AwaitKeyOffer(AwaitKeyOffer),
    AwaitKeyProof(AwaitKeyProof),
    AwaitPassword(AwaitPassword),
    AwaitInteractive(AwaitInteractive),
    AwaitRelease(AwaitRelease),
    Done(Done),
}

impl State {
    pub(super) fn start() -> Self {
        Self::ExpectServiceRequest(ExpectServiceRequest)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ExpectServiceRequest(_) => "ExpectServiceRequest",
            Self::ExpectFirstRequest(_) => "ExpectFirstRequest",
            Self::ExpectRequest(_) => "ExpectRequest",
            Self::ExpectInfoResponse(_) => "ExpectInfoResponse",
            Self::AwaitNone(_) => "AwaitNone",
            Self::AwaitKeyOffer(_) => "AwaitKeyOffer",
            Self::AwaitKeyProof(_) => "AwaitKeyProof",
            Self::AwaitPassword(_) => "AwaitPassword",
            Self::AwaitInteractive(_) => "AwaitInteractive",
            Self::AwaitRelease(_) => "AwaitRelease",
            Self::Done(_) => "Done",
        }
    }

    /// What is remembered of the user's attempt.
    pub(super) fn login(&self) -> Option<&Login> {
        match self {
            Self::ExpectServiceRequest(_) | Self::ExpectFirstRequest(_) | Self::Done(_) => None,
            Self::ExpectRequest(state) => Some(&state.login),
            Self::ExpectInfoResponse(state) => Some(&state.login),
            Self::AwaitNone(state) => Some(&state.login),
            Self::AwaitKeyOffer(state) => Some(&state.login),
            Self::AwaitKeyProof(state) => Some(&state.login),
            Self::AwaitPassword(state) => Some(&state.login),
            Self::AwaitInteractive(state) => Some(&state.login),
            Self::AwaitRelease(state) => Some(&state.login),
        }
    }

    pub(super) fn waiting(&self) -> bool {
        match self {
            Self::ExpectServiceRequest(_)
            | Self::ExpectFirstRequest(_)
            | Self::ExpectRequest(_)
            | Self::ExpectInfoResponse(_)
            | Self::Done(_) => false,
            Self::AwaitNone(_)
            | Self::AwaitKeyOffer(_)
            | Self::AwaitKeyProof(_)
            | Self::AwaitPassword(_)
            | Self::AwaitInteractive(_)
            | Self::AwaitRelease(_) => true,
        }
    }

    /// From the acceptance of the service until success.
    pub(super) fn authenticating(&self) -> bool {
        !matches!(self, Self::ExpectServiceRequest(_) | Self::Done(_))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::AwaitRelease(state) => Some(state.at),
            Self::ExpectServiceRequest(_)
            | Self::ExpectFirstRequest(_)
            | Self::ExpectRequest(_)
            | Self::ExpectInfoResponse(_)
            | Self::AwaitNone(_)
            | Self::AwaitKeyOffer(_)
            | Self::AwaitKeyProof(_)
            | Self::AwaitPassword(_)
            | Self::AwaitInteractive(_)
            | Self::Done(_) => None,
        }
    }

    pub(super) fn handle<'b, O: Outbox>(
        self,
        context: &mut Context,
        now: Instant,
        payload: &'b [u8],
        out: &mut O,
    ) -> Next<'b> {
        // Some clients (Paramiko) request the service again before each try. It changes nothing.
        if payload.first() == Some(&ServiceRequest::NUMBER) && self.authenticating() {
            context.accept_service(payload, out)?;
            return Ok((self, Output::Progress));
        }
        match self {
            Self::ExpectServiceRequest(state) => state.handle(context, payload, out),
            Self::ExpectFirstRequest(state) => state.handle(context, now, payload, out),
            Self::ExpectRequest(state) => state.handle(context, now, payload),
            Self::ExpectInfoResponse(state) => state.handle(context, now, payload),
            Self::Done(state) => state.handle(payload),
            // The machine does not come here while it waits.
            Self::AwaitNone(_)
            | Self::AwaitKeyOffer(_)
            | Self::AwaitKeyProof(_)
            | Self::AwaitPassword(_)
            | Self::AwaitInteractive(_)
            | Self::AwaitRelease(_) => Err(Misuse::Waiting.into()),
        }
    }

    pub(super) fn handle_timeout<O: Outbox>(
        self,
        context: &Context,
        now: Instant,
        out: &mut O,
    ) -> Next<'static> {
        match self {
            Self::AwaitRelease(state) => state.handle_timeout(context, now, out),
            other @ (Self::ExpectServiceRequest(_)
            | Self::ExpectFirstRequest(_)
            | Self::ExpectRequest(_)
            | Self::ExpectInfoResponse(_)
            | Self::AwaitNone(_)
            | Self::AwaitKeyOffer(_)
            | Self::AwaitKeyProof(_)
            | Self::AwaitPassword(_)
            | Self::AwaitInteractive(_)
            | Self::Done(_)) => Ok((other, Output::Progress)),
        }
    }
}

/// A message that `state` does not wait for.
fn misplaced<'b>(state: State, payload: &[u8]) -> Next<'b> {
    unexpected(payload, Role::Client)?;
    Ok((state, Output::Unimplemented))
}

pub(super) struct ExpectServiceRequest;

impl ExpectServiceRequest {
    fn handle<'b, O: Outbox>(self, context: &mut Context, payload: &'b [u8], out: &mut O) -> Next<'b> {
        if payload.first() != Some(&ServiceRequest::NUMBER) {
            return misplaced(State::ExpectServiceRequest(self), payload);
        }
        context.accept_service(payload, out)?;
        Ok((State::ExpectFirstRequest(ExpectFirstRequest), Output::Progress))
    }
}

pub(super) struct ExpectFirstRequest;

impl ExpectFirstRequest {
    fn handle<'b, O: Outbox>(
        self,
        context: &mut Context,
        now: Instant,
        payload: &'b [u8],
        out: &mut O,
    ) -> Next<'b> {
        if payload.first() != Some(&RequestHead::NUMBER) {
            return misplaced(State::ExpectFirstRequest(self), payload);
        }
        let request = Request::parse(payload)?;
        if let Some(banner) = context.banner.take() {
            banner.send(out);
        }
        begin(Login::of(request.user), context, now, request)
    }
}

pub(super) struct ExpectRequest {
    login: Login,
}

impl ExpectRequest {
    fn handle<'b>(self, context: &Context, now: Instant, payload: &'b [u8]) -> Next<'b> {
        if payload.first() != Some(&RequestHead::NUMBER) {
            return misplaced(State::ExpectRequest(self), payload);
        }
        begin(self.login, context, now, Request::parse(payload)?)
    }
}

/// A challenge is with the client (RFC 4256 §3.2).
pub(super) struct ExpectInfoResponse {
    login: Login,
    prompts: usize,
    round: u32,
}

impl ExpectInfoResponse {
    fn handle<'b>(self, context: &Context, now: Instant, payload: &'b [u8]) -> Next<'b> {
        match payload.first() {
            Some(&InfoResponse::NUMBER) => self.responses(context, now, payload),
            // RFC 4256 §3.1: a new request abandons the one that is open.
            Some(&RequestHead::NUMBER) => begin(self.login, context, now, Request::parse(payload)?),
            _ => misplaced(State::ExpectInfoResponse(self), payload),
        }
    }

    fn responses<'b>(mut self, context: &Context, now: Instant, payload: &'b [u8]) -> Next<'b> {
        let message = InfoResponse::from_payload(payload)?;
        self.login.opened(Open::Nothing);
        if usize::try_from(message.count) != Ok(self.prompts) {
            return Ok(unasked(self.login, context, now, Unasked::ResponseCount));
        }
        let mut fields = Reader::new(message.responses.0);
        let responses =
            (0..self.prompts).map(|_| Sensitive::decode(&mut fields)).collect::<Result<Vec<_>, _>>()?;
        fields.finish()?;
        if responses.iter().any(|response| response.0.len() > RESPONSE_MAX) {
            return Ok(unasked(self.login, context, now, Unasked::TooLong));
        }
        let responses = Responses(responses.iter().map(|response| Secret::copy_of(response.0)).collect());
        let state = AwaitInteractive { login: self.login, arrived: now, round: self.round };
        Ok((State::AwaitInteractive(state), Output::Ask(Ask::Responses { responses })))
    }
}

/// Looks at a request and asks about it.
fn begin<'b>(mut login: Login, context: &Context, now: Instant, request: Request<'b>) -> Next<'b> {
    login.requested(&request, context.max_tries)?;
    let Request { user, body } = request;
    context.check_binding(&body)?;
    let arrived = now;
    let (state, ask) = match context.vet(body) {
        Ok(Vetted::None) => (State::AwaitNone(AwaitNone { login }), Ask::None { user }),
        Ok(Vetted::KeyOffer { algorithm, key }) => {
            let state = AwaitKeyOffer { login, arrived, algorithm, key: key.0.into() };
            (State::AwaitKeyOffer(state), Ask::KeyOffer { user, algorithm, key })
        }
        Ok(Vetted::KeyProof { algorithm, key, signature }) => {
            let bound = key.host_key.is_some();
            let proof =
                Proof::new(context.session.clone(), user.as_str(), algorithm, key.blob.0, signature, bound);
            let state = AwaitKeyProof { login, arrived, proof: proof.handle() };
            (State::AwaitKeyProof(state), Ask::KeyProof { proof })
        }
        Ok(Vetted::Password(password)) => {
            let state = AwaitPassword { login, arrived, changing: false };
            (State::AwaitPassword(state), Ask::Password { user, password: Secret::copy_of(password) })
        }
        Ok(Vetted::PasswordChange { old, new }) => {
            let state = AwaitPassword { login, arrived, changing: true };
            let (old, new) = (Secret::copy_of(old), Secret::copy_of(new));
            (State::AwaitPassword(state), Ask::PasswordChange { user, old, new })
        }
        Ok(Vetted::Interactive { language, submethods }) => {
            let state = AwaitInteractive { login, arrived, round: 0 };
            (State::AwaitInteractive(state), Ask::Interactive { user, submethods, language })
        }
        Err(why) => return Ok(unasked(login, context, now, why)),
    };
    Ok((state, Output::Ask(ask)))
}

/// Nobody is asked, and the client sees what it would see if somebody had been.
fn unasked<'b>(login: Login, context: &Context, now: Instant, why: Unasked) -> (State, Output<'b>) {
    (fail(login, context, now, now), Output::Unasked(why))
}

/// A request that came in at `arrived` fails at `now`.
fn fail(mut login: Login, context: &Context, arrived: Instant, now: Instant) -> State {
    let last = login.fail(context.max_tries);
    State::AwaitRelease(AwaitRelease::new(login, context, arrived, now, last))
}

/// The no of every method but `none`.
fn failing<O>(arrived: Instant, now: Instant) -> impl FnOnce(Login, &Context, &mut O) -> Next<'static> {
    move |login, context, _| Ok((fail(login, context, arrived, now), Output::Progress))
}

fn send_failure<O: Outbox>(methods: Methods, partial_success: bool, out: &mut O) -> Result<(), Error> {
    let list = methods.list();
    out.send(&Failure { remaining: NameList::new(&list)?, partial_success });
    Ok(())
}

/// Does what `verdict` says about the request that `step` tells of; `reject` does a no.
fn settle<O: Outbox>(
    mut login: Login,
    context: &mut Context,
    step: Step,
    verdict: Verdict,
    out: &mut O,
    reject: impl FnOnce(Login, &Context, &mut O) -> Next<'static>,
) -> Next<'static> {
    match verdict {
        Verdict::Accept => {
            out.send(&Success {});
            Ok((State::Done(Done), Output::Authenticated(login.complete(step))))
        }
        Verdict::Partial { remaining } if login.may_step() => {
            context.methods = remaining;
            login.step(step);
            send_failure(remaining, true, out)?;
            Ok((State::ExpectRequest(ExpectRequest { login }), Output::Progress))
        }
        Verdict::Partial { .. } | Verdict::Reject => reject(login, context, out),
    }
}

pub(super) struct AwaitNone {
    login: Login,
}

impl AwaitNone {
    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        verdict: Verdict,
        out: &mut O,
    ) -> Next<'static> {
        let step = Step::by(Method::None);
        settle(self.login, context, step, verdict, out, |mut login, context, out| {
            if login.fail_none(context.max_tries) {
                return Err(Refusal::TooManyTries.into());
            }
            send_failure(context.methods, false, out)?;
            Ok((State::ExpectRequest(ExpectRequest { login }), Output::Progress))
        })
    }
}

/// Nothing stays of an offer but the key, which PK_OK names, and later the count of offers that were not followed up.
pub(super) struct AwaitKeyOffer {
    login: Login,
    arrived: Instant,
    algorithm: &'static SignatureAlg,
    key: Box<[u8]>,
}

impl AwaitKeyOffer {
    pub(super) fn answer<O: Outbox>(
        mut self,
        context: &Context,
        now: Instant,
        acceptable: bool,
        out: &mut O,
    ) -> Next<'static> {
        if !acceptable {
            let last = self.login.fail_question(context.key_questions, context.max_tries);
            let state = AwaitRelease::new(self.login, context, self.arrived, now, last);
            return Ok((State::AwaitRelease(state), Output::Progress));
        }
        out.send(&PkOk { algorithm: Name::new(self.algorithm.name)?, key: Bytes(&self.key) });
        self.login.opened(Open::Offer { algorithm: self.algorithm.name, key: self.key });
        Ok((State::ExpectRequest(ExpectRequest { login: self.login }), Output::Progress))
    }
}

pub(super) struct AwaitKeyProof {
    login: Login,
    arrived: Instant,
    proof: Proof,
}

impl AwaitKeyProof {
    /// Whether `proven` is of the request that is open here.
    pub(super) fn is_of(&self, proven: &KeyProven) -> bool {
        self.proof.is(proven)
    }

    pub(super) fn answer<O: Outbox>(
        self,
        context: &mut Context,
        now: Instant,
        verdict: Verdict,
        proven: Option<KeyProven>,
        out: &mut O,
    ) -> Next<'static> {
        match proven {
            Some(proven) => {
                let step = Step::by_key(proven);
                settle(self.login, context, step, verdict, out, failing(self.arrived, now))
            }
            // Without a proof there is no yes, whatever the verdict says.
            None => Ok((fail(self.login, context, self.arrived, now), Output::Progress)),
        }
    }
}

pub(super) struct AwaitPassword {
    login: Login,
    arrived: Instant,
    /// Whether the request carries a new password.
    changing: bool,
}

impl AwaitPassword {
    pub(super) fn answer<O: Outbox>(
        mut self,
        context: &mut Context,
        now: Instant,
        answer: PasswordAnswer,
        out: &mut O,
    ) -> Next<'static> {
        match answer {
            PasswordAnswer::Verdict(verdict) => {
                let step = Step::by(Method::Password);
                settle(self.login, context, step, verdict, out, failing(self.arrived, now))
            }
            PasswordAnswer::Change { prompt } => {
                // To ask again is to refuse the new password: that is a try.
                if self.changing && self.login.fail(context.max_tries) {
                    let state = AwaitRelease::new(self.login, context, self.arrived, now, true);
                    return Ok((State::AwaitRelease(state), Output::Progress));
                }
                out.send(&PasswordChangeRequest { prompt: Human(prompt.as_bytes()), language: Human(b"") });
                self.login.opened(Open::Change);
                Ok((State::ExpectRequest(ExpectRequest { login: self.login }), Output::Progress))
            }
        }
    }
}

/// The application decides on a challenge or a verdict, at first and after each round of responses.
pub(super) struct AwaitInteractive {
    login: Login,
    arrived: Instant,
    /// Challenges that were sent.
    round: u32,
}

impl AwaitInteractive {
    pub(super) fn answer<O: Outbox>(
        mut self,
        context: &mut Context,
        now: Instant,
        answer: InteractiveAnswer,
        out: &mut O,
    ) -> Next<'static> {
        match answer {
            InteractiveAnswer::Verdict(verdict) => {
                let step = Step::by(Method::KeyboardInteractive);
                settle(self.login, context, step, verdict, out, failing(self.arrived, now))
            }
            InteractiveAnswer::Challenge(_) if self.round >= ROUNDS_MAX => {
                Ok((fail(self.login, context, self.arrived, now), Output::Progress))
            }
            InteractiveAnswer::Challenge(challenge) => {
                send_challenge(&challenge, out);
                self.login.opened(Open::Challenge);
                let state = ExpectInfoResponse {
                    login: self.login,
                    prompts: challenge.prompts.len(),
                    round: self.round.saturating_add(1),
                };
                Ok((State::ExpectInfoResponse(state), Output::Progress))
            }
        }
    }
}

fn send_challenge<O: Outbox>(challenge: &Challenge, out: &mut O) {
    let mut prompts = Vec::new();
    for prompt in &challenge.prompts {
        Human(prompt.text.as_bytes()).encode(&mut prompts);
        prompt.echo.encode(&mut prompts);
    }
    out.send(&InfoRequest {
        name: Human(challenge.name.as_bytes()),
        instruction: Human(challenge.instruction.as_bytes()),
        language: Human(b""),
        count: u32::try_from(challenge.prompts.len()).unwrap_or(u32::MAX),
        prompts: Rest(&prompts),
    });
}

/// A failure waits until it may be told.
pub(super) struct AwaitRelease {
    login: Login,
    arrived: Instant,
    at: Instant,
    /// Whether the tries are used up, so that the connection ends in place of the failure.
    last: bool,
}

impl AwaitRelease {
    /// A request that came in at `arrived` and failed at `now`.
    fn new(login: Login, context: &Context, arrived: Instant, now: Instant, last: bool) -> Self {
        Self { login, arrived, at: context.grid.release(arrived, now), last }
    }

    /// The request failed as late as `now`.
    pub(super) fn answered_by(&mut self, context: &Context, now: Instant) {
        self.at = context.grid.release(self.arrived, now);
    }

    fn handle_timeout<O: Outbox>(self, context: &Context, now: Instant, out: &mut O) -> Next<'static> {
        if now < self.at {
            return Ok((State::AwaitRelease(self), Output::Progress));
        }
        if self.last {
            return Err(Refusal::TooManyTries.into());
        }
        send_failure(context.methods, false, out)?;
        Ok((State::ExpectRequest(ExpectRequest { login: self.login }), Output::Progress))
    }
}

/// SUCCESS is sent.
pub(super) struct Done;

impl Done {
    fn handle<'b>(self, payload: &'b [u8]) -> Next<'b> {
        // RFC 4252 §5.1: requests that were on their way are dropped without a word.
        if payload.first() == Some(&RequestHead::NUMBER) {
            return Ok((State::Done(self), Output::Progress));
        }
        misplaced(State::Done(self), payload)
    }
}
