//! The identification exchange (RFC 4253 §4.2).

use std::time::Duration;

use testkit::{AgainstClient, AgainstServer};
use transport::Misbehaviour;
use transport::limits::{GREETING_LINE_MAX, GREETING_LINES_MAX, IDENT_LINE_MAX};

use crate::transport;

/// Before a server that gets these bytes at once.
fn server_gets(bytes: &[u8]) -> AgainstServer {
    let mut against = AgainstServer::server();
    against.ours.read_size = 4096;
    against.peer.send_bytes(bytes);
    against.settle();
    against
}

/// The server's identification is followed by `line` and nothing else, and it is over with `error`.
fn server_refuses(bytes: &[u8], error: Misbehaviour, line: &[u8]) {
    let mut against = server_gets(bytes);
    against.over(&transport(error));
    against.peer.read_ident().unwrap();
    assert_eq!(against.peer.unread(), line);
    assert!(against.ours.receive_capacity() <= 64 * 1024);
}

const INVALID: &[u8] = b"Invalid SSH identification string.\r\n";
const MAJOR: &[u8] = b"Protocol major versions differ.\r\n";

#[test]
fn a_client_that_is_no_ssh_client_is_told_in_a_line() {
    for line in [&b"GET / HTTP/1.1"[..], b"", b"\x16\x03\x01\x02", b"ssh-2.0-lower", b"SSH2", b" SSH-2.0-x"] {
        let bytes = [line, b"\r\n"].concat();
        server_refuses(&bytes, Misbehaviour::IdentNotSsh { line: line.to_vec() }, INVALID);
    }
    for line in [&b"SSH-"[..], b"SSH-2.0", b"SSH-2.0-", b"SSH-1.99-"] {
        let bytes = [line, b"\n"].concat();
        server_refuses(&bytes, Misbehaviour::IdentNotSsh { line: line.to_vec() }, INVALID);
    }
}

#[test]
fn greetings_are_for_servers() {
    let line = b"welcome".to_vec();
    server_refuses(b"welcome\r\nSSH-2.0-x\r\n", Misbehaviour::IdentNotSsh { line }, INVALID);
}

#[test]
fn a_client_of_another_version_is_told_which_part_differs() {
    for line in [&b"SSH-1.5-old"[..], b"SSH-3.0-new", b"SSH-2.1-x", b"SSH-2-x", b"SSH-20.0-x", b"SSH--x"] {
        let bytes = [line, b"\r\n"].concat();
        server_refuses(&bytes, Misbehaviour::ProtocolVersion { line: line.to_vec() }, MAJOR);
    }
}

#[test]
fn a_nul_in_an_identification_is_refused_wherever_it_stands() {
    for line in
        [&b"\0SSH-2.0-x\r\n"[..], b"SSH-2.0-x\0\r\n", b"SSH-2.0-a\0b\r\n", b"\0\r\n", b"SSH-2.0-x\r\0\n"]
    {
        server_refuses(line, Misbehaviour::IdentNul, INVALID);
    }
}

#[test]
fn control_characters_and_bytes_over_127_in_an_identification_are_refused() {
    for byte in (1..=255_u8).filter(|byte| !(0x20..0x7f).contains(byte) && *byte != b'\n') {
        let line = [b"SSH-2.0-a", &[byte][..], b"b\r\n"].concat();
        server_refuses(&line, Misbehaviour::IdentCharacter { byte }, INVALID);
    }
}

#[test]
fn an_identification_over_its_limit_is_refused_with_and_without_an_end() {
    let mut fits = [b"SSH-2.0-".to_vec(), vec![b'x'; IDENT_LINE_MAX - 10]].concat();
    assert_eq!(fits.len() + 2, IDENT_LINE_MAX);
    let mut against = server_gets(&[fits.clone(), b"\r\n".to_vec()].concat());
    against.lives();
    against.peer.read_ident().unwrap();
    assert_eq!(against.peer.read_kexinit()[0], 20);
    fits.push(b'x');
    server_refuses(&[fits.clone(), b"\r\n".to_vec()].concat(), Misbehaviour::IdentTooLong, INVALID);
    server_refuses(&[fits, vec![b'x'; 1 << 20]].concat(), Misbehaviour::IdentTooLong, INVALID);
    let line = vec![b'x'; IDENT_LINE_MAX];
    server_refuses(&vec![b'x'; 1 << 20], Misbehaviour::IdentNotSsh { line }, INVALID);
}

#[test]
fn an_identification_that_drips_is_waited_for_until_the_login_is_too_late() {
    let mut against = AgainstServer::server();
    for (n, byte) in b"SSH-2.0-slow".iter().enumerate() {
        against.peer.send_bytes(&[*byte]);
        against.pass(Duration::from_secs(9));
        assert_eq!(against.ours.error(), None, "{n}");
    }
    against.pass(Duration::from_secs(12));
    let error = against.ours.error().cloned().unwrap();
    assert_eq!(error.fault(), proto::Fault::TimedOut);
    against.over(&error);
    against.peer.read_ident().unwrap();
    // There is no packet before the identification, and a timeout says no line.
    assert_eq!(against.peer.unread(), b"");
}

#[test]
fn a_client_says_nothing_to_a_server_that_is_none() {
    for (bytes, error) in [
        (&b"SSH-1.5-old\r\n"[..], Misbehaviour::ProtocolVersion { line: b"SSH-1.5-old".to_vec() }),
        (b"SSH-2.0-\x1b[2J\r\n", Misbehaviour::IdentCharacter { byte: 0x1b }),
        (b"hello\0\r\n", Misbehaviour::IdentNul),
        (b"hello\r\nSSH-2.0\r\n", Misbehaviour::IdentNotSsh { line: b"SSH-2.0".to_vec() }),
    ] {
        let mut against = AgainstClient::client();
        against.peer.send_bytes(bytes);
        against.over(&transport(error));
        against.peer.read_ident().unwrap();
        assert_eq!(against.peer.unread(), b"");
    }
}

#[test]
fn greetings_of_a_server_have_a_length_and_a_number() {
    let most = |length: usize| [vec![b'x'; length - 2], b"\r\n".to_vec()].concat();
    let greeted = |bytes: Vec<u8>| {
        let mut against = AgainstClient::client();
        against.peer.send_bytes(&bytes);
        against.settle();
        against
    };
    greeted(most(GREETING_LINE_MAX)).identified().lives();
    let too_long = transport(Misbehaviour::GreetingTooLong);
    greeted(most(GREETING_LINE_MAX + 1)).over(&too_long);
    greeted(vec![b'x'; 1 << 20]).over(&too_long);
    let lines = |n: u32| b"motd\r\n".repeat(n as usize);
    greeted(lines(GREETING_LINES_MAX)).identified().lives();
    greeted(lines(GREETING_LINES_MAX + 1)).over(&transport(Misbehaviour::TooManyGreetings));
}

#[test]
fn a_greeting_reaches_the_application_escaped() {
    let mut against = AgainstClient::client();
    against.peer.send_bytes(b"\x1b]0;owned\x07\r\n");
    against.settle();
    let shown = against.ours.log.concat();
    assert!(shown.contains("owned") && !shown.contains('\x1b') && !shown.contains('\x07'), "{shown}");
}
