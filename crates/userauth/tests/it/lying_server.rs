//! The client against a server that does what it may not do, and against its own application's mistakes.

use keys::{NULL_SIGNATURE, Secret};
use nacre_userauth::client::{Ask, Because, Credential, Output, ServerExtensions};
use nacre_userauth::limits::{
    BANNER_BYTES_MAX, BANNERS_MAX, KEY_BLOB_MAX, METHOD_LIST_MAX, PASSWORD_MAX, PROMPTS_MAX, REQUESTS_MAX,
    RESPONSE_MAX, ROUNDS_MAX, SIGNATURE_MAX, USER_MAX,
};
use nacre_userauth::message::{Banner, Failure, InfoRequest, PasswordChangeRequest, PkOk, ServiceAccept};
use nacre_userauth::{Client, Error, Misbehaviour, Misuse, Refusal};
use wire::{Bytes, Encode, Human, NameList, Rest, WireError};

use crate::rig::{Payloads, asked, blob, by_key, by_password, ed25519, key, name, payload, session};

const SUCCESS: &[u8] = &[52];

fn failure(list: &str, partial_success: bool) -> Vec<u8> {
    payload(&Failure { remaining: NameList::new(list).unwrap(), partial_success })
}

fn banner(bytes: usize) -> Vec<u8> {
    let text = vec![b'x'; bytes];
    payload(&Banner { text: Human(&text), language: Human(b"") })
}

fn pk_ok(algorithm: &str, key: &[u8]) -> Vec<u8> {
    payload(&PkOk { algorithm: name(algorithm), key: Bytes(key) })
}

fn prompts(count: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    for _ in 0..count {
        Human(b"Colour: ").encode(&mut fields);
        false.encode(&mut fields);
    }
    let (name, instruction, language) = (Human(b""), Human(b""), Human(b""));
    payload(&InfoRequest { name, instruction, language, count: count as u32, prompts: Rest(&fields) })
}

fn change() -> Vec<u8> {
    payload(&PasswordChangeRequest { prompt: Human(b"Expired."), language: Human(b"") })
}

fn interactive() -> Credential {
    Credential::Interactive { submethods: String::new() }
}

/// A client that has sent a request with `credential`.
fn trying(credential: Credential) -> Client {
    let mut client = asked();
    let mut out = Payloads::new();
    assert!(matches!(client.credential(credential, &mut out), Ok(Output::Progress)));
    assert_eq!(out.len(), 1);
    client
}

fn misbehaved(mut client: Client, payload: &[u8], what: Misbehaviour) {
    let error = Error::Misbehaved(what);
    match client.handle(payload) {
        Err(found) => assert_eq!(found, error),
        Ok(output) => panic!("{output:?} in place of {what:?}"),
    }
    // The machine is that error from now on, for payloads and for answers.
    assert_eq!(client.handle(SUCCESS).map(|_| ()), Err(error));
    assert_eq!(client.credential(Credential::None, &mut Payloads::new()).map(|_| ()), Err(error));
    assert_eq!(client.refuse(&mut Payloads::new()).map(|_| ()), Err(error));
}

fn started() -> Client {
    let mut client = Client::new("alice", session()).unwrap();
    client.start(&mut Payloads::new()).unwrap();
    client
}

#[test]
fn nobody_is_let_in_before_asking() {
    misbehaved(started(), SUCCESS, Misbehaviour::SuccessWithoutRequest);
    misbehaved(asked(), SUCCESS, Misbehaviour::SuccessWithoutRequest);
    misbehaved(started(), &failure("password", false), Misbehaviour::FailureWithoutRequest);
    misbehaved(asked(), &failure("password", false), Misbehaviour::FailureWithoutRequest);
}

#[test]
fn only_the_service_that_was_requested_is_accepted_and_only_once() {
    let other = payload(&ServiceAccept { service: name("ssh-connection") });
    misbehaved(started(), &other, Misbehaviour::WrongService);
    let again = payload(&ServiceAccept { service: name("ssh-userauth") });
    misbehaved(asked(), &again, Misbehaviour::Unexpected { number: 6 });
    let client = Client::new("alice", session()).unwrap();
    misbehaved(client, &again, Misbehaviour::Unexpected { number: 6 });
}

