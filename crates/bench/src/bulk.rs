//! Data through the whole core.

use std::hint::black_box;
use std::time::Instant;

use connection::{LocalId, Stream};
use proto::{Event, Step};

use crate::half::{Driven, Half};
use crate::phase::{Watch, phase_copy, phase_open, phase_seal};

/// What is sent, and how it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Bytes of data in a packet.
    pub size: usize,
    /// Packets that are sealed before they go to the peer together, as one write to a socket.
    pub batch: usize,
    /// Batches in a round, which is what one figure is taken from.
    pub batches: usize,
}

impl Load {
    /// Full packets: 128 KiB to a write, 512 KiB to a round, so that each round has one WINDOW_ADJUST.
    pub const LARGE: Self = Self { size: 32 * 1024, batch: 4, batches: 4 };
    /// Small packets, as a careless application makes them, cut alike.
    pub const MEDIUM: Self = Self { size: 1024, batch: 128, batches: 4 };
    /// Keystrokes: each goes alone, and its sender has nothing more to send after it.
    pub const KEY: Self = Self { size: 1, batch: 1, batches: 64 };

    /// Packets in a round.
    #[must_use]
    pub fn packets(self) -> usize {
        self.batch * self.batches
    }
}

/// Nanoseconds of a round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round {
    /// At the sender, taking in WINDOW_ADJUST included.
    pub seal: f64,
    /// In the copy that stands for the socket.
    pub copy: f64,
    /// At the receiver, sending WINDOW_ADJUST included.
    pub open: f64,
}

/// Sends one round from one side to the other.
///
/// # Panics
/// When something does not arrive.
pub fn round<A: Driven, B: Driven>(
    from: &mut Half<A>,
    to: &mut Half<B>,
    load: Load,
    now: Instant,
    watch: Watch,
) -> Round {
    let channel = from.open[0];
    let mut round = Round::default();
    let mut arrived = 0;
    for _ in 0..load.batches {
        watch.time(&mut round.seal, phase_seal, &mut || fill(from, channel, load));
        watch.time(&mut round.copy, phase_copy, &mut || {
            let bytes = from.connection.transmit();
            to.rx.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        });
        let n = from.connection.transmit().len();
        watch.time(&mut round.open, phase_open, &mut || {
            to.rx.filled(n);
            arrived += take_in(to, now);
        });
        watch.time(&mut round.seal, phase_seal, &mut || {
            from.connection.sent(n);
            let back = to.connection.transmit();
            let n = back.len();
            if n > 0 {
                from.rx.space(n)[..n].copy_from_slice(back);
                from.rx.filled(n);
                to.connection.sent(n);
                take_in(from, now);
            }
        });
    }
    assert_eq!(arrived, load.size * load.packets(), "bytes that arrived");
    round
}

/// What an application does that has data: it says so, fills the slots that it is given, and says when it runs dry.
fn fill<S: Driven>(from: &mut Half<S>, channel: LocalId, load: Load) {
    let connection = &mut from.connection;
    connection.ready(channel, Stream::Data, true).expect("an open channel");
    for _ in 0..load.batch {
        let (channel, stream) = connection.sendable().expect("window, and room to send");
        let mut slot = connection.slot(channel, stream, load.size).expect("room for a packet");
        black_box(slot.room());
        slot.commit(load.size).expect("a packet");
    }
    connection.ready(channel, Stream::Data, false).expect("an open channel");
}

/// What an application does that reads: it takes each piece of data and gives back its credit.
fn take_in<S: Driven>(to: &mut Half<S>, now: Instant) -> usize {
    let mut bytes = 0;
    loop {
        let (channel, n) = match to.connection.process(now, &mut to.rx) {
            Ok(Step::NeedBytes) => return bytes,
            Ok(Step::Event(Event::Channel(connection::Event::Data { channel, data, .. }))) => {
                black_box(data);
                (channel, data.len())
            }
            Ok(_) => continue,
            Err(error) => panic!("the connection ended: {error}"),
        };
        to.connection.consumed(channel, n as u32).expect("what was delivered");
        bytes += n;
    }
}
