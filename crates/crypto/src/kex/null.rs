//! The exchange of [`crate::NULL_KEX`]: nothing is sent, and K is zero.

use super::{KexError, Response, exactly};
use crate::SharedSecret;

pub(super) fn respond(client_public: &[u8]) -> Result<Response, KexError> {
    Ok(Response { public: Vec::new(), secret: complete(client_public)? })
}

pub(super) fn complete(peer_public: &[u8]) -> Result<SharedSecret, KexError> {
    let [] = exactly(peer_public)?;
    Ok(SharedSecret::mpint(&[]))
}
