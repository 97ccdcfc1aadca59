//! Programs on pipes and terminals: their output, their ends, and the order of both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::time::{Duration, Instant};

use proto::channels::Stream;
use support::{Note, no_script, serve};

#[test]
fn output_errors_and_status_of_a_command_arrive() {
    let (mut peer, _server) = serve(no_script());
    let session = peer.run("sh echo out; echo err >&2; exit 7");
    assert_eq!((session.stdout.as_slice(), session.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!((session.status(), session.before_status()), (Some(7), 8));
    assert_eq!(session.notes.last(), Some(&Note::Closed));
}

#[test]
fn an_end_by_signal_is_told_by_its_name() {
    let (mut peer, _server) = serve(no_script());
    let session = peer.run("sh kill -KILL $$");
    assert!(session.notes.contains(&Note::Signal("KILL".to_owned())), "{:?}", session.notes);
}

#[test]
fn a_burst_and_then_exit_loses_nothing_on_pipes() {
    let (mut peer, _server) = serve(no_script());
    for round in 0..300 {
        let bytes = 1 + round * 397;
        let session = peer.run(&format!("sh head -c {bytes} /dev/zero; exit 7"));
        assert_eq!((session.stdout.len(), session.before_status()), (bytes, bytes), "round {round}");
        assert_eq!(session.status(), Some(7));
    }
}

#[test]
fn a_burst_and_then_exit_loses_nothing_on_a_terminal() {
    let (mut peer, _server) = serve(no_script());
    for round in 0..300 {
        let bytes = 1 + round * 97;
        let session = peer.run(&format!("pty head -c {bytes} /dev/zero; exit 7"));
        assert_eq!((session.stdout.len(), session.before_status()), (bytes, bytes), "round {round}");
        assert_eq!(session.status(), Some(7));
    }
}

#[test]
fn bursts_on_many_channels_at_once_lose_nothing() {
    let (mut peer, _server) = serve(no_script());
    for terminal in ["sh", "pty"] {
        let channels: Vec<_> = (0..10)
            .map(|n| peer.exec(&format!("{terminal} head -c {} /dev/zero; exit {n}", 50_000 + n)))
            .collect();
        peer.until("all ends", |peer| channels.iter().all(|channel| peer.sessions[channel].closed()));
        for (n, channel) in channels.iter().enumerate() {
            let session = peer.sessions.remove(channel).unwrap();
            assert_eq!((session.before_status(), session.status()), (50_000 + n, Some(n as u32)));
        }
    }
}

#[test]
fn a_background_process_holds_the_channel_and_not_the_status() {
    let (mut peer, _server) = serve(no_script());
    let begun = Instant::now();
    let channel = peer.exec("sh (sleep 2; echo late) & echo soon; exit 7");
    peer.until("the status", |peer| peer.sessions[&channel].status().is_some());
    assert!(begun.elapsed() < Duration::from_millis(1500));
    assert_eq!(peer.session(channel).stdout, b"soon\n");
    assert!(!peer.session(channel).closed());
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let session = peer.sessions.remove(&channel).unwrap();
    assert_eq!(session.stdout, b"soon\nlate\n");
    assert_eq!(session.notes[session.notes.len() - 2..], [Note::Eof, Note::Closed]);
}

#[test]
fn a_background_writer_that_never_pauses_does_not_keep_the_status_back() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("sh yes & echo $! >&2; exit 7");
    peer.until("the status", |peer| peer.sessions[&channel].status() == Some(7));
    let pid = String::from_utf8(peer.session(channel).stderr.clone()).unwrap();
    // Its pipe is closed with the channel's.
    peer.connection.close(channel).unwrap();
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let gone = || !std::path::Path::new(&format!("/proc/{}/fd/1", pid.trim())).exists();
    let end = Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(Instant::now() < end, "it still writes");
        peer.pass(Duration::from_millis(10));
    }
}

#[test]
fn a_background_process_on_a_terminal_does_not_keep_the_status_back() {
    let (mut peer, _server) = serve(no_script());
    let begun = Instant::now();
    let session = peer.run("pty trap '' HUP; sleep 5 & echo soon; exit 7");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((session.stdout.as_slice(), session.status()), (&b"soon\r\n"[..], Some(7)));
}

