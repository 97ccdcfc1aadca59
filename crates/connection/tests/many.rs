//! Many channels cost no more per message than one, and nothing on the data path allocates.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nacre_connection::{Config, Connection, Grant, LocalId, Output, Priority, Stream};
use support::{Alone, adjust, bytes, close, data};
use wire::{Message, Outbox, Role, SliceSink};

/// Counts messages and keeps none.
struct Counted(usize);

impl Outbox for Counted {
    fn send<M: Message>(&mut self, message: &M) {
        let mut room = [0; 256];
        let mut sink = SliceSink::new(&mut room);
        message.encode(&mut sink);
        assert!(!sink.overflowed());
        self.0 += 1;
    }
}

fn with_channels(count: u32) -> (Alone, Vec<LocalId>) {
    let mut alone = Alone::with(Role::Server, Config::default());
    let grant = Grant { window: 1 << 20, max_packet: 1 << 15 };
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

/// What a driver does for one arrived packet and one sent packet on `channel`, with all that follows from it.
fn round(machine: &mut Connection, channel: LocalId, arrived: &[u8], more: &[u8], out: &mut Counted) {
    let Ok(Output::Event(_)) = machine.handle(arrived, out) else { panic!("no data") };
    machine.consumed(channel, u32::try_from(arrived.len() - 9).unwrap()).unwrap();
    let Ok(Output::Event(_)) = machine.handle(more, out) else { panic!("no adjustment") };
    let (next, stream) = machine.sendable().unwrap();
    let mut header = [0; 13];
    let budget = machine.data_budget(next);
    machine.data_header(next, stream, budget, &mut header).unwrap();
    machine.data_sent(next, stream, budget).unwrap();
    while machine.next_control(out) {}
}

#[test]
fn data_windows_eof_and_close_do_not_allocate() {
    let (mut alone, channels) = with_channels(100);
    let machine = &mut alone.machine;
    let packets: Vec<(Vec<u8>, Vec<u8>)> = channels
        .iter()
        .map(|channel| (bytes(&data(*channel, &[7; 32 * 1024])), bytes(&adjust(*channel, 32 * 1024))))
        .collect();
    let closes: Vec<Vec<u8>> = channels.iter().map(|channel| bytes(&close(*channel))).collect();
    machine.set_priority(channels[0], Priority::Interactive).unwrap();
    let mut out = Counted(0);
    let allocations = allocation_counter::measure(|| {
        for channel in &channels {
            machine.ready(*channel, Stream::Data, true).unwrap();
            machine.ready(*channel, Stream::Stderr, true).unwrap();
        }
        for _ in 0..100 {
            for (channel, (arrived, more)) in channels.iter().zip(&packets) {
                round(machine, *channel, arrived, more, &mut out);
            }
        }
        for channel in &channels {
            machine.exit_status(*channel, 0).unwrap();
            machine.eof(*channel).unwrap();
            machine.close(*channel).unwrap();
        }
        while machine.next_control(&mut out) {}
        for close in &closes {
            assert!(matches!(machine.handle(close, &mut out), Ok(Output::Event(_))));
        }
    });
    assert_eq!(allocations.count_total, 0);
    assert!(out.0 > 400, "adjustments, EOFs, statuses and CLOSEs did go out: {}", out.0);
    assert_eq!(machine.channel_count(), 0);
}

#[test]
fn ten_thousand_channels_cost_per_packet_what_one_costs() {
    // Wall-clock time on a machine that others use: the best of some runs, and a wide margin. What it must tell
    // apart is a factor of thousands.
    let cost = |count: u32| -> Duration {
        let (mut alone, channels) = with_channels(count);
        let machine = &mut alone.machine;
        for channel in &channels {
            machine.ready(*channel, Stream::Data, true).unwrap();
        }
        let packets: Vec<(Vec<u8>, Vec<u8>)> = channels
            .iter()
            .map(|channel| (bytes(&data(*channel, b"x")), bytes(&adjust(*channel, 32_768))))
            .collect();
        let mut out = Counted(0);
        (0..5)
            .map(|_| {
                let start = Instant::now();
                for place in (0..channels.len()).cycle().take(20_000) {
                    let (arrived, more) = &packets[place];
                    round(machine, channels[place], arrived, more, &mut out);
                }
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let (one, many) = (cost(1), cost(10_000));
    assert!(many < one * 50, "{many:?} where one channel takes {one:?}");
}

#[test]
fn ten_thousand_channels_open_and_close_and_no_number_comes_back_early() {
    let (mut alone, channels) = with_channels(10_000);
    assert_eq!(alone.machine.channel_count(), 10_000);
    assert_eq!(alone.machine.channels().count(), 10_000);
    let mut seen: HashSet<u32> = channels.iter().map(|channel| channel.number()).collect();
    assert_eq!(seen.len(), 10_000);
    for channel in channels {
        alone.machine.close(channel).unwrap();
        assert!(alone.machine.next_control(&mut alone.out));
        alone.get(&close(channel)).unwrap();
        let id = alone.ask_session(1, Grant::default());
        alone.machine.answer_open(id, Ok(Grant::default()), &mut alone.out).unwrap();
        alone.out.clear();
        assert!(seen.insert(id.channel().number()), "{} came back", id.channel());
    }
}
