//! What the application says.

use std::fmt;

use keys::Secret;

use crate::{KeyProven, Methods};

/// The application's word on a request that shows no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user is who they say, and nothing more is needed.
    Accept,
    /// This step is good and others are needed.
    Partial {
        /// The methods one of which may come next; from now on the only ones that are enabled.
        remaining: Methods,
    },
    /// No.
    Reject,
}

/// The application's word on a request with a signature. Every yes needs the proof that this very signature was verified.
#[derive(Debug)]
pub enum KeyVerdict {
    /// The key may log in as the user, and nothing more is needed.
    Accept(KeyProven),
    /// This step is good and others are needed.
    Partial {
        /// The proof.
        proven: KeyProven,
        /// The methods one of which may come next; from now on the only ones that are enabled.
        remaining: Methods,
    },
    /// No.
    Reject,
}

/// The answer to a password, or to a change of passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordAnswer {
    /// Good or not.
    Verdict(Verdict),
    /// The old password is right and must be changed before it counts, or the new one is not good enough (RFC 4252 §8).
    Change {
        /// What the user reads.
        prompt: String,
    },
}

/// The answer in a keyboard-interactive authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InteractiveAnswer {
    /// More is to be asked. For a user who does not exist, ask what would be asked of one who does.
    Challenge(Challenge),
    /// Good or not.
    Verdict(Verdict),
}

/// What the user is asked (RFC 4256 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Challenge {
    /// A title, often empty.
    pub name: String,
    /// A text before the prompts, often empty.
    pub instruction: String,
    /// The prompts; none at all is a notice that the client confirms.
    pub prompts: Vec<Prompt>,
}

/// One thing to ask the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What the user reads. RFC 4256 wants it not empty.
    pub text: String,
    /// Whether what they type may be seen.
    pub echo: bool,
}

/// Responses to prompts, in their order.
pub struct Responses(pub(crate) Vec<Secret>);

impl Responses {
    /// The responses.
    #[must_use]
    pub fn as_slice(&self) -> &[Secret] {
        &self.0
    }

    /// The responses, to keep.
    #[must_use]
    pub fn into_vec(self) -> Vec<Secret> {
        self.0
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Responses({})", self.0.len())
    }
}
