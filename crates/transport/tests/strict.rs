//! What may come when, with strict KEX and without it (CVE-2023-48795 and its half-fixes).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Data, Raw, RawInit, Service, null_config, payload};
use nacre_transport::message::{
    Debug, Disconnect, ExtInfo, Ignore, KexEcdhInit, NewKeys, Ping, Unimplemented,
};
use nacre_transport::{Closed, Error, Misbehaviour, Reason};
use wire::{Bytes, Human, Message, Rest, Role};

fn ignore() -> Vec<u8> {
    payload(&Ignore { data: Bytes(b"noise") })
}

fn debug() -> Vec<u8> {
    payload(&Debug { always_display: true, message: Human(b"hello"), language: Human(b"") })
}

fn unimplemented() -> Vec<u8> {
    payload(&Unimplemented { sequence: 3 })
}

fn disconnect() -> Vec<u8> {
    payload(&Disconnect { reason: 11, description: Human(b"bye"), language: Human(b"") })
}

/// Messages that are no part of an exchange, and those of an exchange that are not awaited after KEXINIT.
fn strangers() -> Vec<Vec<u8>> {
    vec![
        payload(&ExtInfo { count: 0, extensions: Rest(b"") }),
        payload(&Service { name: Bytes(b"ssh-userauth") }),
        payload(&Ping { data: Bytes(b"") }),
        payload(&Data { data: Bytes(b"") }),
        vec![0],
        vec![8],
        vec![29],
        vec![49],
        vec![50],
        vec![255],
        RawInit::plain().payload(),
    ]
}

/// Each point of the exchange at which the peer of a machine in `role` owes something: after its KEXINIT, and after
/// its part of the method.
fn points(role: Role, init: &RawInit, rekey: bool) -> [Raw; 2] {
    [false, true].map(|with_method| {
        let mut raw = match rekey {
            false => Raw::against(null_config(role)),
            true => Raw::keyed(null_config(role), init),
        };
        if rekey {
            // Before that the number of exchanges is what would be complained of.
            raw.party.machine.authenticated();
        }
        raw.say(&if rekey { RawInit::plain() } else { init.clone() }.payload());
        if with_method {
            raw.go_on();
        }
        assert_eq!(raw.party.error, None);
        raw
    })
}

