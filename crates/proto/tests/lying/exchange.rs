//! The exchange itself: public values, signatures, NEWKEYS (RFC 4253 §7.2, §8; RFC 8731; RFC 9142).

use crypto::{KexError, SeededRng};
use keys::{PrivateKey, SignatureAlg, VerifyError};
use testkit::{AgainstClient, AgainstServer, Exchange, Handmade, Payload, Proposal};
use transport::{Error, Misbehaviour, Reason, Refusal};
use wire::{Role, WireError};

use crate::transport;

const HYBRID: &str = "mlkem768x25519-sha256";

/// Points of small order in both their forms (RFC 7748 §6.1 and what everybody who looked found).
fn low_order_points() -> Vec<[u8; 32]> {
    let hex = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let byte = |text: &str, at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    let plain = hex.iter().map(|text| std::array::from_fn(|at| byte(text, at)));
    let mut points: Vec<[u8; 32]> = plain.collect();
    // The highest bit is ignored (RFC 7748 §5).
    let mut masked = points.clone();
    masked.iter_mut().for_each(|point| point[31] |= 0x80);
    points.append(&mut masked);
    points
}

/// A server that gets this public value for a method.
fn server_gets_public(kex: &str, public: &[u8]) -> AgainstServer {
    let against = AgainstServer::server().proposing(|p| p.with_kex(kex));
    let mut against = against.identified().proposed();
    against.tell(Payload::number(30).string(public));
    against
}

#[test]
fn a_clients_public_value_of_small_order_is_refused() {
    for point in low_order_points() {
        let mut against = server_gets_public("curve25519-sha256", &point);
        against.refused_with(&transport(KexError::LowOrderPoint), Reason::KEY_EXCHANGE_FAILED);
        assert!(!against.ours.log.iter().any(|line| line.starts_with("Sign")), "nothing was signed");
        let mut against = AgainstServer::server().proposing(|p| p.with_kex(HYBRID)).identified().proposed();
        let honest = against.proposal.kex.start(&mut SeededRng::new(5)).unwrap().public().to_vec();
        let public = [&honest[..1184], &point].concat();
        against.tell(Payload::number(30).string(&public));
        against.refused_with(&transport(KexError::LowOrderPoint), Reason::KEY_EXCHANGE_FAILED);
    }
}

#[test]
fn a_clients_public_value_of_a_wrong_length_is_refused() {
    for (kex, expected) in [("curve25519-sha256", 32), (HYBRID, 1216)] {
        for got in [0, 1, 31, 32, 33, 1184, 1215, 1216, 1217, 20_000].into_iter().filter(|n| *n != expected) {
            let mut against = server_gets_public(kex, &vec![9; got]);
            against.refused_with(
                &transport(KexError::WrongLength { expected, got }),
                Reason::KEY_EXCHANGE_FAILED,
            );
        }
    }
}

#[test]
fn an_encapsulation_key_that_is_not_reduced_is_refused() {
    let public = [vec![0xff; 1184], vec![9; 32]].concat();
    let mut against = server_gets_public(HYBRID, &public);
    against.refused_with(&transport(KexError::BadEncapsulationKey), Reason::KEY_EXCHANGE_FAILED);
}

/// A client before a server that has read KEX_ECDH_INIT and lies in its reply.
fn lying_reply(kex: &str, lie: impl FnOnce(&mut Exchange, &mut Vec<u8>)) -> AgainstClient {
    let against = AgainstClient::client().proposing(|p| p.with_kex(kex));
    let mut against = against.identified().proposed();
    let proposal = against.proposal.clone();
    let (mut exchange, mut public) = against.peer.respond_exchange(&proposal);
    lie(&mut exchange, &mut public);
    against.peer.send_reply(&exchange, &public);
    against.settle();
    against
}

/// The client refuses that before anybody is asked whether the host key is trusted.
fn unasked(mut against: AgainstClient, error: impl Into<Error>) {
    against.refused_with(&transport(error), Reason::KEY_EXCHANGE_FAILED);
    assert!(!against.ours.log.iter().any(|line| line.starts_with("HostKey")), "{:?}", against.ours.log);
    assert!(!against.ours.app.logged_in);
}