#[test]
fn one_outputs_end_does_not_end_the_other_and_eof_is_said_once() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("sh echo first; exec >&-; read line; echo \"got $line\" >&2");
    peer.until("the first line", |peer| peer.sessions[&channel].stdout == b"first\n");
    peer.pass(Duration::from_millis(50));
    assert!(!peer.session(channel).notes.contains(&Note::Eof));
    peer.send(channel, b"word\n");
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let session = &peer.sessions[&channel];
    assert_eq!((session.stderr.as_slice(), session.status()), (&b"got word\n"[..], Some(0)));
    assert_eq!(session.notes.iter().filter(|note| **note == Note::Eof).count(), 1);
}

#[test]
fn the_clients_eof_ends_input_and_output_goes_on() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("sh cat; echo after; exit 3");
    peer.send(channel, b"before\n");
    peer.eof(channel);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let session = &peer.sessions[&channel];
    assert_eq!((session.stdout.as_slice(), session.status()), (&b"before\nafter\n"[..], Some(3)));
}

#[test]
fn a_terminal_does_not_take_the_clients_eof_for_its_own() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("pty stty -echo; echo ready; read a; echo got $a");
    peer.until("the program", |peer| peer.sessions[&channel].stdout == b"ready\r\n");
    peer.send(channel, b"some");
    peer.send(channel, b"thing\n");
    peer.eof(channel);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!(peer.sessions[&channel].stdout, b"ready\r\ngot something\r\n");
}

#[test]
fn what_is_sent_before_the_program_runs_is_kept_for_it() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.open();
    peer.send(channel, b"early ");
    peer.pass(Duration::from_millis(50));
    peer.send(channel, b"bird");
    peer.eof(channel);
    peer.pass(Duration::from_millis(50));
    peer.request(channel, "sh cat");
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!(peer.sessions[&channel].stdout, b"early bird");
}

#[test]
fn a_program_that_closes_its_input_loses_nothing_else() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("sh exec <&-; sleep 0.2; echo still here; exit 4");
    peer.send_pattern(channel, 10_000_000);
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let session = &peer.sessions[&channel];
    assert_eq!((session.stdout.as_slice(), session.status()), (&b"still here\n"[..], Some(4)));
}

#[test]
fn a_clients_close_hangs_a_terminal_up() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("pty trap 'echo hung up; exit 9' HUP; echo ready; while :; do sleep 0.05; done");
    peer.until("the program", |peer| peer.sessions[&channel].stdout == b"ready\r\n");
    peer.connection.close(channel).unwrap();
    peer.until("the answer", |peer| peer.sessions[&channel].closed());
    assert_eq!(peer.session(channel).status(), Some(9));
}

#[test]
fn what_came_before_the_clients_close_is_still_written() {
    let file = std::env::temp_dir().join(format!("nacre-reactor-{}", std::process::id()));
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec(&format!("sh sleep 0.3; cat > {}", file.display()));
    peer.send_pattern(channel, 1_000_000);
    peer.until("all is sent", |peer| {
        peer.connection.sendable().is_none() && peer.connection.transmit().is_empty()
    });
    peer.connection.close(channel).unwrap();
    peer.until("the answer", |peer| peer.sessions[&channel].closed());
    let written = std::fs::read(&file);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written.unwrap().len(), 1_000_000);
}

#[test]
fn a_terminal_that_reads_slowly_gets_every_line() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec(
        "pty stty -echo; echo ready; n=0; while read line; do n=$((n+1)); [ $n = 50 ] && sleep 0.5; \
         [ \"$line\" = end ] && break; done; echo $n",
    );
    peer.until("the program", |peer| peer.sessions[&channel].stdout == b"ready\r\n");
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    peer.send(channel, &[line.repeat(3000), b"end\n".to_vec()].concat());
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    assert_eq!(peer.sessions[&channel].stdout, b"ready\r\n3001\r\n");
}

#[test]
fn standard_error_alone_holds_a_channel_open() {
    let (mut peer, _server) = serve(no_script());
    let channel = peer.exec("sh exec >&-; echo one >&2; sleep 0.2; echo two >&2");
    peer.until("the end", |peer| peer.sessions[&channel].closed());
    let session = &peer.sessions[&channel];
    assert_eq!(session.stderr, b"one\ntwo\n");
    let streams = session.notes.iter().filter(|note| matches!(note, Note::Data(Stream::Stderr, _))).count();
    assert_eq!(streams, 1);
}
