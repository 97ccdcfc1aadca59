//! The server against a client that does what it may not do.

use std::time::Instant;

use nacre_userauth::limits::{
    KEY_BLOB_MAX, PASSWORD_MAX, PROMPTS_MAX, RESPONSE_MAX, SERVICE_REQUESTS_MAX, SIGNATURE_MAX, USER_MAX,
};
use nacre_userauth::message::InfoResponse;
use nacre_userauth::server::{Ask, Output, Unasked};
use nacre_userauth::{
    Error, InteractiveAnswer, KeyProven, KeyVerdict, Method, Methods, Misbehaviour, Misuse, PasswordAnswer,
    Refusal, Server, Verdict, verify,
};
use wire::{Encode, Message, Sensitive, WireError, put_string};

use crate::rig::{
    HOST_KEY, Payloads, blob, bound_key_offer, bound_key_proof, colour, config, interactive_request,
    key_offer, key_proof, none_request, password_request, ready, service_request, session, signed,
};

/// What the server says to `payload` as the first request.
fn first(payload: &[u8]) -> Result<Output<'_>, Error> {
    let now = Instant::now();
    ready(config(), now).handle(now, payload, &mut Payloads::new())
}

fn misbehaved<T: std::fmt::Debug>(result: Result<T, Error>, what: Misbehaviour) {
    match result {
        Err(error) => assert_eq!(error, Error::Misbehaved(what)),
        Ok(output) => panic!("{output:?} in place of {what:?}"),
    }
}

fn unasked(payload: &[u8], why: Unasked) {
    match first(payload) {
        Ok(Output::Unasked(found)) => assert_eq!(found, why),
        other => panic!("{other:?} in place of {why:?}"),
    }
}

fn request(user: &[u8], service: &[u8], method: &[u8], fields: &[u8]) -> Vec<u8> {
    let mut payload = vec![50];
    for string in [user, service, method] {
        put_string(&mut payload, string);
    }
    payload.extend_from_slice(fields);
    payload
}

fn responses(count: u32, responses: &[&[u8]]) -> Vec<u8> {
    let mut fields = Vec::new();
    for response in responses {
        Sensitive(response).encode(&mut fields);
    }
    let mut payload = vec![InfoResponse::NUMBER];
    payload.extend_from_slice(&count.to_be_bytes());
    payload.extend_from_slice(&fields);
    payload
}

#[test]
fn only_the_service_of_this_crate_is_there() {
    let now = Instant::now();
    for service in [&b"ssh-connection"[..], b"ssh-userauth2", b"x"] {
        let mut payload = vec![5];
        put_string(&mut payload, service);
        let mut server = Server::new(config(), session());
        let refused = server.handle(now, &payload, &mut Payloads::new()).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ServiceNotAvailable));
        // The machine is that error from now on.
        assert_eq!(server.handle(now, &service_request(), &mut Payloads::new()).unwrap_err(), refused);
        assert_eq!(server.none(Verdict::Accept, &mut Payloads::new()).unwrap_err(), refused);
    }
    let other = first(&request(b"alice", b"ssh-admin", b"none", b"")).map(|_| ());
    assert_eq!(other, Err(Error::Refused(Refusal::ServiceNotAvailable)));
}

#[test]
fn the_service_may_be_requested_again_before_each_try_up_to_a_limit() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let wrong = password_request("alice", b"wrong");
    assert!(matches!(server.handle(now, &wrong, &mut out), Ok(Output::Ask(_))));
    let _ = server.refuse(now, &mut out).unwrap();
    let _ = server.handle_timeout(server.deadline().unwrap(), &mut out).unwrap();
    for _ in 1..SERVICE_REQUESTS_MAX {
        out.clear();
        assert!(matches!(server.handle(now, &service_request(), &mut out), Ok(Output::Progress)));
        assert_eq!(out, [b"\x06\0\0\0\x0cssh-userauth".to_vec()]);
    }
    // Nothing was forgotten by it.
    assert_eq!((server.user(), server.failures()), (Some("alice"), 1));
    misbehaved(server.handle(now, &service_request(), &mut out), Misbehaviour::TooManyServiceRequests);

    // An open challenge stays open.
    let mut server = challenged(now);
    assert!(matches!(server.handle(now, &service_request(), &mut out), Ok(Output::Progress)));
    let payload = responses(1, &[b"blue"]);
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::Responses { .. }))));
    // Another service is refused as it was at first.
    let mut server = ready(config(), now);
    let mut other = vec![5];
    put_string(&mut other, b"ssh-connection");
    let refused = server.handle(now, &other, &mut out).map(|_| ());
    assert_eq!(refused, Err(Error::Refused(Refusal::ServiceNotAvailable)));
}

