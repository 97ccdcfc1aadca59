//! What the application wants and answers.

use wire::{Outbox, Rest};

use crate::channel::{Channel, ExpectConfirmation, Outstanding, Receiving};
use crate::connection::beyond_smallest;
use crate::exit::Exit;
use crate::incoming::send_refusal;
use crate::limits::{GLOBAL_REPLY_MAX, OUTSTANDING_REQUESTS_MAX};
use crate::message::{ChannelOpenConfirmation, SendGlobal, SendOpen, SendRequest};
use crate::{
    ChannelRequest, ChannelType, Connection, GlobalId, GlobalRequest, Grant, LocalId, Misuse, OpenId,
    OpenRefusal, Priority, RequestId, Signal, Stream,
};

/// Opening and questions.
impl Connection {
    /// Asks the peer for a channel. [`Event::Opened`](crate::Event::Opened) or
    /// [`Event::OpenFailed`](crate::Event::OpenFailed) with `tag` will follow. Allocates.
    ///
    /// # Errors
    /// [`Misuse::TooManyChannels`] beyond [`Config::channels_max`](crate::Config::channels_max).
    pub fn open(
        &mut self,
        kind: &ChannelType<'_>,
        grant: Grant,
        tag: u64,
        out: &mut impl Outbox,
    ) -> Result<LocalId, Misuse> {
        let expected = ExpectConfirmation { tag, grant, abandoned: false, priority: None };
        let channel = self.add(Channel::ExpectConfirmation(expected)).ok_or(Misuse::TooManyChannels)?;
        let (window, max_packet) = (grant.window, grant.max_packet);
        // From now on the peer may take it, whenever it answers.
        self.granted = self.granted.saturating_add(u64::from(beyond_smallest(window)));
        out.send(&SendOpen { kind, sender: channel.number(), window, max_packet });
        Ok(channel)
    }

    /// Answers the peer's open. An application that does not know what to say says [`OpenRefusal::PROHIBITED`].
    /// Allocates.
    ///
    /// # Errors
    /// [`Misuse::NoSuchQuestion`] when it was answered before.
    pub fn answer_open(
        &mut self,
        id: OpenId,
        answer: Result<Grant, OpenRefusal<'_>>,
        out: &mut impl Outbox,
    ) -> Result<(), Misuse> {
        let channel = id.0;
        let asked = match self.channels.get(channel) {
            Some(Channel::AwaitAnswer(asked)) => *asked,
            Some(Channel::ExpectConfirmation(_) | Channel::Open(_)) | None => {
                return Err(Misuse::NoSuchQuestion);
            }
        };
        let remote = asked.remote;
        match answer {
            Ok(grant) => {
                let open = asked.granted(grant);
                self.pending_opens = self.pending_opens.saturating_sub(1);
                out.send(&ChannelOpenConfirmation {
                    recipient: remote.0,
                    sender: channel.number(),
                    window: grant.window,
                    max_packet: grant.max_packet,
                    data: Rest(&[]),
                });
                self.become_open(channel, open);
            }
            Err(refusal) => {
                send_refusal(remote, refusal, out);
                self.forget(channel);
            }
        }
        Ok(())
    }

    /// Answers a request. The reply goes out when all earlier ones of the channel have, or not at all when our CLOSE
    /// has gone out before; both are fine. At most [`PENDING_REQUESTS_MAX`](crate::limits::PENDING_REQUESTS_MAX) replies
    /// of five bytes go out with it, those that waited for this one.
    ///
    /// # Errors
    /// [`Misuse::NoSuchQuestion`] when it was answered before; [`Misuse::UnknownChannel`] when the channel is gone.
    pub fn answer_request(&mut self, id: RequestId, ok: bool, out: &mut impl Outbox) -> Result<(), Misuse> {
        let open = self.open_channel_mut(id.channel)?;
        open.owed.answer(id.serial, ok)?;
        if open.pty_asked == Some(id.serial) {
            open.pty_asked = None;
            open.terminal |= ok;
        }
        self.flush_replies(id.channel, out);
        self.settle(id.channel);
        Ok(())
    }

