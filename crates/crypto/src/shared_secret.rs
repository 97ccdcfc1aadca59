//! K, the secret that both sides of a key exchange compute.

use wire::{Encode, Mpint, put_string};
use zeroize::Zeroizing;

use crate::Hasher;

/// K of RFC 4253 §8, kept in the encoding in which it enters the exchange hash and the key derivation, overwritten when
/// dropped.
///
/// The encoding belongs to the method: an `mpint` for Diffie-Hellman in all its forms (RFC 4253 §8, RFC 8731 §3.1), a
/// `string` for the hybrids with a post-quantum part. Whoever hashes it need not know which.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// K as the `mpint` whose magnitude is `big_endian` (RFC 4251 §5): leading zeros are left out, and one zero byte is
    /// put first where the top bit is set.
    pub(crate) fn mpint(big_endian: &[u8]) -> Self {
        let mut encoded = room(big_endian.len().saturating_add(1));
        Mpint::from_magnitude(big_endian).encode(&mut *encoded);
        Self(encoded)
    }

    /// K as the `string` of `bytes`.
    pub(crate) fn string(bytes: &[u8]) -> Self {
        let mut encoded = room(bytes.len());
        put_string(&mut *encoded, bytes);
        Self(encoded)
    }

    /// Hashes K as it is encoded.
    pub fn absorb(&self, hasher: &mut Hasher) {
        hasher.update(&self.0);
    }

    /// K as it is encoded, length first. What is made from it is the caller's to keep secret.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }
}

/// Room for a length and as many bytes, so that the vector does not grow and leave copies behind.
fn room(len: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(len.saturating_add(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mpint_is_minimal_and_never_negative() {
        // The examples of RFC 4251 §5 that are not negative, zero-extended as a fixed-size secret is.
        let cases: [(&[u8], &[u8]); 5] = [
            (&[0, 0, 0], &[0, 0, 0, 0]),
            (&[], &[0, 0, 0, 0]),
            (
                &[0, 0, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0x7f, 0], &[0, 0, 0, 2, 0x7f, 0]),
        ];
        for (magnitude, encoded) in cases {
            assert_eq!(SharedSecret::mpint(magnitude).encoded(), encoded);
        }
    }

    #[test]
    fn a_string_keeps_its_leading_zeros() {
        assert_eq!(SharedSecret::string(&[0, 1, 2]).encoded(), [0, 0, 0, 3, 0, 1, 2]);
    }

    #[test]
    fn absorbing_is_hashing_the_encoding() {
        let secret = SharedSecret::mpint(&[0xff; 32]);
        let mut absorbed = Hasher::new(crate::HashAlg::Sha256);
        secret.absorb(&mut absorbed);
        let mut updated = Hasher::new(crate::HashAlg::Sha256);
        updated.update(secret.encoded());
        assert_eq!(absorbed.finish().as_slice(), updated.finish().as_slice());
    }
}
