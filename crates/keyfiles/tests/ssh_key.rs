//! Signatures and `known_hosts` against the `ssh-key` crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use keys::{Identity, SignatureAlg};
use nacre_keyfiles::known_hosts::{Marker, Names, lines};
use nacre_keyfiles::sshsig::{MessageHash, SshSignature};
use proptest::prelude::*;
use ssh_key::known_hosts::{HostPatterns, KnownHosts};
use ssh_key::{HashAlg, LineEnding, SshSig};

mod common;
use common::{data, private};

proptest! {
    #[test]
    fn one_signs_what_the_other_verifies(
        message in proptest::collection::vec(any::<u8>(), 0..300),
        namespace in "[a-z]{1,9}",
        name in prop_oneof![Just("ed25519"), Just("other")],
        sha512 in any::<bool>(),
    ) {
        let (hash, theirs) = if sha512 {
            (MessageHash::Sha512, HashAlg::Sha512)
        } else {
            (MessageHash::Sha256, HashAlg::Sha256)
        };
        let key = private(name);
        let their_key = ssh_key::PrivateKey::from_openssh(data(&format!("keys/{name}"))).unwrap();

        let their_signature = their_key.sign(&namespace, theirs, &message).unwrap();
        let pem = their_signature.to_pem(LineEnding::LF).unwrap();
        let read = SshSignature::parse(pem.as_bytes()).unwrap();
        prop_assert_eq!(read.verify(namespace.as_bytes(), &message).unwrap().into_identity(), Identity::Key(key.public()));

        let algorithm = SignatureAlg::by_name("ssh-ed25519").unwrap();
        let shown = Identity::Key(key.public());
        let made = SshSignature::sign(&key, shown, algorithm, namespace.as_bytes(), hash, &message).unwrap();
        prop_assert_eq!(&made, &read, "Ed25519 has one signature of one message");
        let their_read = SshSig::from_pem(made.armored()).unwrap();
        prop_assert!(their_key.public_key().verify(&namespace, &message, &their_read).is_ok());
        prop_assert!(their_key.public_key().verify("other@", &message, &their_read).is_err());
    }
}

#[test]
fn lines_of_known_hosts_say_the_same_to_both() {
    for name in ["plain", "hashed"] {
        let file = String::from_utf8(data(&format!("known_hosts/{name}"))).unwrap();
        // Theirs knows neither indented lines nor tabs.
        let flat: Vec<String> = file.lines().map(|line| line.trim().replace('\t', " ")).collect();
        let flat = flat.join("\n");
        let theirs: Vec<_> = KnownHosts::new(&flat).map(Result::unwrap).collect();
        let ours: Vec<_> = lines(file.as_bytes()).filter_map(|(_, line)| line.unwrap()).collect();
        assert_eq!(ours.len(), theirs.len());
        for (our, their) in ours.iter().zip(&theirs) {
            assert_eq!(
                our.marker.map(Marker::word),
                their.marker().map(ssh_key::known_hosts::Marker::as_str)
            );
            assert_eq!(our.key.blob(), their.public_key().to_bytes().unwrap());
            match (&our.names, their.host_patterns()) {
                (
                    Names::Hashed { salt, hash },
                    HostPatterns::HashedName { salt: their_salt, hash: their_hash },
                ) => {
                    assert_eq!((&salt[..], hash), (&their_salt[..], their_hash));
                }
                (Names::Patterns { text, .. }, HostPatterns::Patterns(patterns)) => {
                    assert_eq!(*text, patterns.join(","));
                }
                (our, their) => panic!("{our:?} {their:?}"),
            }
        }
    }
}
