use std::fmt;

use crypto::KexError;
use transport::Reason;

/// Why a connection is over. A connection that failed stays failed with this error; [`fault`](Self::fault) says whose
/// it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// RFC 4253: packets, key exchange, and the end by DISCONNECT.
    Transport(transport::Error),
    /// RFC 4252: logging in.
    UserAuth(userauth::Error),
    /// RFC 4254: channels.
    Connection(connection::Error),
    /// A message whose number belongs to a phase that has not come: a channel before the login (RFC 4252 §6).
    OutOfPhase {
        /// Its number.
        number: u8,
    },
    /// Something was waited for in vain.
    TimedOut(Wait),
    /// The application asked for what cannot be, and nothing has changed; or it answered what cannot be, and the
    /// question is answered with no.
    Misuse(Misuse),
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The login, from the connection's start: `LoginGraceTime`.
    Login,
    /// Any sign of life of the peer: `ClientAliveInterval`, `ServerAliveInterval`.
    Alive,
}

/// What an application did wrong that no single layer can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// Channels exist only after the login.
    NotLoggedIn,
    /// Messages wait that must be sent first: try again after [`sent`](crate::Connection::sent).
    NoRoom,
    /// The connection is over.
    Over,
    /// By the rules of RFC 4254.
    Channel(connection::Misuse),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer's bytes are not what they should be.
    Malformed,
    /// The peer broke a rule.
    Misbehaved,
    /// Nobody's: there is nothing that both sides take.
    NoCommon,
    /// Somebody's on the way, or the peer's.
    Forged,
    /// Nobody's: somebody said no.
    Refused,
    /// The peer's, or the network's: nothing came in time.
    TimedOut,
    /// The application's.
    Misuse,
    /// Nobody's: the connection was closed.
    Closed,
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Transport(error) => match error {
                transport::Error::Malformed(_) => Fault::Malformed,
                transport::Error::Misbehaved(_)
                | transport::Error::BadPacketLength { .. }
                | transport::Error::KeyUsedUp => Fault::Misbehaved,
                // Without randomness, or with rows that do not fit each other, it is us.
                transport::Error::KeyExchange(KexError::NoEntropy | KexError::NoGroup)
                | transport::Error::Keys(_) => Fault::Misuse,
                transport::Error::KeyExchange(_) | transport::Error::BadSignature(_) => Fault::Misbehaved,
                transport::Error::NoCommon(_) => Fault::NoCommon,
                transport::Error::Forged => Fault::Forged,
                transport::Error::Refused(_) => Fault::Refused,
                transport::Error::TimedOut => Fault::TimedOut,
                transport::Error::Closed(_) => Fault::Closed,
                transport::Error::Misuse(_) => Fault::Misuse,
            },
            Self::UserAuth(error) => match error {
                userauth::Error::Malformed(_) => Fault::Malformed,
                userauth::Error::Misbehaved(_) => Fault::Misbehaved,
                userauth::Error::Refused(_) => Fault::Refused,
                userauth::Error::Misuse(_) => Fault::Misuse,
            },
            Self::Connection(error) => match error {
                connection::Error::Malformed(_) => Fault::Malformed,
                connection::Error::Misbehaved(_) | connection::Error::Unimplemented(_) => Fault::Misbehaved,
            },
            Self::OutOfPhase { .. } => Fault::Misbehaved,
            Self::TimedOut(_) => Fault::TimedOut,
            Self::Misuse(_) => Fault::Misuse,
        }
    }

    /// What the peer is told, if anything (RFC 4253 §11.1): the reason, and a text that says what it knows anyway.
    #[must_use]
    pub fn disconnect(&self) -> Option<(Reason, &'static str)> {
        match self {
            // Transport tells the peer by itself, at the moment it fails.
            Self::Transport(error) => error.disconnect_reason().map(|reason| (reason, "")),
            Self::UserAuth(error) => match error {
                userauth::Error::Malformed(_) => Some((Reason::PROTOCOL_ERROR, "malformed message")),
                userauth::Error::Misbehaved(_) => Some((Reason::PROTOCOL_ERROR, "protocol error")),
                userauth::Error::Refused(refusal) => Some(refused(*refusal)),
                userauth::Error::Misuse(_) => None,
            },
            Self::Connection(error) => Some((
                Reason::PROTOCOL_ERROR,
                match error {
                    connection::Error::Malformed(_) => "malformed message",
                    connection::Error::Misbehaved(_) | connection::Error::Unimplemented(_) => {
                        "protocol error"
                    }
                },
            )),
            Self::OutOfPhase { .. } => Some((Reason::PROTOCOL_ERROR, "message before its time")),
            Self::TimedOut(Wait::Login) => Some((Reason::BY_APPLICATION, "login timed out")),
            Self::TimedOut(Wait::Alive) => Some((Reason::CONNECTION_LOST, "no answer")),
            Self::Misuse(_) => None,
        }
    }
}

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Self {
        Self::Transport(error)
    }
}

impl From<transport::Misuse> for Error {
    fn from(misuse: transport::Misuse) -> Self {
        Self::Transport(misuse.into())
    }
}

impl From<userauth::Error> for Error {
    fn from(error: userauth::Error) -> Self {
        Self::UserAuth(error)
    }
}

impl From<connection::Error> for Error {
    fn from(error: connection::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<connection::Misuse> for Misuse {
    fn from(misuse: connection::Misuse) -> Self {
        Self::Channel(misuse)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::UserAuth(error) => error.fmt(f),
            Self::Connection(error) => error.fmt(f),
            Self::OutOfPhase { number } => write!(f, "message {number} before the login"),
            Self::TimedOut(Wait::Login) => f.write_str("the login took too long"),
            Self::TimedOut(Wait::Alive) => f.write_str("Timeout, peer not responding"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLoggedIn => "nobody is logged in yet",
            Self::NoRoom => "messages wait to be sent first",
            Self::Over => "the connection is over",
            Self::Channel(misuse) => return misuse.fmt(f),
        })
    }
}

/// The reason that goes with a refusal of user authentication.
fn refused(refusal: userauth::Refusal) -> (Reason, &'static str) {
    match refusal {
        userauth::Refusal::TooManyTries => (Reason::PROTOCOL_ERROR, "Too many authentication failures"),
        userauth::Refusal::ServiceNotAvailable => (Reason::SERVICE_NOT_AVAILABLE, "service not available"),
        userauth::Refusal::GaveUp => {
            (Reason::NO_MORE_AUTH_METHODS_AVAILABLE, "no more authentication methods")
        }
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Misuse {}
