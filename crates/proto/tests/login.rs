//! Logging in: every method and outcome, through both whole connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keys::{PrivateKey, SignatureAlg};
use nacre_proto::{AdmitPassword, ClientQuestion, Error, ServerQuestion, Ticket, Wait};
use testkit::{Login, Pair};
use transport::Reason;
use userauth::client::{Because, Credential};
use userauth::server::BannerText;
use userauth::{Method, Methods, PasswordAnswer, Verdict};

type Held<Q> = Rc<RefCell<Option<Ticket<Q>>>>;

const GRID: Duration = Duration::from_millis(50);

/// A pair whose client tries these; the key of [`Pair`] is given to `logins`.
fn pair(seed: u64, logins: impl FnOnce(PrivateKey) -> Vec<Login>) -> Pair {
    with_config(Pair::seeded(seed), logins)
}

fn with_config(mut pair: Pair, logins: impl FnOnce(PrivateKey) -> Vec<Login>) -> Pair {
    let Some(Login::Key(key, _)) = pair.client.app.logins.pop() else { panic!("a key") };
    pair.client.app.logins = logins(key);
    pair
}

fn password(text: &str) -> Login {
    Login::Password(text.to_owned())
}

fn prompts(rounds: &[&[(&str, &str)]]) -> Vec<Vec<(String, String)>> {
    let round = |round: &&[(&str, &str)]| {
        round.iter().map(|(text, right)| ((*text).into(), (*right).into())).collect()
    };
    rounds.iter().map(round).collect()
}

/// Runs until nothing more happens, at most for `limit`, and returns when each reason to want a credential came.
fn watch(pair: &mut Pair, limit: Duration) -> Vec<(Because, Duration)> {
    let mut seen = Vec::new();
    while pair.clock.elapsed() <= limit {
        let moved = pair.turn();
        for because in pair.client.app.wanted.iter().skip(seen.len()) {
            seen.push((*because, pair.clock.elapsed()));
        }
        if !moved {
            match pair.next_event() {
                Some(next) => pair.clock.move_to(next),
                None => break,
            }
        }
    }
    seen
}

fn is_in(pair: &Pair) -> bool {
    assert_eq!(pair.client.app.logged_in, pair.server.app.user.is_some());
    pair.client.app.logged_in
}

fn asked(pair: &Pair, what: &str) -> usize {
    pair.server.log.iter().filter(|line| line.starts_with(what)).count()
}

#[test]
fn none_is_enough_where_it_is_admitted_and_enabled() {
    let enabled =
        Pair::configured(1, |_| {}, |config| config.auth.methods = Methods::EMPTY.with(Method::None));
    let mut pair = with_config(enabled, |_| vec![Login::None]);
    pair.server.app.admit_none = true;
    pair.log_in();
    assert_eq!((pair.server.app.user.as_deref(), &pair.server.app.proven), (Some("alice"), &None));
}

#[test]
fn a_key_logs_in_with_and_without_being_offered_first() {
    for (seed, query_first) in [(2, true), (3, false)] {
        let mut pair = pair(seed, |key| vec![Login::Key(key, query_first)]);
        pair.log_in();
        assert_eq!(asked(&pair, "KeyOffer"), usize::from(query_first));
        assert_eq!(pair.server.app.proven, Some(pair.server.app.keys[0].blob()));
        assert_eq!(pair.client.app.wanted, [Because::Start]);
    }
}

#[test]
fn a_key_is_bound_to_the_host_key_exactly_when_the_server_announces_that() {
    for (seed, announced) in [(4, true), (5, false)] {
        let configured = Pair::configured(
            seed,
            |config| {
                if !announced {
                    let transport = Arc::make_mut(&mut config.transport);
                    *transport = transport.clone().without_ext_info();
                }
            },
            |_| {},
        );
        let mut pair = with_config(configured, |key| vec![Login::Key(key, true)]);
        pair.log_in();
        let bound = pair.server.log.iter().any(|line| line.contains("bound: true"));
        assert_eq!(bound, announced, "{:#?}", pair.server.log);
    }
}

