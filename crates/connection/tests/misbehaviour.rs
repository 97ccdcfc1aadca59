//! A peer that breaks the rules: each has its own refusal, and the machine stays refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use nacre_connection::limits::PEER_PACKET_MIN;
use nacre_connection::{ChannelType, Config, Error, Grant, Misbehaviour, Stream, message};
use support::{
    Alone, PEER_ID, SMALL, Seen, adjust, close, confirm, data, eof, extended, failure, global, open, request,
    string, success,
};
use wire::{Encode, Human, Role, WireError};

#[track_caller]
fn refused(alone: &mut Alone, message: &impl Encode, expected: Misbehaviour) {
    assert_eq!(alone.get(message), Err(Error::Misbehaved(expected)));
    // What is broken stays broken, whatever comes next.
    assert_eq!(alone.get(&global("keepalive@openssh.com", true, &[])), Err(Error::Misbehaved(expected)));
    assert!(!alone.machine.next_control(&mut alone.out));
    assert_eq!(alone.machine.sendable(), None);
}

fn server() -> (Alone, nacre_connection::LocalId) {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    (alone, channel)
}

#[test]
fn messages_for_channels_that_never_were() {
    let stranger = |channel: nacre_connection::LocalId| channel.number() + 1;
    let (mut alone, channel) = server();
    let recipient = stranger(channel);
    let unknown = Misbehaviour::UnknownChannel(recipient);
    refused(&mut alone, &message::ChannelData { recipient, data: wire::Bytes(b"x") }, unknown);
    let (mut alone, _) = server();
    let message = message::ChannelExtendedData { recipient, data_type: 1, data: wire::Bytes(b"x") };
    refused(&mut alone, &message, unknown);
    let (mut alone, _) = server();
    refused(&mut alone, &message::ChannelWindowAdjust { recipient, bytes: 1 }, unknown);
    let (mut alone, _) = server();
    refused(&mut alone, &message::ChannelEof { recipient }, unknown);
    let (mut alone, _) = server();
    refused(&mut alone, &message::ChannelClose { recipient }, unknown);
    let (mut alone, _) = server();
    refused(&mut alone, &message::ChannelSuccess { recipient }, unknown);
    let (mut alone, _) = server();
    refused(&mut alone, &message::ChannelFailure { recipient }, unknown);
    let (mut alone, _) = server();
    let message =
        message::ChannelOpenFailure { recipient, reason: 1, text: Human(b""), language: Human(b"") };
    refused(&mut alone, &message, unknown);
    let (mut alone, _) = server();
    let frame = message::ChannelRequestFrame {
        recipient: u32::MAX,
        name: support::name("shell"),
        want_reply: true,
        data: wire::Rest(&[]),
    };
    refused(&mut alone, &frame, Misbehaviour::UnknownChannel(u32::MAX));
}

#[test]
fn messages_for_a_channel_that_is_gone() {
    let gone = || {
        let mut alone = Alone::new(Role::Client);
        let channel = alone.opened(SMALL);
        alone.machine.close(channel).unwrap();
        alone.control();
        alone.get(&close(channel)).unwrap();
        assert_eq!(alone.machine.channel_count(), 0);
        // Its slot is in use again, under another number.
        let next = alone.opened(SMALL);
        assert_ne!(next, channel);
        (alone, channel)
    };
    let (mut alone, channel) = gone();
    refused(&mut alone, &data(channel, b"x"), Misbehaviour::UnknownChannel(channel.number()));
    let (mut alone, channel) = gone();
    refused(&mut alone, &close(channel), Misbehaviour::UnknownChannel(channel.number()));
    // What a timer or bookkeeping of the peer may still send is ignored.
    let (mut alone, channel) = gone();
    assert_eq!(alone.get(&adjust(channel, 5)), Ok(Seen::Nothing));
    assert_eq!(alone.get(&request(channel, "keepalive@openssh.com", true, &[])), Ok(Seen::Nothing));
    assert!(alone.sent().is_empty());
}

#[test]
fn anything_but_requests_and_adjustments_after_close() {
    let closed = || {
        let (mut alone, channel) = server();
        assert_eq!(alone.get(&close(channel)), Ok(Seen::Closed(channel)));
        (alone, channel)
    };
    let (mut alone, channel) = closed();
    refused(&mut alone, &data(channel, b"x"), Misbehaviour::AfterClose);
    let (mut alone, channel) = closed();
    refused(&mut alone, &eof(channel), Misbehaviour::AfterClose);
    let (mut alone, channel) = closed();
    refused(&mut alone, &close(channel), Misbehaviour::AfterClose);
    let (mut alone, channel) = closed();
    refused(&mut alone, &success(channel), Misbehaviour::AfterClose);
    let (mut alone, channel) = closed();
    assert_eq!(alone.get(&adjust(channel, u32::MAX)), Ok(Seen::Nothing));
    assert_eq!(alone.get(&request(channel, "shell", true, &[])), Ok(Seen::Nothing));
    assert!(alone.sent().is_empty());
}

