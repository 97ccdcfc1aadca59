//! A server that lies to our client while it logs in (RFC 4252, RFC 4256).

use crypto::SeededRng;
use keys::PrivateKey;
use proto::ClientQuestion;
use testkit::{AgainstClient, AgainstServer, Login, Payload};
use transport::Reason;
use userauth::limits::{BANNER_BYTES_MAX, BANNERS_MAX, METHOD_LIST_MAX, PROMPTS_MAX, ROUNDS_MAX};
use userauth::{Misbehaviour, Refusal};

use crate::auth;

fn user_key() -> PrivateKey {
    PrivateKey::generate(&mut SeededRng::new(8)).unwrap()
}

/// A client that has just offered its key.
fn offered() -> AgainstClient {
    AgainstClient::client_with(vec![Login::Key(user_key(), true)], |_| {}).requested()
}

/// A client that has asked for prompts.
fn interactive() -> AgainstClient {
    let responses = vec![String::new(); PROMPTS_MAX];
    AgainstClient::client_with(vec![Login::Interactive(responses)], |_| {}).requested()
}

fn never_in(against: &mut AgainstClient, why: Misbehaviour) {
    against.refused(&auth(why));
    assert!(!against.ours.app.logged_in);
}

fn failure(methods: &str, partial: u8) -> Payload {
    Payload::number(51).string(methods).byte(partial)
}

#[test]
fn success_before_anything_was_asked_is_refused() {
    let mut against = AgainstClient::client().keyed();
    against.peer.expect(5);
    against.tell([52]);
    never_in(&mut against, Misbehaviour::SuccessWithoutRequest);
}

/// A client whose user thinks for ever about what to try.
fn undecided() -> AgainstClient {
    let mut against = AgainstClient::client();
    let mut kept = Vec::new();
    against.ours.app.hook = Some(Box::new(move |_, question| match question {
        ClientQuestion::Credential { ticket, .. } => {
            kept.push(ticket);
            None
        }
        other => Some(other),
    }));
    let mut against = against.keyed();
    against.peer.expect(5);
    against.tell(Payload::number(6).string("ssh-userauth"));
    against
}

#[test]
fn verdicts_on_what_is_still_being_thought_about_are_refused() {
    for (verdict, why) in [
        (Payload::number(52), Misbehaviour::SuccessWithoutRequest),
        (failure("password", 0), Misbehaviour::FailureWithoutRequest),
        (failure("password", 1), Misbehaviour::FailureWithoutRequest),
        (Payload::number(60).string("x").string("y"), Misbehaviour::Unexpected { number: 60 }),
    ] {
        let mut against = undecided();
        against.tell(verdict);
        never_in(&mut against, why);
    }
    let mut against = undecided();
    against.tell(banner(3));
    against.lives();
    against.tell(AgainstServer::open_session(0));
    against.refused(&proto::Error::OutOfPhase { number: 90 });
}

#[test]
fn success_while_the_signature_is_being_made_is_refused() {
    let mut against = AgainstClient::client_with(vec![Login::Key(user_key(), true)], |_| {});
    let mut kept = Vec::new();
    against.ours.app.hook = Some(Box::new(move |_, question| match question {
        ClientQuestion::Sign { ticket, .. } => {
            kept.push(ticket);
            None
        }
        other => Some(other),
    }));
    let mut against = against.requested();
    against.tell(Payload::number(60).string("ssh-ed25519").string(user_key().public().blob()));
    assert!(against.ours.log.iter().any(|line| line.starts_with("Sign")));
    against.tell([52]);
    never_in(&mut against, Misbehaviour::SuccessWithoutRequest);
}

#[test]
fn a_second_success_is_refused() {
    let mut against = AgainstClient::client().logged_in();
    against.tell([52]);
    against.refused(&auth(Misbehaviour::SuccessWithoutRequest));
}

