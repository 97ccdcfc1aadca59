//! Who sends next.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::HashMap;

use nacre_connection::limits::{BULK_TURN, INTERACTIVE_BURST, INTERACTIVE_RUN};
use nacre_connection::{Config, Connection, Grant, LocalId, Priority, Stream};
use support::{Alone, adjust};
use wire::Role;

const PACKET: u32 = 32 * 1024;

/// A server with `count` channels with plenty of window.
fn server(count: u32) -> (Alone, Vec<LocalId>) {
    let mut alone = Alone::with(Role::Server, Config::default());
    let grant = Grant { window: u32::MAX, max_packet: PACKET };
    let channels = (0..count)
        .map(|sender| {
            let id = alone.ask_session(sender, grant);
            alone.machine.answer_open(id, Ok(grant), &mut alone.out).unwrap();
            alone.out.clear();
            id.channel()
        })
        .collect();
    (alone, channels)
}

fn ready(machine: &mut Connection, channel: LocalId) {
    machine.ready(channel, Stream::Data, true).unwrap();
}

/// Sends one packet of at most `max` bytes for whoever is next.
fn step(machine: &mut Connection, max: u32) -> (LocalId, Stream, u32) {
    let (channel, stream) = machine.sendable().unwrap();
    let bytes = machine.data_budget(channel).min(max);
    machine.data_sent(channel, stream, bytes).unwrap();
    (channel, stream, bytes)
}

#[test]
fn twenty_bulk_channels_share_alike() {
    let (mut alone, channels) = server(20);
    for channel in &channels {
        ready(&mut alone.machine, *channel);
    }
    let mut sent: HashMap<LocalId, u32> = HashMap::new();
    for _ in 0..20 * 10 * BULK_TURN / PACKET {
        let (channel, _, bytes) = step(&mut alone.machine, PACKET);
        *sent.entry(channel).or_default() += bytes;
    }
    assert_eq!(sent.len(), 20);
    assert!(sent.values().all(|bytes| *bytes == 10 * BULK_TURN), "{sent:?}");
}

#[test]
fn a_bulk_channel_keeps_its_turn_for_a_while() {
    let (mut alone, channels) = server(2);
    for channel in &channels {
        ready(&mut alone.machine, *channel);
    }
    let order: Vec<LocalId> = (0..8).map(|_| step(&mut alone.machine, PACKET).0).collect();
    let (a, b) = (channels[0], channels[1]);
    assert_eq!(order, [a, a, b, b, a, a, b, b]);
}

#[test]
fn what_channels_are_used_for_is_known_while_they_are_open() {
    let mut alone = Alone::new(Role::Server);
    let used = |alone: &Alone| (alone.machine.any_interactive(), alone.machine.any_bulk());
    let session = alone.session(support::SMALL);
    assert_eq!(used(&alone), (false, false), "for nothing before a program is asked for");
    alone.get(&support::request(session, "exec", false, &support::string(b"true"))).unwrap();
    assert_eq!(used(&alone), (false, true));
    let forward = alone.opened(support::SMALL);
    alone.machine.set_priority(session, Priority::Interactive).unwrap();
    assert_eq!(used(&alone), (true, true));
    alone.get(&support::close(forward)).unwrap();
    alone.control();
    assert_eq!(used(&alone), (true, false));
    alone.machine.set_priority(session, Priority::Bulk).unwrap();
    assert_eq!(used(&alone), (false, true));
    alone.get(&support::close(session)).unwrap();
    alone.machine.close(session).unwrap();
    alone.control();
    assert_eq!(used(&alone), (false, false));
}

#[test]
fn a_keystroke_passes_twenty_bulk_channels() {
    let (mut alone, channels) = server(21);
    let (typist, bulk) = channels.split_first().unwrap();
    alone.machine.set_priority(*typist, Priority::Interactive).unwrap();
    for channel in bulk {
        ready(&mut alone.machine, *channel);
    }
    let mut sent: HashMap<LocalId, u32> = HashMap::new();
    for _ in 0..200 {
        let (channel, _, bytes) = step(&mut alone.machine, PACKET);
        *sent.entry(channel).or_default() += bytes;
        // An echo comes in the middle of anybody's turn, and is next.
        ready(&mut alone.machine, *typist);
        assert_eq!(step(&mut alone.machine, 1), (*typist, Stream::Data, 1));
        alone.machine.ready(*typist, Stream::Data, false).unwrap();
    }
    assert_eq!(sent.len(), 20, "and no bulk channel is left out");
    assert!(sent.values().all(|bytes| *bytes == 10 * PACKET));
}

