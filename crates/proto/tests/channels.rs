//! Channels: how they begin and how they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeSet;
use std::time::Duration;

use connection::{ChannelType, Grant, LocalId, Misuse as ChannelMisuse, Signal, Stream};
use nacre_proto::{ChannelQuestion, Error, Misuse, ServerQuestion, Side};
use testkit::{Driven, Pair};
use transport::Reason;

/// A session that is open and on which nothing happens by itself, as both sides call it.
fn held(seed: u64) -> (Pair, LocalId, LocalId) {
    let mut pair = Pair::seeded(seed);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    let client = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    let server = *pair.server.app.served.keys().next().expect("it was granted");
    (pair, client, server)
}

fn count(pair: &Pair) -> (usize, usize) {
    let client = pair.client.connection.channels().expect("an open connection").channel_count();
    (client, pair.server.connection.channels().expect("an open connection").channel_count())
}

/// Sends `bytes` zeros, as far as they go.
fn put<S: Side>(connection: &mut Driven<S>, channel: LocalId, stream: Stream, bytes: usize) -> usize {
    let Some(mut slot) = connection.slot(channel, stream, bytes) else { return 0 };
    let n = slot.room().len().min(bytes);
    slot.room().fill(0);
    slot.commit(n).unwrap();
    n
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    ClientEof,
    ClientClose,
    ServerEof,
    ServerClose,
    Status,
}

const ENDS: [End; 5] = [End::ClientEof, End::ClientClose, End::ServerEof, End::ServerClose, End::Status];

fn orders(left: &[End]) -> Vec<Vec<End>> {
    if left.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, end) in left.iter().enumerate() {
        let mut others = left.to_vec();
        others.remove(place);
        for mut order in orders(&others) {
            order.insert(0, *end);
            all.push(order);
        }
    }
    all
}

#[test]
fn eof_close_and_status_in_every_order_end_the_channel_and_nothing_else() {
    let orders = orders(&ENDS);
    assert_eq!(orders.len(), 120);
    let (mut pair, ..) = held(30);
    // Turns of both sides after each step: none, one, or all that it takes.
    for (turns, order) in
        [0, 1, 99].into_iter().flat_map(|turns| orders.iter().map(move |order| (turns, order)))
    {
        let client = pair.client.app.run(&mut pair.client.connection, "hold", 0);
        pair.settle();
        let stays = first(&pair);
        let server = pair.server.connection.channels().unwrap().channels().find(|id| *id != stays).unwrap();
        let mut status_given = false;
        let mut client_closed_first = false;
        for end in order {
            let ended = match end {
                End::ClientEof => pair.client.connection.eof(client),
                End::ClientClose => {
                    client_closed_first = true;
                    pair.client.connection.close(client)
                }
                End::ServerEof => pair.server.connection.eof(server),
                End::ServerClose => pair.server.connection.close(server),
                End::Status => {
                    let given = pair.server.connection.exit_status(server, 5);
                    status_given = given.is_ok();
                    given
                }
            };
            if let Err(misuse) = ended {
                let expected =
                    [ChannelMisuse::AfterClose, ChannelMisuse::AfterEof, ChannelMisuse::UnknownChannel];
                assert!(expected.map(Misuse::Channel).contains(&misuse), "{order:?}: {end:?} {misuse:?}");
            }
            for _ in 0..turns {
                pair.turn();
            }
        }
        pair.settle();
        assert_eq!((pair.client.error(), pair.server.error()), (None, None), "{order:?} with {turns} turns");
        // The first session is still there, this one is not.
        assert_eq!(count(&pair), (1, 1), "{order:?} with {turns} turns");
        let session = &pair.client.app.sessions[&client];
        assert_eq!(session.status, status_given.then_some(5), "{order:?} with {turns} turns");
        // Whoever has closed by itself before is told nothing more.
        assert!(session.closed || client_closed_first, "{order:?} with {turns} turns");
    }
}

/// The session that stays.
fn first(pair: &Pair) -> LocalId {
    *pair.server.app.served.keys().next().unwrap()
}

#[test]
fn a_channel_that_is_closed_in_one_direction_lives_on_in_the_other() {
    for client_first in [true, false] {
        let (mut pair, client, server) = held(31);
        if client_first {
            pair.client.connection.eof(client).unwrap();
        } else {
            pair.server.connection.eof(server).unwrap();
        }
        pair.settle();
        assert_eq!(count(&pair), (1, 1));
        let mut sent = 0;
        for _ in 0..200 {
            sent += if client_first {
                put(&mut pair.server.connection, server, Stream::Data, 1)
            } else {
                put(&mut pair.client.connection, client, Stream::Data, 1)
            };
        }
        // The pattern starts with a zero byte and goes on otherwise; it is checked elsewhere.
        assert_eq!(sent, 200);
        let closed = if client_first {
            assert_eq!(put(&mut pair.client.connection, client, Stream::Data, 1), 0, "no data after EOF");
            pair.client.connection.eof(client)
        } else {
            assert_eq!(put(&mut pair.server.connection, server, Stream::Data, 1), 0, "no data after EOF");
            pair.server.connection.eof(server)
        };
        assert_eq!(closed, Err(Misuse::Channel(ChannelMisuse::AfterEof)));
    }
}