#[test]
fn a_servers_public_value_of_small_order_or_wrong_length_is_refused() {
    for point in low_order_points() {
        let against = lying_reply("curve25519-sha256", |_, public| *public = point.to_vec());
        unasked(against, KexError::LowOrderPoint);
        let against = lying_reply(HYBRID, |_, public| public[1088..].copy_from_slice(&point));
        unasked(against, KexError::LowOrderPoint);
    }
    for (kex, expected) in [("curve25519-sha256", 32), (HYBRID, 1120)] {
        for got in [0, 31, 33, 1088, 1119, 1121, 30_000] {
            let against = lying_reply(kex, |_, public| *public = vec![9; got]);
            unasked(against, KexError::WrongLength { expected, got });
        }
    }
}

fn another_key() -> PrivateKey {
    PrivateKey::generate(&mut SeededRng::new(77)).unwrap()
}

#[test]
fn a_signature_by_another_key_or_of_other_bytes_is_refused() {
    let bad = || Error::BadSignature(VerifyError::BadSignature);
    for kex in ["curve25519-sha256", HYBRID] {
        let by_another = |exchange: &mut Exchange, _: &mut Vec<u8>| {
            exchange.signature =
                another_key().sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), &exchange.hash).unwrap();
        };
        unasked(lying_reply(kex, by_another), bad());
        // The other key is shown, and has signed a hash in which it does not stand.
        let shown = |exchange: &mut Exchange, _: &mut Vec<u8>| {
            exchange.signature =
                another_key().sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), &exchange.hash).unwrap();
            exchange.host_key = another_key().public().blob();
        };
        unasked(lying_reply(kex, shown), bad());
        let flipped = |exchange: &mut Exchange, _: &mut Vec<u8>| *exchange.signature.last_mut().unwrap() ^= 1;
        let against = lying_reply(kex, flipped);
        assert!(matches!(against.ours.error(), Some(proto::Error::Transport(Error::BadSignature(_)))));
        // The public value that was signed is not the one that is sent.
        let swapped = |_: &mut Exchange, public: &mut Vec<u8>| public[4] ^= 1;
        unasked(lying_reply(kex, swapped), bad());
    }
}

#[test]
fn a_signature_of_another_exchange_is_refused() {
    let mut first = AgainstClient::client().identified().proposed();
    let proposal = first.proposal.clone();
    first.peer.set_host_key(another_key());
    let (earlier, _) = first.peer.respond_exchange(&proposal);
    let mut against = AgainstClient::client();
    against.peer = Handmade::new(Role::Server, 100);
    // The same host key, so that only what was signed differs.
    against.peer.set_host_key(another_key());
    let mut against = against.identified().proposed();
    let (mut exchange, public) = against.peer.respond_exchange(&proposal);
    assert_eq!(exchange.host_key, earlier.host_key);
    assert_ne!(exchange.hash, earlier.hash);
    exchange.signature = earlier.signature;
    against.peer.send_reply(&exchange, &public);
    against.settle();
    unasked(against, Error::BadSignature(VerifyError::BadSignature));
}

#[test]
fn a_changed_proposal_or_identification_breaks_the_signature() {
    // Somebody on the path took an algorithm out of the server's KEXINIT.
    let mut against = AgainstClient::client().identified();
    let proposal = against.proposal.clone();
    let sent = proposal.payload(against.peer.rng());
    let signed = proposal.clone().with_list(0, "mlkem768x25519-sha256,curve25519-sha256");
    against.peer.send(&sent);
    against.settle();
    against.peer.read_kexinit();
    let remembered = signed.payload(against.peer.rng());
    against.peer.remember_kexinit(&remembered);
    let (exchange, public) = against.peer.respond_exchange(&proposal);
    against.peer.send_reply(&exchange, &public);
    against.settle();
    unasked(against, Error::BadSignature(VerifyError::BadSignature));
}

