use std::fmt;

use wire::WireError;

/// Why user authentication is over, or why a call was not obeyed, by whose fault it is.
///
/// After every error but [`Misuse`](Error::Misuse) the machine *is* that error: each later call returns it again.
/// Misuse changes nothing, so the right call can still be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer sent bytes that are not the message they should be.
    Malformed(WireError),
    /// The peer sent a message that it may not send here.
    Misbehaved(Misbehaviour),
    /// Both sides did what they may and there is no login.
    Refused(Refusal),
    /// Our own side called what it may not call here.
    Misuse(Misuse),
}

/// What a peer did that the protocol does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// A message that no state waits for now.
    Unexpected {
        /// Its number.
        number: u8,
    },
    /// A message that only the other side may send.
    WrongSide {
        /// Its number.
        number: u8,
    },
    /// More SERVICE_REQUEST messages than [`SERVICE_REQUESTS_MAX`](crate::limits::SERVICE_REQUESTS_MAX).
    TooManyServiceRequests,
    /// The user name is longer than [`USER_MAX`](crate::limits::USER_MAX).
    UserTooLong,
    /// The user of a request is not the user of the request before it.
    UserChanged,
    /// A host-bound request names a host key that is not the one of this connection: somebody relays.
    HostKeyMismatch,
    /// SERVICE_ACCEPT for a service that was not requested.
    WrongService,
    /// SUCCESS while no request was open.
    SuccessWithoutRequest,
    /// FAILURE while no request was open.
    FailureWithoutRequest,
    /// SUCCESS in answer to a key that was only offered (RFC 4252 §7 allows PK_OK and FAILURE).
    SuccessToOffer,
    /// PK_OK for a key or algorithm that was not offered.
    PkOkForOther,
    /// The list of methods is longer than [`METHOD_LIST_MAX`](crate::limits::METHOD_LIST_MAX).
    TooManyMethods,
    /// More prompts than [`PROMPTS_MAX`](crate::limits::PROMPTS_MAX).
    TooManyPrompts,
    /// More challenges than [`ROUNDS_MAX`](crate::limits::ROUNDS_MAX), or more requests to change one password.
    TooManyRounds,
    /// More banners than [`BANNERS_MAX`](crate::limits::BANNERS_MAX).
    TooManyBanners,
    /// More banner text than [`BANNER_BYTES_MAX`](crate::limits::BANNER_BYTES_MAX).
    TooMuchBanner,
}

/// Why there is no login though nobody broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Server: the tries are used up. OpenSSH disconnects with reason 2 and "Too many authentication failures".
    TooManyTries,
    /// Server: the client asked for a service that is not there (disconnect reason 7, RFC 4253 §10, RFC 4252 §5).
    ServiceNotAvailable,
    /// Client: the application has nothing more to try (disconnect reason 14).
    GaveUp,
}

/// What our own side did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// An answer to a question that is not open.
    NotAsked,
    /// A payload while a question is open or a failure waits for its release.
    Waiting,
    /// A call after success, or before the exchange has begun.
    WrongTime,
    /// Success for a method that is not enabled.
    NotEnabled,
    /// The proof is not of the request that is open.
    OtherProof,
    /// A partial success without any method that could follow.
    NothingRemains,
    /// A text, key, signature, password or response over its limit.
    TooLong,
    /// More prompts than [`PROMPTS_MAX`](crate::limits::PROMPTS_MAX).
    TooManyPrompts,
    /// Not one response for each prompt.
    ResponseCount,
    /// The server has said which signature algorithms it takes, and this is none of them.
    AlgorithmNotListed,
    /// The signature is not of the algorithm that was asked for.
    SignatureAlgorithm,
    /// More requests than [`REQUESTS_MAX`](crate::limits::REQUESTS_MAX).
    TooManyRequests,
    /// A user name, or another text that the peer will take for a name, that holds a NUL.
    Nul,
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Misbehaviour> for Error {
    fn from(what: Misbehaviour) -> Self {
        Self::Misbehaved(what)
    }
}

impl From<Refusal> for Error {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl From<Misuse> for Error {
    fn from(what: Misuse) -> Self {
        Self::Misuse(what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed authentication message: {error}"),
            Self::Misbehaved(what) => write!(f, "authentication protocol broken: {what}"),
            Self::Refused(why) => why.fmt(f),
            Self::Misuse(what) => write!(f, "authentication misused: {what}"),
        }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unexpected { number } => return write!(f, "message {number} was not expected"),
            Self::WrongSide { number } => return write!(f, "message {number} came from the wrong side"),
            Self::TooManyServiceRequests => "too many service requests",
            Self::UserTooLong => "user name too long",
            Self::UserChanged => "user changed between requests",
            Self::HostKeyMismatch => "request is bound to another host key",
            Self::WrongService => "service accepted that was not requested",
            Self::SuccessWithoutRequest => "success without a request",
            Self::FailureWithoutRequest => "failure without a request",
            Self::SuccessToOffer => "success in answer to an offered key",
            Self::PkOkForOther => "answer for a key that was not offered",
            Self::TooManyMethods => "list of methods too long",
            Self::TooManyPrompts => "too many prompts",
            Self::TooManyRounds => "too many rounds of prompts",
            Self::TooManyBanners => "too many banners",
            Self::TooMuchBanner => "too much banner text",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyTries => "Too many authentication failures",
            Self::ServiceNotAvailable => "service not available",
            Self::GaveUp => "no more authentication methods to try",
        })
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "answer to a question that is not open",
            Self::Waiting => "payload while an answer or a release is awaited",
            Self::WrongTime => "call at a time when it means nothing",
            Self::NotEnabled => "success for a method that is not enabled",
            Self::OtherProof => "proof of another request",
            Self::NothingRemains => "partial success without a method to follow",
            Self::TooLong => "value over its limit",
            Self::TooManyPrompts => "too many prompts",
            Self::ResponseCount => "not one response for each prompt",
            Self::AlgorithmNotListed => "the server does not take this signature algorithm",
            Self::SignatureAlgorithm => "signature of another algorithm",
            Self::TooManyRequests => "too many requests",
            Self::Nul => "text holds a NUL",
        })
    }
}

impl std::error::Error for Error {}
