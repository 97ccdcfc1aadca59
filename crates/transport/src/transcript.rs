use std::fmt;

use crypto::{Digest, HashAlg, Hasher, Secret};
use wire::{Encode, put_string};

use crate::group::GroupPart;

/// Everything that enters the exchange hash, as strings, so that another process (sshd's monitor) can compute it
/// again and need not believe the hash that it is asked to sign (RFC 4253 §8, RFC 5656 §4, RFC 4419 §3).
pub struct Transcript {
    /// V_C: the client's identification without its line end.
    pub client_ident: Vec<u8>,
    /// V_S: the server's.
    pub server_ident: Vec<u8>,
    /// I_C: the payload of the client's KEXINIT.
    pub client_kexinit: Vec<u8>,
    /// I_S: that of the server's.
    pub server_kexinit: Vec<u8>,
    /// K_S: the blob of the server's host key.
    pub host_key: Vec<u8>,
    /// Where the server chose a group: which one, and what the client had asked for.
    pub group: Option<GroupPart>,
    /// Q_C: the client's public value.
    pub client_public: Vec<u8>,
    /// Q_S: the server's.
    pub server_public: Vec<u8>,
    /// K, in the encoding in which its method hashes it, length first.
    pub shared_secret: Secret,
}

impl Transcript {
    /// The exchange hash H.
    #[must_use]
    pub fn hash(&self, alg: HashAlg) -> ExchangeHash {
        let mut hasher = Hasher::new(alg);
        let strings = [
            &self.client_ident,
            &self.server_ident,
            &self.client_kexinit,
            &self.server_kexinit,
            &self.host_key,
        ];
        for string in strings {
            put_string(&mut hasher, string);
        }
        if let Some(group) = &self.group {
            group.encode(&mut hasher);
        }
        for public in [&self.client_public, &self.server_public] {
            put_string(&mut hasher, public);
        }
        hasher.update(self.shared_secret.expose());
        ExchangeHash(hasher.finish())
    }
}

/// Without K.
impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("client_ident", &wire::Escaped(&self.client_ident).to_string())
            .field("server_ident", &wire::Escaped(&self.server_ident).to_string())
            .finish_non_exhaustive()
    }
}

/// H, the hash of one key exchange. It is what the server signs.
#[derive(Clone)]
pub struct ExchangeHash(Digest);

impl ExchangeHash {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for ExchangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExchangeHash({} bytes)", self.as_bytes().len())
    }
}

/// The hash of the first key exchange, which names the connection for the rest of its life (RFC 4253 §7.2).
#[derive(Clone)]
pub struct SessionId(Digest);

impl SessionId {
    /// The one that follows from the first exchange.
    #[must_use]
    pub fn from_first(hash: &ExchangeHash) -> Self {
        Self(hash.0.clone())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({} bytes)", self.as_bytes().len())
    }
}
