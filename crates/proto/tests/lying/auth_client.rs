//! A client that lies to our server while it logs in (RFC 4252, RFC 4256).

use std::time::Duration;

use crypto::SeededRng;
use keys::{PrivateKey, SignatureAlg};
use testkit::{AgainstServer, Payload};
use transport::Reason;
use userauth::limits::{
    KEY_BLOB_MAX, KEY_QUESTIONS, MAX_TRIES, PASSWORD_MAX, RESPONSE_MAX, ROUNDS_MAX, SERVICE_REQUESTS_MAX,
    SIGNATURE_MAX, USER_MAX,
};
use userauth::{Method, Methods, Misbehaviour, Refusal};
use wire::WireError;

use crate::auth;

/// Longer than any failure is held back.
const RELEASE: Duration = Duration::from_millis(200);

fn request(method: &str) -> Payload {
    Payload::number(50).string("alice").string("ssh-connection").string(method)
}

fn password(password: impl AsRef<[u8]>) -> Payload {
    request("password").byte(0).string(password)
}

fn key(seed: u64) -> PrivateKey {
    PrivateKey::generate(&mut SeededRng::new(seed)).unwrap()
}

const KNOWN: u64 = 8;
const UNKNOWN: u64 = 9;

/// A server that knows a key and asks two questions, at the service of user authentication.
fn server() -> AgainstServer {
    let mut against = AgainstServer::server();
    against.ours.app.keys.push(key(KNOWN).public());
    against.ours.app.rounds =
        vec![vec![("First".to_owned(), "1".to_owned()), ("Second".to_owned(), "2".to_owned())]];
    against.serviced()
}

fn offer(seed: u64) -> Payload {
    request("publickey").byte(0).string("ssh-ed25519").string(key(seed).public().blob())
}

/// What a signed request holds, each part as the client says it.
struct Claim {
    session: Vec<u8>,
    user: &'static str,
    service: &'static str,
    method: &'static str,
    flag: u8,
    algorithm: &'static str,
    key: Vec<u8>,
    host_key: Option<Vec<u8>>,
}

impl Claim {
    fn honest(against: &AgainstServer) -> Self {
        Self {
            session: against.peer.session_id().unwrap().to_vec(),
            user: "alice",
            service: "ssh-connection",
            method: "publickey",
            flag: 1,
            algorithm: "ssh-ed25519",
            key: key(KNOWN).public().blob(),
            host_key: None,
        }
    }

    fn request(&self) -> Payload {
        let head = Payload::number(50).string(self.user).string(self.service).string(self.method);
        let request = head.byte(self.flag).string(self.algorithm).string(&self.key);
        match &self.host_key {
            Some(host_key) => request.string(host_key),
            None => request,
        }
    }

    fn signed_by(&self, seed: u64) -> Vec<u8> {
        let session = Payload::number(0).string(&self.session).done().split_off(1);
        key(seed)
            .sign(
                SignatureAlg::by_name("ssh-ed25519").unwrap(),
                &[&session, self.request().as_ref()].concat(),
            )
            .unwrap()
    }
}

/// The failure comes, when it is its time, and nobody is in.
fn fails(against: &mut AgainstServer) {
    against.settle();
    assert_eq!(against.heard_numbers(), [], "a failure left at once");
    against.pass(RELEASE);
    assert_eq!(against.heard_numbers(), [51]);
    against.lives();
    against.nobody_is_in();
}

/// What anybody was asked.
fn questions(against: &AgainstServer) -> Vec<&str> {
    let named = ["None", "KeyOffer", "KeyProof", "Password", "Interactive", "Responses"];
    let is_question = |line: &&String| named.iter().any(|name| line.starts_with(name));
    against.ours.log.iter().filter(is_question).map(|line| line.split([' ', '{']).next().unwrap()).collect()
}

#[test]
fn only_the_two_services_exist() {
    for service in ["ssh-connection", "ssh-userauth@x", "SSH-USERAUTH", "shell"] {
        let mut against = AgainstServer::server().keyed();
        against.tell(Payload::number(5).string(service));
        against.refused_with(&auth(Refusal::ServiceNotAvailable), Reason::SERVICE_NOT_AVAILABLE);
        let mut against = server();
        against.tell(Payload::number(50).string("alice").string(format!("x{service}")).string("none"));
        against.refused_with(&auth(Refusal::ServiceNotAvailable), Reason::SERVICE_NOT_AVAILABLE);
        against.nobody_is_in();
    }
    for service in [&b"ssh-userauth\0"[..], b"", b"ssh-userauth,x"] {
        let mut against = AgainstServer::server().keyed();
        against.tell(Payload::number(5).string(service));
        against.refused(&auth(WireError::BadName));
    }
}