#[test]
fn an_interactive_channel_that_floods_takes_its_turn_among_bulk() {
    let (mut alone, channels) = server(2);
    let (flood, bulk) = (channels[0], channels[1]);
    alone.machine.set_priority(flood, Priority::Interactive).unwrap();
    ready(&mut alone.machine, flood);
    ready(&mut alone.machine, bulk);
    let mut first = 0;
    while alone.machine.sendable().unwrap().0 == flood {
        first += step(&mut alone.machine, 8 * 1024).2;
    }
    assert_eq!(first, INTERACTIVE_BURST);
    let mut sent: HashMap<LocalId, u32> = HashMap::new();
    for _ in 0..400 {
        let (channel, _, bytes) = step(&mut alone.machine, 8 * 1024);
        *sent.entry(channel).or_default() += bytes;
    }
    assert_eq!(sent[&flood], sent[&bulk]);
    // Once it has run dry, it is interactive again.
    alone.machine.ready(flood, Stream::Data, false).unwrap();
    assert_eq!(step(&mut alone.machine, 1).0, bulk);
    ready(&mut alone.machine, flood);
    assert_eq!(step(&mut alone.machine, 1).0, flood);
}

#[test]
fn many_interactive_channels_do_not_starve_bulk() {
    let (mut alone, channels) = server(40);
    let (bulk, chatty) = channels.split_first().unwrap();
    for channel in chatty {
        alone.machine.set_priority(*channel, Priority::Interactive).unwrap();
        ready(&mut alone.machine, *channel);
    }
    ready(&mut alone.machine, *bulk);
    let (mut interactive_bytes, mut longest, mut bulk_packets) = (0, 0, 0);
    for _ in 0..10_000 {
        let (channel, _, bytes) = step(&mut alone.machine, 1024);
        if channel == *bulk {
            bulk_packets += 1;
            interactive_bytes = 0;
        } else {
            interactive_bytes += bytes;
            longest = longest.max(interactive_bytes);
            // Each of them runs dry after each packet, so that none is ever held for a flood.
            alone.machine.ready(channel, Stream::Data, false).unwrap();
            ready(&mut alone.machine, channel);
        }
    }
    assert!((35..=40).contains(&bulk_packets), "one in 257, not {bulk_packets}");
    assert_eq!(longest, INTERACTIVE_RUN);
}

#[test]
fn interactive_channels_go_in_turn_and_owe_nothing_to_bulk_that_did_not_wait() {
    let (mut alone, channels) = server(3);
    let (bulk, chatty) = channels.split_first().unwrap();
    for channel in chatty {
        alone.machine.set_priority(*channel, Priority::Interactive).unwrap();
        ready(&mut alone.machine, *channel);
    }
    let order: Vec<LocalId> = (0..4).map(|_| step(&mut alone.machine, 1).0).collect();
    assert_eq!(order, [chatty[0], chatty[1], chatty[0], chatty[1]]);
    for _ in 0..INTERACTIVE_RUN {
        let channel = step(&mut alone.machine, 1024).0;
        alone.machine.ready(channel, Stream::Data, false).unwrap();
        ready(&mut alone.machine, channel);
    }
    ready(&mut alone.machine, *bulk);
    assert_ne!(step(&mut alone.machine, 1).0, *bulk);
}

#[test]
fn the_streams_of_a_channel_alternate_and_each_goes_alone() {
    let (mut alone, channels) = server(1);
    let channel = channels[0];
    alone.machine.ready(channel, Stream::Stderr, true).unwrap();
    assert_eq!(step(&mut alone.machine, 1).1, Stream::Stderr);
    assert_eq!(step(&mut alone.machine, 1).1, Stream::Stderr);
    ready(&mut alone.machine, channel);
    let order: Vec<Stream> = (0..4).map(|_| step(&mut alone.machine, 1).1).collect();
    assert_eq!(order, [Stream::Data, Stream::Stderr, Stream::Data, Stream::Stderr]);
    alone.machine.ready(channel, Stream::Stderr, false).unwrap();
    assert_eq!(step(&mut alone.machine, 1).1, Stream::Data);
    assert_eq!(step(&mut alone.machine, 1).1, Stream::Data);
}

#[test]
fn a_channel_without_window_or_after_eof_is_not_asked() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(Grant { window: 64, max_packet: 64 });
    assert_eq!(alone.machine.sendable(), None);
    ready(&mut alone.machine, channel);
    assert_eq!(step(&mut alone.machine, 1000).2, 64);
    assert_eq!(alone.machine.sendable(), None);
    alone.get(&adjust(channel, 3)).unwrap();
    assert_eq!(step(&mut alone.machine, 1000).2, 3);
    alone.get(&adjust(channel, 3)).unwrap();
    alone.machine.eof(channel).unwrap();
    assert_eq!(alone.machine.sendable(), None);
}

#[test]
fn state_is_sent_in_turn() {
    let (mut alone, channels) = server(3);
    for channel in &channels {
        alone.machine.eof(*channel).unwrap();
        alone.machine.close(*channel).unwrap();
    }
    let sent: Vec<(u8, u8)> = alone.control().iter().map(|payload| (payload[0], payload[4])).collect();
    assert_eq!(sent, [(96, 0), (96, 1), (96, 2), (97, 0), (97, 1), (97, 2)]);
}
