//! The initial key exchange between two machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Duration;

use common::{Data, Pair, Service, changed, config, host_key, null_config, payload};
use crypto::{CIPHERS, KEX, MACS, NULL_KEX};
use nacre_transport::{Ask, Closed, Config, Directions, Error, Misuse, Reason, Refusal};
use wire::{Bytes, Role};

const FIRST: [&str; 6] = [
    "Identified",
    "Agreed(mlkem768x25519-sha256, ssh-ed25519, chacha20-poly1305@openssh.com, -)",
    "HostKey(ssh-ed25519, rekey: false)",
    "KeysChanged { first: true }",
    "Extensions",
    "Sign(ssh-ed25519, rekey: false)",
];

#[test]
fn both_sides_see_the_events_of_one_exchange_and_the_same_session() {
    let mut pair = Pair::standard();
    pair.settle();
    assert_eq!(pair.client.events, [FIRST[0], FIRST[1], FIRST[2], FIRST[3], FIRST[4]]);
    assert_eq!(pair.server.events, [FIRST[0], FIRST[1], FIRST[5], FIRST[3], FIRST[4]]);
    let (client, server) = (&pair.client.machine, &pair.server.machine);
    assert_eq!(client.session_id().unwrap().as_bytes(), server.session_id().unwrap().as_bytes());
    assert_eq!(client.session_id().unwrap().as_bytes().len(), 32);
    assert!(client.strict_kex() && server.strict_kex());
    assert_eq!(client.peer_ident().unwrap().software(), "Test_1.0");
    let user_algorithms = config(Role::Server).server_sig_algs;
    let plain = user_algorithms.iter().filter(|row| !row.certificate).map(|row| row.name);
    let user_algorithms = plain.collect::<Vec<_>>().join(",");
    assert_eq!(client.peer_extensions().server_sig_algs.as_deref(), Some(user_algorithms.as_str()));
    assert!(client.peer_extensions().ping && client.peer_extensions().publickey_hostbound);
    assert!(server.peer_extensions().ext_info_in_auth && !server.peer_extensions().ping);
    assert_eq!(client.deadline(), None);
}

fn with(config: Config, kex: &'static crypto::KexAlg, cipher: &'static crypto::CipherAlg) -> Config {
    let mut config = config;
    config.algorithms.kex = vec![kex];
    config.algorithms.ciphers = Directions::both(vec![cipher]);
    config
}

fn exchange_data(mut pair: Pair, what: &str) {
    pair.settle();
    assert_eq!((&pair.client.error, &pair.server.error), (&None, &None), "{what}");
    // The shortest, all paddings, and one that is larger than a receive buffer starts with.
    for len in (0..70).chain([20_000]) {
        let data: Vec<u8> = (0..len).map(|n| n as u8).collect();
        assert!(pair.client.send_data(&data), "{what}");
        assert!(pair.server.send_data(&data), "{what}");
        pair.settle();
        let expected = payload(&Data { data: Bytes(&data) });
        assert_eq!(pair.client.payloads.pop().unwrap(), expected, "{what}");
        assert_eq!(pair.server.payloads.pop().unwrap(), expected, "{what}");
    }
}

#[test]
fn every_cipher_with_every_mac_and_every_method_carry_data_both_ways() {
    let plain = KEX.iter().find(|row| row.name == "curve25519-sha256").unwrap();
    let protections = CIPHERS.iter().flat_map(|cipher| {
        let macs = if cipher.aead { &MACS[..1] } else { MACS };
        macs.iter().map(move |mac| (cipher, mac))
    });
    let mut suites: Vec<_> = protections.clone().map(|(cipher, mac)| (plain, cipher, mac)).collect();
    // All with all would be thousands, and large groups take their time.
    suites.extend(KEX.iter().zip(protections.cycle()).map(|(kex, (cipher, mac))| (kex, cipher, mac)));
    for (kex, cipher, mac) in &suites {
        let both = |role| {
            let mut config = with(config(role), kex, cipher);
            config.algorithms.macs = Directions::both(vec![*mac]);
            config
        };
        let what = format!("{} {} {}", kex.name, cipher.name, mac.name);
        exchange_data(Pair::new(both(Role::Client), both(Role::Server)), &what);
    }
    assert!(suites.len() >= KEX.len() + 3 + 3 * MACS.len(), "{} combinations", suites.len());
}

#[test]
fn each_direction_can_have_its_own_cipher() {
    let both = |role| {
        let mut config = config(role);
        config.algorithms.ciphers =
            Directions { client_to_server: vec![&CIPHERS[1]], server_to_client: vec![&CIPHERS[5]] };
        config
    };
    exchange_data(Pair::new(both(Role::Client), both(Role::Server)), "gcm one way, ctr the other");
}

#[test]
fn the_null_suite_carries_data_in_the_clear() {
    exchange_data(Pair::new(null_config(Role::Client), null_config(Role::Server)), "null");
    let mut pair = Pair::new(null_config(Role::Client), null_config(Role::Server));
    pair.settle();
    pair.client.send_data(b"plain");
    assert!(pair.client.machine.transmit().windows(5).any(|window| window == b"plain"));
    // By value only: no table has it.
    assert!(KEX.iter().all(|row| row.name != NULL_KEX.name));
}

