//! The identification exchange (RFC 4253 §4.2).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Instant;

use common::{Party, config};
use nacre_transport::limits::{GREETING_LINE_MAX, GREETING_LINES_MAX, IDENT_LINE_MAX};
use nacre_transport::{Error, Ident, Misbehaviour, Misuse};
use wire::Role;

/// Feeds a machine all at once, byte by byte, and in pieces that hold the end of one line and the next; which must come
/// to the same.
fn against(role: Role, bytes: &[u8]) -> Party {
    let now = Instant::now();
    let [whole, pieces, uneven] = [bytes.len().max(1), 1, 7].map(|chunk| {
        let mut party = Party::new(config(role), now);
        for piece in bytes.chunks(chunk) {
            party.feed(piece);
            party.process(now);
        }
        party
    });
    assert_eq!((&whole.events, &whole.error), (&pieces.events, &pieces.error));
    assert_eq!((&whole.events, &whole.error), (&uneven.events, &uneven.error));
    assert_eq!(whole.machine.transmit(), pieces.machine.transmit());
    whole
}

fn misbehaviour(role: Role, bytes: &[u8]) -> Misbehaviour {
    match against(role, bytes).error {
        Some(Error::Misbehaved(rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn we_speak_first_and_kexinit_follows_the_peers_identification() {
    let mut party = Party::new(config(Role::Server), Instant::now());
    assert_eq!(party.take(usize::MAX), b"SSH-2.0-Test_1.0\r\n");
    party.feed(b"SSH-2.0-x\r\n");
    party.process(Instant::now());
    assert_eq!(party.take(6)[5], 20);
}

#[test]
fn both_versions_and_both_line_ends_are_taken() {
    for role in [Role::Client, Role::Server] {
        for (line, protocol, software, comments) in [
            ("SSH-2.0-OpenSSH_9.6 Debian-1\r\n", "2.0", "OpenSSH_9.6", Some("Debian-1")),
            ("SSH-2.0-dropbear\n", "2.0", "dropbear", None),
            ("SSH-1.99-Cisco-1.25\n", "1.99", "Cisco-1.25", None),
            ("SSH-2.0-a b-c d\r\n", "2.0", "a", Some("b-c d")),
        ] {
            let party = against(role, line.as_bytes());
            let ident = party.machine.peer_ident().unwrap();
            assert_eq!(
                (ident.protocol(), ident.software(), ident.comments()),
                (protocol, software, comments)
            );
            assert_eq!(ident.as_bytes(), line.trim_end().as_bytes());
            assert_eq!(party.events, ["Identified"]);
        }
    }
}

#[test]
fn a_server_may_greet_before_its_identification() {
    let party = against(Role::Client, b"Welcome.\r\n\r\nBe\x1bgood\nSSH-2.0-x\r\n");
    assert_eq!(
        party.events,
        ["Greeting(\"Welcome.\")", "Greeting(\"\")", "Greeting(\"Be\\x1bgood\")", "Identified"]
    );
}

#[test]
fn a_client_may_not_greet_and_is_told_so_in_a_line() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n"[..], b"\r\n", b"ssh-2.0-x\r\n", b"SSH-2.0\r\n", b"SSH-2.0-\r\n", b"SSH-\r\n"]
    {
        let party = against(Role::Server, bytes);
        let line = bytes.strip_suffix(b"\r\n").unwrap().to_vec();
        assert_eq!(party.error, Some(Misbehaviour::IdentNotSsh { line }.into()));
        assert_eq!(party.machine.transmit(), b"SSH-2.0-Test_1.0\r\nInvalid SSH identification string.\r\n");
    }
    let party = against(Role::Server, &[0x16; IDENT_LINE_MAX + 10]);
    assert_eq!(party.error, Some(Misbehaviour::IdentNotSsh { line: vec![0x16; IDENT_LINE_MAX] }.into()));
}

#[test]
fn a_client_that_fails_here_says_nothing() {
    let party = against(Role::Client, b"SSH-1.5-old\r\n");
    assert_eq!(party.error, Some(Misbehaviour::ProtocolVersion { line: b"SSH-1.5-old".to_vec() }.into()));
    assert_eq!(party.machine.transmit(), b"SSH-2.0-Test_1.0\r\n");
}

#[test]
fn version_1_and_others_are_refused_by_name() {
    for line in ["SSH-1.5-1.2.27", "SSH-1.0-x", "SSH-3.0-x", "SSH-2.1-x", "SSH-02.0-x"] {
        let party = against(Role::Server, format!("{line}\r\n").as_bytes());
        assert_eq!(party.error, Some(Misbehaviour::ProtocolVersion { line: line.into() }.into()));
        assert!(party.machine.transmit().ends_with(b"\r\nProtocol major versions differ.\r\n"));
    }
}

#[test]
fn characters_that_are_not_printable_are_refused() {
    for role in [Role::Client, Role::Server] {
        assert_eq!(misbehaviour(role, b"SSH-2.0-a\0b\r\n"), Misbehaviour::IdentNul);
        assert_eq!(misbehaviour(role, b"SSH-2.0-a\tb\r\n"), Misbehaviour::IdentCharacter { byte: 9 });
        assert_eq!(misbehaviour(role, b"SSH-2.0-caf\xe9\r\n"), Misbehaviour::IdentCharacter { byte: 0xe9 });
        assert_eq!(misbehaviour(role, b"SSH-2.0-x\r\r\n"), Misbehaviour::IdentCharacter { byte: 13 });
    }
    assert_eq!(misbehaviour(Role::Client, b"hi\0\r\nSSH-2.0-x\r\n"), Misbehaviour::IdentNul);
}

#[test]
fn an_identification_has_255_bytes_at_most() {
    for role in [Role::Client, Role::Server] {
        let mut line = b"SSH-2.0-".to_vec();
        line.resize(IDENT_LINE_MAX - 2, b'x');
        let longest = [&line[..], b"\r\n"].concat();
        assert!(against(role, &longest).machine.peer_ident().is_some());
        let longer = [&line[..], b"x\r\n"].concat();
        assert_eq!(misbehaviour(role, &longer), Misbehaviour::IdentTooLong);
        // And without an end in sight.
        assert_eq!(misbehaviour(role, &longer[..IDENT_LINE_MAX]), Misbehaviour::IdentTooLong);
    }
}

#[test]
fn a_greeting_has_its_limits() {
    let mut line = vec![b'x'; GREETING_LINE_MAX - 1];
    line.push(b'\n');
    assert_eq!(against(Role::Client, &line).events.len(), 1);
    line.insert(0, b'x');
    assert_eq!(misbehaviour(Role::Client, &line), Misbehaviour::GreetingTooLong);
    let lines = |count: u32| "\n".repeat(count as usize) + "SSH-2.0-x\n";
    let most = against(Role::Client, lines(GREETING_LINES_MAX).as_bytes());
    assert!(most.machine.peer_ident().is_some());
    let over = misbehaviour(Role::Client, lines(GREETING_LINES_MAX + 1).as_bytes());
    assert_eq!(over, Misbehaviour::TooManyGreetings);
}

#[test]
fn our_own_identification_follows_the_same_rules() {
    assert_eq!(Ident::new("Nacre_0.1", Some("a b")).unwrap().as_str(), "SSH-2.0-Nacre_0.1 a b");
    for (software, comments) in
        [("", None), ("a-b", None), ("a b", None), ("a\n", None), ("é", None), ("a", Some("\r\n"))]
    {
        assert_eq!(Ident::new(software, comments), Err(Misuse::BadIdent));
    }
    let room = IDENT_LINE_MAX - 2 - "SSH-2.0-".len();
    assert!(Ident::new(&"x".repeat(room), None).is_ok());
    assert_eq!(Ident::new(&"x".repeat(room + 1), None), Err(Misuse::BadIdent));
}
