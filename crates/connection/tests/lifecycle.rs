//! Opening, data, EOF and CLOSE between two honest machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use nacre_connection::{
    ChannelRequest, ChannelType, Config, Grant, Misuse, OpenReason, OpenRefusal, Signal, Stream,
};
use support::{Alone, At, PEER_ID, Pair, SMALL, Seen, adjust, bytes, close, data, eof, extended, request};
use wire::Role;

#[test]
fn a_command_runs_from_open_to_close() {
    let mut pair = Pair::new(Config::default());
    let (ours, theirs) = pair.session(Grant::default());
    let exec = ChannelRequest::Exec { command: wire::NulFree::new(b"true").unwrap() };
    pair.client.machine.request(ours, &exec, true, 9, &mut pair.client.out).unwrap();
    pair.settle();
    let seen = pair.seen(At::Server);
    let [Seen::AskRequest(id, ref text)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!(text, "Exec { command: \"true\" }");
    pair.server.machine.answer_request(id, true, &mut pair.server.out).unwrap();

    pair.send(At::Client, ours, Stream::Data, b"input");
    pair.client.machine.eof(ours).unwrap();
    pair.send(At::Server, theirs, Stream::Data, b"output");
    pair.send(At::Server, theirs, Stream::Stderr, b"trouble");
    pair.settle();
    assert_eq!(
        pair.seen(At::Server),
        [Seen::Data(theirs, Stream::Data, b"input".to_vec()), Seen::Eof(theirs)]
    );

    pair.server.machine.eof(theirs).unwrap();
    pair.server.machine.exit_status(theirs, 7).unwrap();
    pair.server.machine.close(theirs).unwrap();
    pair.settle();
    assert_eq!(
        pair.seen(At::Client),
        [
            Seen::Reply(ours, 9, true),
            Seen::Data(ours, Stream::Data, b"output".to_vec()),
            Seen::Data(ours, Stream::Stderr, b"trouble".to_vec()),
            Seen::Eof(ours),
            Seen::Request(ours, "ExitStatus { status: 7 }".into()),
            Seen::Closed(ours),
        ]
    );
    assert_eq!(pair.seen(At::Server), [Seen::Closed(theirs)]);
    assert_eq!((pair.client.machine.channel_count(), pair.server.machine.channel_count()), (0, 0));
    assert_eq!(pair.client.machine.eof(ours), Err(Misuse::UnknownChannel));
}

#[test]
fn an_open_can_be_refused_and_the_connection_lives_on() {
    let mut pair = Pair::new(Config::default());
    let kind = ChannelType::DirectStreamlocal { path: wire::NulFree::new(b"/run/x").unwrap() };
    pair.client.machine.open(&kind, SMALL, 3, &mut pair.client.out).unwrap();
    pair.settle();
    let seen = pair.seen(At::Server);
    let [Seen::AskOpen(id, ref text)] = seen[..] else { panic!("{seen:?}") };
    assert_eq!(text, "DirectStreamlocal { path: \"/run/x\" }");
    let refusal = OpenRefusal { reason: OpenReason::CONNECT_FAILED, text: "no such socket".into() };
    pair.server.machine.answer_open(id, Err(refusal), &mut pair.server.out).unwrap();
    assert_eq!(
        pair.server.machine.answer_open(id, Ok(SMALL), &mut pair.server.out),
        Err(Misuse::NoSuchQuestion)
    );
    pair.settle();
    assert_eq!(pair.seen(At::Client), [Seen::OpenFailed(3, 2, "no such socket".into())]);
    assert_eq!(pair.client.machine.channel_count() + pair.server.machine.channel_count(), 0);
    pair.session(SMALL);
}

#[test]
fn eof_in_one_direction_leaves_the_other_one_open() {
    let mut pair = Pair::new(Config::default());
    let (ours, theirs) = pair.session(SMALL);
    pair.client.machine.eof(ours).unwrap();
    pair.settle();
    assert_eq!(pair.seen(At::Server), [Seen::Eof(theirs)]);
    assert_eq!(pair.client.machine.data_budget(ours), 0);
    assert_eq!(pair.client.machine.data_sent(ours, Stream::Data, 1), Err(Misuse::AfterEof));
    assert_eq!(pair.client.machine.eof(ours), Err(Misuse::AfterEof));
    // The other direction has data, and both have requests.
    pair.send(At::Server, theirs, Stream::Data, b"still here");
    let signal = ChannelRequest::Signal { signal: Signal::Hup };
    pair.client.machine.request(ours, &signal, false, 0, &mut pair.client.out).unwrap();
    pair.settle();
    assert_eq!(pair.seen(At::Client), [Seen::Data(ours, Stream::Data, b"still here".to_vec())]);
    assert_eq!(pair.seen(At::Server), [Seen::Request(theirs, "Signal { signal: Hup }".into())]);
}

#[test]
fn the_status_of_a_program_that_outlives_the_peers_interest_is_sent_before_our_close() {
    let mut pair = Pair::new(Config::default());
    let (ours, theirs) = pair.session(SMALL);
    pair.client.machine.close(ours).unwrap();
    pair.settle();
    assert_eq!(pair.seen(At::Server), [Seen::Closed(theirs)]);
    assert!(pair.seen(At::Client).is_empty(), "our CLOSE waits for the application");
    assert_eq!(pair.server.machine.data_budget(theirs), 0);
    pair.server.machine.exit_signal(theirs, Signal::Kill, true, b"out of memory").unwrap();
    pair.server.machine.close(theirs).unwrap();
    let mut sent = Vec::new();
    assert!(pair.server.machine.next_control(&mut sent));
    assert!(pair.server.machine.next_control(&mut sent));
    assert!(!pair.server.machine.next_control(&mut sent));
    assert_eq!(sent[1][0], 97, "CLOSE is last");
    pair.client.inbox.extend(sent);
    pair.settle();
    let signal = "ExitSignal { signal: Kill, core_dumped: true, message: \"out of memory\" }";
    assert_eq!(pair.seen(At::Client), [Seen::Request(ours, signal.into()), Seen::Closed(ours)]);
    assert_eq!(pair.client.machine.channel_count() + pair.server.machine.channel_count(), 0);
}

#[test]
fn a_close_of_the_peer_is_answered_by_itself_when_there_is_no_status_to_give() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    assert_eq!(alone.get(&close(channel)).unwrap(), Seen::Closed(channel));
    assert_eq!(alone.machine.eof(channel), Err(Misuse::AfterClose));
    assert_eq!(alone.machine.close(channel), Err(Misuse::AfterClose));
    assert_eq!(alone.control(), [bytes(&nacre_connection::message::ChannelClose { recipient: PEER_ID })]);
    assert_eq!(alone.machine.channel_count(), 0);
}

