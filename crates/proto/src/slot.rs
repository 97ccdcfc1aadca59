//! Sending data without copying it: the application fills the packet that will be sealed.

use connection::{LocalId, Stream};
use transport::Frame;

use crate::side::Side;
use crate::{Connection, Misuse};

/// Room for the data of one packet, inside the packet. Read a pipe, a pty or a socket into [`room`](Self::room), then
/// [`commit`](Self::commit) what was read; dropping it sends nothing.
#[must_use]
pub struct Slot<'c> {
    frame: Frame<'c>,
    channels: &'c mut connection::Connection,
    channel: LocalId,
    stream: Stream,
}

impl<S: Side> Connection<S> {
    /// Whose data goes next: a channel and stream that is [`ready`](Self::ready), whose window is open, while there is
    /// room ahead of the socket. Interactive channels come first, bulk ones in turn. The same one is named until data
    /// was committed, or it is said not to be ready.
    #[must_use]
    pub fn sendable(&self) -> Option<(LocalId, Stream)> {
        if self.error().is_none() && self.transport.may_frame() {
            self.channels.as_ref()?.sendable()
        } else {
            None
        }
    }

    /// Room for up to `max` bytes of data on a channel's stream, or none: no such channel, its window is closed, keys
    /// are being replaced, or enough is sealed ahead of the socket.
    pub fn slot(&mut self, channel: LocalId, stream: Stream, max: usize) -> Option<Slot<'_>> {
        if self.error().is_some() {
            return None;
        }
        let channels = self.channels.as_mut()?;
        let budget = usize::try_from(channels.data_budget(channel)).unwrap_or(usize::MAX).min(max);
        if budget == 0 {
            return None;
        }
        let frame = self.transport.frame(stream.header_len().saturating_add(budget))?;
        Some(Slot { frame, channels, channel, stream })
    }
}

impl Slot<'_> {
    /// The room. It holds whatever was there before.
    pub fn room(&mut self) -> &mut [u8] {
        self.frame.payload().get_mut(self.stream.header_len()..).unwrap_or_default()
    }

    /// Sends the first `n` bytes of the room; nothing, when `n` is 0.
    ///
    /// # Errors
    /// [`Misuse`], when `n` is more than the room holds. Nothing is sent then.
    pub fn commit(mut self, n: usize) -> Result<(), Misuse> {
        if n == 0 {
            return Ok(());
        }
        if n > self.room().len() {
            return Err(connection::Misuse::OverBudget.into());
        }
        let bytes = u32::try_from(n).unwrap_or(u32::MAX);
        let header = self.channels.data_header(self.channel, self.stream, bytes, self.frame.payload())?;
        self.channels.data_sent(self.channel, self.stream, bytes)?;
        self.frame.commit(header.saturating_add(n));
        Ok(())
    }
}
