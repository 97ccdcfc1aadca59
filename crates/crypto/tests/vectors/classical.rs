//! The classical part of a hybrid with fixed scalars, computed by the method that has this part alone, which has vectors
//! of its own.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::support::{Script, kex};

/// Of the curves whose numbers have 32 bytes.
pub(crate) const CLIENT_SCALAR: [u8; 32] = [0x11; 32];
pub(crate) const SERVER_SCALAR: [u8; 32] = [0x22; 32];
/// Of P-384.
pub(crate) const CLIENT_SCALAR_P384: [u8; 48] = [0x11; 48];
pub(crate) const SERVER_SCALAR_P384: [u8; 48] = [0x22; 48];

/// Both public values, and the coordinate that both sides compute.
pub(crate) struct Classical {
    pub(crate) client: Vec<u8>,
    pub(crate) server: Vec<u8>,
    shared: Vec<u8>,
}

impl Classical {
    /// What the method of this name computes.
    pub(crate) fn of(name: &str) -> Self {
        Self::with::<32>(name, &CLIENT_SCALAR, &SERVER_SCALAR)
    }

    /// What ECDH on P-384 computes.
    pub(crate) fn p384() -> Self {
        Self::with::<48>("ecdh-sha2-nistp384", &CLIENT_SCALAR_P384, &SERVER_SCALAR_P384)
    }

    fn with<const N: usize>(name: &str, client: &[u8; N], server: &[u8; N]) -> Self {
        let client = kex(name).start(&mut Script::of(&[client])).unwrap();
        let server = kex(name).respond(&mut Script::of(&[server]), client.public()).unwrap();
        Self {
            client: client.public().to_vec(),
            server: server.public,
            shared: coordinate::<N>(server.secret.encoded()).to_vec(),
        }
    }

    /// K of a hybrid with SHA-256 when the other part of it is `post_quantum`: a `string` of the hash of both.
    pub(crate) fn with_sha256(&self, post_quantum: &[u8]) -> Vec<u8> {
        let hash = Sha256::new().chain_update(post_quantum).chain_update(&self.shared).finalize();
        [&[0, 0, 0, 32], hash.as_slice()].concat()
    }

    /// The same with SHA-384.
    pub(crate) fn with_sha384(&self, post_quantum: &[u8]) -> Vec<u8> {
        let hash = Sha384::new().chain_update(post_quantum).chain_update(&self.shared).finalize();
        [&[0, 0, 0, 48], hash.as_slice()].concat()
    }

    /// The same with SHA-512.
    pub(crate) fn with_sha512(&self, post_quantum: &[u8]) -> Vec<u8> {
        let hash = Sha512::new().chain_update(post_quantum).chain_update(&self.shared).finalize();
        [&[0, 0, 0, 64], hash.as_slice()].concat()
    }
}

/// The `N` bytes of which `mpint`, length first, is the number.
pub(crate) fn coordinate<const N: usize>(mpint: &[u8]) -> [u8; N] {
    let (length, mut magnitude) = mpint.split_first_chunk::<4>().unwrap();
    assert_eq!(usize::try_from(u32::from_be_bytes(*length)).unwrap(), magnitude.len());
    if let [0, rest @ ..] = magnitude {
        assert!(rest[0] >= 0x80, "a zero byte that no sign bit asks for");
        magnitude = rest;
    } else {
        assert!(magnitude.first().is_none_or(|first| *first < 0x80), "a negative number");
    }
    let mut bytes = [0; N];
    bytes[N - magnitude.len()..].copy_from_slice(magnitude);
    bytes
}