#[test]
fn messages_of_the_wrong_side_or_time_end_the_connection() {
    for number in [5, 50, 61] {
        misbehaved(asked(), &[number], Misbehaviour::WrongSide { number });
        misbehaved(trying(Credential::None), &[number], Misbehaviour::WrongSide { number });
    }
    let unexpected = Misbehaviour::Unexpected { number: 60 };
    misbehaved(trying(Credential::None), &prompts(1), unexpected);
    misbehaved(asked(), &prompts(1), unexpected);
    misbehaved(asked(), &pk_ok("ssh-ed25519", &blob(1)), unexpected);
    misbehaved(started(), &banner(1), Misbehaviour::Unexpected { number: 53 });
    assert!(matches!(asked().handle(&[62]), Ok(Output::Unimplemented)));
    assert_eq!(
        asked().handle(&[]).map(|_| ()),
        Err(Error::Malformed(WireError::Truncated { needed: 1, left: 0 }))
    );
}

#[test]
fn what_another_method_would_have_been_told_is_malformed_or_another_key() {
    // Number 60 is PK_OK here, whatever the server meant by it.
    let result = trying(by_key(1, true)).handle(&prompts(1)).map(|_| ());
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    let result = trying(interactive()).handle(&change()).map(|_| ());
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
}

#[test]
fn pk_ok_must_be_for_what_was_offered() {
    for other in [pk_ok("ssh-ed25519", &blob(2)), pk_ok("rsa-sha2-512", &blob(1)), pk_ok("ssh-ed25519", b"")]
    {
        misbehaved(trying(by_key(1, true)), &other, Misbehaviour::PkOkForOther);
    }
    let right = pk_ok("ssh-ed25519", &blob(1));
    let mut client = trying(by_key(1, true));
    assert!(matches!(client.handle(&right), Ok(Output::Ask(Ask::Sign { wanted: true, .. }))));
    // A second one finds nobody waiting for it.
    misbehaved(client, &right, Misbehaviour::Unexpected { number: 60 });
}

#[test]
fn success_is_no_answer_to_an_offer() {
    misbehaved(trying(by_key(1, true)), SUCCESS, Misbehaviour::SuccessToOffer);
}

#[test]
fn success_does_not_overtake_what_the_user_is_asked() {
    let mut signing = trying(by_key(1, true));
    let _ = signing.handle(&pk_ok("ssh-ed25519", &blob(1))).unwrap();
    misbehaved(signing, SUCCESS, Misbehaviour::SuccessWithoutRequest);
    let mut responding = trying(interactive());
    let _ = responding.handle(&prompts(1)).unwrap();
    misbehaved(responding, SUCCESS, Misbehaviour::SuccessWithoutRequest);
    let mut changing = trying(by_password(b"old"));
    let _ = changing.handle(&change()).unwrap();
    misbehaved(changing, &failure("password", false), Misbehaviour::FailureWithoutRequest);
}

#[test]
fn after_success_there_is_nothing_more_to_say() {
    for (late, what) in [
        (SUCCESS.to_vec(), Misbehaviour::SuccessWithoutRequest),
        (failure("", false), Misbehaviour::FailureWithoutRequest),
        (banner(1), Misbehaviour::Unexpected { number: 53 }),
    ] {
        let mut client = trying(Credential::None);
        assert!(matches!(client.handle(SUCCESS), Ok(Output::Authenticated(_))));
        misbehaved(client, &late, what);
    }
}

#[test]
fn a_success_with_something_in_it_is_malformed() {
    let result = trying(Credential::None).handle(&[52, 0]).map(|_| ());
    assert_eq!(result, Err(Error::Malformed(WireError::Trailing { left: 1 })));
}

#[test]
fn a_list_of_methods_over_its_limit_ends_the_connection() {
    let fits = "x".repeat(METHOD_LIST_MAX);
    assert!(matches!(trying(Credential::None).handle(&failure(&fits, false)), Ok(Output::Ask(_))));
    misbehaved(trying(Credential::None), &failure(&(fits + "x"), false), Misbehaviour::TooManyMethods);
}

#[test]
fn prompts_over_their_limit_end_the_connection() {
    assert!(matches!(trying(interactive()).handle(&prompts(PROMPTS_MAX)), Ok(Output::Ask(Ask::Prompts(_)))));
    misbehaved(trying(interactive()), &prompts(PROMPTS_MAX + 1), Misbehaviour::TooManyPrompts);
    // A count alone reserves nothing.
    let (name, instruction, language) = (Human(b""), Human(b""), Human(b""));
    let many = payload(&InfoRequest { name, instruction, language, count: u32::MAX, prompts: Rest(b"") });
    misbehaved(trying(interactive()), &many, Misbehaviour::TooManyPrompts);
}

