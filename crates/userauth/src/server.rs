//! The server's side: [`Server`].

mod banner;
mod state;
mod vet;

use std::fmt;
use std::time::{Duration, Instant};

use keys::{Secret, SignatureAlg};
use wire::{Bytes, Human, Outbox, Text};

pub use self::banner::BannerText;
use self::state::{Context, State};
use crate::error::{Error, Misuse};
use crate::limits::{CHALLENGE_BYTES_MAX, FAILURE_GRID, KEY_QUESTIONS, MAX_TRIES, PROMPTS_MAX};
use crate::verdict::{Challenge, InteractiveAnswer, KeyVerdict, PasswordAnswer, Responses, Verdict};
use crate::{Authenticated, Method, Methods, Proof, SessionInfo, Step};

/// How a server authenticates users. The default admits nobody: no method is enabled and no algorithm accepted.
#[derive(Clone)]
pub struct Config {
    /// Methods that a user may begin with. [`Server::set_methods`] changes them once the user is known.
    pub methods: Methods,
    /// Answers that are not success before the connection ends, [`MAX_TRIES`] unless it is set.
    pub max_tries: u32,
    /// Keys of which a client may be told that they would not be accepted before that counts as a try, [`KEY_QUESTIONS`]
    /// unless it is set: an agent offers every key that it has.
    pub key_questions: u32,
    /// Signature algorithms that a user's key may sign with.
    pub algorithms: Vec<&'static SignatureAlg>,
    /// A text that every client is sent before the first reply.
    pub banner: Option<BannerText>,
    /// Distance of the points at which failures are released, [`FAILURE_GRID`] unless it is set.
    pub failure_grid: Duration,
    /// Moves these points by up to one `failure_grid`. It should come from a secret of the server and something of the
    /// connection that the client cannot choose at will, such as its address: then measuring again brings nothing new.
    pub failure_seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            methods: Methods::EMPTY,
            max_tries: MAX_TRIES,
            key_questions: KEY_QUESTIONS,
            algorithms: Vec::new(),
            banner: None,
            failure_grid: FAILURE_GRID,
            failure_seed: 0,
        }
    }
}

/// The seed is left out: it would tell where the points of release are.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("methods", &self.methods)
            .field("max_tries", &self.max_tries)
            .field("key_questions", &self.key_questions)
            .field("algorithms", &self.algorithms.iter().map(|row| row.name).collect::<Vec<_>>())
            .field("banner", &self.banner)
            .field("failure_grid", &self.failure_grid)
            .finish_non_exhaustive()
    }
}

/// What a call to a [`Server`] came to, besides the messages it put into the outbox.
#[derive(Debug)]
#[must_use]
pub enum Output<'b> {
    /// Nothing that the application must know.
    Progress,
    /// A question. Until it is answered [`Server::waiting`] is true.
    Ask(Ask<'b>),
    /// A request that fails without anybody having been asked; the failure itself leaves later. For the log.
    Unasked(Unasked),
    /// The user is logged in and SUCCESS is sent: the next message belongs to the connection protocol.
    Authenticated(Authenticated),
    /// A message with a number that user authentication does not know: the transport answers UNIMPLEMENTED.
    Unimplemented,
}

