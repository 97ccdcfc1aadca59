//! Floods: what a peer can make us do is bounded, whatever it sends and however little it reads.

use std::sync::Arc;
use std::time::Duration;

use proto::limits::{COMMAND_ROOM, CONTROL_PER_CALL};
use proto::{AlivePolicy, Config, Error, Misuse, RecvBuf, Server, ServerQuestion, Step, Wait};
use testkit::{AgainstClient, AgainstServer, App, Payload};
use transport::limits::{
    DISCONNECT_TEXT_MAX, EXCHANGES_BEFORE_AUTH, PACKETS_BEFORE_AUTH, RECV_BUFFER_MAX, REPLIES_BEFORE_AUTH,
    REPLIES_MAX, REPLY_SLACK, SEALED_AHEAD,
};
use transport::{Closed, Limits, Misbehaviour, Reason};

use crate::transport;

fn ignore() -> Payload {
    Payload::number(2).string([0; 100])
}

fn ping(length: usize) -> Payload {
    Payload::number(192).string(vec![7; length])
}

fn limited(change: impl FnOnce(&mut Limits)) -> impl FnOnce(&mut Config<Server>) {
    |config| change(&mut Arc::make_mut(&mut config.transport).limits)
}

#[test]
fn packets_before_the_login_have_an_end_whatever_they_are() {
    for payload in [ignore(), ping(1), Payload::number(4).byte(0).string("").string(""), Payload::number(200)]
    {
        let mut against = AgainstServer::server().serviced();
        let spent = 4;
        for _ in spent..PACKETS_BEFORE_AUTH {
            against.peer.send(payload.as_ref());
        }
        against.settle();
        against.lives();
        against.heard();
        against.tell(&payload);
        against.refused(&transport(Misbehaviour::TooManyPacketsBeforeAuth));
        against.nobody_is_in();
    }
    // The client is as careful with a server that never lets it in.
    let mut against = AgainstClient::client().requested();
    for _ in 0..PACKETS_BEFORE_AUTH {
        against.peer.send(ignore().as_ref());
    }
    against.refused(&transport(Misbehaviour::TooManyPacketsBeforeAuth));
}

#[test]
fn packets_before_the_first_kexinit_count_too() {
    let mut against = AgainstServer::server().identified();
    for _ in 0..=PACKETS_BEFORE_AUTH {
        against.peer.send(ignore().as_ref());
    }
    against.settle();
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::TooManyPacketsBeforeAuth));
}

#[test]
fn exchanges_before_the_login_have_an_end() {
    let mut against = AgainstServer::server().serviced();
    for _ in 1..EXCHANGES_BEFORE_AUTH {
        against.exchange();
        against.lives();
    }
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::TooManyExchangesBeforeAuth));
    let mut against = AgainstClient::client().requested();
    for _ in 1..EXCHANGES_BEFORE_AUTH {
        against.exchange();
        against.lives();
    }
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::TooManyExchangesBeforeAuth));
}

#[test]
fn exchanges_after_the_login_may_be_many_and_leave_nothing_behind() {
    let mut against = AgainstServer::server().in_session();
    let before = against.ours.receive_capacity();
    for _ in 0..100 {
        against.exchange();
    }
    against.lives();
    assert_eq!(against.ours.connection.transport().exchanges(), 101);
    assert!(against.ours.receive_capacity() <= before.max(128 * 1024));
    assert_eq!(against.ours.connection.transmit(), b"");
}

#[test]
fn noise_costs_nothing_however_much_there_is() {
    let mut against = AgainstServer::server().in_session();
    against.ours.read_size = 4096;
    for _ in 0..20_000 {
        against.peer.send(ignore().as_ref());
    }
    against.settle();
    against.lives();
    assert_eq!(against.heard(), Vec::<Vec<u8>>::new());
    assert!(against.ours.receive_capacity() <= 128 * 1024);
    against.tell(ping(3));
    against.peer.expect(193);
}