#[test]
fn trailing_nuls_in_names_are_malformed() {
    let now = Instant::now();
    let mut payload = vec![5];
    put_string(&mut payload, b"ssh-userauth\0");
    let result = Server::new(config(), session()).handle(now, &payload, &mut Payloads::new()).map(|_| ());
    assert_eq!(result, Err(Error::Malformed(WireError::BadName)));
    let result = first(&request(b"alice\0", b"ssh-connection", b"none", b"")).map(|_| ());
    assert_eq!(result, Err(Error::Malformed(WireError::Nul)));
}

#[test]
fn nothing_but_a_service_request_may_come_first() {
    for (payload, expected) in [
        (none_request("alice"), Misbehaviour::Unexpected { number: 50 }),
        (responses(0, &[]), Misbehaviour::Unexpected { number: 61 }),
        (vec![52], Misbehaviour::WrongSide { number: 52 }),
        (vec![6, 0, 0, 0, 0], Misbehaviour::WrongSide { number: 6 }),
    ] {
        let mut server = Server::new(config(), session());
        misbehaved(server.handle(Instant::now(), &payload, &mut Payloads::new()), expected);
    }
}

#[test]
fn messages_of_the_wrong_side_or_time_end_the_connection() {
    for number in [6, 51, 52, 53, 60] {
        misbehaved(first(&[number]), Misbehaviour::WrongSide { number });
    }
    misbehaved(first(&responses(0, &[])), Misbehaviour::Unexpected { number: 61 });
    assert_eq!(first(&[]).map(|_| ()), Err(Error::Malformed(WireError::Truncated { needed: 1, left: 0 })));
}

#[test]
fn unknown_numbers_are_the_transports_to_answer() {
    for number in [54, 59, 62, 66, 79] {
        assert!(matches!(first(&[number]), Ok(Output::Unimplemented)));
    }
}

#[test]
fn a_request_is_parsed_to_its_end_whoever_the_user_is() {
    for user in ["alice", "nobody"] {
        for mut payload in [
            none_request(user),
            key_offer(user, "ssh-ed25519", &blob(1)),
            signed(user, 1),
            password_request(user, b"correct"),
            interactive_request(user),
            bound_key_offer(user, &blob(1), HOST_KEY),
        ] {
            payload.push(0);
            assert_eq!(first(&payload).map(|_| ()), Err(Error::Malformed(WireError::Trailing { left: 1 })));
            payload.truncate(payload.len() - 2);
            assert!(
                matches!(first(&payload), Err(Error::Malformed(WireError::Truncated { .. }))),
                "{payload:?}"
            );
        }
    }
}

#[test]
fn another_user_ends_the_connection() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let alice = none_request("alice");
    assert!(matches!(server.handle(now, &alice, &mut out), Ok(Output::Ask(Ask::None { .. }))));
    let _ = server.none(Verdict::Reject, &mut out).unwrap();
    misbehaved(server.handle(now, &password_request("bob", b"x"), &mut out), Misbehaviour::UserChanged);
}

#[test]
fn a_user_name_over_its_limit_ends_the_connection() {
    assert!(matches!(first(&none_request(&"u".repeat(USER_MAX))), Ok(Output::Ask(_))));
    misbehaved(first(&none_request(&"u".repeat(USER_MAX + 1))), Misbehaviour::UserTooLong);
}

#[test]
fn unknown_methods_fail_whatever_their_fields_are() {
    for method in [&b"hostbased"[..], b"gssapi-with-mic", b"publickey-hostbound-v01@openssh.com", b"x"] {
        unasked(&request(b"alice", b"ssh-connection", method, b"\xff\xff"), Unasked::UnknownMethod);
    }
}

