use crypto::{Response, Secret, SharedSecret};
use keys::SignatureAlg;
use wire::Bytes;

use super::init::Inits;
use super::new_keys::{ExpectNewKeys, Proof};
use super::{Context, Kex, Outcome, Step};
use crate::error::{Error, Misuse, Refusal};
use crate::group::GroupPart;
use crate::input::{Ask, SignRequest};
use crate::message::{KexDhGexReply, KexEcdhInit, KexEcdhReply};
use crate::negotiate::Agreed;
use crate::transcript::{ExchangeHash, Transcript};

/// The client's public value must come.
pub(crate) struct ExpectEcdhInit {
    inits: Inits,
    /// The next packet is a wrong guess of the client's.
    pub(super) drop_guess: bool,
}

impl ExpectEcdhInit {
    pub(super) fn begin(inits: Inits) -> Self {
        let drop_guess = inits.drop_guess;
        Self { inits, drop_guess }
    }

    pub(super) fn handle(mut self, payload: &[u8], cx: &mut Context<'_>) -> Step {
        if std::mem::take(&mut self.drop_guess) {
            return Ok((Kex::ExpectEcdhInit(Box::new(self)), Outcome::Nothing));
        }
        let client_public = KexEcdhInit::from_payload(payload)?.client_public.0;
        let response = self.inits.agreed.kex.respond(cx.rng, client_public)?;
        respond(self.inits, None, client_public, response, cx)
    }
}

/// Both public values are there: asks for the host key's signature of what both sides have said.
pub(super) fn respond(
    inits: Inits,
    group: Option<GroupPart>,
    client_public: &[u8],
    response: Response,
    cx: &mut Context<'_>,
) -> Step {
    let agreed = inits.agreed;
    let (index, blob) = host_key_for(cx.host_keys, agreed.host_key.key_type).ok_or(Misuse::NoHostKey)?;
    let transcript = Transcript {
        client_ident: cx.session.client_ident.clone(),
        server_ident: cx.session.server_ident.clone(),
        client_kexinit: inits.client_kexinit,
        server_kexinit: inits.server_kexinit,
        host_key: blob.to_vec(),
        group,
        client_public: client_public.to_vec(),
        server_public: response.public.clone(),
        shared_secret: Secret::copy_of(response.secret.encoded()),
    };
    let hash = transcript.hash(agreed.kex.hash);
    let request = SignRequest {
        algorithm: agreed.host_key,
        kex: agreed.kex,
        host_key: index,
        hash: hash.clone(),
        transcript: Box::new(transcript),
        rekey: cx.session.id.is_some(),
    };
    let next = AwaitSignature {
        agreed,
        host_key: index,
        server_public: response.public,
        secret: response.secret,
        hash,
    };
    Ok((Kex::AwaitSignature(Box::new(next)), Outcome::Ask(Ask::Sign(request))))
}

/// The host key's signature must be made, somewhere else.
pub(crate) struct AwaitSignature {
    agreed: Agreed,
    host_key: usize,
    server_public: Vec<u8>,
    secret: SharedSecret,
    hash: ExchangeHash,
}

/// The proof that our host key signed this exchange. Only an answer to [`Ask::Sign`] makes one.
pub(super) struct ExchangeSigned(());

impl AwaitSignature {
    /// The algorithm that the signature must be by.
    pub(super) fn algorithm(&self) -> &'static SignatureAlg {
        self.agreed.host_key
    }

    pub(super) fn signed(self, signature: Option<&[u8]>, cx: &mut Context<'_>) -> Result<Kex, Error> {
        let signature = signature.ok_or(Error::Refused(Refusal::Signature))?;
        let host_key = cx.host_keys.get(self.host_key).ok_or(Misuse::NoHostKey)?;
        let (host_key, server_public) = (Bytes(host_key), Bytes(&self.server_public));
        let signature = Bytes(signature);
        if self.agreed.kex.chooses_group() {
            cx.out.pass(&KexDhGexReply { host_key, server_public, signature });
        } else {
            cx.out.pass(&KexEcdhReply { host_key, server_public, signature });
        }
        let proof = Proof::Server(ExchangeSigned(()));
        let next = ExpectNewKeys::begin(self.agreed, &self.secret, &self.hash, proof, cx)?;
        Ok(Kex::ExpectNewKeys(Box::new(next)))
    }
}

/// The first host key of a type, and where it stands.
pub(crate) fn host_key_for<'a>(host_keys: &'a [Vec<u8>], key_type: &str) -> Option<(usize, &'a [u8])> {
    host_keys
        .iter()
        .enumerate()
        .find(|(_, blob)| keys::PublicKey::type_of(blob).is_ok_and(|found| found == key_type))
        .map(|(index, blob)| (index, blob.as_slice()))
}
