//! Bugs that shipped elsewhere and have a name, tried on us. The failure classes in SECURITY.md name these tests.

use crypto::SeededRng;
use keys::{PrivateKey, VerifyError};
use proto::{ClientQuestion, Error};
use testkit::{AgainstClient, AgainstServer, FrameLie, Payload, Proposal};
use transport::limits::PACKETS_BEFORE_AUTH;
use transport::{Misbehaviour as Broken, Reason};
use userauth::Misbehaviour;
use wire::WireError;

use crate::{auth, channel, transport};

#[test]
fn a_client_that_says_success_is_not_in() {
    // libssh, CVE-2018-10933.
    for mut against in [AgainstServer::server().keyed(), AgainstServer::server().serviced()] {
        against.tell([52]);
        against.refused(&auth(Misbehaviour::WrongSide { number: 52 }));
        against.nobody_is_in();
    }
}

#[test]
fn a_command_before_the_login_is_not_run() {
    // Erlang/OTP, CVE-2025-32433: open a session and run something, right after the keys.
    let mut against = AgainstServer::server().keyed();
    against.peer.send(AgainstServer::open_session(0).as_ref());
    against.tell(Payload::number(98).u32(0).string("exec").byte(1).string("touch /tmp/owned"));
    against.refused(&Error::OutOfPhase { number: 90 });
    assert!(against.ours.app.served.is_empty() && against.ours.app.requests.is_empty());
    // The request alone, for a channel that does not exist.
    let mut against = AgainstServer::server().serviced();
    against.tell(Payload::number(98).u32(0).string("exec").byte(1).string("touch /tmp/owned"));
    against.refused(&Error::OutOfPhase { number: 98 });
    against.nobody_is_in();
}

#[test]
fn a_login_that_is_slipped_in_before_the_keys_is_none() {
    // AsyncSSH, CVE-2023-46446 and CVE-2023-46445: requests and extensions from before NEWKEYS had effect after it.
    let slipped: [(u8, Vec<u8>); 3] = [
        (5, Payload::number(5).string("ssh-userauth").done()),
        (50, AgainstServer::right_password().done()),
        (7, Payload::number(7).u32(1).string("ext-info-in-auth@openssh.com").string("0").done()),
    ];
    for (number, payload) in slipped {
        let mut against = AgainstServer::server().identified().proposed();
        against.tell(&payload);
        against.refused(&transport(Broken::StrictViolation { number }));
        let against = AgainstServer::server().proposing(Proposal::without_markers);
        let mut against = against.identified().proposed();
        against.tell(&payload);
        against.refused(&transport(Broken::UnexpectedInExchange { number }));
        against.nobody_is_in();
    }
}

#[test]
fn a_flood_of_kexinit_is_refused_at_the_second() {
    // OpenSSH, CVE-2016-8858: each made the server allocate anew.
    let mut against = AgainstServer::server().identified().proposed();
    for _ in 0..1000 {
        against.peer.send_kexinit(&against.proposal.clone());
    }
    against.refused(&transport(Broken::StrictViolation { number: 20 }));
    assert!(against.ours.receive_capacity() <= 1 << 20);
}

#[test]
fn pings_in_the_exchange_do_not_queue_answers() {
    // OpenSSH, CVE-2025-26466: each ping before the keys left an answer in a queue without a bound.
    for against in [AgainstServer::server(), AgainstServer::server().proposing(Proposal::without_markers)] {
        let mut against = against.identified();
        for _ in 0..1000 {
            against.peer.send(Payload::number(192).string([0; 1000]).as_ref());
        }
        against.settle();
        against.peer.read_kexinit();
        against.refused(&transport(Broken::UnexpectedInExchange { number: 192 }));
    }
    const { assert!(PACKETS_BEFORE_AUTH <= 4096) };
}

#[test]
fn a_host_key_that_cannot_be_checked_is_not_trusted() {
    // OpenSSH, CVE-2025-26465: an error while the key was checked was taken for a yes. Here whoever cannot answer drops
    // the ticket, and that is a no.
    let mut against = AgainstClient::client();
    against.ours.app.hook = Some(Box::new(|_, question| match question {
        ClientQuestion::HostKey { ticket, .. } => {
            drop(ticket);
            None
        }
        other => Some(other),
    }));
    let mut against = against.identified().proposed();
    let proposal = against.proposal.clone();
    let (exchange, public) = against.peer.respond_exchange(&proposal);
    against.peer.send_reply(&exchange, &public);
    let refused = transport::Error::Refused(transport::Refusal::HostKey);
    against.refused_with(&transport(refused), Reason::HOST_KEY_NOT_VERIFIABLE);
    assert!(!against.ours.app.logged_in);
}

