//! Forwarded connections: those that the client wants made, and those that come in.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use connection::{ChannelType, Event as ChannelEvent, GlobalRequest, Grant};
use proto::{Client, Connection};
use wire::{Human, NulFree, Text};

use crate::protocol::Link;
use crate::protocol::session::{
    Connect, ConnectLocal, Connected, IncomingAgent, IncomingLocal, IncomingTcp, IncomingX11, Listening,
    Refused,
};

use super::super::limits::OFFERED;
use super::{Ends, Running, admit, honest, never, next, open, start, start_with};

fn text(text: &str) -> Text<'_> {
    Text::new(text).unwrap()
}

/// Asks for a connection to this port.
fn dial(connection: &mut Connection<Client>, port: u16) {
    let (host, originator) = (text("example.net"), text("127.0.0.1"));
    let kind = ChannelType::DirectTcpip { host, port, originator, originator_port: 2 };
    connection.open(&kind, Grant::default(), u64::from(port)).unwrap();
}

/// Asks for a connection to a Unix socket.
fn dial_local(connection: &mut Connection<Client>) {
    let path = NulFree::new(b"/run/x").unwrap();
    connection.open(&ChannelType::DirectStreamlocal { path }, Grant::default(), 0).unwrap();
}

fn is_closed(_: &mut Connection<Client>, event: &ChannelEvent<'_>) -> bool {
    matches!(event, ChannelEvent::Closed { .. })
}

/// A client that attaches its end of the socket that it returns to the first channel, and is done when a channel is closed.
fn connected(begin: fn(&mut Connection<Client>)) -> (Running, UnixStream) {
    let (near, theirs) = UnixStream::pair().unwrap();
    let ends = Ends::Sockets([theirs.into()].into());
    (start_with(&["good"], honest, ends, begin, is_closed), near)
}

/// Sends both ways, and ends one way after the other.
fn talk(mut near: UnixStream, mut far: UnixStream) {
    near.write_all(b"question").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let mut said = Vec::new();
    far.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"question");
    far.write_all(b"answer").unwrap();
    drop(far);
    said.clear();
    near.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"answer");
}

/// Whether everybody else has closed it.
fn is_over(mut socket: UnixStream) -> bool {
    socket.read(&mut [0]).unwrap() == 0
}

#[test]
fn a_connection_is_made_by_the_session_and_each_direction_ends_by_itself() {
    let (mut running, near) = connected(|connection| dial(connection, 80));
    let payload = next(&mut running.session);
    let asked = Connect::from_payload(&payload).unwrap();
    assert_eq!((asked.host.as_str(), asked.port), ("example.net", 80));
    assert_eq!((asked.originator.as_str(), asked.originator_port), ("127.0.0.1", 2));
    let (far, socket) = UnixStream::pair().unwrap();
    running.session.send(&Connected { channel: asked.channel }, &[socket.as_fd()]).unwrap();
    drop(socket);
    talk(near, far);
    assert_eq!(running.end().client[2..], ["opened", "closed"]);
}

#[test]
fn a_unix_socket_is_connected_to_in_the_same_way() {
    let (mut running, near) = connected(dial_local);
    let payload = next(&mut running.session);
    let asked = ConnectLocal::from_payload(&payload).unwrap();
    assert_eq!(asked.path.as_bytes(), b"/run/x");
    let (far, socket) = UnixStream::pair().unwrap();
    running.session.send(&Connected { channel: asked.channel }, &[socket.as_fd()]).unwrap();
    drop(socket);
    talk(near, far);
    assert_eq!(running.end().client[2..], ["opened", "closed"]);
}

#[test]
fn a_descriptor_that_is_of_no_use_costs_its_channel_and_no_other_one() {
    const PATH_ONLY: i32 = 0o10_000_000;
    let begin = |connection: &mut Connection<Client>| (1..=2).for_each(|port| dial(connection, port));
    let is_refused = |_: &mut Connection<Client>, event: &ChannelEvent<'_>| {
        matches!(event, ChannelEvent::OpenFailed { .. })
    };
    let mut running = start(&["good"], honest, begin, is_refused);
    let path = OpenOptions::new().read(true).custom_flags(PATH_ONLY).open("/").unwrap();
    let payload = next(&mut running.session);
    let useless = Connect::from_payload(&payload).unwrap().channel;
    running.session.send(&Connected { channel: useless }, &[path.as_fd()]).unwrap();
    let payload = next(&mut running.session);
    let other = Connect::from_payload(&payload).unwrap().channel;
    running.session.send(&Refused { channel: other, reason: 2, text: Human(b"still here") }, &[]).unwrap();
    let outcome = running.end();
    assert_eq!(outcome.client[2..], ["opened", "closed", "refused 2 still here"]);
    let line = format!("channel {useless}: Bad file descriptor");
    assert!(outcome.log.iter().any(|said| said.starts_with(&line)), "{:?}", outcome.log);
}

