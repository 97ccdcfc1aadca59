//! The client's side: [`Client`].

mod prompts;
mod state;

use std::fmt;
use std::sync::Arc;

use keys::{Secret, SignatureAlg};
use wire::{Human, NameList, Outbox, Text};

pub use self::prompts::{Prompt, Prompts};
use self::state::{Context, State};
use crate::error::{Error, Misuse};
use crate::limits::{KEY_BLOB_MAX, PASSWORD_MAX, RESPONSE_MAX, SIGNATURE_MAX, USER_MAX};
use crate::{Methods, SessionInfo};

/// What a call to a [`Client`] came to, besides the messages it put into the outbox.
#[derive(Debug)]
#[must_use]
pub enum Output<'b> {
    /// Nothing that the application must know.
    Progress,
    /// A question. Until it is answered [`Client::waiting`] is true.
    Ask(Ask<'b>),
    /// A text to show to the user, escaped (RFC 4252 §5.4).
    Banner(Human<'b>),
    /// The server has let the user in: the next message belongs to the connection protocol.
    Authenticated(LoggedIn),
    /// A message with a number that user authentication does not know: the transport answers UNIMPLEMENTED.
    Unimplemented,
}

/// A question of the client machine. In brackets: the answer.
pub enum Ask<'b> {
    /// What is to be tried next? [[`Client::credential`]]
    Credential(Wanted),
    /// A signature by this key, please. [[`Client::signature`]]
    Sign {
        /// The algorithm to sign with.
        algorithm: &'static SignatureAlg,
        /// The key's blob.
        key: Arc<[u8]>,
        /// The bytes to sign.
        data: Vec<u8>,
        /// Whether the server has said that it would look at a signature by this key.
        wanted: bool,
    },
    /// What does the user respond? [[`Client::responses`]]
    Prompts(Prompts<'b>),
    /// The password has expired: what is it, and what shall it be? [[`Client::change_password`]]
    ChangePassword {
        /// What the server wants the user to read.
        prompt: Human<'b>,
    },
}

/// What is known when a credential is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The methods that can go on, as the server listed them; nothing while no request has failed yet. Beginning with
    /// [`Credential::None`] is how one learns them.
    pub remaining: Option<Remaining>,
    /// Why it is wanted.
    pub because: Because,
    /// The methods that were tried since the last step that succeeded in part.
    pub tried: Methods,
    /// Requests that were sent.
    pub requests: u32,
}

/// Why a credential is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Nothing was tried yet.
    Start,
    /// The last request failed.
    Failure,
    /// The last request succeeded, and the server wants more.
    PartialSuccess,
    /// The application declined what the last request needed: a signature, responses, a new password.
    Declined,
}

/// The methods that a server says can go on. It may list methods that this crate does not speak.
#[derive(Clone, PartialEq, Eq)]
pub struct Remaining(Arc<str>);

impl Remaining {
    pub(crate) fn new(list: NameList<'_>) -> Self {
        Self(list.as_str().into())
    }

    /// The names in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Whether the method of this name is listed.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|listed| listed == name)
    }

    /// The list as it stood on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What to try.
pub enum Credential {
    /// Nothing: see whether that is enough, and which methods there are.
    None,
    /// A key.
    PublicKey {
        /// The algorithm that will sign. See [`Client::takes`].
        algorithm: &'static SignatureAlg,
        /// The key's blob.
        key: Vec<u8>,
        /// Whether to ask the server about the key before anybody is bothered for a signature.
        query_first: bool,
    },
    /// A password.
    Password(Secret),
    /// Whatever the server wants to ask.
    Interactive {
        /// Methods behind the prompts that one would like, as a comma-separated list; usually empty.
        submethods: String,
    },
    /// There is nothing left to try.
    GiveUp,
}

/// What the server announced in EXT_INFO (RFC 8308) that matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerExtensions<'a> {
    /// `server-sig-algs`, when it was sent.
    pub signature_algorithms: Option<NameList<'a>>,
    /// Whether `publickey-hostbound@openssh.com` was sent with the value `0`.
    pub host_bound: bool,
}

/// How the user got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The method of the last request.
    pub method: crate::Method,
    /// Whether neither a signature, nor a password, nor a response to a prompt was sent. A server that lets a user in
    /// without any may have something to hide: prompts that come *after* the login are then not the server's.
    pub trivial: bool,
}

