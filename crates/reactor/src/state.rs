//! What the loop and the application both work on.

use std::collections::BTreeMap;
use std::time::Instant;

use proto::channels::{LocalId, Stream};
use proto::{Connection, Side};

use crate::attachment::{Attached, Kind};
use crate::descriptors::{Descriptors, Key, Readiness};
use crate::streams::STREAMS;
use crate::timers::Timers;

/// How packets to the peer are marked; `None` as the kernel does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceClasses {
    /// While nothing is there but what somebody waits for byte by byte.
    pub(crate) interactive: Option<u8>,
    /// Otherwise.
    pub(crate) bulk: Option<u8>,
}

pub(crate) struct State<S: Side> {
    pub(crate) connection: Connection<S>,
    pub(crate) descriptors: Descriptors,
    pub(crate) attached: BTreeMap<LocalId, Attached>,
    /// Channels with a sink that may take some of what waits for it.
    pub(crate) unblocked: Vec<LocalId>,
    /// Channels whose sources have all ended, of which the application has yet to hear.
    pub(crate) drained: Vec<LocalId>,
    /// Timers of the application.
    pub(crate) timers: Timers<()>,
    /// Terminals that may still bring something after their program's end, and until when.
    pub(crate) graces: Timers<LocalId>,
    /// How packets to the peer are marked.
    pub(crate) classes: ServiceClasses,
    /// When the turn began.
    pub(crate) now: Instant,
    /// Something happened that the next turn must look at before anybody waits.
    pub(crate) again: bool,
    /// The application wants the end.
    pub(crate) stopped: bool,
}

impl<S: Side> State<S> {
    pub(crate) fn new(connection: Connection<S>, descriptors: Descriptors) -> Self {
        Self {
            connection,
            descriptors,
            attached: BTreeMap::new(),
            unblocked: Vec::new(),
            drained: Vec::new(),
            timers: Timers::new(),
            graces: Timers::new(),
            classes: ServiceClasses::default(),
            now: Instant::now(),
            again: false,
            stopped: false,
        }
    }

    /// Takes note that a descriptor of a channel is ready.
    pub(crate) fn ready(&mut self, channel: LocalId, key: Key, ready: Readiness) {
        let Some(attached) = self.attached.get(&channel) else { return };
        for stream in STREAMS {
            let source = attached.sources.of(stream).as_ref();
            if ready.readable && source.is_some_and(|source| source.key == key) {
                let _ = self.connection.ready(channel, stream, true);
            }
            let sink = attached.sinks.of(stream);
            if ready.writable && sink.key == Some(key) && !sink.backlog.is_empty() {
                self.unblocked.push(channel);
            }
        }
        let socket = attached.kind == Kind::Socket && attached.sinks.of(Stream::Data).key == Some(key);
        if ready.hung_up && socket {
            self.hung_up(channel);
        }
    }

    /// Gives back memory that holds nothing.
    pub(crate) fn release(&mut self) {
        self.connection.release();
        for attached in self.attached.values_mut() {
            for stream in STREAMS {
                attached.sinks.of_mut(stream).backlog.release();
            }
        }
    }

    /// When there is something to do though nothing comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.connection.deadline(), self.timers.deadline(), self.graces.deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}
