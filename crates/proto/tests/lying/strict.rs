//! Strict key exchange, and what it is against (Terrapin, CVE-2023-48795).

use testkit::{AgainstClient, AgainstServer, FrameLie, Pattern, Payload, Proposal};
use transport::{Error, Misbehaviour, Reason};

use crate::transport;

fn ignore() -> Vec<u8> {
    Payload::number(2).string("noise").done()
}

/// Messages that may come at other times, but not in a strict initial exchange.
fn noise() -> [Vec<u8>; 4] {
    [
        ignore(),
        Payload::number(4).byte(0).string("hello").string("").done(),
        Payload::number(3).u32(0).done(),
        Payload::number(7).u32(0).done(),
    ]
}

#[test]
fn noise_before_kexinit_is_held_against_a_strict_peer() {
    for count in 1..4_u32 {
        let mut against = AgainstServer::server().identified();
        for _ in 0..count {
            against.peer.send(&ignore());
        }
        let mut against = against.proposed();
        against.refused(&transport(Misbehaviour::StrictKexInitNotFirst { sequence: count }));
        let mut against = AgainstClient::client().identified();
        for _ in 0..count {
            against.peer.send(&noise()[1]);
        }
        let mut against = against.proposed();
        against.refused(&transport(Misbehaviour::StrictKexInitNotFirst { sequence: count }));
    }
}

#[test]
fn noise_between_the_steps_of_a_strict_exchange_is_refused() {
    for noise in noise() {
        let error = transport(Misbehaviour::StrictViolation { number: noise[0] });
        // Where the client's public value is awaited.
        let mut against = AgainstServer::server().identified().proposed();
        against.tell(&noise);
        against.refused(&error);
        // Where its NEWKEYS is awaited.
        let mut against = AgainstServer::server().identified().proposed();
        let proposal = against.proposal.clone();
        let ephemeral = against.peer.start_exchange(&proposal);
        against.settle();
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        against.tell(&noise);
        against.refused(&error);
        // Where the server's reply is awaited.
        let mut against = AgainstClient::client().identified().proposed();
        against.peer.expect(30);
        against.tell(&noise);
        against.refused(&error);
        // Where its NEWKEYS is awaited.
        let mut against = AgainstClient::client().identified().proposed();
        let (exchange, public) = against.peer.respond_exchange(&proposal);
        against.peer.send_reply(&exchange, &public);
        against.settle();
        against.peer.read_newkeys(&proposal, &exchange);
        against.tell(&noise);
        against.refused(&error);
    }
}

/// Under keys nobody between us can put noise there, and every NEWKEYS starts the numbers again. PuTTY sends IGNORE in a
/// re-key under CBC, and OpenSSH takes it.
#[test]
fn noise_between_the_steps_of_a_rekey_is_taken_and_dropped() {
    let [ignore, debug, unimplemented, ext_info] = noise();
    let dropped = [&ignore, &debug];
    let mut against = AgainstServer::server().in_session();
    for noise in dropped {
        let proposal = against.proposal.clone();
        against.peer.send_kexinit(&proposal);
        against.tell(noise);
        against.peer.read_kexinit();
        let ephemeral = against.peer.start_exchange(&proposal);
        against.tell(noise);
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        against.tell(noise);
        against.peer.send_newkeys(&proposal, &exchange);
        against.tell(noise);
        against.lives();
        against.tell(Payload::number(192).string("still here"));
        assert_eq!(against.heard_numbers(), [193]);
    }
    let mut against = AgainstClient::client().in_session();
    for noise in dropped {
        let proposal = against.proposal.clone();
        against.peer.send_kexinit(&proposal);
        against.tell(noise);
        against.peer.read_kexinit();
        let (exchange, public) = against.peer.respond_exchange(&proposal);
        against.tell(noise);
        against.peer.send_reply(&exchange, &public);
        against.tell(noise);
        against.peer.read_newkeys(&proposal, &exchange);
        against.peer.send_newkeys(&proposal, &exchange);
        against.tell(noise);
        against.lives();
    }
    for (noise, error) in [
        (unimplemented, Misbehaviour::UnimplementedInExchange { sequence: 0 }),
        (ext_info, Misbehaviour::UnexpectedInExchange { number: 7 }),
    ] {
        let error = transport(error);
        let mut against = AgainstServer::server().logged_in().proposed();
        against.tell(&noise);
        against.refused(&error);
        let mut against = AgainstClient::client().logged_in().proposed();
        against.peer.expect(30);
        against.tell(&noise);
        against.refused(&error);
    }
}

#[test]
fn a_rekey_that_is_nothing_but_noise_costs_nothing_and_ends_in_time() {
    let mut against = AgainstServer::server().in_session().proposed();
    against.ours.read_size = 4096;
    for _ in 0..4 {
        for _ in 0..5000 {
            against.peer.send(&ignore());
        }
        against.settle();
        against.lives();
        assert_eq!(against.heard_numbers(), []);
        assert!(against.ours.receive_capacity() <= 128 * 1024);
        against.pass(std::time::Duration::from_secs(29));
    }
    against.pass(std::time::Duration::from_secs(5));
    let error = against.ours.error().cloned().unwrap();
    assert_eq!(error.fault(), proto::Fault::TimedOut);
}

