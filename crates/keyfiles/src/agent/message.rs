//! The messages of the agent protocol, each in a frame: its length in four bytes, then a number and the fields.

use std::fmt;

use wire::{Bytes, Decode, Encode, Reader, Rest, Sensitive, Sink, WireError};

/// Signing flag for `rsa-sha2-256` (RFC 9987).
pub const RSA_SHA2_256: u32 = 2;

/// Signing flag for `rsa-sha2-512` (RFC 9987).
pub const RSA_SHA2_512: u32 = 4;

/// All that is left of a message and that no log may hold: a private key.
#[derive(Clone, Copy)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SensitiveRest<'a>(pub &'a [u8]);

impl<'a> Decode<'a> for SensitiveRest<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self(input.rest()))
    }
}

impl Encode for SensitiveRest<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.0);
    }
}

impl fmt::Debug for SensitiveRest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SensitiveRest({} bytes)", self.0.len())
    }
}

wire::messages! {
    /// What client and agent say. The client asks, and the agent answers each request once, in their order.
    pub static MESSAGES: ();

    /// It was not done.
    5 Failure {} in (), by Server, "RFC 9987";
    /// It was done.
    6 Success {} in (), by Server, "RFC 9987";
    /// Which keys are there?
    11 RequestIdentities {} in (), by Client, "RFC 9987";
    /// As many times: the blob of a key, and a comment.
    12 IdentitiesAnswer<'a> { count: u32, identities: Rest<'a> } in (), by Server, "RFC 9987";
    /// Sign this.
    13 SignRequest<'a> { key: Bytes<'a>, data: Bytes<'a>, flags: u32 } in (), by Client, "RFC 9987";
    /// The signature blob.
    14 SignResponse<'a> { signature: Bytes<'a> } in (), by Server, "RFC 9987";
    /// Take this private key: its type, its fields, a comment.
    17 AddIdentity<'a> { key: SensitiveRest<'a> } in (), by Client, "RFC 9987";
    /// Forget a key.
    18 RemoveIdentity<'a> { key: Bytes<'a> } in (), by Client, "RFC 9987";
    /// Forget all keys.
    19 RemoveAllIdentities {} in (), by Client, "RFC 9987";
    /// Take the keys of a token.
    20 AddToken<'a> { provider: Bytes<'a>, pin: Sensitive<'a> } in (), by Client, "RFC 9987";
    /// Forget the keys of a token.
    21 RemoveToken<'a> { provider: Bytes<'a>, pin: Sensitive<'a> } in (), by Client, "RFC 9987";
    /// Sign nothing and list nothing until this passphrase comes again.
    22 Lock<'a> { passphrase: Sensitive<'a> } in (), by Client, "RFC 9987";
    /// Go on.
    23 Unlock<'a> { passphrase: Sensitive<'a> } in (), by Client, "RFC 9987";
    /// As [`AddIdentity`], with constraints behind the comment.
    25 AddConstrainedIdentity<'a> { key: SensitiveRest<'a> } in (), by Client, "RFC 9987";
    /// As [`AddToken`], with constraints.
    26 AddConstrainedToken<'a> { provider: Bytes<'a>, pin: Sensitive<'a>, constraints: Rest<'a> } in (), by Client, "RFC 9987";
    /// Do what not every agent can.
    27 Extension<'a> { name: Bytes<'a>, contents: Rest<'a> } in (), by Client, "RFC 9987";
    /// The extension is known, and it was not done.
    28 ExtensionFailure {} in (), by Server, "RFC 9987";
    /// What an extension says.
    29 ExtensionResponse<'a> { name: Bytes<'a>, contents: Rest<'a> } in (), by Server, "RFC 9987";
}
