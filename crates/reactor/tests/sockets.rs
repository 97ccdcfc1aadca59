//! Forwarded sockets: both directions to their own ends, at everybody's own pace, whoever ends first and however.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nacre_reactor::{Attachment, Io};
use proto::channels::LocalId;
use support::{Call, Note, Peer, Ran, pattern, serve};

/// A pair of connected sockets.
fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// A server that attaches these sockets, in turn, to the forwarded connections that are opened.
fn forwarding(sockets: impl IntoIterator<Item = OwnedFd>) -> (Peer, Ran) {
    let mut sockets: VecDeque<OwnedFd> = sockets.into_iter().collect();
    serve(Box::new(move |io: &mut Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Forward(channel) = call {
            io.attach(channel, Attachment::socket(sockets.pop_front().unwrap())).unwrap();
        }
    }))
}

fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    pattern(0, &mut bytes);
    bytes
}

/// Whether the other end of this pair of Unix sockets was closed, and not only shut down.
fn is_gone(mut socket: &UnixStream) -> bool {
    matches!(socket.write(b"x"), Err(error) if error.kind() == ErrorKind::BrokenPipe)
}

#[test]
fn the_peers_eof_ends_the_sockets_input_and_nothing_else() {
    let (local, ours) = tcp();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    peer.session(channel).counting = true;
    peer.send_pattern(channel, 3_000_000);
    peer.eof(channel);
    let program = std::thread::spawn(move || {
        let mut local = local;
        let mut came = Vec::new();
        local.read_to_end(&mut came).unwrap();
        assert!(came == bytes(3_000_000));
        // Answers only now: it had to see the end first.
        local.write_all(&came).unwrap();
    });
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    program.join().unwrap();
    assert_eq!(peer.session(channel).counted, 3_000_000);
    assert_eq!(peer.session(channel).notes[1..], [Note::Eof, Note::Closed]);
}

#[test]
fn the_sockets_end_is_eof_and_the_other_direction_goes_on() {
    let (local, ours) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    let program = std::thread::spawn(move || {
        let mut local = local;
        local.write_all(&bytes(1_000_000)).unwrap();
        local.shutdown(Shutdown::Write).unwrap();
        let mut came = Vec::new();
        local.read_to_end(&mut came).unwrap();
        came
    });
    peer.until("EOF", |peer| peer.sessions[&channel].notes.contains(&Note::Eof));
    assert!(peer.session(channel).stdout == bytes(1_000_000));
    peer.send_pattern(channel, 1_000_000);
    peer.eof(channel);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert!(program.join().unwrap() == bytes(1_000_000));
}

#[test]
fn what_waits_when_the_peer_closes_is_still_written_and_only_then_is_the_channel_gone() {
    let (mut local, ours) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    peer.send_pattern(channel, 1_500_000);
    peer.close(channel);
    // It is the order of things that this shows, and not a time: nothing else would bring the answer to CLOSE.
    peer.pass(Duration::from_millis(200));
    assert!(!peer.session(channel).closed());
    // What nobody will read any more does not reset the connection.
    local.write_all(b"too late").unwrap();
    let mut came = Vec::new();
    local.read_to_end(&mut came).unwrap();
    assert!(came == bytes(1_500_000));
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert!(is_gone(&local));
}

#[test]
fn what_was_written_before_the_peer_closed_survives_what_nobody_reads() {
    let (mut local, ours) = tcp();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    // More than the kernel carries, so that it is still on its way when the socket is closed.
    peer.send_pattern(channel, 1_900_000);
    peer.session(channel).paused = true;
    local.write_all(&[7; 3000]).unwrap();
    peer.close(channel);
    let mut came = Vec::new();
    let program = std::thread::spawn(move || local.read_to_end(&mut came).map(|_| came));
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert!(program.join().unwrap().unwrap() == bytes(1_900_000));
}