/// A client that authenticates one user.
///
/// Call [`start`](Self::start) once, hand it each payload that the router finds to be of user authentication, and
/// answer what it asks. It has no timers; a question that is not answered in time is answered by
/// [`refuse`](Self::refuse). While a question is open it takes banners, and nothing else may come: the server has
/// nothing to say before it hears from us.
pub struct Client {
    context: Context,
    state: Result<State, Error>,
}

impl Client {
    /// A client that wants `user` to be logged in, on the connection that `session` tells about.
    ///
    /// # Errors
    /// [`Misuse::Nul`] and [`Misuse::TooLong`] for a user name that no server takes.
    pub fn new(user: &str, session: SessionInfo) -> Result<Self, Error> {
        Text::new(user).map_err(|_| Misuse::Nul)?;
        if user.len() > USER_MAX {
            return Err(Misuse::TooLong.into());
        }
        Ok(Self { context: Context::new(user, session), state: Ok(State::new()) })
    }

    /// Takes note of what the server announced. Call it whenever EXT_INFO comes, also while authentication is under way.
    pub fn set_extensions(&mut self, extensions: ServerExtensions<'_>) {
        self.context.signature_algorithms = extensions.signature_algorithms.map(|list| list.as_str().into());
        self.context.host_bound = extensions.host_bound;
    }

    /// Whether the server takes signatures by `algorithm`, where it has announced which ones it takes. One of certificates
    /// is taken where that of its key is.
    ///
    /// Where it announced nothing this is `None`, and RFC 8332 §3.3 leaves guessing. [`credential`](Self::credential)
    /// holds keys that have several algorithms, RSA above all, to the list. A key that has a single one may be tried
    /// whatever the list says: servers are known that take more than they list.
    #[must_use]
    pub fn takes(&self, algorithm: &SignatureAlg) -> Option<bool> {
        self.context.takes(algorithm)
    }

    /// Requests the service.
    ///
    /// # Errors
    /// [`Misuse::WrongTime`] when it was requested before.
    pub fn start<O: Outbox>(&mut self, out: &mut O) -> Result<(), Error> {
        match self.take()? {
            State::ExpectStart(start) => {
                let next = start.start(out).map(|state| (state, Output::Progress));
                self.put(next).map(|_| ())
            }
            other => {
                self.state = Ok(other);
                Err(Misuse::WrongTime.into())
            }
        }
    }

