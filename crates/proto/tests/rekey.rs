//! Keys are replaced while everything goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Duration;

use connection::{ChannelRequest, Stream};
use nacre_proto::{ChannelQuestion, Config, ServerQuestion, Side};
use testkit::{Consume, Pair};
use transport::RekeyPolicy;

fn rekey<S: Side>(config: &mut Config<S>, policy: RekeyPolicy) {
    Arc::make_mut(&mut config.transport).rekey = policy;
}

fn by_bytes(bytes: u64) -> RekeyPolicy {
    RekeyPolicy { bytes: Some(bytes), ..RekeyPolicy::default() }
}

fn both(seed: u64, policy: RekeyPolicy) -> Pair {
    Pair::configured(seed, |config| rekey(config, policy), |config| rekey(config, policy))
}

fn null<S: Side>(config: &mut Config<S>, policy: RekeyPolicy) {
    Arc::make_mut(&mut config.transport).algorithms = transport::Algorithms::null();
    rekey(config, policy);
}

/// Runs to the end of all sessions, and fails as soon as bytes stop growing.
fn never_stalls(pair: &mut Pair) {
    let total = |pair: &Pair| -> u64 {
        let there: u64 =
            pair.client.app.sessions.values().map(|session| session.stdout + session.stderr).sum();
        there + pair.server.app.served.values().map(|served| served.received).sum::<u64>()
    };
    let mut moved = total(pair);
    let mut idle_turns = 0;
    while pair.client.app.sessions.values().any(|session| !session.closed) {
        let active = pair.turn();
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        let now = total(pair);
        idle_turns = if now > moved { 0 } else { idle_turns + 1 };
        moved = now;
        if !active {
            let next = pair.next_event().expect("nothing can happen any more, and it is not done");
            pair.clock.move_to(next);
        }
        // A key exchange takes a few turns of 4 KiB; a thousand is for ever.
        assert!(idle_turns < 1000, "no byte moved in {idle_turns} turns, after {moved} bytes");
    }
}

/// Exchanges that both sides have completed.
fn exchanges(pair: &Pair) -> u64 {
    let client = pair.client.connection.transport().exchanges();
    let server = pair.server.connection.transport().exchanges();
    // One side has the other's NEWKEYS a little earlier.
    assert!(client.abs_diff(server) <= 1, "{client} and {server}");
    client.min(server)
}

#[test]
fn twenty_megabytes_each_way_under_a_rekey_every_64_kib() {
    const BYTES: u64 = 20_000_000;
    let mut pair = both(1, by_bytes(64 * 1024));
    pair.log_in();
    let channel = pair.client.app.run(&mut pair.client.connection, "echo", BYTES);
    never_stalls(&mut pair);
    let session = &pair.client.app.sessions[&channel];
    assert_eq!((session.stdout, session.status), (BYTES, Some(0)));
    // A packet is at most half of 64 KiB, so there is one exchange for each 96 KiB at the very least.
    assert!(exchanges(&pair) > 2 * BYTES / (2 * 96 * 1024), "{} exchanges", exchanges(&pair));
}

#[test]
fn bulk_both_ways_through_tiny_links_and_windows_never_stalls() {
    for (seed, capacity, window, packet) in
        [(2, 4096, 2048, 512), (3, 4096, 100_000, 32 * 1024), (4, 100, 5000, 64), (5, 64 * 1024, 1000, 1000)]
    {
        let mut pair = both(seed, by_bytes(16 * 1024)).capacity(capacity).latency(Duration::from_millis(1));
        let grant = connection::Grant { window, max_packet: packet.max(64) };
        pair.client.app.grant = grant;
        pair.server.app.grant = Some(grant);
        pair.log_in();
        for (command, input) in
            [("echo", 200_000), ("source 200000", 0), ("stderr 200000", 0), ("sink", 200_000)]
        {
            pair.client.app.run(&mut pair.client.connection, command, input);
        }
        never_stalls(&mut pair);
        let sessions: Vec<_> = pair.client.app.sessions.values().collect();
        let moved: Vec<_> = sessions.iter().map(|session| session.stdout + session.stderr).collect();
        assert_eq!(moved, [200_000, 200_000, 200_000, 0], "capacity {capacity}, window {window}");
        assert!(sessions.iter().all(|session| session.status == Some(0)));
        let sunk = pair.server.app.served.values().filter(|served| served.received == 200_000).count();
        assert_eq!(sunk, 2);
        // Data of 400 KB each way, in packets of at most 32 KiB.
        assert!(exchanges(&pair) > 12, "{} exchanges", exchanges(&pair));
    }
}