#[test]
fn data_after_eof() {
    let (mut alone, channel) = server();
    alone.get(&eof(channel)).unwrap();
    refused(&mut alone, &data(channel, b"x"), Misbehaviour::DataAfterEof);
    let (mut alone, channel) = server();
    alone.get(&eof(channel)).unwrap();
    refused(&mut alone, &extended(channel, 1, b"x"), Misbehaviour::DataAfterEof);
    let (mut alone, channel) = server();
    alone.get(&eof(channel)).unwrap();
    refused(&mut alone, &eof(channel), Misbehaviour::SecondEof);
}

#[test]
fn data_past_the_window() {
    let (mut alone, channel) = server();
    for _ in 0..9 {
        alone.get(&data(channel, &[0; 100])).unwrap();
    }
    alone.get(&data(channel, &[0; 99])).unwrap();
    // Consumed but not yet given back: credit counts when it is sent, not before.
    alone.machine.consumed(channel, 999).unwrap();
    refused(&mut alone, &data(channel, &[0; 2]), Misbehaviour::WindowExceeded { window: 1, sent: 2 });
}

#[test]
fn data_past_the_packet_size() {
    let (mut alone, channel) = server();
    refused(&mut alone, &data(channel, &[0; 101]), Misbehaviour::PacketTooLarge { max: 100, sent: 101 });
    let (mut alone, channel) = server();
    let message = extended(channel, 9, &[0; 101]);
    refused(&mut alone, &message, Misbehaviour::PacketTooLarge { max: 100, sent: 101 });
}

#[test]
fn a_window_past_four_gibibytes() {
    let (mut alone, channel) = server();
    alone.get(&adjust(channel, u32::MAX - 1000)).unwrap();
    assert_eq!(alone.machine.send_window(channel), u32::MAX);
    refused(&mut alone, &adjust(channel, 1), Misbehaviour::WindowOverflow);
}

#[test]
fn a_window_can_pass_four_gibibytes_in_total() {
    let config = Config { send_packet_max: u32::MAX, ..Config::default() };
    let mut alone = Alone::with(Role::Server, config);
    let channel = alone.session(Grant { window: 0, max_packet: u32::MAX });
    for _ in 0..10 {
        alone.get(&adjust(channel, 1 << 30)).unwrap();
        assert_eq!(alone.machine.data_budget(channel), 1 << 30);
        alone.machine.data_sent(channel, Stream::Data, 1 << 30).unwrap();
        assert_eq!(alone.machine.data_budget(channel), 0);
    }
}

#[test]
fn answers_to_opens_that_were_not_asked() {
    let (mut alone, channel) = server();
    refused(&mut alone, &confirm(channel, SMALL), Misbehaviour::UnexpectedOpenReply(channel.number()));
    let (mut alone, channel) = server();
    let message = message::ChannelOpenFailure {
        recipient: channel.number(),
        reason: 1,
        text: Human(b""),
        language: Human(b""),
    };
    refused(&mut alone, &message, Misbehaviour::UnexpectedOpenReply(channel.number()));
    // Its own open, answered by itself.
    let mut alone = Alone::new(Role::Server);
    let asked = alone.ask_session(PEER_ID, SMALL).channel();
    refused(&mut alone, &confirm(asked, SMALL), Misbehaviour::UnexpectedOpenReply(asked.number()));
}

#[test]
fn use_of_a_channel_that_is_not_granted() {
    let mut alone = Alone::new(Role::Server);
    let asked = alone.ask_session(PEER_ID, SMALL).channel();
    refused(&mut alone, &data(asked, b"x"), Misbehaviour::ChannelNotOpen(asked.number()));
    let mut alone = Alone::new(Role::Server);
    let asked = alone.ask_session(PEER_ID, SMALL).channel();
    refused(
        &mut alone,
        &request(asked, "exec", true, &string(b"id")),
        Misbehaviour::ChannelNotOpen(asked.number()),
    );
    let mut alone = Alone::new(Role::Client);
    let asked = alone.machine.open(&ChannelType::Session, SMALL, 1, &mut alone.out).unwrap();
    refused(&mut alone, &close(asked), Misbehaviour::ChannelNotOpen(asked.number()));
}