    /// Answers a global request: with the data of a grant, which most requests leave empty, or `None` to refuse.
    /// The reply goes out when all earlier ones have, and with it those that waited for it. Allocates for the data.
    ///
    /// # Errors
    /// [`Misuse::NoSuchQuestion`] when it was answered before; [`Misuse::ReplyTooLong`] over [`GLOBAL_REPLY_MAX`].
    pub fn answer_global(
        &mut self,
        id: GlobalId,
        answer: Option<&[u8]>,
        out: &mut impl Outbox,
    ) -> Result<(), Misuse> {
        if answer.is_some_and(|data| data.len() > GLOBAL_REPLY_MAX) {
            return Err(Misuse::ReplyTooLong);
        }
        self.global_owed.answer(id.0, answer.map(<[u8]>::to_vec))?;
        self.flush_global_replies(out);
        Ok(())
    }

    /// Makes a request on a channel. With `want_reply`, [`Event::RequestReply`](crate::Event::RequestReply) with `tag`
    /// will follow, or the channel's end.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open or is closing, or over
    /// [`OUTSTANDING_REQUESTS_MAX`] requests wait for replies.
    pub fn request(
        &mut self,
        channel: LocalId,
        request: &ChannelRequest<'_>,
        want_reply: bool,
        tag: u64,
        out: &mut impl Outbox,
    ) -> Result<(), Misuse> {
        let open = self.open_channel_mut(channel)?;
        if open.sending.is_closing() || open.receiving == Receiving::Closed {
            return Err(Misuse::AfterClose);
        }
        let pty = matches!(request, ChannelRequest::PtyReq { .. });
        if want_reply {
            if open.outstanding.len() >= OUTSTANDING_REQUESTS_MAX {
                return Err(Misuse::TooManyOutstanding);
            }
            open.outstanding.push_back(Outstanding { tag, pty });
        } else {
            open.terminal |= pty;
        }
        out.send(&SendRequest { recipient: open.remote.0, request, want_reply });
        self.settle(channel);
        Ok(())
    }

    /// Makes a global request. With `want_reply`, [`Event::GlobalReply`](crate::Event::GlobalReply) with `tag` will
    /// follow.
    ///
    /// # Errors
    /// [`Misuse::TooManyOutstanding`] when over [`OUTSTANDING_REQUESTS_MAX`] wait for replies.
    pub fn global(
        &mut self,
        request: &GlobalRequest<'_>,
        want_reply: bool,
        tag: u64,
        out: &mut impl Outbox,
    ) -> Result<(), Misuse> {
        if want_reply {
            if self.global_outstanding.len() >= OUTSTANDING_REQUESTS_MAX {
                return Err(Misuse::TooManyOutstanding);
            }
            self.global_outstanding.push_back(tag);
        }
        out.send(&SendGlobal { request, want_reply });
        Ok(())
    }
}

/// State of a channel, said to the peer when it is pulled.
impl Connection {
    /// The program ended with `status`. Its output must have been sent before. Allocates nothing.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open or is closing, or the end was given before.
    pub fn exit_status(&mut self, channel: LocalId, status: u32) -> Result<(), Misuse> {
        self.exit(channel, Exit::Status(status))
    }

    /// The program was ended by a signal. `message` is cut at
    /// [`EXIT_MESSAGE_MAX`](crate::limits::EXIT_MESSAGE_MAX) bytes. Allocates.
    ///
    /// # Errors
    /// As [`exit_status`](Self::exit_status).
    pub fn exit_signal(
        &mut self,
        channel: LocalId,
        signal: Signal<'_>,
        core_dumped: bool,
        message: &[u8],
    ) -> Result<(), Misuse> {
        self.exit(channel, Exit::by_signal(signal, core_dumped, message))
    }

    fn exit(&mut self, channel: LocalId, exit: Exit) -> Result<(), Misuse> {
        self.open_channel_mut(channel)?.set_exit(exit)?;
        self.settle(channel);
        Ok(())
    }

    /// There is no more data to send, on any stream. Requests may still pass.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open, or EOF or CLOSE was asked for before.
    pub fn eof(&mut self, channel: LocalId) -> Result<(), Misuse> {
        let open = self.open_channel_mut(channel)?;
        open.sending = open.sending.eof()?;
        self.settle(channel);
        Ok(())
    }

