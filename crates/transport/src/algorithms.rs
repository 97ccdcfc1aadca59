use crypto::{
    CIPHERS, COMPRESSIONS, CipherAlg, CompressionAlg, KEX, KexAlg, MACS, MacAlg, NULL_CIPHER, NULL_KEX,
    Status,
};
use keys::{NULL_SIGNATURE, SIGNATURES, SignatureAlg};
use wire::Role;

/// Something for each direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Directions<T> {
    /// What the client sends.
    pub client_to_server: T,
    /// What the server sends.
    pub server_to_client: T,
}

impl<T> Directions<T> {
    /// That of the direction in which `sender` sends.
    pub fn sent_by(&self, sender: Role) -> &T {
        match sender {
            Role::Client => &self.client_to_server,
            Role::Server => &self.server_to_client,
        }
    }
}

impl<T: Clone> Directions<T> {
    /// The same for both.
    pub fn both(value: T) -> Self {
        Self { client_to_server: value.clone(), server_to_client: value }
    }
}

/// The algorithms that a side is willing to use, each list in its order of preference: the suite as a value.
#[derive(Clone, Debug)]
pub struct Algorithms {
    /// Key exchange methods.
    pub kex: Vec<&'static KexAlg>,
    /// Signature algorithms of host keys. A server offers those for which it has a key.
    pub host_keys: Vec<&'static SignatureAlg>,
    /// Ciphers.
    pub ciphers: Directions<Vec<&'static CipherAlg>>,
    /// MACs, for ciphers that want one.
    pub macs: Directions<Vec<&'static MacAlg>>,
    /// Compression methods.
    pub compressions: Directions<Vec<&'static CompressionAlg>>,
}

impl Algorithms {
    /// What `role` offers when nothing is configured, in the order of the tables.
    #[must_use]
    pub fn default_for(role: Role) -> Self {
        let offered = |status: Status| match status {
            Status::Default => true,
            Status::ClientDefault => role == Role::Client,
            Status::Available | Status::Insecure => false,
        };
        Self {
            kex: KEX.iter().filter(|row| offered(row.status)).collect(),
            host_keys: SIGNATURES.iter().filter(|row| offered(row.status)).collect(),
            ciphers: Directions::both(CIPHERS.iter().filter(|row| offered(row.status)).collect()),
            macs: Directions::both(MACS.iter().filter(|row| offered(row.status)).collect()),
            compressions: Directions::both(COMPRESSIONS.iter().filter(|row| offered(row.status)).collect()),
        }
    }

    /// **Insecure.** The suite that protects nothing and proves nothing, for tests and fuzzing.
    #[must_use]
    pub fn null() -> Self {
        Self {
            kex: vec![&NULL_KEX],
            host_keys: vec![&NULL_SIGNATURE],
            ciphers: Directions::both(vec![&NULL_CIPHER]),
            macs: Directions::both(Vec::new()),
            compressions: Directions::both(COMPRESSIONS.iter().collect()),
        }
    }
}