#[test]
fn a_connection_that_is_not_made_is_refused_in_the_session_s_words() {
    let mut running = start(
        &["good"],
        honest,
        |connection| {
            dial(connection, 1);
            dial_local(connection);
        },
        |_, event| matches!(event, ChannelEvent::OpenFailed { tag: 1, .. }),
    );
    let payload = next(&mut running.session);
    let first = Connect::from_payload(&payload).unwrap().channel;
    let payload = next(&mut running.session);
    let second = ConnectLocal::from_payload(&payload).unwrap().channel;
    let long = "x".repeat(1000);
    for (channel, reason, text) in [(second, 1, long.as_str()), (first, 2, "Connection refused")] {
        running.session.send(&Refused { channel, reason, text: Human(text.as_bytes()) }, &[]).unwrap();
    }
    let cut = format!("refused 1 {}", "x".repeat(256));
    assert_eq!(running.end().client[2..], [&cut, "refused 2 Connection refused"]);
}

#[test]
fn more_opens_than_a_slow_session_answers_are_refused_and_the_others_lose_nothing() {
    const ALL: u16 = 400;
    let mut told = 0;
    let mut running = start(
        &["good"],
        honest,
        |connection| (1..=ALL).for_each(|port| dial(connection, port)),
        move |_, event| {
            told += u16::from(matches!(event, ChannelEvent::Opened { .. } | ChannelEvent::OpenFailed { .. }));
            told == ALL
        },
    );
    // Those that wait for an answer; net has refused the others itself.
    let asked: Vec<(u32, u32)> = (0..connection::limits::PENDING_OPENS_MAX)
        .map(|_| {
            let payload = next(&mut running.session);
            let asked = Connect::from_payload(&payload).unwrap();
            (asked.channel, asked.port)
        })
        .collect();
    assert_eq!(asked.last().unwrap().1, 256);
    let mut connections = Vec::new();
    for (channel, port) in asked.into_iter().rev() {
        if port % 2 == 0 {
            let (far, socket) = UnixStream::pair().unwrap();
            connections.push(far);
            running.session.send(&Connected { channel }, &[socket.as_fd()]).unwrap();
        } else {
            running.session.send(&Refused { channel, reason: 2, text: Human(b"no") }, &[]).unwrap();
        }
    }
    let told = running.end().client;
    let count = |words: &str| told.iter().filter(|line| line.starts_with(words)).count();
    assert_eq!((count("refused 4"), count("refused 2 no")), (144, 128));
    assert_eq!(count("opened"), 128);
}

#[test]
fn what_waits_for_a_slow_session_is_bounded_by_its_size_too() {
    fn send(connection: &mut Connection<Client>, tag: u64) {
        let long = "x".repeat(30_000);
        let kind =
            ChannelType::DirectTcpip { host: text(&long), port: 1, originator: text(""), originator_port: 2 };
        connection.open(&kind, Grant::default(), tag).unwrap();
        // Its answer shows that there is room for the next one.
        connection.global(&GlobalRequest::Keepalive, true, tag).unwrap();
    }
    let running = start(
        &["good"],
        honest,
        |connection| send(connection, 1),
        |connection, event| {
            if let ChannelEvent::GlobalReply { tag, .. } = event {
                send(connection, tag + 1);
            }
            matches!(event, ChannelEvent::OpenFailed { .. })
        },
    );
    let outcome = running.end();
    assert_eq!(outcome.client.last().unwrap(), "refused 4 open failed");
    let line = "refused direct-tcpip: it is too long, or one of too many at once";
    assert!(outcome.log.iter().any(|said| said == line), "{:?}", outcome.log);
    // A megabyte, and what the socket holds.
    let taken = outcome.client.iter().filter(|told| told.starts_with("global")).count();
    assert!((35..100).contains(&taken), "{taken} opens");
}

#[test]
fn a_session_that_lies_about_connections_ends_the_connection() {
    type Lie = fn(&Link, u32, &UnixStream);
    let lies: [(Lie, &str); 11] = [
        (
            |link, channel, fd| link.send(&Connected { channel: channel + 7 }, &[fd.as_fd()]).unwrap(),
            "an open that nobody made",
        ),
        (
            // The channel of the session is none for which a connection is made.
            |link, channel, fd| link.send(&Connected { channel: channel - 1 }, &[fd.as_fd()]).unwrap(),
            "an open that nobody made",
        ),
        (|link, channel, _| link.send(&Connected { channel }, &[]).unwrap(), "its one descriptor"),
        (
            |link, channel, fd| link.send(&Connected { channel }, &[fd.as_fd(), fd.as_fd()]).unwrap(),
            "its one descriptor",
        ),
        (
            |link, channel, fd| {
                link.send(&Connected { channel }, &[fd.as_fd()]).unwrap();
                link.send(&Connected { channel }, &[fd.as_fd()]).unwrap();
            },
            "an open that nobody made",
        ),
        (
            |link, channel, fd| {
                let refused = Refused { channel, reason: 2, text: Human(b"") };
                link.send(&refused, &[fd.as_fd()]).unwrap();
            },
            "nobody asked for",
        ),
        (
            |link, channel, _| {
                let refused = Refused { channel: channel + 7, reason: 2, text: Human(b"") };
                link.send(&refused, &[]).unwrap();
            },
            "an open that nobody made",
        ),
        (
            |link, _, _| link.send(&Listening { request: 0, good: true, port: 0 }, &[]).unwrap(),
            "a request that nobody made",
        ),
        (
            |link, _, fd| {
                let (address, originator) = (text(""), text("::1"));
                let incoming = IncomingTcp { address, port: 65_536, originator, originator_port: 1 };
                link.send(&incoming, &[fd.as_fd()]).unwrap();
            },
            "a port that is none",
        ),
        (|link, _, _| link.send(&IncomingAgent { standard: false }, &[]).unwrap(), "its one descriptor"),
        (|link, channel, fd| link.send(&Connected { channel }, &[fd.as_fd(); 4]).unwrap(), "descriptors"),
    ];
    for (lie, words) in lies {
        let begin = |connection: &mut Connection<Client>| {
            open(connection);
            dial(connection, 80);
        };
        let mut running = start(&["good"], honest, begin, never);
        let payload = next(&mut running.session);
        let (_far, socket) = UnixStream::pair().unwrap();
        lie(&running.session, Connect::from_payload(&payload).unwrap().channel, &socket);
        let outcome = running.end();
        assert_eq!(outcome.client.last().unwrap(), "cut off", "{words}");
        assert!(outcome.log.iter().any(|line| line.contains(words)), "{words}: {:?}", outcome.log);
    }
}