    /// Takes a whole payload, number first.
    ///
    /// # Errors
    /// What the server did wrong; then the machine is that error.
    pub fn handle<'b>(&mut self, payload: &'b [u8]) -> Result<Output<'b>, Error> {
        let next = self.take()?.handle(&mut self.context, payload);
        self.put(next)
    }

    /// Whether a question is open.
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.state.as_ref().is_ok_and(State::waiting)
    }

    /// The user who is to be logged in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.context.user
    }

    /// Answers [`Ask::Credential`].
    ///
    /// # Errors
    /// [`Refusal::GaveUp`](crate::Refusal::GaveUp) for [`Credential::GiveUp`]. A [`Misuse`] leaves the question open:
    /// [`Misuse::TooLong`], [`Misuse::Nul`], [`Misuse::AlgorithmNotListed`] (see [`takes`](Self::takes)),
    /// [`Misuse::TooManyRequests`].
    pub fn credential<O: Outbox>(
        &mut self,
        credential: Credential,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        match &credential {
            Credential::None | Credential::GiveUp => {}
            Credential::PublicKey { algorithm, key, .. } => {
                within(key.len(), KEY_BLOB_MAX)?;
                self.context.check_listed(algorithm)?;
            }
            Credential::Password(password) => within(password.len(), PASSWORD_MAX)?,
            Credential::Interactive { submethods } => {
                Text::new(submethods).map_err(|_| Misuse::Nul)?;
                within(submethods.len(), wire::limits::NAME_LIST_MAX)?;
            }
        }
        match self.take()? {
            State::AwaitCredential(open) => {
                if !matches!(credential, Credential::GiveUp) && !self.context.may_request() {
                    self.state = Ok(State::AwaitCredential(open));
                    return Err(Misuse::TooManyRequests.into());
                }
                let next = open.answer(&mut self.context, credential, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::Sign`] with the blob of the signature, or with nothing when there shall be none; then another
    /// credential is asked for.
    ///
    /// # Errors
    /// A [`Misuse`] leaves the question open: [`Misuse::SignatureAlgorithm`], [`Misuse::TooLong`].
    pub fn signature<O: Outbox>(
        &mut self,
        signature: Option<Vec<u8>>,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        within(signature.as_ref().map_or(0, Vec::len), SIGNATURE_MAX)?;
        match self.take()? {
            State::AwaitSignature(open) => {
                if signature.as_ref().is_some_and(|signature| !open.made(signature)) {
                    self.state = Ok(State::AwaitSignature(open));
                    return Err(Misuse::SignatureAlgorithm.into());
                }
                let next = open.answer(&mut self.context, signature, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::Prompts`] with one response for each prompt, or with nothing when the user does not want to; then
    /// another credential is asked for.
    ///
    /// # Errors
    /// A [`Misuse`] leaves the question open: [`Misuse::ResponseCount`], [`Misuse::TooLong`].
    pub fn responses<O: Outbox>(
        &mut self,
        responses: Option<Vec<Secret>>,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        for response in responses.iter().flatten() {
            within(response.len(), RESPONSE_MAX)?;
        }
        match self.take()? {
            State::AwaitResponses(open) => {
                if responses.as_ref().is_some_and(|responses| responses.len() != open.prompts()) {
                    self.state = Ok(State::AwaitResponses(open));
                    return Err(Misuse::ResponseCount.into());
                }
                let next = open.answer(&mut self.context, responses, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Ask::ChangePassword`] with the old password and the new one, or with nothing when it stays; then
    /// another credential is asked for.
    ///
    /// # Errors
    /// [`Misuse::TooLong`] leaves the question open.
    pub fn change_password<O: Outbox>(
        &mut self,
        passwords: Option<(Secret, Secret)>,
        out: &mut O,
    ) -> Result<Output<'static>, Error> {
        self.alive()?;
        if let Some((old, new)) = &passwords {
            within(old.len().max(new.len()), PASSWORD_MAX)?;
        }
        match self.take()? {
            State::AwaitChange(open) => {
                if passwords.is_some() && !self.context.may_request() {
                    self.state = Ok(State::AwaitChange(open));
                    return Err(Misuse::TooManyRequests.into());
                }
                let next = open.answer(&mut self.context, passwords, out);
                self.put(next)
            }
            other => self.not_asked(other),
        }
    }

    /// Answers whatever question is open with no.
    ///
    /// # Errors
    /// [`Misuse::NotAsked`] when none is; [`Refusal::GaveUp`](crate::Refusal::GaveUp) when it was for a credential.
    pub fn refuse<O: Outbox>(&mut self, out: &mut O) -> Result<Output<'static>, Error> {
        match &self.state {
            Ok(State::AwaitCredential(_)) => self.credential(Credential::GiveUp, out),
            Ok(State::AwaitSignature(_)) => self.signature(None, out),
            Ok(State::AwaitResponses(_)) => self.responses(None, out),
            Ok(State::AwaitChange(_)) => self.change_password(None, out),
            Ok(
                State::ExpectStart(_)
                | State::ExpectServiceAccept(_)
                | State::ExpectVerdict(_)
                | State::ExpectPkOk(_)
                | State::ExpectPasswordVerdict(_)
                | State::ExpectInfoRequest(_)
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            Ok(state) => state.name(),
            Err(_) => "Over",
        };
        f.debug_struct("Client").field("state", &state).field("user", &self.user()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(wanted) => f.debug_tuple("Credential").field(wanted).finish(),
            Self::Sign { algorithm, wanted, .. } => f
                .debug_struct("Sign")
                .field("algorithm", &algorithm.name)
                .field("wanted", wanted)
                .finish_non_exhaustive(),
            Self::Prompts(prompts) => f.debug_tuple("Prompts").field(prompts).finish(),
            Self::ChangePassword { prompt } => {
                f.debug_struct("ChangePassword").field("prompt", prompt).finish()
            }
        }
    }
}

fn within(length: usize, limit: usize) -> Result<(), Misuse> {
    if length > limit { Err(Misuse::TooLong) } else { Ok(()) }
}
