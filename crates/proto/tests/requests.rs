//! Requests and their replies, and the small messages of the transport.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use connection::{ChannelRequest, GlobalRequest, LocalId};
use nacre_proto::{ChannelQuestion, Error, Misuse, ReplyToRequest, ServerQuestion, Ticket};
use testkit::{AgainstServer, Pair, Payload};
use transport::Reason;
use wire::{Name, NulFree, Text};

type Held<Q> = Rc<RefCell<Vec<Ticket<Q>>>>;

/// A session on which requests are held back instead of answered.
fn holding(seed: u64) -> (Pair, LocalId, Held<ReplyToRequest>) {
    let mut pair = Pair::seeded(seed);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    pair.client.app.replies.clear();
    let held: Held<ReplyToRequest> = Rc::default();
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Channel(ChannelQuestion::Request { ticket, .. }) => {
            hold.borrow_mut().push(ticket);
            None
        }
        other => Some(other),
    }));
    (pair, channel, held)
}

fn env<'a>() -> ChannelRequest<'a> {
    ChannelRequest::Env { name: NulFree::new(b"LANG").unwrap(), value: NulFree::new(b"C").unwrap() }
}

#[test]
fn answers_out_of_order_go_out_in_the_order_of_the_requests() {
    let (mut pair, channel, held) = holding(70);
    for tag in 1..=4 {
        pair.client.connection.request(channel, &env(), true, tag).unwrap();
    }
    pair.settle();
    let mut tickets = held.take();
    assert_eq!(tickets.len(), 4);
    pair.server.connection.answer(tickets.pop().unwrap(), true).unwrap();
    pair.server.connection.answer(tickets.pop().unwrap(), false).unwrap();
    pair.settle();
    assert_eq!(pair.client.app.replies, [], "the first two are not answered yet");
    pair.server.connection.answer(tickets.remove(0), true).unwrap();
    pair.settle();
    assert_eq!(pair.client.app.replies, [(1, true)]);
    // The one that is left is answered with no by being dropped.
    pair.server.connection.decline(tickets.pop().unwrap());
    pair.settle();
    assert_eq!(pair.client.app.replies, [(1, true), (2, false), (3, false), (4, true)]);
}

#[test]
fn an_answer_to_a_request_after_its_deadline_is_ignored() {
    let (mut pair, channel, held) = holding(71);
    pair.client.connection.request(channel, &env(), true, 1).unwrap();
    pair.settle();
    pair.advance(nacre_proto::limits::ANSWER_WITHIN - Duration::from_secs(1));
    assert_eq!(pair.client.app.replies, []);
    pair.advance(Duration::from_secs(2));
    assert_eq!(pair.client.app.replies, [(1, false)]);
    let ticket = held.borrow_mut().pop().unwrap();
    assert_eq!(pair.server.connection.answer(ticket, true), Ok(()));
    pair.settle();
    assert_eq!(pair.client.app.replies.len(), 1);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
}

#[test]
fn a_ticket_answers_nothing_on_another_connection() {
    let (mut pair, channel, held) = holding(74);
    let (mut other, other_channel, other_held) = holding(75);
    for (pair, channel) in [(&mut pair, channel), (&mut other, other_channel)] {
        pair.client.connection.request(channel, &env(), true, 1).unwrap();
        pair.settle();
    }
    let (ticket, mistaken) = (held.take().pop().unwrap(), other_held.take().pop().unwrap());
    assert_eq!(ticket.serial(), mistaken.serial(), "both connections have asked as much");
    assert_eq!(pair.server.connection.answer(mistaken, true), Ok(()));
    pair.settle();
    assert_eq!(pair.client.app.replies, [], "its own ticket has not been used");
    pair.server.connection.answer(ticket, false).unwrap();
    pair.settle();
    other.settle();
    // What was not answered where it was asked is a no.
    assert_eq!((pair.client.app.replies, other.client.app.replies), (vec![(1, false)], vec![(1, false)]));
}