#[test]
fn a_password_logs_in_and_a_wrong_one_does_not() {
    let mut pair = pair(6, |_| vec![password("wrong"), password("right")]);
    pair.server.app.passwords = vec!["right".to_owned()];
    pair.log_in();
    assert_eq!(pair.client.app.wanted, [Because::Start, Because::Failure]);
    assert_eq!(pair.server.app.proven, None);
}

#[test]
fn an_expired_password_is_changed() {
    let mut pair = pair(7, |_| vec![password("old")]);
    pair.server.app.expired = vec!["old".to_owned()];
    pair.client.app.change = Some(("old".to_owned(), "new".to_owned()));
    pair.log_in();
    assert_eq!(pair.server.app.passwords, ["new"]);
    assert_eq!(asked(&pair, "PasswordChange"), 1);
}

#[test]
fn whoever_changes_no_password_is_not_in_and_may_go_on() {
    let mut pair = pair(8, |key| vec![password("old"), Login::Key(key, false)]);
    pair.server.app.expired = vec!["old".to_owned()];
    pair.log_in();
    assert_eq!(pair.client.app.wanted, [Because::Start, Because::Declined]);
    assert!(pair.server.app.proven.is_some());
}

#[test]
fn prompts_are_asked_in_rounds_one_of_them_without_prompts() {
    let responses = ["blue", "4", "six"].map(str::to_owned).to_vec();
    let mut pair = pair(9, |_| vec![Login::Interactive(responses)]);
    pair.server.app.rounds =
        prompts(&[&[("colour", "blue"), ("2 + 2", "4")], &[], &[("half a dozen", "six")]]);
    pair.log_in();
    assert_eq!(asked(&pair, "Responses"), 3);
    assert_eq!(pair.client.log.iter().filter(|line| line.starts_with("Prompts")).count(), 3);
}

#[test]
fn a_wrong_response_in_a_later_round_is_a_failure() {
    let responses = ["blue", "seven"].map(str::to_owned).to_vec();
    let mut pair = pair(10, |_| vec![Login::Interactive(responses)]);
    pair.server.app.rounds = prompts(&[&[("colour", "blue")], &[("half a dozen", "six")]]);
    watch(&mut pair, Duration::from_secs(10));
    assert!(!is_in(&pair));
    assert_eq!(pair.client.app.wanted, [Because::Start, Because::Failure]);
}

#[test]
fn a_key_and_then_a_password_are_both_needed_where_the_first_is_partial() {
    let mut pair = pair(11, |key| vec![Login::Key(key, true), password("right")]);
    pair.server.app.passwords = vec!["right".to_owned()];
    pair.server.app.then = Some(Methods::EMPTY.with(Method::Password));
    pair.log_in();
    assert_eq!(pair.client.app.wanted, [Because::Start, Because::PartialSuccess]);
    // What counts later is the key that was proven, not the password that completed the login.
    assert_eq!(pair.server.app.proven, Some(pair.server.app.keys[0].blob()));
}

#[test]
fn after_a_partial_success_the_first_method_is_not_enabled_any_more() {
    let mut keys = None;
    let mut pair = pair(12, |key| {
        keys = Some(key.public());
        vec![Login::Key(key, false), Login::Interactive(Vec::new()), password("wrong")]
    });
    pair.server.app.rounds = prompts(&[&[]]);
    pair.server.app.then = Some(Methods::EMPTY.with(Method::Password));
    watch(&mut pair, Duration::from_secs(10));
    assert!(!is_in(&pair));
    assert_eq!(asked(&pair, "Interactive"), 0);
    let expected = [Because::Start, Because::PartialSuccess, Because::Failure, Because::Failure];
    assert_eq!(pair.client.app.wanted, expected);
}

