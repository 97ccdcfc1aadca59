//! Key exchange methods that take a public value each way, some of them in a group that is chosen first: the table, and
//! what all families share.
//!
//! The client [starts](KexAlg::start) and sends [`Ephemeral::public`]; the server [responds](KexAlg::respond) and sends
//! [`Response::public`]; the client [completes](Ephemeral::complete). An [`Ephemeral`] is eaten by its use, so no
//! secret is used twice.

mod curve;
mod dh;
mod error;
mod group;
mod hybrid;
mod kem;
mod mlkem1024;
mod mlkem768;
mod nist;
mod null;
mod oakley;
mod sntrup761;
mod x25519;

pub use error::KexError;
pub use group::Group;

use curve::Curve;
use kem::Kem;

use crate::{HashAlg, Rng, SharedSecret, Status};

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
    Curve(Curve),
    Hybrid(Kem, Curve),
    Dh(&'static Group),
    GroupExchange,
    Null,
}

/// All key exchange methods, in OpenSSH's order of preference.
pub static KEX: &[KexAlg] = &[
    KexAlg {
        name: "mlkem768x25519-sha256",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 10042",
        family: Family::Hybrid(Kem::MlKem768, Curve::X25519),
    },
    KexAlg {
        name: "sntrup761x25519-sha512",
        hash: HashAlg::Sha512,
        status: Status::Default,
        reference: "draft-ietf-sshm-ntruprime-ssh",
        family: Family::Hybrid(Kem::Sntrup761, Curve::X25519),
    },
    KexAlg {
        name: "sntrup761x25519-sha512@openssh.com",
        hash: HashAlg::Sha512,
        status: Status::Default,
        reference: "draft-ietf-sshm-ntruprime-ssh",
        family: Family::Hybrid(Kem::Sntrup761, Curve::X25519),
    },
    KexAlg {
        name: "curve25519-sha256",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 8731",
        family: Family::Curve(Curve::X25519),
    },
    KexAlg {
        name: "curve25519-sha256@libssh.org",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 8731 §1",
        family: Family::Curve(Curve::X25519),
    },
    KexAlg {
        name: "ecdh-sha2-nistp256",
        hash: HashAlg::Sha256,
        status: Status::Default,
        reference: "RFC 5656 §4",
        family: Family::Curve(Curve::P256),
    },
    KexAlg {
        name: "ecdh-sha2-nistp384",
        hash: HashAlg::Sha384,
        status: Status::Default,
        reference: "RFC 5656 §4",
        family: Family::Curve(Curve::P384),
    },
    KexAlg {
        name: "ecdh-sha2-nistp521",
        hash: HashAlg::Sha512,
        status: Status::Default,
        reference: "RFC 5656 §4",
        family: Family::Curve(Curve::P521),
    },
    KexAlg {
        name: "diffie-hellman-group-exchange-sha256",
        hash: HashAlg::Sha256,
        status: Status::ClientDefault,
        reference: "RFC 4419",
        family: Family::GroupExchange,
    },
    KexAlg {
        name: "diffie-hellman-group16-sha512",
        hash: HashAlg::Sha512,
        status: Status::ClientDefault,
        reference: "RFC 8268",
        family: Family::Dh(&oakley::GROUP16),
    },
    KexAlg {
        name: "diffie-hellman-group18-sha512",
        hash: HashAlg::Sha512,
        status: Status::ClientDefault,
        reference: "RFC 8268",
        family: Family::Dh(&oakley::GROUP18),
    },
    KexAlg {
        name: "diffie-hellman-group14-sha256",
        hash: HashAlg::Sha256,
        status: Status::ClientDefault,
        reference: "RFC 8268",
        family: Family::Dh(&oakley::GROUP14),
    },
    KexAlg {
        name: "mlkem768nistp256-sha256",
        hash: HashAlg::Sha256,
        status: Status::Available,
        reference: "RFC 10042",
        family: Family::Hybrid(Kem::MlKem768, Curve::P256),
    },
    KexAlg {
        name: "mlkem1024nistp384-sha384",
        hash: HashAlg::Sha384,
        status: Status::Available,
        reference: "RFC 10042",
        family: Family::Hybrid(Kem::MlKem1024, Curve::P384),
    },
    KexAlg {
        name: "diffie-hellman-group14-sha1",
        hash: HashAlg::Sha1,
        status: Status::Insecure,
        reference: "RFC 4253 §8.2",
        family: Family::Dh(&oakley::GROUP14),
    },
    KexAlg {
        name: "diffie-hellman-group1-sha1",
        hash: HashAlg::Sha1,
        status: Status::Insecure,
        reference: "RFC 4253 §8.1",
        family: Family::Dh(&oakley::GROUP1),
    },
    KexAlg {
        name: "diffie-hellman-group-exchange-sha1",
        hash: HashAlg::Sha1,
        status: Status::Insecure,
        reference: "RFC 4419",
        family: Family::GroupExchange,
    },
];