#[test]
fn the_key_that_logged_in_is_the_one_that_signed() {
    // x/crypto, CVE-2024-45337: applications took the last key that was offered.
    let (good, bad) = (
        PrivateKey::generate(&mut SeededRng::new(5)).unwrap(),
        PrivateKey::generate(&mut SeededRng::new(6)).unwrap(),
    );
    let mut against = AgainstServer::server();
    against.ours.app.keys = vec![good.public(), bad.public()];
    let mut against = against.serviced();
    let head = || Payload::number(50).string("alice").string("ssh-connection").string("publickey");
    for key in [&good, &bad] {
        against.tell(head().byte(0).string("ssh-ed25519").string(key.public().blob()));
        against.peer.expect(60);
    }
    let claim = head().byte(1).string("ssh-ed25519").string(good.public().blob());
    let session = Payload::number(0).string(against.peer.session_id().unwrap()).done().split_off(1);
    let signature = good
        .sign(keys::SignatureAlg::by_name("ssh-ed25519").unwrap(), &[&session, claim.as_ref()].concat())
        .unwrap();
    against.tell(claim.string(signature));
    against.peer.expect(52);
    assert_eq!(against.ours.app.proven, Some(good.public().blob()));
}

#[test]
fn an_ed25519_key_of_a_wrong_length_panics_nobody() {
    // x/crypto, CVE-2020-9283.
    for length in [0, 1, 31, 33, 64] {
        let blob = Payload::number(0).string("ssh-ed25519").string(vec![1; length]).done().split_off(1);
        let mut against = AgainstServer::server().serviced();
        let head = Payload::number(50).string("alice").string("ssh-connection").string("publickey");
        against.tell(head.byte(1).string("ssh-ed25519").string(&blob).string([0; 83]));
        against.pass(std::time::Duration::from_secs(1));
        against.peer.expect(51);
        against.nobody_is_in();
        let mut against = AgainstClient::client().identified().proposed();
        let proposal = against.proposal.clone();
        let (mut exchange, public) = against.peer.respond_exchange(&proposal);
        exchange.host_key = blob;
        against.peer.send_reply(&exchange, &public);
        against.settle();
        let error = against.ours.error().cloned().unwrap();
        let key = matches!(error, Error::Transport(transport::Error::BadSignature(VerifyError::Key(_))));
        assert!(key, "{error:?}");
        against.refused_with(&error, Reason::KEY_EXCHANGE_FAILED);
    }
}

#[test]
fn an_empty_packet_under_keys_panics_nobody() {
    // x/crypto, CVE-2021-43565.
    for cipher in crypto::CIPHERS.iter().filter(|row| row.aead) {
        let against = AgainstServer::server_with(|config| {
            let algorithms = &mut std::sync::Arc::make_mut(&mut config.transport).algorithms;
            algorithms.ciphers = transport::Directions::both(crypto::CIPHERS.iter().collect());
        });
        let mut against = against.proposing(|proposal| proposal.with_cipher(cipher, None)).keyed();
        against.peer.send(&[]);
        against.refused(&transport(Broken::EmptyPayload));
    }
}

#[test]
fn a_length_of_four_gibibytes_allocates_nothing() {
    // russh, CVE-2026-48110 in kind.
    let mut against = AgainstServer::server();
    against.ours.read_size = 4096;
    let mut against = against.keyed();
    against.peer.send_lying(&[2], FrameLie { length: Some(u32::MAX), ..FrameLie::default() });
    let length = transport::Error::BadPacketLength { length: u32::MAX };
    against.refused_with(&transport(length), Reason::MAC_ERROR);
    assert!(against.ours.receive_capacity() <= 8 * 1024);
    // A number of responses that says more than memory holds (OpenSSH, CVE-2002-0639).
    let mut against = AgainstServer::server();
    against.ours.app.rounds = vec![vec![("Code".to_owned(), "1".to_owned())]];
    let mut against = against.serviced();
    let head = Payload::number(50).string("alice").string("ssh-connection");
    against.tell(head.string("keyboard-interactive").string("").string(""));
    against.peer.expect(60);
    against.tell(Payload::number(61).u32(0x4000_0001).string("1"));
    against.pass(std::time::Duration::from_secs(1));
    against.peer.expect(51);
    against.nobody_is_in();
}

#[test]
fn a_window_that_would_wrap_is_refused() {
    // russh, CVE-2025-54804.
    let mut against = AgainstServer::server().in_session();
    for _ in 0..3 {
        against.tell(Payload::number(93).u32(0).u32(0x4000_0000));
        against.lives();
    }
    against.tell(Payload::number(93).u32(0).u32(0x4000_0000));
    against.refused(&channel(connection::Misbehaviour::WindowOverflow));
}

#[test]
fn a_trailing_nul_makes_another_name_and_not_the_same() {
    let mut against = AgainstServer::server().keyed();
    against.tell(Payload::number(5).string("ssh-userauth\0"));
    against.refused(&auth(WireError::BadName));
    let mut against = AgainstServer::server().logged_in();
    against.tell(Payload::number(90).string("session\0").u32(0).u32(1000).u32(1000));
    against.refused(&channel(WireError::BadName));
    let mut against = AgainstServer::server().in_session();
    against.tell(Payload::number(98).u32(0).string("shell\0").byte(1));
    against.refused(&channel(WireError::BadName));
    assert!(against.ours.app.requests.is_empty());
}

#[test]
fn a_name_with_escape_sequences_is_not_shown_as_it_is() {
    let mut against = AgainstServer::server().serviced();
    against.tell(Payload::number(50).string("a\x1b[2Jb\r\n").string("ssh-connection").string("none"));
    against.peer.expect(51);
    let shown = against.ours.log.concat();
    assert!(!shown.contains('\x1b') && !shown.contains('\n'), "{shown}");
}