#[test]
fn prompts_are_read_to_the_last_byte() {
    let mut more = prompts(1);
    more.push(0);
    let mut less = prompts(1);
    less.pop();
    for bad in [more, less] {
        let result = trying(interactive()).handle(&bad).map(|_| ());
        assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    }
}

#[test]
fn rounds_over_their_limit_end_the_connection() {
    let mut client = trying(interactive());
    for _ in 0..ROUNDS_MAX {
        assert!(matches!(client.handle(&prompts(0)), Ok(Output::Ask(_))));
        let _ = client.responses(Some(Vec::new()), &mut Payloads::new()).unwrap();
    }
    misbehaved(client, &prompts(0), Misbehaviour::TooManyRounds);

    let mut client = trying(by_password(b"old"));
    for _ in 0..ROUNDS_MAX {
        assert!(matches!(client.handle(&change()), Ok(Output::Ask(_))));
        let passwords = (Secret::copy_of(b"old"), Secret::copy_of(b"new"));
        let _ = client.change_password(Some(passwords), &mut Payloads::new()).unwrap();
    }
    misbehaved(client, &change(), Misbehaviour::TooManyRounds);
}

#[test]
fn banners_over_their_limits_end_the_connection() {
    let mut client = asked();
    for _ in 0..BANNERS_MAX {
        assert!(matches!(client.handle(&banner(1)), Ok(Output::Banner(_))));
    }
    misbehaved(client, &banner(1), Misbehaviour::TooManyBanners);

    let mut client = trying(Credential::None);
    assert!(matches!(client.handle(&banner(BANNER_BYTES_MAX)), Ok(Output::Banner(_))));
    misbehaved(client, &banner(1), Misbehaviour::TooMuchBanner);
}

#[test]
fn a_banner_may_come_while_the_user_is_asked() {
    let mut client = trying(interactive());
    assert!(matches!(client.handle(&prompts(1)), Ok(Output::Ask(_))));
    assert!(matches!(client.handle(&banner(3)), Ok(Output::Banner(Human(b"xxx")))));
    assert!(client.waiting());
    let responses = Some(vec![Secret::copy_of(b"blue")]);
    assert!(matches!(client.responses(responses, &mut Payloads::new()), Ok(Output::Progress)));
    assert!(matches!(client.handle(SUCCESS), Ok(Output::Authenticated(_))));
}

#[test]
fn methods_that_we_do_not_speak_are_told_to_the_application() {
    let mut client = trying(Credential::None);
    let list = failure("gssapi-with-mic,publickey", false);
    let Ok(Output::Ask(Ask::Credential(wanted))) = client.handle(&list) else { panic!() };
    let remaining = wanted.remaining.unwrap();
    assert_eq!(remaining.iter().collect::<Vec<_>>(), ["gssapi-with-mic", "publickey"]);
    assert!(remaining.contains("publickey") && !remaining.contains("password"));
    assert_eq!((wanted.because, wanted.requests), (Because::Failure, 1));
    let Ok(Output::Ask(Ask::Credential(wanted))) =
        trying(Credential::None).handle(&failure("", true)).map(own)
    else {
        panic!()
    };
    assert_eq!(wanted.remaining.unwrap().iter().count(), 0);
    assert_eq!(wanted.because, Because::PartialSuccess);
}

