//! How the wire cuts the bytes makes no difference; where it breaks, nothing does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::Duration;

use proptest::prelude::*;
use testkit::{Link, Login, Pair};

/// What both sides have seen, and all totals.
#[derive(Debug, PartialEq)]
struct Seen {
    client: Vec<String>,
    server: Vec<String>,
    stdout: Vec<u64>,
    stderr: Vec<u64>,
    status: Vec<Option<u32>>,
    exchanges: u64,
}

/// A login in several steps, sessions with data both ways, a rekey and an end, over wires that `cut` has changed.
fn session(cut: impl Fn(&mut Link)) -> Seen {
    let mut pair = Pair::seeded(50);
    cut(&mut pair.to_server);
    cut(&mut pair.to_client);
    pair.client.app.logins.insert(1, Login::Password("wrong".to_owned()));
    pair.client.app.logins.insert(2, Login::Interactive(vec!["blue".to_owned()]));
    pair.server.app.rounds = vec![vec![("colour".to_owned(), "red".to_owned())]];
    pair.log_in();
    // One after the other: how two sessions share one wire does depend on it.
    pair.run("echo", 20_000);
    pair.client.connection.rekey();
    pair.settle();
    // Where the server closes first, whether it still hears of the client's EOF does depend on it.
    pair.client.app.eof_after_input = false;
    pair.run("stderr 20000", 0);
    pair.run("source 5", 0);
    pair.run("exit 9", 0);
    pair.client.connection.disconnect(transport::Reason::BY_APPLICATION, "bye");
    pair.settle();
    let sessions: Vec<_> = pair.client.app.sessions.values().collect();
    Seen {
        stdout: sessions.iter().map(|session| session.stdout).collect(),
        stderr: sessions.iter().map(|session| session.stderr).collect(),
        status: sessions.iter().map(|session| session.status).collect(),
        exchanges: pair.server.connection.transport().exchanges(),
        client: relevant(pair.client.log),
        server: relevant(pair.server.log),
    }
}

/// When a window is adjusted depends on when data is read, and data is cut as it comes.
fn relevant(log: Vec<String>) -> Vec<String> {
    log.into_iter().filter(|line| !line.contains("WindowAdjusted")).collect()
}

#[test]
fn one_byte_at_a_time_is_the_same_as_all_at_once() {
    let whole = session(|_| {});
    assert_eq!(whole.stdout, [20_000, 0, 5, 0]);
    assert_eq!(whole.stderr, [0, 20_000, 0, 0]);
    assert_eq!(whole.status, [Some(0), Some(0), Some(0), Some(9)]);
    assert_eq!(whole.exchanges, 2);
    assert!(whole.server.last().unwrap().contains("Disconnected"));
    for chunk in [1, 2, 3, 7, 64, 1000] {
        let cut = session(|link| link.chunk = chunk);
        same(&cut, &whole, &format!("{chunk} bytes at a time"));
    }
}

#[test]
fn small_capacity_changes_nothing_either() {
    let whole = session(|_| {});
    let cut = session(|link| {
        link.capacity = 37;
        link.chunk = 5;
    });
    same(&cut, &whole, "small capacity");
}

/// Says where two logs differ, which is shorter than both.
fn same(cut: &Seen, whole: &Seen, how: &str) {
    for (cut, whole) in [(&cut.client, &whole.client), (&cut.server, &whole.server)] {
        for (number, (cut, whole)) in cut.iter().zip(whole).enumerate() {
            assert_eq!(cut, whole, "line {number}, {how}");
        }
    }
    assert_eq!(cut, whole, "{how}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same(sizes in proptest::collection::vec(1_usize..600, 1..400), rest in 1_usize..5000) {
        let whole = session(|_| {});
        let cut = session(|link| {
            link.chunks = sizes.iter().copied().collect();
            link.chunk = rest;
        });
        same(&cut, &whole, "random cuts");
    }
}

/// A pair of which neither side waits for ever. (A client does unless it is told not to.)
fn impatient() -> Pair {
    Pair::configured(51, |config| config.login_grace = Some(Duration::from_secs(120)), |_| {})
}

/// Bytes that a whole login takes on each wire.
fn login_bytes() -> (usize, usize) {
    let mut pair = impatient();
    pair.log_in();
    (pair.to_server.written() as usize, pair.to_client.written() as usize)
}

#[test]
fn a_wire_that_breaks_at_any_byte_of_a_login_panics_nobody_and_ends_by_its_deadline() {
    let (to_server, to_client) = login_bytes();
    assert!(to_server > 1000 && to_client > 1000, "{to_server} {to_client}");
    for cut in 0..to_server + to_client {
        let mut pair = impatient();
        if cut < to_server {
            pair.to_server.cut_after = Some(cut);
        } else {
            pair.to_client.cut_after = Some(cut - to_server);
        }
        pair.advance(Duration::from_secs(121));
        // The broken direction leaves at least one side that waits; the other may have given up and told it.
        let waiting = pair.client.error().is_some() || pair.server.error().is_some();
        let done = pair.client.app.logged_in && pair.server.app.user.is_some();
        assert!(
            waiting || done,
            "cut at byte {cut}: {:?} {:?}",
            pair.client.log.last(),
            pair.server.log.last()
        );
        // A server that has let the user in waits without end, unless it asks for signs of life.
        let let_in = pair.server.app.user.is_some();
        assert!(let_in || pair.server.error().is_some(), "cut at byte {cut}: the server waits for ever");
        assert!(let_in || !pair.client.app.logged_in, "cut at byte {cut}");
    }
}

#[test]
fn one_flipped_bit_anywhere_in_a_session_is_never_taken_for_the_truth() {
    let (to_server, _) = login_bytes();
    // Every byte is too much for a test that runs always; 37 has no common factor with anything here.
    let mut untouched = impatient();
    untouched.advance(Duration::from_secs(121));
    let mut refused = 0;
    for at in (0..to_server).step_by(37) {
        let mut pair = impatient();
        pair.to_server.flip = Some((at, 1 << (at % 8)));
        pair.advance(Duration::from_secs(121));
        let done = pair.client.app.logged_in && pair.server.app.user.is_some();
        if done {
            // Only the padding of packets before the keys is covered by nothing, and says nothing.
            assert_eq!((&pair.client.log, &pair.server.log), (&untouched.client.log, &untouched.server.log));
        } else {
            assert!(pair.server.error().is_some(), "byte {at}");
            refused += 1;
        }
    }
    assert!(refused > to_server / 37 - 5, "{refused} of {} were refused", to_server / 37);
}
