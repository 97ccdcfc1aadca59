use std::time::Duration;

use keys::SignatureAlg;
use wire::Role;

use crate::algorithms::Algorithms;
use crate::ident::Ident;
use crate::limits::{EXCHANGE_SECONDS, Limits};
use crate::rekey::RekeyPolicy;

/// What a machine is to be. One value can serve any number of connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which side we are.
    pub role: Role,
    /// Our identification.
    pub ident: Ident,
    /// The algorithms that we are willing to use.
    pub algorithms: Algorithms,
    /// A server's host keys: the blobs of the public keys. The private ones are wherever
    /// [`Ask::Sign`](crate::Ask::Sign) is answered.
    pub host_keys: Vec<Vec<u8>>,
    /// What a server says in `server-sig-algs`: the algorithms by which users may prove their keys. Of those of certificates it
    /// says by which algorithm their keys sign, as OpenSSH does.
    pub server_sig_algs: Vec<&'static SignatureAlg>,
    /// When keys are replaced.
    pub rekey: RekeyPolicy,
    /// How long an exchange may take, questions included; for the first one it runs from the start.
    pub exchange_timeout: Duration,
    /// What bounds the connection.
    pub limits: Limits,
    /// Whether strict KEX is offered. It always is, but a test has to know how a peer without it is treated.
    pub(crate) strict_kex: bool,
    /// Whether EXT_INFO is asked for. Like `strict_kex`.
    pub(crate) ext_info: bool,
}

impl Config {
    /// The defaults for a role: no host keys, every signature algorithm of the default suite for users.
    #[must_use]
    pub fn new(role: Role, ident: Ident) -> Self {
        let algorithms = Algorithms::default_for(role);
        Self {
            role,
            ident,
            server_sig_algs: algorithms.host_keys.clone(),
            algorithms,
            host_keys: Vec::new(),
            rekey: RekeyPolicy::default(),
            exchange_timeout: Duration::from_secs(EXCHANGE_SECONDS),
            limits: Limits::default(),
            strict_kex: true,
            ext_info: true,
        }
    }

    /// **For tests.** Does not offer strict KEX (CVE-2023-48795), as implementations of before 2024 do not.
    #[must_use]
    pub fn without_strict_kex(mut self) -> Self {
        self.strict_kex = false;
        self
    }

    /// **For tests.** Does not ask for EXT_INFO, as implementations of before 2018 do not.
    #[must_use]
    pub fn without_ext_info(mut self) -> Self {
        self.ext_info = false;
        self
    }
}