/// A question of the server machine. In brackets: the answer.
pub enum Ask<'b> {
    /// May this user in without showing anything? [[`Server::none`]]
    ///
    /// It is asked even when `none` is not enabled, because it is how nearly every client begins: it is the time to
    /// look the user up and to call [`Server::set_methods`] and [`Server::banner`]. Do the same work for a user who does
    /// not exist, since the failure of `none` does not wait for a point of release.
    None {
        /// The user.
        user: Text<'b>,
    },
    /// Would a signature by this key be looked at? [[`Server::key_offer`]] Nothing is proven; nobody is logged in by it.
    KeyOffer {
        /// The user.
        user: Text<'b>,
        /// The algorithm that would sign. It is an accepted one and fits the key.
        algorithm: &'static SignatureAlg,
        /// The key's blob, which is a well-formed key.
        key: Bytes<'b>,
    },
    /// Is this signature good, and may its key in? [[`Server::key_proof`]]
    KeyProof {
        /// User, algorithm, key and signature, and what is to be verified: see [`verify`](crate::verify).
        proof: Proof,
    },
    /// Is this the password? [[`Server::password`]]
    Password {
        /// The user.
        user: Text<'b>,
        /// The password, of at most [`PASSWORD_MAX`](crate::limits::PASSWORD_MAX) bytes.
        password: Secret,
    },
    /// Is `old` the password, and may `new` take its place? [[`Server::password`]]
    ///
    /// It may come without a change having been asked for; the answer decides.
    PasswordChange {
        /// The user.
        user: Text<'b>,
        /// The password up to now.
        old: Secret,
        /// The password from now on.
        new: Secret,
    },
    /// What is to be asked? [[`Server::interactive`]]
    Interactive {
        /// The user.
        user: Text<'b>,
        /// Methods behind the prompts that the client would like, as a comma-separated list; usually empty.
        submethods: Text<'b>,
        /// A language tag; deprecated and usually empty.
        language: Human<'b>,
    },
    /// Are these the right responses, one for each prompt of the last challenge? [[`Server::interactive`]]
    Responses {
        /// The responses, each of at most [`RESPONSE_MAX`](crate::limits::RESPONSE_MAX) bytes.
        responses: Responses,
    },
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { user } => f.debug_struct("None").field("user", user).finish(),
            Self::KeyOffer { user, algorithm, key } => f
                .debug_struct("KeyOffer")
                .field("user", user)
                .field("algorithm", &algorithm.name)
                .field("key", key)
                .finish(),
            Self::KeyProof { proof } => f.debug_struct("KeyProof").field("proof", proof).finish(),
            Self::Password { user, password: _ } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::PasswordChange { user, old: _, new: _ } => {
                f.debug_struct("PasswordChange").field("user", user).finish_non_exhaustive()
            }
            Self::Interactive { user, submethods, language } => f
                .debug_struct("Interactive")
                .field("user", user)
                .field("submethods", submethods)
                .field("language", language)
                .finish(),
            Self::Responses { responses } => {
                f.debug_struct("Responses").field("responses", responses).finish()
            }
        }
    }
}

/// Why a request fails without anybody having been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// No such method.
    UnknownMethod,
    /// The method is not enabled, or not one of those that remain.
    NotEnabled,
    /// The signature algorithm is not an accepted one.
    Algorithm,
    /// The key is not well formed, or not of a type that the algorithm signs with.
    Key,
    /// The signature is not well formed, or says that another algorithm made it.
    Signature,
    /// A key, signature, password or response is over its limit.
    TooLong,
    /// Not one response for each prompt (RFC 4256 §3.4).
    ResponseCount,
}

/// A server that authenticates one user.
///
/// Hand it each payload that the router finds to be of user authentication, answer what it asks, and call
/// [`handle_timeout`](Self::handle_timeout) when [`deadline`](Self::deadline) has come. While
/// [`waiting`](Self::waiting) is true it takes no payload: RFC 4252 §5.1 wants one request dealt with before the next.
///
/// # What it guarantees
/// * [`Authenticated`] comes only from an accepting verdict, and for keys only with the [`KeyProven`](crate::KeyProven)
///   of the very request that is open.
/// * A request is parsed to its last byte before anything is asked about its user.
/// * Everything that is not success counts in one counter: failures, refused keys, offered keys, prompts and change
///   requests that are not followed up. Not counted are the first `none` and steps that succeed in part.
/// * Every failure but that of `none` leaves at a point that does not depend on how long the answer took.
///
/// # What the application must do
/// For a user who does not exist it gives the answers it would give for one whose every secret is wrong, with the same
/// challenges. A question that is not answered in time is answered by [`refuse`](Self::refuse).
pub struct Server {
    context: Context,
    state: Result<State, Error>,
}

impl Server {
    /// A server that waits for SERVICE_REQUEST, on the connection that `session` tells about.
    #[must_use]
    pub fn new(config: Config, session: SessionInfo) -> Self {
        Self { context: Context::new(config, session), state: Ok(State::start()) }
    }