#[test]
fn failures_leave_at_grid_points_and_that_of_none_at_once() {
    let mut pair = pair(13, |_| {
        let other = PrivateKey::from_seed(&[7; 32]);
        vec![
            Login::None,
            password("wrong"),
            Login::Key(other, true),
            Login::Interactive(vec!["wrong".to_owned()]),
            password("wrong"),
        ]
    });
    pair.server.app.rounds = prompts(&[&[("colour", "blue")]]);
    let seen = watch(&mut pair, Duration::from_secs(10));
    let times: Vec<Duration> = seen.iter().map(|(_, at)| *at).collect();
    let steps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The wire takes no time, so what is left is the server's own.
    assert_eq!(steps, [Duration::ZERO, GRID, GRID, GRID, GRID]);
    assert!(!is_in(&pair));
}

#[test]
fn an_answer_that_took_longer_leaves_at_a_later_grid_point() {
    for (took, leaves) in [(0, 1), (49, 1), (51, 2), (120, 3)] {
        let (mut pair, held) = holding_passwords(14);
        pair.settle();
        pair.advance(Duration::from_millis(took));
        let ticket = held.borrow_mut().take().expect("it was asked");
        let verdict = PasswordAnswer::Verdict(Verdict::Reject);
        pair.server.connection.answer(ticket, verdict).unwrap();
        let seen = watch(&mut pair, Duration::from_secs(10));
        assert_eq!(seen[1], (Because::Failure, GRID * leaves), "it took {took} ms");
    }
}

#[test]
fn an_answer_that_took_longer_leaves_at_a_grid_point_though_nobody_told_the_time_meanwhile() {
    // A driver whose verdict comes from another process has no reason to call the connection before it answers.
    for (took, leaves) in [(0, 1), (49, 1), (51, 2), (120, 3)] {
        let (mut pair, held) = holding_passwords(17);
        pair.settle();
        pair.clock.advance(Duration::from_millis(took));
        let ticket = held.borrow_mut().take().expect("it was asked");
        let verdict = PasswordAnswer::Verdict(Verdict::Reject);
        pair.server.connection.answer(ticket, verdict).unwrap();
        let seen = watch(&mut pair, Duration::from_secs(10));
        assert_eq!(seen[1], (Because::Failure, GRID * leaves), "it took {took} ms");
    }
}