#[test]
fn in_a_strict_initial_exchange_only_what_is_awaited_may_come() {
    let mut tried = 0;
    for role in [Role::Client, Role::Server] {
        for noise in strangers().into_iter().chain([ignore(), debug(), unimplemented()]) {
            for mut raw in points(role, &RawInit::strict(role.peer()), false) {
                raw.say(&noise);
                let number = noise[0];
                assert_eq!(raw.error(), Misbehaviour::StrictViolation { number }.into());
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 2 * 14 * 2);
}

#[test]
fn newkeys_too_early_and_the_method_too_often_are_violations() {
    for role in [Role::Client, Role::Server] {
        let [mut early, mut again] = points(role, &RawInit::strict(role.peer()), false);
        early.say(&payload(&NewKeys {}));
        assert_eq!(early.error(), Misbehaviour::StrictViolation { number: 21 }.into());
        again.go_on();
        let number = if role == Role::Server { 30 } else { 31 };
        assert_eq!(again.error(), Misbehaviour::StrictViolation { number }.into());
    }
    // The other side's message.
    let [mut raw, _] = points(Role::Server, &RawInit::strict(Role::Client), false);
    raw.say(&[31]);
    assert_eq!(raw.error(), Misbehaviour::StrictViolation { number: 31 }.into());
}

#[test]
fn without_strict_kex_and_in_every_rekey_only_ignore_and_debug_may_come_beside_the_exchange() {
    for role in [Role::Client, Role::Server] {
        let (plain, strict) = (RawInit::plain(), RawInit::strict(role.peer()));
        for (init, rekey) in [(&plain, false), (&plain, true), (&strict, true)] {
            for noise in strangers() {
                for mut raw in points(role, init, rekey) {
                    raw.say(&noise);
                    let number = noise[0];
                    assert_eq!(raw.error(), Misbehaviour::UnexpectedInExchange { number }.into());
                }
            }
            for mut raw in points(role, init, rekey) {
                raw.say(&ignore());
                raw.say(&debug());
                assert_eq!(raw.party.error, None);
                assert!(raw.party.events.last().unwrap().contains("always_display: true"));
                raw.say(&unimplemented());
                assert_eq!(raw.error(), Misbehaviour::UnimplementedInExchange { sequence: 3 }.into());
            }
        }
    }
}

#[test]
fn strict_kexinit_must_be_the_first_packet() {
    for role in [Role::Client, Role::Server] {
        for noise in [ignore(), debug()] {
            let mut raw = Raw::against(null_config(role));
            raw.say(&noise);
            assert_eq!(raw.party.error, None, "not known to be strict yet");
            raw.say(&RawInit::strict(role.peer()).payload());
            assert_eq!(raw.error(), Misbehaviour::StrictKexInitNotFirst { sequence: 1 }.into());
            // Without strict KEX on the other side it is allowed.
            let mut raw = Raw::against(null_config(role));
            raw.say(&noise);
            raw.say(&RawInit::plain().payload());
            assert_eq!(raw.party.error, None);
        }
    }
}

#[test]
fn before_the_first_kexinit_nothing_of_the_layers_above_may_come() {
    for noise in [
        payload(&Service { name: Bytes(b"x") }),
        payload(&ExtInfo { count: 0, extensions: Rest(b"") }),
        payload(&Ping { data: Bytes(b"") }),
        payload(&NewKeys {}),
        payload(&KexEcdhInit { client_public: Bytes(b"") }),
        vec![50],
        vec![90],
        vec![200],
    ] {
        let mut raw = Raw::against(null_config(Role::Server));
        raw.say(&noise);
        assert_eq!(raw.error(), Misbehaviour::UnexpectedInExchange { number: noise[0] }.into());
        assert!(raw.party.payloads.is_empty());
    }
    let mut raw = Raw::against(null_config(Role::Server));
    raw.say(&unimplemented());
    assert_eq!(raw.error(), Misbehaviour::UnimplementedInExchange { sequence: 3 }.into());
}

#[test]
fn a_disconnect_may_come_at_any_point() {
    let closed = Error::Closed(Closed::Peer(Reason::BY_APPLICATION));
    for role in [Role::Client, Role::Server] {
        let init = RawInit::strict(role.peer());
        let mut all = vec![Raw::against(null_config(role)), Raw::keyed(null_config(role), &init)];
        all.extend(points(role, &init, false));
        all.extend(points(role, &init, true));
        for mut raw in all {
            raw.received.clear();
            raw.say(&disconnect());
            assert_eq!(raw.error(), closed);
            assert!(raw.party.events.last().unwrap().contains("\"bye\""));
            assert!(raw.received.is_empty(), "a disconnect has no answer");
        }
    }
}

#[test]
fn messages_of_an_exchange_outside_of_one_are_fatal() {
    for init in [RawInit::strict(Role::Client), RawInit::plain()] {
        for number in [21, 30, 31, 32, 49] {
            let mut raw = Raw::keyed(null_config(Role::Server), &init);
            raw.say(&[number]);
            assert_eq!(raw.error(), Misbehaviour::OutsideExchange { number }.into());
        }
    }
}

#[test]
fn from_the_peers_kexinit_on_no_data_may_come_in_a_rekey_and_noise_may() {
    let mut raw = Raw::keyed(null_config(Role::Server), &RawInit::strict(Role::Client));
    raw.party.machine.authenticated();
    raw.party.machine.rekey();
    assert!(!raw.party.machine.gate_open());
    // Our KEXINIT is out, but the peer cannot know it yet.
    raw.say(&ignore());
    raw.say(&payload(&Data { data: Bytes(b"on its way") }));
    assert_eq!((raw.party.error.clone(), raw.party.payloads.len()), (None, 1));
    raw.say(&RawInit::plain().payload());
    raw.say(&ignore());
    assert_eq!(raw.party.error, None);
    raw.say(&payload(&Data { data: Bytes(b"too late") }));
    assert_eq!(raw.error(), Misbehaviour::UnexpectedInExchange { number: Data::NUMBER }.into());
    assert_eq!(raw.party.payloads.len(), 1);
}

#[test]
fn a_later_kexinit_turns_on_neither_strictness_nor_extensions() {
    for role in [Role::Client, Role::Server] {
        let mut raw = Raw::keyed(null_config(role), &RawInit::plain());
        assert!(!raw.party.machine.strict_kex());
        raw.heard();
        raw.say(&RawInit::strict(role.peer()).payload());
        raw.say(&ignore());
        raw.go_on();
        raw.say(&payload(&NewKeys {}));
        assert_eq!(raw.party.error, None);
        assert_eq!(raw.party.machine.exchanges(), 2);
        assert!(!raw.party.machine.strict_kex());
        let numbers = raw.heard_numbers();
        assert_eq!(numbers, if role == Role::Server { [20, 31, 21] } else { [20, 30, 21] });
        let mut strict = Raw::keyed(null_config(role), &RawInit::strict(role.peer()));
        strict.heard();
        strict.say(&RawInit::plain().payload());
        assert!(strict.party.machine.strict_kex(), "and none turns it off");
        // Nor does ours ask for them again.
        let ours = &strict.heard()[0];
        let ours = nacre_transport::message::KexInit::from_payload(ours).unwrap();
        assert_eq!(ours.kex.as_str(), "null");
    }
}

#[test]
fn a_marker_of_the_other_role_means_nothing() {
    let mut init = RawInit::plain();
    init.kex = "null,kex-strict-s-v00@openssh.com,ext-info-s".into();
    let mut raw = Raw::keyed(null_config(Role::Server), &init);
    assert!(!raw.party.machine.strict_kex());
    assert_eq!(raw.heard_numbers(), [20, 31, 21]);
}

#[test]
fn we_offer_strict_kex_and_ask_for_extensions_once() {
    for (role, kex) in [
        (Role::Client, "null,ext-info-c,kex-strict-c-v00@openssh.com"),
        (Role::Server, "null,ext-info-s,kex-strict-s-v00@openssh.com"),
    ] {
        let mut raw = Raw::against(null_config(role));
        let ours = &raw.heard()[0];
        let ours = nacre_transport::message::KexInit::from_payload(ours).unwrap();
        assert_eq!((ours.kex.as_str(), ours.first_kex_packet_follows, ours.reserved), (kex, false, 0));
    }
}