#[test]
fn a_signature_that_names_another_algorithm_is_refused() {
    let declared = "ssh-ed25519";
    for name in ["ssh-rsa", "rsa-sha2-256", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed2551"] {
        let against = lying_reply("curve25519-sha256", |exchange, _| {
            let bytes = exchange.signature.split_off(4 + 11);
            exchange.signature = Payload::number(0).string(name).raw(&bytes).done().split_off(1);
        });
        unasked(against, Error::BadSignature(VerifyError::WrongAlgorithm { declared }));
    }
    for (name, error) in [(&b""[..], WireError::BadName), (b"ssh-ed25519\0", WireError::BadName)] {
        let against = lying_reply("curve25519-sha256", |exchange, _| {
            let bytes = exchange.signature.split_off(4 + 11);
            exchange.signature = Payload::number(0).string(name).raw(&bytes).done().split_off(1);
        });
        unasked(against, Error::BadSignature(VerifyError::Malformed(error)));
    }
}

#[test]
fn a_host_key_of_another_type_than_agreed_is_refused() {
    for name in ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com", "null"] {
        let against = lying_reply("curve25519-sha256", |exchange, _| {
            let bytes = exchange.host_key.split_off(4 + 11);
            exchange.host_key = Payload::number(0).string(name).raw(&bytes).done().split_off(1);
        });
        let Some(proto::Error::Transport(error)) = against.ours.error().cloned() else { panic!("{name}") };
        let wrong = matches!(error, Error::BadSignature(VerifyError::WrongKeyType { .. }));
        assert!(wrong, "{name}: {error:?}");
        unasked(against, error);
    }
}

#[test]
fn a_host_key_or_signature_of_any_other_length_is_refused() {
    for cut in 0..51 {
        let against = lying_reply("curve25519-sha256", |exchange, _| exchange.host_key.truncate(cut));
        let Some(proto::Error::Transport(error)) = against.ours.error().cloned() else { panic!("{cut}") };
        assert!(
            matches!(error, Error::BadSignature(VerifyError::Key(_) | VerifyError::WrongKeyType { .. })),
            "{error:?}"
        );
        unasked(against, error);
    }
    for cut in 0..83 {
        let against = lying_reply("curve25519-sha256", |exchange, _| exchange.signature.truncate(cut));
        let Some(proto::Error::Transport(error)) = against.ours.error().cloned() else { panic!("{cut}") };
        assert!(matches!(error, Error::BadSignature(VerifyError::Malformed(_))), "{error:?}");
        unasked(against, error);
    }
    let longer = lying_reply("curve25519-sha256", |exchange, _| exchange.host_key.push(0));
    assert!(matches!(
        longer.ours.error(),
        Some(proto::Error::Transport(Error::BadSignature(VerifyError::Key(_))))
    ));
    let longer = lying_reply("curve25519-sha256", |exchange, _| exchange.signature.push(0));
    let trailing = VerifyError::Malformed(WireError::Trailing { left: 1 });
    unasked(longer, Error::BadSignature(trailing));
}

#[test]
fn a_host_key_that_is_not_trusted_ends_the_connection_with_its_own_reason() {
    let mut against = AgainstClient::client();
    against.ours.app.trusted = Some(another_key().public());
    let mut against = against.identified().proposed();
    let proposal = against.proposal.clone();
    let (exchange, public) = against.peer.respond_exchange(&proposal);
    against.peer.send_reply(&exchange, &public);
    against.refused_with(&transport(Error::Refused(Refusal::HostKey)), Reason::HOST_KEY_NOT_VERIFIABLE);
}

#[test]
fn a_host_key_that_changes_in_a_rekey_is_asked_about_again() {
    let mut against = AgainstClient::client().logged_in();
    against.ours.app.trusted = Some(against.peer.host_key().public());
    against.exchange();
    against.lives();
    let proposal = against.proposal.clone();
    against.peer.set_host_key(another_key());
    against.peer.send_kexinit(&proposal);
    against.settle();
    against.peer.read_kexinit();
    let (exchange, public) = against.peer.respond_exchange(&proposal);
    against.peer.send_reply(&exchange, &public);
    against.refused_with(&transport(Error::Refused(Refusal::HostKey)), Reason::HOST_KEY_NOT_VERIFIABLE);
}