#[test]
fn a_close_of_the_peer_waits_for_the_application_that_has_asked_for_it() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.opened(SMALL);
    alone.machine.await_close(channel).unwrap();
    assert_eq!(alone.get(&close(channel)).unwrap(), Seen::Closed(channel));
    assert!(alone.control().is_empty());
    assert_eq!(alone.machine.channel_count(), 1, "until then it counts");
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.control().len(), 1);
    assert_eq!(alone.machine.channel_count(), 0);
    assert_eq!(alone.machine.await_close(channel), Err(Misuse::UnknownChannel));
}

#[test]
fn a_number_is_given_up_only_when_both_closes_have_passed() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.control().len(), 1);
    assert_eq!(alone.machine.channel_count(), 1);
    assert_eq!(alone.get(&close(channel)).unwrap(), Seen::Closed(channel));
    assert_eq!(alone.machine.channel_count(), 0);
    let next = alone.opened(SMALL);
    assert_ne!(next.number(), channel.number(), "a closed number rests");
}

#[test]
fn data_in_flight_after_our_close_counts_and_is_dropped() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    alone.machine.close(channel).unwrap();
    alone.control();
    for _ in 0..10 {
        assert_eq!(alone.get(&data(channel, &[0; 100])).unwrap(), Seen::Nothing);
    }
    assert!(alone.control().is_empty(), "no credit after CLOSE");
    assert!(alone.get(&data(channel, &[0; 1])).is_err(), "the window holds even then");
}

#[test]
fn exit_status_goes_out_before_eof_when_the_output_lives_longer() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    alone.machine.exit_status(channel, 7).unwrap();
    assert_eq!(alone.control()[0][0], 98);
    assert_eq!(alone.machine.exit_status(channel, 8), Err(Misuse::SecondExit));
    alone.machine.data_sent(channel, Stream::Data, 5).unwrap();
    alone.machine.eof(channel).unwrap();
    alone.machine.close(channel).unwrap();
    let numbers: Vec<u8> = alone.control().iter().map(|payload| payload[0]).collect();
    assert_eq!(numbers, [96, 97]);
}

#[test]
fn close_drops_no_eof_and_no_status_that_was_asked_for_before() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    alone.machine.eof(channel).unwrap();
    alone.machine.exit_status(channel, 0).unwrap();
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.machine.exit_status(channel, 0), Err(Misuse::AfterClose));
    let numbers: Vec<u8> = alone.control().iter().map(|payload| payload[0]).collect();
    assert_eq!(numbers, [96, 98, 97]);
}