#[test]
fn a_confirmation_with_a_packet_size_that_cannot_work() {
    for max_packet in [0, PEER_PACKET_MIN - 1] {
        let mut alone = Alone::new(Role::Client);
        let channel = alone.machine.open(&ChannelType::Session, SMALL, 1, &mut alone.out).unwrap();
        let message = confirm(channel, Grant { window: 1000, max_packet });
        refused(&mut alone, &message, Misbehaviour::PacketTooSmall(max_packet));
    }
}

#[test]
fn replies_that_were_not_asked_for() {
    let (mut alone, channel) = server();
    refused(&mut alone, &success(channel), Misbehaviour::UnexpectedReply);
    let (mut alone, channel) = server();
    alone
        .machine
        .request(channel, &nacre_connection::ChannelRequest::Keepalive, false, 0, &mut alone.out)
        .unwrap();
    refused(&mut alone, &failure(channel), Misbehaviour::UnexpectedReply);
    let (mut alone, _) = server();
    refused(&mut alone, &message::RequestFailure {}, Misbehaviour::UnexpectedGlobalReply);
    let (mut alone, _) = server();
    let message = message::RequestSuccess { data: wire::Rest(b"") };
    refused(&mut alone, &message, Misbehaviour::UnexpectedGlobalReply);
}

#[test]
fn a_session_after_no_more_sessions() {
    let (mut alone, channel) = server();
    assert_eq!(alone.get(&global("no-more-sessions@openssh.com", true, &[])), Ok(Seen::Nothing));
    assert_eq!(alone.sent(), [[81]]);
    assert!(alone.machine.no_more_sessions());
    // Everything else goes on.
    assert!(matches!(alone.get(&data(channel, b"x")), Ok(Seen::Data(..))));
    let mut target = string(b"host");
    target.extend([0, 0, 0, 22]);
    target.extend(string(b"::1"));
    target.extend([0, 0, 1, 0]);
    assert!(matches!(alone.get(&open("direct-tcpip", 5, SMALL, &target)), Ok(Seen::AskOpen(..))));
    refused(&mut alone, &open("session", 6, SMALL, &[]), Misbehaviour::SessionAfterNoMoreSessions);
}

#[test]
fn frames_that_are_not_what_their_number_says() {
    for payload in [&[][..], &[94], &[93, 0, 0, 0, 0, 0, 0, 0], &[96, 0, 0, 0, 0, 0], &[82, 1]] {
        let (mut alone, _) = server();
        let error = alone.machine.handle(payload, &mut alone.out).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{payload:?}: {error:?}");
    }
    // A data length that is not that of the data.
    let (mut alone, _) = server();
    let payload = [94, 0, 0, 0, 0, 0, 0, 0, 1, 7, 7];
    assert_eq!(
        alone.machine.handle(&payload, &mut alone.out).unwrap_err(),
        Error::Malformed(WireError::Trailing { left: 1 })
    );
}

#[test]
fn unknown_numbers_are_not_implemented_and_harmless() {
    let (mut alone, channel) = server();
    for number in [83, 89, 101, 127] {
        let error = alone.machine.handle(&[number, 1, 2], &mut alone.out).unwrap_err();
        assert_eq!(error, Error::Unimplemented(number));
    }
    assert!(matches!(alone.get(&data(channel, b"x")), Ok(Seen::Data(..))));
}

#[test]
fn an_open_with_a_packet_size_that_cannot_work_is_refused_and_harmless() {
    let mut alone = Alone::new(Role::Server);
    for max_packet in [0, PEER_PACKET_MIN - 1] {
        let grant = Grant { window: 1000, max_packet };
        assert_eq!(alone.get(&open("session", 1, grant, &[])), Ok(Seen::Nothing));
        assert_eq!(alone.sent()[0][0], 92);
    }
    assert_eq!(alone.machine.channel_count(), 0);
    alone.session(Grant { window: 1000, max_packet: PEER_PACKET_MIN });
}

#[test]
fn a_server_gets_no_session_on_the_clients_machine() {
    let mut alone = Alone::new(Role::Client);
    assert_eq!(alone.get(&open("session", 1, SMALL, &[])), Ok(Seen::Nothing));
    let sent = alone.sent();
    let answer = message::ChannelOpenFailure::from_payload(&sent[0]).unwrap();
    assert_eq!((answer.recipient, answer.reason), (1, 1));
}