#[test]
fn a_reset_ends_the_channel_after_what_came_before_it() {
    let (mut local, ours) = tcp();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    peer.send(channel, b"never read");
    let mut byte = [0];
    peer.turn(Duration::ZERO);
    local.peek(&mut byte).unwrap();
    local.write_all(b"last words").unwrap();
    // Unread bytes make a reset of this.
    drop(local);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!(peer.session(channel).stdout, b"last words");
}

#[test]
fn a_socket_that_is_closed_ends_the_channel_though_the_peer_says_nothing() {
    let (mut local, ours) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    local.write_all(&bytes(100_000)).unwrap();
    drop(local);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert!(peer.session(channel).stdout == bytes(100_000));
    assert_eq!(peer.session(channel).notes[1..], [Note::Eof, Note::Closed]);
}

#[test]
fn a_socket_that_takes_nothing_any_more_is_still_read_to_its_end() {
    let (mut local, ours) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    local.shutdown(Shutdown::Read).unwrap();
    // More than a window: it is dropped, and its credit comes back.
    peer.send_pattern(channel, 5_000_000);
    peer.until("all to be dropped", |peer| peer.connection.channels().unwrap().send_window(channel) > 0);
    local.write_all(b"still here").unwrap();
    peer.until("data", |peer| peer.sessions[&channel].stdout == b"still here");
    assert!(!peer.session(channel).closed());
    drop(local);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
}

#[test]
fn a_peer_that_reads_no_more_is_told_to_the_sockets_other_end() {
    let (mut local, ours) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    let eow = proto::channels::ChannelRequest::Eow;
    peer.connection.request(channel, &eow, false, 0).unwrap();
    peer.until("EOF", |peer| peer.sessions[&channel].notes.contains(&Note::Eof));
    assert_eq!(local.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    peer.send(channel, b"to the end");
    peer.eof(channel);
    let mut came = Vec::new();
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    local.read_to_end(&mut came).unwrap();
    assert_eq!(came, b"to the end");
}

#[test]
fn what_was_written_survives_what_a_peer_that_reads_no_more_left_unread() {
    let (mut local, ours) = tcp();
    let (mut peer, _server) = forwarding([ours.into()]);
    let channel = peer.forward();
    let eow = proto::channels::ChannelRequest::Eow;
    peer.connection.request(channel, &eow, false, 0).unwrap();
    peer.send(channel, b"x");
    let mut byte = [0];
    peer.turn(Duration::ZERO);
    // It has been heard when what came after it is here.
    local.read_exact(&mut byte).unwrap();
    local.write_all(&[7; 3000]).unwrap();
    // Less than the kernel carries, so that all of it is on its way when the socket is closed.
    peer.send_pattern(channel, 400_000);
    peer.eof(channel);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let mut came = Vec::new();
    let read = local.read_to_end(&mut came);
    assert!(read.is_ok() && came == bytes(400_000), "{read:?} after {}", came.len());
}

#[test]
fn a_thousand_quick_connections_leave_nothing_behind() {
    const AT_ONCE: usize = 50;
    let (locals, ours): (Vec<UnixStream>, Vec<OwnedFd>) =
        (0..1000).map(|_| UnixStream::pair().unwrap()).map(|(local, ours)| (local, ours.into())).unzip();
    let (mut peer, _server) = forwarding(ours);
    for (round, locals) in locals.chunks(AT_ONCE).enumerate() {
        let channels: Vec<LocalId> = locals.iter().map(|_| peer.forward()).collect();
        for (at, (channel, mut local)) in channels.iter().zip(locals).enumerate() {
            peer.send(*channel, b"ping");
            local.write_all(b"pong").unwrap();
            // Every way to end one: by either side, at once or in halves.
            match (round + at) % 4 {
                0 => peer.eof(*channel),
                1 => local.shutdown(Shutdown::Write).unwrap(),
                2 => peer.close(*channel),
                _ => local.shutdown(Shutdown::Both).unwrap(),
            }
        }
        for (at, (channel, mut local)) in channels.iter().zip(locals).enumerate() {
            match (round + at) % 4 {
                0 => {
                    peer.until("the pong", |peer| peer.sessions[channel].stdout == b"pong");
                    local.shutdown(Shutdown::Write).unwrap();
                }
                1 => peer.eof(*channel),
                _ => {}
            }
            peer.until("the end", |peer| peer.sessions[channel].closed());
            if (round + at) % 4 != 3 {
                let mut came = Vec::new();
                local.read_to_end(&mut came).unwrap();
                assert_eq!(came, b"ping");
            }
            assert!(is_gone(local), "round {round}, connection {at}");
            peer.sessions.remove(channel);
        }
        assert_eq!(peer.connection.channels().unwrap().channel_count(), 0);
    }
}

#[test]
fn a_socket_that_never_reads_stops_its_own_channel_only() {
    let (_kept, stuck) = UnixStream::pair().unwrap();
    let (local, flowing) = UnixStream::pair().unwrap();
    let (mut peer, _server) = forwarding([stuck.into(), flowing.into()]);
    let stuck = peer.forward();
    peer.send_pattern(stuck, 50_000_000);
    let flowing = peer.forward();
    peer.send_pattern(flowing, 10_000_000);
    peer.eof(flowing);
    let program = std::thread::spawn(move || {
        let (mut local, mut came) = (local, Vec::new());
        local.read_to_end(&mut came).unwrap();
        came
    });
    peer.until("the end of what flows", |peer| {
        peer.sessions[&flowing].notes.contains(&Note::Eof) || program.is_finished()
    });
    assert!(program.join().unwrap() == bytes(10_000_000));
    assert_eq!(peer.connection.channels().unwrap().send_window(stuck), 0);
}

#[test]
fn descriptors_that_cannot_be_attached_cost_their_channel_only() {
    const O_PATH: i32 = 0o10_000_000;
    let mut first = true;
    let (mut peer, _server) = serve(Box::new(move |io: &mut Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Forward(channel) = call {
            let useless = std::fs::OpenOptions::new().read(true).custom_flags(O_PATH).open("/").unwrap();
            let bad = std::mem::take(&mut first);
            let socket = if bad { useless.into() } else { UnixStream::pair().unwrap().0.into() };
            assert_eq!(io.attach(channel, Attachment::socket(socket)).is_err(), bad);
        }
    }));
    let useless = peer.forward();
    peer.until("its end", |peer| peer.sessions[&useless].closed());
    assert_eq!(peer.run("sh exit 4").status(), Some(4));
}

