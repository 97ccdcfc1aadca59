//! The bytes of channels: all of them, in both directions, at everybody's own pace, in bounded memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nacre_reactor::{Attachment, Ended, Exit, Transport};
use proto::channels::{Grant, LocalId, Stream};
use support::{Call, Peer, Ran, Script, no_script, pattern, serve, serve_over};

/// A script that attaches pipes to channels that want them, and hands the other ends over.
fn piped() -> (Script, mpsc::Receiver<(LocalId, PipeReader, PipeWriter)>) {
    let (ends, handed) = mpsc::channel();
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Exec(channel, _) = call {
            let (input, sink) = std::io::pipe().unwrap();
            let (source, output) = std::io::pipe().unwrap();
            let attachment =
                Attachment::new().sink(Stream::Data, sink.into()).source(Stream::Data, source.into());
            io.attach(channel, attachment).unwrap();
            ends.send((channel, input, output)).unwrap();
        }
    });
    (script, handed)
}

fn tcp() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs = listener.accept().unwrap().0;
    (ours.into(), theirs.into())
}

/// Writes so many bytes of the pattern.
fn write_pattern(mut to: impl Write, bytes: u64) {
    let (mut at, mut part) = (0, vec![0; 100_000]);
    while at < bytes {
        let n = part.len().min(usize::try_from(bytes - at).unwrap());
        pattern(at, &mut part[..n]);
        to.write_all(&part[..n]).unwrap();
        at += n as u64;
    }
}

/// Reads to the end, and says how many bytes of the pattern came.
fn read_pattern(mut from: impl Read) -> u64 {
    let (mut at, mut part, mut expected) = (0, vec![0; 100_000], vec![0; 100_000]);
    loop {
        let n = from.read(&mut part).unwrap();
        if n == 0 {
            return at;
        }
        pattern(at, &mut expected[..n]);
        assert!(part[..n] == expected[..n], "other bytes after {at}");
        at += n as u64;
    }
}

#[test]
fn a_hundred_megabytes_each_way_at_once_arrive_byte_for_byte() {
    const BYTES: u64 = 100_000_000;
    let (script, handed) = piped();
    let (ours, theirs) = tcp();
    let _server = serve_over(theirs.into(), Grant::default(), script);
    let mut peer = Peer::new(ours);
    peer.log_in();
    let channel = peer.exec("both");
    peer.session(channel).counting = true;
    peer.send_pattern(channel, BYTES);
    peer.eof(channel);
    peer.until("the pipes", |peer| !peer.sessions[&channel].notes.is_empty());
    let (_, input, output) = handed.recv().unwrap();
    let reader = std::thread::spawn(move || read_pattern(input));
    let writer = std::thread::spawn(move || write_pattern(output, BYTES));
    peer.until("everything", |peer| {
        peer.sessions[&channel].counted == BYTES
            && peer.sessions[&channel].notes.contains(&support::Note::Eof)
    });
    while !reader.is_finished() {
        peer.turn(Duration::from_millis(5));
    }
    assert_eq!(reader.join().unwrap(), BYTES);
    writer.join().unwrap();
}

#[test]
fn a_program_that_does_not_read_stops_its_own_channel_only() {
    let (script, handed) = piped();
    let (mut peer, _server) = serve(script);
    let stuck = peer.exec("stuck");
    peer.send_pattern(stuck, 50_000_000);
    let flowing = peer.exec("flowing");
    peer.send_pattern(flowing, 10_000_000);
    peer.eof(flowing);
    peer.until("the pipes", |peer| !peer.sessions[&flowing].notes.is_empty());
    let (_, _kept, _) = handed.recv().unwrap();
    let (_, input, output) = handed.recv().unwrap();
    let reader = std::thread::spawn(move || read_pattern(input));
    drop(output);
    while !reader.is_finished() {
        peer.turn(Duration::from_millis(5));
    }
    assert_eq!(reader.join().unwrap(), 10_000_000);
    // The window, and a pipe's worth that was taken.
    assert_eq!(peer.connection.channels().unwrap().send_window(stuck), 0);
}

#[test]
fn a_client_that_does_not_read_a_channel_stops_that_one_only() {
    let (mut peer, _server) = serve(no_script());
    let stuck = peer.exec("sh cat /dev/zero");
    peer.session(stuck).paused = true;
    peer.until("a full window", |peer| peer.connection.channels().unwrap().receive_window(stuck) == 0);
    let session = peer.run("sh head -c 5000000 /dev/zero; exit 3");
    assert_eq!((session.before_status(), session.status()), (5_000_000, Some(3)));
    assert_eq!(peer.session(stuck).stdout.len(), 2 * 1024 * 1024);
}

