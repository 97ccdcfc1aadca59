use crypto::{Ephemeral, Secret};
use wire::Bytes;

use super::host_key::AwaitHostKey;
use super::init::Inits;
use super::verify::ExchangeVerified;
use super::{Context, Kex, Outcome, Step};
use crate::error::Error;
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
        let reply = KexEcdhReply::from_payload(payload)?;
        let agreed = self.inits.agreed;
        let client_public = self.ephemeral.public().to_vec();
        let secret = self.ephemeral.complete(reply.server_public.0)?;
        let transcript = Transcript {
            client_ident: cx.session.client_ident.clone(),
            server_ident: cx.session.server_ident.clone(),
            client_kexinit: self.inits.client_kexinit,
            server_kexinit: self.inits.server_kexinit,
            host_key: reply.host_key.0.to_vec(),
            client_public,
            server_public: reply.server_public.0.to_vec(),
            shared_secret: Secret::copy_of(secret.encoded()),
        };
        let hash = transcript.hash(agreed.kex.hash);
        // Before anybody is asked about the key: a key that has not proven itself is nobody's.
        let verified = ExchangeVerified::check(agreed.host_key, reply.host_key.0, &hash, reply.signature.0)?;
        let rekey = cx.session.id.is_some();
        let offer = HostKeyOffer { algorithm: agreed.host_key, blob: transcript.host_key, rekey };
        let next = AwaitHostKey::new(agreed, secret, hash, verified);
        Ok((Kex::AwaitHostKey(Box::new(next)), Outcome::Ask(Ask::HostKey(offer))))
    }
}