#[test]
fn credit_is_given_on_consumption_and_coalesces() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    for _ in 0..4 {
        alone.get(&data(channel, &[0; 100])).unwrap();
    }
    assert!(alone.control().is_empty(), "arrival gives no credit");
    assert_eq!((alone.machine.receive_window(channel), alone.machine.unconsumed(channel)), (600, 400));
    alone.machine.consumed(channel, 100).unwrap();
    assert!(alone.control().is_empty(), "too little to be worth a message");
    alone.machine.consumed(channel, 150).unwrap();
    alone.machine.consumed(channel, 100).unwrap();
    let expected = nacre_connection::message::ChannelWindowAdjust { recipient: PEER_ID, bytes: 350 };
    assert_eq!(alone.control(), [bytes(&expected)]);
    assert_eq!(alone.machine.consumed(channel, 51), Err(Misuse::OverConsumed));
    assert_eq!(alone.machine.receive_window(channel), 950);
}

#[test]
fn a_window_grows_at_once_and_shrinks_by_giving_no_credit() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    alone.machine.set_window(channel, 4000).unwrap();
    alone.control();
    assert_eq!(alone.machine.receive_window(channel), 4000);
    alone.machine.set_window(channel, 100).unwrap();
    for _ in 0..39 {
        alone.get(&data(channel, &[0; 100])).unwrap();
        alone.machine.consumed(channel, 100).unwrap();
        assert!(alone.control().is_empty());
    }
    alone.get(&data(channel, &[0; 100])).unwrap();
    alone.machine.consumed(channel, 100).unwrap();
    alone.control();
    assert_eq!(alone.machine.receive_window(channel), 100);
}

#[test]
fn windows_near_four_gibibytes_and_empty_ones_work() {
    let mut alone = Alone::new(Role::Server);
    let huge = alone.session(Grant { window: u32::MAX, max_packet: u32::MAX });
    assert_eq!(alone.machine.send_window(huge), u32::MAX);
    assert_eq!(alone.machine.data_budget(huge), 32 * 1024, "our own packet size still holds");
    alone.machine.set_window(huge, u32::MAX).unwrap();
    alone.control();
    assert_eq!(alone.machine.receive_window(huge), u32::MAX);

    let id = alone.ask_session(78, Grant { window: 0, max_packet: 100 });
    alone.machine.answer_open(id, Ok(Grant { window: 0, max_packet: 100 }), &mut alone.out).unwrap();
    let empty = id.channel();
    alone.machine.ready(empty, Stream::Data, true).unwrap();
    assert_eq!(alone.machine.sendable(), None);
    assert_eq!(alone.get(&adjust(empty, 10)).unwrap(), Seen::Adjusted(empty));
    assert_eq!(alone.machine.sendable(), Some((empty, Stream::Data)));
    assert_eq!(alone.machine.data_budget(empty), 10);
}

#[test]
fn an_application_that_stops_reading_does_not_stall_the_peer() {
    let mut alone = Alone::with(Role::Server, Config { send_eow: true, ..Config::default() });
    let channel = alone.session(SMALL);
    alone.get(&data(channel, &[0; 100])).unwrap();
    alone.machine.stop_reading(channel).unwrap();
    alone.machine.stop_reading(channel).unwrap();
    let sent = alone.control();
    assert_eq!(sent.len(), 1, "eow is said once");
    assert!(sent[0].windows(15).any(|bytes| bytes == b"eow@openssh.com"));
    let mut given = 0;
    for _ in 0..50 {
        assert_eq!(alone.get(&data(channel, &[0; 100])).unwrap(), Seen::Nothing);
        given += alone.control().len();
    }
    assert!(given > 10);
    assert_eq!(
        alone.machine.consumed(channel, 100),
        Ok(()),
        "what was delivered before may still be consumed"
    );
}

#[test]
fn the_peers_eow_is_told() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    assert_eq!(alone.get(&request(channel, "eow@openssh.com", false, &[])).unwrap(), Seen::Eow(channel));
    assert!(alone.sent().is_empty());
}

#[test]
fn extended_data_of_an_unknown_type_is_dropped_and_its_credit_given_back() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    for _ in 0..20 {
        assert_eq!(alone.get(&extended(channel, 2, &[0; 100])).unwrap(), Seen::Nothing);
        alone.control();
    }
    assert_eq!(alone.machine.unconsumed(channel), 0);
}