#[test]
fn service_requests_have_an_end() {
    let mut against = server();
    for _ in 1..SERVICE_REQUESTS_MAX {
        against.tell(Payload::number(5).string("ssh-userauth"));
        against.peer.expect(6);
    }
    against.tell(Payload::number(5).string("ssh-userauth"));
    against.refused(&auth(Misbehaviour::TooManyServiceRequests));
}

#[test]
fn a_change_of_user_ends_the_connection_whatever_came_before() {
    for first in [request("none"), offer(KNOWN), offer(UNKNOWN), password("guess"), request("unknown")] {
        let mut against = server();
        against.tell(first);
        against.pass(RELEASE);
        against.tell(Payload::number(50).string("root").string("ssh-connection").string("none"));
        against.refused(&auth(Misbehaviour::UserChanged));
        against.nobody_is_in();
    }
}

#[test]
fn a_user_name_is_text_without_nul_and_of_a_certain_length() {
    let named = |name: &[u8]| Payload::number(50).string(name).string("ssh-connection").string("none");
    for (name, error) in [
        (b"alice\0".to_vec(), auth(WireError::Nul)),
        (b"\0".to_vec(), auth(WireError::Nul)),
        (b"\xff\xfe".to_vec(), auth(WireError::NotUtf8)),
        (vec![b'a'; USER_MAX + 1], auth(Misbehaviour::UserTooLong)),
        (vec![b'a'; 30_000], auth(Misbehaviour::UserTooLong)),
    ] {
        let mut against = server();
        against.tell(named(&name));
        against.refused(&error);
        assert_eq!(questions(&against), [""; 0]);
    }
    let mut against = server();
    against.tell(named(&vec![b'a'; USER_MAX]));
    against.lives();
}

#[test]
fn an_honest_proof_logs_in_and_with_its_own_key() {
    let mut against = server();
    let claim = Claim::honest(&against);
    against.tell(claim.request().string(claim.signed_by(KNOWN)));
    against.peer.expect(52);
    assert_eq!(against.ours.app.proven, Some(key(KNOWN).public().blob()));
    let mut against = server();
    let host_key = Some(against.ours.app.host_keys[0].public().blob());
    let claim = Claim { method: "publickey-hostbound-v00@openssh.com", host_key, ..Claim::honest(&against) };
    against.tell(claim.request().string(claim.signed_by(KNOWN)));
    against.peer.expect(52);
}

#[test]
fn proofs_are_bound_to_the_first_exchange_whatever_came_after_it() {
    let mut against = server();
    let first = against.peer.session_id().unwrap().to_vec();
    against.exchange();
    assert_eq!(against.ours.connection.transport().session_id().unwrap().as_bytes(), first);
    let claim = Claim::honest(&against);
    against.tell(claim.request().string(claim.signed_by(KNOWN)));
    against.peer.expect(52);
}

#[test]
fn a_signature_of_anything_but_the_request_fails() {
    type Lie = fn(&mut Claim);
    let lies: [Lie; 9] = [
        |claim| claim.session[0] ^= 1,
        |claim| claim.session.clear(),
        |claim| claim.user = "root",
        |claim| claim.service = "ssh-userauth",
        |claim| claim.method = "publickey-hostbound-v00@openssh.com",
        |claim| claim.method = "hostbased",
        |claim| claim.flag = 0,
        |claim| claim.algorithm = "ssh-rsa",
        |claim| claim.key = key(UNKNOWN).public().blob(),
    ];
    for (n, lie) in lies.into_iter().enumerate() {
        let mut against = server();
        let honest = Claim::honest(&against);
        let mut signed = Claim::honest(&against);
        lie(&mut signed);
        against.tell(honest.request().string(signed.signed_by(KNOWN)));
        assert_eq!(questions(&against), ["KeyProof"], "{n}");
        fails(&mut against);
    }
}

#[test]
fn a_signature_by_another_key_than_the_one_that_is_named_fails() {
    let mut against = server();
    let claim = Claim::honest(&against);
    against.tell(claim.request().string(claim.signed_by(UNKNOWN)));
    fails(&mut against);
    // Nor does it help to offer the known key first and prove the unknown one (CVE-2024-45337).
    let mut against = server();
    against.tell(offer(KNOWN));
    against.peer.expect(60);
    let claim = Claim { key: key(UNKNOWN).public().blob(), ..Claim::honest(&against) };
    against.tell(claim.request().string(claim.signed_by(UNKNOWN)));
    fails(&mut against);
    assert_eq!(against.ours.app.proven, None);
}

