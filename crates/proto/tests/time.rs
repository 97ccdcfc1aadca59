//! Signs of life, and what waits for nobody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::Duration;

use nacre_proto::{AlivePolicy, Error, Wait};
use testkit::Pair;

const POLICY: AlivePolicy = AlivePolicy { interval: Duration::from_secs(15), count_max: 3 };

#[test]
fn a_live_peer_is_asked_for_an_hour_and_never_given_up() {
    let configured = Pair::configured(
        82,
        |config| config.alive = Some(POLICY),
        |config| config.alive = Some(AlivePolicy { interval: Duration::from_secs(40), count_max: 1 }),
    );
    let mut pair = configured.latency(Duration::from_millis(200));
    pair.log_in();
    let before = (pair.to_server.written(), pair.to_client.written());
    pair.advance(Duration::from_secs(3600));
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    let asked = pair.to_server.written() - before.0;
    // One question of some sixty bytes each quarter of a minute, and no more than that.
    assert!((3600 / 16 * 40..3600 / 14 * 100).contains(&asked), "{asked} bytes of questions");
    assert!(pair.to_client.written() > before.1);
    assert_eq!(pair.run("exit 1", 0).status, Some(1));
}

#[test]
fn a_dead_peer_is_given_up_after_its_time_and_not_before() {
    for by_client in [true, false] {
        let mut pair = Pair::configured(
            83,
            |config| config.alive = by_client.then_some(POLICY),
            |config| config.alive = (!by_client).then_some(POLICY),
        );
        pair.log_in();
        // Nothing arrives any more, in either direction.
        pair.to_server.cut_after = Some(0);
        pair.to_client.cut_after = Some(0);
        // Three questions, and one more interval.
        pair.advance(POLICY.interval * 4 - Duration::from_secs(1));
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        pair.advance(Duration::from_secs(1));
        let lost = Some(&Error::TimedOut(Wait::Alive));
        let errors = (pair.client.error(), pair.server.error());
        assert_eq!(errors, if by_client { (lost, None) } else { (None, lost) });
    }
}

#[test]
fn data_is_a_sign_of_life() {
    let mut pair = Pair::configured(84, |config| config.alive = Some(POLICY), |_| {});
    pair.log_in();
    let before = pair.to_server.written();
    let mut received = 0;
    for n in 0..100 {
        pair.advance(POLICY.interval - Duration::from_secs(1));
        let written = pair.to_server.written();
        assert_eq!(written, before + received, "no question while the server speaks: {n}");
        pair.server.connection.global(&connection::GlobalRequest::Keepalive, false, 0).unwrap();
        pair.settle();
        received += pair.to_server.written() - written;
    }
    assert_eq!(pair.client.error(), None);
}

#[test]
fn without_a_policy_an_idle_connection_waits_for_nothing() {
    let mut pair = Pair::seeded(85);
    pair.log_in();
    assert_eq!(pair.next_event(), None);
    let before = (pair.to_server.written(), pair.to_client.written());
    pair.advance(Duration::from_secs(7 * 86400));
    assert_eq!((pair.to_server.written(), pair.to_client.written()), before);
    assert_eq!(pair.run("exit 1", 0).status, Some(1));
}

#[test]
fn a_hundred_idle_connections_stay_small_and_alive() {
    let mut pairs: Vec<Pair> = (0..100)
        .map(|seed| {
            let mut pair = Pair::configured(1000 + seed, |_| {}, |config| config.alive = Some(POLICY));
            pair.log_in();
            assert_eq!(pair.run("echo", 10_000).stdout, 10_000);
            pair.client.release();
            pair.server.release();
            pair
        })
        .collect();
    for pair in &mut pairs {
        assert_eq!((pair.client.receive_capacity(), pair.server.receive_capacity()), (0, 0));
        pair.advance(Duration::from_secs(600));
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        // A question about life is all that had to be received since.
        assert!(pair.client.receive_capacity() <= 64 * 1024);
        assert_eq!(pair.run("exit 4", 0).status, Some(4));
    }
}

#[test]
fn a_server_to_which_nobody_speaks_ends_by_itself() {
    let mut pair = Pair::seeded(86);
    pair.to_server.cut_after = Some(0);
    pair.advance(Duration::from_secs(119));
    assert_eq!(pair.server.error(), None);
    pair.advance(Duration::from_secs(2));
    let fault = pair.server.error().expect("two minutes are over").fault();
    assert_eq!(fault, nacre_proto::Fault::TimedOut);
}

#[test]
fn handle_timeout_before_the_deadline_does_nothing() {
    let mut pair = Pair::configured(87, |config| config.alive = Some(POLICY), |_| {});
    pair.log_in();
    let due = pair.client.connection.deadline().expect("a question is due");
    pair.client.connection.handle_timeout(due - Duration::from_nanos(1));
    assert!(pair.client.connection.transmit().is_empty());
    assert_eq!(pair.client.connection.deadline(), Some(due));
    pair.client.connection.handle_timeout(due);
    assert!(!pair.client.connection.transmit().is_empty());
}
