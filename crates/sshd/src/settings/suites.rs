//! The algorithms that a configuration may name, and those of them that we have.

use std::sync::LazyLock;

use config::algorithms::AlgorithmList;
use config::{Algorithms, Effective, Names};
use crypto::{CIPHERS, KEX, MACS, Status};
use keys::SIGNATURES;

/// Names of OpenSSH 10 that we have no algorithm for: configurations that name them are good, as long as they name others too.
mod read_only {
    pub(super) const CIPHERS: &[&str] =
        &["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr"];

    pub(super) const MACS: &[&str] = &[
        "hmac-sha1",
        "hmac-sha1-96",
        "hmac-md5",
        "hmac-md5-96",
        "umac-64@openssh.com",
        "umac-128@openssh.com",
        "hmac-sha1-etm@openssh.com",
        "hmac-sha1-96-etm@openssh.com",
        "hmac-md5-etm@openssh.com",
        "hmac-md5-96-etm@openssh.com",
        "umac-64-etm@openssh.com",
        "umac-128-etm@openssh.com",
    ];

    pub(super) const KEX: &[&str] = &[
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group-exchange-sha256",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "mlkem768nistp256-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
    ];

    pub(super) const SIGNATURES: &[&str] = &[
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "ssh-mldsa44-ed25519",
        "ssh-mldsa44-ed25519-cert",
        "ssh-mldsa44-ed25519@openssh.com",
        "ssh-mldsa44-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ssh-rsa",
        "ssh-rsa-cert-v01@openssh.com",
        "rsa-sha2-256",
        "rsa-sha2-256-cert-v01@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-512-cert-v01@openssh.com",
    ];
}

/// What a keyword chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    Ciphers,
    Macs,
    Kex,
    /// Signature algorithms: of host keys, and of users' keys.
    Signatures,
}

impl Suite {
    /// The names that we have algorithms for, with how they stand.
    fn rows(self) -> Vec<(&'static str, Status)> {
        match self {
            Self::Ciphers => CIPHERS.iter().map(|row| (row.name, row.status)).collect(),
            Self::Macs => MACS.iter().map(|row| (row.name, row.status)).collect(),
            Self::Kex => KEX.iter().map(|row| (row.name, row.status)).collect(),
            Self::Signatures => SIGNATURES.iter().map(|row| (row.name, row.status)).collect(),
        }
    }

    fn read_only(self) -> &'static [&'static str] {
        match self {
            Self::Ciphers => read_only::CIPHERS,
            Self::Macs => read_only::MACS,
            Self::Kex => read_only::KEX,
            Self::Signatures => read_only::SIGNATURES,
        }
    }

    /// The names of a list that we have algorithms for, in its order: what is negotiated.
    pub(crate) fn usable(self, list: &AlgorithmList) -> Vec<&'static str> {
        let rows = self.rows();
        list.0.iter().copied().filter(|name| rows.iter().any(|(known, _)| known == name)).collect()
    }

    /// Whether nobody could connect without any. MACs are for ciphers that bring none of their own.
    pub(super) fn needs_some(self, global: &Effective) -> bool {
        match self {
            Self::Ciphers | Self::Kex | Self::Signatures => true,
            Self::Macs => {
                let ciphers = Self::Ciphers.usable(&global.ciphers);
                let wants = |name: &&str| name.ends_with("-ctr") || name.ends_with("-cbc");
                ciphers.iter().all(wants)
            }
        }
    }

    fn names(self) -> (Vec<&'static str>, Vec<&'static str>) {
        let rows = self.rows();
        let is_default = |(_, status): &&(_, Status)| *status == Status::Default;
        let default = rows.iter().filter(is_default).map(|(name, _)| *name).collect();
        let mut known: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
        let others = self.read_only().iter().copied().filter(|name| !rows.iter().any(|(row, _)| row == name));
        known.extend(others);
        (default, known)
    }
}

/// The names of this build.
pub(super) fn algorithms() -> Algorithms {
    type Lists = [(Vec<&'static str>, Vec<&'static str>); 4];
    static LISTS: LazyLock<Lists> =
        LazyLock::new(|| [Suite::Ciphers, Suite::Macs, Suite::Kex, Suite::Signatures].map(Suite::names));
    let [ciphers, macs, kex, signatures] = &*LISTS;
    let names = |(default, known): &'static (Vec<_>, Vec<_>)| Names { default, known };
    Algorithms {
        ciphers: names(ciphers),
        macs: names(macs),
        kex: names(kex),
        host_keys: names(signatures),
        public_keys: names(signatures),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_rows_that_say_so_and_every_name_is_known_once() {
        let all = algorithms();
        for (names, suite) in [
            (all.ciphers, Suite::Ciphers),
            (all.macs, Suite::Macs),
            (all.kex, Suite::Kex),
            (all.public_keys, Suite::Signatures),
        ] {
            assert!(!names.default.is_empty());
            assert!(names.default.iter().all(|name| names.known.contains(name)));
            let mut unique = names.known.to_vec();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), names.known.len());
            assert_eq!(suite.usable(&AlgorithmList(names.default.to_vec())), names.default);
        }
    }

    #[test]
    fn every_name_of_openssh_10_6_is_known() {
        let all = algorithms();
        for (names, some) in [
            (all.ciphers, "aes128-cbc"),
            (all.macs, "umac-64-etm@openssh.com"),
            (all.kex, "diffie-hellman-group-exchange-sha256"),
            (all.host_keys, "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"),
        ] {
            assert!(names.known.contains(&some), "{some}");
            assert!(!names.default.contains(&some), "{some}");
        }
    }
}
