//! Nothing is allocated per packet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Arc;
use std::time::Instant;

use allocation_counter::measure;
use connection::{LocalId, Stream};
use crypto::{CIPHERS, COMPRESSIONS, CipherAlg, CompressionAlg, MACS, MacAlg};
use nacre_proto::{Event, RecvBuf, Side, Step};
use testkit::{Driven, Pair};
use transport::Directions;

/// One side, its receive buffer, and what it has got.
struct End<'c, S: Side> {
    connection: &'c mut Driven<S>,
    channel: LocalId,
    rx: RecvBuf,
    received: u64,
    adjusted: u32,
}

impl<'c, S: Side> End<'c, S> {
    fn new(connection: &'c mut Driven<S>) -> Self {
        let channel = connection.channels().unwrap().channels().next().unwrap();
        Self { connection, channel, rx: RecvBuf::new(), received: 0, adjusted: 0 }
    }

    fn put(&mut self, stream: Stream, bytes: usize) {
        self.connection.ready(self.channel, stream, true).unwrap();
        assert_eq!(self.connection.sendable(), Some((self.channel, stream)));
        let mut slot = self.connection.slot(self.channel, stream, bytes).unwrap();
        slot.room().fill(0x5a);
        slot.commit(bytes).unwrap();
        self.connection.ready(self.channel, stream, false).unwrap();
    }

    /// Hands over what waits to be sent.
    fn send_to<T: Side>(&mut self, now: Instant, other: &mut End<'_, T>) {
        let n = self.connection.transmit().len();
        other.rx.space(n)[..n].copy_from_slice(self.connection.transmit());
        other.rx.filled(n);
        self.connection.sent(n);
        loop {
            match other.connection.process(now, &mut other.rx).unwrap() {
                Step::NeedBytes => break,
                Step::Event(Event::Channel(connection::Event::Data { channel, data, .. })) => {
                    let n = u32::try_from(data.len()).unwrap();
                    other.received += u64::from(n);
                    other.connection.consumed(channel, n).unwrap();
                }
                Step::Event(Event::Channel(connection::Event::WindowAdjusted { .. })) => other.adjusted += 1,
                Step::Event(_) | Step::Progress | Step::Blocked | Step::Ask(_) => {
                    panic!("only data and adjustments pass here");
                }
            }
        }
    }
}

const PACKET: usize = 16 * 1024;
const WINDOW: u32 = 128 * 1024;

fn pair(cipher: &'static CipherAlg, mac: &'static MacAlg, compression: &'static CompressionAlg) -> Pair {
    let choose = |config: &mut transport::Config| {
        config.algorithms.ciphers = Directions::both(vec![cipher]);
        config.algorithms.macs = Directions::both(vec![mac]);
        config.algorithms.compressions = Directions::both(vec![compression]);
    };
    let mut pair = Pair::configured(
        90,
        |config| choose(Arc::make_mut(&mut config.transport)),
        |config| choose(Arc::make_mut(&mut config.transport)),
    );
    let grant = connection::Grant { window: WINDOW, max_packet: 32 * 1024 };
    pair.client.app.grant = grant;
    pair.server.app.grant = Some(grant);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    pair
}