#[test]
fn one_byte_at_a_time_is_the_same_as_all_at_once() {
    for cipher in CIPHERS {
        let run = |chunk| {
            let mut pair = Pair::new(
                with(config(Role::Client), &KEX[1], cipher),
                with(config(Role::Server), &KEX[1], cipher),
            );
            pair.chunk = chunk;
            pair.client.send(&Service { name: Bytes(b"ssh-userauth") });
            pair.settle();
            for n in 0..20 {
                pair.client.send_data(&vec![n; usize::from(n) * 7]);
                pair.server.send_data(&vec![n; usize::from(n) * 5]);
            }
            pair.client.machine.disconnect(Reason::BY_APPLICATION, "done");
            pair.settle();
            assert_eq!(pair.server.error, Some(Error::Closed(Closed::Peer(Reason::BY_APPLICATION))));
            let Pair { client, server, .. } = pair;
            (client.events, client.payloads, server.events, server.payloads)
        };
        let whole = run(usize::MAX);
        assert_eq!(whole.3.len(), 21);
        assert_eq!(whole, run(1), "{}", cipher.name);
        assert_eq!(whole, run(17), "{}", cipher.name);
    }
}

#[test]
fn messages_that_are_sent_before_the_keys_wait_for_them_in_order() {
    let mut pair = Pair::standard();
    assert!(!pair.client.machine.gate_open());
    assert!(!pair.client.send_data(b"too early"));
    pair.client.send(&Service { name: Bytes(b"one") });
    pair.client.send(&Service { name: Bytes(b"two") });
    pair.settle();
    let expected: Vec<_> =
        [&b"one"[..], b"two"].into_iter().map(|name| payload(&Service { name: Bytes(name) })).collect();
    assert_eq!(pair.server.payloads, expected);
    assert!(pair.client.machine.gate_open());
}

#[test]
fn another_process_can_compute_the_hash_that_it_is_asked_to_sign() {
    let mut pair = Pair::standard();
    pair.settle();
    let Ask::Sign(request) = &pair.server.asked[0] else { panic!("no question for a signature") };
    let alg = request.kex.hash;
    assert_eq!(request.transcript.hash(alg).as_bytes(), request.hash.as_bytes());
    assert_eq!(request.hash.as_bytes(), pair.client.machine.session_id().unwrap().as_bytes());
    // By hand, as RFC 5656 §4 writes it, from the strings alone.
    let mut by_hand = Vec::new();
    let transcript = &request.transcript;
    for string in [
        &b"SSH-2.0-Test_1.0"[..],
        b"SSH-2.0-Test_1.0",
        &transcript.client_kexinit,
        &transcript.server_kexinit,
        &host_key().public().blob(),
        &transcript.client_public,
        &transcript.server_public,
    ] {
        by_hand.extend((string.len() as u32).to_be_bytes());
        by_hand.extend(string);
    }
    by_hand.extend(transcript.shared_secret.expose());
    assert_eq!(alg.digest(&by_hand).as_slice(), request.hash.as_bytes());
    assert_eq!((transcript.client_kexinit[0], transcript.server_kexinit[0]), (20, 20));
    assert!(!format!("{request:?}").contains("shared_secret"));
}

#[test]
fn a_host_key_that_is_refused_ends_the_connection_with_reason_9() {
    let mut pair = Pair::standard();
    pair.client.answers = false;
    pair.settle();
    assert!(pair.client.machine.awaits_answer());
    assert_eq!(pair.client.machine.session_id().map(|_| ()), None, "no keys without trust");
    let refused = Error::Refused(Refusal::HostKey);
    assert_eq!(pair.client.machine.host_key(pair.now, false), Err(refused.clone()));
    assert_eq!(pair.client.machine.host_key(pair.now, true), Err(refused.clone()));
    pair.settle();
    assert_eq!(pair.client.error, Some(refused));
    assert_eq!(pair.server.error, Some(Error::Closed(Closed::Peer(Reason::HOST_KEY_NOT_VERIFIABLE))));
}

#[test]
fn a_signature_that_is_not_made_ends_the_connection_with_reason_3() {
    let mut pair = Pair::standard();
    pair.server.answers = false;
    pair.settle();
    assert!(pair.server.machine.awaits_answer());
    assert_eq!(pair.server.machine.signed(pair.now, None), Err(Error::Refused(Refusal::Signature)));
    pair.settle();
    assert_eq!(pair.client.error, Some(Error::Closed(Closed::Peer(Reason::KEY_EXCHANGE_FAILED))));
    assert_eq!(pair.server.machine.transmit(), b"");
}

#[test]
fn a_signature_of_another_algorithm_is_our_mistake_and_can_be_mended() {
    let mut pair = Pair::standard();
    pair.server.answers = false;
    pair.settle();
    let wrong = common::null_signature();
    assert_eq!(
        pair.server.machine.signed(pair.now, Some(&wrong)),
        Err(Error::Misuse(Misuse::WrongSignature))
    );
    let ask = pair.server.asked.pop().unwrap();
    pair.server.answer(&ask, pair.now).unwrap();
    pair.settle();
    assert_eq!(pair.client.machine.exchanges(), 1);
}