#[test]
fn after_the_clients_eof_the_server_still_sends_everything_and_its_status() {
    let mut pair = Pair::seeded(32);
    pair.log_in();
    // EOF follows at once, since there is no input.
    let session = pair.run("source 3000000", 0);
    assert!(pair.server.app.served.values().all(|served| served.eof));
    assert_eq!((session.stdout, session.before_status, session.status), (3_000_000, 3_000_000, Some(0)));
    assert!(session.eof && session.closed);
}

#[test]
fn the_status_comes_behind_all_data_and_before_the_close() {
    for chunk in [1000, usize::MAX] {
        let mut pair = Pair::seeded(33).chunk(chunk).capacity(10_000).latency(Duration::from_millis(1));
        pair.log_in();
        for command in ["source 100000", "stderr 100000"] {
            let before = pair.client.log.len();
            let session = pair.run(command, 0);
            assert_eq!((session.before_status, session.status), (100_000, Some(0)));
            let ends: Vec<&str> = pair.client.log[before..]
                .iter()
                .filter_map(|line| ["Eof", "ExitStatus", "Closed"].into_iter().find(|end| line.contains(end)))
                .collect();
            // EOF and the status may come in either order: the status is of the program, EOF of its output.
            assert_eq!((ends.len(), ends[2]), (3, "Closed"), "{command}: {ends:?}");
        }
    }
}

#[test]
fn stderr_goes_on_when_stdout_has_nothing_more() {
    let (mut pair, client, server) = held(34);
    assert_eq!(put(&mut pair.server.connection, server, Stream::Data, 1), 1);
    pair.server.connection.ready(server, Stream::Data, false).unwrap();
    pair.settle();
    assert_eq!(put(&mut pair.server.connection, server, Stream::Stderr, 1), 1);
    pair.server.connection.eof(server).unwrap();
    pair.settle();
    let session = &pair.client.app.sessions[&client];
    assert_eq!((session.stdout, session.stderr, session.eof), (1, 1, true));
    assert_eq!(put(&mut pair.server.connection, server, Stream::Stderr, 1), 0, "EOF ends both");
}

#[test]
fn a_signal_can_end_a_program_too_and_a_second_end_is_misuse() {
    let (mut pair, client, server) = held(35);
    pair.server.connection.exit_signal(server, Signal::Kill, true, b"killed").unwrap();
    let second = Err(Misuse::Channel(ChannelMisuse::SecondExit));
    assert_eq!(pair.server.connection.exit_status(server, 0), second);
    pair.server.connection.close(server).unwrap();
    pair.settle();
    assert!(pair.client.app.sessions[&client].closed);
    assert_eq!(pair.client.app.requests, ["exit-signal"]);
}

#[test]
fn a_close_while_data_is_on_its_way_loses_only_that_data() {
    for server_closes in [true, false] {
        let mut pair = Pair::seeded(36).latency(Duration::from_millis(20)).capacity(50_000);
        pair.log_in();
        let command = if server_closes { "sink" } else { "source 9000000" };
        let channel = pair.client.app.run(&mut pair.client.connection, command, 9_000_000);
        pair.advance(Duration::from_millis(200));
        if server_closes {
            let served = first(&pair);
            pair.server.connection.exit_status(served, 1).unwrap();
            pair.server.connection.close(served).unwrap();
        } else {
            pair.client.connection.close(channel).unwrap();
        }
        pair.advance(Duration::from_secs(5));
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        assert_eq!(count(&pair), (0, 0));
        assert_eq!(pair.run("exit 2", 0).status, Some(2), "the connection is as good as new");
    }
}

#[test]
fn a_refused_open_leaves_nothing_and_the_connection_lives() {
    let mut pair = Pair::seeded(37);
    pair.server.app.grant = None;
    pair.log_in();
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    let session = &pair.client.app.sessions[&channel];
    assert!(session.refused && !session.opened);
    assert_eq!(count(&pair), (0, 0));
    assert!(pair.client.log.last().unwrap().contains("open failed"));
    pair.server.app.grant = Some(Grant::default());
    assert_eq!(pair.run("exit 2", 0).status, Some(2));
}

