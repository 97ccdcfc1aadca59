//! Binary packets (RFC 4253 §6).

use crypto::{CIPHERS, CipherAlg, MACS, MacAlg};
use testkit::{AgainstServer, FrameLie, Handmade, Payload};
use transport::limits::{PACKET_LENGTH_BEFORE_AUTH, PACKET_LENGTH_MAX};
use transport::{Directions, Error, Misbehaviour, Reason};

use wire::Role;

use crate::transport;

/// Every cipher, with every MAC where it needs one.
fn suites() -> Vec<(&'static CipherAlg, Option<&'static MacAlg>)> {
    let with_macs = |cipher: &'static CipherAlg| MACS.iter().map(move |mac| (cipher, Some(mac)));
    let (aead, plain): (Vec<_>, Vec<_>) = CIPHERS.iter().partition(|cipher| cipher.aead);
    let aead = aead.into_iter().map(|cipher| (cipher, None));
    aead.chain(plain.into_iter().flat_map(with_macs)).collect()
}

/// A server that takes every suite, under the keys of this one.
fn under((cipher, mac): (&'static CipherAlg, Option<&'static MacAlg>)) -> AgainstServer {
    let mut against = AgainstServer::server_with(|config| {
        let algorithms = &mut std::sync::Arc::make_mut(&mut config.transport).algorithms;
        algorithms.ciphers = Directions::both(CIPHERS.iter().collect());
        algorithms.macs = Directions::both(MACS.iter().collect());
    });
    against.ours.read_size = 4096;
    against.proposing(|proposal| proposal.with_cipher(cipher, mac)).keyed()
}

fn service_request() -> Vec<u8> {
    Payload::number(5).string("ssh-userauth").done()
}