#[test]
fn success_to_a_key_that_was_only_offered_is_refused() {
    let mut against = offered();
    against.tell([52]);
    never_in(&mut against, Misbehaviour::SuccessToOffer);
}

#[test]
fn success_to_none_is_a_login_that_proves_nothing_and_says_so() {
    let mut against = AgainstClient::client_with(vec![Login::None], |_| {}).requested();
    against.tell([52]);
    assert!(against.ours.app.logged_in);
    let told = against.ours.log.iter().any(|line| line.contains("trivial: true"));
    assert!(told, "{:?}", against.ours.log);
    // A password is a proof, even if the server took it without a look.
    let against = AgainstClient::client().logged_in();
    assert!(against.ours.log.iter().any(|line| line.contains("trivial: false")));
}

#[test]
fn pk_ok_for_another_key_or_algorithm_is_refused_and_nothing_is_signed() {
    let key = user_key().public().blob();
    let another = PrivateKey::generate(&mut SeededRng::new(9)).unwrap().public().blob();
    for (algorithm, blob) in [
        ("ssh-ed25519", &another),
        ("ssh-rsa", &key),
        ("ssh-ed25519", &Vec::new()),
        ("ssh-ed25519", &key[1..].to_vec()),
    ] {
        let mut against = offered();
        against.tell(Payload::number(60).string(algorithm).string(blob));
        never_in(&mut against, Misbehaviour::PkOkForOther);
        assert!(!against.ours.log.iter().any(|line| line.starts_with("Sign")), "{:?}", against.ours.log);
    }
}

#[test]
fn the_right_pk_ok_gets_a_signature_of_this_session_only() {
    let mut against = offered();
    against.tell(Payload::number(60).string("ssh-ed25519").string(user_key().public().blob()));
    let proof = against.peer.expect(50);
    let session = against.peer.session_id().unwrap().to_vec();
    let signed =
        [Payload::number(0).string(&session).done().split_off(1), proof[..proof.len() - 87].to_vec()]
            .concat();
    let signature = &proof[proof.len() - 83..];
    assert!(
        keys::verify(
            keys::SignatureAlg::by_name("ssh-ed25519").unwrap(),
            &user_key().public().blob(),
            &signed,
            signature
        )
        .is_ok()
    );
}

#[test]
fn verdicts_of_another_method_are_refused() {
    // 60 means nothing to `none`.
    let mut against = AgainstClient::client_with(vec![Login::None], |_| {}).requested();
    against.tell(Payload::number(60).string("").string("").string("").u32(0));
    never_in(&mut against, Misbehaviour::Unexpected { number: 60 });
    // Nor to a proof that was sent without a query.
    let mut against = AgainstClient::client_with(vec![Login::Key(user_key(), false)], |_| {}).requested();
    against.tell(Payload::number(60).string("ssh-ed25519").string(user_key().public().blob()));
    never_in(&mut against, Misbehaviour::Unexpected { number: 60 });
}

#[test]
fn failure_that_was_not_asked_for_is_refused() {
    let mut against = AgainstClient::client().keyed();
    against.peer.expect(5);
    against.tell(failure("password", 0));
    never_in(&mut against, Misbehaviour::FailureWithoutRequest);
    let mut against = AgainstClient::client().logged_in();
    against.tell(failure("password", 0));
    against.refused(&auth(Misbehaviour::FailureWithoutRequest));
}

#[test]
fn a_client_that_has_nothing_left_gives_up_with_its_own_reason() {
    let mut against = AgainstClient::client().requested();
    against.tell(failure("password,publickey", 0));
    against.refused_with(&auth(Refusal::GaveUp), Reason::NO_MORE_AUTH_METHODS_AVAILABLE);
}

