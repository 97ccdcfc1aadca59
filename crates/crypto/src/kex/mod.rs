//! Key exchange methods that take one message each way: the table, and what all families share.
//!
//! The client [starts](KexAlg::start) and sends [`Ephemeral::public`]; the server [responds](KexAlg::respond) and sends
//! [`Response::public`]; the client [completes](Ephemeral::complete). An [`Ephemeral`] is eaten by its use, so no
//! secret is used twice.

mod mlkem_x25519;
mod null;
mod x25519;

use std::fmt;

use crate::{HashAlg, NoEntropy, Rng, SharedSecret, Status};

/// A key exchange method.
#[derive(Debug)]
pub struct KexAlg {
    /// Its name in negotiation.
    pub name: &'static str,
    /// The hash of its exchange hash and of the key derivation after it.
    pub hash: HashAlg,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    pub(crate) family: Family,
}

/// What a method computes. Names that mean the same computation are rows of the same family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    X25519,
    MlKem768X25519,
    Null,
}

/// All key exchange methods, in OpenSSH's order of preference.
pub static KEX: &[KexAlg] = &[
    KexAlg {
        name: "mlkem768x25519-sha256",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "draft-ietf-sshm-mlkem-hybrid-kex",
        family: Family::MlKem768X25519,
    },
    KexAlg {
        name: "curve25519-sha256",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 8731",
        family: Family::X25519,
    },
    KexAlg {
        name: "curve25519-sha256@libssh.org",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 8731 §1",
        family: Family::X25519,
    },
];

impl KexAlg {
    /// The client's first half: a fresh secret and the public value to send.
    ///
    /// # Errors
    /// [`KexError::NoEntropy`].
    pub fn start(&'static self, rng: &mut dyn Rng) -> Result<Ephemeral, KexError> {
        Ok(Ephemeral(match self.family {
            Family::X25519 => EphemeralKind::X25519(x25519::Keypair::generate(rng)?),
            Family::MlKem768X25519 => {
                EphemeralKind::MlKem768X25519(Box::new(mlkem_x25519::Client::start(rng)?))
            }
            Family::Null => EphemeralKind::Null,
        }))
    }

    /// The server's half, done at once: the public value to send, and K.
    ///
    /// # Errors
    /// Any [`KexError`]: `client_public` is the peer's and is checked as the method says.
    pub fn respond(&'static self, rng: &mut dyn Rng, client_public: &[u8]) -> Result<Response, KexError> {
        match self.family {
            Family::X25519 => x25519::respond(rng, client_public),
            Family::MlKem768X25519 => mlkem_x25519::respond(rng, client_public),
            Family::Null => null::respond(client_public),
        }
    }
}

/// The client's secret between sending its public value and getting the server's. Wiped when dropped.
pub struct Ephemeral(EphemeralKind);

enum EphemeralKind {
    X25519(x25519::Keypair),
    MlKem768X25519(Box<mlkem_x25519::Client>),
    Null,
}

impl Ephemeral {
    /// The public value, as it stands in the `string` that is sent and hashed.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        match &self.0 {
            EphemeralKind::X25519(keypair) => keypair.public(),
            EphemeralKind::MlKem768X25519(client) => client.public(),
            EphemeralKind::Null => &[],
        }
    }

    /// K, from what the server sent.
    ///
    /// # Errors
    /// [`KexError::WrongLength`] or [`KexError::LowOrderPoint`]: `server_public` is the peer's.
    pub fn complete(self, server_public: &[u8]) -> Result<SharedSecret, KexError> {
        match self.0 {
            EphemeralKind::X25519(keypair) => x25519::complete(&keypair, server_public),
            EphemeralKind::MlKem768X25519(client) => client.complete(server_public),
            EphemeralKind::Null => null::complete(server_public),
        }
    }
}

/// What the server has after it responded.
pub struct Response {
    /// The public value, as it stands in the `string` that is sent and hashed.
    pub public: Vec<u8>,
    /// K.
    pub secret: SharedSecret,
}

/// Why there is no shared secret. All but [`KexError::NoEntropy`] are the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KexError {
    /// The peer's public value does not have the one length that the method gives it.
    WrongLength {
        /// Bytes that the method wants.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The peer's X25519 value has small order: the result would be all zeros, known to anybody (RFC 8731 §3).
    LowOrderPoint,
    /// The client's ML-KEM encapsulation key holds a number that is not reduced (FIPS 203 §7.2).
    BadEncapsulationKey,
    /// There was no randomness to make a secret from.
    NoEntropy,
}

impl From<NoEntropy> for KexError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for KexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { expected, got } => {
                write!(f, "public value of {got} bytes where the key exchange has {expected}")
            }
            Self::LowOrderPoint => f.write_str("X25519 public value of small order"),
            Self::BadEncapsulationKey => f.write_str("ML-KEM encapsulation key that is not reduced"),
            Self::NoEntropy => fmt::Display::fmt(&NoEntropy, f),
        }
    }
}

impl std::error::Error for KexError {}

/// `bytes` as an array, when it has its length.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], KexError> {
    bytes.try_into().map_err(|_| KexError::WrongLength { expected: N, got: bytes.len() })
}
