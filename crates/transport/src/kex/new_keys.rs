use crypto::{OpeningKey, SharedSecret};
use wire::Rest;

use super::host_key::HostKeyAccepted;
use super::server::ExchangeSigned;
use super::verify::ExchangeVerified;
use super::{Context, Kex, Outcome, Step};
use crate::error::Error;
use crate::message::{ExtInfo, NewKeys};
use crate::negotiate::Agreed;
use crate::schedule::Schedule;
use crate::transcript::{ExchangeHash, SessionId};

/// What entitles to new keys: no exchange comes into force without it.
pub(super) enum Proof {
    /// The host key signed, and is trusted.
    Client(
        #[allow(dead_code, reason = "a proof is held, not read")] ExchangeVerified,
        #[allow(dead_code, reason = "a proof is held, not read")] HostKeyAccepted,
    ),
    /// Our host key signed.
    Server(#[allow(dead_code, reason = "a proof is held, not read")] ExchangeSigned),
}

/// Our NEWKEYS is out and our direction has its key; the peer's must come.
pub(crate) struct ExpectNewKeys {
    agreed: Agreed,
    opening: OpeningKey,
    first: bool,
    _proof: Proof,
}

impl ExpectNewKeys {
    /// Sends NEWKEYS, takes the new key for what we send, and opens the gate.
    pub(super) fn begin(
        agreed: Agreed,
        secret: &SharedSecret,
        hash: &ExchangeHash,
        proof: Proof,
        cx: &mut Context<'_>,
    ) -> Result<Self, Error> {
        let role = cx.session.role;
        let first = cx.session.id.is_none();
        let session = cx.session.id.get_or_insert_with(|| SessionId::from_first(hash));
        let schedule = Schedule { alg: agreed.kex.hash, secret, hash, session };
        let sealing = schedule.sealing(&agreed, role).map_err(Error::Keys)?;
        let opening = schedule.opening(&agreed, role).map_err(Error::Keys)?;
        cx.out.pass(&NewKeys {});
        cx.out.change_key(sealing, agreed.protection.sent_by(role).compression, cx.session.strict);
        if first && cx.session.peer.ext_info {
            // RFC 8308 §2.4: the first packet after the first NEWKEYS.
            let (count, extensions) = &cx.session.ext_info;
            cx.out.pass(&ExtInfo { count: *count, extensions: Rest(extensions) });
        }
        cx.out.open_gate();
        Ok(Self { agreed, opening, first, _proof: proof })
    }

    pub(super) fn handle(self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        NewKeys::from_payload(payload)?;
        let compression = self.agreed.protection.sent_by(cx.session.role.peer()).compression;
        cx.inbound.change_key(self.opening, compression, cx.session.strict);
        Ok((Kex::Idle, Outcome::KeysChanged { agreed: self.agreed, first: self.first }))
    }
}
