//! Random sequences: whatever comes, nobody is in without a yes, and nothing panics.

use std::time::Instant;

use nacre_userauth::client::{self, Credential};
use nacre_userauth::server::{Ask, Config, Output};
use nacre_userauth::{
    Error, InteractiveAnswer, KeyVerdict, Method, Misuse, PasswordAnswer, Server, Verdict, verify,
};
use proptest::prelude::*;

use crate::rig::{
    HOST_KEY, Payloads, all_methods, asked, blob, bound_key_offer, by_key, by_password, colour, config,
    interactive_request, key_offer, key_proof, none_request, password_request, ready, signed,
};

#[derive(Clone, Debug)]
enum Move {
    None,
    Offer(u8),
    BoundOffer(u8),
    /// A key, signed for by another or the same one.
    Proof {
        key: u8,
        signer: u8,
    },
    Password,
    Interactive,
    Responses(u8),
    OtherUser,
    Raw(Vec<u8>),
    /// A known number before random bytes.
    Numbered(u8, Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Yes,
    Partly,
    More,
    No,
}

fn moves() -> impl Strategy<Value = Move> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
    // What ends the connection is rare, so that the sequences get somewhere.
    prop_oneof![
        8 => Just(Move::None),
        8 => (0..3_u8).prop_map(Move::Offer),
        8 => (0..3_u8).prop_map(Move::BoundOffer),
        16 => (0..3_u8, 0..3_u8).prop_map(|(key, signer)| Move::Proof { key, signer }),
        8 => Just(Move::Password),
        8 => Just(Move::Interactive),
        4 => Just(Move::Responses(1)),
        1 => (0..3_u8).prop_map(Move::Responses),
        1 => Just(Move::OtherUser),
        1 => bytes().prop_map(Move::Raw),
        1 => (prop_oneof![Just(5), Just(50), Just(60), Just(61)], bytes()).prop_map(|(n, b)| Move::Numbered(n, b)),
    ]
}

fn words() -> impl Strategy<Value = Word> {
    prop_oneof![1 => Just(Word::Yes), 2 => Just(Word::Partly), 2 => Just(Word::More), 3 => Just(Word::No)]
}

fn written(step: &Move) -> Vec<u8> {
    match step {
        Move::None => none_request("alice"),
        Move::Offer(key) => key_offer("alice", "ssh-ed25519", &blob(*key)),
        Move::BoundOffer(key) => bound_key_offer("alice", &blob(*key), HOST_KEY),
        Move::Proof { key, signer } if key == signer => signed("alice", *key),
        Move::Proof { key, signer } => {
            // What `signer` signed, under the name of `key`.
            let whole = signed("alice", *signer);
            let signature = &whole[whole.len() - 83..];
            key_proof("alice", "ssh-ed25519", &blob(*key), signature)
        }
        Move::Password => password_request("alice", b"correct"),
        Move::Interactive => interactive_request("alice"),
        Move::Responses(count) => {
            let mut payload = vec![61, 0, 0, 0, *count];
            payload.extend_from_slice(&[0; 4].repeat(usize::from(*count)));
            payload
        }
        Move::OtherUser => none_request("bob"),
        Move::Raw(bytes) => bytes.clone(),
        Move::Numbered(number, bytes) => [&[*number], &bytes[..]].concat(),
    }
}