#[test]
fn an_answer_on_a_channel_that_is_gone_is_no_error() {
    let (mut pair, channel, held) = holding(72);
    pair.client.connection.request(channel, &env(), true, 1).unwrap();
    pair.settle();
    pair.client.connection.close(channel).unwrap();
    pair.settle();
    let ticket = held.borrow_mut().pop().unwrap();
    assert_eq!(pair.server.connection.answer(ticket, true), Ok(()));
    pair.settle();
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    pair.server.app.hook = None;
    assert_eq!(pair.run("exit 1", 0).status, Some(1));
}

#[test]
fn unknown_requests_fail_in_their_turn_and_ones_without_reply_get_none() {
    let mut pair = Pair::seeded(73);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    let channel = pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    pair.client.app.replies.clear();
    let unknown = ChannelRequest::Other { name: Name::new("what@example.com").unwrap(), data: b"?" };
    pair.client.connection.request(channel, &env(), true, 1).unwrap();
    pair.client.connection.request(channel, &unknown, true, 2).unwrap();
    pair.client.connection.request(channel, &unknown, false, 3).unwrap();
    pair.client.connection.request(channel, &env(), true, 4).unwrap();
    pair.settle();
    assert_eq!(pair.client.app.replies, [(1, true), (2, false), (4, true)]);
}

#[test]
fn global_requests_are_answered_in_order_with_their_data() {
    let mut pair = Pair::seeded(74);
    pair.log_in();
    let held = Rc::new(RefCell::new(Vec::new()));
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Channel(ChannelQuestion::Global { ticket, .. }) => {
            hold.borrow_mut().push(ticket);
            None
        }
        other => Some(other),
    }));
    let forward = GlobalRequest::TcpipForward { address: Text::new("localhost").unwrap(), port: 0 };
    let unknown = GlobalRequest::Other { name: Name::new("what@example.com").unwrap(), data: &[] };
    pair.client.connection.global(&forward, true, 1).unwrap();
    pair.client.connection.global(&unknown, true, 2).unwrap();
    pair.client.connection.global(&GlobalRequest::Keepalive, true, 3).unwrap();
    pair.client.connection.global(&unknown, false, 4).unwrap();
    pair.settle();
    // The keepalive is known without asking, and still waits for its turn.
    assert_eq!(pair.client.app.replies, []);
    let mut tickets = held.take();
    assert_eq!(tickets.len(), 2);
    pair.server.connection.answer(tickets.pop().unwrap(), None).unwrap();
    pair.server.connection.answer(tickets.pop().unwrap(), Some(vec![0, 0, 0x1f, 0x90])).unwrap();
    pair.settle();
    assert_eq!(pair.client.app.replies, [(1, true), (2, false), (3, false)]);
    let granted = pair.client.log.iter().find(|line| line.contains("GlobalReply")).unwrap();
    assert!(granted.contains("[0, 0, 31, 144]"), "{granted}");
}

#[test]
fn requests_without_room_or_login_are_misuse_and_change_nothing() {
    let mut pair = Pair::seeded(75);
    let early = pair.client.connection.global(&GlobalRequest::Keepalive, true, 1);
    assert_eq!(early, Err(Misuse::NotLoggedIn));
    pair.log_in();
    pair.to_server.capacity = 0;
    let mut asked = 0;
    let refused = loop {
        match pair.client.connection.global(&GlobalRequest::Keepalive, true, 1) {
            Ok(()) => asked += 1,
            Err(misuse) => break misuse,
        }
    };
    assert_eq!(refused, Misuse::Channel(connection::Misuse::TooManyOutstanding));
    pair.to_server.capacity = 1 << 20;
    pair.settle();
    assert_eq!(pair.client.app.replies.len(), asked);
}

