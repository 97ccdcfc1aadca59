//! The messages of this layer under keys: extensions, pings, what nobody knows, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Data, Pair, Raw, RawInit, Service, config, null_config, payload};
use nacre_transport::limits::{DISCONNECT_TEXT_MAX, EXT_INFO_MESSAGES, EXTENSIONS_MAX, PING_MAX};
use nacre_transport::message::{Debug, Disconnect, ExtInfo, Ignore, Ping, Pong, TABLE, Unimplemented};
use nacre_transport::{Closed, Error, Misbehaviour, Misuse, Reason};
use wire::{Bytes, Human, Rest, Role, put_string};

fn keyed(role: Role) -> Raw {
    Raw::keyed(null_config(role), &RawInit::strict(role.peer()))
}

fn ext_info(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut extensions = Vec::new();
    for (name, value) in pairs {
        put_string(&mut extensions, name.as_bytes());
        put_string(&mut extensions, value.as_bytes());
    }
    payload(&ExtInfo { count: pairs.len() as u32, extensions: Rest(&extensions) })
}

#[test]
fn extensions_are_told_right_after_newkeys_to_who_asks() {
    let mut raw = keyed(Role::Server);
    raw.party.send(&Data { data: Bytes(b"x") });
    raw.bytes(b"");
    let heard = raw.heard();
    assert_eq!(heard.iter().map(|payload| payload[0]).collect::<Vec<_>>(), [20, 31, 21, 7, 94]);
    let user_algorithms = null_config(Role::Server).server_sig_algs;
    let plain = user_algorithms.iter().filter(|row| !row.certificate).map(|row| row.name);
    let user_algorithms = plain.collect::<Vec<_>>().join(",");
    let expected = [
        ("server-sig-algs", user_algorithms.as_str()),
        ("publickey-hostbound@openssh.com", "0"),
        ("ping@openssh.com", "0"),
        ("agent-forward", "0"),
    ];
    assert_eq!(heard[3], ext_info(&expected));
    let mut raw = keyed(Role::Client);
    let heard = raw.heard();
    assert_eq!(heard[3], ext_info(&[("ext-info-in-auth@openssh.com", "0")]));
    let mut raw = Raw::keyed(null_config(Role::Client), &RawInit::plain());
    assert_eq!(raw.heard_numbers(), [20, 30, 21]);
}

#[test]
fn a_client_tells_of_extensions_right_after_its_newkeys_and_never_else() {
    let message = ext_info(&[("ext-info-in-auth@openssh.com", "0")]);
    let mut raw = keyed(Role::Server);
    raw.say(&message);
    assert_eq!(raw.party.events.last().unwrap(), "Extensions");
    raw.say(&message);
    assert_eq!(raw.error(), Misbehaviour::ExtInfoMisplaced.into());
    let mut raw = keyed(Role::Server);
    raw.say(&payload(&Ignore { data: Bytes(b"") }));
    raw.say(&message);
    assert_eq!(raw.error(), Misbehaviour::ExtInfoMisplaced.into());
    let mut raw = Raw::keyed(null_config(Role::Server).without_ext_info(), &RawInit::plain());
    raw.say(&message);
    assert_eq!(raw.error(), Misbehaviour::ExtInfoMisplaced.into(), "nobody asked for it");
}

#[test]
fn a_server_may_tell_more_until_the_user_is_authenticated() {
    let mut raw = keyed(Role::Client);
    raw.say(&ext_info(&[("server-sig-algs", "ssh-ed25519"), ("ping@openssh.com", "0")]));
    raw.say(&payload(&Data { data: Bytes(b"between") }));
    raw.say(&ext_info(&[("server-sig-algs", "rsa-sha2-512,x")]));
    let known = raw.party.machine.peer_extensions();
    assert_eq!((known.server_sig_algs.as_deref(), known.ping), (Some("rsa-sha2-512,x"), true));
    raw.party.machine.authenticated();
    raw.say(&ext_info(&[]));
    assert_eq!(raw.error(), Misbehaviour::ExtInfoMisplaced.into());
}

#[test]
fn extensions_have_limits() {
    let mut raw = keyed(Role::Client);
    for _ in 0..EXT_INFO_MESSAGES {
        raw.say(&ext_info(&[]));
    }
    assert_eq!(raw.party.error, None);
    raw.say(&ext_info(&[]));
    assert_eq!(raw.error(), Misbehaviour::TooManyExtInfo.into());
    let pairs = vec![("x", "y"); EXTENSIONS_MAX as usize + 1];
    let mut raw = keyed(Role::Client);
    raw.say(&ext_info(&pairs[1..]));
    assert_eq!(raw.party.error, None);
    raw.say(&ext_info(&pairs));
    assert_eq!(raw.error(), Misbehaviour::TooManyExtensions { count: EXTENSIONS_MAX + 1 }.into());
}

#[test]
fn a_server_can_update_the_algorithms_while_the_user_authenticates() {
    let mut pair = Pair::standard();
    assert_eq!(pair.server.machine.send_ext_info(&[]), Err(Misuse::NotNow));
    pair.settle();
    pair.server
        .machine
        .send_ext_info(&[keys::SignatureAlg::by_name("ssh-ed25519").unwrap(), &keys::NULL_SIGNATURE])
        .unwrap();
    pair.settle();
    let known = pair.client.machine.peer_extensions();
    assert_eq!(known.server_sig_algs.as_deref(), Some("ssh-ed25519,null"));
    assert!(known.ping);
    assert_eq!(pair.client.machine.send_ext_info(&[]), Err(Misuse::NotNow));
    pair.server.machine.authenticated();
    assert_eq!(pair.server.machine.send_ext_info(&[]), Err(Misuse::NotNow));
    let mut raw = keyed(Role::Server);
    assert_eq!(raw.party.machine.send_ext_info(&[]), Err(Misuse::NotOffered));
}

