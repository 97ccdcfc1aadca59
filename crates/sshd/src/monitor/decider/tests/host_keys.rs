//! Proofs that host keys are ours, with an honest net and with one that was taken over.

use crypto::OsRng;
use keys::{Curve, NewKey};

use super::*;
use crate::host_keys::HostKeys;
use crate::protocol::monitor::{PROVEN_MAX, Prove, Proven};
use crate::protocol::{join, split};

/// The session id: the hash of the first exchange.
fn session() -> Vec<u8> {
    Exchange::new(1).hash()
}

/// What must be signed, put together by hand.
fn data(session: &[u8], blob: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    for string in [b"hostkeys-prove-00@openssh.com", session, blob] {
        wire::put_string(&mut data, string);
    }
    data
}

impl Bench {
    /// The user is in.
    fn logged_in() -> Self {
        let mut bench = Self::named("", USER);
        admitted(bench.log_in(USER, false));
        bench
    }

    fn proofs(&mut self, blobs: &[&[u8]]) -> Vec<Vec<u8>> {
        let keys = join(blobs.iter().copied());
        let answer = answer(self.send(&Prove { keys: Bytes(&keys) }));
        let signatures = Proven::from_payload(&answer).unwrap().signatures.0;
        split(signatures).unwrap().into_iter().map(<[u8]>::to_vec).collect()
    }

    fn no_proof(&mut self, blobs: &[&[u8]]) {
        let keys = join(blobs.iter().copied());
        assert_eq!(violation(self.send(&Prove { keys: Bytes(&keys) })), Violation::NoProof);
    }
}

#[test]
fn each_key_signs_the_purpose_the_session_and_itself() {
    let mut bench = Bench::logged_in();
    bench.exchange(5);
    let blob = host_key().public().blob();
    let proofs = bench.proofs(&[&blob]);
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    assert_eq!(proofs.len(), 1);
    assert!(verify(row, &blob, &data(&session(), &blob), &proofs[0]).is_ok());
    let other = Exchange::new(5).hash();
    assert!(verify(row, &blob, &data(&other, &blob), &proofs[0]).is_err(), "the first exchange names it");
    assert!(bench.proofs(&[]).is_empty());
}

#[test]
fn keys_that_are_not_ours_or_come_twice_are_not_proven() {
    let own = host_key().public().blob();
    let other = user_key().public().blob();
    let many: Vec<&[u8]> = vec![&own; PROVEN_MAX + 1];
    for blobs in [&[&other[..]][..], &[&own, &other], &[&own, &own], &[b""], &many] {
        Bench::logged_in().no_proof(blobs);
    }
    let mut bench = Bench::logged_in();
    let refused = violation(bench.send(&Prove { keys: Bytes(&[0, 0, 0, 9, 1]) }));
    assert!(matches!(refused, Violation::Malformed("Prove", _)), "{refused:?}");
}

#[test]
fn nothing_is_proven_before_the_login_or_without_end() {
    let keys = join([&host_key().public().blob()[..]]);
    let mut bench = Bench::named("", USER);
    assert_eq!(bench.refused(&Prove { keys: Bytes(&keys) }), Violation::WrongPhase("Prove"));
    let mut bench = Bench::logged_in();
    for _ in 0..16 {
        answer(bench.send(&Prove { keys: Bytes(&keys) }));
    }
    let refused = violation(bench.send(&Prove { keys: Bytes(&keys) }));
    assert_eq!(refused, Violation::TooOften("Prove"));
}

#[test]
fn a_key_of_another_type_than_the_exchange_s_signs_by_its_own_algorithm() {
    let key = PrivateKey::generate_of(NewKey::Ecdsa(Curve::NistP256), &mut OsRng).unwrap();
    let blob = key.public().blob();
    let mut bench = Bench::logged_in();
    bench.made.server.host_keys = HostKeys::one(key);
    let row = SignatureAlg::by_name("ecdsa-sha2-nistp256").unwrap();
    let proofs = bench.proofs(&[&blob]);
    assert!(verify(row, &blob, &data(&session(), &blob), &proofs[0]).is_ok());
}

#[test]
fn rsa_keys_sign_by_the_best_algorithm_that_the_client_named() {
    for (named, algorithm) in [
        ("ssh-ed25519", "rsa-sha2-512"),
        ("ssh-ed25519,rsa-sha2-256", "rsa-sha2-256"),
        ("ssh-ed25519,rsa-sha2-256,rsa-sha2-512", "rsa-sha2-512"),
    ] {
        let mut bench = Bench::new("");
        assert_eq!(bench.decider.exchanges.rsa(), None);
        let exchange = Exchange { client_kexinit: kexinit(KEX, named, 1), ..Exchange::new(1) };
        answer(bench.send(&exchange.sign()));
        assert_eq!(bench.decider.exchanges.rsa().map(|row| row.name), Some(algorithm));
    }
}
