//! A recording is the whole truth about a connection: the same inputs give the same bytes again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Duration;

use nacre_proto::{Client, Config, Server, Side};
use testkit::record::{Input, Record, replay};
use testkit::{Login, Pair};
use transport::RekeyPolicy;

const SEED: u64 = 41;

/// The configurations called `rekeying`.
fn rekeying<S: Side>(config: &mut Config<S>) {
    let policy = RekeyPolicy { bytes: Some(64 * 1024), ..RekeyPolicy::default() };
    Arc::make_mut(&mut config.transport).rekey = policy;
}

fn configs() -> (Config<Client>, Config<Server>) {
    let (mut client, mut server, _, _) = Pair::parts(SEED);
    rekeying(&mut client);
    rekeying(&mut server);
    (client, server)
}

/// A login with two failures and a partial success, bulk both ways under rekeys, and an end.
fn session() -> (Record, Record) {
    let mut pair = Pair::configured(SEED, rekeying, rekeying).latency(Duration::from_millis(3)).chunk(1000);
    pair.record("rekeying", SEED);
    let key = pair.client.app.logins.pop().unwrap();
    pair.client.app.logins = vec![
        Login::None,
        Login::Password("wrong".to_owned()),
        key,
        Login::Interactive(vec!["4".to_owned(), "six".to_owned()]),
    ];
    let round = |text: &str, right: &str| vec![(text.to_owned(), right.to_owned())];
    pair.server.app.rounds = vec![round("2 + 2", "4"), Vec::new(), round("half a dozen", "six")];
    pair.server.app.then = Some(userauth::Methods::EMPTY.with(userauth::Method::KeyboardInteractive));
    pair.log_in();
    let echoed = pair.run("echo", 300_000);
    assert_eq!((echoed.stdout, echoed.status), (300_000, Some(0)));
    assert_eq!(pair.run("stderr 100000", 0).stderr, 100_000);
    assert!(pair.client.connection.transport().exchanges() > 3, "it did rekey");
    pair.server.connection.disconnect(transport::Reason::BY_APPLICATION, "that is all");
    pair.advance(Duration::from_secs(1));
    let recorded = (pair.client.connection.recorded().unwrap(), pair.server.connection.recorded().unwrap());
    assert!(pair.client.error().is_some());
    recorded
}

#[test]
fn both_sides_of_a_session_are_the_same_when_they_are_replayed() {
    let (client, server) = session();
    let (client_config, server_config) = configs();
    replay::<Client>(&client, client_config);
    replay::<Server>(&server, server_config);
}

#[test]
fn a_recording_is_the_same_after_it_was_written_and_read() {
    let (client, server) = session();
    for record in [client, server] {
        assert_eq!(Record::parse(&record.to_text()), Ok(record));
    }
    let bad = Record::parse("nacre-record 1\nclient default 1\nsent many\n").unwrap_err();
    assert_eq!((bad.number, bad.line.as_str()), (2, "sent many"));
}

#[test]
fn the_same_seed_gives_the_same_recording() {
    assert_eq!(session(), session());
}

#[test]
#[should_panic(expected = "Sent")]
fn another_seed_is_noticed_in_the_bytes_that_are_sent() {
    let (mut client, _) = session();
    client.seed += 1;
    replay::<Client>(&client, configs().0);
}

#[test]
#[should_panic(expected = "entry")]
fn one_flipped_bit_of_the_input_is_noticed() {
    let (_, mut server) = session();
    let mut feeds = server.entries.iter_mut().filter_map(|entry| match &mut entry.input {
        Input::Feed(bytes) => Some(bytes),
        _ => None,
    });
    // Among the bulk, far behind the login.
    let bytes = feeds.nth(100).unwrap();
    bytes[500] ^= 1;
    replay::<Server>(&server, configs().1);
}