#[test]
fn a_proof_of_another_connection_is_worth_nothing() {
    let other = {
        let mut other = AgainstServer::server();
        other.peer = testkit::Handmade::new(wire::Role::Client, 100);
        other.serviced()
    };
    let stolen = Claim::honest(&other);
    let mut against = server();
    assert_ne!(against.peer.session_id(), other.peer.session_id());
    against.tell(stolen.request().string(stolen.signed_by(KNOWN)));
    fails(&mut against);
}

#[test]
fn a_request_that_is_bound_to_another_host_key_ends_the_connection() {
    for flag in [0, 1] {
        let mut against = server();
        let claim = Claim {
            method: "publickey-hostbound-v00@openssh.com",
            host_key: Some(key(50).public().blob()),
            flag,
            ..Claim::honest(&against)
        };
        let request = claim.request();
        against.tell(if flag == 1 { request.string(claim.signed_by(KNOWN)) } else { request });
        against.refused(&auth(Misbehaviour::HostKeyMismatch));
        against.nobody_is_in();
    }
}

#[test]
fn algorithms_and_keys_that_do_not_fit_fail_and_nobody_is_asked() {
    let blob = key(KNOWN).public().blob();
    let signature = key(KNOWN).sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), b"x").unwrap();
    let renamed = Payload::number(0).string("rsa-sha2-256").raw(&signature[15..]).done().split_off(1);
    let cases = [
        ("ssh-rsa", blob.clone(), signature.clone()),
        ("null", blob.clone(), signature.clone()),
        ("ssh-ed25519-cert-v01@openssh.com", blob.clone(), signature.clone()),
        ("ssh-ed25519", blob[..50].to_vec(), signature.clone()),
        ("ssh-ed25519", [&blob[..], &[0]].concat(), signature.clone()),
        ("ssh-ed25519", Vec::new(), signature.clone()),
        ("ssh-ed25519", vec![0; KEY_BLOB_MAX + 1], signature.clone()),
        ("ssh-ed25519", blob.clone(), renamed),
        ("ssh-ed25519", blob.clone(), Vec::new()),
        ("ssh-ed25519", blob.clone(), vec![0; SIGNATURE_MAX + 1]),
    ];
    for (algorithm, key, signature) in cases {
        let mut against = server();
        against.tell(request("publickey").byte(1).string(algorithm).string(&key).string(signature));
        assert_eq!(questions(&against), [""; 0], "{algorithm}");
        fails(&mut against);
    }
}