#[test]
fn a_signature_by_another_key_is_refused_before_anybody_is_asked() {
    let mut pair = Pair::standard();
    pair.server.answers = false;
    pair.settle();
    let Ask::Sign(request) = pair.server.asked.pop().unwrap() else { panic!("no question") };
    let other = keys::PrivateKey::from_seed(&[8; 32]);
    let signature = other.sign(request.algorithm, request.hash.as_bytes()).unwrap();
    pair.server.machine.signed(pair.now, Some(&signature)).unwrap();
    pair.settle();
    assert_eq!(pair.client.error, Some(Error::BadSignature(keys::VerifyError::BadSignature)));
    assert!(pair.client.asked.is_empty());
    assert_eq!(pair.server.error, Some(Error::Closed(Closed::Peer(Reason::KEY_EXCHANGE_FAILED))));
}

#[test]
fn an_answer_that_nobody_asked_for_is_misuse_and_changes_nothing() {
    let mut pair = Pair::standard();
    let misuse = Err(Error::Misuse(Misuse::NotAsked));
    assert_eq!(pair.client.machine.host_key(pair.now, true), misuse);
    assert_eq!(pair.server.machine.signed(pair.now, None), misuse);
    pair.client.answers = false;
    pair.settle();
    // The client is asked for trust, not for a signature.
    assert_eq!(pair.client.machine.signed(pair.now, None), misuse);
    pair.client.machine.host_key(pair.now, true).unwrap();
    pair.settle();
    assert_eq!(pair.client.machine.exchanges(), 1);
}

#[test]
fn an_exchange_that_takes_too_long_is_ended_whoever_is_waited_for() {
    // For the peer's first byte.
    let mut pair = Pair::standard();
    let limit = Duration::from_secs(nacre_transport::limits::EXCHANGE_SECONDS);
    assert_eq!(pair.client.machine.deadline(), Some(pair.now + limit));
    pair.advance(limit - Duration::from_nanos(1));
    assert_eq!(pair.client.error, None);
    pair.advance(Duration::from_nanos(1));
    assert_eq!(pair.client.error, Some(Error::TimedOut));
    assert_eq!(pair.client.machine.deadline(), None);
    // For an answer: it is then "no".
    let mut pair = Pair::standard();
    pair.client.answers = false;
    pair.settle();
    pair.advance(limit);
    assert_eq!(pair.client.error, Some(Error::TimedOut));
    assert_eq!(pair.client.machine.host_key(pair.now, true), Err(Error::TimedOut));
    assert_eq!(pair.client.machine.exchanges(), 0);
}

#[test]
fn a_changed_byte_anywhere_under_the_keys_is_forged() {
    for cipher in CIPHERS {
        let both = |role| with(config(role), &KEX[1], cipher);
        let mut pair = Pair::authenticated(both(Role::Client), both(Role::Server));
        pair.client.send_data(b"transfer 10 to alice");
        let mut bytes = pair.client.take(usize::MAX);
        // Behind the first block, so that the length stays what it was.
        let at = bytes.len() - 3;
        bytes[at] ^= 1;
        pair.server.feed(&bytes);
        pair.server.process(pair.now);
        assert_eq!(pair.server.error, Some(Error::Forged), "{}", cipher.name);
        assert!(pair.server.payloads.is_empty());
        pair.settle();
        assert_eq!(pair.client.error, Some(Error::Closed(Closed::Peer(Reason::MAC_ERROR))));
    }
}

#[test]
fn a_bad_length_looks_to_the_peer_like_a_forged_packet() {
    let mut pair = Pair::standard();
    pair.settle();
    pair.server.feed(&[0xff; 64]);
    pair.server.process(pair.now);
    assert!(matches!(pair.server.error, Some(Error::BadPacketLength { .. })));
    pair.settle();
    assert_eq!(pair.client.error, Some(Error::Closed(Closed::Peer(Reason::MAC_ERROR))));
}

#[test]
fn configurations_that_cannot_work_are_refused_at_the_start() {
    use nacre_transport::Transport;
    let new = |config: Config| {
        let rng = Box::new(crypto::SeededRng::new(0));
        Transport::new(config.into(), rng, std::time::Instant::now()).map(|_| ()).unwrap_err()
    };
    let with_keys = |host_keys| changed(config(Role::Server), |config| config.host_keys = host_keys);
    assert_eq!(new(with_keys(Vec::new())), Misuse::NoHostKey);
    assert_eq!(new(with_keys(vec![b"\0\0\0\x07ssh-dss".to_vec()])), Misuse::NoHostKey);
    assert_eq!(new(with_keys(vec![b"junk".to_vec()])), Misuse::BadHostKey);
    let none = changed(config(Role::Client), |config| config.algorithms.ciphers.server_to_client.clear());
    assert_eq!(new(none), Misuse::NoAlgorithms);
}
