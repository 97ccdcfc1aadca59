//! Windows and slow readers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Duration;

use connection::{Grant, Stream};
use crypto::CIPHERS;
use testkit::{Consume, Pair};
use transport::Directions;

fn granted(seed: u64, client: Grant, server: Grant) -> Pair {
    let mut pair = Pair::seeded(seed);
    pair.client.app.grant = client;
    pair.server.app.grant = Some(server);
    pair.log_in();
    pair
}

#[test]
fn a_window_of_one_byte_carries_everything_a_byte_at_a_time() {
    let one = Grant { window: 1, max_packet: 32 * 1024 };
    let mut pair = granted(60, one, one);
    let session = pair.run("echo", 2000);
    assert_eq!((session.stdout, session.status), (2000, Some(0)));
    let packets = pair.client.log.iter().filter(|line| line.contains("WindowAdjusted")).count();
    assert!(packets >= 2000 - 1, "{packets} adjustments");
}

#[test]
fn windows_of_two_and_of_nearly_four_gibibytes_work() {
    for (seed, window) in [(61, 1 << 31), (62, u32::MAX), (63, u32::MAX - 1)] {
        let grant = Grant { window, max_packet: u32::MAX };
        let mut pair = granted(seed, grant, grant);
        assert_eq!(pair.run("echo", 5_000_000).stdout, 5_000_000);
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

#[test]
fn packets_are_no_larger_than_the_peer_takes() {
    for max_packet in [64, 65, 1000, 32 * 1024] {
        let grant = Grant { window: 1 << 20, max_packet };
        // The connection ends with an error when a packet is larger than what we granted.
        let mut pair = granted(64, grant, grant);
        assert_eq!(pair.run("echo", 200_000).stdout, 200_000);
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

#[test]
fn a_channel_goes_on_past_four_gibibytes() {
    // It needs no new keys before 64 GiB, and is fast.
    let cipher = CIPHERS.iter().find(|row| row.name == "aes128-gcm@openssh.com").unwrap();
    let fast = |config: &mut transport::Config| {
        config.algorithms.ciphers = Directions::both(vec![cipher]);
    };
    let mut pair = Pair::configured(
        65,
        |config| {
            fast(Arc::make_mut(&mut config.transport));
            config.channels.send_packet_max = 128 * 1024;
        },
        |config| fast(Arc::make_mut(&mut config.transport)),
    );
    pair.server.app.grant = Some(Grant { window: u32::MAX, max_packet: 128 * 1024 });
    pair.log_in();
    pair.client.app.eof_after_input = false;
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    let (client, server) = (&mut pair.client.connection, &mut pair.server.connection);
    let mut rx = nacre_proto::RecvBuf::new();
    let now = pair.clock.now();
    let theirs = server.channels().unwrap().channels().next().unwrap();
    let (mut sent, mut received, mut consumed) = (0_u64, 0_u64, 0_u64);
    let target = (1_u64 << 32) + (64 << 20);
    // Only credit that was given can carry it past the first window.
    while received < target {
        client.ready(channel, Stream::Data, true).unwrap();
        while sent < target {
            let Some(mut slot) = client.slot(channel, Stream::Data, 120 * 1024) else { break };
            let n = slot.room().len();
            slot.room()[..8].copy_from_slice(&sent.to_be_bytes());
            slot.commit(n).unwrap();
            sent += n as u64;
        }
        let bytes = client.transmit();
        assert!(!bytes.is_empty(), "stalled after {sent} bytes");
        rx.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        rx.filled(bytes.len());
        let n = bytes.len();
        client.sent(n);
        loop {
            match server.process(now, &mut rx).unwrap() {
                nacre_proto::Step::NeedBytes => break,
                nacre_proto::Step::Blocked => panic!("blocked after {received} bytes"),
                nacre_proto::Step::Event(nacre_proto::Event::Channel(connection::Event::Data {
                    data,
                    ..
                })) => {
                    assert_eq!(data[..8], received.to_be_bytes());
                    received += data.len() as u64;
                }
                _ => {}
            }
        }
        server.consumed(theirs, u32::try_from(received - consumed).unwrap()).unwrap();
        consumed = received;
        let adjust = server.transmit().to_vec();
        server.sent(adjust.len());
        let mut back = nacre_proto::RecvBuf::new();
        back.space(adjust.len())[..adjust.len()].copy_from_slice(&adjust);
        back.filled(adjust.len());
        while !matches!(client.process(now, &mut back).unwrap(), nacre_proto::Step::NeedBytes) {}
    }
    assert!(received > u64::from(u32::MAX));
}

#[test]
fn a_channel_that_nobody_reads_stops_itself_and_no_other_one() {
    let grant = Grant { window: 50_000, max_packet: 4096 };
    let mut pair = granted(66, grant, grant);
    let stuck = pair.client.app.run(&mut pair.client.connection, "source 1000000", 0);
    pair.client.app.paused.insert(stuck);
    let flowing = pair.client.app.run(&mut pair.client.connection, "source 1000000", 0);
    pair.settle();
    assert_eq!(pair.client.app.sessions[&stuck].stdout, 50_000, "no more than its window");
    assert_eq!(pair.client.connection.channels().unwrap().unconsumed(stuck), 50_000);
    assert_eq!(pair.client.app.sessions[&flowing].stdout, 1_000_000);
    assert!(pair.client.app.sessions[&flowing].closed);
    pair.client.app.paused.clear();
    pair.settle();
    assert!(pair.client.app.sessions[&stuck].closed);
    assert_eq!(pair.client.app.sessions[&stuck].stdout, 1_000_000);
}

#[test]
fn a_server_that_reads_nothing_holds_no_more_than_a_window() {
    let mut pair = Pair::seeded(67);
    pair.server.app.consume = Consume::Never;
    let window = 100_000;
    pair.server.app.grant = Some(Grant { window, max_packet: 32 * 1024 });
    pair.log_in();
    pair.client.app.run(&mut pair.client.connection, "sink", 10_000_000);
    pair.settle();
    assert_eq!(pair.server.app.served.values().next().unwrap().received, u64::from(window));
    assert!(pair.server.unprocessed() < 64 * 1024);
    // Requests still pass: it is one channel's data that waits.
    assert_eq!(pair.run("exit 4", 0).status, Some(4));
}

#[test]
fn slow_readers_get_everything() {
    let mut pair = Pair::seeded(68);
    pair.client.app.consume = Consume::PerTurn(1000);
    pair.server.app.consume = Consume::PerTurn(333);
    let grant = Grant { window: 4000, max_packet: 1024 };
    pair.client.app.grant = grant;
    pair.server.app.grant = Some(grant);
    pair.log_in();
    assert_eq!(pair.run("echo", 300_000).stdout, 300_000);
}

#[test]
fn a_window_can_be_widened_and_narrowed_while_data_flows() {
    let grant = Grant { window: 0, max_packet: 4096 };
    let mut pair = granted(69, grant, Grant::default());
    let channel = pair.client.app.run(&mut pair.client.connection, "source 9000000", 0);
    pair.settle();
    assert_eq!(pair.client.app.sessions[&channel].stdout, 0, "a window of nothing");
    for window in [10, 5000, 100_000, 3] {
        pair.client.connection.set_window(channel, window).unwrap();
        let before = pair.client.app.sessions[&channel].stdout;
        for _ in 0..9 {
            pair.turn();
        }
        assert!(pair.client.app.sessions[&channel].stdout > before, "{window}");
        assert!(pair.client.connection.channels().unwrap().receive_window(channel) <= 100_000);
    }
    pair.client.connection.set_window(channel, 1 << 20).unwrap();
    pair.settle();
    assert_eq!(pair.client.app.sessions[&channel].stdout, 9_000_000);
}

#[test]
fn a_peer_whose_wire_is_full_holds_up_nothing_but_itself() {
    let mut pair = Pair::seeded(70);
    pair.log_in();
    // Nobody takes what the server sends.
    pair.to_client.capacity = 0;
    pair.client.app.run(&mut pair.client.connection, "source 100000000", 0);
    pair.settle();
    let waiting = pair.server.connection.transmit().len();
    assert!(waiting <= transport::limits::SEALED_AHEAD + 64 * 1024, "{waiting} bytes are sealed");
    pair.to_client.capacity = 1 << 20;
    pair.run_until(Duration::from_secs(1), |pair| {
        pair.client.app.sessions.values().all(|session| session.closed)
    });
    assert_eq!(pair.client.app.sessions.values().next().unwrap().stdout, 100_000_000);
}

#[test]
fn requests_of_a_peer_that_does_not_read_wait_and_cost_bounded_memory() {
    let mut pair = Pair::seeded(71);
    pair.log_in();
    pair.to_client.capacity = 0;
    let mut asked = 0;
    let mut peak = 0;
    for _ in 0..30_000 {
        match pair.client.connection.global(&connection::GlobalRequest::Keepalive, true, 5) {
            Ok(()) => asked += 1,
            Err(misuse) => {
                use nacre_proto::Misuse;
                let expected = [Misuse::NoRoom, Misuse::Channel(connection::Misuse::TooManyOutstanding)];
                assert!(expected.contains(&misuse), "{misuse:?}");
            }
        }
        pair.turn();
        peak = peak.max(pair.server.connection.transmit().len());
    }
    let most = transport::limits::SEALED_AHEAD + transport::limits::REPLIES_MAX + 64 * 1024;
    assert!(peak <= most, "{peak} bytes wait");
    pair.to_client.capacity = 1 << 20;
    pair.settle();
    assert_eq!(pair.client.app.replies.len(), asked);
}
