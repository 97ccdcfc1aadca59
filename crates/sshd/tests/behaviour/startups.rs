//! Connections before their login: how long they may take and how many there may be.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Need, Server, can, eventually};

/// Reads until the server ends the connection; says when.
fn until_the_end(mut stream: TcpStream, began: Instant) -> (Vec<u8>, Duration) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it never ended"),
    }
    (all, began.elapsed())
}

#[test]
fn a_silent_client_is_gone_after_the_grace_time() {
    let server = Server::with("LoginGraceTime 2");
    let began = Instant::now();
    let (said, took) = until_the_end(server.connect(), began);
    assert!(said.starts_with(b"SSH-2.0-"), "{said:?}");
    assert!(took >= Duration::from_millis(1_500) && took < Duration::from_secs(8), "{took:?}");
    if can(&[Need::Ours]) {
        let line = server.logs("Timeout before authentication for ");
        assert!(line.contains("127.0.0.1"), "{line}");
    }
    server.falls_silent();
}

#[test]
fn so_is_one_that_sends_a_byte_now_and_then() {
    let server = Server::with("LoginGraceTime 2");
    let stream = server.connect();
    let began = Instant::now();
    let mut sender = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        // Slowly, until the server has had enough; far fewer than the bytes that a first line may have.
        for byte in b"SSH-2.0-".iter().chain(std::iter::repeat(&b'x')).take(200) {
            if sender.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (_, took) = until_the_end(stream, began);
    assert!(took >= Duration::from_millis(1_500) && took < Duration::from_secs(8), "{took:?}");
    sending.join().unwrap();
    server.falls_silent();
}

#[test]
fn who_is_in_stays_after_the_grace_time() {
    let server = Server::with("LoginGraceTime 1");
    let mut talk = server.shell(&["-tt"]);
    let began = Instant::now();
    // Another client's grace time tells the time.
    until_the_end(server.connect(), began);
    until_the_end(server.connect(), began);
    talk.send("echo here $((40 + 2))\n");
    talk.until("here 42");
    talk.send("exit 2\n");
    assert_eq!(talk.end().code, Some(2));
}

#[test]
fn no_more_connections_than_max_startups_wait_for_their_login_and_a_slot_comes_back() {
    let server = Server::with("MaxStartups 3\nLoginGraceTime 60");
    let mut waiting: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut waiting {
        let mut greeting = [0; 8];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"SSH-2.0-");
    }
    eventually("all three are counted", || server.title().ends_with(" 3 of 3-3 startups").then_some(()));
    let (said, _) = until_the_end(server.connect(), Instant::now());
    assert!(!said.starts_with(b"SSH-2.0-"), "the fourth is turned away");
    server.logs("MaxStartups");
    drop(waiting.pop());
    eventually("one is free", || server.title().ends_with(" 2 of 3-3 startups").then_some(()));
    assert_eq!(server.run(&["echo in"]).success(), "in");
    // A login frees its place as well.
    let _shell = server.shell(&["-T"]);
    eventually("the login has freed its place", || {
        server.title().ends_with(" 2 of 3-3 startups").then_some(())
    });
    drop(waiting);
    eventually("nobody waits", || server.title().ends_with(" 0 of 3-3 startups").then_some(()));
}

#[test]
fn a_place_is_free_again_after_the_grace_time() {
    let server = Server::with("MaxStartups 1\nLoginGraceTime 1");
    let silent = server.connect();
    eventually("it is counted", || server.title().ends_with(" 1 of 1-1 startups").then_some(()));
    until_the_end(silent, Instant::now());
    eventually("it is free", || server.title().ends_with(" 0 of 1-1 startups").then_some(()));
    assert_eq!(server.run(&["echo in"]).success(), "in");
}

#[test]
fn what_is_no_ssh_is_told_so() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let (said, _) = until_the_end(stream, Instant::now());
    let text = String::from_utf8_lossy(&said);
    assert!(text.starts_with("SSH-2.0-") && text.contains("Invalid SSH identification string."), "{text}");
    server.falls_silent();
}

#[test]
fn the_greeting_and_first_proposal_are_short() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(b"SSH-2.0-test\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    let length = eventually("the proposal", || {
        let count = stream.read(&mut buffer).unwrap();
        all.extend_from_slice(&buffer[..count]);
        let start = all.iter().position(|byte| *byte == b'\n')? + 1;
        let packet = all.get(start..start + 4)?;
        let end = start + 4 + u32::from_be_bytes(packet.try_into().unwrap()) as usize;
        (all.len() >= end).then_some(end)
    });
    assert!(length <= 2_800, "{length}");
}