#[test]
fn a_thousand_packets_each_way_with_window_adjustments_allocate_nothing_on_either_side() {
    let plain = CIPHERS.iter().flat_map(|cipher| {
        let macs = if cipher.aead { &MACS[..1] } else { MACS };
        macs.iter().map(move |mac| (cipher, mac, &COMPRESSIONS[0]))
    });
    let compressed = COMPRESSIONS[1..].iter().map(|row| (&CIPHERS[1], &MACS[0], row));
    for (cipher, mac, compression) in plain.chain(compressed) {
        let mut pair = pair(cipher, mac, compression);
        let now = pair.clock.now();
        let mut client = End::new(&mut pair.client.connection);
        let mut server = End::new(&mut pair.server.connection);
        let mut round = |packets: usize| {
            for n in 0..packets {
                client.put(Stream::Data, PACKET - n % 100);
                server.put(if n % 2 == 0 { Stream::Data } else { Stream::Stderr }, PACKET - n % 77);
                client.send_to(now, &mut server);
                server.send_to(now, &mut client);
            }
        };
        // Buffers find their sizes.
        round(20);
        let counted = measure(|| round(1000));
        let names = [cipher.name, mac.name, compression.name];
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{names:?}");
        assert!(client.received > 1000 * 16_000 && server.received > 1000 * 16_000);
        // Far more than a window went each way.
        assert!(client.adjusted > 100 && server.adjusted > 100, "{} {}", client.adjusted, server.adjusted);
    }
}

#[test]
fn the_count_sees_what_a_connection_does_allocate() {
    let mut pair = pair(CIPHERS.iter().find(|row| row.aead).unwrap(), &MACS[0], &COMPRESSIONS[0]);
    let counted = measure(|| pair.client.connection.rekey());
    assert!(counted.count_total > 0, "a key exchange allocates");
}

#[test]
fn an_idle_connection_gives_its_buffers_back_and_goes_on() {
    let mut pair = Pair::seeded(91);
    pair.log_in();
    assert_eq!(pair.run("echo", 2_000_000).stdout, 2_000_000);
    assert!(pair.client.receive_capacity() > 0 && pair.server.receive_capacity() > 0);
    let freed = measure(|| {
        pair.client.release();
        pair.server.release();
    });
    assert_eq!((pair.client.receive_capacity(), pair.server.receive_capacity()), (0, 0));
    assert!(freed.bytes_current < -256 * 1024, "{} bytes", freed.bytes_current);
    assert_eq!(pair.run("echo", 100_000).stdout, 100_000);
}

#[test]
fn an_idle_connection_keeps_little_for_compression_and_goes_on() {
    let mut pair = pair(&CIPHERS[1], &MACS[0], COMPRESSIONS.last().unwrap());
    pair.client.app.eof_after_input = true;
    assert_eq!(pair.run("echo", 2_000_000).stdout, 2_000_000);
    let freed = measure(|| {
        pair.client.release();
        pair.server.release();
    });
    // An encoder is some 310 KB, a decoder some 43: the first goes, the second has to stay.
    assert!(freed.bytes_current < -600_000, "{} bytes", freed.bytes_current);
    assert_eq!(pair.run("echo", 100_000).stdout, 100_000);
}

#[test]
fn a_login_and_an_idle_connection_take_little_memory() {
    let mut kept = None;
    let counted = measure(|| {
        let mut pair = Pair::seeded(92);
        pair.log_in();
        pair.client.release();
        pair.server.release();
        // The wires and the logs are the kit's.
        pair.client.log = Vec::new();
        pair.server.log = Vec::new();
        pair.to_client = testkit::Link::new();
        pair.to_server = testkit::Link::new();
        kept = Some(pair);
    });
    assert!(kept.is_some());
    assert!(counted.bytes_max < 200_000, "{} bytes for two sides while they log in", counted.bytes_max);
    assert!(counted.bytes_current < 40_000, "{} bytes for two idle sides", counted.bytes_current);
}

#[test]
fn asking_for_work_that_is_not_there_allocates_nothing() {
    let mut pair = Pair::seeded(93);
    pair.log_in();
    let now = pair.clock.now();
    let mut rx = RecvBuf::new();
    let server = &mut pair.server.connection;
    let counted = measure(|| {
        for _ in 0..1000 {
            assert!(matches!(server.process(now, &mut rx), Ok(Step::NeedBytes)));
            server.handle_timeout(now);
            assert_eq!(server.sendable(), None);
            assert!(server.transmit().is_empty());
            assert_eq!(server.deadline(), None);
        }
    });
    assert_eq!(counted.count_total, 0);
}