/// Says `word`. Gives what came of it, and whether it was a yes that must let the user in.
fn say(
    server: &mut Server,
    ask: Ask<'_>,
    word: Word,
    now: Instant,
    out: &mut Payloads,
) -> (Result<Output<'static>, Error>, Option<Method>) {
    let remaining = all_methods();
    let verdict = match word {
        Word::Yes => Verdict::Accept,
        Word::Partly => Verdict::Partial { remaining },
        Word::More | Word::No => Verdict::Reject,
    };
    let yes = |method| matches!(word, Word::Yes).then_some(method);
    match ask {
        Ask::None { .. } => (server.none(verdict, out), yes(Method::None)),
        Ask::KeyOffer { .. } => (server.key_offer(now, matches!(word, Word::Yes | Word::Partly), out), None),
        Ask::KeyProof { proof } => match (word, verify(&proof)) {
            (Word::Yes, Ok(proven)) => {
                (server.key_proof(now, KeyVerdict::Accept(proven), out), Some(Method::PublicKey))
            }
            (Word::Partly, Ok(proven)) => {
                (server.key_proof(now, KeyVerdict::Partial { proven, remaining }, out), None)
            }
            (Word::More | Word::No, Ok(_)) | (_, Err(_)) => {
                (server.key_proof(now, KeyVerdict::Reject, out), None)
            }
        },
        Ask::Password { .. } | Ask::PasswordChange { .. } => match word {
            Word::More => (server.password(now, PasswordAnswer::Change { prompt: String::new() }, out), None),
            Word::Yes | Word::Partly | Word::No => {
                (server.password(now, PasswordAnswer::Verdict(verdict), out), yes(Method::Password))
            }
        },
        Ask::Interactive { .. } | Ask::Responses { .. } => match word {
            Word::More => (server.interactive(now, InteractiveAnswer::Challenge(colour()), out), None),
            Word::Yes | Word::Partly | Word::No => (
                server.interactive(now, InteractiveAnswer::Verdict(verdict), out),
                yes(Method::KeyboardInteractive),
            ),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_in_without_an_accepting_verdict_and_a_key_only_with_its_proof(
        steps in proptest::collection::vec((moves(), words()), 1..40),
        max_tries in 1..20_u32,
    ) {
        let mut now = Instant::now();
        let mut server = ready(Config { max_tries, ..config() }, now);
        for (step, word) in steps {
            let payload = written(&step);
            let mut out = Payloads::new();
            let before = server.user().map(str::to_owned);
            let (output, granted) = match server.handle(now, &payload, &mut out) {
                Ok(Output::Ask(ask)) => say(&mut server, ask, word, now, &mut out),
                Ok(Output::Authenticated(who)) => panic!("without a question: {who:?}"),
                Ok(other) => {
                    prop_assert!(matches!(other, Output::Progress | Output::Unasked(_) | Output::Unimplemented));
                    (Ok(Output::Progress), None)
                }
                Err(error) => (Err(error), None),
            };
            let success = out.iter().filter(|payload| payload[0] == 52).count();
            match (output, granted) {
                (Ok(Output::Authenticated(who)), Some(method)) => {
                    prop_assert_eq!(who.steps().last().unwrap().method(), method);
                    let asked_for = if matches!(step, Move::OtherUser) { "bob" } else { "alice" };
                    if !matches!(step, Move::Numbered(..) | Move::Raw(_)) {
                        prop_assert_eq!(who.user(), asked_for);
                    }
                    prop_assert!(before.is_none_or(|before| before == who.user()));
                    prop_assert_eq!(success, 1);
                    for step in who.steps() {
                        prop_assert_eq!(step.key().is_some(), step.method() == Method::PublicKey);
                    }
                    if let (Method::PublicKey, Move::Proof { key, signer }) = (method, &step) {
                        prop_assert_eq!(key, signer);
                        prop_assert_eq!(who.key().unwrap().key(), blob(*key));
                    }
                    break;
                }
                (Ok(Output::Authenticated(who)), None) => panic!("without a yes: {who:?}"),
                (Ok(_), None) => prop_assert_eq!(success, 0),
                (Ok(other), Some(method)) => panic!("{other:?} after a yes to {method:?}"),
                (Err(error), _) => {
                    prop_assert_eq!(success, 0);
                    prop_assert!(!matches!(error, Error::Misuse(_)), "{error:?}");
                    break;
                }
            }
            if let Some(deadline) = server.deadline() {
                now = deadline;
                if server.handle_timeout(now, &mut out).is_err() {
                    break;
                }
            }
            prop_assert!(server.failures() <= max_tries);
            prop_assert!(!server.waiting());
        }
    }

    #[test]
    fn a_client_is_in_only_by_a_success_to_a_request_that_it_sent(
        steps in proptest::collection::vec(
            (prop_oneof![Just(51_u8), Just(52), Just(53), Just(60), any::<u8>()],
             proptest::collection::vec(any::<u8>(), 0..40), 0..5_u8),
            1..20,
        ),
    ) {
        let mut client = asked();
        // Whether a request is out that SUCCESS may answer.
        let mut open = false;
        for (number, bytes, choice) in steps {
            let mut out = Payloads::new();
            if client.waiting() {
                let chosen = match choice {
                    0 => Credential::None,
                    1 => by_key(1, true),
                    2 => by_password(b"correct"),
                    3 => Credential::Interactive { submethods: String::new() },
                    _ => by_key(1, false),
                };
                let answered = client.credential(chosen, &mut out);
                match answered {
                    Ok(_) => open = !out.is_empty() && choice != 1,
                    Err(error) => {
                        prop_assert_eq!(error, Error::Misuse(Misuse::NotAsked));
                        prop_assert!(client.refuse(&mut out).is_ok());
                        open = false;
                    }
                }
            }
            let payload = match number {
                52 => vec![52],
                51 => vec![51, 0, 0, 0, 1, b'x', 0],
                _ => [&[number], &bytes[..]].concat(),
            };
            match client.handle(&payload) {
                Ok(client::Output::Authenticated(_)) => {
                    prop_assert!(open && number == 52);
                    break;
                }
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(!matches!(error, Error::Misuse(_)), "{error:?}");
                    break;
                }
            }
            if client.waiting() {
                open = false;
            }
        }
    }
}
