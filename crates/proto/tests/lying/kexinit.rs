//! KEXINIT: lists, and guesses (RFC 4253 §7).

use std::time::Duration;

use crypto::CIPHERS;
use testkit::{AgainstClient, AgainstServer, Payload, Proposal};
use transport::{Error, Kind, Misbehaviour, Reason};
use wire::{Role, WireError};

use crate::transport;

/// A cipher that wants a MAC.
fn ctr(proposal: Proposal) -> Proposal {
    let cipher = CIPHERS.iter().find(|row| row.name == "aes128-ctr").unwrap();
    proposal.with_cipher(cipher, crypto::MACS.first())
}

const KINDS: [Kind; 8] = [
    Kind::Kex,
    Kind::HostKey,
    Kind::Cipher(Role::Client),
    Kind::Cipher(Role::Server),
    Kind::Mac(Role::Client),
    Kind::Mac(Role::Server),
    Kind::Compression(Role::Client),
    Kind::Compression(Role::Server),
];

/// A list that holds nothing of what anybody knows, but what may look like it.
const STRANGE: &str =
    "none,kex-strict-c-v00@openssh.com,kex-strict-s-v00@openssh.com,ext-info-c,ext-info-s,NONE";

fn no_common(error: Option<&proto::Error>) -> Kind {
    match error {
        Some(proto::Error::Transport(Error::NoCommon(none))) => none.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_without_an_algorithm_in_common_is_told_so_for_each_kind() {
    for (place, kind) in KINDS.into_iter().enumerate() {
        for list in ["", "x@example.org", if place < 6 { STRANGE } else { "zlib" }] {
            let against = AgainstServer::server().proposing(|p| ctr(p).with_list(place, list));
            let mut against = against.identified().proposed();
            assert_eq!(no_common(against.ours.error()), kind, "{list}");
            let error = against.ours.error().cloned().unwrap();
            against.refused_with(&error, Reason::KEY_EXCHANGE_FAILED);
        }
    }
}

#[test]
fn a_server_without_an_algorithm_in_common_is_told_so_for_each_kind() {
    for (place, kind) in KINDS.into_iter().enumerate() {
        for list in ["", "x@example.org", if place < 6 { STRANGE } else { "zlib" }] {
            let against = AgainstClient::client().proposing(|p| ctr(p).with_list(place, list));
            let mut against = against.identified().proposed();
            assert_eq!(no_common(against.ours.error()), kind, "{list}");
            let error = against.ours.error().cloned().unwrap();
            against.refused_with(&error, Reason::KEY_EXCHANGE_FAILED);
        }
    }
}

#[test]
fn a_list_that_is_none_is_malformed_in_every_place() {
    let bad: [&[u8]; 8] = [b",", b",a", b"a,", b"a,,b", b"a b", b"a\0", b"\x80", b"a\n"];
    for place in 0..10 {
        for list in bad {
            let against = AgainstServer::server().proposing(|p| p.with_list(place, list));
            let mut against = against.identified().proposed();
            against.refused(&transport(WireError::BadName));
            let against = AgainstClient::client().proposing(|p| p.with_list(place, list));
            let mut against = against.identified().proposed();
            against.refused(&transport(WireError::BadName));
        }
    }
}

#[test]
fn a_list_over_its_limit_is_malformed_and_one_at_it_is_not() {
    const LIMIT: usize = wire::limits::NAME_LIST_MAX;
    for place in 0..8 {
        let names = ["curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com", "hmac-sha2-256", "none"];
        let name = names[[0, 1, 2, 2, 3, 3, 4, 4][place]];
        let filled = |length: usize| [name.as_bytes(), b",", &vec![b'x'; length - name.len() - 1]].concat();
        let against =
            AgainstServer::server().proposing(|p| p.without_markers().with_list(place, filled(LIMIT)));
        against.identified().proposed().lives();
        let against = AgainstServer::server().proposing(|p| p.with_list(place, filled(LIMIT + 1)));
        let mut against = against.identified().proposed();
        against.refused(&transport(WireError::TooLong { limit: LIMIT }));
    }
}

#[test]
fn languages_and_the_reserved_field_mean_nothing() {
    let mut against = AgainstServer::server().identified();
    let proposal = against.proposal.clone().with_list(8, "de,en").with_list(9, "fr");
    let mut payload = proposal.payload(against.peer.rng());
    *payload.last_mut().unwrap() = 7;
    against.peer.send_kexinit_as(&payload);
    against.settle();
    against.peer.read_kexinit();
    let ephemeral = against.peer.start_exchange(&proposal);
    against.settle();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    against.peer.send_newkeys(&proposal, &exchange);
    against.tell(Payload::number(5).string("ssh-userauth"));
    against.peer.expect(6);
}

#[test]
fn a_second_kexinit_in_an_exchange_is_refused_strict_or_not() {
    let mut against = AgainstServer::server().identified().proposed();
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::StrictViolation { number: 20 }));
    let against = AgainstServer::server().proposing(Proposal::without_markers);
    let mut against = against.identified().proposed();
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 20 }));
    let mut against = AgainstServer::server().logged_in().proposed();
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 20 }));
    let mut against = AgainstClient::client().identified().proposed();
    against.peer.expect(30);
    against.peer.send_kexinit(&against.proposal.clone());
    against.refused(&transport(Misbehaviour::StrictViolation { number: 20 }));
}