#[test]
fn empty_data_is_not_taken_for_the_end() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.opened(SMALL);
    assert_eq!(alone.get(&data(channel, b"")).unwrap(), Seen::Nothing);
    assert_eq!(alone.get(&data(channel, b"x")).unwrap(), Seen::Data(channel, Stream::Data, b"x".to_vec()));
}

#[test]
fn a_channel_that_is_closed_before_it_is_confirmed_closes_when_it_is() {
    let mut alone = Alone::new(Role::Client);
    let channel = alone.machine.open(&ChannelType::Session, SMALL, 4, &mut alone.out).unwrap();
    assert_eq!(alone.machine.eof(channel), Err(Misuse::NotOpen));
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.machine.close(channel), Err(Misuse::AfterClose));
    assert!(alone.control().is_empty());
    assert_eq!(alone.get(&support::confirm(channel, SMALL)).unwrap(), Seen::Opened(channel, 4));
    assert_eq!(alone.control().len(), 1);
    assert_eq!(alone.get(&close(channel)).unwrap(), Seen::Closed(channel));
    assert_eq!(alone.machine.channel_count(), 0);
}

#[test]
fn what_is_sent_is_what_the_rfc_says() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    let mut room = [0xee; 13];
    assert_eq!(alone.machine.data_header(channel, Stream::Data, 5, &mut room), Ok(9));
    assert_eq!(room[..9], [94, 0, 0, 0, 77, 0, 0, 0, 5]);
    assert_eq!(alone.machine.data_header(channel, Stream::Stderr, 6, &mut room), Ok(13));
    assert_eq!(room, [95, 0, 0, 0, 77, 0, 0, 0, 1, 0, 0, 0, 6]);
    assert_eq!(alone.machine.data_header(channel, Stream::Data, 101, &mut room), Err(Misuse::OverBudget));
    assert_eq!(alone.machine.data_header(channel, Stream::Data, 5, &mut room[..8]), Err(Misuse::NoRoom));
    assert_eq!(alone.machine.data_sent(channel, Stream::Data, 101), Err(Misuse::OverBudget));
    alone.machine.eof(channel).unwrap();
    assert_eq!(alone.control(), [bytes(&nacre_connection::message::ChannelEof { recipient: 77 })]);
    // Data after EOF is refused to a peer, too.
    assert!(alone.get(&eof(channel)).is_ok());
}

#[test]
fn whoever_sends_no_more_is_given_no_credit_and_is_not_asked_to_stop() {
    let config = Config { send_eow: true, ..Config::default() };
    let mut alone = Alone::with(Role::Server, config);
    let channel = alone.session(SMALL);
    for _ in 0..8 {
        alone.get(&data(channel, &[0; 100])).unwrap();
    }
    assert_eq!(alone.get(&eof(channel)).unwrap(), Seen::Eof(channel));
    alone.machine.consumed(channel, 800).unwrap();
    alone.machine.stop_reading(channel).unwrap();
    assert!(alone.control().is_empty(), "after its EOF");

    let mut alone = Alone::with(Role::Server, config);
    let channel = alone.session(SMALL);
    for _ in 0..8 {
        alone.get(&data(channel, &[0; 100])).unwrap();
    }
    alone.machine.consumed(channel, 800).unwrap();
    alone.machine.stop_reading(channel).unwrap();
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.control(), [bytes(&nacre_connection::message::ChannelClose { recipient: PEER_ID })]);
}

#[test]
fn an_adjustment_is_told_only_when_it_lets_something_be_sent() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    assert_eq!(alone.get(&adjust(channel, 0)).unwrap(), Seen::Nothing);
    assert_eq!(alone.get(&adjust(channel, 1)).unwrap(), Seen::Adjusted(channel));
    alone.machine.eof(channel).unwrap();
    assert_eq!(alone.get(&adjust(channel, 1)).unwrap(), Seen::Nothing);
}

#[test]
fn a_channel_that_the_peer_closed_takes_no_requests_of_ours() {
    let mut alone = Alone::new(Role::Server);
    let channel = alone.session(SMALL);
    alone.get(&close(channel)).unwrap();
    let asked = alone.machine.request(channel, &ChannelRequest::Keepalive, true, 1, &mut alone.out);
    assert_eq!(asked, Err(Misuse::AfterClose));
    assert!(alone.sent().is_empty());
    // Its exit status and EOF may still be said.
    alone.machine.exit_status(channel, 0).unwrap();
    alone.machine.eof(channel).unwrap();
    alone.machine.close(channel).unwrap();
    assert_eq!(alone.control().len(), 3);
    assert_eq!(alone.machine.channel_count(), 0);
}