#[test]
fn the_exit_status_waits_for_output_that_the_client_has_no_window_for() {
    let (mut peer, _server) = serve(no_script());
    peer.grant = Grant { window: 1000, max_packet: 32 * 1024 };
    let channel = peer.exec("sh head -c 40000 /dev/zero; exit 5");
    peer.session(channel).paused = true;
    peer.until("a full window", |peer| peer.connection.channels().unwrap().receive_window(channel) == 0);
    peer.pass(Duration::from_millis(100));
    assert_eq!((peer.session(channel).stdout.len(), peer.session(channel).status()), (1000, None));
    peer.session(channel).paused = false;
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!((peer.session(channel).before_status(), peer.session(channel).status()), (40_000, Some(5)));
}

#[test]
fn a_client_that_never_reads_costs_bounded_memory_and_its_program_stops() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (written, told) = mpsc::channel();
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Exec(channel, _) = call {
            let (source, mut output) = std::io::pipe().unwrap();
            io.attach(channel, Attachment::new().source(Stream::Data, source.into())).unwrap();
            let written = written.clone();
            std::thread::spawn(
                move || {
                    while output.write(&[0; 4096]).is_ok_and(|n| written.send(n).is_ok()) {}
                },
            );
        }
    });
    let grant = Grant::default();
    let _server = serve_over(OwnedFd::from(theirs).into(), grant, script);
    let mut peer = Peer::new(ours.into());
    peer.grant = Grant { window: u32::MAX, max_packet: u32::MAX };
    peer.log_in();
    let channel = peer.exec("source");
    peer.until("something", |peer| !peer.sessions[&channel].stdout.is_empty());
    // From here on nobody reads the socket. Its buffers, what is sealed ahead, and the pipe fill up, and that is it.
    let mut total = 0;
    while let Ok(n) = told.recv_timeout(Duration::from_millis(500)) {
        total += n;
        assert!(total < 4_000_000 + peer.session(channel).stdout.len(), "{total} bytes were taken");
    }
    assert!(total > 0);
}

#[test]
fn one_always_ready_source_starves_neither_the_others_nor_the_socket() {
    let (mut peer, _server) = serve(no_script());
    let endless = peer.open();
    peer.session(endless).counting = false;
    peer.request(endless, "sh exec cat /dev/zero");
    let session = peer.run("pty echo here");
    assert_eq!(session.stdout, b"here\r\n");
    let before = peer.session(endless).stdout.len();
    peer.until("more of it", |peer| peer.sessions[&endless].stdout.len() > before + 1_000_000);
    peer.connection.close(endless).unwrap();
    peer.until("its end", |peer| peer.sessions[&endless].closed());
}

#[test]
fn a_file_is_always_ready_and_is_sent_whole() {
    let path = std::env::temp_dir().join(format!("nacre-reactor-file-{}", std::process::id()));
    write_pattern(std::fs::File::create(&path).unwrap(), 5_000_000);
    let file = path.clone();
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Exec(channel, _) = call {
            let file = std::fs::File::open(&file).unwrap();
            let nothing = std::fs::File::open("/dev/null").unwrap();
            let attachment = Attachment::new()
                .source(Stream::Data, file.into())
                .source(Stream::Stderr, nothing.into())
                .sink(Stream::Data, sys::fd::null().unwrap());
            io.attach(channel, attachment).unwrap();
            io.exit(channel, Exit::Status(0));
        }
    });
    let (mut peer, _server) = serve(script);
    let channel = peer.open();
    peer.session(channel).counting = true;
    peer.send(channel, b"into the void");
    peer.request(channel, "file");
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    std::fs::remove_file(path).unwrap();
    assert_eq!((peer.session(channel).counted, peer.session(channel).status()), (5_000_000, Some(0)));
}

#[test]
fn a_connection_over_two_pipes_works_like_one_over_a_socket() {
    let (input, to_server) = std::io::pipe().unwrap();
    let (from_server, output) = std::io::pipe().unwrap();
    let link = Transport { input: input.into(), output: Some(output.into()) };
    let server = serve_over(link, Grant::default(), no_script());
    let mut peer = Peer::over(from_server.into(), Some(to_server.into()));
    peer.log_in();
    let channel = peer.exec("sh cat; exit 6");
    peer.session(channel).counting = true;
    peer.send_pattern(channel, 3_000_000);
    peer.eof(channel);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!((peer.session(channel).counted, peer.session(channel).status()), (3_000_000, Some(6)));
    drop(peer);
    assert!(matches!(server.ended(), Ended::PeerClosed | Ended::Failed(_)));
}

#[test]
fn a_client_that_goes_away_ends_the_loop_and_hangs_its_programs_up() {
    let (mut peer, server) = serve(no_script());
    let channel = peer.exec("sh echo here; cat; cat /dev/zero");
    peer.until("output", |peer| peer.sessions[&channel].stdout == b"here\n");
    drop(peer);
    // The program ends by the end of its input and by SIGPIPE; `ended` waits for it.
    assert!(matches!(server.ended(), Ended::PeerClosed | Ended::Failed(_)));
}

#[test]
fn a_client_that_closes_its_sending_side_only_has_closed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let half = ours.try_clone().unwrap();
    let server = serve_over(OwnedFd::from(theirs).into(), Grant::default(), no_script());
    let mut peer = Peer::new(ours.into());
    peer.log_in();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    peer.until_over();
    assert!(matches!(server.ended(), Ended::PeerClosed));
}