    /// We are done with the channel: nothing more is sent but what was asked for before (EOF, exit status). Data, EOF
    /// and requests that want a reply are dropped when they arrive; requests that want none, such as the exit status,
    /// are still told. [`Event::Closed`](crate::Event::Closed) follows when the peer's CLOSE has not come yet.
    /// Of a channel whose opening is not confirmed yet, the opening is waited for, then it is closed.
    ///
    /// # Errors
    /// [`Misuse`] when the channel does not exist, waits for our own answer, or was closed before.
    pub fn close(&mut self, channel: LocalId) -> Result<(), Misuse> {
        match self.channels.get_mut(channel) {
            None => return Err(Misuse::UnknownChannel),
            Some(Channel::AwaitAnswer(_)) => return Err(Misuse::NotOpen),
            Some(Channel::ExpectConfirmation(expected)) => {
                if std::mem::replace(&mut expected.abandoned, true) {
                    return Err(Misuse::AfterClose);
                }
            }
            Some(Channel::Open(open)) => {
                if open.sending.is_closing() {
                    return Err(Misuse::AfterClose);
                }
                open.sending = open.sending.close();
            }
        }
        self.settle(channel);
        Ok(())
    }

    /// Has our CLOSE wait for [`close`](Self::close) even when the peer's has come, as that of a session that the peer asked for
    /// does: what the peer sent before it is still on its way to where it belongs, and until it is there the channel counts.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open.
    pub fn await_close(&mut self, channel: LocalId) -> Result<(), Misuse> {
        self.open_channel_mut(channel)?.waits_for_close = true;
        Ok(())
    }

    /// The application is done with `bytes` of what was delivered, on whichever stream: the two share one window.
    ///
    /// # Errors
    /// [`Misuse::OverConsumed`] for more than was delivered; [`Misuse`] when the channel is not open any more, which
    /// is no reason to worry.
    pub fn consumed(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        let open = self.open_channel_mut(channel)?;
        if !open.deaf {
            open.receive.consume(bytes).ok_or(Misuse::OverConsumed)?;
            self.tuned.push(channel.slot());
        }
        self.settle(channel);
        Ok(())
    }

    /// Sets how many bytes may be on their way to us or delivered and not consumed. More is given at once, less when
    /// what was given before has been used up.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open.
    pub fn set_window(&mut self, channel: LocalId, bytes: u32) -> Result<(), Misuse> {
        self.open_channel_mut(channel)?.receive.set_target(bytes);
        self.settle(channel);
        Ok(())
    }

    /// The application reads no more. All that was delivered counts as consumed, and what still comes is dropped and
    /// its credit given back, so that the peer does not hang; it is told with `eow@openssh.com` if
    /// [`Config::send_eow`](crate::Config::send_eow). Once is enough.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open.
    pub fn stop_reading(&mut self, channel: LocalId) -> Result<(), Misuse> {
        let tell = self.config.send_eow;
        self.open_channel_mut(channel)?.stop_reading(tell);
        self.settle(channel);
        Ok(())
    }

    /// The application has data to send on `stream`, or has none for now. Saying none tells the scheduler that the
    /// channel ran dry.
    ///
    /// # Errors
    /// [`Misuse`] when the channel is not open.
    pub fn ready(&mut self, channel: LocalId, stream: Stream, ready: bool) -> Result<(), Misuse> {
        self.open_channel_mut(channel)?.set_ready(stream, ready);
        self.settle(channel);
        Ok(())
    }

    /// Sets how urgent the channel's data is. Without it, a channel with a granted `pty-req`, or one on which a
    /// `window-change` came, is interactive and every other one bulk. A channel that is not yet confirmed can have
    /// its priority set too.
    ///
    /// # Errors
    /// [`Misuse`] when the channel does not exist or waits for our own answer.
    pub fn set_priority(&mut self, channel: LocalId, priority: Priority) -> Result<(), Misuse> {
        match self.channels.get_mut(channel) {
            None => return Err(Misuse::UnknownChannel),
            Some(Channel::AwaitAnswer(_)) => return Err(Misuse::NotOpen),
            Some(Channel::ExpectConfirmation(expected)) => expected.priority = Some(priority),
            Some(Channel::Open(open)) => open.chosen = Some(priority),
        }
        self.settle(channel);
        Ok(())
    }
}