    /// Takes a whole payload, number first.
    ///
    /// # Errors
    /// What the client did wrong, or [`Refusal`](crate::Refusal); then the machine is that error.
    /// [`Misuse::Waiting`] while [`waiting`](Self::waiting) is true.
    pub fn handle<'b, O: Outbox>(
        &mut self,
        now: Instant,
        payload: &'b [u8],
        out: &mut O,
    ) -> Result<Output<'b>, Error> {
        if self.waiting() {
            return Err(Misuse::Waiting.into());
        }
        let next = self.take()?.handle(&mut self.context, now, payload, out);
        self.put(next)
    }

    /// Whether an answer or a release is awaited, so that no payload may be handed in.
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.state.as_ref().is_ok_and(State::waiting)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do: a failure is to be released then.
    /// How long an answer may take is not decided here.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            Ok(state) => state.deadline(),
            Err(_) => None,
        }
    }

    /// Says that the answers so far came no later than `now`. For whoever answers without a clock, with the time of
    /// an earlier call, and learns the time afterwards: a failure then leaves at the point that its answer calls for.
    pub fn answered_by(&mut self, now: Instant) {
        if let Ok(State::AwaitRelease(waiting)) = &mut self.state {
            waiting.answered_by(&self.context, now);
        }
    }

    /// Sends the failure that waits for its point of release, if that has come.
    ///
    /// # Errors
    /// [`Refusal::TooManyTries`](crate::Refusal::TooManyTries) in place of the last failure.
    pub fn handle_timeout<O: Outbox>(&mut self, now: Instant, out: &mut O) -> Result<Output<'static>, Error> {
        let next = self.take()?.handle_timeout(&self.context, now, out);
        self.put(next)
    }

    /// The user who is being authenticated, from the first request to success.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.state.as_ref().ok().and_then(State::login).map(|login| login.user())
    }

    /// The steps that have succeeded in part so far.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.state.as_ref().ok().and_then(State::login).map_or(&[], |login| login.steps())
    }

    /// How many tries are used up.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.state.as_ref().ok().and_then(State::login).map_or(0, |login| login.failures())
    }

    /// Sets the methods that are enabled from now on: those that this user may go on with.
    pub fn set_methods(&mut self, methods: Methods) {
        self.context.methods = methods;
    }

    /// Sets how many answers that are not success this user may get, and of how many keys more they may be told that they
    /// would not be accepted.
    pub fn set_max_tries(&mut self, max_tries: u32, key_questions: u32) {
        self.context.max_tries = max_tries;
        self.context.key_questions = key_questions;
    }

    /// Sets the signature algorithms that this user may sign with from now on.
    pub fn set_algorithms(&mut self, algorithms: Vec<&'static SignatureAlg>) {
        self.context.algorithms = algorithms;
    }

    /// Sends a text to show to the user (RFC 4252 §5.4).
    ///
    /// # Errors
    /// [`Misuse::WrongTime`] before the service is requested and after success.
    pub fn banner<O: Outbox>(&self, text: &BannerText, out: &mut O) -> Result<(), Error> {
        match &self.state {
            Ok(state) if state.authenticating() => {
                text.send(out);
                Ok(())
            }
            Ok(_) => Err(Misuse::WrongTime.into()),
            Err(error) => Err(*error),
        }
    }

    /// Answers [`Ask::None`]. The failure of `none` leaves at once, so the time does not matter.
    ///
    /// # Errors
    /// A [`Misuse`], or [`Refusal::TooManyTries`](crate::Refusal::TooManyTries) in place of a failure.
    pub fn none<O: Outbox>(&mut self, verdict: Verdict, out: &mut O) -> Result<Output<'static>, Error> {
        self.alive()?;
        self.context.check(Method::None, verdict)?;
        match self.take()? {
            State::AwaitNone(open) => {
                let next = open.answer(&mut self.context, verdict, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::KeyOffer`]: whether a signature by that key would be looked at.
    ///
    /// # Errors
    /// [`Misuse::NotAsked`].
    pub fn key_offer<O: Outbox>(
        &mut self,
        now: Instant,
        acceptable: bool,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        match self.take()? {
            State::AwaitKeyOffer(open) => {
                let next = open.answer(&self.context, now, acceptable, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::KeyProof`].
    ///
    /// # Errors
    /// A [`Misuse`]; [`Misuse::OtherProof`] when the verdict carries the proof of another request.
    pub fn key_proof<O: Outbox>(
        &mut self,
        now: Instant,
        verdict: KeyVerdict,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        let (verdict, proven) = match verdict {
            KeyVerdict::Accept(proven) => (Verdict::Accept, Some(proven)),
            KeyVerdict::Partial { proven, remaining } => (Verdict::Partial { remaining }, Some(proven)),
            KeyVerdict::Reject => (Verdict::Reject, None),
        };
        self.context.check(Method::PublicKey, verdict)?;
        match self.take()? {
            State::AwaitKeyProof(open) => {
                if proven.as_ref().is_some_and(|proven| !open.is_of(proven)) {
                    self.state = Ok(State::AwaitKeyProof(open));
                    return Err(Misuse::OtherProof.into());
                }
                let next = open.answer(&mut self.context, now, verdict, proven, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::Password`] or [`Ask::PasswordChange`].
    ///
    /// # Errors
    /// A [`Misuse`]; [`Misuse::TooLong`] for a prompt over [`CHALLENGE_BYTES_MAX`].
    pub fn password<O: Outbox>(
        &mut self,
        now: Instant,
        answer: PasswordAnswer,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        match &answer {
            PasswordAnswer::Verdict(verdict) => self.context.check(Method::Password, *verdict)?,
            PasswordAnswer::Change { prompt } if prompt.len() > CHALLENGE_BYTES_MAX => {
                return Err(Misuse::TooLong.into());
            }
            PasswordAnswer::Change { .. } => {}
        }
        match self.take()? {
            State::AwaitPassword(open) => {
                let next = open.answer(&mut self.context, now, answer, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::Interactive`] or [`Ask::Responses`]. A challenge after
    /// [`ROUNDS_MAX`](crate::limits::ROUNDS_MAX) of them fails the request.
    ///
    /// # Errors
    /// A [`Misuse`]; [`Misuse::TooManyPrompts`] or [`Misuse::TooLong`] for a challenge over its limits.
    pub fn interactive<O: Outbox>(
        &mut self,
        now: Instant,
        answer: InteractiveAnswer,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        match &answer {
            InteractiveAnswer::Verdict(verdict) => {
                self.context.check(Method::KeyboardInteractive, *verdict)?;
            }
            InteractiveAnswer::Challenge(challenge) => check_challenge(challenge)?,
        }
        match self.take()? {
            State::AwaitInteractive(open) => {
                let next = open.answer(&mut self.context, now, answer, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers whatever question is open with no.
    ///
    /// # Errors
    /// [`Misuse::NotAsked`] when none is, or [`Refusal::TooManyTries`](crate::Refusal::TooManyTries) for a `none` too
    /// many.
    pub fn refuse<O: Outbox>(&mut self, now: Instant, out: &mut O) -> Result<Output<'static>, Error> {
        match &self.state {
            Ok(State::AwaitNone(_)) => self.none(Verdict::Reject, out),
            Ok(State::AwaitKeyOffer(_)) => self.key_offer(now, false, out),
            Ok(State::AwaitKeyProof(_)) => self.key_proof(now, KeyVerdict::Reject, out),
            Ok(State::AwaitPassword(_)) => self.password(now, PasswordAnswer::Verdict(Verdict::Reject), out),
            Ok(State::AwaitInteractive(_)) => {
                self.interactive(now, InteractiveAnswer::Verdict(Verdict::Reject), out)
            }
            Ok(
                State::ExpectServiceRequest(_)
                | State::ExpectFirstRequest(_)
                | State::ExpectRequest(_)
                | State::ExpectInfoResponse(_)
                | State::AwaitRelease(_)
                | State::Done(_),
            ) => Err(Misuse::NotAsked.into()),
            Err(error) => Err(*error),
        }
    }

    /// The error that the machine is, before anything is said about a call.
    fn alive(&self) -> Result<(), Error> {
        self.state.as_ref().map(|_| ()).map_err(|error| *error)
    }

    /// Takes the state out to be consumed. An error stays where it is.
    fn take(&mut self) -> Result<State, Error> {
        // What stands here meanwhile is seen only if a state's method does not come back.
        std::mem::replace(&mut self.state, Err(Error::Misuse(Misuse::WrongTime))).inspect_err(|error| {
            self.state = Err(*error);
        })
    }

    fn put<'b>(&mut self, next: Result<(State, Output<'b>), Error>) -> Result<Output<'b>, Error> {
        match next {
            Ok((state, output)) => {
                self.state = Ok(state);
                Ok(output)
            }
            Err(error) => {
                self.state = Err(error);
                Err(error)
            }
        }
    }

    fn not_asked(&mut self, state: State) -> Result<Output<'static>, Error> {
        self.state = Ok(state);
        Err(Misuse::NotAsked.into())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            Ok(state) => state.name(),
            Err(_) => "Over",
        };
        f.debug_struct("Server").field("state", &state).field("user", &self.user()).finish_non_exhaustive()
    }
}

fn check_challenge(challenge: &Challenge) -> Result<(), Misuse> {
    if challenge.prompts.len() > PROMPTS_MAX {
        return Err(Misuse::TooManyPrompts);
    }
    let texts = challenge.prompts.iter().map(|prompt| prompt.text.len());
    let bytes =
        texts.fold(challenge.name.len().saturating_add(challenge.instruction.len()), usize::saturating_add);
    if bytes > CHALLENGE_BYTES_MAX { Err(Misuse::TooLong) } else { Ok(()) }
}
