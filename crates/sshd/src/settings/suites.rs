//! The algorithms that a configuration may name, and those of them that we have.

use std::sync::LazyLock;

use config::algorithms::AlgorithmList;
use config::{Algorithms, Effective, Names};
use crypto::{CIPHERS, KEX, MACS, Status};
use keys::SIGNATURES;

/// MACs of OpenSSH 10 that we have no algorithm for: configurations that name them are good, as long as they name others too.
const READ_ONLY_MACS: &[&str] = &[
    "hmac-sha1-96",
    "hmac-md5",
    "hmac-md5-96",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
];

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

    /// Names of OpenSSH that are known and have no algorithm here.
    fn read_only(self) -> &'static [&'static str] {
        match self {
            Self::Macs => READ_ONLY_MACS,
            Self::Ciphers | Self::Kex | Self::Signatures => &[],
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
        known.extend(self.read_only());
        (default, known)
    }
}

/// The names of this build.
pub(super) fn algorithms() -> Algorithms {
    type Lists = [(Vec<&'static str>, Vec<&'static str>); 4];
    static LISTS: LazyLock<Lists> =
        LazyLock::new(|| [Suite::Ciphers, Suite::Macs, Suite::Kex, Suite::Signatures].map(Suite::names));
    static AUTHORITIES: LazyLock<(Vec<&'static str>, Vec<&'static str>)> = LazyLock::new(|| {
        let plain =
            |names: Vec<&'static str>| names.into_iter().filter(|name| !name.contains("-cert")).collect();
        let (default, known) = Suite::Signatures.names();
        (plain(default), plain(known))
    });
    let [ciphers, macs, kex, signatures] = &*LISTS;
    let names = |(default, known): &'static (Vec<_>, Vec<_>)| Names { default, known };
    Algorithms {
        ciphers: names(ciphers),
        macs: names(macs),
        kex: names(kex),
        host_keys: names(signatures),
        public_keys: names(signatures),
        authorities: names(&AUTHORITIES),
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
    fn what_a_server_offers_unasked_is_what_openssh_offers_but_macs_with_sha1() {
        let all = algorithms();
        assert_eq!(
            all.kex.default,
            [
                "mlkem768x25519-sha256",
                "sntrup761x25519-sha512",
                "sntrup761x25519-sha512@openssh.com",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
            ]
        );
        assert_eq!(
            all.ciphers.default,
            [
                "chacha20-poly1305@openssh.com",
                "aes128-gcm@openssh.com",
                "aes256-gcm@openssh.com",
                "aes128-ctr",
                "aes192-ctr",
                "aes256-ctr",
            ]
        );
        assert_eq!(
            all.macs.default,
            [
                "umac-64-etm@openssh.com",
                "umac-128-etm@openssh.com",
                "hmac-sha2-256-etm@openssh.com",
                "hmac-sha2-512-etm@openssh.com",
                "umac-64@openssh.com",
                "umac-128@openssh.com",
                "hmac-sha2-256",
                "hmac-sha2-512",
            ]
        );
    }

    #[test]
    fn what_is_weak_or_for_clients_is_known_and_not_offered_unasked() {
        let all = algorithms();
        for (names, some) in [
            (all.ciphers, "aes128-cbc"),
            (all.macs, "hmac-sha1-etm@openssh.com"),
            (all.macs, "hmac-md5-96-etm@openssh.com"),
            (all.kex, "diffie-hellman-group-exchange-sha256"),
            (all.kex, "diffie-hellman-group1-sha1"),
            (all.host_keys, "ssh-rsa"),
            (all.host_keys, "ssh-mldsa44-ed25519@openssh.com"),
        ] {
            assert!(names.known.contains(&some), "{some}");
            assert!(!names.default.contains(&some), "{some}");
        }
    }
}
