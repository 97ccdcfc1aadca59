//! A key encapsulation mechanism and a curve together (RFC 10042, draft-ietf-sshm-ntruprime-ssh).
//!
//! The client sends its encapsulation key and its point, the server a ciphertext and its point, the post-quantum part
//! first each time. K is the hash of both secrets, again the post-quantum one first, and a `string`: it is not a
//! number, and both sides must hash it with its leading zeros.

use super::curve::{self, Curve};
use super::kem::{DecapsulationKey, EncapsulationKey, Kem, Shared};
use super::{KexError, Response};
use crate::{HashAlg, Hasher, Rng, SharedSecret};

/// What the client keeps until the server's answer.
pub(super) struct Client {
    decapsulation_key: DecapsulationKey,
    keypair: curve::Keypair,
    hash: HashAlg,
    server_lens: (usize, usize),
    public: Vec<u8>,
}

impl Client {
    pub(super) fn start(rng: &mut dyn Rng, kem: Kem, curve: Curve, hash: HashAlg) -> Result<Self, KexError> {
        let (decapsulation_key, mut public) = DecapsulationKey::generate(rng, kem)?;
        let keypair = curve::Keypair::generate(rng, curve)?;
        public.extend_from_slice(keypair.public());
        let server_lens = (kem.ciphertext_len(), curve.public_len());
        Ok(Self { decapsulation_key, keypair, hash, server_lens, public })
    }

    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    pub(super) fn complete(&self, server_public: &[u8]) -> Result<SharedSecret, KexError> {
        let (ciphertext, point) = split(server_public, self.server_lens)?;
        let classical = self.keypair.agree(point)?;
        let post_quantum = self.decapsulation_key.decapsulate(ciphertext)?;
        Ok(combine(self.hash, &post_quantum, &classical))
    }
}

pub(super) fn respond(
    rng: &mut dyn Rng,
    kem: Kem,
    curve: Curve,
    hash: HashAlg,
    client_public: &[u8],
) -> Result<Response, KexError> {
    let lens = (kem.encapsulation_key_len(), curve.public_len());
    let (encapsulation_key, point) = split(client_public, lens)?;
    let encapsulation_key = EncapsulationKey::parse(kem, encapsulation_key)?;
    let server = curve::Keypair::generate(rng, curve)?;
    let classical = server.agree(point)?;
    let (mut public, post_quantum) = encapsulation_key.encapsulate(rng)?;
    public.extend_from_slice(server.public());
    Ok(Response { public, secret: combine(hash, &post_quantum, &classical) })
}

/// `bytes` as the post-quantum part and the point after it.
fn split(bytes: &[u8], (post_quantum, point): (usize, usize)) -> Result<(&[u8], &[u8]), KexError> {
    let expected = post_quantum.saturating_add(point);
    let wrong = KexError::WrongLength { expected, got: bytes.len() };
    if bytes.len() != expected {
        return Err(wrong);
    }
    bytes.split_at_checked(post_quantum).ok_or(wrong)
}

/// K = HASH(K_PQ || K_CL), as a `string`.
fn combine(hash: HashAlg, post_quantum: &Shared, classical: &[u8]) -> SharedSecret {
    let mut hasher = Hasher::new(hash);
    hasher.update(post_quantum.as_slice());
    hasher.update(classical);
    SharedSecret::string(hasher.finish().as_slice())
}