#[test]
fn a_rekey_at_every_packet_still_makes_progress() {
    let policy = RekeyPolicy { packets: 1, ..RekeyPolicy::default() };
    let mut pair =
        Pair::configured(3, |config| null(config, policy), |config| null(config, policy)).capacity(4096);
    pair.log_in();
    pair.client.app.run(&mut pair.client.connection, "echo", 200_000);
    never_stalls(&mut pair);
    assert!(exchanges(&pair) > 6);
}

#[test]
fn a_slow_reader_does_not_stall_a_rekey() {
    let mut pair = both(6, by_bytes(32 * 1024)).capacity(8192);
    pair.client.app.consume = Consume::PerTurn(777);
    pair.server.app.consume = Consume::PerTurn(500);
    let grant = connection::Grant { window: 20_000, max_packet: 4096 };
    pair.client.app.grant = grant;
    pair.server.app.grant = Some(grant);
    pair.log_in();
    pair.client.app.run(&mut pair.client.connection, "echo", 300_000);
    never_stalls(&mut pair);
    assert!(exchanges(&pair) > 8, "{} exchanges", exchanges(&pair));
}

#[test]
fn both_sides_can_begin_at_once() {
    let mut pair = Pair::seeded(7).latency(Duration::from_millis(10));
    pair.log_in();
    let channel = pair.client.app.run(&mut pair.client.connection, "echo", 1_000_000);
    for _ in 0..5 {
        pair.client.connection.rekey();
        pair.server.connection.rekey();
        assert!(!pair.client.connection.transport().gate_open());
        assert!(!pair.server.connection.transport().gate_open());
        pair.advance(Duration::from_millis(100));
    }
    never_stalls(&mut pair);
    assert_eq!(pair.client.app.sessions[&channel].stdout, 1_000_000);
    assert_eq!(exchanges(&pair), 6, "two that begin at once are one exchange");
}

#[test]
fn keys_are_replaced_by_time_and_not_before_it() {
    let interval = Duration::from_secs(3600);
    let policy = RekeyPolicy { interval: Some(interval), ..RekeyPolicy::default() };
    for server in [false, true] {
        let mut pair = Pair::configured(
            8,
            |config| rekey(config, if server { RekeyPolicy::default() } else { policy }),
            |config| rekey(config, if server { policy } else { RekeyPolicy::default() }),
        );
        pair.log_in();
        pair.advance(interval - Duration::from_secs(1));
        assert_eq!(exchanges(&pair), 1);
        pair.advance(Duration::from_secs(2));
        assert_eq!(exchanges(&pair), 2);
        pair.advance(10 * interval);
        assert_eq!(exchanges(&pair), 12);
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

#[test]
fn keys_are_replaced_by_packets() {
    let policy = RekeyPolicy { packets: 100, ..RekeyPolicy::default() };
    let mut pair = both(9, policy);
    pair.client.app.packet = 100;
    pair.log_in();
    assert_eq!(pair.run("sink", 100_000).status, Some(0));
    assert!((9..=14).contains(&exchanges(&pair)), "{} exchanges for 1000 packets", exchanges(&pair));
}

#[test]
fn an_explicit_rekey_happens_once_and_keeps_the_session() {
    let mut pair = Pair::seeded(10);
    pair.log_in();
    let id = pair.client.connection.transport().session_id().unwrap().as_bytes().to_vec();
    pair.client.connection.rekey();
    pair.settle();
    assert_eq!(exchanges(&pair), 2);
    assert_eq!(pair.client.connection.transport().session_id().unwrap().as_bytes(), id);
    assert_eq!(pair.run("echo", 1000).stdout, 1000);
}

#[test]
fn a_rekey_before_the_login_waits_for_it() {
    let mut pair = Pair::seeded(11).latency(Duration::from_millis(10));
    pair.server.app.hook = Some(Box::new(|connection, question| {
        if let ServerQuestion::None { .. } = &question {
            connection.rekey();
            assert!(connection.transport().gate_open());
        }
        Some(question)
    }));
    pair.log_in();
    assert_eq!(pair.run("exit 3", 0).status, Some(3));
    assert_eq!(exchanges(&pair), 2);
}

#[test]
fn questions_stay_open_across_a_rekey_and_their_answers_wait_for_the_gate() {
    let mut pair = Pair::seeded(12).latency(Duration::from_millis(10));
    let held = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let hold = std::rc::Rc::clone(&held);
    pair.log_in();
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Channel(ChannelQuestion::Request {
            ticket,
            request: ChannelRequest::Env { .. },
            ..
        }) => {
            hold.borrow_mut().push(ticket);
            None
        }
        other => Some(other),
    }));
    pair.client.app.eof_after_input = false;
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.advance(Duration::from_millis(100));
    let name = wire::NulFree::new(b"LANG").unwrap();
    for tag in 1..=3 {
        let request = ChannelRequest::Env { name, value: name };
        pair.client.connection.request(channel, &request, true, tag).unwrap();
    }
    pair.advance(Duration::from_millis(100));
    assert_eq!(held.borrow().len(), 3);
    pair.server.connection.rekey();
    assert!(!pair.server.connection.transport().gate_open());
    // In the middle of the exchange, last question first.
    pair.turn();
    for ticket in held.borrow_mut().drain(..).rev() {
        pair.server.connection.answer(ticket, true).unwrap();
    }
    assert!(!pair.server.connection.transport().gate_open());
    pair.advance(Duration::from_millis(200));
    assert_eq!(exchanges(&pair), 2);
    assert_eq!(pair.client.app.replies[1..], [(1, true), (2, true), (3, true)]);
}

