//! What an application has a connection do.

use std::time::{Duration, Instant};

use connection::{ChannelRequest, ChannelType, GlobalRequest, Grant, LocalId, Priority, Signal, Stream};
use transport::message::Debug;
use transport::{Reason, RekeyPolicy};
use wire::{Human, Outbox};

use crate::alive::Alive;
use crate::limits::COMMAND_ROOM;
use crate::side::Side;
use crate::{AlivePolicy, Connection, Error, Misuse};

/// Commands. Each says what was wrong with it and has then changed nothing. A channel that the peer has closed in the
/// meantime is [`connection::Misuse::UnknownChannel`], which is nobody's mistake.
impl<S: Side> Connection<S> {
    /// Asks the peer for a channel of `kind`, on which it may at first send what `grant` says. The answer comes as
    /// [`Opened`](connection::Event::Opened) or [`OpenFailed`](connection::Event::OpenFailed) with `tag`, which is any
    /// number but `u64::MAX`.
    ///
    /// # Errors
    /// [`Misuse`]: not logged in, no room now, too many channels.
    pub fn open(&mut self, kind: &ChannelType<'_>, grant: Grant, tag: u64) -> Result<LocalId, Misuse> {
        let (channels, out) = self.with_room()?;
        Ok(channels.open(kind, grant, tag, out)?)
    }

    /// Makes a request on a channel. With `want_reply` the reply comes as
    /// [`RequestReply`](connection::Event::RequestReply) with `tag`.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, no room now, too many requests without a reply.
    pub fn request(
        &mut self,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        want_reply: bool,
        tag: u64,
    ) -> Result<(), Misuse> {
        let (channels, out) = self.with_room()?;
        Ok(channels.request(channel, request, want_reply, tag, out)?)
    }

    /// Makes a request that belongs to no channel. With `want_reply` the reply comes as
    /// [`GlobalReply`](connection::Event::GlobalReply) with `tag`, which is any number but `u64::MAX`.
    ///
    /// # Errors
    /// [`Misuse`]: not logged in, no room now, too many requests without a reply.
    pub fn global(&mut self, request: &GlobalRequest<'_>, want_reply: bool, tag: u64) -> Result<(), Misuse> {
        let (channels, out) = self.with_room()?;
        Ok(channels.global(request, want_reply, tag, out)?)
    }

    /// Says that the application sends no more data on a channel. It goes out behind all data that was committed.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, or said before.
    pub fn eof(&mut self, channel: LocalId) -> Result<(), Misuse> {
        self.change(|channels| channels.eof(channel))
    }

    /// Closes a channel. CLOSE goes out behind data, exit status and EOF.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, or said before.
    pub fn close(&mut self, channel: LocalId) -> Result<(), Misuse> {
        self.change(|channels| channels.close(channel))
    }

    /// Has the answer to the peer's CLOSE wait for [`close`](Self::close), for what it sent before to reach its end. Sessions that
    /// the peer opened do so in any case.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel.
    pub fn await_close(&mut self, channel: LocalId) -> Result<(), Misuse> {
        self.change(|channels| channels.await_close(channel))
    }

    /// Tells the peer that the program of a session ended with `status`. All output must have been committed before.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, or the end was told before.
    pub fn exit_status(&mut self, channel: LocalId, status: u32) -> Result<(), Misuse> {
        self.change(|channels| channels.exit_status(channel, status))
    }

    /// Tells the peer that the program of a session was ended by a signal.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, or the end was told before.
    pub fn exit_signal(
        &mut self,
        channel: LocalId,
        signal: Signal<'_>,
        core_dumped: bool,
        message: &[u8],
    ) -> Result<(), Misuse> {
        self.change(|channels| channels.exit_signal(channel, signal, core_dumped, message))
    }

    /// Returns the credit of `bytes` bytes of a channel's data that have reached their end, and no earlier: this is the
    /// only thing that makes a peer wait for a slow reader.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel, or more than was delivered.
    pub fn consumed(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        self.change(|channels| channels.consumed(channel, bytes))
    }

