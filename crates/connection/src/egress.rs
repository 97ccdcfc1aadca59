//! What is pulled when there is room to send: state messages, then data by the scheduler's choice.
//!
//! Interactive channels go before bulk ones, packet by packet in turn. Two bounds keep bulk alive: an interactive
//! channel that sends [`INTERACTIVE_BURST`](crate::limits::INTERACTIVE_BURST) without running dry takes its turn among
//! bulk until it does, and after [`INTERACTIVE_RUN`] bytes of interactive data one bulk packet passes in any case.
//! Bulk channels take turns of [`BULK_TURN`] bytes, so that a packet's worth of waiting, not a window's, lies between.

use wire::{Encode, Message, Outbox, SliceSink};

use crate::channel::{Due, Lane};
use crate::incoming::EXTENDED_STDERR;
use crate::limits::{BULK_TURN, INTERACTIVE_RUN};
use crate::message::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelWindowAdjust, SendRequest,
};
use crate::{ChannelRequest, Connection, LocalId, Misuse, Stream};

impl Connection {
    /// Sends one message of state, of the channel that has waited longest, if there is one to send; returns whether
    /// there was. Call it while there is room, before data.
    pub fn next_control(&mut self, out: &mut impl Outbox) -> bool {
        while let Some(slot) = self.due.front().filter(|_| self.failed.is_none()) {
            self.due.remove(slot);
            let Some(channel) = self.channels.id_of(slot) else { continue };
            let Ok(open) = self.open_channel_mut(channel) else { continue };
            let recipient = open.remote.0;
            let due = open.take_due();
            match &due {
                None => continue,
                Some(Due::Adjust(bytes)) => out.send(&ChannelWindowAdjust { recipient, bytes: *bytes }),
                Some(Due::Eow) => {
                    out.send(&SendRequest { recipient, request: &ChannelRequest::Eow, want_reply: false });
                }
                Some(Due::Eof) => out.send(&ChannelEof { recipient }),
                Some(Due::Exit(exit)) => {
                    out.send(&SendRequest { recipient, request: &exit.request(), want_reply: false });
                }
                Some(Due::Close) => out.send(&ChannelClose { recipient }),
            }
            self.settle(channel);
            return true;
        }
        false
    }

    /// Whether [`next_control`](Self::next_control) may have something to send.
    #[must_use]
    pub fn has_control(&self) -> bool {
        !self.due.is_empty() && self.failed.is_none()
    }

    /// Whose data goes next: a channel that is [`ready`](Self::ready) and has window. The same one is named until data
    /// was sent or it is no longer ready, so an application that finds nothing to send must say so.
    #[must_use]
    pub fn sendable(&self) -> Option<(LocalId, Stream)> {
        let slot = match (self.interactive.front(), self.bulk.front()) {
            (Some(_), Some(bulk)) if self.interactive_run >= INTERACTIVE_RUN => bulk,
            (Some(interactive), _) => interactive,
            (None, Some(bulk)) => bulk,
            (None, None) => return None,
        };
        if self.failed.is_some() {
            return None;
        }
        let channel = self.channels.id_of(slot)?;
        let stream = self.open_channel(channel).ok()?.next_stream()?;
        Some((channel, stream))
    }

    /// Bytes of data that the next message of `channel` may carry: what the peer's window and both sides' packet size
    /// allow; 0 when nothing may be sent.
    #[must_use]
    pub fn data_budget(&self, channel: LocalId) -> u32 {
        self.open_channel(channel).map_or(0, |open| open.budget())
    }

    /// Writes what stands before `bytes` bytes of data to the start of `room`, and returns its length, which is
    /// [`Stream::header_len`]. The window is not touched.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open, `room` is too small, or `bytes` is over the
    /// [`data_budget`](Self::data_budget).
    pub fn data_header(
        &self,
        channel: LocalId,
        stream: Stream,
        bytes: u32,
        room: &mut [u8],
    ) -> Result<usize, Misuse> {
        let open = self.open_channel(channel)?;
        if bytes > open.budget() {
            return Err(Misuse::OverBudget);
        }
        let mut sink = SliceSink::new(room);
        match stream {
            Stream::Data => {
                ChannelData::NUMBER.encode(&mut sink);
                open.remote.0.encode(&mut sink);
            }
            Stream::Stderr => {
                ChannelExtendedData::NUMBER.encode(&mut sink);
                open.remote.0.encode(&mut sink);
                EXTENDED_STDERR.encode(&mut sink);
            }
        }
        bytes.encode(&mut sink);
        if sink.overflowed() { Err(Misuse::NoRoom) } else { Ok(sink.written()) }
    }

    /// Takes note that a message with `bytes` of data was sent: they leave the window, and the turn may pass on.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open, or `bytes` is over the [`data_budget`](Self::data_budget). Nothing
    /// must have been sent then.
    pub fn data_sent(&mut self, channel: LocalId, stream: Stream, bytes: u32) -> Result<(), Misuse> {
        let open = self.open_channel_mut(channel)?;
        if !open.may_send() {
            return Err(Misuse::AfterEof);
        }
        open.send.take(bytes).ok_or(Misuse::OverBudget)?;
        let lane = open.lane;
        let turn_over = open.sent(stream, bytes, BULK_TURN);
        match lane {
            Lane::Idle => {}
            Lane::Interactive => {
                let waiting = !self.bulk.is_empty();
                self.interactive_run = if waiting { self.interactive_run.saturating_add(bytes) } else { 0 };
                self.interactive.rotate(channel.slot());
            }
            Lane::Bulk => {
                self.interactive_run = 0;
                if turn_over {
                    self.bulk.rotate(channel.slot());
                }
            }
        }
        self.settle(channel);
        Ok(())
    }
}