impl KexAlg {
    /// Whether the group is one that the server chooses (RFC 4419), so that the halves are [`KexAlg::start_in`] and
    /// [`KexAlg::respond_in`].
    #[must_use]
    pub fn chooses_group(&self) -> bool {
        self.family == Family::GroupExchange
    }

    /// The client's first half: a fresh secret and the public value to send.
    ///
    /// # Errors
    /// [`KexError::NoEntropy`]; [`KexError::NoGroup`] from a method that [chooses a group](KexAlg::chooses_group).
    pub fn start(&'static self, rng: &mut dyn Rng) -> Result<Ephemeral, KexError> {
        Ok(Ephemeral(match self.family {
            Family::Curve(curve) => EphemeralKind::Curve(Box::new(curve::Keypair::generate(rng, curve)?)),
            Family::Hybrid(kem, curve) => {
                EphemeralKind::Hybrid(Box::new(hybrid::Client::start(rng, kem, curve, self.hash)?))
            }
            Family::Dh(group) => EphemeralKind::Dh(Box::new(dh::Keypair::generate(rng, group)?)),
            Family::GroupExchange => return Err(KexError::NoGroup),
            Family::Null => EphemeralKind::Null,
        }))
    }

    /// The client's first half in the `group` that the server chose.
    ///
    /// # Errors
    /// [`KexError::NoEntropy`]; [`KexError::BadGroup`] when the generator is none, or the method does not
    /// [choose a group](KexAlg::chooses_group).
    pub fn start_in(&'static self, rng: &mut dyn Rng, group: &Group) -> Result<Ephemeral, KexError> {
        if !self.chooses_group() {
            return Err(KexError::BadGroup);
        }
        Ok(Ephemeral(EphemeralKind::Dh(Box::new(dh::Keypair::generate(rng, group)?))))
    }

    /// The server's half, done at once: the public value to send, and K.
    ///
    /// # Errors
    /// Any [`KexError`]: `client_public` is the peer's and is checked as the method says.
    pub fn respond(&'static self, rng: &mut dyn Rng, client_public: &[u8]) -> Result<Response, KexError> {
        match self.family {
            Family::Curve(curve) => curve::respond(rng, curve, client_public),
            Family::Hybrid(kem, curve) => hybrid::respond(rng, kem, curve, self.hash, client_public),
            Family::Dh(group) => dh::respond(rng, group, client_public),
            Family::GroupExchange => Err(KexError::NoGroup),
            Family::Null => null::respond(client_public),
        }
    }

    /// The server's half in the `group` that it chose.
    ///
    /// # Errors
    /// As [`KexAlg::start_in`], and [`KexError::BadPublicValue`].
    pub fn respond_in(
        &'static self,
        rng: &mut dyn Rng,
        group: &Group,
        client_public: &[u8],
    ) -> Result<Response, KexError> {
        if !self.chooses_group() {
            return Err(KexError::BadGroup);
        }
        dh::respond(rng, group, client_public)
    }
}

/// The client's secret between sending its public value and getting the server's. Wiped when dropped.
pub struct Ephemeral(EphemeralKind);

enum EphemeralKind {
    Curve(Box<curve::Keypair>),
    Hybrid(Box<hybrid::Client>),
    Dh(Box<dh::Keypair>),
    Null,
}

impl Ephemeral {
    /// The public value, as it stands in the `string` that is sent and hashed, or in the `mpint`, which has the same
    /// bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        match &self.0 {
            EphemeralKind::Curve(keypair) => keypair.public(),
            EphemeralKind::Hybrid(client) => client.public(),
            EphemeralKind::Dh(keypair) => keypair.public(),
            EphemeralKind::Null => &[],
        }
    }

    /// K, from what the server sent.
    ///
    /// # Errors
    /// [`KexError::WrongLength`], [`KexError::LowOrderPoint`] or [`KexError::BadPublicValue`]: `server_public` is the
    /// peer's.
    pub fn complete(self, server_public: &[u8]) -> Result<SharedSecret, KexError> {
        match self.0 {
            EphemeralKind::Curve(keypair) => curve::complete(&keypair, server_public),
            EphemeralKind::Hybrid(client) => client.complete(server_public),
            EphemeralKind::Dh(keypair) => keypair.agree(server_public),
            EphemeralKind::Null => null::complete(server_public),
        }
    }
}

/// What the server has after it responded.
pub struct Response {
    /// The public value, as it stands in the `string` that is sent and hashed, or in the `mpint`, which has the same
    /// bytes.
    pub public: Vec<u8>,
    /// K.
    pub secret: SharedSecret,
}

/// `bytes` as an array, when it has its length.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], KexError> {
    bytes.try_into().map_err(|_| KexError::WrongLength { expected: N, got: bytes.len() })
}
