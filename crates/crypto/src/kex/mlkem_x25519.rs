//! ML-KEM-768 (FIPS 203) and X25519 together (draft-ietf-sshm-mlkem-hybrid-kex).
//!
//! The client sends its encapsulation key and its point, the server a ciphertext and its point, the post-quantum part
//! first each time. K is the hash of both secrets, again the post-quantum one first, and a `string`: it is not a
//! number, and both sides must hash it with its leading zeros.

use std::hint::black_box;

use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use zeroize::Zeroizing;

use super::{KexError, Response, exactly, x25519};
use crate::rng::secret_bytes;
use crate::{HashAlg, Hasher, Rng, SharedSecret};

const ENCAPSULATION_KEY_LEN: usize = MlKem768PublicKey::len();
const CIPHERTEXT_LEN: usize = MlKem768Ciphertext::len();
const CLIENT_PUBLIC_LEN: usize = ENCAPSULATION_KEY_LEN + x25519::PUBLIC_LEN;
const SERVER_PUBLIC_LEN: usize = CIPHERTEXT_LEN + x25519::PUBLIC_LEN;

/// What the client keeps until the server's answer.
pub(super) struct Client {
    decapsulation_key: DecapsulationKey,
    x25519: x25519::Keypair,
    public: [u8; CLIENT_PUBLIC_LEN],
}

impl Client {
    pub(super) fn start(rng: &mut dyn Rng) -> Result<Self, KexError> {
        // FIPS 203 §7.1: d, then z.
        let seed = secret_bytes::<64>(rng)?;
        let (decapsulation_key, encapsulation_key) = mlkem768::generate_key_pair(*seed).into_parts();
        let decapsulation_key = DecapsulationKey(decapsulation_key);
        let x25519 = x25519::Keypair::generate(rng)?;
        let mut public = [0; CLIENT_PUBLIC_LEN];
        let parts = encapsulation_key.as_slice().iter().chain(x25519.public());
        for (to, from) in public.iter_mut().zip(parts) {
            *to = *from;
        }
        Ok(Self { decapsulation_key, x25519, public })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Decapsulation never fails: a ciphertext that is not for our key gives a secret that nobody knows (FIPS 203
    /// §7.3), and the exchange ends where the server's signature or the first packet does not verify.
    pub(super) fn complete(&self, server_public: &[u8]) -> Result<SharedSecret, KexError> {
        let server_public = exactly::<SERVER_PUBLIC_LEN>(server_public)?;
        let (ciphertext, point) = split::<CIPHERTEXT_LEN>(server_public)?;
        let classical = self.x25519.agree(point)?;
        let post_quantum = Zeroizing::new(mlkem768::decapsulate(
            &self.decapsulation_key.0,
            &MlKem768Ciphertext::from(ciphertext),
        ));
        Ok(combine(&post_quantum, classical.as_bytes()))
    }
}

pub(super) fn respond(rng: &mut dyn Rng, client_public: &[u8]) -> Result<Response, KexError> {
    let client_public = exactly::<CLIENT_PUBLIC_LEN>(client_public)?;
    let (encapsulation_key, point) = split::<ENCAPSULATION_KEY_LEN>(client_public)?;
    let encapsulation_key = MlKem768PublicKey::from(encapsulation_key);
    // FIPS 203 §7.2: each of the encoded numbers must be below q. The length was checked above.
    if !mlkem768::validate_public_key(&encapsulation_key) {
        return Err(KexError::BadEncapsulationKey);
    }
    let server = x25519::Keypair::generate(rng)?;
    let classical = server.agree(point)?;
    let message = secret_bytes::<32>(rng)?;
    let (ciphertext, post_quantum) = mlkem768::encapsulate(&encapsulation_key, *message);
    let secret = combine(&Zeroizing::new(post_quantum), classical.as_bytes());
    Ok(Response { public: [ciphertext.as_slice().as_slice(), server.public()].concat(), secret })
}

/// `bytes` as the post-quantum part and the point after it.
fn split<const POST_QUANTUM_LEN: usize>(
    bytes: &[u8],
) -> Result<(&[u8; POST_QUANTUM_LEN], &[u8; x25519::PUBLIC_LEN]), KexError> {
    let expected = POST_QUANTUM_LEN.saturating_add(x25519::PUBLIC_LEN);
    let wrong = KexError::WrongLength { expected, got: bytes.len() };
    let (post_quantum, point) = bytes.split_first_chunk().ok_or(wrong)?;
    Ok((post_quantum, exactly(point).map_err(|_| wrong)?))
}

/// K = HASH(K_PQ || K_CL), as a `string`.
fn combine(post_quantum: &[u8; 32], classical: &[u8; 32]) -> SharedSecret {
    let mut hasher = Hasher::new(HashAlg::Sha256);
    hasher.update(post_quantum);
    hasher.update(classical);
    SharedSecret::string(hasher.finish().as_slice())
}

/// libcrux's key does not wipe itself, so we overwrite it.
struct DecapsulationKey(MlKem768PrivateKey);

impl DecapsulationKey {
    fn wipe(&mut self) {
        self.0 = MlKem768PrivateKey::default();
        // Without this the write could be left out, as nobody reads it.
        black_box(&mut self.0);
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_decapsulation_key_is_zeros() {
        let mut key = DecapsulationKey(MlKem768PrivateKey::from([7; MlKem768PrivateKey::len()]));
        key.wipe();
        assert!(key.0.as_slice().iter().all(|byte| *byte == 0));
    }
}