#[test]
fn another_service_than_asked_for_is_refused() {
    for service in ["ssh-connection", "ssh-userauth2", "SSH-USERAUTH"] {
        let mut against = AgainstClient::client().keyed();
        against.peer.expect(5);
        against.tell(Payload::number(6).string(service));
        never_in(&mut against, Misbehaviour::WrongService);
    }
    let mut against = AgainstClient::client().requested();
    against.tell(Payload::number(6).string("ssh-userauth"));
    never_in(&mut against, Misbehaviour::Unexpected { number: 6 });
}

#[test]
fn a_list_of_methods_over_its_limit_is_refused_and_one_at_it_is_not() {
    let mut against = AgainstClient::client_with(vec![Login::None, Login::None], |_| {}).requested();
    against.tell(failure(&"x".repeat(METHOD_LIST_MAX), 0));
    against.lives();
    against.peer.expect(50);
    against.tell(failure(&"x".repeat(METHOD_LIST_MAX + 1), 0));
    never_in(&mut against, Misbehaviour::TooManyMethods);
}

fn prompts(count: u32, real: usize) -> Vec<u8> {
    let payload = Payload::number(60).string("").string("").string("").u32(count);
    (0..real).fold(payload, |payload, _| payload.string("?").byte(0)).done()
}

#[test]
fn prompts_over_their_limit_are_refused_before_they_are_read() {
    let mut against = interactive();
    against.tell(prompts(PROMPTS_MAX as u32, PROMPTS_MAX));
    against.lives();
    against.peer.expect(61);
    for (count, real) in [(PROMPTS_MAX as u32 + 1, PROMPTS_MAX + 1), (u32::MAX, 0)] {
        let mut against = interactive();
        against.tell(prompts(count, real));
        never_in(&mut against, Misbehaviour::TooManyPrompts);
    }
}

#[test]
fn prompts_must_be_as_many_as_they_say() {
    let mut against = interactive();
    against.tell(prompts(2, 1));
    against.refused(&auth(wire::WireError::Truncated { needed: 4, left: 0 }));
    let mut against = interactive();
    against.tell(prompts(1, 2));
    against.refused(&auth(wire::WireError::Trailing { left: 6 }));
}

#[test]
fn rounds_of_prompts_have_an_end() {
    let mut against = interactive();
    for _ in 0..ROUNDS_MAX {
        against.tell(prompts(1, 1));
        against.peer.expect(61);
    }
    against.tell(prompts(1, 1));
    never_in(&mut against, Misbehaviour::TooManyRounds);
}

fn banner(length: usize) -> Payload {
    Payload::number(53).string(vec![b'\x1b'; length]).string("")
}

#[test]
fn banners_have_a_number_and_a_size_and_their_time() {
    let mut against = AgainstClient::client().requested();
    for _ in 0..BANNERS_MAX {
        against.tell(banner(1));
    }
    against.lives();
    assert!(!against.ours.log.concat().contains('\x1b'), "a banner is shown escaped");
    against.tell(banner(0));
    never_in(&mut against, Misbehaviour::TooManyBanners);

    let mut against = AgainstClient::client().requested();
    for _ in 0..4 {
        against.tell(banner(BANNER_BYTES_MAX / 4));
    }
    against.lives();
    against.tell(banner(1));
    never_in(&mut against, Misbehaviour::TooMuchBanner);

    let mut against = AgainstClient::client().keyed();
    against.peer.expect(5);
    against.tell(banner(1));
    never_in(&mut against, Misbehaviour::Unexpected { number: 53 });
    let mut against = AgainstClient::client().logged_in();
    against.tell(banner(1));
    against.refused(&auth(Misbehaviour::Unexpected { number: 53 }));
}

#[test]
fn a_server_that_says_nothing_more_is_not_waited_for_for_ever() {
    let grace = std::time::Duration::from_secs(30);
    let logins = vec![Login::Password("x".to_owned())];
    let against = AgainstClient::client_with(logins, |config| config.login_grace = Some(grace));
    let mut against = against.requested();
    against.pass(grace);
    against.refused_with(&proto::Error::TimedOut(proto::Wait::Login), Reason::BY_APPLICATION);
}
