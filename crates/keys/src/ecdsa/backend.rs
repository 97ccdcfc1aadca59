//! Who does the arithmetic of the curves. Another crate for a curve is a change here and nowhere else.
//!
//! For P-256 there is a choice: `ring` verifies in 53 µs where this takes 190, but brings tables of 150 KB, and its
//! signatures need the system's randomness. Key exchange has the arithmetic of these crates in the program anyway.
//!
//! Signatures are `r` and `s` one after the other, each in as many bytes as the curve's order has.

use super::Curve;
use crate::VerifyError;

macro_rules! curve {
    ($curve:ident) => {
        mod $curve {
            use $curve::ecdsa::signature::{Signer, Verifier};
            use $curve::ecdsa::{Signature, SigningKey, VerifyingKey};

            use crate::VerifyError;

            pub(super) fn verify(point: &[u8], data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
                let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| VerifyError::BadKey)?;
                let signature = Signature::from_slice(signature).map_err(|_| VerifyError::BadSignature)?;
                key.verify(data, &signature).map_err(|_| VerifyError::BadSignature)
            }

            pub(super) fn sign(secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
                let signature: Signature = SigningKey::from_slice(secret).ok()?.try_sign(data).ok()?;
                Some(signature.to_bytes().to_vec())
            }

            pub(super) fn public_point(secret: &[u8]) -> Option<Vec<u8>> {
                let key = SigningKey::from_slice(secret).ok()?;
                Some(key.verifying_key().to_sec1_point(false).as_bytes().to_vec())
            }
        }
    };
}
curve!(p256);
curve!(p384);
curve!(p521);

pub(super) fn verify(curve: Curve, point: &[u8], data: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    match curve {
        Curve::NistP256 => p256::verify(point, data, signature),
        Curve::NistP384 => p384::verify(point, data, signature),
        Curve::NistP521 => p521::verify(point, data, signature),
    }
}

/// `None` when `secret` is no number of the curve's range.
pub(super) fn sign(curve: Curve, secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    match curve {
        Curve::NistP256 => p256::sign(secret, data),
        Curve::NistP384 => p384::sign(secret, data),
        Curve::NistP521 => p521::sign(secret, data),
    }
}

/// The uncompressed point that belongs to a private key; `None` when `secret` is no number of the curve's range.
pub(super) fn public_point(curve: Curve, secret: &[u8]) -> Option<Vec<u8>> {
    match curve {
        Curve::NistP256 => p256::public_point(secret),
        Curve::NistP384 => p384::public_point(secret),
        Curve::NistP521 => p521::public_point(secret),
    }
}
