use std::collections::BTreeMap;

use connection::{LocalId, Stream};
use proto::{Event, Side};

use crate::{Driven, Pattern};

/// What drives one side of a [`Pair`](crate::Pair).
pub trait App<S: Side> {
    /// Something happened.
    fn event(&mut self, connection: &mut Driven<S>, event: &Event<'_, S>);
    /// Something is asked.
    fn question(&mut self, connection: &mut Driven<S>, question: S::Question<'_>);
    /// The end of a turn: consume, and send what is to be sent. Says whether anything was done.
    fn turn(&mut self, connection: &mut Driven<S>) -> bool;
}

/// How fast an application reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consume {
    /// At once.
    AtOnce,
    /// So many bytes a turn, on each channel.
    PerTurn(u32),
    /// Not at all.
    Never,
}

/// What comes in on one stream of a channel, checked against the pattern.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) pattern: Pattern,
    pub(crate) unconsumed: u32,
}

/// What goes out on one stream of a channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sending {
    pub(crate) pattern: Pattern,
    /// Bytes that are still to be sent.
    pub(crate) left: u64,
}

/// Sends what `sending` has, as far as room goes.
pub(crate) fn pull<S: Side>(
    connection: &mut Driven<S>,
    sending: &mut BTreeMap<(LocalId, StreamKey), Sending>,
    most: usize,
) -> bool {
    let mut done = false;
    while let Some((channel, stream)) = connection.sendable() {
        let Some(source) = sending.get_mut(&(channel, stream.into())).filter(|source| source.left > 0) else {
            connection.ready(channel, stream, false).expect("a channel that was just named");
            continue;
        };
        let want = usize::try_from(source.left).unwrap_or(usize::MAX).min(most);
        let Some(mut slot) = connection.slot(channel, stream, want) else { break };
        let n = slot.room().len().min(want);
        source.pattern.fill(&mut slot.room()[..n]);
        slot.commit(n).expect("no more than the room");
        source.left -= n as u64;
        done = true;
        if source.left == 0 {
            connection.ready(channel, stream, false).expect("a channel that was just named");
        }
    }
    done
}

/// [`Stream`] with an order, for maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StreamKey {
    Data,
    Stderr,
}

impl From<Stream> for StreamKey {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Data => Self::Data,
            Stream::Stderr => Self::Stderr,
        }
    }
}

/// Gives back credit at the pace of `consume`. Says whether any was given.
pub(crate) fn give_credit<S: Side>(
    connection: &mut Driven<S>,
    channel: LocalId,
    received: &mut Received,
    consume: Consume,
) -> bool {
    let n = match consume {
        Consume::AtOnce => received.unconsumed,
        Consume::PerTurn(most) => received.unconsumed.min(most),
        Consume::Never => 0,
    };
    if n == 0 {
        return false;
    }
    received.unconsumed -= n;
    // The channel may be gone; then nobody waits for the credit.
    let _ = connection.consumed(channel, n);
    true
}
