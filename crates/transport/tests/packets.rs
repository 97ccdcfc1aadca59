//! Binary packets that are not as RFC 4253 §6 has them, and how many and how large they may be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Data, Raw, RawInit, changed, null_config, packet, packet_with, payload};
use nacre_transport::limits::{PACKET_LENGTH_BEFORE_AUTH, PACKET_LENGTH_MAX, PACKETS_BEFORE_AUTH};
use nacre_transport::message::{Ignore, Unimplemented};
use nacre_transport::{Error, Misbehaviour};
use wire::{Bytes, Role, WireError};

fn keyed() -> Raw {
    Raw::keyed(null_config(Role::Server), &RawInit::strict(Role::Client))
}

/// The error of a machine that got nothing but a length.
fn length(raw: &mut Raw, length: u32) -> Option<Error> {
    raw.bytes(&length.to_be_bytes());
    raw.party.error.clone()
}

#[test]
fn a_length_that_no_packet_can_have_is_refused_before_anything_waits_for_it() {
    for keyed_first in [false, true] {
        for bad in
            [0, 1, 4, 5, 13, 16, 27, PACKET_LENGTH_BEFORE_AUTH + 4, 0x7fff_fffc, u32::MAX - 3, u32::MAX]
        {
            let mut raw = if keyed_first { keyed() } else { Raw::against(null_config(Role::Server)) };
            assert_eq!(length(&mut raw, bad), Some(Error::BadPacketLength { length: bad }), "{bad}");
            assert!(raw.party.rx.capacity() <= 8192, "nothing grew for it");
        }
    }
}

#[test]
fn the_limit_of_a_packet_grows_with_authentication() {
    // The largest that is padded to eight bytes.
    let before = PACKET_LENGTH_BEFORE_AUTH - 4;
    let after = PACKET_LENGTH_MAX - 4;
    for (limit, authenticated) in [(before, false), (after, true)] {
        for over in [0, 8] {
            let mut raw = keyed();
            if authenticated {
                raw.party.machine.authenticated();
            }
            let len = usize::try_from(limit + over).unwrap() - 1 - 4 - 5;
            raw.say(&payload(&Data { data: Bytes(&vec![0; len]) }));
            if over == 0 {
                assert_eq!((raw.party.error.clone(), raw.party.payloads.len()), (None, 1));
            } else {
                assert_eq!(raw.error(), Error::BadPacketLength { length: limit + over });
            }
        }
    }
}

#[test]
fn limits_cannot_be_configured_beyond_what_they_are_for() {
    let config = changed(null_config(Role::Server), |config| config.limits.packet_length = u32::MAX);
    let mut raw = Raw::keyed(config, &RawInit::plain());
    raw.party.machine.authenticated();
    let over = PACKET_LENGTH_MAX + 4;
    assert_eq!(length(&mut raw, over), Some(Error::BadPacketLength { length: over }));
}

#[test]
fn padding_has_at_least_four_bytes_and_leaves_a_payload() {
    let body = |padding: u8| {
        let mut packet = vec![0, 0, 0, 12, padding];
        packet.resize(16, 2);
        packet
    };
    for padding in [0, 1, 3, 12, 13, 255] {
        let mut raw = keyed();
        raw.bytes(&body(padding));
        assert_eq!(raw.error(), Misbehaviour::Padding.into(), "{padding}");
    }
    let mut raw = keyed();
    raw.bytes(&body(11));
    assert_eq!(raw.error(), Misbehaviour::EmptyPayload.into());
    for padding in [4, 10] {
        let mut raw = keyed();
        raw.bytes(&body(padding));
        assert_eq!(raw.party.error, None);
    }
    // The longest.
    let mut raw = keyed();
    raw.bytes(&packet_with(&payload(&Ignore { data: Bytes(b"x") }), 253));
    assert_eq!(raw.party.error, None);
}

#[test]
fn number_zero_does_not_exist() {
    let mut raw = keyed();
    raw.say(&[0, 1, 2]);
    assert_eq!(raw.error(), Misbehaviour::NumberZero.into());
}

#[test]
fn an_unauthenticated_peer_has_a_budget_of_packets() {
    let mut raw = keyed();
    let noise = packet(&payload(&Ignore { data: Bytes(b"") }));
    // KEXINIT, ECDH_INIT and NEWKEYS were the first three.
    for _ in 3..PACKETS_BEFORE_AUTH {
        raw.bytes(&noise);
    }
    assert_eq!(raw.party.error, None);
    raw.bytes(&noise);
    assert_eq!(raw.error(), Misbehaviour::TooManyPacketsBeforeAuth.into());
    let mut raw = keyed();
    raw.party.machine.authenticated();
    for _ in 0..=PACKETS_BEFORE_AUTH {
        raw.bytes(&noise);
    }
    assert_eq!(raw.party.error, None);
}

#[test]
fn a_message_is_its_fields_and_nothing_more() {
    let mut long = payload(&Unimplemented { sequence: 1 });
    long.push(0);
    for (bad, error) in [
        (long, WireError::Trailing { left: 1 }),
        (vec![3, 0, 0], WireError::Truncated { needed: 4, left: 2 }),
        (vec![4, 1], WireError::Truncated { needed: 4, left: 0 }),
        (vec![192, 0xff, 0xff, 0xff, 0xff], WireError::Truncated { needed: 0xffff_ffff, left: 0 }),
        (vec![20, 0], WireError::Truncated { needed: 16, left: 1 }),
    ] {
        let mut raw = keyed();
        raw.say(&bad);
        assert_eq!(raw.error(), Error::Malformed(error));
    }
    // IGNORE alone may hold anything.
    let mut raw = keyed();
    raw.say(&[2, 1, 2, 3]);
    assert_eq!(raw.party.error, None);
}

#[test]
fn after_an_error_the_machine_is_that_error() {
    let mut raw = keyed();
    raw.say(&[0]);
    let error = raw.error();
    raw.received.clear();
    for _ in 0..3 {
        raw.party.error = None;
        raw.say(&payload(&Data { data: Bytes(b"hello?") }));
        assert_eq!(raw.error(), error);
    }
    assert_eq!(raw.party.machine.handle_timeout(raw.now), Err(error.clone()));
    raw.party.send(&Data { data: Bytes(b"x") });
    assert!(!raw.party.send_data(b"x") && !raw.party.machine.gate_open());
    raw.party.machine.rekey();
    raw.party.machine.disconnect(nacre_transport::Reason::BY_APPLICATION, "again");
    assert_eq!(raw.party.machine.transmit(), b"");
    assert_eq!(raw.party.machine.error(), Some(&error));
    assert!(raw.party.payloads.is_empty());
}
