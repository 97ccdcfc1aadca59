//! The client's half of group exchange (RFC 4419 §3): it says which sizes will do, and is given a group.

use crypto::{Ephemeral, Group};
use wire::Bytes;

use super::client::Reply;
use super::init::Inits;
use super::{Context, Kex, Outcome, Step};
use crate::error::{Error, Misbehaviour};
use crate::group::{GroupPart, GroupRequest};
use crate::message::{KexDhGexGroup, KexDhGexInit, KexDhGexReply};

/// The client has said which sizes will do; the server's group must come.
pub(crate) struct ExpectGroup {
    inits: Inits,
    request: GroupRequest,
    /// The next packet is a wrong guess of the server's.
    pub(super) drop_guess: bool,
}

impl ExpectGroup {
    pub(super) fn begin(inits: Inits, cx: &mut Context<'_>) -> Self {
        let request = GroupRequest::for_strength_of(&inits.agreed, &cx.session.server_ident);
        cx.out.pass(&request.message());
        let drop_guess = inits.drop_guess;
        Self { inits, request, drop_guess }
    }

    pub(super) fn handle(mut self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        if std::mem::take(&mut self.drop_guess) {
            return Ok((Kex::ExpectGroup(Box::new(self)), Outcome::Nothing));
        }
        let group = accept(&self.request, &KexDhGexGroup::from_payload(payload)?)?;
        let ephemeral = self.inits.agreed.kex.start_in(cx.rng, &group)?;
        cx.out.pass(&KexDhGexInit { client_public: Bytes(ephemeral.public()) });
        let group = GroupPart { request: self.request, group };
        let next = ExpectGroupReply { inits: self.inits, group, ephemeral };
        Ok((Kex::ExpectGroupReply(Box::new(next)), Outcome::Nothing))
    }
}

/// The group of a message, when it is one that was asked for.
fn accept(request: &GroupRequest, message: &KexDhGexGroup<'_>) -> Result<Group, Error> {
    let bits = u32::try_from(message.prime.bits()).unwrap_or(u32::MAX);
    if !request.admits(bits) {
        return Err(Misbehaviour::GroupSize { bits }.into());
    }
    Ok(Group::new(message.prime.magnitude(), message.generator.magnitude())?)
}

/// The client has sent its public value; the server's must come.
pub(crate) struct ExpectGroupReply {
    inits: Inits,
    group: GroupPart,
    ephemeral: Ephemeral,
}

impl ExpectGroupReply {
    pub(super) fn handle(self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        let KexDhGexReply { host_key, server_public, signature } = KexDhGexReply::from_payload(payload)?;
        let reply = Reply { host_key: host_key.0, server_public: server_public.0, signature: signature.0 };
        reply.complete(self.inits, self.ephemeral, Some(self.group), cx)
    }
}