#[test]
fn keys_that_cannot_prove_anything_fail_without_a_question() {
    let key = blob(1);
    unasked(&key_offer("alice", "rsa-sha2-512", &key), Unasked::Algorithm);
    unasked(&key_offer("alice", "null", &key), Unasked::Algorithm);
    unasked(&key_offer("alice", "ssh-ed25519", b"junk"), Unasked::Key);
    unasked(&key_offer("alice", "ssh-ed25519", &key[..key.len() - 1]), Unasked::Key);
    unasked(&key_offer("alice", "ssh-ed25519", &vec![0; KEY_BLOB_MAX + 1]), Unasked::TooLong);
    unasked(&key_proof("alice", "ssh-ed25519", &key, b"junk"), Unasked::Signature);
    unasked(&key_proof("alice", "ssh-ed25519", &key, &vec![0; SIGNATURE_MAX + 1]), Unasked::TooLong);
    let mut other = Vec::new();
    put_string(&mut other, b"ssh-rsa");
    put_string(&mut other, &[0; 64]);
    unasked(&key_proof("alice", "ssh-ed25519", &key, &other), Unasked::Signature);
    // A key blob of another type than the algorithm's.
    let mut rsa = Vec::new();
    put_string(&mut rsa, b"ssh-rsa");
    unasked(&key_offer("alice", "ssh-ed25519", &rsa), Unasked::Key);
}

#[test]
fn passwords_over_their_limit_fail_without_a_question() {
    let fits = password_request("alice", &[b'x'; PASSWORD_MAX]);
    assert!(matches!(first(&fits), Ok(Output::Ask(Ask::Password { .. }))));
    unasked(&password_request("alice", &[b'x'; PASSWORD_MAX + 1]), Unasked::TooLong);
    for (old, new) in [(1, PASSWORD_MAX + 1), (PASSWORD_MAX + 1, 1)] {
        let mut fields = vec![1];
        put_string(&mut fields, &vec![b'x'; old]);
        put_string(&mut fields, &vec![b'x'; new]);
        unasked(&request(b"alice", b"ssh-connection", b"password", &fields), Unasked::TooLong);
    }
}

#[test]
fn a_request_bound_to_another_host_key_ends_the_connection() {
    let mut signature = Vec::new();
    put_string(&mut signature, b"ssh-ed25519");
    put_string(&mut signature, &[0; 64]);
    let key = blob(1);
    misbehaved(first(&bound_key_offer("alice", &key, b"the relay's key")), Misbehaviour::HostKeyMismatch);
    misbehaved(
        first(&bound_key_proof("alice", &key, b"the relay's key", &signature)),
        Misbehaviour::HostKeyMismatch,
    );
    assert!(matches!(
        first(&bound_key_offer("alice", &key, HOST_KEY)),
        Ok(Output::Ask(Ask::KeyOffer { .. }))
    ));
}

/// A server with a challenge of one prompt out.
fn challenged(now: Instant) -> Server {
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    assert!(matches!(server.handle(now, &interactive_request("alice"), &mut out), Ok(Output::Ask(_))));
    let _ = server.interactive(now, InteractiveAnswer::Challenge(colour()), &mut out).unwrap();
    assert_eq!(out[0][0], 60);
    server
}

#[test]
fn a_wrong_number_of_responses_fails() {
    let now = Instant::now();
    for wrong in [responses(0, &[]), responses(2, &[b"a", b"b"]), responses(u32::MAX, &[])] {
        let mut server = challenged(now);
        let output = server.handle(now, &wrong, &mut Payloads::new()).unwrap();
        assert!(matches!(output, Output::Unasked(Unasked::ResponseCount)), "{output:?}");
        let mut out = Payloads::new();
        let _ = server.handle_timeout(server.deadline().unwrap(), &mut out).unwrap();
        assert_eq!(out[0][0], 51);
    }
}

#[test]
fn responses_that_are_not_there_are_malformed() {
    let now = Instant::now();
    let mut cut = responses(1, &[b"blue"]);
    cut.pop();
    let mut long = responses(1, &[b"blue"]);
    long.push(0);
    for bad in [cut, long, responses(1, &[]), vec![61, 0]] {
        let result = challenged(now).handle(now, &bad, &mut Payloads::new()).map(|_| ());
        assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    }
}

#[test]
fn responses_over_their_limit_fail_without_a_question() {
    let now = Instant::now();
    let (fits, long) = (vec![b'x'; RESPONSE_MAX], vec![b'x'; RESPONSE_MAX + 1]);
    let payload = responses(1, &[&fits]);
    assert!(matches!(challenged(now).handle(now, &payload, &mut Payloads::new()), Ok(Output::Ask(_))));
    let payload = responses(1, &[&long]);
    let output = challenged(now).handle(now, &payload, &mut Payloads::new()).unwrap();
    assert!(matches!(output, Output::Unasked(Unasked::TooLong)), "{output:?}");
}

