//! Every algorithm, alone and with every other one: login, data both ways, rekey.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Duration;

use crypto::{CIPHERS, CipherAlg, KEX, KexAlg, MACS, MacAlg};
use nacre_proto::{Config, Side};
use testkit::Pair;
use transport::{Algorithms, Directions};

const BYTES: u64 = 300_000;

fn choose<S: Side>(
    config: &mut Config<S>,
    kex: &'static KexAlg,
    cipher: &'static CipherAlg,
    mac: &'static MacAlg,
) {
    let algorithms = &mut Arc::make_mut(&mut config.transport).algorithms;
    algorithms.kex = vec![kex];
    algorithms.ciphers = Directions::both(vec![cipher]);
    algorithms.macs = Directions::both(vec![mac]);
}

/// Logs in, moves data both ways, changes keys from each side, and moves data again.
fn works(mut pair: Pair) -> Pair {
    pair.log_in();
    assert_eq!(pair.run("echo", BYTES).stdout, BYTES);
    pair.client.connection.rekey();
    pair.settle();
    pair.server.connection.rekey();
    pair.settle();
    assert_eq!(pair.client.connection.transport().exchanges(), 3);
    assert_eq!(pair.server.connection.transport().exchanges(), 3);
    assert_eq!(pair.run("echo", BYTES).stdout, BYTES);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    pair
}

#[test]
fn every_cipher_works_with_every_mac_and_every_key_exchange_with_some_of_them() {
    let plain = KEX.iter().find(|row| row.name == "curve25519-sha256").expect("in the table");
    let pairs = CIPHERS.iter().flat_map(|cipher| MACS.iter().map(move |mac| (cipher, mac)));
    let mut suites: Vec<_> = pairs.clone().map(|(cipher, mac)| (plain, cipher, mac)).collect();
    // All with all would be thousands, and large groups take their time.
    suites.extend(KEX.iter().zip(pairs.cycle()).map(|(kex, (cipher, mac))| (kex, cipher, mac)));
    for (tried, (kex, cipher, mac)) in (0..).zip(&suites) {
        let pair = works(Pair::configured(
            100 + tried,
            |config| choose(config, kex, cipher, mac),
            |config| choose(config, kex, cipher, mac),
        ));
        let agreed = pair.client.connection.transport().agreed().expect("keys");
        let sent = &agreed.protection.client_to_server;
        assert_eq!((agreed.kex.name, sent.cipher.name), (kex.name, cipher.name));
        // An AEAD has no MAC beside it, whatever is listed.
        assert!(sent.mac.is_none_or(|used| used.name == mac.name), "{} {}", cipher.name, mac.name);
    }
    assert_eq!(suites.len(), KEX.len() + CIPHERS.len() * MACS.len());
    assert!(suites.len() >= 3 + 6 * 4, "the tables have rows: {}", suites.len());
}

#[test]
fn each_direction_can_have_algorithms_of_its_own() {
    let row = |name: &str| CIPHERS.iter().find(|row| row.name == name).expect("in the table");
    let ciphers = Directions {
        client_to_server: vec![row("chacha20-poly1305@openssh.com")],
        server_to_client: vec![row("aes256-ctr")],
    };
    let here = ciphers.clone();
    let pair = works(Pair::configured(
        7,
        |config| Arc::make_mut(&mut config.transport).algorithms.ciphers = here,
        |config| Arc::make_mut(&mut config.transport).algorithms.ciphers = ciphers,
    ));
    let agreed = *pair.server.connection.transport().agreed().expect("keys");
    assert_eq!(agreed.protection.client_to_server.cipher.name, "chacha20-poly1305@openssh.com");
    assert_eq!(agreed.protection.server_to_client.cipher.name, "aes256-ctr");
    assert!(agreed.protection.client_to_server.mac.is_none());
    assert!(agreed.protection.server_to_client.mac.is_some());
}

#[test]
fn the_null_suite_works_too() {
    works(Pair::null(8));
}

#[test]
fn it_works_with_peers_that_know_neither_strict_kex_nor_extensions() {
    for (strict, extensions) in [(false, true), (true, false), (false, false)] {
        let pair = works(Pair::configured(
            9,
            |config| {
                let transport = Arc::make_mut(&mut config.transport);
                if !strict {
                    *transport = transport.clone().without_strict_kex();
                }
                if !extensions {
                    *transport = transport.clone().without_ext_info();
                }
            },
            |_| {},
        ));
        assert_eq!(pair.server.connection.transport().strict_kex(), strict);
        assert_eq!(pair.client.connection.transport().peer_extensions().ping, extensions);
    }
}

#[test]
fn without_anything_in_common_both_sides_end() {
    let row = |name: &str| vec![CIPHERS.iter().find(|row| row.name == name).expect("in the table")];
    let mut pair = Pair::configured(
        10,
        |config| {
            let ciphers = Directions::both(row("aes128-ctr"));
            Arc::make_mut(&mut config.transport).algorithms.ciphers = ciphers;
        },
        |config| {
            let ciphers = Directions::both(row("aes256-ctr"));
            Arc::make_mut(&mut config.transport).algorithms.ciphers = ciphers;
        },
    );
    pair.advance(Duration::from_secs(1));
    for error in [pair.client.error(), pair.server.error()] {
        let fault = error.expect("nothing in common").fault();
        assert!(matches!(fault, nacre_proto::Fault::NoCommon | nacre_proto::Fault::Closed), "{fault:?}");
    }
}

#[test]
fn the_null_suite_is_in_no_default_list() {
    for role in [wire::Role::Client, wire::Role::Server] {
        let algorithms = Algorithms::default_for(role);
        assert!(algorithms.kex.iter().all(|row| row.name != crypto::NULL_KEX.name));
        assert!(algorithms.host_keys.iter().all(|row| row.name != keys::NULL_SIGNATURE.name));
        let ciphers = algorithms.ciphers;
        assert!(ciphers.client_to_server.iter().all(|row| row.name != crypto::NULL_CIPHER.name));
        assert!(ciphers.server_to_client.iter().all(|row| row.name != crypto::NULL_CIPHER.name));
    }
}
