use keys::{SignatureAlg, Verified};

use crate::error::Error;
use crate::transcript::ExchangeHash;

/// The proof that the host key signed this exchange. Only [`check`](Self::check) makes one.
pub(super) struct ExchangeVerified {
    _by: Verified,
}

impl ExchangeVerified {
    /// Verifies the server's signature of the exchange hash, which must be of exactly the agreed algorithm
    /// (RFC 4253 §8).
    pub(super) fn check(
        algorithm: &'static SignatureAlg,
        host_key: &[u8],
        hash: &ExchangeHash,
        signature: &[u8],
    ) -> Result<Self, Error> {
        let by =
            keys::verify(algorithm, host_key, hash.as_bytes(), signature).map_err(Error::BadSignature)?;
        Ok(Self { _by: by })
    }
}