#[test]
fn noise_in_a_rekey_before_the_login_is_counted_like_all_before_the_login() {
    let mut against = AgainstServer::server().serviced().proposed();
    for _ in 0..transport::limits::PACKETS_BEFORE_AUTH {
        against.peer.send(&ignore());
    }
    against.refused(&transport(Misbehaviour::TooManyPacketsBeforeAuth));
}

#[test]
fn a_disconnect_is_taken_at_every_step_and_answered_with_nothing() {
    let goodbye = Payload::number(1).u32(11).string("bye").string("").done();
    let closed = transport(Error::Closed(transport::Closed::Peer(Reason::BY_APPLICATION)));
    let mut against = AgainstServer::server().identified();
    against.tell(&goodbye);
    against.over(&closed);
    assert_eq!(against.heard_numbers(), [20]);
    let mut against = AgainstServer::server().identified().proposed();
    against.tell(&goodbye);
    against.over(&closed);
    assert_eq!(against.heard_numbers(), []);
    for mut against in [AgainstServer::server().serviced(), AgainstServer::server().logged_in()] {
        against.tell(&goodbye);
        against.over(&closed);
        assert_eq!(against.heard_numbers(), []);
    }
}

/// Somebody on the path puts IGNORE before NEWKEYS and takes away the first packet after it, so that the numbers agree
/// again. Neither end has sent an IGNORE.
fn terrapin(against: AgainstServer) -> AgainstServer {
    let mut against = against.identified().proposed();
    let proposal = against.proposal.clone();
    let ephemeral = against.peer.start_exchange(&proposal);
    against.settle();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    let injected = against.peer.sealed(&ignore(), FrameLie::default());
    against.peer.sequence_out -= 1;
    against.peer.send_bytes(&injected);
    against.peer.send_newkeys(&proposal, &exchange);
    // EXT_INFO, which never arrives.
    against.peer.sealed(&Payload::number(7).u32(0).done(), FrameLie::default());
    against.peer.send(&Payload::number(5).string("ssh-userauth").done());
    against.settle();
    against
}

#[test]
fn cutting_off_the_first_packet_works_only_where_the_peer_knows_no_strict_exchange() {
    // chacha20-poly1305 has no state but the sequence number, which makes it the easiest prey.
    let chacha = crypto::CIPHERS.iter().find(|row| row.name.starts_with("chacha20")).unwrap();
    let against = AgainstServer::server().proposing(|p| p.with_cipher(chacha, None));
    let mut against = terrapin(against);
    against.refused(&transport(Misbehaviour::StrictViolation { number: 2 }));
    // This is why strictness has to be agreed on by both: an old peer cannot be protected.
    let against = AgainstServer::server().proposing(|p| p.without_markers().with_cipher(chacha, None));
    let mut against = terrapin(against);
    against.peer.expect(6);
}

#[test]
fn dropping_the_first_packet_after_newkeys_is_seen_under_strict_exchange() {
    for cipher in crypto::CIPHERS.iter().filter(|row| row.aead) {
        let against = AgainstServer::server_with(|config| {
            let algorithms = &mut std::sync::Arc::make_mut(&mut config.transport).algorithms;
            algorithms.ciphers = transport::Directions::both(crypto::CIPHERS.iter().collect());
        });
        let mut against = against.proposing(|p| p.with_cipher(cipher, None)).keyed();
        against.peer.sealed(&Payload::number(7).u32(0).done(), FrameLie::default());
        for _ in 0..2000 {
            against.peer.send(&ignore());
        }
        against.settle();
        let error = against.ours.error().cloned().unwrap();
        let seen = matches!(error, proto::Error::Transport(Error::Forged | Error::BadPacketLength { .. }));
        assert!(seen, "{error}");
        against.refused_with(&error, Reason::MAC_ERROR);
    }
}

#[test]
fn a_packet_under_the_old_keys_after_newkeys_is_corruption_strict_or_not() {
    // Under chacha20-poly1305 a packet can be sealed and kept back without a trace.
    let chacha = crypto::CIPHERS.iter().find(|row| row.name.starts_with("chacha20")).unwrap();
    for strict in [true, false] {
        let against = AgainstServer::server().proposing(|p| {
            let p = p.with_cipher(chacha, None);
            if strict { p } else { p.without_markers() }
        });
        let mut against = against.in_session().proposed();
        let proposal = against.proposal.clone();
        let ephemeral = against.peer.start_exchange(&proposal);
        against.settle();
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        // With the number that it would have after NEWKEYS.
        let next = against.peer.sequence_out + 1;
        against.peer.sequence_out = if strict { 0 } else { next };
        let stale = against.peer.sealed(&ignore(), FrameLie::default());
        against.peer.sequence_out = next - 1;
        against.peer.send_newkeys(&proposal, &exchange);
        // Enough of them for the longest packet.
        let times = transport::limits::PACKET_LENGTH_MAX as usize / stale.len() + 2;
        against.peer.send_bytes(&stale.repeat(times));
        against.settle();
        let error = against.ours.error().cloned().unwrap();
        let seen = matches!(error, proto::Error::Transport(Error::Forged | Error::BadPacketLength { .. }));
        assert!(seen, "{error}");
        against.refused_with(&error, Reason::MAC_ERROR);
    }
}

