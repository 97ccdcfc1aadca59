//! The curves of NIST (FIPS 186-5, SP 800-186): points as SSH writes them, their multiples, and ECDSA.
//!
//! Numbers modulo the primes, the sums of points and the products with points that a peer chose come from crates that are
//! made for them. Ours are the multiples of the base point, by tables that those crates do not have, and signatures, which
//! are little more than one such multiple.

mod base;
mod ecdsa;
mod point;
mod tables;

#[cfg(test)]
mod tests;

use p256::NistP256;
use p256::elliptic_curve::bigint::Unsigned;
use p256::elliptic_curve::{AffinePoint, Curve, CurveArithmetic};
use p384::NistP384;
use p521::NistP521;
use sha2::digest::Digest;
use sha2::digest::block_api::BlockSizeUser;

pub(crate) use base::base_times;
pub use ecdsa::EcdsaError;
pub(crate) use point::{point_len, read_point, write_point};

/// A curve of NIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NistCurve {
    /// P-256, with SHA-256 for ECDSA.
    P256,
    /// P-384, with SHA-384 for ECDSA.
    P384,
    /// P-521, with SHA-512 for ECDSA.
    P521,
}

impl NistCurve {
    /// The uncompressed point (SEC 1 §2.3.3) that belongs to a private key, given big-endian in as many bytes as the
    /// order has; `None` when it is zero or not below the order, or of another length.
    #[must_use]
    pub fn public_point(self, secret: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256 => ecdsa::public_point::<NistP256>(secret),
            Self::P384 => ecdsa::public_point::<NistP384>(secret),
            Self::P521 => ecdsa::public_point::<NistP521>(secret),
        }
    }

    /// A signature: `r` and `s` one after the other, each in as many bytes as the order has. The same data gives the
    /// same one (RFC 6979), in a time that tells nothing of the key; `None` when `secret` is none.
    #[must_use]
    pub fn sign(self, secret: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256 => ecdsa::sign::<NistP256>(secret, data),
            Self::P384 => ecdsa::sign::<NistP384>(secret, data),
            Self::P521 => ecdsa::sign::<NistP521>(secret, data),
        }
    }

    /// Verifies what [`sign`](Self::sign) makes, by the uncompressed point of the key.
    ///
    /// # Errors
    /// [`EcdsaError`]: both may be a peer's.
    pub fn verify(self, point: &[u8], data: &[u8], signature: &[u8]) -> Result<(), EcdsaError> {
        match self {
            Self::P256 => ecdsa::verify::<NistP256>(point, data, signature),
            Self::P384 => ecdsa::verify::<NistP384>(point, data, signature),
            Self::P521 => ecdsa::verify::<NistP521>(point, data, signature),
        }
    }
}

/// What is the same for each of the curves.
pub(crate) trait Nist: CurveArithmetic + Curve<Uint: Unsigned> {
    /// The hash that RFC 5656 §6.2.1 gives it.
    type Hash: BlockSizeUser + Digest;
    /// A sixth of the bits of the order, rounded up.
    const COLUMNS: usize;

    /// What [`base_times`] adds up.
    fn sums() -> &'static [AffinePoint<Self>];
}

macro_rules! nist {
    ($curve:ty, $hash:ty, $columns:literal, $table:ident) => {
        impl Nist for $curve {
            type Hash = $hash;
            const COLUMNS: usize = $columns;

            fn sums() -> &'static [AffinePoint<Self>] {
                // Once in a process: a server's are then ready in the processes that it forks.
                static SUMS: std::sync::OnceLock<Box<[AffinePoint<$curve>]>> = std::sync::OnceLock::new();
                SUMS.get_or_init(|| base::sums::<Self>(&tables::$table))
            }
        }
    };
}
nist!(NistP256, sha2::Sha256, 43, P256);
nist!(NistP384, sha2::Sha384, 64, P384);
nist!(NistP521, sha2::Sha512, 87, P521);