#[test]
fn a_dropped_ticket_refuses_an_open() {
    let mut pair = Pair::seeded(38);
    pair.log_in();
    pair.server.app.hook = Some(Box::new(|connection, question| match question {
        ServerQuestion::Channel(ChannelQuestion::Open { ticket, .. }) => {
            connection.decline(ticket);
            None
        }
        other => Some(other),
    }));
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    assert!(pair.client.app.sessions[&channel].refused);
    assert_eq!(count(&pair), (0, 0));
}

#[test]
fn an_open_is_forgotten_with_the_connection() {
    let mut pair = Pair::seeded(39).latency(Duration::from_millis(10));
    pair.log_in();
    pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.client.connection.disconnect(Reason::BY_APPLICATION, "never mind");
    pair.advance(Duration::from_secs(1));
    let closed = transport::Error::Closed(transport::Closed::Peer(Reason::BY_APPLICATION));
    assert_eq!(pair.server.error(), Some(&Error::Transport(closed)));
    let misuse = pair.client.connection.open(&ChannelType::Session, Grant::default(), 1);
    assert_eq!(misuse, Err(Misuse::Over));
    assert!(pair.client.connection.transmit().is_empty());
}

#[test]
fn an_open_that_is_given_up_before_it_is_granted_is_closed_when_it_is() {
    let mut pair = Pair::seeded(40).latency(Duration::from_millis(10));
    pair.log_in();
    let channel = pair.client.connection.open(&ChannelType::Session, Grant::default(), 1).unwrap();
    pair.client.connection.close(channel).unwrap();
    pair.advance(Duration::from_secs(1));
    assert_eq!(count(&pair), (0, 0));
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
}

#[test]
fn a_server_cannot_open_a_session_on_a_client() {
    let mut pair = Pair::seeded(41);
    pair.log_in();
    let open = pair.server.connection.open(&ChannelType::Session, Grant::default(), 1);
    assert!(open.is_ok(), "what the peer makes of it is the peer's");
    pair.settle();
    assert!(pair.server.log.last().unwrap().contains("OpenFailed"));
    assert_eq!((count(&pair), pair.client.error()), ((0, 0), None));
}

#[test]
fn a_thousand_sessions_one_after_another_have_a_thousand_numbers() {
    let mut pair = Pair::null(42);
    pair.log_in();
    let mut numbers = BTreeSet::new();
    for n in 0..1000_u32 {
        let session = pair.run(&format!("exit {n}"), 0);
        assert_eq!(session.status, Some(n));
        pair.settle();
        assert_eq!(count(&pair), (0, 0));
    }
    numbers.extend(pair.client.app.sessions.keys().map(|channel| channel.number()));
    assert_eq!(numbers.len(), 1000, "no number came back early");
    let served: BTreeSet<u32> = pair.server.app.served.keys().map(|channel| channel.number()).collect();
    assert_eq!(served.len(), 1000);
}

#[test]
fn a_thousand_sessions_at_once_all_get_theirs() {
    let mut pair = Pair::null(43);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    for n in 0..1000 {
        while pair.client.connection.transmit().len() > 200_000 {
            pair.turn();
        }
        // More than 256 opens without an answer would be refused.
        if n % 200 == 0 {
            pair.settle();
        }
        pair.client.app.run(&mut pair.client.connection, "echo", 3000);
    }
    pair.settle();
    assert_eq!(count(&pair), (1000, 1000));
    pair.client.app.eof_after_input = true;
    pair.run_until(Duration::from_secs(60), |pair| {
        pair.client.app.sessions.values().all(|session| session.closed)
    });
    pair.settle();
    assert_eq!(pair.client.app.sessions.len(), 1000);
    for session in pair.client.app.sessions.values() {
        assert_eq!((session.stdout, session.status), (3000, Some(0)), "{session:?}");
    }
    assert_eq!(count(&pair), (0, 0));
}

#[test]
fn channels_over_the_limit_are_refused_on_both_sides() {
    let mut pair = Pair::configured(44, |_| {}, |config| config.channels.channels_max = 3);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    for _ in 0..5 {
        pair.client.app.run(&mut pair.client.connection, "hold", 0);
    }
    pair.settle();
    let refused = pair.client.app.sessions.values().filter(|session| session.refused).count();
    assert_eq!((refused, count(&pair)), (2, (3, 3)));
    let mut pair = Pair::configured(45, |config| config.channels.channels_max = 1, |_| {});
    pair.log_in();
    pair.client.connection.open(&ChannelType::Session, Grant::default(), 1).unwrap();
    let second = pair.client.connection.open(&ChannelType::Session, Grant::default(), 2);
    assert_eq!(second, Err(Misuse::Channel(ChannelMisuse::TooManyChannels)));
}