/// The method that both prefer.
const PREFERRED: &str = "mlkem768x25519-sha256";

#[test]
fn a_right_guess_is_used() {
    let against = AgainstServer::server().proposing(|p| p.with_kex(PREFERRED).with_guess());
    let mut against = against.identified();
    let proposal = against.proposal.clone();
    against.peer.send_kexinit(&proposal);
    let ephemeral = against.peer.start_exchange(&proposal);
    against.settle();
    against.peer.read_kexinit();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    against.peer.send_newkeys(&proposal, &exchange);
    against.tell(Payload::number(5).string("ssh-userauth"));
    against.peer.expect(6);
}

#[test]
fn a_right_guess_that_is_announced_and_comes_late_is_used_too() {
    let against = AgainstServer::server().proposing(|p| p.with_kex(PREFERRED).with_guess());
    against.serviced().lives();
}

#[test]
fn a_wrong_guess_is_dropped_whatever_method_it_is_of() {
    for number in 30..=49 {
        // The method is agreed on all the same; but it is not what the server prefers, so the guess counts as wrong.
        let mut against = AgainstServer::server().proposing(Proposal::with_guess).identified();
        let proposal = against.proposal.clone();
        against.peer.send_kexinit(&proposal);
        against.peer.send(&[number, 0xff, 0xff]);
        let ephemeral = against.peer.start_exchange(&proposal);
        against.settle();
        against.peer.read_kexinit();
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        against.peer.send_newkeys(&proposal, &exchange);
        against.tell(Payload::number(5).string("ssh-userauth"));
        against.peer.expect(6);
    }
}

#[test]
fn one_wrong_guess_is_dropped_and_not_two() {
    let mut against = AgainstServer::server().proposing(Proposal::with_guess).identified().proposed();
    against.tell([30, 0xff]);
    against.lives();
    against.tell([30, 0xff]);
    against.refused(&transport(WireError::Truncated { needed: 4, left: 1 }));
}

#[test]
fn a_guess_is_a_message_of_a_method_and_nothing_else() {
    for number in [2, 3, 4, 5, 7, 20, 21, 50, 80, 90, 192] {
        let mut against = AgainstServer::server().proposing(Proposal::with_guess).identified().proposed();
        against.tell([number, 0, 0, 0, 0]);
        against.refused(&transport(Misbehaviour::StrictViolation { number }));
    }
}

#[test]
fn a_wrong_guess_that_is_announced_and_not_sent_ends_in_time() {
    let mut against = AgainstServer::server().proposing(Proposal::with_guess).identified().proposed();
    let ephemeral = against.peer.start_exchange(&against.proposal.clone());
    assert_eq!(ephemeral.public().len(), 32);
    against.settle();
    assert_eq!(against.heard_numbers(), []);
    against.pass(Duration::from_secs(200));
    let error = against.ours.error().cloned().unwrap();
    assert_eq!(error.fault(), proto::Fault::TimedOut);
    against.refused_with(&error, Reason::BY_APPLICATION);
}

#[test]
fn a_servers_wrong_guess_is_dropped_once() {
    let mut against = AgainstClient::client().proposing(Proposal::with_guess).identified();
    let proposal = against.proposal.clone();
    against.peer.send_kexinit(&proposal);
    against.peer.send(&[31, 0xff, 0xff]);
    against.settle();
    against.peer.read_kexinit();
    let (exchange, public) = against.peer.respond_exchange(&proposal);
    against.peer.send_reply(&exchange, &public);
    against.peer.send_newkeys(&proposal, &exchange);
    against.settle();
    against.peer.read_newkeys(&proposal, &exchange);
    against.peer.expect(5);
    let mut against = AgainstClient::client().proposing(Proposal::with_guess).identified().proposed();
    against.peer.expect(30);
    against.tell([31]);
    against.lives();
    against.tell([31]);
    against.refused(&transport(WireError::Truncated { needed: 4, left: 0 }));
}
