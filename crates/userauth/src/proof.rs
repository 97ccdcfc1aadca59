//! What a user's key signs, and the difference between a key that was offered and one that was proven.

use std::fmt;
use std::sync::Arc;

use keys::{SignatureAlg, VerifyError};
use wire::{Message, Sink, put_string};

use crate::message::KeyProof;
use crate::method::name;

/// The service that is behind user authentication, the only one there is.
pub const CONNECTION: &str = "ssh-connection";

/// The name of the service that user authentication is (RFC 4252 §4).
pub(crate) const USERAUTH: &str = "ssh-userauth";

/// What the first key exchange of a connection has settled: what signatures are bound to. Neither changes in re-keys.
#[derive(Clone)]
pub struct SessionInfo {
    id: Arc<[u8]>,
    host_key: Arc<[u8]>,
}

impl SessionInfo {
    /// Takes the session id (RFC 4253 §7.2) and the blob of the host key that signed the first exchange.
    #[must_use]
    pub fn new(session_id: &[u8], host_key: &[u8]) -> Self {
        Self { id: session_id.into(), host_key: host_key.into() }
    }

    /// The session id.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The blob of the server's host key.
    #[must_use]
    pub fn host_key(&self) -> &[u8] {
        &self.host_key
    }
}

impl fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInfo").finish_non_exhaustive()
    }
}

/// The parts of a public key request that a signature covers, after they were parsed.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The user who wants in.
    pub user: &'a str,
    /// The name of the signature algorithm.
    pub algorithm: &'a str,
    /// The blob of the user's key.
    pub key: &'a [u8],
    /// The blob of the server's host key, in the host-bound method.
    pub host_key: Option<&'a [u8]>,
}

/// The bytes that the user's key signs (RFC 4252 §7; OpenSSH `PROTOCOL` for the host-bound method).
///
/// They are built from parsed parts and never cut out of a packet, so that the client, the server and a monitor that
/// trusts neither agree on what a signature means.
#[must_use]
pub fn signed_data(session_id: &[u8], request: &SignedRequest<'_>) -> Vec<u8> {
    let method = if request.host_key.is_some() { name::HOST_BOUND } else { name::PUBLIC_KEY };
    let mut data = Vec::new();
    put_string(&mut data, session_id);
    data.put(&[KeyProof::NUMBER]);
    put_string(&mut data, request.user.as_bytes());
    put_string(&mut data, CONNECTION.as_bytes());
    put_string(&mut data, method.as_bytes());
    data.put(&[1]);
    put_string(&mut data, request.algorithm.as_bytes());
    put_string(&mut data, request.key);
    if let Some(host_key) = request.host_key {
        put_string(&mut data, host_key);
    }
    data
}

struct Parts {
    session: SessionInfo,
    user: Box<str>,
    algorithm: &'static SignatureAlg,
    key: Box<[u8]>,
    signature: Box<[u8]>,
    bound: bool,
}

/// A public key request with a signature that nobody has verified yet.
///
/// Its algorithm is one that the server takes, fits the type of the key, and is the one that the signature names.
pub struct Proof(Arc<Parts>);

impl Proof {
    pub(crate) fn new(
        session: SessionInfo,
        user: &str,
        algorithm: &'static SignatureAlg,
        key: &[u8],
        signature: &[u8],
        bound: bool,
    ) -> Self {
        Self(Arc::new(Parts {
            session,
            user: user.into(),
            algorithm,
            key: key.into(),
            signature: signature.into(),
            bound,
        }))
    }

    /// A second handle of the same proof: one stays with the machine.
    pub(crate) fn handle(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Whether `proven` came from this very proof, and not from an equal one or that of another connection.
    pub(crate) fn is(&self, proven: &KeyProven) -> bool {
        Arc::ptr_eq(&self.0, &proven.0)
    }

    /// The user who wants in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// The algorithm of the signature.
    #[must_use]
    pub fn algorithm(&self) -> &'static SignatureAlg {
        self.0.algorithm
    }

    /// The blob of the key that is said to have signed.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// The signature's blob.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    /// The blob of the host key that the signature covers, which is this connection's, when the method is host-bound.
    #[must_use]
    pub fn host_key(&self) -> Option<&[u8]> {
        self.0.bound.then(|| self.0.session.host_key())
    }

    /// The bytes that must have been signed.
    #[must_use]
    pub fn signed_data(&self) -> Vec<u8> {
        let request = SignedRequest {
            user: self.user(),
            algorithm: self.algorithm().name,
            key: self.key(),
            host_key: self.host_key(),
        };
        signed_data(self.0.session.id(), &request)
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("user", &self.user())
            .field("algorithm", &self.algorithm().name)
            .field("bound", &self.0.bound)
            .finish_non_exhaustive()
    }
}

/// A proof whose signature was verified. It is good for the request that it came from and for no other one.
///
/// ```compile_fail
/// fn forged(proof: &nacre_userauth::Proof) -> nacre_userauth::KeyProven {
///     nacre_userauth::KeyProven(proof.0.clone())
/// }
/// ```
pub struct KeyProven(Arc<Parts>);

impl KeyProven {
    /// Says that somebody else has verified this very proof and found it good.
    ///
    /// For a process that parses the network and holds no authority: its monitor has rebuilt the signed bytes and
    /// verified the signature by itself. Everybody else calls [`verify`].
    #[must_use]
    pub fn vouched_for(proof: &Proof) -> Self {
        Self(Arc::clone(&proof.0))
    }

    /// The algorithm of the signature.
    #[must_use]
    pub fn algorithm(&self) -> &'static SignatureAlg {
        self.0.algorithm
    }

    /// The blob of the key that signed.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// Whether the signature covers the host key of this connection too.
    #[must_use]
    pub fn is_host_bound(&self) -> bool {
        self.0.bound
    }
}

impl fmt::Debug for KeyProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyProven")
            .field("algorithm", &self.algorithm().name)
            .field("bound", &self.0.bound)
            .finish_non_exhaustive()
    }
}

/// Verifies the signature of `proof`. Whether the key may log in is another question; ask that first or last.
///
/// # Errors
/// What [`keys::verify`] says of the key, the signature or both.
pub fn verify(proof: &Proof) -> Result<KeyProven, VerifyError> {
    keys::verify(proof.algorithm(), proof.key(), &proof.signed_data(), proof.signature())
        .map(|_verified| KeyProven(Arc::clone(&proof.0)))
}
