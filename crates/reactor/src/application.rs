use proto::channels::{LocalId, Stream};
use proto::{Event, Side};

use crate::{Io, TimerId, WatchId};

/// What a [`Driver`](crate::Driver) calls. Nothing here may wait: whatever takes time is watched, and answered when it is
/// there.
pub trait Application {
    /// The side of the connection that it is.
    type Side: Side;

    /// The loop begins.
    fn start(&mut self, io: &mut Io<'_, Self::Side>) {
        let _ = io;
    }

    /// Something happened. Data and EOF of channels that are held or have descriptors attached do not come here: the loop
    /// has moved them. When CLOSE comes here, nothing is attached any more, but for descriptors of pipes to which data still
    /// waits to be written.
    fn event(&mut self, io: &mut Io<'_, Self::Side>, event: &Event<'_, Self::Side>);

    /// Something is asked. The question's ticket may be kept.
    fn question(&mut self, io: &mut Io<'_, Self::Side>, question: <Self::Side as Side>::Question<'_>);

    /// A watched descriptor may be read. It is to be read until it has nothing, or [`Io::again`] called: there will be no
    /// other event for what is there now.
    fn readable(&mut self, io: &mut Io<'_, Self::Side>, watch: WatchId);

    /// A watched descriptor may be written to again.
    fn writable(&mut self, io: &mut Io<'_, Self::Side>, watch: WatchId) {
        let _ = (io, watch);
    }

    /// A timer's time has come; it is no longer set.
    fn timer(&mut self, io: &mut Io<'_, Self::Side>, timer: TimerId) {
        let _ = (io, timer);
    }

    /// All sources that were attached to a channel have ended, and EOF was said.
    fn drained(&mut self, io: &mut Io<'_, Self::Side>, channel: LocalId) {
        let _ = (io, channel);
    }

    /// A stream can be sent on which the application itself has said to be ready
    /// ([`proto::Connection::ready`]), and has the data: nothing is attached there. One packet is to be filled by
    /// [`proto::Connection::slot`]; who sends nothing here is taken to be no longer ready.
    fn sendable(&mut self, io: &mut Io<'_, Self::Side>, channel: LocalId, stream: Stream) {
        let _ = (io, channel, stream);
    }
}
