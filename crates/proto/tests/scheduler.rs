//! Whose data goes first, and how far it may be ahead of the socket.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use connection::limits::{BULK_TURN, INTERACTIVE_BURST, INTERACTIVE_RUN};
use connection::{Grant, LocalId, Priority, Stream};
use nacre_proto::Server;
use testkit::{Driven, Pair};
use transport::limits::SEALED_AHEAD;

const PACKET: usize = 32 * 1024;

/// A server with so many open channels, all of which have data without end, and whose wire takes nothing.
fn saturated(seed: u64, channels: usize) -> (Pair, Vec<LocalId>) {
    let mut pair = Pair::null(seed);
    pair.client.app.grant = Grant { window: 1 << 30, max_packet: 32 * 1024 };
    pair.log_in();
    pair.client.app.eof_after_input = false;
    for _ in 0..channels {
        pair.client.app.run(&mut pair.client.connection, "hold", 0);
    }
    pair.settle();
    let served: Vec<LocalId> = pair.server.app.served.keys().copied().collect();
    assert_eq!(served.len(), channels);
    for channel in &served {
        pair.server.connection.ready(*channel, Stream::Data, true).unwrap();
    }
    (pair, served)
}

/// Sends a packet of whoever is first, and says who that was.
fn send(connection: &mut Driven<Server>, most: usize) -> Option<(LocalId, usize)> {
    let (channel, stream) = connection.sendable()?;
    let mut slot = connection.slot(channel, stream, most)?;
    let n = slot.room().len().min(most);
    slot.commit(n).unwrap();
    Some((channel, n))
}

/// What waits is sent to nobody.
fn drain(connection: &mut Driven<Server>) -> usize {
    let n = connection.transmit().len();
    connection.sent(n);
    n
}

#[test]
fn a_keystroke_goes_out_before_any_further_bulk_packet() {
    let (mut pair, served) = saturated(94, 21);
    let interactive = served[13];
    let server = &mut pair.server.connection;
    server.ready(interactive, Stream::Data, false).unwrap();
    server.set_priority(interactive, Priority::Interactive).unwrap();
    for round in 0..100 {
        // The bulk channels fill what may be sealed.
        while let Some((channel, _)) = send(server, PACKET) {
            assert_ne!(channel, interactive);
        }
        server.ready(interactive, Stream::Data, true).unwrap();
        // As soon as there is room at all, it is the keystroke's.
        server.sent(PACKET + 1000);
        assert_eq!(send(server, 1), Some((interactive, 1)), "round {round}");
        server.ready(interactive, Stream::Data, false).unwrap();
        assert_ne!(send(server, PACKET).map(|(channel, _)| channel), Some(interactive));
        drain(server);
    }
}

#[test]
fn bulk_channels_share_the_wire_in_turns() {
    let (mut pair, served) = saturated(95, 20);
    let server = &mut pair.server.connection;
    let mut sent: BTreeMap<LocalId, u64> = BTreeMap::new();
    let mut total = 0;
    let turn = u64::from(BULK_TURN);
    while total < 20 * 10 * turn {
        while let Some((channel, n)) = send(server, PACKET) {
            *sent.entry(channel).or_default() += n as u64;
            total += n as u64;
            let (least, most) = (served.iter().map(|id| sent.get(id).copied().unwrap_or(0)), sent.values());
            let apart = most.max().unwrap() - least.min().unwrap();
            assert!(apart <= turn + PACKET as u64, "{apart} bytes between the first and the last");
        }
        assert!(drain(server) > 0);
    }
    assert_eq!(sent.len(), 20);
}

/// A wire on which time is bytes: a loop seals a turn's worth, then the wire takes it.
#[test]
fn a_typist_waits_for_two_turns_at_most_and_twenty_bulk_channels_for_each_other_alike() {
    const TURN: usize = 64 * 1024;
    let (mut pair, served) = saturated(101, 21);
    let (typist, bulk) = served.split_first().unwrap();
    let server = &mut pair.server.connection;
    server.ready(*typist, Stream::Data, false).unwrap();
    server.set_priority(*typist, Priority::Interactive).unwrap();
    let mut sent: BTreeMap<LocalId, u64> = BTreeMap::new();
    // Bytes that the wire has taken; when the next keystroke comes, and when one came that is not echoed yet.
    let (mut time, mut next, mut pressed, mut echoes) = (0_usize, 0_usize, None, 0_u32);
    while echoes < 2000 {
        // One that comes in the middle of a turn is seen in the next one.
        if pressed.is_none() && next <= time {
            pressed = Some(next);
            server.ready(*typist, Stream::Data, true).unwrap();
        }
        let mut sealed = 0;
        while sealed < TURN {
            let most = if pressed.is_some() { 3 } else { PACKET };
            let (channel, n) = send(server, most).unwrap();
            sealed += n;
            if channel != *typist {
                *sent.entry(channel).or_default() += n as u64;
                continue;
            }
            let waited = time + server.transmit().len() - pressed.take().unwrap();
            assert!(waited <= 2 * (TURN + PACKET), "echo {echoes} waited for {waited} bytes");
            server.ready(*typist, Stream::Data, false).unwrap();
            echoes += 1;
            // Any distance to the turns, and none that goes with them.
            next = time + 50_000 + echoes as usize * 7919 % 300_000;
        }
        time += drain(server);
        let (least, most) = (bulk.iter().map(|id| sent.get(id).copied().unwrap_or(0)), sent.values());
        let apart = most.max().unwrap() - least.min().unwrap();
        assert!(
            apart <= u64::from(BULK_TURN) + PACKET as u64,
            "{apart} bytes between the first and the last"
        );
    }
}

