//! Handshakes with bytes changed on their way: no panic, no keys by accident, and one error for good.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Pair, config, null_config};
use crypto::{Rng, SeededRng};
use wire::Role;

fn random(rng: &mut SeededRng, below: usize) -> usize {
    let mut bytes = [0; 4];
    rng.fill(&mut bytes).unwrap();
    u32::from_be_bytes(bytes) as usize % below
}

/// Runs a handshake in which one byte of one turn is changed.
fn mutated(mut pair: Pair, rng: &mut SeededRng) -> Pair {
    let turn = random(rng, 8);
    for n in 0..20 {
        let up = n % 2 == 0;
        let mut bytes = if up { pair.client.take(usize::MAX) } else { pair.server.take(usize::MAX) };
        if n == turn && !bytes.is_empty() {
            let at = random(rng, bytes.len());
            bytes[at] ^= 1 << random(rng, 8);
        }
        let to = if up { &mut pair.server } else { &mut pair.client };
        to.feed(&bytes);
        to.process(pair.now);
    }
    pair
}

#[test]
fn under_the_null_suite_any_change_ends_in_an_error_or_in_an_exchange_on_both_sides() {
    let mut rng = SeededRng::new(11);
    let mut failures = 0;
    for _ in 0..3000 {
        let mut pair = mutated(Pair::new(null_config(Role::Client), null_config(Role::Server)), &mut rng);
        for party in [&mut pair.client, &mut pair.server] {
            assert!(
                party.payloads.is_empty() || party.machine.exchanges() == 1,
                "nothing goes up before the keys"
            );
            if let Some(error) = party.error.clone() {
                assert_eq!(party.machine.process(pair.now, &mut party.rx).unwrap_err(), error);
                failures += 1;
            }
        }
    }
    assert!(failures > 1000, "{failures} machines failed");
}

#[test]
fn with_real_keys_no_change_of_the_handshake_goes_unnoticed() {
    let mut rng = SeededRng::new(12);
    let (mut noticed, mut harmless) = (0, 0);
    for round in 0..300 {
        let mut pair = mutated(Pair::new(config(Role::Client), config(Role::Server)), &mut rng);
        let (client, server) = (&pair.client, &pair.server);
        let failed = client.error.is_some() || server.error.is_some();
        let waits = client.machine.exchanges() == 0 || server.machine.exchanges() == 0;
        if failed || waits {
            // Whoever waits for bytes that a changed length promised has a deadline.
            assert!(failed || client.machine.deadline().is_some() || server.machine.deadline().is_some());
            assert!(client.payloads.is_empty() && server.payloads.is_empty());
            noticed += 1;
        } else {
            // The change met a turn without bytes, or the padding of a packet before the keys.
            let session = |party: &common::Party| party.machine.session_id().unwrap().as_bytes().to_vec();
            assert_eq!(session(client), session(server), "{round}");
            assert!(pair.client.send_data(b"x"));
            pair.settle();
            assert_eq!(pair.server.payloads.len(), 1);
            harmless += 1;
        }
    }
    assert!(noticed > 100 && harmless > 0, "{noticed} noticed, {harmless} harmless");
}