#[test]
fn how_long_nothing_moved_is_known() {
    let (mut local, ours) = UnixStream::pair().unwrap();
    let (tell, told) = mpsc::channel();
    let (mut socket, mut forwarded) = (Some(OwnedFd::from(ours)), None);
    let (mut peer, _server) =
        serve(Box::new(move |io: &mut Io<'_, proto::Server>, call: Call<'_>| match call {
            Call::Forward(channel) => {
                io.attach(channel, Attachment::socket(socket.take().unwrap())).unwrap();
                forwarded = Some(channel);
            }
            Call::Exec(channel, _) => {
                tell.send((io.idle_since(forwarded.unwrap()), io.now())).unwrap();
                io.detach(channel);
                assert_eq!(io.idle_since(channel), None);
            }
            _ => {}
        }));
    let before = Instant::now();
    let channel = peer.forward();
    let look = |peer: &mut Peer| -> (Instant, Instant) {
        let asked = peer.exec("look");
        peer.until("a look", |peer| !peer.sessions[&asked].notes.is_empty());
        let (since, now) = told.recv().unwrap();
        (since.unwrap(), now)
    };
    let (since, now) = look(&mut peer);
    assert!(before <= since && since <= now);
    assert_eq!(look(&mut peer).0, since);
    peer.send(channel, b"in");
    peer.turn(Duration::ZERO);
    local.read_exact(&mut [0; 2]).unwrap();
    let (received, now) = look(&mut peer);
    assert!(since < received && received <= now);
    local.write_all(b"out").unwrap();
    peer.until("it", |peer| peer.sessions[&channel].stdout == b"out");
    let (sent, _) = look(&mut peer);
    assert!(received < sent);
    assert_eq!(look(&mut peer).0, sent);
}
