//! The server's half of group exchange (RFC 4419 §3): it is told which sizes will do, and has somebody choose a group.

use crypto::Group;
use wire::Mpint;

use super::init::Inits;
use super::server::respond;
use super::{Context, Kex, Outcome, Step};
use crate::error::{Error, Misbehaviour, Refusal};
use crate::group::{GroupPart, GroupRequest};
use crate::input::Ask;
use crate::message::{KexDhGexGroup, KexDhGexInit, KexDhGexRequest};

/// The client must say which sizes will do.
pub(crate) struct ExpectGroupRequest {
    inits: Inits,
    /// The next packet is a wrong guess of the client's.
    pub(super) drop_guess: bool,
}

impl ExpectGroupRequest {
    pub(super) fn begin(inits: Inits) -> Self {
        let drop_guess = inits.drop_guess;
        Self { inits, drop_guess }
    }

    pub(super) fn handle(mut self, payload: &[u8]) -> Step {
        if std::mem::take(&mut self.drop_guess) {
            return Ok((Kex::ExpectGroupRequest(Box::new(self)), Outcome::Nothing));
        }
        let asked = GroupRequest::from(KexDhGexRequest::from_payload(payload)?);
        let sizes = asked.within_limits().ok_or(Misbehaviour::GroupRequest(asked))?;
        let next = AwaitGroup { inits: self.inits, asked, sizes };
        Ok((Kex::AwaitGroup(Box::new(next)), Outcome::Ask(Ask::Group(sizes))))
    }
}

/// A group must be chosen, somewhere else.
pub(crate) struct AwaitGroup {
    inits: Inits,
    /// In the client's own numbers, which are hashed.
    asked: GroupRequest,
    sizes: GroupRequest,
}

impl AwaitGroup {
    /// The sizes that will do.
    pub(super) fn sizes(&self) -> GroupRequest {
        self.sizes
    }

    pub(super) fn chosen(self, group: Option<Group>, cx: &mut Context<'_>) -> Result<Kex, Error> {
        let group = group.ok_or(Error::Refused(Refusal::Group))?;
        cx.out.pass(&KexDhGexGroup {
            prime: Mpint::from_magnitude(group.prime()),
            generator: Mpint::from_magnitude(group.generator()),
        });
        let group = GroupPart { request: self.asked, group };
        Ok(Kex::ExpectGroupInit(Box::new(ExpectGroupInit { inits: self.inits, group })))
    }
}

/// The client's public value must come.
pub(crate) struct ExpectGroupInit {
    inits: Inits,
    group: GroupPart,
}

impl ExpectGroupInit {
    pub(super) fn handle(self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        let client_public = KexDhGexInit::from_payload(payload)?.client_public.0;
        let response = self.inits.agreed.kex.respond_in(cx.rng, &self.group.group, client_public)?;
        respond(self.inits, Some(self.group), client_public, response, cx)
    }
}
