//! The socket to the peer: how far it is, and how its packets are marked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nacre_reactor::{Exit, Io};
use proto::channels::limits::WINDOW_DEFAULT;
use proto::channels::{Grant, Priority};
use support::{Call, Note, Peer, Script, no_script, serve_over};

const EXPEDITED: u8 = 0xb8;
const LOW: u8 = 0x20;

fn tcp() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs = listener.accept().unwrap().0;
    (ours.into(), theirs.into())
}

/// Says what a server's packets are to be marked with.
fn marking(interactive: Option<u8>, bulk: Option<u8>) -> Script {
    Box::new(move |io: &mut Io<'_, proto::Server>, call: Call<'_>| match call {
        Call::Start => io.set_service_classes(interactive, bulk),
        Call::Exec(channel, "urgent") => {
            io.connection().set_priority(channel, Priority::Interactive).unwrap();
        }
        Call::Exec(channel, "nothing") => io.exit(channel, Exit::Status(0)),
        _ => {}
    })
}

/// Waits for a mark. It is set in the turn in which its reason came.
fn becomes(peer: &mut Peer, socket: &OwnedFd, class: u8) {
    peer.until("the mark", |_| sys::socket::service_class(socket).unwrap() == class);
}

#[test]
fn packets_are_urgent_unless_a_bulk_channel_is_open() {
    let (ours, theirs) = tcp();
    let socket = theirs.try_clone().unwrap();
    let _server = serve_over(theirs.into(), Grant::default(), marking(Some(EXPEDITED), Some(LOW)));
    let mut peer = Peer::new(ours);
    becomes(&mut peer, &socket, EXPEDITED);
    peer.log_in();
    let urgent = peer.exec("urgent");
    peer.until("an answer", |peer| peer.sessions[&urgent].notes == [Note::Granted(true)]);
    becomes(&mut peer, &socket, EXPEDITED);
    let (bulk, forward) = (peer.exec("sh cat"), peer.forward());
    becomes(&mut peer, &socket, LOW);
    peer.eof(bulk);
    peer.until("the end of one", |peer| peer.sessions[&bulk].closed());
    peer.run("nothing");
    assert_eq!(sys::socket::service_class(&socket).unwrap(), LOW);
    peer.close(forward);
    becomes(&mut peer, &socket, EXPEDITED);
    assert_eq!(peer.session(urgent).notes, [Note::Granted(true)]);
}

#[test]
fn a_terminal_is_no_bulk_and_what_was_set_is_taken_back() {
    let (ours, theirs) = tcp();
    let socket = theirs.try_clone().unwrap();
    let class = || sys::socket::service_class(&socket).unwrap();
    let _server = serve_over(theirs.into(), Grant::default(), marking(Some(EXPEDITED), None));
    let mut peer = Peer::new(ours);
    peer.log_in();
    let terminal = peer.open();
    peer.terminal(terminal);
    peer.until("an answer", |peer| !peer.sessions[&terminal].notes.is_empty());
    peer.request(terminal, "pty cat");
    peer.send(terminal, b"x");
    peer.until("an echo", |peer| peer.sessions[&terminal].stdout == b"x");
    assert_eq!(class(), EXPEDITED);
    let bulk = peer.exec("sh cat");
    becomes(&mut peer, &socket, 0);
    peer.eof(bulk);
    peer.until("its end", |peer| peer.sessions[&bulk].closed());
    becomes(&mut peer, &socket, EXPEDITED);
}

#[test]
fn what_is_no_socket_of_the_internet_is_not_marked_and_works() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let script = marking(Some(EXPEDITED), Some(LOW));
    let _server = serve_over(OwnedFd::from(theirs).into(), Grant::default(), script);
    let mut peer = Peer::new(ours.into());
    peer.log_in();
    assert_eq!(peer.run("nothing").status(), Some(0));
}

#[test]
fn a_window_does_not_grow_where_the_way_is_short_or_nobody_knows_how_long() {
    let pair = UnixStream::pair().unwrap();
    for (ours, theirs) in [tcp(), (pair.0.into(), pair.1.into())] {
        let _server = serve_over(theirs.into(), Grant::default(), no_script());
        let mut peer = Peer::new(ours);
        peer.log_in();
        let channel = peer.exec("sh cat >/dev/null");
        peer.send_pattern(channel, 20_000_000);
        peer.eof(channel);
        let (start, mut most) = (Instant::now(), 0);
        while !peer.session(channel).closed() {
            assert!(start.elapsed() < Duration::from_secs(60));
            most = most.max(peer.connection.channels().unwrap().send_window(channel));
            peer.turn(Duration::from_millis(20));
        }
        assert_eq!(most, WINDOW_DEFAULT);
    }
}
