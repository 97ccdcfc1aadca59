//! The end of a program: told after all of its output.

use std::time::Instant;

use proto::Side;
use proto::channels::{LocalId, Signal, Stream};
use proto::wire::Name;

use crate::attachment::{Attached, Kind, Stage};
use crate::limits::{DRAIN_MAX, TERMINAL_GRACE};
use crate::state::State;
use crate::streams::STREAMS;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Status(u32),
    /// By a signal.
    Signal {
        /// Its name without `SIG` (RFC 4254 §6.10). What cannot be a name is told as `TERM`.
        name: String,
        /// Whether it left a core file.
        core_dumped: bool,
        /// What to tell a person; usually empty.
        message: Vec<u8>,
    },
}

/// Whether what a program wrote before its end was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    /// It has not ended.
    No,
    /// It has ended, and since then so many bytes were read.
    Wanted { sealed: usize },
    /// The terminal was empty; it may still bring something until then.
    Grace { until: Instant },
    /// All of it was read. Others may go on writing.
    Done,
}

impl Drain {
    /// Takes note of bytes that were read; says whether that was the last of the program's.
    pub(crate) fn sealed(&mut self, n: usize) -> bool {
        let Self::Wanted { sealed } = self else { return false };
        *sealed = sealed.saturating_add(n);
        let done = *sealed >= DRAIN_MAX;
        if done {
            *self = Self::Done;
        }
        done
    }
}

impl<S: Side> State<S> {
    /// The program of a channel has ended. Nothing more is written to its descriptors.
    pub(crate) fn exit(&mut self, channel: LocalId, exit: Exit) {
        let Some(attached) =
            self.attached.get_mut(&channel).filter(|attached| attached.stage == Stage::Attached)
        else {
            // Its descriptors never came, or the peer has closed the channel.
            self.detach(channel);
            self.tell(channel, &exit);
            let _ = self.connection.eof(channel);
            let _ = self.connection.close(channel);
            return;
        };
        if attached.exit.is_some() || attached.exit_told {
            return;
        }
        attached.exit = Some(exit);
        for stream in STREAMS {
            if let Some(source) = attached.sources.of_mut(stream) {
                source.drain = Drain::Wanted { sealed: 0 };
                // No event tells that there is nothing.
                let _ = self.connection.ready(channel, stream, true);
            }
        }
        self.stop_reading(channel);
        self.settle(channel);
        self.again = true;
    }

    /// A source had nothing to give; says whether that settles what its program wrote.
    pub(crate) fn ran_dry(&mut self, channel: LocalId, stream: Stream) -> bool {
        let now = self.now;
        let Some(attached) = self.attached.get_mut(&channel) else { return false };
        let terminal = attached.kind == Kind::Terminal;
        let Some(source) = attached.sources.of_mut(stream) else { return false };
        match source.drain {
            Drain::Wanted { .. } if terminal => {
                let until = now.checked_add(TERMINAL_GRACE).unwrap_or(now);
                source.drain = Drain::Grace { until };
                self.graces.set(until, channel);
                false
            }
            Drain::Grace { until } if now < until => false,
            Drain::Wanted { .. } | Drain::Grace { .. } => {
                source.drain = Drain::Done;
                true
            }
            Drain::No | Drain::Done => false,
        }
    }

    /// The grace of a terminal is over: it is read once more.
    pub(crate) fn grace_over(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get(&channel) else { return };
        for stream in STREAMS {
            if attached.sources.of(stream).is_some() {
                let _ = self.connection.ready(channel, stream, true);
            }
        }
    }

    /// All that a program wrote to a stream was read. A terminal ends with its program, whoever else has it open; a pipe
    /// goes on until nobody has.
    pub(crate) fn output_read(&mut self, channel: LocalId, stream: Stream) {
        if self.attached.get(&channel).is_some_and(|attached| attached.kind == Kind::Terminal) {
            self.drop_source(channel, stream);
        }
    }

    /// Says what can be said by now: EOF when all sources have ended, how the program ended when its output was read, CLOSE
    /// after both; of a socket, CLOSE when nothing more is written to it either.
    pub(crate) fn settle(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get_mut(&channel).filter(|at| at.stage == Stage::Attached) else {
            return;
        };
        let dry = attached.is_dry();
        if dry && !attached.ended {
            attached.ended = true;
            self.drained.push(channel);
            let _ = self.connection.eof(channel);
        }
        let read = attached.sources.all().into_iter().flatten().all(|source| source.drain == Drain::Done);
        if read && let Some(exit) = attached.exit.take() {
            attached.exit_told = true;
            self.tell(channel, &exit);
        }
        if self.attached.get(&channel).is_some_and(Attached::is_over) {
            let _ = self.connection.close(channel);
            self.detach(channel);
        }
    }

    /// Tells the peer how a program ended. A channel that is gone has nobody to be told.
    pub(crate) fn tell(&mut self, channel: LocalId, exit: &Exit) {
        let _ = match exit {
            Exit::Status(status) => self.connection.exit_status(channel, *status),
            Exit::Signal { name, core_dumped, message } => {
                let signal = Name::new(name).map_or(Signal::Term, Signal::from_name);
                self.connection.exit_signal(channel, signal, *core_dumped, message)
            }
        };
    }
}
