//! EXT_INFO (RFC 8308).

use testkit::{AgainstClient, AgainstServer, Payload, Proposal};
use transport::Misbehaviour;
use transport::limits::{EXT_INFO_MESSAGES, EXTENSIONS_MAX};
use wire::{Role, WireError};

use crate::transport;

fn ext_info(pairs: &[(&str, &str)]) -> Vec<u8> {
    let payload = Payload::number(7).u32(pairs.len() as u32);
    pairs.iter().fold(payload, |payload, (name, value)| payload.string(name).string(value)).done()
}

fn empty() -> Vec<u8> {
    ext_info(&[])
}

#[test]
fn a_client_says_it_right_after_its_first_newkeys_and_nowhere_else() {
    let misplaced = transport(Misbehaviour::ExtInfoMisplaced);
    let mut against = AgainstServer::server().keyed();
    against.tell(ext_info(&[("ext-info-in-auth@openssh.com", "0"), ("unknown", "\0\0")]));
    against.lives();
    assert!(against.ours.connection.transport().peer_extensions().ext_info_in_auth);
    against.tell(empty());
    against.refused(&misplaced);
    for mut against in [AgainstServer::server().serviced(), AgainstServer::server().logged_in()] {
        against.tell(empty());
        against.refused(&misplaced);
    }
    let mut against = AgainstServer::server().keyed();
    against.exchange();
    against.tell(empty());
    against.refused(&misplaced);
    let mut against = AgainstServer::server().proposing(Proposal::without_markers).identified();
    against.tell(empty());
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 7 }));
}

#[test]
fn a_server_says_it_until_the_login_and_not_too_often() {
    let mut against = AgainstClient::client().requested();
    for _ in 0..EXT_INFO_MESSAGES {
        against.tell(empty());
        against.lives();
    }
    against.tell(empty());
    against.refused(&transport(Misbehaviour::TooManyExtInfo));
    let mut against = AgainstClient::client().logged_in();
    against.tell(empty());
    against.refused(&transport(Misbehaviour::ExtInfoMisplaced));
}

#[test]
fn extensions_are_counted_before_they_are_read() {
    for count in [EXTENSIONS_MAX + 1, 1 << 20, u32::MAX] {
        let mut against = AgainstServer::server().keyed();
        against.tell(Payload::number(7).u32(count));
        against.refused(&transport(Misbehaviour::TooManyExtensions { count }));
        let mut against = AgainstClient::client().requested();
        against.tell(Payload::number(7).u32(count));
        against.refused(&transport(Misbehaviour::TooManyExtensions { count }));
    }
    let most: Vec<_> = (0..EXTENSIONS_MAX).map(|_| ("x", "y")).collect();
    let mut against = AgainstServer::server().keyed();
    against.tell(ext_info(&most));
    against.lives();
}

#[test]
fn the_count_must_be_true() {
    let mut against = AgainstServer::server().keyed();
    against.tell(Payload::number(7).u32(2).string("a").string("b"));
    against.refused(&transport(WireError::Truncated { needed: 4, left: 0 }));
    let mut against = AgainstServer::server().keyed();
    against.tell(Payload::number(7).u32(0).string("a").string("b"));
    against.refused(&transport(WireError::Trailing { left: 10 }));
}

#[test]
fn a_list_of_signature_algorithms_that_is_none_is_malformed() {
    for list in [",", "a,,b", "a b"] {
        let mut against = AgainstClient::client().requested();
        against.tell(ext_info(&[("server-sig-algs", list)]));
        against.refused(&transport(WireError::BadName));
    }
    let mut against = AgainstClient::client().requested();
    against.tell(Payload::number(7).u32(1).string("server-sig-algs").string([0xff, 0xfe]));
    against.refused(&transport(WireError::BadName));
}

#[test]
fn only_who_asks_for_it_is_told() {
    let against = AgainstServer::server().proposing(|p| p.with_ext_info(Role::Client));
    let mut against = against.keyed();
    assert_eq!(against.heard_numbers(), [7]);
    let mut against = AgainstServer::server().keyed();
    assert_eq!(against.heard_numbers(), []);
    let against = AgainstClient::client().proposing(|p| p.with_ext_info(Role::Server));
    let mut against = against.keyed();
    assert_eq!(against.heard_numbers(), [7, 5]);
}