#[test]
fn a_challenge_is_answered_once() {
    let now = Instant::now();
    let mut server = challenged(now);
    let payload = responses(1, &[b"red"]);
    assert!(matches!(server.handle(now, &payload, &mut Payloads::new()), Ok(Output::Ask(_))));
    let _ = server.refuse(now, &mut Payloads::new()).unwrap();
    let _ = server.handle_timeout(server.deadline().unwrap(), &mut Payloads::new()).unwrap();
    misbehaved(server.handle(now, &payload, &mut Payloads::new()), Misbehaviour::Unexpected { number: 61 });
}

#[test]
fn a_new_request_abandons_a_challenge_without_a_failure_for_it() {
    let now = Instant::now();
    let mut server = challenged(now);
    let mut out = Payloads::new();
    let payload = password_request("alice", b"correct");
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::Password { .. }))));
    let accept = PasswordAnswer::Verdict(Verdict::Accept);
    assert!(matches!(server.password(now, accept, &mut out), Ok(Output::Authenticated(_))));
    assert_eq!(out, [vec![52]]);
}

#[test]
fn payloads_are_not_taken_while_an_answer_or_a_release_is_awaited() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let payload = password_request("alice", b"wrong");
    assert!(!server.waiting());
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(_))));
    for _ in 0..2 {
        assert!(server.waiting());
        assert_eq!(server.handle(now, &payload, &mut out).map(|_| ()), Err(Error::Misuse(Misuse::Waiting)));
        let _ = server.refuse(now, &mut out).ok();
    }
    assert_eq!(server.refuse(now, &mut out).map(|_| ()), Err(Error::Misuse(Misuse::NotAsked)));
    let _ = server.handle_timeout(server.deadline().unwrap(), &mut out).unwrap();
    assert!(!server.waiting());
    assert_eq!(out.len(), 1);
}

#[test]
fn requests_after_success_are_ignored_and_nothing_else_is() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let request = password_request("alice", b"correct");
    assert!(matches!(server.handle(now, &request, &mut out), Ok(Output::Ask(_))));
    let accept = PasswordAnswer::Verdict(Verdict::Accept);
    assert!(matches!(server.password(now, accept, &mut out), Ok(Output::Authenticated(_))));
    assert_eq!(out, [vec![52]]);
    for late in [request, password_request("root", b"x"), vec![50]] {
        assert!(matches!(server.handle(now, &late, &mut out), Ok(Output::Progress)));
    }
    assert_eq!((out.len(), server.waiting(), server.deadline()), (1, false, None));
    misbehaved(server.handle(now, &responses(0, &[]), &mut out), Misbehaviour::Unexpected { number: 61 });
    misbehaved(done(now).handle(now, &service_request(), &mut out), Misbehaviour::Unexpected { number: 5 });
}

/// A server that has let `alice` in.
fn done(now: Instant) -> Server {
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    assert!(matches!(server.handle(now, &none_request("alice"), &mut out), Ok(Output::Ask(_))));
    assert!(matches!(server.none(Verdict::Accept, &mut out), Ok(Output::Authenticated(_))));
    server
}

#[test]
fn a_proof_is_good_for_its_own_request_only() {
    let now = Instant::now();
    let ask = |server: &mut Server| {
        let payload = signed("alice", 1);
        match server.handle(now, &payload, &mut Payloads::new()) {
            Ok(Output::Ask(Ask::KeyProof { proof })) => proof,
            other => panic!("{other:?}"),
        }
    };
    let (mut one, mut two) = (ready(config(), now), ready(config(), now));
    let (proof, other) = (ask(&mut one), ask(&mut two));
    let mut out = Payloads::new();
    for elsewhere in [verify(&other).unwrap(), KeyProven::vouched_for(&other)] {
        let result = one.key_proof(now, KeyVerdict::Accept(elsewhere), &mut out).map(|_| ());
        assert_eq!(result, Err(Error::Misuse(Misuse::OtherProof)));
    }
    // Nor after the request was refused and made again.
    let old = verify(&proof).unwrap();
    let _ = one.key_proof(now, KeyVerdict::Reject, &mut out).unwrap();
    let _ = one.handle_timeout(one.deadline().unwrap(), &mut out).unwrap();
    let again = ask(&mut one);
    let result = one.key_proof(now, KeyVerdict::Accept(old), &mut out).map(|_| ());
    assert_eq!(result, Err(Error::Misuse(Misuse::OtherProof)));
    let proven = KeyVerdict::Accept(verify(&again).unwrap());
    assert!(matches!(one.key_proof(now, proven, &mut out), Ok(Output::Authenticated(_))));
}

