use std::sync::LazyLock;

use crypto::{CIPHERS, COMPRESSIONS, CipherAlg, MACS, MacAlg, NULL_CIPHER, NULL_KEX};
use keys::{NULL_SIGNATURE, PrivateKey, SIGNATURES};
use transport::message::KexInit;
use transport::{Algorithms, Directions};
use wire::{NameList, Role};

/// What protects packets after a key exchange that costs nothing: its K is zero, so both sides' keys are known.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The cipher.
    pub cipher: &'static CipherAlg,
    /// The MAC, where the cipher needs one.
    pub mac: Option<&'static MacAlg>,
}

impl Suite {
    /// The one that leaves packets as they are.
    pub const NULL: Self = Self { cipher: &NULL_CIPHER, mac: None };

    /// The KEXINIT of a peer that wants this suite, strict KEX and EXT_INFO.
    #[must_use]
    pub fn kexinit(&self, role: Role) -> Vec<u8> {
        let kex = match role {
            Role::Client => "null,ext-info-c,kex-strict-c-v00@openssh.com",
            Role::Server => "null,ext-info-s,kex-strict-s-v00@openssh.com",
        };
        self.kexinit_with(kex, "null")
    }

    /// A KEXINIT with other lists of key exchange methods and host keys.
    #[must_use]
    pub fn kexinit_with(&self, kex: &str, host_keys: &str) -> Vec<u8> {
        let list = |names| NameList::new(names).expect("a list of names");
        let cipher = list(self.cipher.name);
        let mac = list(self.mac.map_or("hmac-sha2-256", |mac| mac.name));
        crate::payload(&KexInit {
            cookie: [0x5a; 16],
            kex: list(kex),
            host_keys: list(host_keys),
            ciphers_client_to_server: cipher,
            ciphers_server_to_client: cipher,
            macs_client_to_server: mac,
            macs_server_to_client: mac,
            compressions_client_to_server: list("none"),
            compressions_server_to_client: list("none"),
            languages_client_to_server: list(""),
            languages_server_to_client: list(""),
            first_kex_packet_follows: false,
            reserved: 0,
        })
    }
}

/// Every cipher with every MAC that it can have.
pub fn suites() -> &'static [Suite] {
    static SUITES: LazyLock<Vec<Suite>> = LazyLock::new(|| {
        let mut suites = Vec::new();
        for cipher in CIPHERS {
            if cipher.aead {
                suites.push(Suite { cipher, mac: None });
            } else {
                suites.extend(MACS.iter().map(|mac| Suite { cipher, mac: Some(mac) }));
            }
        }
        suites
    });
    &SUITES
}

/// What the side under test is willing to use: a key exchange and a host key that cost nothing, with every cipher; with
/// `real_exchange` the real methods and keys come first.
#[must_use]
pub fn algorithms(real_exchange: bool) -> Algorithms {
    let mut algorithms = Algorithms {
        kex: vec![&NULL_KEX],
        host_keys: vec![&NULL_SIGNATURE],
        ciphers: Directions::both(std::iter::once(&NULL_CIPHER).chain(CIPHERS).collect()),
        macs: Directions::both(MACS.iter().collect()),
        compressions: Directions::both(COMPRESSIONS.iter().collect()),
    };
    if real_exchange {
        algorithms.kex.splice(0..0, crypto::KEX);
        algorithms.host_keys.splice(0..0, SIGNATURES);
    }
    algorithms
}

/// The host key of every server.
pub fn host_key() -> &'static PrivateKey {
    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_seed(&[7; 32]));
    &KEY
}

/// The signature blob that [`NULL_SIGNATURE`] has for everything.
#[must_use]
pub fn null_signature() -> Vec<u8> {
    let mut blob = Vec::new();
    wire::put_string(&mut blob, NULL_SIGNATURE.name.as_bytes());
    wire::put_string(&mut blob, b"");
    blob
}