/// An output that borrows nothing, out of one that asks for a credential.
fn own(output: Output<'_>) -> Output<'static> {
    match output {
        Output::Ask(Ask::Credential(wanted)) => Output::Ask(Ask::Credential(wanted)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_misuse_and_the_question_stays_open() {
    let mut out = Payloads::new();
    let long = |n: usize| Secret::new(vec![b'x'; n + 1]);
    let too_long = Err(Error::Misuse(Misuse::TooLong));

    let mut client = asked();
    assert_eq!(client.credential(Credential::Password(long(PASSWORD_MAX)), &mut out).map(|_| ()), too_long);
    let key_blob = vec![0; KEY_BLOB_MAX + 1];
    let offer = Credential::PublicKey { algorithm: ed25519(), key: key_blob, query_first: true };
    assert_eq!(client.credential(offer, &mut out).map(|_| ()), too_long);
    let nul = Credential::Interactive { submethods: "\0".into() };
    assert_eq!(client.credential(nul, &mut out).map(|_| ()), Err(Error::Misuse(Misuse::Nul)));
    let list = Credential::Interactive { submethods: "x".repeat(wire::limits::NAME_LIST_MAX + 1) };
    assert_eq!(client.credential(list, &mut out).map(|_| ()), too_long);
    let list = Some(NameList::new("ssh-ed25519").unwrap());
    client.set_extensions(ServerExtensions { signature_algorithms: list, host_bound: false });
    // The null signature is a second algorithm of Ed25519 keys, as rsa-sha2-256 is one of RSA keys.
    let unlisted = Credential::PublicKey { algorithm: &NULL_SIGNATURE, key: blob(1), query_first: true };
    let misuse = client.credential(unlisted, &mut out).map(|_| ());
    assert_eq!(misuse, Err(Error::Misuse(Misuse::AlgorithmNotListed)));
    assert!(client.waiting() && out.is_empty());

    assert!(matches!(client.credential(by_key(1, false), &mut out), Ok(Output::Ask(Ask::Sign { .. }))));
    let signature = client.signature(Some(vec![0; SIGNATURE_MAX + 1]), &mut out).map(|_| ());
    assert_eq!(signature, too_long);
    for wrong in [b"junk".to_vec(), key(1).sign(&NULL_SIGNATURE, b"").unwrap()] {
        let signature = client.signature(Some(wrong), &mut out).map(|_| ());
        assert_eq!(signature, Err(Error::Misuse(Misuse::SignatureAlgorithm)));
    }
    assert!(client.waiting() && out.is_empty());

    let mut client = trying(interactive());
    client.handle(&prompts(1)).map(|_| ()).unwrap();
    for count in [0, 2] {
        let responses = (0..count).map(|_| Secret::copy_of(b"blue")).collect();
        let misuse = client.responses(Some(responses), &mut out).map(|_| ());
        assert_eq!(misuse, Err(Error::Misuse(Misuse::ResponseCount)));
    }
    assert_eq!(client.responses(Some(vec![long(RESPONSE_MAX)]), &mut out).map(|_| ()), too_long);
    assert!(client.waiting() && out.is_empty());

    let mut client = trying(by_password(b"old"));
    client.handle(&change()).map(|_| ()).unwrap();
    let passwords = (Secret::copy_of(b"old"), long(PASSWORD_MAX));
    assert_eq!(client.change_password(Some(passwords), &mut out).map(|_| ()), too_long);
    assert!(client.waiting() && out.is_empty());
}

#[test]
fn answers_to_other_questions_are_misuse_and_change_nothing() {
    let mut client = asked();
    let mut out = Payloads::new();
    let misuse = Err(Error::Misuse(Misuse::NotAsked));
    assert_eq!(client.signature(None, &mut out).map(|_| ()), misuse);
    assert_eq!(client.responses(None, &mut out).map(|_| ()), misuse);
    assert_eq!(client.change_password(None, &mut out).map(|_| ()), misuse);
    assert_eq!(client.start(&mut out), Err(Error::Misuse(Misuse::WrongTime)));
    assert!(matches!(client.credential(Credential::None, &mut out), Ok(Output::Progress)));
    assert_eq!(client.credential(Credential::None, &mut out).map(|_| ()), misuse);
    assert_eq!(client.refuse(&mut out).map(|_| ()), misuse);
    assert_eq!(out.len(), 1);
}

#[test]
fn user_names_that_no_server_takes_are_misuse() {
    assert_eq!(Client::new("a\0b", session()).map(|_| ()), Err(Error::Misuse(Misuse::Nul)));
    assert!(Client::new(&"u".repeat(USER_MAX), session()).is_ok());
    let long = Client::new(&"u".repeat(USER_MAX + 1), session()).map(|_| ());
    assert_eq!(long, Err(Error::Misuse(Misuse::TooLong)));
}

#[test]
fn a_client_stops_asking_after_its_limit_and_may_still_give_up() {
    let mut client = asked();
    let mut out = Payloads::new();
    for _ in 0..REQUESTS_MAX {
        assert!(matches!(client.credential(Credential::None, &mut out), Ok(Output::Progress)));
        assert!(matches!(client.handle(&failure("password", false)), Ok(Output::Ask(_))));
    }
    let misuse = client.credential(Credential::None, &mut out).map(|_| ());
    assert_eq!(misuse, Err(Error::Misuse(Misuse::TooManyRequests)));
    let end = client.credential(Credential::GiveUp, &mut out).map(|_| ());
    assert_eq!(end, Err(Error::Refused(Refusal::GaveUp)));
}