#[test]
fn pings_are_answered_and_sent_to_peers_that_answer_them() {
    let mut raw = keyed(Role::Server);
    raw.heard();
    raw.say(&payload(&Ping { data: Bytes(b"echo") }));
    assert_eq!(raw.heard(), [payload(&Pong { data: Bytes(b"echo") })]);
    assert_eq!(raw.party.machine.ping(b"x"), Err(Misuse::NotOffered));
    let mut pair = Pair::new(config(Role::Client), config(Role::Server));
    pair.settle();
    pair.client.machine.ping(b"are you there?").unwrap();
    assert_eq!(pair.client.machine.ping(&[0; PING_MAX + 1]), Err(Misuse::TooLong));
    pair.settle();
    assert!(pair.client.events.last().unwrap().starts_with("Pong { data: Bytes(14 bytes"));
}

#[test]
fn numbers_of_this_layer_that_nobody_knows_are_answered_with_their_sequence_number() {
    let mut raw = keyed(Role::Server);
    raw.heard();
    // Strict KEX has set the count back, so these are packets 0 to 19.
    let unknown: Vec<u8> = (8..=19).chain(22..=29).collect();
    for number in &unknown {
        raw.say(&[*number]);
    }
    let expected: Vec<_> =
        (0..unknown.len() as u32).map(|sequence| payload(&Unimplemented { sequence })).collect();
    assert_eq!(raw.heard(), expected);
    assert!(raw.party.payloads.is_empty());
}

#[test]
fn everything_else_goes_up_with_its_sequence_number() {
    let mut raw = keyed(Role::Server);
    let above: Vec<u8> = [5, 6].into_iter().chain(50..=191).chain(194..=255).collect();
    for number in &above {
        raw.say(&[*number, 1]);
    }
    assert_eq!(raw.party.payloads.iter().map(|payload| payload[0]).collect::<Vec<_>>(), above);
    assert_eq!(raw.party.sequences, (0..above.len() as u32).collect::<Vec<_>>());
    raw.heard();
    raw.party.machine.unimplemented(77);
    raw.bytes(b"");
    assert_eq!(raw.heard(), [payload(&Unimplemented { sequence: 77 })]);
}

#[test]
fn without_strict_kex_sequence_numbers_go_on_across_newkeys() {
    let mut raw = Raw::keyed(null_config(Role::Server), &RawInit::plain());
    raw.say(&payload(&Service { name: Bytes(b"x") }));
    assert_eq!(raw.party.sequences, [3]);
}

#[test]
fn debug_and_unimplemented_are_told() {
    let mut raw = keyed(Role::Server);
    raw.say(&payload(&Debug { always_display: false, message: Human(b"a\x1bb"), language: Human(b"en") }));
    raw.say(&payload(&Unimplemented { sequence: 4 }));
    let events = &raw.party.events[raw.party.events.len() - 2..];
    assert!(events[0].starts_with("Debug { always_display: false") && !events[0].contains('\x1b'));
    assert_eq!(events[1], "Unimplemented { sequence: 4 }");
}

#[test]
fn a_disconnect_is_the_last_thing_that_is_said() {
    let mut pair = Pair::authenticated(config(Role::Client), config(Role::Server));
    pair.client.send_data(b"last words");
    pair.client.machine.disconnect(Reason::BY_APPLICATION, &"é".repeat(DISCONNECT_TEXT_MAX));
    pair.client.send(&Data { data: Bytes(b"too late") });
    assert!(!pair.client.send_data(b"too late"));
    pair.settle();
    assert_eq!(pair.client.error, Some(Error::Closed(Closed::Local(Reason::BY_APPLICATION))));
    assert_eq!(pair.server.error, Some(Error::Closed(Closed::Peer(Reason::BY_APPLICATION))));
    assert_eq!(pair.server.payloads, [payload(&Data { data: Bytes(b"last words") })]);
    let told = pair.server.events.last().unwrap();
    assert_eq!(told.matches('é').count(), DISCONNECT_TEXT_MAX / 2);
    assert_eq!(pair.client.machine.deadline(), None);
}

#[test]
fn a_disconnect_during_an_exchange_passes_the_gate() {
    let mut raw = keyed(Role::Server);
    raw.party.machine.authenticated();
    raw.heard();
    raw.party.machine.rekey();
    raw.party.send(&Data { data: Bytes(b"waits") });
    raw.party.machine.disconnect(Reason::BY_APPLICATION, "");
    raw.received.extend(raw.party.take(usize::MAX));
    let goodbye = payload(&Disconnect { reason: 11, description: Human(b""), language: Human(b"") });
    assert_eq!(raw.heard().last().unwrap(), &goodbye);
}

#[test]
fn an_error_tells_the_peer_its_reason_and_no_more() {
    let mut raw = keyed(Role::Server);
    raw.heard();
    raw.say(&[0]);
    let goodbye =
        payload(&Disconnect { reason: 2, description: Human(b"protocol error"), language: Human(b"") });
    assert_eq!(raw.heard(), [goodbye]);
}

#[test]
fn the_table_has_each_number_once() {
    for (index, row) in TABLE.iter().enumerate() {
        assert!(TABLE.iter().skip(index + 1).all(|other| other.number != row.number), "{}", row.name);
    }
}
