use crypto::SharedSecret;

use super::new_keys::{ExpectNewKeys, Proof};
use super::verify::ExchangeVerified;
use super::{Context, Kex};
use crate::error::{Error, Refusal};
use crate::negotiate::Agreed;
use crate::transcript::ExchangeHash;

/// The host key has signed; whether it is trusted must be said.
pub(crate) struct AwaitHostKey {
    agreed: Agreed,
    secret: SharedSecret,
    hash: ExchangeHash,
    verified: ExchangeVerified,
}

/// The proof that somebody trusts the host key. Only a yes to [`Ask::HostKey`](crate::Ask::HostKey) makes one.
pub(super) struct HostKeyAccepted(());

impl AwaitHostKey {
    pub(super) fn new(
        agreed: Agreed,
        secret: SharedSecret,
        hash: ExchangeHash,
        verified: ExchangeVerified,
    ) -> Self {
        Self { agreed, secret, hash, verified }
    }

    pub(super) fn answer(self, accept: bool, cx: &mut Context<'_>) -> Result<Kex, Error> {
        let accepted =
            if accept { HostKeyAccepted(()) } else { return Err(Error::Refused(Refusal::HostKey)) };
        let proof = Proof::Client(self.verified, accepted);
        let next = ExpectNewKeys::begin(self.agreed, &self.secret, &self.hash, proof, cx)?;
        Ok(Kex::ExpectNewKeys(Box::new(next)))
    }
}
