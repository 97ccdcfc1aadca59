//! Delayed compression under everything that a connection does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Duration;

use crypto::{COMPRESSIONS, CompressionAlg};
use nacre_proto::{Config, Side};
use testkit::{Consume, Pair};
use transport::{Directions, RekeyPolicy};

fn row(name: &str) -> &'static CompressionAlg {
    COMPRESSIONS.iter().find(|row| row.name == name).expect("in the table")
}

/// What the client compresses, what the server compresses, and after how many bytes keys are replaced.
fn choose<S: Side>(config: &mut Config<S>, up: bool, down: bool, rekey: u64) {
    let transport = Arc::make_mut(&mut config.transport);
    let of = |compressed| vec![row(if compressed { "zlib@openssh.com" } else { "none" })];
    transport.algorithms.compressions = Directions { client_to_server: of(up), server_to_client: of(down) };
    transport.rekey = RekeyPolicy { bytes: Some(rekey), ..RekeyPolicy::default() };
}

fn pair(seed: u64, up: bool, down: bool, rekey: u64) -> Pair {
    Pair::configured(seed, |config| choose(config, up, down, rekey), |config| choose(config, up, down, rekey))
}

const SOME: [(bool, bool); 3] = [(true, true), (true, false), (false, true)];

#[test]
fn a_session_works_whichever_direction_is_compressed() {
    for (seed, (up, down)) in (1..).zip(SOME) {
        let mut pair = pair(seed, up, down, 1 << 30);
        pair.log_in();
        let agreed = *pair.server.connection.transport().agreed().expect("keys");
        assert_eq!(agreed.protection.client_to_server.compression.name == "none", !up);
        assert_eq!(agreed.protection.server_to_client.compression.name == "none", !down);
        for _ in 0..3 {
            assert_eq!(pair.run("echo", 1_000_000).stdout, 1_000_000);
            pair.client.release();
            pair.server.release();
        }
        assert_eq!(pair.run("exit 7", 0).status, Some(7));
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

#[test]
fn data_both_ways_under_a_rekey_every_few_kilobytes_loses_nothing() {
    for (seed, (up, down)) in (11..).zip(SOME) {
        for (capacity, grant) in [(1 << 20, None), (4096, Some((20_000, 3000)))] {
            let mut pair = pair(seed, up, down, 4 * 1024).capacity(capacity);
            if let Some((window, max_packet)) = grant {
                let grant = connection::Grant { window, max_packet };
                pair.client.app.grant = grant;
                pair.server.app.grant = Some(grant);
            }
            pair.log_in();
            let channels = ["echo", "echo", "stderr 300000"]
                .map(|command| pair.client.app.run(&mut pair.client.connection, command, 300_000));
            pair.settle();
            let sessions = channels.map(|channel| &pair.client.app.sessions[&channel]);
            let moved = sessions.map(|session| session.stdout + session.stderr);
            assert_eq!(moved, [300_000; 3], "{up} {down} {capacity}");
            assert!(sessions.iter().all(|session| session.status == Some(0)));
            assert_eq!((pair.client.error(), pair.server.error()), (None, None));
            let exchanges = pair.client.connection.transport().exchanges();
            assert!(exchanges > 2, "{exchanges} exchanges");
        }
    }
}

#[test]
fn one_byte_at_a_time_is_enough() {
    let mut pair = pair(21, true, true, 4096).capacity(1);
    pair.log_in();
    assert_eq!(pair.run("echo", 3000).stdout, 3000);
    pair.client.connection.rekey();
    pair.settle();
    assert_eq!(pair.run("echo", 3000).stdout, 3000);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
}

#[test]
fn slow_readers_and_far_links_do_not_stall_it() {
    let mut pair = pair(31, true, true, 32 * 1024).capacity(8192).latency(Duration::from_millis(5));
    pair.client.app.consume = Consume::PerTurn(7777);
    pair.server.app.consume = Consume::PerTurn(5000);
    pair.log_in();
    assert_eq!(pair.run("echo", 400_000).stdout, 400_000);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
}

#[test]
fn what_the_server_says_right_behind_the_login_is_understood() {
    // A rekey that was wanted before the login begins in the same breath as it ends.
    let mut pair = pair(41, true, true, 1 << 30).latency(Duration::from_millis(10));
    pair.server.app.hook = Some(Box::new(|connection, question| {
        connection.rekey();
        Some(question)
    }));
    pair.log_in();
    pair.server.app.hook = None;
    assert_eq!(pair.run("exit 3", 0).status, Some(3));
    assert!(pair.server.connection.transport().exchanges() >= 2);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
}
