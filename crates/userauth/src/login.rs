//! What a server remembers of one user's attempt to log in, and what becomes of it.

use wire::Text;

use crate::error::{Error, Misbehaviour, Refusal};
use crate::limits::STEPS_MAX;
use crate::proof::CONNECTION;
use crate::request::{Body, Request};
use crate::{KeyProven, Method};

/// The attempt of one user at one service: it is made by the first request, and nothing of it survives a change of user,
/// because such a change ends the connection.
#[derive(Debug)]
pub(crate) struct Login {
    user: Box<str>,
    failures: u32,
    /// Questions about keys that were answered with no.
    refused_keys: u32,
    asked_none: bool,
    open: Open,
    steps: Vec<Step>,
}

/// An exchange that the next request is expected to complete. Whatever comes in its place, it has failed.
#[derive(Debug)]
pub(crate) enum Open {
    Nothing,
    /// PK_OK was sent for this key; its proof completes it. Nothing is derived from it but this count.
    Offer {
        algorithm: &'static str,
        key: Box<[u8]>,
    },
    /// A new password was asked for.
    Change,
    /// A challenge was sent; only its responses, which are no request, complete it.
    Challenge,
}

impl Login {
    pub(crate) fn of(user: Text<'_>) -> Self {
        Self {
            user: user.as_str().into(),
            failures: 0,
            refused_keys: 0,
            asked_none: false,
            open: Open::Nothing,
            steps: Vec::new(),
        }
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes that an exchange waits for its completion.
    pub(crate) fn opened(&mut self, open: Open) {
        self.open = open;
    }

    /// Takes a request into account: its user must be the same, and what it leaves behind unfinished counts.
    pub(crate) fn requested(&mut self, request: &Request<'_>, max_tries: u32) -> Result<(), Error> {
        if request.user.as_str() != &*self.user {
            return Err(Misbehaviour::UserChanged.into());
        }
        let completed = match (std::mem::replace(&mut self.open, Open::Nothing), &request.body) {
            (Open::Nothing, _) | (Open::Change, Body::PasswordChange { .. }) => true,
            (Open::Offer { algorithm, key }, Body::KeyProof { key: proven, .. }) => {
                proven.algorithm == algorithm && proven.blob.0 == &*key
            }
            (Open::Offer { .. } | Open::Change | Open::Challenge, _) => false,
        };
        if completed || !self.fail(max_tries) { Ok(()) } else { Err(Refusal::TooManyTries.into()) }
    }

    /// Counts something that is not success. True when it was the last one that is allowed.
    #[must_use]
    pub(crate) fn fail(&mut self, max_tries: u32) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failures >= max_tries
    }

    /// Counts a key that would not be accepted, which is a try only when there were `free` of them before.
    #[must_use]
    pub(crate) fn fail_question(&mut self, free: u32, max_tries: u32) -> bool {
        self.refused_keys = self.refused_keys.saturating_add(1);
        self.refused_keys > free && self.fail(max_tries)
    }

    /// Counts a failure of `none`; the first one is free, because every client begins with it.
    #[must_use]
    pub(crate) fn fail_none(&mut self, max_tries: u32) -> bool {
        if std::mem::replace(&mut self.asked_none, true) { self.fail(max_tries) } else { false }
    }

    /// Whether one more step may succeed in part.
    pub(crate) fn may_step(&self) -> bool {
        self.steps.len() < STEPS_MAX
    }

    pub(crate) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The login is complete with `last`.
    pub(crate) fn complete(mut self, last: Step) -> Authenticated {
        self.steps.push(last);
        Authenticated { user: self.user, steps: self.steps }
    }
}

/// One request that succeeded.
#[derive(Debug)]
pub struct Step {
    method: Method,
    key: Option<KeyProven>,
}

impl Step {
    /// A step that shows no key.
    pub(crate) fn by(method: Method) -> Self {
        Self { method, key: None }
    }

    /// A step by a key that was proven.
    pub(crate) fn by_key(proven: KeyProven) -> Self {
        Self { method: Method::PublicKey, key: Some(proven) }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The key that was proven, exactly when the method is [`Method::PublicKey`].
    #[must_use]
    pub fn key(&self) -> Option<&KeyProven> {
        self.key.as_ref()
    }
}

/// A user who is logged in. Only the server machine makes one, from an accepting verdict and, for a key, its proof.
///
/// ```compile_fail
/// let forged = nacre_userauth::Authenticated { user: "root".into(), steps: Vec::new() };
/// ```
#[derive(Debug)]
pub struct Authenticated {
    user: Box<str>,
    steps: Vec<Step>,
}

impl Authenticated {
    /// The user's name as the client wrote it.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The service that starts now.
    #[must_use]
    pub fn service(&self) -> &'static str {
        CONNECTION
    }

    /// What succeeded, in order; the last one completed the login.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The key that was proven last, if any was. Options of a key are looked up by this, never by what was offered.
    #[must_use]
    pub fn key(&self) -> Option<&KeyProven> {
        self.steps.iter().rev().find_map(Step::key)
    }
}