#[test]
fn an_exchange_that_never_ends_is_ended_by_its_deadline() {
    let mut pair = Pair::seeded(13);
    pair.log_in();
    pair.to_client.cut_after = Some(0);
    pair.client.connection.rekey();
    pair.advance(Duration::from_secs(119));
    assert_eq!(pair.client.error(), None);
    pair.advance(Duration::from_secs(2));
    let timed_out = nacre_proto::Error::Transport(transport::Error::TimedOut);
    assert_eq!(pair.client.error(), Some(&timed_out));
}

#[test]
fn no_data_goes_out_while_the_gate_is_closed() {
    let mut pair = Pair::seeded(14).latency(Duration::from_millis(10));
    pair.log_in();
    pair.client.app.eof_after_input = false;
    let channel = pair.client.app.run(&mut pair.client.connection, "sink", 0);
    pair.advance(Duration::from_millis(100));
    pair.client.connection.ready(channel, Stream::Data, true).unwrap();
    assert_eq!(pair.client.connection.sendable(), Some((channel, Stream::Data)));
    pair.client.connection.rekey();
    assert_eq!(pair.client.connection.sendable(), None);
    assert!(pair.client.connection.slot(channel, Stream::Data, 10).is_none());
    pair.advance(Duration::from_millis(100));
    // The application of the kit had nothing to send and has said so.
    pair.client.connection.ready(channel, Stream::Data, true).unwrap();
    assert_eq!(pair.client.connection.sendable(), Some((channel, Stream::Data)));
}

#[test]
fn a_policy_that_comes_with_the_login_holds_for_the_keys_in_use() {
    let mut pair = Pair::seeded(17);
    pair.log_in();
    assert_eq!(exchanges(&pair), 1);
    pair.server.connection.set_rekey_policy(by_bytes(64 * 1024));
    pair.client.app.run(&mut pair.client.connection, "echo", 1_000_000);
    never_stalls(&mut pair);
    assert!(exchanges(&pair) > 4, "{} exchanges", exchanges(&pair));
    // By time too, from when it was set.
    pair.settle();
    let before = exchanges(&pair);
    let hourly = RekeyPolicy { interval: Some(Duration::from_secs(3600)), ..RekeyPolicy::default() };
    pair.server.connection.set_rekey_policy(hourly);
    pair.advance(Duration::from_secs(3599));
    assert_eq!(exchanges(&pair), before);
    pair.advance(Duration::from_secs(2));
    assert_eq!(exchanges(&pair), before + 1);
}