#[test]
fn a_signature_that_is_not_in_its_one_form_fails() {
    // s + L is another number with the same meaning (RFC 8032 §5.1.7).
    let mut against = server();
    let claim = Claim::honest(&against);
    let mut signature = claim.signed_by(KNOWN);
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    let at = signature.len() - 32;
    for (byte, order) in signature[at..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    against.tell(claim.request().string(signature));
    fails(&mut against);
}

#[test]
fn passwords_over_their_limit_are_refused_for_everybody_alike_and_nobody_is_asked() {
    for request in [
        password(vec![b'x'; PASSWORD_MAX + 1]),
        password(vec![b'x'; 30_000]),
        request("password").byte(1).string("open sesame").string(vec![b'x'; PASSWORD_MAX + 1]),
    ] {
        let mut against = server();
        against.tell(request);
        assert_eq!(questions(&against), [""; 0]);
        fails(&mut against);
    }
    let mut against = server();
    against.tell(password(vec![b'x'; PASSWORD_MAX]));
    assert_eq!(questions(&against), ["Password"]);
}

#[test]
fn a_wrong_number_of_responses_fails_and_nobody_is_asked() {
    let interactive = || {
        let mut against = server();
        against.tell(request("keyboard-interactive").string("").string(""));
        against.peer.expect(60);
        against
    };
    for responses in [
        Payload::number(61).u32(0),
        Payload::number(61).u32(1).string("1"),
        Payload::number(61).u32(3).string("1").string("2").string("3"),
        Payload::number(61).u32(u32::MAX),
    ] {
        let mut against = interactive();
        against.tell(responses);
        assert_eq!(questions(&against), ["Interactive"]);
        fails(&mut against);
    }
    let mut against = interactive();
    against.tell(Payload::number(61).u32(2).string("1").string(vec![b'2'; RESPONSE_MAX + 1]));
    assert_eq!(questions(&against), ["Interactive"]);
    fails(&mut against);
    let mut against = interactive();
    against.tell(Payload::number(61).u32(2).string("1"));
    against.refused(&auth(WireError::Truncated { needed: 4, left: 0 }));
    let mut against = interactive();
    against.tell(Payload::number(61).u32(2).string("1").string("2"));
    against.peer.expect(52);
}

#[test]
fn responses_without_a_challenge_are_refused() {
    let mut against = server();
    against.tell(Payload::number(61).u32(2).string("1").string("2"));
    against.refused(&auth(Misbehaviour::Unexpected { number: 61 }));
    // A challenge that was abandoned takes no responses either.
    let mut against = server();
    against.tell(request("keyboard-interactive").string("").string(""));
    against.peer.expect(60);
    against.tell(request("none"));
    against.peer.expect(51);
    against.tell(Payload::number(61).u32(2).string("1").string("2"));
    against.refused(&auth(Misbehaviour::Unexpected { number: 61 }));
    against.nobody_is_in();
}

/// Repeats a request until the server has had enough, and says how many it took.
fn tries(mut next: impl FnMut(u32) -> Payload) -> u32 {
    let mut against = server();
    for n in 1..=ROUNDS_MAX + 100 {
        against.tell(next(n));
        against.pass(RELEASE);
        if against.ours.error().is_some() {
            against.refused(&auth(Refusal::TooManyTries));
            against.nobody_is_in();
            return n;
        }
    }
    panic!("no end of tries")
}

#[test]
fn every_way_to_fail_counts_and_all_in_one_counter() {
    assert_eq!(tries(|_| password("guess")), MAX_TRIES);
    // An agent may ask about some keys in vain.
    assert_eq!(tries(|_| offer(UNKNOWN)), MAX_TRIES + KEY_QUESTIONS);
    assert_eq!(tries(|_| request("hostbased")), MAX_TRIES);
    assert_eq!(tries(|_| password(vec![0; PASSWORD_MAX + 1])), MAX_TRIES);
    // The first `none` is how clients begin.
    assert_eq!(tries(|_| request("none")), MAX_TRIES + 1);
    // An offer that is taken counts when nothing follows it, so the last one is found out by what comes next.
    assert_eq!(tries(|_| offer(KNOWN)), MAX_TRIES + 1);
    // A challenge that is not answered counts too.
    assert_eq!(tries(|_| request("keyboard-interactive").string("").string("")), MAX_TRIES + 1);
    let mixed = |n: u32| match n % 5 {
        0 => password("guess"),
        1 => offer(UNKNOWN),
        2 => request("unknown@example.org").raw(b"whatever"),
        3 => request("password").byte(1).string("guess").string("new"),
        _ => request("publickey").byte(1).string("ssh-rsa").string("x").string("y"),
    };
    // Two of the first eight are such questions.
    assert_eq!(tries(mixed), MAX_TRIES + 2);
}

#[test]
fn requests_that_come_behind_success_are_dropped_and_change_nothing() {
    let mut against = server();
    against.peer.send(AgainstServer::right_password().as_ref());
    for later in [
        password("guess"),
        Payload::number(50).string("root").string("ssh-connection").string("none"),
        offer(KNOWN),
    ] {
        against.peer.send(later.as_ref());
    }
    against.settle();
    assert_eq!(against.heard_numbers(), [52]);
    against.lives();
    assert_eq!(against.ours.app.user.as_deref(), Some("alice"));
    assert_eq!(questions(&against), ["Password"]);
}

#[test]
fn requests_that_come_behind_one_another_are_answered_in_turn() {
    let mut against = server();
    for _ in 0..3 {
        against.peer.send(password("guess").as_ref());
    }
    against.settle();
    assert_eq!(questions(&against).len(), 1);
    against.pass(RELEASE * 4);
    assert_eq!(against.heard_numbers(), [51, 51, 51]);
    assert_eq!(questions(&against).len(), 3);
}

#[test]
fn every_failure_takes_the_same_time() {
    let mut times = Vec::new();
    for request in
        [password("guess"), offer(UNKNOWN), request("unknown"), password(vec![0; PASSWORD_MAX + 1])]
    {
        let mut against = server();
        let start = against.clock.now();
        against.tell(request);
        let due = against.ours.connection.deadline().unwrap() - start;
        against.pass(due);
        times.push((due, against.heard()));
    }
    assert!(times[0].0 >= Duration::from_millis(50));
    assert!(times.iter().all(|one| *one == times[0]), "{times:?}");
}

#[test]
fn half_a_login_is_none() {
    let mut against = server();
    against.ours.app.then = Some(Methods::EMPTY.with(Method::PublicKey));
    against.tell(AgainstServer::right_password());
    let failure = against.peer.expect(51);
    assert_eq!(failure, Payload::number(51).string("publickey").byte(1).done());
    against.nobody_is_in();
    // The first step again is no second step.
    against.tell(AgainstServer::right_password());
    fails(&mut against);
    against.tell(AgainstServer::open_session(0));
    against.refused(&proto::Error::OutOfPhase { number: 90 });
}

#[test]
fn a_client_that_never_logs_in_is_ended_in_time() {
    let mut against = server();
    against.pass(proto::limits::LOGIN_GRACE);
    against.refused_with(&proto::Error::TimedOut(proto::Wait::Login), Reason::BY_APPLICATION);
}