/// Sends pings to somebody who answers, and reads none of the answers; says how much waits at most.
fn unread_pongs(against: &mut AgainstServer, count: usize, length: usize) -> usize {
    against.stop_reading(0);
    let mut most = 0;
    for _ in 0..count {
        against.tell(ping(length));
        most = most.max(against.ours.connection.transmit().len());
    }
    most
}

#[test]
fn answers_that_nobody_reads_are_bounded_and_then_nothing_is_read_either() {
    let mut against = AgainstServer::server().in_session();
    let most = unread_pongs(&mut against, 1500, 1000);
    against.lives();
    let limit = SEALED_AHEAD + REPLIES_MAX;
    assert!(most > limit - 4 * REPLY_SLACK && most <= limit + REPLY_SLACK, "{most}");
    // What it sent beyond waits in the buffer, and beyond that in the socket.
    assert!(against.ours.unprocessed() > 0 && against.ours.unprocessed() <= RECV_BUFFER_MAX);
    assert!(against.ours.receive_capacity() <= RECV_BUFFER_MAX);
}

#[test]
fn before_the_login_answers_that_nobody_reads_are_bounded_lower() {
    let change = limited(|limits| limits.packets_before_auth = u64::MAX);
    let mut against = AgainstServer::server_with(change).serviced();
    let most = unread_pongs(&mut against, 1500, 1000);
    against.lives();
    let limit = SEALED_AHEAD + REPLIES_BEFORE_AUTH;
    assert!(most > limit - 4 * REPLY_SLACK && most <= limit + REPLY_SLACK, "{most}");
    // All that somebody unknown can make us hold.
    let memory = most + against.ours.receive_capacity();
    assert!(memory < 1 << 20, "{memory}");
}

#[test]
fn replies_to_requests_that_nobody_reads_are_bounded() {
    let mut against = AgainstServer::server().in_session();
    against.stop_reading(0);
    let request = Payload::number(98).u32(0).string("keepalive@openssh.com").byte(1);
    for _ in 0..60_000 {
        against.peer.send(request.as_ref());
    }
    against.settle();
    against.lives();
    let most = against.ours.connection.transmit().len();
    assert!(most <= SEALED_AHEAD + REPLIES_MAX + REPLY_SLACK, "{most}");
    assert!(against.ours.receive_capacity() <= RECV_BUFFER_MAX);
}

#[test]
fn a_peer_that_owes_its_kexinit_cannot_pile_up_answers() {
    let mut against = AgainstServer::server().in_session();
    against.ours.connection.rekey();
    for _ in 0..1000 {
        against.peer.send(ping(1000).as_ref());
    }
    against.settle();
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::TooManyReplies));
}

#[test]
fn a_key_that_is_used_up_ends_the_connection() {
    let change = limited(|limits| limits.packets_per_key = 50);
    let mut against = AgainstServer::server_with(change).logged_in();
    for _ in 0..60 {
        against.peer.send(ignore().as_ref());
    }
    against.refused(&transport(transport::Error::KeyUsedUp));
}

#[test]
fn our_own_requests_leave_room_for_answers() {
    let mut against = AgainstServer::server().in_session();
    against.stop_reading(0);
    let keepalive = connection::GlobalRequest::Keepalive;
    let mut sent = 0;
    let refused = loop {
        match against.ours.connection.global(&keepalive, false, 0) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, Misuse::NoRoom);
    assert!(sent > 1000);
    let most = against.ours.connection.transmit().len();
    assert!(most <= SEALED_AHEAD + REPLIES_MAX - COMMAND_ROOM + REPLY_SLACK, "{most}");
    // There still is room for what the peer asks.
    against.tell(ping(1000));
    assert!(against.ours.connection.transmit().len() > most);
}

#[test]
fn a_peer_that_shows_no_life_is_given_up() {
    let interval = Duration::from_secs(10);
    let alive = Some(AlivePolicy { interval, count_max: 2 });
    let mut against = AgainstServer::server_with(|config| config.alive = alive).logged_in();
    against.pass(interval);
    against.pass(interval);
    assert_eq!(against.heard_numbers(), [80, 80]);
    against.pass(interval);
    against.refused_with(&Error::TimedOut(Wait::Alive), Reason::CONNECTION_LOST);
    // Any packet is a sign of life, an answer or not.
    let mut against = AgainstServer::server_with(|config| config.alive = alive).logged_in();
    for _ in 0..20 {
        against.pass(interval * 2);
        against.tell(ignore());
    }
    against.lives();
}

