//! The messages of RFC 4254, numbers 80 to 100. What depends on a channel's type or a request's name is
//! [`Rest`] here, and read by [`ChannelType`], [`ChannelRequest`] and [`GlobalRequest`].

use wire::{Bytes, Encode, Human, Message, Name, Rest, Sink};

use crate::{ChannelRequest, ChannelType, GlobalRequest};

/// When a message of this layer may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Any time after user authentication.
    Authenticated,
    /// On a channel whose opening waits for the receiver's peer.
    Opening,
    /// On an open channel.
    Open,
}

wire::messages! {
    /// The messages of RFC 4254.
    pub static TABLE: Phase;

    /// Asks for something that concerns no channel.
    80 GlobalRequestFrame<'a> { name: Name<'a>, want_reply: bool, data: Rest<'a> }
        in Phase::Authenticated, by Both, "RFC 4254 §4";
    /// Grants the oldest global request that wants a reply.
    81 RequestSuccess<'a> { data: Rest<'a> } in Phase::Authenticated, by Both, "RFC 4254 §4";
    /// Refuses the oldest global request that wants a reply.
    82 RequestFailure {} in Phase::Authenticated, by Both, "RFC 4254 §4";
    /// Asks for a channel.
    90 ChannelOpen<'a> { kind: Name<'a>, sender: u32, window: u32, max_packet: u32, data: Rest<'a> }
        in Phase::Authenticated, by Both, "RFC 4254 §5.1";
    /// Grants a channel.
    91 ChannelOpenConfirmation<'a> { recipient: u32, sender: u32, window: u32, max_packet: u32, data: Rest<'a> }
        in Phase::Opening, by Both, "RFC 4254 §5.1";
    /// Refuses a channel.
    92 ChannelOpenFailure<'a> { recipient: u32, reason: u32, text: Human<'a>, language: Human<'a> }
        in Phase::Opening, by Both, "RFC 4254 §5.1";
    /// Gives the receiver of this message more window to send into.
    93 ChannelWindowAdjust { recipient: u32, bytes: u32 } in Phase::Open, by Both, "RFC 4254 §5.2";
    /// Carries data.
    94 ChannelData<'a> { recipient: u32, data: Bytes<'a> } in Phase::Open, by Both, "RFC 4254 §5.2";
    /// Carries data of another stream, such as stderr.
    95 ChannelExtendedData<'a> { recipient: u32, data_type: u32, data: Bytes<'a> }
        in Phase::Open, by Both, "RFC 4254 §5.2";
    /// Says that no more data follows.
    96 ChannelEof { recipient: u32 } in Phase::Open, by Both, "RFC 4254 §5.3";
    /// Says that nothing more follows.
    97 ChannelClose { recipient: u32 } in Phase::Open, by Both, "RFC 4254 §5.3";
    /// Asks for something on a channel.
    98 ChannelRequestFrame<'a> { recipient: u32, name: Name<'a>, want_reply: bool, data: Rest<'a> }
        in Phase::Open, by Both, "RFC 4254 §5.4";
    /// Grants the channel's oldest request that wants a reply.
    99 ChannelSuccess { recipient: u32 } in Phase::Open, by Both, "RFC 4254 §5.4";
    /// Refuses the channel's oldest request that wants a reply.
    100 ChannelFailure { recipient: u32 } in Phase::Open, by Both, "RFC 4254 §5.4";
}

/// [`ChannelOpen`] as it is sent: with its data still typed, so that nothing is assembled before it is written.
#[derive(Debug)]
pub(crate) struct SendOpen<'a> {
    pub(crate) kind: &'a ChannelType<'a>,
    pub(crate) sender: u32,
    pub(crate) window: u32,
    pub(crate) max_packet: u32,
}

impl Message for SendOpen<'_> {
    const NUMBER: u8 = ChannelOpen::NUMBER;
    const NAME: &'static str = ChannelOpen::NAME;
}

impl Encode for SendOpen<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[Self::NUMBER]);
        wire::put_string(out, self.kind.name().as_bytes());
        self.sender.encode(out);
        self.window.encode(out);
        self.max_packet.encode(out);
        self.kind.encode_data(out);
    }
}

/// [`ChannelRequestFrame`] as it is sent.
#[derive(Debug)]
pub(crate) struct SendRequest<'a> {
    pub(crate) recipient: u32,
    pub(crate) request: &'a ChannelRequest<'a>,
    pub(crate) want_reply: bool,
}

impl Message for SendRequest<'_> {
    const NUMBER: u8 = ChannelRequestFrame::NUMBER;
    const NAME: &'static str = ChannelRequestFrame::NAME;
}

impl Encode for SendRequest<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[Self::NUMBER]);
        self.recipient.encode(out);
        wire::put_string(out, self.request.name().as_bytes());
        self.want_reply.encode(out);
        self.request.encode_data(out);
    }
}

/// [`GlobalRequestFrame`] as it is sent.
#[derive(Debug)]
pub(crate) struct SendGlobal<'a> {
    pub(crate) request: &'a GlobalRequest<'a>,
    pub(crate) want_reply: bool,
}

impl Message for SendGlobal<'_> {
    const NUMBER: u8 = GlobalRequestFrame::NUMBER;
    const NAME: &'static str = GlobalRequestFrame::NAME;
}

impl Encode for SendGlobal<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[Self::NUMBER]);
        wire::put_string(out, self.request.name().as_bytes());
        self.want_reply.encode(out);
        self.request.encode_data(out);
    }
}
