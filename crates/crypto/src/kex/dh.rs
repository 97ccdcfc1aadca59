//! Diffie-Hellman in the integers modulo a prime (RFC 4253 §8, RFC 8268), in a group of the method or of the server
//! (RFC 4419).
//!
//! A public value is the contents of the `mpint` that the messages hold, sign byte included, so it is sent and hashed
//! like any other method's string.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use wire::Mpint;
use zeroize::Zeroizing;

use super::{Group, KexError, Response};
use crate::rng::secret_bytes;
use crate::{Rng, SharedSecret};

/// Length of an exponent in bytes. RFC 4419 §6.2 asks for twice the bits of the keys that are made from K, and 256 bits
/// are the strength of the strongest cipher.
const EXPONENT_LEN: usize = 64;
const EXPONENT_BITS: u32 = 512;

/// Fewest bits that are 1 in a public value. With fewer, and 2 as the generator, the exponent may be read from it;
/// OpenSSH refuses the same.
const MIN_ONES: u32 = 4;

/// A secret exponent and its power of the generator.
pub(super) struct Keypair {
    group: Group,
    field: BoxedMontyParams,
    exponent: Zeroizing<BoxedUint>,
    public: Vec<u8>,
}

impl Keypair {
    pub(super) fn generate(rng: &mut dyn Rng, group: &Group) -> Result<Self, KexError> {
        let prime = BoxedUint::from_be_slice_vartime(&group.prime);
        let odd: Option<Odd<BoxedUint>> = prime.into_odd().into();
        let field = BoxedMontyParams::new_vartime(odd.ok_or(KexError::BadGroup)?);
        let mut bytes = secret_bytes::<EXPONENT_LEN>(rng)?;
        // Never a short exponent, whatever the randomness.
        if let Some(top) = bytes.first_mut() {
            *top |= 0x80;
        }
        let exponent = Zeroizing::new(BoxedUint::from_be_slice_truncated(bytes.as_slice(), EXPONENT_BITS));
        let power = raise(&field, &group.generator, &exponent);
        let power = Mpint::from_magnitude(&power);
        // In a good group this cannot happen; in a bad one the generator has next to no powers.
        if !is_public_value(group, power.magnitude()) {
            return Err(KexError::BadGroup);
        }
        Ok(Self { group: group.clone(), field, exponent, public: power.to_contents() })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(super) fn agree(&self, peer_public: &[u8]) -> Result<SharedSecret, KexError> {
        let base = magnitude(peer_public)?;
        if !is_public_value(&self.group, base) {
            return Err(KexError::BadPublicValue);
        }
        Ok(SharedSecret::mpint(&raise(&self.field, base, &self.exponent)))
    }
}

pub(super) fn respond(rng: &mut dyn Rng, group: &Group, client_public: &[u8]) -> Result<Response, KexError> {
    // Before the costly part.
    if !is_public_value(group, magnitude(client_public)?) {
        return Err(KexError::BadPublicValue);
    }
    let server = Keypair::generate(rng, group)?;
    let secret = server.agree(client_public)?;
    Ok(Response { public: server.public, secret })
}

/// `base`, which is below the prime, to the power of `exponent`, as long as the prime's limbs. The time taken hangs on
/// the sizes alone.
fn raise(field: &BoxedMontyParams, base: &[u8], exponent: &BoxedUint) -> Zeroizing<Box<[u8]>> {
    let base = BoxedUint::from_be_slice_truncated(base, field.bits_precision());
    let base = BoxedMontyForm::new(base, field);
    let power = Zeroizing::new(base.pow_bounded_exp(exponent, EXPONENT_BITS));
    Zeroizing::new(Zeroizing::new(power.retrieve()).to_be_bytes())
}

/// RFC 4253 §8 allows 1 to p - 1, which RFC 8268 §4 narrows: neither 1 nor p - 1, whose powers anybody knows.
fn is_public_value(group: &Group, magnitude: &[u8]) -> bool {
    let ones = magnitude.iter().map(|byte| byte.count_ones()).fold(0, u32::saturating_add);
    group.is_inner(magnitude) && ones >= MIN_ONES
}

/// The magnitude of the `mpint` with these contents, when they are its one form.
fn magnitude(contents: &[u8]) -> Result<&[u8], KexError> {
    Mpint::from_contents(contents).map(Mpint::magnitude).map_err(|_| KexError::BadPublicValue)
}