#[test]
fn without_strict_exchange_noise_passes_and_numbers_go_on() {
    let mut against = AgainstServer::server().proposing(Proposal::without_markers).identified();
    against.peer.send(&ignore());
    let mut against = against.proposed();
    let proposal = against.proposal.clone();
    against.peer.send(&noise()[1]);
    let ephemeral = against.peer.start_exchange(&proposal);
    against.settle();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    against.peer.send(&ignore());
    against.peer.send_newkeys(&proposal, &exchange);
    against.tell(Payload::number(5).string("ssh-userauth"));
    against.peer.expect(6);
    assert!(!against.ours.connection.transport().strict_kex());
    assert_eq!((against.peer.sequence_out, against.peer.sequence_in), (7, 4));
}

#[test]
fn markers_in_a_later_kexinit_turn_nothing_on() {
    let mut against = AgainstServer::server().proposing(Proposal::without_markers).logged_in();
    against.proposal = Proposal::plain(wire::Role::Client).with_ext_info(wire::Role::Client);
    // Noise in the exchange, and numbers that go on after it: none of that would be so if it were strict.
    let mut against = against.proposed();
    let proposal = against.proposal.clone();
    against.tell(ignore());
    let ephemeral = against.peer.start_exchange(&proposal);
    against.settle();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    against.peer.send_newkeys(&proposal, &exchange);
    assert!(against.peer.sequence_out > 8);
    against.tell(Payload::number(192).string("still here"));
    assert_eq!(against.heard_numbers(), [193], "no EXT_INFO either");
    assert!(!against.ours.connection.transport().strict_kex());
}

#[test]
fn a_later_kexinit_without_markers_turns_nothing_off() {
    let mut against = AgainstServer::server().logged_in();
    against.proposal = against.proposal.without_markers();
    against.exchange();
    against.tell(Payload::number(192).string("still here"));
    against.peer.expect(193);
    assert!(against.ours.connection.transport().strict_kex());
    assert_eq!(
        (against.peer.sequence_out, against.peer.sequence_in),
        (1, 1),
        "numbers begin again all the same"
    );
}

#[test]
fn the_marker_of_the_other_side_means_nothing() {
    let against = AgainstServer::server().proposing(|mut proposal| {
        proposal.markers = vec!["Kex-strict-s-v00@openssh.com".to_owned(), "ext-info-s".to_owned()];
        proposal
    });
    let mut against = against.identified();
    let list = "curve25519-sha256,kex-strict-s-v00@openssh.com,ext-info-s";
    against.proposal = against.proposal.clone().without_markers().with_list(0, list);
    let mut against = against.proposed();
    against.tell(ignore());
    against.lives();
    assert!(!against.ours.connection.transport().strict_kex());
}

#[test]
fn upper_messages_in_a_rekey_are_refused_from_the_peers_kexinit_on() {
    for number in [5, 50, 80, 90, 94, 98, 192, 200] {
        let mut against = AgainstServer::server().in_session().proposed();
        against.tell([number, 0, 0, 0, 0]);
        against.refused(&transport(Misbehaviour::UnexpectedInExchange { number }));
        let against = AgainstServer::server().proposing(Proposal::without_markers);
        let mut against = against.in_session().proposed();
        against.tell([number, 0, 0, 0, 0]);
        against.refused(&transport(Misbehaviour::UnexpectedInExchange { number }));
        let mut against = AgainstClient::client().in_session().proposed();
        against.peer.expect(30);
        against.tell([number, 0, 0, 0, 0]);
        against.refused(&transport(Misbehaviour::UnexpectedInExchange { number }));
    }
}

#[test]
fn what_was_under_way_when_we_began_a_rekey_is_still_taken() {
    let mut against = AgainstServer::server().in_session();
    against.ours.connection.rekey();
    let mut pattern = Pattern::new();
    let mut data = |channel| {
        let mut bytes = [0; 100];
        pattern.fill(&mut bytes);
        Payload::number(94).u32(channel).string(bytes)
    };
    let channel = against.channel;
    against.tell(data(channel));
    against.tell(ignore());
    against.lives();
    let received =
        |against: &AgainstServer| against.ours.app.served.values().map(|served| served.received).sum::<u64>();
    assert_eq!(received(&against), 100);
    against.exchange();
    against.tell(data(channel));
    against.lives();
    assert_eq!(received(&against), 200);
}
