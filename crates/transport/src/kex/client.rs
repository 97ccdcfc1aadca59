use crypto::{Ephemeral, Secret};
use wire::Bytes;

use super::host_key::AwaitHostKey;
use super::init::Inits;
use super::verify::ExchangeVerified;
use super::{Context, Kex, Outcome, Step};
use crate::error::Error;
use crate::group::GroupPart;
use crate::input::{Ask, HostKeyOffer};
use crate::message::{KexEcdhInit, KexEcdhReply};
use crate::transcript::Transcript;

/// The client has sent its public value; the server's must come.
pub(crate) struct ExpectEcdhReply {
    inits: Inits,
    ephemeral: Ephemeral,
    /// The next packet is a wrong guess of the server's.
    pub(super) drop_guess: bool,
}

impl ExpectEcdhReply {
    pub(super) fn begin(inits: Inits, cx: &mut Context<'_>) -> Result<Self, Error> {
        let ephemeral = inits.agreed.kex.start(cx.rng)?;
        cx.out.pass(&KexEcdhInit { client_public: Bytes(ephemeral.public()) });
        let drop_guess = inits.drop_guess;
        Ok(Self { inits, ephemeral, drop_guess })
    }

    pub(super) fn handle(mut self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        if std::mem::take(&mut self.drop_guess) {
            return Ok((Kex::ExpectEcdhReply(Box::new(self)), Outcome::Nothing));
        }
        let KexEcdhReply { host_key, server_public, signature } = KexEcdhReply::from_payload(payload)?;
        let reply = Reply { host_key: host_key.0, server_public: server_public.0, signature: signature.0 };
        reply.complete(self.inits, self.ephemeral, None, cx)
    }
}

/// What the server's last word before NEWKEYS holds, in every method.
pub(super) struct Reply<'a> {
    pub(super) host_key: &'a [u8],
    pub(super) server_public: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Reply<'_> {
    /// Verifies that the host key signed what both sides have said.
    pub(super) fn complete(
        &self,
        inits: Inits,
        ephemeral: Ephemeral,
        group: Option<GroupPart>,
        cx: &mut Context<'_>,
    ) -> Step {
        let agreed = inits.agreed;
        let client_public = ephemeral.public().to_vec();
        let secret = ephemeral.complete(self.server_public)?;
        let transcript = Transcript {
            client_ident: cx.session.client_ident.clone(),
            server_ident: cx.session.server_ident.clone(),
            client_kexinit: inits.client_kexinit,
            server_kexinit: inits.server_kexinit,
            host_key: self.host_key.to_vec(),
            group,
            client_public,
            server_public: self.server_public.to_vec(),
            shared_secret: Secret::copy_of(secret.encoded()),
        };
        let hash = transcript.hash(agreed.kex.hash);
        // Before anybody is asked about the key: a key that has not proven itself is nobody's.
        let verified = ExchangeVerified::check(agreed.host_key, self.host_key, &hash, self.signature)?;
        let rekey = cx.session.id.is_some();
        let offer = HostKeyOffer { algorithm: agreed.host_key, blob: transcript.host_key, rekey };
        let next = AwaitHostKey::new(agreed, secret, hash, verified);
        Ok((Kex::AwaitHostKey(Box::new(next)), Outcome::Ask(Ask::HostKey(offer))))
    }
}
