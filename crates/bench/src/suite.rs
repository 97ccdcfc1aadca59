//! The suites that are measured.

use crypto::{CIPHERS, CipherAlg, KEX, MACS, MacAlg};
use transport::{Algorithms, Directions};

/// A cipher, and a MAC where it needs one.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The cipher.
    pub cipher: &'static CipherAlg,
    /// The MAC.
    pub mac: Option<&'static MacAlg>,
}

impl Suite {
    /// Every cipher with every MAC that it can have, after the null suite, which costs nothing: what is left is the core.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut suites = vec![Self { cipher: &crypto::NULL_CIPHER, mac: None }];
        for cipher in CIPHERS {
            if cipher.aead {
                suites.push(Self { cipher, mac: None });
            } else {
                suites.extend(MACS.iter().map(|mac| Self { cipher, mac: Some(mac) }));
            }
        }
        suites
    }

    /// Whether it protects nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.cipher.name == crypto::NULL_CIPHER.name
    }

    /// What is offered, so that nothing else can be agreed.
    #[must_use]
    pub fn algorithms(&self) -> Algorithms {
        if self.is_null() {
            return Algorithms::null();
        }
        Algorithms {
            ciphers: Directions::both(vec![self.cipher]),
            macs: Directions::both(self.mac.into_iter().collect()),
            ..kex("curve25519-sha256")
        }
    }

    /// A short name.
    #[must_use]
    pub fn name(&self) -> String {
        let short = |name: &str| name.replace("@openssh.com", "").replace("hmac-", "");
        match self.mac {
            Some(mac) => format!("{} {}", short(self.cipher.name), short(mac.name)),
            None => short(self.cipher.name),
        }
    }
}

/// The default algorithms with one key exchange method.
///
/// # Panics
/// When there is no such method.
#[must_use]
pub fn kex(name: &str) -> Algorithms {
    let row = KEX.iter().find(|row| row.name == name).expect("a method of the table");
    Algorithms { kex: vec![row], ..Algorithms::default_for(wire::Role::Client) }
}