#[test]
fn newkeys_before_its_time_is_refused() {
    let mut against = AgainstServer::server().identified();
    against.tell([21]);
    against.peer.read_kexinit();
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 21 }));
    let mut against = AgainstServer::server().identified().proposed();
    against.tell([21]);
    against.refused(&transport(Misbehaviour::StrictViolation { number: 21 }));
    let against = AgainstServer::server().proposing(Proposal::without_markers);
    let mut against = against.identified().proposed();
    against.tell([21]);
    against.refused(&transport(Misbehaviour::UnexpectedInExchange { number: 21 }));
    let mut against = AgainstClient::client().identified().proposed();
    against.peer.expect(30);
    against.tell([21]);
    against.refused(&transport(Misbehaviour::StrictViolation { number: 21 }));
}

#[test]
fn newkeys_twice_is_refused_at_once_and_later() {
    let mut against = AgainstServer::server().keyed();
    against.tell([21]);
    against.refused(&transport(Misbehaviour::OutsideExchange { number: 21 }));
    let mut against = AgainstServer::server().logged_in();
    against.tell([21]);
    against.refused(&transport(Misbehaviour::OutsideExchange { number: 21 }));
    let mut against = AgainstClient::client().logged_in();
    against.tell([21]);
    against.refused(&transport(Misbehaviour::OutsideExchange { number: 21 }));
}

#[test]
fn a_client_that_leaves_newkeys_out_stays_in_the_exchange() {
    for payload in [Payload::number(5).string("ssh-userauth"), AgainstServer::right_password()] {
        let mut against = AgainstServer::server().identified().proposed();
        let proposal = against.proposal.clone();
        let ephemeral = against.peer.start_exchange(&proposal);
        against.settle();
        let exchange = against.peer.finish_exchange(&proposal, ephemeral);
        against.peer.read_newkeys(&proposal, &exchange);
        against.tell(&payload);
        against.refused(&transport(Misbehaviour::StrictViolation { number: payload.as_ref()[0] }));
        against.nobody_is_in();
    }
}

#[test]
fn the_wrong_half_of_the_exchange_is_refused_on_both_sides() {
    for number in 31..=49 {
        let mut against = AgainstServer::server().identified().proposed();
        against.tell(Payload::number(number).string([9; 32]));
        against.refused(&transport(Misbehaviour::StrictViolation { number }));
        let against = AgainstServer::server().proposing(Proposal::without_markers);
        let mut against = against.identified().proposed();
        against.tell(Payload::number(number).string([9; 32]));
        against.refused(&transport(Misbehaviour::UnexpectedInExchange { number }));
    }
    for number in (30..=49).filter(|number| *number != 31) {
        let mut against = AgainstClient::client().identified().proposed();
        against.peer.expect(30);
        against.tell(Payload::number(number).string([9; 32]));
        against.refused(&transport(Misbehaviour::StrictViolation { number }));
    }
}

#[test]
fn messages_of_a_method_outside_of_an_exchange_are_refused() {
    for number in 30..=49 {
        for mut against in [AgainstServer::server().keyed(), AgainstServer::server().logged_in()] {
            against.tell(Payload::number(number).string([9; 32]));
            against.refused(&transport(Misbehaviour::OutsideExchange { number }));
        }
        let mut against = AgainstClient::client().logged_in();
        against.tell(Payload::number(number).string([9; 32]));
        against.refused(&transport(Misbehaviour::OutsideExchange { number }));
    }
}

#[test]
fn a_second_public_value_is_refused() {
    let mut against = AgainstServer::server().identified().proposed();
    let proposal = against.proposal.clone();
    let ephemeral = against.peer.start_exchange(&proposal);
    let public = ephemeral.public().to_vec();
    against.settle();
    let exchange = against.peer.finish_exchange(&proposal, ephemeral);
    against.peer.read_newkeys(&proposal, &exchange);
    against.tell(Payload::number(30).string(public));
    against.refused(&transport(Misbehaviour::StrictViolation { number: 30 }));
}
