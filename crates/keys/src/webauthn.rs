//! Signatures that a browser had a security key make (OpenSSH's PROTOCOL.u2f, W3C WebAuthn §5.8.1 and §6.1).
//!
//! The device does not sign the data but what the browser wrote about it, the client data: JSON that holds the data as
//! its challenge. Browsers have to write its beginning in one way only, so that it can be compared without reading JSON
//! (WebAuthn §5.8.1.2).

use base64ct::{Base64UrlUnpadded, Encoding};
use wire::{Reader, WireError};

use crate::VerifyError;
use crate::sk::{self, Assertion, SkEcdsaPublicKey};

/// The device tells of a new key, which belongs to registrations.
const ATTESTED: u8 = 0x40;
/// Extensions follow.
const EXTENDED: u8 = 0x80;

/// What follows the signature's numbers.
struct Context<'a> {
    flags: u8,
    counter: u32,
    origin: &'a [u8],
    client_data: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Context<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let context = Self {
            flags: input.u8()?,
            counter: input.u32()?,
            origin: input.string()?,
            client_data: input.string()?,
            extensions: input.string()?,
        };
        input.finish()?;
        Ok(context)
    }

    /// Whether the client data is of a signing (no registration), of `data`, asked for by `origin`.
    fn is_of(&self, data: &[u8]) -> bool {
        // An origin (RFC 6454 §6.2) is ASCII, and nothing in it is escaped in JSON.
        if !self.origin.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) {
            return false;
        }
        let challenge = Base64UrlUnpadded::encode_string(data);
        let parts: [&[u8]; 5] = [
            b"{\"type\":\"webauthn.get\",\"challenge\":\"",
            challenge.as_bytes(),
            b"\",\"origin\":\"",
            self.origin,
            b"\"",
        ];
        let after = parts.iter().try_fold(self.client_data, |text, part| text.strip_prefix(*part));
        // Others may say more about themselves behind it, but it goes on as an object does and ends as one.
        after.is_some_and(|after| matches!(after, [b'}'] | [b',', .., b'}']))
    }
}

/// Verifies a signature: its bytes, and what follows them.
pub(crate) fn verify(
    key: &SkEcdsaPublicKey,
    data: &[u8],
    bytes: &[u8],
    rest: &[u8],
) -> Result<Assertion, VerifyError> {
    let context = Context::parse(rest).map_err(VerifyError::Malformed)?;
    let extended = context.flags & EXTENDED != 0;
    if context.flags & ATTESTED != 0 || extended == context.extensions.is_empty() || !context.is_of(data) {
        return Err(VerifyError::BadClientData);
    }
    let signed = sk::signed(
        key.application(),
        context.flags,
        context.counter,
        context.extensions,
        context.client_data,
    );
    key.key().verify(&signed, bytes)?;
    Ok(sk::assertion(context.flags, context.counter))
}