#[test]
fn an_offered_key_logs_nobody_in() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let payload = key_offer("alice", "ssh-ed25519", &blob(1));
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::KeyOffer { .. }))));
    assert!(matches!(server.key_offer(now, true, &mut out), Ok(Output::Progress)));
    // PK_OK names what was offered, and that is all.
    let mut pk_ok = vec![60];
    put_string(&mut pk_ok, b"ssh-ed25519");
    put_string(&mut pk_ok, &blob(1));
    assert_eq!(out, [pk_ok]);
    assert!(server.steps().is_empty());
}

#[test]
fn answers_to_other_questions_are_misuse_and_change_nothing() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let payload = password_request("alice", b"correct");
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::Password { .. }))));
    let misuse = Err(Error::Misuse(Misuse::NotAsked));
    assert_eq!(server.none(Verdict::Accept, &mut out).map(|_| ()), misuse);
    assert_eq!(server.key_offer(now, true, &mut out).map(|_| ()), misuse);
    assert_eq!(server.key_proof(now, KeyVerdict::Reject, &mut out).map(|_| ()), misuse);
    let verdict = InteractiveAnswer::Verdict(Verdict::Accept);
    assert_eq!(server.interactive(now, verdict, &mut out).map(|_| ()), misuse);
    assert!(out.is_empty() && server.waiting());
    let accept = PasswordAnswer::Verdict(Verdict::Accept);
    assert!(matches!(server.password(now, accept, &mut out), Ok(Output::Authenticated(_))));
}

#[test]
fn verdicts_that_make_no_sense_are_misuse() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let payload = password_request("alice", b"correct");
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::Password { .. }))));
    let answers = [
        (PasswordAnswer::Verdict(Verdict::Partial { remaining: Methods::EMPTY }), Misuse::NothingRemains),
        (
            PasswordAnswer::Verdict(Verdict::Partial { remaining: Methods::EMPTY.with(Method::None) }),
            Misuse::NothingRemains,
        ),
        (PasswordAnswer::Change { prompt: "x".repeat(16 * 1024 + 1) }, Misuse::TooLong),
    ];
    for (answer, misuse) in answers {
        assert_eq!(server.password(now, answer, &mut out).map(|_| ()), Err(Error::Misuse(misuse)));
    }
    server.set_methods(Methods::EMPTY.with(Method::PublicKey));
    let accept = PasswordAnswer::Verdict(Verdict::Accept);
    assert_eq!(server.password(now, accept, &mut out).map(|_| ()), Err(Error::Misuse(Misuse::NotEnabled)));
    assert!(out.is_empty() && server.waiting());
}

#[test]
fn none_is_asked_where_it_is_not_enabled_and_cannot_be_accepted_there() {
    let now = Instant::now();
    let methods = Methods::EMPTY.with(Method::PublicKey);
    let mut server = ready(nacre_userauth::server::Config { methods, ..config() }, now);
    let mut out = Payloads::new();
    let payload = none_request("alice");
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(Ask::None { .. }))));
    assert_eq!(server.none(Verdict::Accept, &mut out).map(|_| ()), Err(Error::Misuse(Misuse::NotEnabled)));
    // The user is known by now, so the list can be this user's.
    server.set_methods(methods.with(Method::Password));
    let _ = server.none(Verdict::Reject, &mut out).unwrap();
    let mut failure = vec![51];
    put_string(&mut failure, b"publickey,password");
    failure.push(0);
    assert_eq!(out, [failure]);
}

#[test]
fn challenges_over_their_limits_are_misuse() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    assert!(matches!(server.handle(now, &interactive_request("alice"), &mut out), Ok(Output::Ask(_))));
    let mut many = colour();
    many.prompts = vec![many.prompts[0].clone(); PROMPTS_MAX + 1];
    let answer = InteractiveAnswer::Challenge(many.clone());
    let misuse = server.interactive(now, answer, &mut out).map(|_| ());
    assert_eq!(misuse, Err(Error::Misuse(Misuse::TooManyPrompts)));
    let mut long = colour();
    long.instruction = "x".repeat(16 * 1024);
    let misuse = server.interactive(now, InteractiveAnswer::Challenge(long), &mut out).map(|_| ());
    assert_eq!(misuse, Err(Error::Misuse(Misuse::TooLong)));
    many.prompts.pop();
    assert!(server.interactive(now, InteractiveAnswer::Challenge(many), &mut out).is_ok());
    assert_eq!(out.len(), 1);
}
