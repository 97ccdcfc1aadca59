use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use proto::channels::LocalId;
use proto::{Connection, Side};

use crate::attachment::Attachment;
use crate::descriptors::{Readiness, WatchId};
use crate::ending::Exit;
use crate::state::{ServiceClasses, State};
use crate::timers::TimerId;

/// What an application has the loop do, while the loop calls it.
pub struct Io<'a, S: Side> {
    state: &'a mut State<S>,
}

impl<'a, S: Side> Io<'a, S> {
    pub(crate) fn new(state: &'a mut State<S>) -> Self {
        Self { state }
    }
}

impl<S: Side> Io<'_, S> {
    /// The connection: answers, commands, and what there is to look at.
    ///
    /// Of channels that are held or attached, the loop itself calls `ready`, `slot`, `consumed`, `stop_reading` and `eof`.
    #[must_use]
    pub fn connection(&mut self) -> &mut Connection<S> {
        &mut self.state.connection
    }

    /// The time at which the loop's turn began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.state.now
    }

    /// Tells [`Application::readable`](crate::Application::readable) and
    /// [`Application::writable`](crate::Application::writable) of a descriptor from now on, first of what is there already.
    /// It stays the caller's, who must call [`unwatch`](Self::unwatch) before closing it.
    ///
    /// # Errors
    /// What epoll says; `Unsupported` for what is always ready, such as a file.
    pub fn watch(&mut self, fd: impl AsFd) -> io::Result<WatchId> {
        self.state.descriptors.watch(fd.as_fd()).map(WatchId)
    }

    /// Ends [`watch`](Self::watch).
    pub fn unwatch(&mut self, watch: WatchId) {
        self.state.descriptors.release(watch.0);
    }

    /// Has [`Application::readable`](crate::Application::readable) called again, after others had a turn.
    pub fn again(&mut self, watch: WatchId) {
        self.state.descriptors.mark(watch.0, Readiness { readable: true, ..Readiness::default() });
    }

    /// Has [`Application::timer`](crate::Application::timer) called once, at `at` or a moment later.
    pub fn set_timer(&mut self, at: Instant) -> TimerId {
        self.state.timers.set(at, ())
    }

    /// Takes a timer back; one whose time has come, or that was taken back before, is left alone.
    pub fn cancel_timer(&mut self, timer: TimerId) {
        self.state.timers.cancel(timer);
    }

    /// Keeps the data and EOF of a channel until descriptors are attached, for clients that begin to send before their
    /// program runs. What is kept is bounded by the channel's window.
    pub fn hold(&mut self, channel: LocalId) {
        self.state.hold(channel);
    }

    /// Attaches descriptors to an open channel; from now on the loop moves its data. They are made non-blocking. When all
    /// sources have ended, or there are none, EOF is said.
    ///
    /// To be called once for a channel, and not after its [`Closed`](proto::channels::Event::Closed).
    ///
    /// # Errors
    /// What `fcntl` and epoll say. The descriptors are closed then, and so is the channel, which is all that this costs.
    pub fn attach(&mut self, channel: LocalId, attachment: Attachment) -> io::Result<()> {
        self.state.attach(channel, attachment)
    }

    /// Closes the descriptors of a channel, or ends [`hold`](Self::hold); what waits there is dropped. The channel stays open.
    pub fn detach(&mut self, channel: LocalId) {
        self.state.detach(channel);
    }

    /// When data last moved on a channel that is held or attached, in either direction; at first, when that began. It is as exact
    /// as the loop's turns.
    #[must_use]
    pub fn idle_since(&self, channel: LocalId) -> Option<Instant> {
        self.state.idle_since(channel)
    }

    /// The terminal that is attached to a channel.
    #[must_use]
    pub fn terminal(&self, channel: LocalId) -> Option<BorrowedFd<'_>> {
        self.state.terminal(channel)
    }

    /// Sets the service classes of the packets that go to the peer, the byte in their header whose upper six bits are the DSCP: the
    /// second one while a channel is open that is bulk ([`Priority`](proto::channels::Priority)), since what is marked as urgent has
    /// to be little; the first one otherwise, from now on. `None` is the kernel's own, which is 0. Without this, and on what is no
    /// socket of the Internet, nothing is set.
    pub fn set_service_classes(&mut self, interactive: Option<u8>, bulk: Option<u8>) {
        self.state.classes = ServiceClasses { interactive, bulk };
    }

    /// Says that the program of a channel has ended. Nothing more is written to its descriptors. How it ended is told when
    /// all that it wrote has gone out, whether or not somebody else keeps its outputs open; EOF when every output has ended,
    /// as a terminal does with its program; CLOSE after both.
    ///
    /// On a channel without descriptors, or one that the peer has closed, all of it is said at once. The first call counts.
    pub fn exit(&mut self, channel: LocalId, exit: Exit) {
        self.state.exit(channel, exit);
    }

    /// Ends the loop, after what was sealed is sent; that takes [`LAST_WORDS`](crate::limits::LAST_WORDS) at most.
    pub fn stop(&mut self) {
        self.state.stopped = true;
    }
}