#[test]
fn no_more_is_sealed_ahead_of_the_socket_than_the_limit() {
    for limit in [SEALED_AHEAD, 100_000, 1] {
        let mut pair = Pair::configured(
            96,
            |_| {},
            |config| Arc::make_mut(&mut config.transport).limits.sealed_ahead = limit,
        );
        pair.client.app.grant = Grant { window: 1 << 30, max_packet: 32 * 1024 };
        pair.log_in();
        pair.client.app.run(&mut pair.client.connection, "source 100000000", 0);
        for _ in 0..10 {
            pair.turn();
        }
        assert!(pair.client.app.sessions.values().next().unwrap().stdout > 0);
        pair.to_client.capacity = 0;
        for _ in 0..100 {
            pair.turn();
            let ahead = pair.server.connection.transmit().len();
            // One packet passes in any case, and the two replies before it are no data.
            assert!(ahead <= limit.max(PACKET + 200) + 200, "{ahead} bytes ahead with {limit} allowed");
        }
        assert!(pair.server.connection.transmit().len() + PACKET > limit.min(SEALED_AHEAD));
    }
}

#[test]
fn an_interactive_channel_that_never_runs_dry_is_no_better_than_bulk() {
    let (mut pair, served) = saturated(97, 2);
    let server = &mut pair.server.connection;
    server.set_priority(served[0], Priority::Interactive).unwrap();
    let mut sent: BTreeMap<LocalId, u64> = BTreeMap::new();
    for _ in 0..100 {
        while let Some((channel, n)) = send(server, PACKET) {
            *sent.entry(channel).or_default() += n as u64;
        }
        drain(server);
    }
    let (first, second) = (sent[&served[0]], sent[&served[1]]);
    assert!(first.abs_diff(second) <= u64::from(INTERACTIVE_BURST + BULK_TURN), "{first} and {second}");
}

#[test]
fn many_interactive_channels_do_not_starve_bulk() {
    let (mut pair, served) = saturated(98, 30);
    let server = &mut pair.server.connection;
    let bulk = served[0];
    for channel in &served[1..] {
        server.set_priority(*channel, Priority::Interactive).unwrap();
    }
    let (mut since, mut passed) = (0_usize, 0);
    for _ in 0..2000 {
        while let Some((channel, n)) = send(server, 1000) {
            since = if channel == bulk { 0 } else { since + n };
            passed += usize::from(channel == bulk);
            assert!(since <= INTERACTIVE_RUN as usize + 1000, "{since} bytes of interactive data in a row");
            // Each of them is a keystroke: it runs dry and comes again.
            if channel != bulk {
                server.ready(channel, Stream::Data, false).unwrap();
                server.ready(channel, Stream::Data, true).unwrap();
            }
        }
        drain(server);
    }
    assert!(passed > 100, "{passed} bulk packets");
}

#[test]
fn a_slot_that_is_dropped_or_committed_with_nothing_sends_nothing() {
    let (mut pair, served) = saturated(99, 1);
    let server = &mut pair.server.connection;
    let window = server.channels().unwrap().send_window(served[0]);
    let unused = server.slot(served[0], Stream::Data, 100);
    assert!(unused.is_some());
    server.slot(served[0], Stream::Stderr, 100).unwrap().commit(0).unwrap();
    let too_much = server.slot(served[0], Stream::Data, 100).unwrap().commit(101);
    assert_eq!(too_much, Err(nacre_proto::Misuse::Channel(connection::Misuse::OverBudget)));
    assert!(server.transmit().is_empty());
    assert_eq!(server.channels().unwrap().send_window(served[0]), window);
    assert_eq!(server.sendable(), Some((served[0], Stream::Data)));
}

#[test]
fn replies_pass_where_data_may_not() {
    let (mut pair, _) = saturated(100, 3);
    pair.to_client.capacity = 0;
    while send(&mut pair.server.connection, PACKET).is_some() {}
    let full = pair.server.connection.transmit().len();
    assert_eq!(
        pair.server.connection.sendable().and_then(|_| send(&mut pair.server.connection, PACKET)),
        None
    );
    pair.client.connection.global(&connection::GlobalRequest::Keepalive, true, 7).unwrap();
    for _ in 0..3 {
        pair.turn();
    }
    assert!(pair.server.connection.transmit().len() > full, "the reply is behind the data that was sealed");
}
