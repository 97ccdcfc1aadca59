//! What the matrix tries: every algorithm of ours once, the signature algorithms with each type of key.

use crypto::{CIPHERS, COMPRESSIONS, CipherAlg, CompressionAlg, KEX, KexAlg, MACS, MacAlg};
use keys::{SIGNATURES, SignatureAlg};

use super::cases::Choice;
use crate::peers::{Algorithms, KeyKind, Offer};

/// One thing that two sides may both know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Kex(&'static KexAlg),
    Cipher(&'static CipherAlg),
    Mac(&'static MacAlg),
    Compression(&'static CompressionAlg),
    Host(&'static SignatureAlg, KeyKind),
    User(&'static SignatureAlg, KeyKind),
}

/// A cipher that wants a MAC, for those that are tried.
const PLAIN: &str = "aes128-ctr";

impl Item {
    /// All of them, in the order of the tables. No host has its key in a device, and nothing here is a browser, which signs
    /// with a device in a way of its own. Of long RSA keys only one algorithm is tried.
    pub(super) fn all() -> Vec<Self> {
        let mut all: Vec<Self> = KEX.iter().map(Self::Kex).collect();
        all.extend(CIPHERS.iter().map(Self::Cipher));
        all.extend(MACS.iter().map(Self::Mac));
        all.extend(COMPRESSIONS.iter().map(Self::Compression));
        let with = |kind: KeyKind| {
            let long = matches!(kind, KeyKind::Rsa(3072 | 4096));
            let signs =
                move |row: &&SignatureAlg| row.plain == kind.key_type() && !row.name.starts_with("webauthn-");
            let wanted = move |row: &&SignatureAlg| !long || row.name == "rsa-sha2-512";
            SIGNATURES.iter().filter(signs).filter(wanted)
        };
        for kind in KeyKind::ALL {
            all.extend(with(kind).map(|row| Self::Host(row, kind)));
        }
        for kind in KeyKind::ALL.into_iter().chain(KeyKind::DEVICES) {
            all.extend(with(kind).map(|row| Self::User(row, kind)));
        }
        all
    }

    /// The algorithm's own name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kex(row) => row.name,
            Self::Cipher(row) => row.name,
            Self::Mac(row) => row.name,
            Self::Compression(row) => row.name,
            Self::Host(row, _) | Self::User(row, _) => row.name,
        }
    }

    /// What stands in the table.
    pub(super) fn label(self) -> String {
        let (word, name) = match self {
            Self::Kex(_) => ("kex", self.name()),
            Self::Cipher(_) => ("cipher", self.name()),
            Self::Mac(_) => ("mac", self.name()),
            Self::Compression(_) => ("compression", self.name()),
            Self::Host(..) => ("host key", self.name()),
            Self::User(..) => ("user key", self.name()),
        };
        match self {
            Self::Host(_, KeyKind::Rsa(bits)) | Self::User(_, KeyKind::Rsa(bits)) => {
                format!("{word} {name} {bits}")
            }
            _ => format!("{word} {name}"),
        }
    }

    /// What our side insists on to have it.
    pub(super) fn choice(self) -> Choice {
        let none = Choice::default();
        match self {
            Self::Kex(row) => Choice { kex: Some(row), ..none },
            Self::Cipher(row) => Choice { cipher: Some(row), ..none },
            Self::Mac(row) => {
                Choice { cipher: CIPHERS.iter().find(|row| row.name == PLAIN), mac: Some(row), ..none }
            }
            Self::Compression(row) => Choice { compression: Some(row), ..none },
            Self::Host(row, _) => Choice { host_key: Some(row), ..none },
            Self::User(..) => none,
        }
    }

    /// The same for a program that has OpenSSH's keywords.
    pub(super) fn configured(self) -> (Algorithms, Option<String>) {
        let mut algorithms = Algorithms::default();
        let name = self.name().to_owned();
        let mut line = None;
        match self {
            Self::Kex(_) => algorithms.kex = Some(name),
            Self::Cipher(_) => algorithms.ciphers = Some(name),
            Self::Mac(_) => {
                algorithms.ciphers = Some(PLAIN.to_owned());
                algorithms.macs = Some(name);
            }
            Self::Compression(_) => {}
            Self::Host(..) => line = Some(format!("HostKeyAlgorithms {name}")),
            // A client wants to see what the certificate's key signs with.
            Self::User(row, _) => {
                line = Some(format!("PubkeyAcceptedAlgorithms {name},{}", row.signature_name));
            }
        }
        (algorithms, line)
    }

    /// Whether a peer can be talked to with it, as far as its offer tells; what its users may sign with is no part of that.
    pub(super) fn offered(self, offer: &Offer, users: &[String]) -> bool {
        let list = match self {
            Self::Kex(_) => &offer.kex[..],
            Self::Cipher(_) => &offer.ciphers,
            Self::Mac(_) => &offer.macs,
            Self::Compression(_) => &offer.compressions,
            Self::Host(..) => &offer.host_keys,
            Self::User(..) => users,
        };
        list.iter().any(|name| name == self.name())
    }

    /// Whether it is about a key in a device.
    pub(super) fn is_of_device(self) -> bool {
        matches!(self, Self::User(_, kind) if KeyKind::DEVICES.contains(&kind))
    }

    /// Whether it is about an RSA key.
    pub(super) fn is_rsa(self) -> bool {
        matches!(self, Self::Host(_, KeyKind::Rsa(_)) | Self::User(_, KeyKind::Rsa(_)))
    }

    /// The type of key that the host has for it.
    pub(super) fn host(self) -> (KeyKind, bool) {
        match self {
            Self::Host(row, kind) => (kind, row.certificate),
            _ => (KeyKind::Ed25519, false),
        }
    }

    /// The algorithm and the type of key that the user has for it.
    pub(super) fn user(self) -> (&'static str, KeyKind, bool) {
        match self {
            Self::User(row, kind) => (row.name, kind, row.certificate),
            _ => ("ssh-ed25519", KeyKind::Ed25519, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Item;
    use keys::{SIGNATURES, SignatureAlg};

    #[test]
    fn every_algorithm_is_an_item_of_users_and_of_hosts_unless_its_key_is_in_a_device() {
        let items = Item::all();
        // No peer has the composite type by its first name.
        let first_name = |row: &&SignatureAlg| row.plain.starts_with("ssh-mldsa") && row.plain.contains('@');
        for row in SIGNATURES.iter().filter(|row| !first_name(row)) {
            let named = || items.iter().filter(|item| item.name() == row.name);
            let hosts = named().filter(|item| matches!(item, Item::Host(..))).count();
            let (device, browser) = (row.plain.starts_with("sk-"), row.name.starts_with("webauthn-"));
            assert_eq!(hosts > 0, !device, "{}", row.name);
            assert_eq!(named().count() > hosts, !browser, "{}", row.name);
        }
        let mut labels: Vec<String> = items.iter().map(|item| item.label()).collect();
        let all = labels.len();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), all);
    }
}