    /// Sets how many bytes a channel's peer may be ahead of our reader.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel.
    pub fn set_window(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        self.change(|channels| channels.set_window(channel, bytes))
    }

    /// Lets the receive windows follow what was consumed since the last call, when `round_trip` is what a byte takes to the peer
    /// and back; the rules are [`channels::Connection::tune`](connection::Connection::tune)'s. To be called about once a round trip
    /// while data comes, by whoever knows; without it windows stay as they were granted.
    pub fn tune(&mut self, now: Instant, round_trip: Duration) {
        if let Some(channels) = &mut self.channels {
            channels.tune(now, round_trip);
        }
        self.pump();
    }

    /// Says that nothing reads a channel's data any more: what still comes is dropped.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel.
    pub fn stop_reading(&mut self, channel: LocalId) -> Result<(), Misuse> {
        self.change(|channels| channels.stop_reading(channel))
    }

    /// Says whether there is data to send on a stream of a channel, so that [`sendable`](Self::sendable) can name it.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel.
    pub fn ready(&mut self, channel: LocalId, stream: Stream, ready: bool) -> Result<(), Misuse> {
        self.change(|channels| channels.ready(channel, stream, ready))
    }

    /// Sets how urgent a channel's data is.
    ///
    /// # Errors
    /// [`Misuse`]: no such channel.
    pub fn set_priority(&mut self, channel: LocalId, priority: Priority) -> Result<(), Misuse> {
        self.change(|channels| channels.set_priority(channel, priority))
    }

    /// Replaces the keys soon, whatever the policy says; at once, when the user is in and none are being made.
    pub fn rekey(&mut self) {
        self.transport.rekey();
    }

    /// Changes when keys are replaced ([`transport::Config::rekey`]), for the keys in use too.
    pub fn set_rekey_policy(&mut self, policy: RekeyPolicy) {
        self.transport.set_rekey_policy(policy);
    }

    /// Changes whether the peer is asked for signs of life ([`Config::alive`](crate::Config::alive)). The time runs from the
    /// latest point that the connection was told of.
    pub fn set_alive_policy(&mut self, policy: Option<AlivePolicy>) {
        self.alive = Alive::new(policy);
        if self.channels.is_some() {
            self.alive.heard(self.now);
        }
    }

    /// Sends a ping; the pong comes as [`transport::Event::Pong`].
    ///
    /// # Errors
    /// Misuse, when the peer does not know pings, or there is no room.
    pub fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        if self.transport.reply_room() < COMMAND_ROOM {
            return Err(Misuse::NoRoom.into());
        }
        Ok(self.transport.ping(data)?)
    }

    /// Sends a line that the peer shows to who wants to know more (RFC 4253 §11.3).
    ///
    /// # Errors
    /// Misuse, when there is no room.
    pub fn debug(&mut self, text: &str) -> Result<(), Misuse> {
        if self.transport.reply_room() < COMMAND_ROOM.saturating_add(text.len()) {
            return Err(Misuse::NoRoom);
        }
        let (message, language) = (Human(text.as_bytes()), Human(b""));
        self.transport.send(&Debug { always_display: false, message, language });
        Ok(())
    }

    /// Ends the connection. Send what [`transmit`](Self::transmit) still holds, then close the socket.
    pub fn disconnect(&mut self, reason: Reason, text: &str) {
        self.transport.disconnect(reason, text);
        if let Some(error) = self.transport.error() {
            let error = Error::Transport(error.clone());
            self.end(error);
        }
    }

    /// Gives back the memory of buffers that hold nothing, and what receive windows have grown by. For connections that are
    /// idle.
    pub fn release(&mut self) {
        if let Some(channels) = &mut self.channels {
            channels.rest_windows();
        }
        self.transport.release();
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut connection::Connection) -> Result<(), connection::Misuse>,
    ) -> Result<(), Misuse> {
        change(self.channels.as_mut().ok_or(Misuse::NotLoggedIn)?)?;
        self.pump();
        Ok(())
    }
}