#[test]
fn every_suite_carries_an_honest_packet() {
    assert!(suites().len() >= 15, "{}", suites().len());
    for suite in suites() {
        let mut against = under(suite);
        against.tell(service_request());
        assert_eq!(against.peer.expect(6), Payload::number(6).string("ssh-userauth").done());
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_any_suite_is_corruption() {
    for suite in suites() {
        let length = under(suite).peer.sealed(&service_request(), FrameLie::default()).len();
        for byte in 0..length {
            let mut against = under(suite);
            let lie = FrameLie { flip: Some(byte * 8 + byte % 8), ..FrameLie::default() };
            against.peer.send_lying(&service_request(), lie);
            // A length that became larger is waited for; whatever comes, it is no packet.
            against.peer.send_bytes(&vec![0xa5; PACKET_LENGTH_BEFORE_AUTH as usize + 100]);
            against.settle();
            let error = against.ours.error().cloned().unwrap_or_else(|| panic!("{suite:?} byte {byte}"));
            let corrupt =
                matches!(error, proto::Error::Transport(Error::Forged | Error::BadPacketLength { .. }));
            assert!(corrupt, "{suite:?} byte {byte}: {error}");
            assert!(
                byte < 4 || error == transport(Error::Forged) || suite.1.is_some_and(|mac| !mac.etm),
                "{suite:?} {byte}"
            );
            against.refused_with(&error, Reason::MAC_ERROR);
            against.nobody_is_in();
            assert!(against.ours.receive_capacity() <= receive_most(suite));
        }
    }
}

#[test]
fn a_packet_that_is_repeated_is_corruption_in_every_suite() {
    for suite in suites() {
        let mut against = under(suite);
        let packet = against.peer.sealed(&[2, 0, 0, 0, 0], FrameLie::default());
        against.peer.send_bytes(&packet);
        against.settle();
        against.lives();
        // Enough of them for the longest packet.
        against.peer.send_bytes(&packet.repeat(PACKET_LENGTH_BEFORE_AUTH as usize / packet.len() + 2));
        against.settle();
        let error = against.ours.error().cloned().unwrap();
        assert!(
            matches!(error, proto::Error::Transport(Error::Forged | Error::BadPacketLength { .. })),
            "{suite:?}"
        );
        against.refused_with(&error, Reason::MAC_ERROR);
    }
}

#[test]
fn a_packet_that_is_dropped_makes_the_next_one_corrupt_in_every_suite() {
    for suite in suites() {
        let mut against = under(suite);
        let left_out = against.peer.sealed(&[2, 0, 0, 0, 0], FrameLie::default());
        for _ in 0..PACKET_LENGTH_BEFORE_AUTH as usize / left_out.len() + 2 {
            against.peer.send(&service_request());
        }
        against.settle();
        let error = against.ours.error().cloned().unwrap();
        assert!(
            matches!(error, proto::Error::Transport(Error::Forged | Error::BadPacketLength { .. })),
            "{suite:?}"
        );
        against.refused_with(&error, Reason::MAC_ERROR);
    }
}

#[test]
fn packets_of_two_connections_cannot_be_mixed() {
    let mut other = AgainstServer::server();
    other.peer = Handmade::new(Role::Client, 100);
    let mut other = other.keyed();
    let packet = other.peer.sealed(&service_request(), FrameLie::default());
    let mut against = AgainstServer::server().keyed();
    against.peer.send_bytes(&packet);
    against.refused_with(&transport(Error::Forged), Reason::MAC_ERROR);
    against.nobody_is_in();
}

#[test]
fn lengths_that_no_packet_has_are_refused_before_the_keys_and_nothing_grows() {
    for length in
        [0, 1, 5, 7, 13, PACKET_LENGTH_BEFORE_AUTH + 1, PACKET_LENGTH_MAX, 1 << 31, u32::MAX - 3, u32::MAX]
    {
        let mut against = AgainstServer::server();
        against.ours.read_size = 4096;
        let mut against = against.identified();
        against.peer.send_lying(&[2, 0, 0, 0, 0], FrameLie { length: Some(length), ..FrameLie::default() });
        against.settle();
        let before = against.ours.receive_capacity();
        against.peer.read_kexinit();
        against.refused_with(&transport(Error::BadPacketLength { length }), Reason::MAC_ERROR);
        assert!(before <= 8 * 1024, "{length}: {before}");
        assert!(against.ours.receive_capacity() <= 8 * 1024);
    }
}

#[test]
fn lengths_that_no_packet_has_are_refused_under_keys_before_and_after_the_login() {
    let suite = (&CIPHERS[0], None);
    let under_keys = |length| {
        let mut against = under(suite);
        against.peer.send_lying(&[2, 0, 0, 0, 0], FrameLie { length: Some(length), ..FrameLie::default() });
        against.refused_with(&transport(Error::BadPacketLength { length }), Reason::MAC_ERROR);
        assert!(against.ours.receive_capacity() <= 8 * 1024);
    };
    for length in [0, 5, 9, PACKET_LENGTH_BEFORE_AUTH + 1, 120_000, 1 << 20, u32::MAX] {
        under_keys(length);
    }
    for length in [0, 5, 9, PACKET_LENGTH_MAX + 1, PACKET_LENGTH_MAX + 8, 1 << 31, u32::MAX] {
        let mut against = AgainstServer::server();
        against.ours.read_size = 4096;
        let mut against = against.logged_in();
        against.peer.send_lying(&[2, 0, 0, 0, 0], FrameLie { length: Some(length), ..FrameLie::default() });
        against.refused_with(&transport(Error::BadPacketLength { length }), Reason::MAC_ERROR);
        assert!(against.ours.receive_capacity() <= 8 * 1024);
    }
}

#[test]
fn padding_is_at_least_four_bytes_and_inside_its_packet() {
    let mut lies = vec![FrameLie { padding: Some(255), ..FrameLie::default() }];
    lies.extend((0..4).map(|padding| FrameLie { padding: Some(padding), ..FrameLie::default() }));
    for lie in lies {
        for suite in suites() {
            let mut against = under(suite);
            against.peer.send_lying(&service_request(), lie);
            against.refused(&transport(Misbehaviour::Padding));
            against.nobody_is_in();
        }
        let mut against = AgainstServer::server().identified();
        against.peer.send_lying(&service_request(), lie);
        against.settle();
        against.peer.read_kexinit();
        against.refused(&transport(Misbehaviour::Padding));
    }
}

#[test]
fn as_much_padding_as_a_byte_can_say_is_fine() {
    for suite in suites() {
        let mut against = under(suite);
        let block = suite.0.block_len.max(8);
        let lie = FrameLie { extra_padding: (255 - 32) / block * block, ..FrameLie::default() };
        against.peer.send_lying(&service_request(), lie);
        against.settle();
        against.peer.expect(6);
        against.lives();
    }
}

#[test]
fn a_packet_that_is_no_whole_number_of_blocks_is_refused() {
    for suite in suites() {
        for extra in [1, 5, 7] {
            let mut against = under(suite);
            // With CBC there is no such packet, but there can be such a length.
            let lie = if is_cbc(suite) {
                FrameLie { length: Some(40 + extra), ..FrameLie::default() }
            } else {
                FrameLie { extra_padding: extra as usize, ..FrameLie::default() }
            };
            against.peer.send_lying(&[2, 0, 0, 0, 0], lie);
            against.settle();
            if conceals(suite) {
                against.lives();
                continue;
            }
            let error = against.ours.error().cloned().unwrap();
            assert!(
                matches!(error, proto::Error::Transport(Error::BadPacketLength { .. })),
                "{suite:?} {extra}: {error}"
            );
            against.refused_with(&error, Reason::MAC_ERROR);
        }
    }
}

fn is_cbc((cipher, _): (&CipherAlg, Option<&MacAlg>)) -> bool {
    cipher.name.ends_with("-cbc")
}

/// Whether the length is encrypted in a mode in which what is read after it tells about other blocks.
fn conceals(suite: (&CipherAlg, Option<&MacAlg>)) -> bool {
    is_cbc(suite) && suite.1.is_some_and(|mac| !mac.etm)
}

/// What the receive buffer may hold of a peer that has not logged in: it doubles until the longest packet fits where one that
/// is refused must be like one that is not, and a little more than what is read at once otherwise.
fn receive_most(suite: (&CipherAlg, Option<&MacAlg>)) -> usize {
    if conceals(suite) { 2 * PACKET_LENGTH_BEFORE_AUTH as usize } else { 8 * 4096 }
}

#[test]
fn under_cbc_with_an_encrypted_length_it_never_shows_where_a_packet_that_is_refused_ended() {
    let lies = [
        FrameLie { length: Some(0), ..FrameLie::default() },
        FrameLie { length: Some(45), ..FrameLie::default() },
        FrameLie { length: Some(u32::MAX), ..FrameLie::default() },
        // A bit of what is behind the first block, so that the length stays as it was.
        FrameLie { flip: Some(8 * 17), ..FrameLie::default() },
    ];
    let concealing: Vec<_> = suites().into_iter().filter(|suite| conceals(*suite)).collect();
    assert_eq!(concealing.len(), 4 * MACS.iter().filter(|mac| !mac.etm).count());
    for suite in concealing {
        let text = PACKET_LENGTH_BEFORE_AUTH as usize + 4;
        let longest = text - text % suite.0.block_len + suite.1.map_or(0, |mac| mac.tag_len);
        for lie in lies {
            let mut against = under(suite);
            let packet = against.peer.sealed(&service_request(), lie);
            let mut rest = longest - packet.len();
            against.peer.send_bytes(&packet);
            against.settle();
            while rest > 0 {
                against.lives();
                let next = rest.min(1000).max(rest % 1000);
                rest -= next;
                against.peer.send_bytes(&vec![0x5a; next]);
                against.settle();
            }
            against.refused_with(&transport(Error::Forged), Reason::MAC_ERROR);
            assert!(against.ours.receive_capacity() <= receive_most(suite));
        }
    }
}

#[test]
fn a_packet_without_a_payload_is_refused() {
    let mut against = under((&CIPHERS[0], None));
    against.peer.send(&[]);
    against.refused(&transport(Misbehaviour::EmptyPayload));
    let mut against = AgainstServer::server().identified();
    against.peer.send(&[]);
    against.settle();
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::EmptyPayload));
    let mut against = AgainstServer::server().logged_in();
    against.peer.send(&[]);
    against.refused(&transport(Misbehaviour::EmptyPayload));
}

#[test]
fn message_number_0_does_not_exist_in_any_phase() {
    let mut against = AgainstServer::server().identified();
    against.peer.send(&[0]);
    against.settle();
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 0 }));
    for mut against in [AgainstServer::server().serviced(), AgainstServer::server().logged_in()] {
        against.peer.send(&[0, 1, 2, 3]);
        against.refused(&transport(Misbehaviour::NumberZero));
    }
}

#[test]
fn one_byte_at_a_time_lies_like_everything_at_once() {
    let mut against = under((&CIPHERS[0], None));
    against.ours.read_size = 1;
    against.peer.send(&service_request());
    against.peer.send_lying(&service_request(), FrameLie { flip: Some(200), ..FrameLie::default() });
    against.refused_with(&transport(Error::Forged), Reason::MAC_ERROR);
}