/// Tells of a connection that came in; its other end is returned.
pub(super) fn come_in(link: &Link, number: u16) -> UnixStream {
    let (far, socket) = UnixStream::pair().unwrap();
    let fds = [socket.as_fd()];
    let (originator, originator_port) = (text("192.0.2.7"), 3);
    match number {
        0 => link
            .send(&IncomingTcp { address: text("localhost"), port: 8080, originator, originator_port }, &fds),
        1 => link.send(&IncomingLocal { path: NulFree::new(b"/run/y").unwrap() }, &fds),
        2 => link.send(&IncomingX11 { originator, originator_port }, &fds),
        3 => link.send(&IncomingAgent { standard: false }, &fds),
        _ => link.send(&IncomingAgent { standard: true }, &fds),
    }
    .unwrap();
    far
}

const ASKED: [&str; 5] = [
    "asked forwarded-tcpip localhost 8080 192.0.2.7 3",
    "asked forwarded-streamlocal@openssh.com /run/y",
    "asked x11 192.0.2.7 3",
    "asked auth-agent@openssh.com",
    "asked agent-connect",
];

#[test]
fn a_connection_that_comes_in_has_a_channel_of_its_kind() {
    for (number, asked) in (0..).zip(ASKED) {
        let (running, near) = connected(|_| {});
        talk(near, come_in(&running.session, number));
        assert_eq!(running.end().client[2..], [asked, "closed"]);
    }
}

#[test]
fn a_connection_that_the_client_does_not_want_is_closed_and_told_in_openssh_s_words() {
    let running = start(&["good"], honest, |_| {}, never);
    let far = come_in(&running.session, 0);
    assert!(is_over(far));
    let outcome = running.cut();
    assert_eq!(outcome.client[2..], [ASKED[0], "cut off"]);
    let line = "channel 0: open failed: connect failed: Connection refused";
    assert!(outcome.log.iter().any(|said| said == line), "{:?}", outcome.log);
}

#[test]
fn connections_that_come_in_faster_than_a_client_answers_are_bounded() {
    let running = start_with(&["good"], honest, Ends::Stalled(Vec::new()), |_| {}, never);
    let mut far: Vec<UnixStream> = (0..OFFERED + 2).map(|_| come_in(&running.session, 1)).collect();
    assert!(is_over(far.pop().unwrap()) && is_over(far.pop().unwrap()));
    for socket in &far {
        socket.set_nonblocking(true).unwrap();
        let still = (&*socket).read(&mut [0]).unwrap_err();
        assert_eq!(still.kind(), std::io::ErrorKind::WouldBlock);
    }
    let outcome = running.cut();
    let line = "no forwarded-streamlocal@openssh.com for an incoming connection";
    assert_eq!(outcome.log.iter().filter(|said| said.starts_with(line)).count(), 2, "{:?}", outcome.log);
    assert!(far.into_iter().all(is_over));
}

#[test]
fn connections_are_forwarded_where_no_session_is_allowed() {
    let (near, theirs) = UnixStream::pair().unwrap();
    let mut running = start_with(
        &["good"],
        |net, password, session| admit(net, password, session, 0, "", 0),
        Ends::Sockets([theirs.into()].into()),
        |connection| {
            open(connection);
            dial(connection, 80);
        },
        is_closed,
    );
    let payload = next(&mut running.session);
    let (far, socket) = UnixStream::pair().unwrap();
    let channel = Connect::from_payload(&payload).unwrap().channel;
    running.session.send(&Connected { channel }, &[socket.as_fd()]).unwrap();
    drop(socket);
    talk(near, far);
    let outcome = running.end();
    assert_eq!(outcome.client[2..], ["refused 2 open failed", "opened", "closed"]);
    assert!(outcome.log.iter().any(|said| said == "no more sessions"), "{:?}", outcome.log);
}
