//! The peer's messages.

use wire::{Human, Message, Outbox, Role, WireError};

use crate::channel::{AwaitAnswer, Channel, OpenChannel, Receiving, Sending};
use crate::connection::beyond_smallest;
use crate::id::Found;
use crate::limits::{
    PEER_PACKET_MIN, PENDING_GLOBALS_MAX, PENDING_OPENS_MAX, PENDING_REQUESTS_MAX, PENDING_REQUESTS_TOTAL_MAX,
};
use crate::message::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestFrame, ChannelSuccess, ChannelWindowAdjust,
    GlobalRequestFrame, RequestFailure, RequestSuccess,
};
use crate::window::SendWindow;
use crate::{
    Ask, ChannelRequest, ChannelType, Connection, Error, Event, GlobalId, GlobalRequest, LocalId, Malformed,
    Misbehaviour, OpenId, OpenReason, OpenRefusal, Output, RemoteId, RequestId, Stream,
};

/// The data type code of standard error (RFC 4254 §5.2).
pub(crate) const EXTENDED_STDERR: u32 = 1;

impl Connection {
    /// Takes one message of the peer: its whole payload, number first. Replies that need no answer of the application
    /// go to `out`: at most one, of less than a hundred bytes.
    ///
    /// # Errors
    /// The connection is to be ended with the [`Error`], which every later call gives again; but
    /// [`Error::Unimplemented`] is to be answered with UNIMPLEMENTED.
    pub fn handle<'b>(&mut self, payload: &'b [u8], out: &mut impl Outbox) -> Result<Output<'b>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.dispatch(payload, out);
        if let Err(error @ (Error::Malformed(_) | Error::Misbehaved(_))) = &result {
            self.failed = Some(*error);
        }
        result
    }

    fn dispatch<'b>(&mut self, payload: &'b [u8], out: &mut impl Outbox) -> Result<Output<'b>, Error> {
        let Some(number) = payload.first() else {
            return Err(Error::Malformed(WireError::Truncated { needed: 1, left: 0 }));
        };
        match *number {
            ChannelData::NUMBER => {
                let message = ChannelData::from_payload(payload)?;
                self.on_data(message.recipient, Some(Stream::Data), message.data.0)
            }
            ChannelWindowAdjust::NUMBER => self.on_adjust(ChannelWindowAdjust::from_payload(payload)?),
            ChannelExtendedData::NUMBER => {
                let message = ChannelExtendedData::from_payload(payload)?;
                let stream = (message.data_type == EXTENDED_STDERR).then_some(Stream::Stderr);
                self.on_data(message.recipient, stream, message.data.0)
            }
            ChannelEof::NUMBER => self.on_eof(ChannelEof::from_payload(payload)?),
            ChannelClose::NUMBER => self.on_close(ChannelClose::from_payload(payload)?),
            ChannelRequestFrame::NUMBER => self.on_request(ChannelRequestFrame::from_payload(payload)?, out),
            ChannelSuccess::NUMBER => self.on_reply(ChannelSuccess::from_payload(payload)?.recipient, true),
            ChannelFailure::NUMBER => self.on_reply(ChannelFailure::from_payload(payload)?.recipient, false),
            ChannelOpen::NUMBER => self.on_open(ChannelOpen::from_payload(payload)?, out),
            ChannelOpenConfirmation::NUMBER => {
                self.on_confirmation(ChannelOpenConfirmation::from_payload(payload)?)
            }
            ChannelOpenFailure::NUMBER => self.on_open_failure(ChannelOpenFailure::from_payload(payload)?),
            GlobalRequestFrame::NUMBER => self.on_global(GlobalRequestFrame::from_payload(payload)?, out),
            RequestSuccess::NUMBER => {
                self.on_global_reply(Some(RequestSuccess::from_payload(payload)?.data.0))
            }
            RequestFailure::NUMBER => {
                RequestFailure::from_payload(payload)?;
                self.on_global_reply(None)
            }
            unknown => Err(Error::Unimplemented(unknown)),
        }
    }

    fn on_data<'b>(
        &mut self,
        recipient: u32,
        stream: Option<Stream>,
        data: &'b [u8],
    ) -> Result<Output<'b>, Error> {
        let (channel, open) = self.addressed_open(recipient)?;
        open.receiving.data()?;
        let bytes = open.receive.receive(data.len())?;
        if let Some(stream) = stream
            && !open.deaf
            && !open.sending.is_closing()
        {
            // An empty message is legal and means nothing; passing it on would invite to take it for the end.
            let event = Event::Data { channel, stream, data };
            return Ok(if data.is_empty() { Output::Nothing } else { Output::Event(event) });
        }
        // Nobody will read it: it counts, and its room goes back at once.
        let _ = open.receive.consume(bytes);
        self.settle(channel);
        Ok(Output::Nothing)
    }

    /// Whether `recipient` is a channel that the peer has closed. Some send what they send by a timer or as
    /// bookkeeping even then, as OpenSSH does with `keepalive@openssh.com` and window adjustments; that is harmless.
    fn is_past(&self, recipient: u32) -> bool {
        match self.channels.find(recipient) {
            Found::Live(id) => self.open_channel(id).is_ok_and(|open| open.receiving == Receiving::Closed),
            Found::Past => true,
            Found::Never => false,
        }
    }

    fn on_adjust(&mut self, message: ChannelWindowAdjust) -> Result<Output<'static>, Error> {
        if self.is_past(message.recipient) {
            return Ok(Output::Nothing);
        }
        let (channel, open) = self.addressed_open(message.recipient)?;
        open.send.add(message.bytes)?;
        let useful = open.may_send() && message.bytes > 0;
        self.settle(channel);
        Ok(if useful { Output::Event(Event::WindowAdjusted { channel }) } else { Output::Nothing })
    }

    fn on_eof(&mut self, message: ChannelEof) -> Result<Output<'static>, Error> {
        let (channel, open) = self.addressed_open(message.recipient)?;
        open.receiving = open.receiving.eof()?;
        let told = !open.sending.is_closing();
        Ok(if told { Output::Event(Event::Eof { channel }) } else { Output::Nothing })
    }

    fn on_close(&mut self, message: ChannelClose) -> Result<Output<'static>, Error> {
        let (channel, open) = self.addressed_open(message.recipient)?;
        open.receiving = open.receiving.close()?;
        if !open.waits_for_close {
            open.sending = open.sending.close();
        }
        self.settle(channel);
        Ok(Output::Event(Event::Closed { channel }))
    }

    fn on_request<'b>(
        &mut self,
        frame: ChannelRequestFrame<'b>,
        out: &mut impl Outbox,
    ) -> Result<Output<'b>, Error> {
        if self.is_past(frame.recipient) {
            return Ok(Output::Nothing);
        }
        let total = self.pending_requests;
        let (channel, open) = self.addressed_open(frame.recipient)?;
        if open.sending.is_closing() && frame.want_reply {
            // Nothing may follow our CLOSE. What wants no reply is still told: it may be the exit status, of a program
            // that outlived our interest.
            return Ok(Output::Nothing);
        }
        if frame.want_reply
            && (open.owed.len() >= PENDING_REQUESTS_MAX || total >= PENDING_REQUESTS_TOTAL_MAX)
        {
            return Err(Misbehaviour::TooManyRequests.into());
        }
        let request = match ChannelRequest::parse(frame.name, frame.data.0) {
            Ok(request) => request,
            Err(error) => {
                self.reply_at_once(channel, frame.want_reply, out);
                let what = Malformed::Request(channel);
                return Ok(Output::Event(Event::Malformed { what, name: frame.name, error }));
            }
        };
        if matches!(request, ChannelRequest::Keepalive) {
            self.reply_at_once(channel, frame.want_reply, out);
            return Ok(Output::Nothing);
        }
        if matches!(request, ChannelRequest::Eow) {
            self.reply_at_once(channel, frame.want_reply, out);
            return Ok(Output::Event(Event::Eow { channel }));
        }
        open.terminal |= matches!(request, ChannelRequest::WindowChange { .. });
        open.in_use |= matches!(
            request,
            ChannelRequest::Shell | ChannelRequest::Exec { .. } | ChannelRequest::Subsystem { .. }
        );
        if !frame.want_reply {
            self.settle(channel);
            return Ok(Output::Event(Event::Request { channel, request }));
        }
        let serial = open.owed.ask();
        if matches!(request, ChannelRequest::PtyReq { .. }) {
            open.pty_asked = Some(serial);
        }
        self.pending_requests = self.pending_requests.saturating_add(1);
        self.settle(channel);
        Ok(Output::Ask(Ask::Request { id: RequestId { channel, serial }, channel, request }))
    }

    /// Refuses a request about which nobody has to be asked, when its turn comes.
    fn reply_at_once(&mut self, channel: LocalId, want_reply: bool, out: &mut impl Outbox) {
        if want_reply && let Ok(open) = self.open_channel_mut(channel) {
            open.owed.known(false);
            self.pending_requests = self.pending_requests.saturating_add(1);
            self.flush_replies(channel, out);
        }
    }

    /// Sends the replies of a channel whose turn has come.
    pub(crate) fn flush_replies(&mut self, channel: LocalId, out: &mut impl Outbox) {
        let Some(Channel::Open(open)) = self.channels.get_mut(channel) else { return };
        while let Some(ok) = open.owed.pop() {
            self.pending_requests = self.pending_requests.saturating_sub(1);
            let recipient = open.remote.0;
            if open.sending == Sending::Closed {
                continue;
            }
            if ok {
                out.send(&ChannelSuccess { recipient });
            } else {
                out.send(&ChannelFailure { recipient });
            }
        }
    }

    fn on_reply(&mut self, recipient: u32, ok: bool) -> Result<Output<'static>, Error> {
        let (channel, open) = self.addressed_open(recipient)?;
        open.receiving.reply()?;
        let request = open.outstanding.pop_front().ok_or(Misbehaviour::UnexpectedReply)?;
        if ok && request.pty {
            open.terminal = true;
            self.settle(channel);
        }
        Ok(Output::Event(Event::RequestReply { channel, tag: request.tag, ok }))
    }

    fn on_open<'b>(&mut self, message: ChannelOpen<'b>, out: &mut impl Outbox) -> Result<Output<'b>, Error> {
        let remote = RemoteId(message.sender);
        let kind = match ChannelType::parse(message.kind, message.data.0) {
            Ok(kind) => kind,
            Err(error) => {
                refuse(remote, OpenReason::CONNECT_FAILED, "malformed open", out);
                let what = Malformed::Open;
                return Ok(Output::Event(Event::Malformed { what, name: message.kind, error }));
            }
        };
        let session = kind == ChannelType::Session;
        if session && self.role == Role::Client {
            // RFC 4254 §6.1: a program on the client's machine is nothing that a server may ask for.
            refuse(remote, OpenReason::ADMINISTRATIVELY_PROHIBITED, "no sessions here", out);
            return Ok(Output::Nothing);
        }
        if session && self.no_more_sessions {
            return Err(Misbehaviour::SessionAfterNoMoreSessions.into());
        }
        if message.max_packet < PEER_PACKET_MIN {
            refuse(remote, OpenReason::CONNECT_FAILED, "maximum packet size too small", out);
            return Ok(Output::Nothing);
        }
        if self.pending_opens >= PENDING_OPENS_MAX {
            refuse(remote, OpenReason::RESOURCE_SHORTAGE, "too many pending opens", out);
            return Ok(Output::Nothing);
        }
        let send = SendWindow::new(message.window, message.max_packet.min(self.config.send_packet_max));
        let Some(channel) = self.add(Channel::AwaitAnswer(AwaitAnswer { remote, send, session })) else {
            refuse(remote, OpenReason::RESOURCE_SHORTAGE, "too many channels", out);
            return Ok(Output::Nothing);
        };
        self.pending_opens = self.pending_opens.saturating_add(1);
        Ok(Output::Ask(Ask::Open {
            id: OpenId(channel),
            kind,
            window: message.window,
            max_packet: message.max_packet,
        }))
    }

    fn on_confirmation<'b>(&mut self, message: ChannelOpenConfirmation<'b>) -> Result<Output<'b>, Error> {
        let channel = self.addressed(message.recipient)?;
        let expected = match self.channels.get(channel) {
            Some(Channel::ExpectConfirmation(expected)) => *expected,
            Some(Channel::AwaitAnswer(_) | Channel::Open(_)) | None => {
                return Err(Misbehaviour::UnexpectedOpenReply(message.recipient).into());
            }
        };
        if message.max_packet < PEER_PACKET_MIN {
            return Err(Misbehaviour::PacketTooSmall(message.max_packet).into());
        }
        let send = SendWindow::new(message.window, message.max_packet.min(self.config.send_packet_max));
        let tag = expected.tag;
        let open = expected.confirmed(RemoteId(message.sender), send);
        // It is counted as that of an open channel now.
        self.granted = self.granted.saturating_sub(u64::from(beyond_smallest(expected.grant.window)));
        self.become_open(channel, open);
        Ok(Output::Event(Event::Opened { channel, tag, data: message.data.0 }))
    }

    /// Puts an open channel in the place of one that was asked for.
    pub(crate) fn become_open(&mut self, channel: LocalId, mut open: OpenChannel) {
        open.granted = beyond_smallest(open.receive.target());
        self.granted = self.granted.saturating_add(u64::from(open.granted));
        if let Some(place) = self.channels.get_mut(channel) {
            *place = Channel::Open(Box::new(open));
        }
        self.settle(channel);
    }

    fn on_open_failure<'b>(&mut self, message: ChannelOpenFailure<'b>) -> Result<Output<'b>, Error> {
        let channel = self.addressed(message.recipient)?;
        let tag = match self.channels.get(channel) {
            Some(Channel::ExpectConfirmation(expected)) => expected.tag,
            Some(Channel::AwaitAnswer(_) | Channel::Open(_)) | None => {
                return Err(Misbehaviour::UnexpectedOpenReply(message.recipient).into());
            }
        };
        self.forget(channel);
        let reason = OpenReason(message.reason);
        Ok(Output::Event(Event::OpenFailed { channel, tag, reason, text: message.text }))
    }

    fn on_global<'b>(
        &mut self,
        frame: GlobalRequestFrame<'b>,
        out: &mut impl Outbox,
    ) -> Result<Output<'b>, Error> {
        if frame.want_reply && self.global_owed.len() >= PENDING_GLOBALS_MAX {
            return Err(Misbehaviour::TooManyGlobalRequests.into());
        }
        let request = match GlobalRequest::parse(frame.name, frame.data.0) {
            Ok(request) => request,
            Err(error) => {
                self.reply_globally(frame.want_reply, None, out);
                let what = Malformed::Global;
                return Ok(Output::Event(Event::Malformed { what, name: frame.name, error }));
            }
        };
        if request == GlobalRequest::Keepalive {
            self.reply_globally(frame.want_reply, None, out);
            return Ok(Output::Nothing);
        }
        if request == GlobalRequest::NoMoreSessions && self.role == Role::Server {
            self.no_more_sessions = true;
            self.reply_globally(frame.want_reply, Some(Vec::new()), out);
            return Ok(Output::Nothing);
        }
        if !frame.want_reply {
            return Ok(Output::Event(Event::Global { request }));
        }
        Ok(Output::Ask(Ask::Global { id: GlobalId(self.global_owed.ask()), request }))
    }

    /// Replies to a request about which nobody has to be asked, when its turn comes.
    fn reply_globally(&mut self, want_reply: bool, answer: Option<Vec<u8>>, out: &mut impl Outbox) {
        if want_reply {
            self.global_owed.known(answer);
            self.flush_global_replies(out);
        }
    }

    /// Sends the replies to global requests whose turn has come.
    pub(crate) fn flush_global_replies(&mut self, out: &mut impl Outbox) {
        while let Some(answer) = self.global_owed.pop() {
            match answer {
                Some(data) => out.send(&RequestSuccess { data: wire::Rest(&data) }),
                None => out.send(&RequestFailure {}),
            }
        }
    }

    fn on_global_reply<'b>(&mut self, result: Option<&'b [u8]>) -> Result<Output<'b>, Error> {
        let tag = self.global_outstanding.pop_front().ok_or(Misbehaviour::UnexpectedGlobalReply)?;
        Ok(Output::Event(Event::GlobalReply { tag, result }))
    }
}

/// Refuses an open.
pub(crate) fn refuse(remote: RemoteId, reason: OpenReason, text: &str, out: &mut impl Outbox) {
    send_refusal(remote, OpenRefusal { reason, text: text.into() }, out);
}

/// Refuses an open as the application says.
pub(crate) fn send_refusal(remote: RemoteId, refusal: OpenRefusal<'_>, out: &mut impl Outbox) {
    out.send(&ChannelOpenFailure {
        recipient: remote.0,
        reason: refusal.reason.0,
        text: refusal.text,
        language: Human(b""),
    });
}
