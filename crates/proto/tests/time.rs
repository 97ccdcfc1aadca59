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

#[test]
fn an_exchange_begun_after_a_long_silence_has_all_its_time() {
    let mut pair = Pair::seeded(88);
    pair.log_in();
    // Nobody calls an idle connection, so it knows no later time than that of the login.
    pair.clock.advance(Duration::from_secs(3600));
    pair.client.connection.rekey();
    pair.settle();
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    assert_eq!(pair.client.connection.transport().exchanges(), 2);
    // And an exchange that nobody takes part in still ends at its time, counted from where it began.
    pair.clock.advance(Duration::from_secs(3600));
    pair.to_server.cut_after = Some(0);
    pair.client.connection.rekey();
    pair.settle();
    pair.advance(Duration::from_secs(119));
    assert_eq!(pair.client.error(), None);
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.client.error(), Some(&Error::Transport(transport::Error::TimedOut)));
}

#[test]
fn questions_about_life_do_not_end_a_connection_whose_peer_owes_many_answers() {
    let mut pair = Pair::configured(89, |_| {}, |config| config.alive = Some(POLICY));
    pair.log_in();
    let request = connection::GlobalRequest::Other { name: wire::Name::new("x@y").unwrap(), data: &[] };
    for tag in 0..u64::try_from(connection::limits::OUTSTANDING_REQUESTS_MAX).unwrap() {
        pair.server.connection.global(&request, true, tag).unwrap();
    }
    // The peer speaks, and answers nothing.
    pair.to_client.cut_after = Some(0);
    pair.advance(POLICY.interval);
    assert_eq!(pair.server.error(), None);
    pair.advance(POLICY.interval * 3);
    assert_eq!(pair.server.error(), Some(&Error::TimedOut(Wait::Alive)));
}

#[test]
fn no_deadline_stays_behind_once_the_time_was_told() {
    // A deadline that stands in the past after it was dealt with would be a driver that never sleeps.
    let mut pair = Pair::configured(
        90,
        |config| config.alive = Some(POLICY),
        |config| {
            config.alive = Some(POLICY);
            std::sync::Arc::make_mut(&mut config.transport).rekey.interval = Some(Duration::from_secs(10));
        },
    );
    let steps = [0, 1, 49, 50, 51, 999, 15_000, 60_000];
    for step in steps.into_iter().cycle().take(400) {
        pair.turn();
        pair.clock.advance(Duration::from_millis(step));
        if step == 60_000 && pair.client.connection.is_open() {
            pair.client.connection.rekey();
        }
        let now = pair.clock.now();
        pair.client.connection.handle_timeout(now);
        pair.server.connection.handle_timeout(now);
        for due in [pair.client.connection.deadline(), pair.server.connection.deadline()] {
            assert!(due.is_none_or(|due| due > now), "step {step}");
        }
    }
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    assert!(pair.client.connection.transport().exchanges() > 10);
}

#[test]
fn questions_about_life_can_begin_after_the_login() {
    let mut pair = Pair::seeded(91);
    pair.log_in();
    pair.server.connection.set_alive_policy(Some(POLICY));
    pair.to_server.cut_after = Some(0);
    pair.advance(POLICY.interval * 4 - Duration::from_secs(1));
    assert_eq!(pair.server.error(), None);
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.server.error(), Some(&Error::TimedOut(Wait::Alive)));
}
