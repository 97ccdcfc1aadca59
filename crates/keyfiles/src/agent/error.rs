//! What goes wrong between client and agent.

use std::fmt;

use wire::WireError;

use crate::limits::{MAX_AGENT_EXTENSIONS, MAX_AGENT_FRAME, MAX_AGENT_IDENTITIES, MAX_AGENT_REQUESTS};

/// Why a request was not made, or an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentError {
    /// The request would be over [`MAX_AGENT_FRAME`]. Nothing has changed.
    RequestTooLong,
    /// [`MAX_AGENT_REQUESTS`] wait for an answer. Nothing has changed.
    TooManyRequests,
    /// The signature algorithm does not belong to the key. Nothing has changed.
    WrongKeyType {
        /// The algorithm that was asked for.
        algorithm: &'static str,
    },
    /// The certificate is one of another key. Nothing has changed.
    WrongCertificate,
    /// The agent sent something that was not asked for.
    Unasked,
    /// A message of the agent has no or too many bytes.
    FrameLength {
        /// How many it says that it has.
        got: u32,
    },
    /// The answer is not one to what was asked.
    Malformed(WireError),
    /// The agent lists more keys than anyone could use.
    TooManyIdentities,
    /// The agent names more extensions than anyone could use.
    TooManyExtensions,
    /// The agent answered as another extension than the one that was asked.
    WrongExtension,
}

impl From<WireError> for AgentError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestTooLong => write!(f, "request to the agent is longer than {MAX_AGENT_FRAME} bytes"),
            Self::TooManyRequests => write!(f, "{MAX_AGENT_REQUESTS} requests wait for the agent"),
            Self::WrongKeyType { algorithm } => write!(f, "the key cannot sign with {algorithm}"),
            Self::WrongCertificate => f.write_str("certificate and private key do not belong together"),
            Self::Unasked => f.write_str("agent answered what was not asked"),
            Self::FrameLength { got } => {
                write!(f, "agent sent a message of {got} bytes where 1 to {MAX_AGENT_FRAME} are allowed")
            }
            Self::Malformed(error) => write!(f, "malformed answer of the agent: {error}"),
            Self::TooManyIdentities => write!(f, "agent lists more than {MAX_AGENT_IDENTITIES} keys"),
            Self::TooManyExtensions => write!(f, "agent names more than {MAX_AGENT_EXTENSIONS} extensions"),
            Self::WrongExtension => f.write_str("agent answered as another extension"),
        }
    }
}

impl std::error::Error for AgentError {}