#[test]
fn after_no_more_sessions_a_session_ends_the_connection_and_others_go_on() {
    let mut pair = Pair::seeded(76);
    pair.log_in();
    pair.client.app.eof_after_input = false;
    pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.client.connection.global(&GlobalRequest::NoMoreSessions, false, 1).unwrap();
    pair.settle();
    assert!(pair.server.connection.channels().unwrap().no_more_sessions());
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    pair.client.app.run(&mut pair.client.connection, "hold", 0);
    pair.settle();
    let misbehaved = connection::Error::Misbehaved(connection::Misbehaviour::SessionAfterNoMoreSessions);
    assert_eq!(pair.server.error(), Some(&Error::Connection(misbehaved)));
    let told = transport::Error::Closed(transport::Closed::Peer(Reason::PROTOCOL_ERROR));
    assert_eq!(pair.client.error(), Some(&Error::Transport(told)));
}

#[test]
fn whoever_stops_reading_tells_the_peer_and_does_not_hold_it_up() {
    let mut pair = Pair::configured(77, |config| config.channels.send_eow = true, |_| {});
    pair.log_in();
    let channel = pair.client.app.run(&mut pair.client.connection, "source 50000000", 0);
    for _ in 0..10 {
        pair.turn();
    }
    pair.client.connection.stop_reading(channel).unwrap();
    pair.settle();
    assert!(pair.server.log.iter().any(|line| line.contains("Eow")));
    let session = &pair.client.app.sessions[&channel];
    assert!(session.closed && session.stdout < 50_000_000, "{session:?}");
    assert_eq!(session.status, Some(0));
}

#[test]
fn a_ping_is_answered_with_its_data() {
    let mut pair = Pair::seeded(78);
    pair.log_in();
    pair.client.connection.ping(b"are you there").unwrap();
    pair.settle();
    assert!(pair.client.log.last().unwrap().starts_with("Transport(Pong"));
    // Only the client is told that pings are known: a server cannot ask.
    assert!(pair.server.connection.ping(b"x").is_err());
}

#[test]
fn small_messages_of_the_transport_disturb_nothing() {
    let mut ours = logged_in();
    ours.tell(Payload::number(2).string(b"ignore me"));
    ours.tell(Payload::number(4).byte(1).string(b"look here").string(b""));
    assert!(ours.ours.log.last().unwrap().contains("look here"), "{:?}", ours.ours.log.last());
    ours.lives();
}

fn logged_in() -> AgainstServer {
    AgainstServer::server().logged_in()
}

#[test]
fn unknown_messages_are_answered_with_their_own_sequence_number() {
    let mut ours = logged_in();
    ours.heard();
    for number in [8, 29, 83, 89, 101, 127, 128, 191, 194, 255] {
        let sequence = ours.peer.sequence_out;
        ours.tell(Payload::number(number).raw(b"anything"));
        let expected = Payload::number(3).u32(sequence);
        assert_eq!(ours.heard(), [expected.as_ref().to_vec()], "message {number}");
    }
    ours.lives();
}

#[test]
fn either_side_can_end_it_and_the_other_learns_why() {
    for by_client in [true, false] {
        let mut pair = Pair::seeded(81);
        pair.log_in();
        if by_client {
            pair.client.connection.disconnect(Reason::BY_APPLICATION, "enough");
        } else {
            pair.server.connection.disconnect(Reason::TOO_MANY_CONNECTIONS, "enough");
        }
        pair.settle();
        let (told, log, reason) = if by_client {
            (pair.server.error(), &pair.server.log, Reason::BY_APPLICATION)
        } else {
            (pair.client.error(), &pair.client.log, Reason::TOO_MANY_CONNECTIONS)
        };
        let closed = Error::Transport(transport::Error::Closed(transport::Closed::Peer(reason)));
        assert_eq!(told, Some(&closed));
        assert!(log.last().unwrap().contains("enough"));
        assert!(pair.client.connection.transmit().is_empty() && pair.server.connection.transmit().is_empty());
        assert_eq!((pair.client.connection.deadline(), pair.server.connection.deadline()), (None, None));
    }
}
