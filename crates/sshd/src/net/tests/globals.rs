//! Requests to listen, and to listen no more.

use connection::{Event as ChannelEvent, GlobalRequest};
use proto::{Client, Connection};
use wire::{NulFree, Text, row};

use crate::protocol::session::{Cancel, CancelLocal, Listen, ListenLocal, Listening, SESSION};

use super::super::limits::UNANSWERED;
use super::{honest, never, next, start};

fn listen(port: u16) -> GlobalRequest<'static> {
    GlobalRequest::TcpipForward { address: Text::new("localhost").unwrap(), port }
}

fn cancel(port: u16) -> GlobalRequest<'static> {
    GlobalRequest::CancelTcpipForward { address: Text::new("localhost").unwrap(), port }
}

/// Makes requests that want a reply, numbered from 1.
fn ask(connection: &mut Connection<Client>, requests: &[GlobalRequest<'_>]) {
    for (tag, request) in (1..).zip(requests) {
        connection.global(request, true, tag).unwrap();
    }
}

#[test]
fn answers_go_out_in_the_order_of_the_requests_and_with_the_port_where_any_would_do() {
    let path = NulFree::new(b"/run/x").unwrap();
    let mut running = start(
        &["good"],
        honest,
        move |connection| {
            let local = GlobalRequest::StreamlocalForward { path };
            let no_more = GlobalRequest::CancelStreamlocalForward { path };
            ask(connection, &[listen(0), listen(8080), local, no_more, cancel(8080), cancel(8080)]);
        },
        |_, event| matches!(event, ChannelEvent::GlobalReply { tag: 6, .. }),
    );
    let payload = next(&mut running.session);
    let any = Listen::from_payload(&payload).unwrap();
    assert_eq!((any.address.as_str(), any.port), ("localhost", 0));
    let payload = next(&mut running.session);
    let one = Listen::from_payload(&payload).unwrap();
    assert_eq!(one.port, 8080);
    let payload = next(&mut running.session);
    let local = ListenLocal::from_payload(&payload).unwrap();
    let payload = next(&mut running.session);
    let no_more = CancelLocal::from_payload(&payload).unwrap();
    assert_eq!((local.path.as_bytes(), no_more.path.as_bytes()), (&b"/run/x"[..], &b"/run/x"[..]));
    let (first, second) = (next(&mut running.session), next(&mut running.session));
    let twice = [&first, &second].map(|payload| Cancel::from_payload(payload).unwrap());
    assert_eq!((twice[0].address.as_str(), twice[0].port), ("localhost", 8080));
    for (request, good, port) in [
        (twice[1].request, false, 0),
        (no_more.request, true, 0),
        (local.request, false, 0),
        (one.request, true, 0),
        (any.request, true, 40_000),
        (twice[0].request, true, 0),
    ] {
        running.session.send(&Listening { request, good, port }, &[]).unwrap();
    }
    let told = [
        "global 1 [0, 0, 156, 64]",
        "global 2 []",
        "global 3 no",
        "global 4 []",
        "global 5 []",
        "global 6 no",
    ];
    assert_eq!(running.end().client[2..], told);
}

#[test]
fn a_request_without_a_reply_is_carried_out_in_silence() {
    let mut running = start(
        &["good"],
        honest,
        |connection| {
            connection.global(&listen(8080), false, 0).unwrap();
            connection.global(&cancel(1), true, 1).unwrap();
        },
        |_, event| matches!(event, ChannelEvent::GlobalReply { tag: 1, .. }),
    );
    let payload = next(&mut running.session);
    let silent = Listen::from_payload(&payload).unwrap();
    let payload = next(&mut running.session);
    let asked = Cancel::from_payload(&payload).unwrap();
    running.session.send(&Listening { request: silent.request, good: true, port: 0 }, &[]).unwrap();
    running.session.send(&Listening { request: asked.request, good: true, port: 0 }, &[]).unwrap();
    assert_eq!(running.end().client[2..], ["global 1 []"]);
}

#[test]
fn nobody_listens_at_a_port_of_which_nobody_hears() {
    let mut running = start(
        &["good"],
        honest,
        |connection| {
            connection.global(&listen(0), false, 0).unwrap();
            connection.global(&cancel(1), true, 1).unwrap();
        },
        |_, event| matches!(event, ChannelEvent::GlobalReply { tag: 1, .. }),
    );
    let payload = next(&mut running.session);
    let request = Cancel::from_payload(&payload).unwrap().request;
    running.session.send(&Listening { request, good: true, port: 0 }, &[]).unwrap();
    assert_eq!(running.end().client[2..], ["global 1 []"]);
}

#[test]
fn a_port_that_is_none_is_no_answer() {
    for port in [0, 65_536] {
        let mut running = start(&["good"], honest, |connection| ask(connection, &[listen(0)]), never);
        let payload = next(&mut running.session);
        let request = Listen::from_payload(&payload).unwrap().request;
        running.session.send(&Listening { request, good: true, port }, &[]).unwrap();
        let outcome = running.end();
        assert_eq!(outcome.client[2..], ["cut off"]);
        assert!(outcome.log.iter().any(|line| line.contains("a port that is none")), "{:?}", outcome.log);
    }
}

#[test]
fn requests_that_a_slow_session_does_not_answer_are_bounded() {
    const BATCH: usize = 128;
    const BATCHES: u64 = 9;
    fn send(connection: &mut Connection<Client>, batch: u64) {
        for _ in 0..BATCH {
            connection.global(&listen(1), false, 0).unwrap();
        }
        // What is answered at once shows that those before it have been taken.
        connection.global(&GlobalRequest::Keepalive, true, batch).unwrap();
    }
    let mut running = start(
        &["good"],
        honest,
        |connection| send(connection, 1),
        |connection, event| {
            match event {
                ChannelEvent::GlobalReply { tag: BATCHES, .. } => {
                    connection.global(&listen(2), true, BATCHES + 1).unwrap();
                }
                ChannelEvent::GlobalReply { tag, .. } if *tag < BATCHES => send(connection, tag + 1),
                _ => {}
            }
            matches!(event, ChannelEvent::GlobalReply { tag, .. } if *tag > BATCHES)
        },
    );
    let over = BATCH * 9 - UNANSWERED;
    for _ in 0..UNANSWERED {
        assert_eq!(row(SESSION, next(&mut running.session)[0]).unwrap().name, "Listen");
    }
    let outcome = running.end();
    assert_eq!(outcome.client.last().unwrap(), "global 10 no");
    let refused = outcome.log.iter().filter(|line| line.starts_with("refused tcpip-forward:")).count();
    assert_eq!(refused, over + 1);
}