#[test]
fn a_disconnect_is_told_with_its_reason() {
    let (mut peer, server) = serve(no_script());
    peer.connection.disconnect(proto::transport::Reason::BY_APPLICATION, "enough");
    peer.turn(Duration::ZERO);
    assert!(matches!(server.ended(), Ended::Over(error) if error.fault() == proto::Fault::Closed));
}

#[test]
fn what_is_sealed_when_the_application_stops_is_sent() {
    let script = Box::new(|io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| {
        if let Call::Exec(channel, _) = call {
            io.exit(channel, Exit::Status(11));
            io.stop();
        }
    });
    let (mut peer, server) = serve(script);
    let channel = peer.open();
    peer.request(channel, "stop");
    peer.until_over();
    assert_eq!((peer.session(channel).status(), peer.session(channel).closed()), (Some(11), true));
    assert!(matches!(server.ended(), Ended::Stopped));
}

#[test]
fn timers_call_in_order_and_not_before_their_time() {
    let (tell, told) = mpsc::channel();
    let mut set = Vec::new();
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| match call {
        Call::Start => {
            let now = io.now();
            for milliseconds in [60, 20, 40] {
                let at = now + Duration::from_millis(milliseconds);
                set.push((io.set_timer(at), at));
            }
            io.cancel_timer(set.remove(2).0);
        }
        Call::Timer(timer) => {
            let at = set.iter().find(|(id, _)| *id == timer).unwrap().1;
            tell.send((at, Instant::now())).unwrap();
            if at == set[0].1 {
                io.stop();
            }
        }
        _ => {}
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = serve_over(OwnedFd::from(theirs).into(), Grant::default(), script);
    assert!(matches!(server.ended(), Ended::Stopped));
    drop(ours);
    let calls: Vec<(Instant, Instant)> = told.try_iter().collect();
    assert_eq!(calls.len(), 2);
    assert!(calls[0].0 < calls[1].0 && calls.iter().all(|(at, called)| at <= called));
}

#[test]
fn a_watched_descriptor_is_told_of_once_and_again_when_asked() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (tell, told) = mpsc::channel();
    let mut watch = None;
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| match call {
        Call::Start => watch = Some(io.watch(&theirs).unwrap()),
        Call::Readable(id) => {
            assert_eq!(Some(id), watch);
            // One byte at a time, so that the rest needs another call.
            let mut byte = [0];
            match (&theirs).read(&mut byte) {
                Ok(1) => {
                    tell.send(byte[0]).unwrap();
                    io.again(id);
                }
                Ok(_) => {
                    io.unwatch(id);
                    io.stop();
                }
                Err(_) => {}
            }
        }
        _ => {}
    });
    let (_client, link) = UnixStream::pair().unwrap();
    let server = serve_over(OwnedFd::from(link).into(), Grant::default(), script);
    (&ours).write_all(b"abc").unwrap();
    assert_eq!((told.recv(), told.recv(), told.recv()), (Ok(b'a'), Ok(b'b'), Ok(b'c')));
    (&ours).write_all(b"d").unwrap();
    assert_eq!(told.recv(), Ok(b'd'));
    drop(ours);
    assert!(matches!(server.ended(), Ended::Stopped));
}

#[test]
fn an_application_sends_data_of_its_own() {
    let mut left = 3_000_000_u64;
    let script = Box::new(move |io: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| match call {
        Call::Exec(channel, _) => {
            io.detach(channel);
            io.connection().ready(channel, Stream::Data, true).unwrap();
        }
        Call::Sendable(channel, stream) if left > 0 => {
            let at = 3_000_000 - left;
            let mut slot = io.connection().slot(channel, stream, usize::try_from(left).unwrap()).unwrap();
            let n = slot.room().len();
            pattern(at, slot.room());
            slot.commit(n).unwrap();
            left -= n as u64;
            if left == 0 {
                io.exit(channel, Exit::Status(0));
            }
        }
        Call::Data(channel, data) => {
            let n = u32::try_from(data.len()).unwrap();
            io.connection().consumed(channel, n).unwrap();
        }
        _ => {}
    });
    let (mut peer, _server) = serve(script);
    let channel = peer.open();
    peer.session(channel).counting = true;
    peer.request(channel, "mine");
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!((peer.session(channel).counted, peer.session(channel).status()), (3_000_000, Some(0)));
}

#[test]
fn the_end_of_all_sources_is_told_to_the_application() {
    let (tell, told) = mpsc::channel();
    let (mut peer, _server): (Peer, Ran) = {
        let script = Box::new(move |_: &mut nacre_reactor::Io<'_, proto::Server>, call: Call<'_>| {
            if let Call::Drained(channel) = call {
                tell.send(channel).unwrap();
            }
        });
        serve(script)
    };
    let session = peer.run("sh echo out; exec >&- 2>&-; exit 0");
    assert_eq!(session.stdout, b"out\n");
    assert!(told.recv_timeout(Duration::from_secs(10)).is_ok());
}