/// A client with a wrong password, and the server's question about it, held back.
fn holding_passwords(seed: u64) -> (Pair, Held<AdmitPassword>) {
    let mut pair = pair(seed, |_| vec![password("wrong")]);
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Password { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    (pair, held)
}

#[test]
fn a_question_that_follows_a_slow_answer_has_all_its_time() {
    let within = Duration::from_secs(60);
    let configured = Pair::configured(18, |config| config.answer_within = Some(within), |_| {});
    let mut pair = with_config(configured, |key| vec![Login::Key(key, false)]);
    let (credential, signature) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
    let (hold, keep) = (Rc::clone(&credential), Rc::clone(&signature));
    let key = PrivateKey::from_seed(&[9; 32]);
    pair.client.app.hook = Some(Box::new(move |_, question| match question {
        ClientQuestion::Credential { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        ClientQuestion::Sign { ticket, .. } => {
            *keep.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    pair.settle();
    pair.clock.advance(within - Duration::from_secs(1));
    let ticket = credential.borrow_mut().take().expect("it was asked");
    let (algorithm, key) = (SignatureAlg::by_name("ssh-ed25519").unwrap(), key.public().blob());
    let next = Credential::PublicKey { algorithm, key, query_first: false };
    pair.client.connection.answer(ticket, next).unwrap();
    pair.settle();
    assert!(signature.borrow().is_some());
    // The server is as patient as the client here, but for the whole login.
    pair.advance(within - Duration::from_secs(1));
    assert!(credential.borrow().is_none(), "the question has not been answered with no");
    pair.advance(Duration::from_secs(1));
    assert!(credential.borrow().is_some() || pair.client.error().is_some());
}

#[test]
fn a_seed_moves_the_grid() {
    let offset = Duration::from_micros(1234);
    let configured = Pair::configured(15, |_| {}, |config| config.auth.failure_seed = 50_000_000 + 1_234_000);
    let mut pair = with_config(configured, |_| vec![password("wrong")]);
    let seen = watch(&mut pair, Duration::from_secs(10));
    assert_eq!(seen[1], (Because::Failure, GRID + offset));
}

/// What somebody on the wire sees of the server, and what the client itself learns.
fn outside(user: &'static str, known: bool, work: Duration) -> (Vec<(Duration, u64)>, Vec<String>) {
    let configured = Pair::configured(16, |config| config.auth.user = user.to_owned(), |_| {});
    let mut pair = with_config(configured, |key| {
        vec![
            Login::None,
            Login::Key(key, true),
            password("first"),
            Login::Interactive(vec!["x".to_owned()]),
            password("second"),
        ]
    });
    // Nobody gets in here: this user has no keys on the server, or there is no such user.
    pair.server.app.keys.clear();
    pair.server.app.rounds = prompts(&[&[("colour", "blue")]]);
    if known {
        pair.server.app.passwords = vec!["right".to_owned()];
    }
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Password { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    let mut seen = Vec::new();
    let mut answer_at = None;
    while pair.clock.elapsed() < Duration::from_secs(20) {
        let moved = pair.turn();
        if seen.last().is_none_or(|(_, written)| *written != pair.to_client.written()) {
            seen.push((pair.clock.elapsed(), pair.to_client.written()));
        }
        if held.borrow().is_some() {
            let due = *answer_at.get_or_insert(pair.clock.now() + work);
            if pair.clock.now() >= due {
                let ticket = held.borrow_mut().take().unwrap();
                let verdict = PasswordAnswer::Verdict(Verdict::Reject);
                pair.server.connection.answer(ticket, verdict).unwrap();
                answer_at = None;
                continue;
            }
        }
        if !moved {
            match pair.next_event().into_iter().chain(answer_at).min() {
                Some(next) => pair.clock.move_to(next),
                None => break,
            }
        }
    }
    assert!(!is_in(&pair));
    (seen, pair.client.log)
}

#[test]
fn a_user_who_exists_and_one_who_does_not_look_alike_in_bytes_and_time() {
    let known = outside("alice", true, Duration::from_millis(31));
    let unknown = outside("mallo", false, Duration::ZERO);
    assert!(known.0.len() > 8, "there is something to compare: {:?}", known.0);
    assert_eq!(known, unknown);
}

#[test]
fn banners_come_before_the_login_and_are_shown_harmless() {
    let banner = BannerText::new("welcome\n\u{1b}[2J").unwrap();
    let mut pair = Pair::configured(17, |_| {}, |config| config.auth.banner = Some(banner));
    pair.server.app.hook = Some(Box::new(|connection, question| {
        if let ServerQuestion::None { user, .. } = &question {
            let text = BannerText::new(&format!("you are {}", user.as_str())).unwrap();
            connection.banner(&text).unwrap();
        }
        Some(question)
    }));
    pair.log_in();
    assert_eq!(pair.client.app.banners.len(), 2);
    assert!(pair.client.app.banners[0].starts_with("welcome"));
    assert!(!pair.client.app.banners[0].contains('\u{1b}'), "{:?}", pair.client.app.banners);
    assert_eq!(pair.client.app.banners[1], "you are alice");
    let late = BannerText::new("too late").unwrap();
    assert!(pair.server.connection.banner(&late).is_err());
}

#[test]
fn too_many_tries_end_the_connection_and_the_client_is_told() {
    let configured = Pair::configured(18, |_| {}, |config| config.auth.max_tries = 3);
    let mut pair = with_config(configured, |_| (0..9).map(|n| password(&n.to_string())).collect());
    let seen = watch(&mut pair, Duration::from_secs(10));
    assert_eq!(seen.len(), 3, "the third failure is the end");
    let refused = Error::UserAuth(userauth::Error::Refused(userauth::Refusal::TooManyTries));
    assert_eq!(pair.server.error(), Some(&refused));
    let told = transport::Error::Closed(transport::Closed::Peer(Reason::PROTOCOL_ERROR));
    assert_eq!(pair.client.error(), Some(&Error::Transport(told)));
    assert!(pair.client.log.last().unwrap().contains("Too many authentication failures"));
}

#[test]
fn a_login_that_takes_too_long_is_ended_at_its_time() {
    let mut pair = pair(19, |_| Vec::new());
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    pair.client.app.hook = Some(Box::new(move |_, question| match question {
        ClientQuestion::Credential { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    pair.settle();
    let grace = Duration::from_secs(120);
    pair.advance(grace - Duration::from_nanos(1));
    assert_eq!(pair.server.error(), None);
    assert!(held.borrow().is_some());
    pair.advance(Duration::from_nanos(1));
    assert_eq!(pair.server.error(), Some(&Error::TimedOut(Wait::Login)));
    assert!(!is_in(&pair));
}

#[test]
fn every_dropped_ticket_of_a_login_is_a_no() {
    let mut pair = pair(20, |key| {
        vec![
            Login::None,
            Login::Key(key, true),
            password("right"),
            Login::Interactive(vec!["blue".to_owned()]),
            password("right"),
        ]
    });
    pair.server.app.passwords = vec!["right".to_owned()];
    pair.server.app.rounds = prompts(&[&[("colour", "blue")]]);
    pair.server.app.hook = Some(Box::new(|connection, question| {
        match question {
            ServerQuestion::None { ticket, .. } => connection.decline(ticket),
            ServerQuestion::KeyOffer { ticket, .. } => connection.decline(ticket),
            ServerQuestion::KeyProof { ticket, .. } => connection.decline(ticket),
            ServerQuestion::Password { ticket, .. } => connection.decline(ticket),
            ServerQuestion::Responses { ticket, .. } => connection.decline(ticket),
            other => return Some(other),
        }
        None
    }));
    let seen = watch(&mut pair, Duration::from_secs(10));
    assert!(!is_in(&pair));
    let steps: Vec<Duration> = seen.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert_eq!(steps, [Duration::ZERO, GRID, GRID, GRID, GRID], "no later than an answer would have been");
}

#[test]
fn a_host_key_that_nobody_trusts_ends_the_connection() {
    for declined in [false, true] {
        let mut pair = Pair::seeded(21);
        pair.client.app.trusted = Some(PrivateKey::from_seed(&[9; 32]).public());
        if declined {
            pair.client.app.hook = Some(Box::new(|connection, question| match question {
                ClientQuestion::HostKey { ticket, .. } => {
                    connection.decline(ticket);
                    None
                }
                other => Some(other),
            }));
        }
        pair.advance(Duration::from_secs(1));
        let refused = pair.client.error().expect("the client leaves");
        assert_eq!(refused.fault(), nacre_proto::Fault::Refused, "{refused:?}");
        let told = transport::Error::Closed(transport::Closed::Peer(Reason::HOST_KEY_NOT_VERIFIABLE));
        assert_eq!(pair.server.error(), Some(&Error::Transport(told)));
        assert_eq!(asked(&pair, "None"), 0);
    }
}

#[test]
fn a_host_key_that_does_not_sign_ends_the_connection() {
    let mut pair = Pair::seeded(22);
    pair.server.app.hook = Some(Box::new(|connection, question| match question {
        ServerQuestion::Sign { ticket, .. } => {
            connection.decline(ticket);
            None
        }
        other => Some(other),
    }));
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.server.error().map(Error::fault), Some(nacre_proto::Fault::Refused));
    assert!(pair.client.error().is_some());
}

#[test]
fn an_answer_after_its_deadline_is_ignored() {
    let within = Duration::from_secs(1);
    let configured = Pair::configured(23, |_| {}, |config| config.answer_within = Some(within));
    let mut pair = with_config(configured, |_| vec![password("right")]);
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    pair.server.app.hook = Some(Box::new(move |_, question| match question {
        ServerQuestion::Password { ticket, .. } => {
            *hold.borrow_mut() = Some(ticket);
            None
        }
        other => Some(other),
    }));
    pair.settle();
    pair.advance(within - Duration::from_nanos(1));
    assert_eq!(pair.client.app.wanted, [Because::Start]);
    pair.advance(GRID);
    assert_eq!(pair.client.app.wanted, [Because::Start, Because::Failure]);
    let ticket = held.borrow_mut().take().unwrap();
    let verdict = PasswordAnswer::Verdict(Verdict::Accept);
    assert_eq!(pair.server.connection.answer(ticket, verdict), Ok(()));
    pair.advance(Duration::from_secs(10));
    assert!(!is_in(&pair));
}

#[test]
fn a_client_that_has_nothing_left_says_so_and_leaves() {
    let mut pair = pair(24, |_| vec![Login::None]);
    pair.advance(Duration::from_secs(1));
    let gave_up = Error::UserAuth(userauth::Error::Refused(userauth::Refusal::GaveUp));
    assert_eq!(pair.client.error(), Some(&gave_up));
    let told = transport::Error::Closed(transport::Closed::Peer(Reason::NO_MORE_AUTH_METHODS_AVAILABLE));
    assert_eq!(pair.server.error(), Some(&Error::Transport(told)));
}

#[test]
fn methods_that_are_not_enabled_for_a_user_fail_without_anybody_being_asked() {
    let mut pair = pair(25, |key| vec![Login::None, password("right"), Login::Key(key, true)]);
    pair.server.app.passwords = vec!["right".to_owned()];
    pair.server.app.hook = Some(Box::new(|connection, question| {
        if let ServerQuestion::None { .. } = &question {
            connection.set_methods(Methods::EMPTY.with(Method::PublicKey)).unwrap();
        }
        Some(question)
    }));
    pair.log_in();
    assert_eq!(asked(&pair, "Password"), 0);
    assert!(pair.server.log.iter().any(|line| line.contains("NotEnabled")));
}

#[test]
fn what_a_server_takes_of_users_is_what_it_announces_and_both_change_together() {
    let rows = |names: &[&str]| names.iter().map(|name| SignatureAlg::by_name(name).unwrap()).collect();
    let first = rows(&["ssh-ed25519", "rsa-sha2-256-cert-v01@openssh.com"]);
    let configured = Pair::configured(
        26,
        |_| {},
        |config| {
            config.auth.algorithms = first;
            // Whatever stands here.
            Arc::make_mut(&mut config.transport).server_sig_algs = Vec::new();
        },
    );
    let mut pair = with_config(configured, |key| vec![Login::None, Login::Key(key, true)]);
    let told = Rc::new(RefCell::new(Vec::new()));
    let results = Rc::clone(&told);
    pair.server.app.hook = Some(Box::new(move |connection, question| {
        if let ServerQuestion::None { .. } = &question {
            let other = SignatureAlg::by_name("ecdsa-sha2-nistp256-cert-v01@openssh.com").unwrap();
            results.borrow_mut().push(connection.set_signature_algorithms(vec![other]));
        }
        Some(question)
    }));
    let announced =
        |pair: &Pair| pair.client.connection.transport().peer_extensions().server_sig_algs.clone();
    pair.run_until(GRID, |pair| announced(pair).is_some());
    assert_eq!(announced(&pair).as_deref(), Some("ssh-ed25519,rsa-sha2-256"));
    watch(&mut pair, 20 * GRID);
    assert_eq!(*told.borrow(), [Ok(true)]);
    assert_eq!(announced(&pair).as_deref(), Some("ecdsa-sha2-nistp256"));
    assert!(!is_in(&pair));
    assert_eq!(asked(&pair, "KeyOffer"), 0, "the key's algorithm is not accepted any more");
}