#[test]
fn an_exchange_that_is_not_finished_is_ended_in_time() {
    let time = Duration::from_secs(20);
    let change = |config: &mut Config<Server>| {
        Arc::make_mut(&mut config.transport).exchange_timeout = time;
    };
    let timed_out = transport(transport::Error::TimedOut);
    let mut against = AgainstServer::server_with(change).identified().proposed();
    against.pass(time);
    against.refused_with(&timed_out, Reason::BY_APPLICATION);
    // A rekey that the peer began and left.
    let mut against = AgainstServer::server_with(change).in_session().proposed();
    against.pass(time);
    against.refused_with(&timed_out, Reason::BY_APPLICATION);
    // One that we began and it never answered.
    let mut against = AgainstServer::server_with(change).in_session();
    against.ours.connection.rekey();
    against.settle();
    against.peer.read_kexinit();
    against.pass(time);
    against.refused_with(&timed_out, Reason::BY_APPLICATION);
}

#[test]
fn what_we_say_at_the_end_has_its_length() {
    let mut against = AgainstServer::server().logged_in();
    against.ours.connection.disconnect(Reason::BY_APPLICATION, &"é".repeat(10_000));
    against.settle();
    let goodbye = against.peer.expect(1);
    let length = u32::from_be_bytes(goodbye[5..9].try_into().unwrap()) as usize;
    assert_eq!(length, DISCONNECT_TEXT_MAX);
    assert_eq!(
        std::str::from_utf8(&goodbye[9..9 + length]).unwrap().chars().count(),
        DISCONNECT_TEXT_MAX / 2
    );
    against.over(&transport(transport::Error::Closed(Closed::Local(Reason::BY_APPLICATION))));
}

#[test]
fn an_idle_login_with_the_largest_packets_stays_below_a_mebibyte() {
    let mut against = AgainstServer::server().serviced();
    for _ in 0..200 {
        against.peer.send(Payload::number(2).string(vec![0; 34_000]).as_ref());
    }
    against.settle();
    against.lives();
    assert!(against.ours.receive_capacity() <= 256 * 1024, "{}", against.ours.receive_capacity());
}

#[test]
fn one_call_puts_out_no_more_channel_state_than_its_limit() {
    let mut against = AgainstServer::server().logged_in();
    let more = 100;
    for n in 0..(CONTROL_PER_CALL + more) as u32 {
        against.tell(AgainstServer::open_session(n));
    }
    let granted = against.heard();
    // Each CLOSE of the peer is owed one of ours, which has to wait for the keys.
    against.ours.connection.rekey();
    for confirmation in &granted {
        against.tell(Payload::number(97).raw(&confirmation[5..9]));
    }
    let proposal = against.proposal.clone();
    against.peer.send_kexinit(&proposal);
    against.settle();
    against.peer.read_kexinit();
    let ephemeral = against.peer.start_exchange(&proposal);
    let bytes = against.peer.take();
    let mut rx = RecvBuf::new();
    rx.space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
    rx.filled(bytes.len());
    let now = against.clock.now();
    let question = match against.ours.connection.process(now, &mut rx) {
        Ok(Step::Ask(question @ ServerQuestion::Sign { .. })) => question,
        other => panic!("{other:?}"),
    };
    // The answer opens the gate: that is the one call.
    against.ours.app.question(&mut against.ours.connection, question);
    against.peer.feed(against.ours.connection.transmit());
    against.ours.connection.sent(against.ours.connection.transmit().len());
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    assert_eq!(against.heard_numbers(), vec![97; CONTROL_PER_CALL]);
    against.peer.send_newkeys(&proposal, &exchange);
    against.settle();
    assert_eq!(against.heard_numbers(), vec![97; more]);
}
