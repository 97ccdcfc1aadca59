//! Both machines together: every method and what can come of it.

use std::collections::VecDeque;

use crate::rig::{Pair, all_methods, blob, by_key, by_password, config, ed25519, site, wallet};
use keys::Secret;
use nacre_userauth::client::{self, Because, Credential, LoggedIn, ServerExtensions};
use nacre_userauth::server::{self, BannerText};
use nacre_userauth::{
    Challenge, Error, InteractiveAnswer, KeyVerdict, Method, Methods, PasswordAnswer, Prompt, Refusal,
    Verdict, verify,
};
use wire::NameList;

fn interactive() -> Credential {
    Credential::Interactive { submethods: String::new() }
}

#[test]
fn none_lets_in_only_where_the_application_says_so() {
    let mut pair = Pair::new(config());
    let open = Box::new(
        |server: &mut nacre_userauth::Server, _: server::Ask<'_>, _, out: &mut crate::rig::Payloads| {
            server.none(Verdict::Accept, out)
        },
    );
    let seen = pair.run(open, wallet(vec![Credential::None]));
    assert_eq!(seen.methods(), [Method::None]);
    assert_eq!(seen.logged_in, Some(LoggedIn { method: Method::None, trivial: true }));

    let seen = Pair::new(config()).run(site(), wallet(vec![Credential::None]));
    assert!(seen.authenticated.is_none() && seen.logged_in.is_none());
    assert_eq!(seen.client_error, Some(Error::Refused(Refusal::GaveUp)));
}

#[test]
fn a_key_is_queried_signed_for_and_proven() {
    for query_first in [true, false] {
        let seen = Pair::new(config()).run(site(), wallet(vec![Credential::None, by_key(1, query_first)]));
        let who = seen.authenticated.unwrap();
        assert_eq!((who.user(), who.service()), ("alice", "ssh-connection"));
        let proven = who.key().unwrap();
        assert_eq!((proven.key(), proven.algorithm().name), (&blob(1)[..], "ssh-ed25519"));
        assert!(!proven.is_host_bound());
        assert_eq!(seen.logged_in, Some(LoggedIn { method: Method::PublicKey, trivial: false }));
    }
}

#[test]
fn the_host_bound_method_is_used_when_the_server_announced_it() {
    let mut pair = Pair::new(config());
    pair.client.set_extensions(ServerExtensions { signature_algorithms: None, host_bound: true });
    let seen = pair.run(site(), wallet(vec![by_key(1, true)]));
    assert!(seen.authenticated.unwrap().key().unwrap().is_host_bound());
}

#[test]
fn the_server_says_before_the_signature_whether_it_wants_the_key() {
    let mut asked = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut tried = vec![by_key(1, false), by_key(1, true), by_key(2, true)];
    let wallet = Box::new(
        move |client: &mut nacre_userauth::Client, ask: client::Ask<'_>, out: &mut crate::rig::Payloads| {
            match ask {
                client::Ask::Credential(_) => {
                    client.credential(tried.pop().unwrap_or(Credential::GiveUp), out)
                }
                client::Ask::Sign { wanted, .. } => {
                    sender.send(wanted).unwrap();
                    client.signature(None, out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let seen = Pair::new(config()).run(site(), wallet);
    asked.extend(receiver.try_iter());
    // Key 2 is refused without a signature; key 1 is wanted when queried, and nobody has said so when it is not.
    assert_eq!(asked, [true, false]);
    assert_eq!(seen.client_error, Some(Error::Refused(Refusal::GaveUp)));
    assert!(seen.authenticated.is_none());
}

#[test]
fn a_wrong_key_fails_and_the_right_one_still_gets_in() {
    let seen =
        Pair::new(config()).run(site(), wallet(vec![by_key(2, true), by_key(3, false), by_key(1, true)]));
    assert_eq!(seen.methods(), [Method::PublicKey]);
    assert_eq!(seen.authenticated.unwrap().key().unwrap().key(), blob(1));
}

#[test]
fn a_password_gets_in_when_it_is_right() {
    let seen = Pair::new(config()).run(site(), wallet(vec![by_password(b"wrong"), by_password(b"correct")]));
    assert_eq!(seen.methods(), [Method::Password]);
    assert!(seen.authenticated.unwrap().key().is_none());
    assert_eq!(seen.logged_in, Some(LoggedIn { method: Method::Password, trivial: false }));
}

#[test]
fn an_expired_password_is_changed_and_the_new_one_may_be_refused_once() {
    let mut changes = 0;
    let site = Box::new(
        move |server: &mut nacre_userauth::Server,
              ask: server::Ask<'_>,
              now,
              out: &mut crate::rig::Payloads| {
            match ask {
                server::Ask::Password { password, .. } => {
                    assert!(password.ct_eq(b"old"));
                    server.password(now, PasswordAnswer::Change { prompt: "Expired.".into() }, out)
                }
                server::Ask::PasswordChange { old, new, .. } => {
                    assert!(old.ct_eq(b"old"));
                    changes += 1;
                    let answer = if new.ct_eq(b"long enough") {
                        assert_eq!(changes, 2);
                        PasswordAnswer::Verdict(Verdict::Accept)
                    } else {
                        PasswordAnswer::Change { prompt: "Too short.".into() }
                    };
                    server.password(now, answer, out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let (sender, prompts) = std::sync::mpsc::channel();
    let mut new = vec!["long enough", "short"];
    let wallet = Box::new(
        move |client: &mut nacre_userauth::Client, ask: client::Ask<'_>, out: &mut crate::rig::Payloads| {
            match ask {
                client::Ask::Credential(_) => client.credential(by_password(b"old"), out),
                client::Ask::ChangePassword { prompt } => {
                    sender.send(prompt.to_string()).unwrap();
                    let new = Secret::copy_of(new.pop().unwrap().as_bytes());
                    client.change_password(Some((Secret::copy_of(b"old"), new)), out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let seen = Pair::new(config()).run(site, wallet);
    assert_eq!(prompts.try_iter().collect::<Vec<_>>(), ["Expired.", "Too short."]);
    assert_eq!(seen.methods(), [Method::Password]);
}

#[test]
fn declining_a_change_leads_to_another_credential() {
    let site = Box::new(
        |server: &mut nacre_userauth::Server, ask: server::Ask<'_>, now, out: &mut crate::rig::Payloads| {
            match ask {
                server::Ask::Password { .. } => {
                    server.password(now, PasswordAnswer::Change { prompt: "Expired.".into() }, out)
                }
                server::Ask::KeyProof { proof } => {
                    server.key_proof(now, KeyVerdict::Accept(verify(&proof).unwrap()), out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let mut pair = Pair::new(config());
    let seen = pair.run(site, wallet(vec![by_password(b"old"), by_key(1, false)]));
    assert_eq!(seen.methods(), [Method::PublicKey]);
}

#[test]
fn prompts_go_on_for_as_many_rounds_as_the_application_wants_also_without_prompts() {
    let notice = Challenge { instruction: "Welcome.".into(), ..Challenge::default() };
    let two = Challenge {
        prompts: ["PIN: ", "Token: "].map(|text| Prompt { text: text.into(), echo: true }).to_vec(),
        ..Challenge::default()
    };
    let mut rounds = vec![two, crate::rig::colour(), notice];
    let site = Box::new(
        move |server: &mut nacre_userauth::Server,
              ask: server::Ask<'_>,
              now,
              out: &mut crate::rig::Payloads| {
            if let server::Ask::Responses { responses } = &ask {
                assert!(responses.as_slice().iter().all(|response| response.ct_eq(b"blue")));
            }
            let answer = match rounds.pop() {
                Some(challenge) => InteractiveAnswer::Challenge(challenge),
                None => InteractiveAnswer::Verdict(Verdict::Accept),
            };
            server.interactive(now, answer, out)
        },
    );
    let (sender, seen_prompts) = std::sync::mpsc::channel();
    let wallet = Box::new(
        move |client: &mut nacre_userauth::Client, ask: client::Ask<'_>, out: &mut crate::rig::Payloads| {
            match ask {
                client::Ask::Credential(_) => client.credential(interactive(), out),
                client::Ask::Prompts(prompts) => {
                    let shown: Vec<_> = prompts.iter().map(|one| (one.text.to_string(), one.echo)).collect();
                    sender
                        .send((prompts.name().to_string(), prompts.instruction().to_string(), shown))
                        .unwrap();
                    client.responses(
                        Some((0..prompts.count()).map(|_| Secret::copy_of(b"blue")).collect()),
                        out,
                    )
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let seen = Pair::new(config()).run(site, wallet);
    let prompts: Vec<_> = seen_prompts.try_iter().collect();
    assert_eq!(
        prompts,
        [
            (String::new(), "Welcome.".into(), vec![]),
            ("Riddle".into(), "Think.".into(), vec![("Colour: ".into(), false)]),
            (String::new(), String::new(), vec![("PIN: ".into(), true), ("Token: ".into(), true)]),
        ]
    );
    assert_eq!(seen.methods(), [Method::KeyboardInteractive]);
    assert_eq!(seen.logged_in, Some(LoggedIn { method: Method::KeyboardInteractive, trivial: false }));
}

#[test]
fn a_login_without_any_prompt_or_secret_is_called_trivial() {
    let site = Box::new(
        |server: &mut nacre_userauth::Server, _: server::Ask<'_>, now, out: &mut crate::rig::Payloads| {
            server.interactive(now, InteractiveAnswer::Verdict(Verdict::Accept), out)
        },
    );
    let seen = Pair::new(config()).run(site, wallet(vec![interactive()]));
    assert_eq!(seen.logged_in, Some(LoggedIn { method: Method::KeyboardInteractive, trivial: true }));
}

#[test]
fn wrong_responses_fail() {
    let wallet = Box::new(
        |client: &mut nacre_userauth::Client, ask: client::Ask<'_>, out: &mut crate::rig::Payloads| match ask
        {
            client::Ask::Credential(wanted) if wanted.requests < 2 => client.credential(interactive(), out),
            client::Ask::Credential(_) => client.credential(Credential::GiveUp, out),
            client::Ask::Prompts(_) => client.responses(Some(vec![Secret::copy_of(b"red")]), out),
            other => panic!("{other:?}"),
        },
    );
    let mut pair = Pair::new(config());
    let seen = pair.run(site(), wallet);
    assert!(seen.authenticated.is_none());
    assert_eq!(pair.server.failures(), 2);
}

/// `AuthenticationMethods publickey,password publickey,keyboard-interactive` of OpenSSH.
fn chain() -> crate::rig::Site {
    Box::new(|server, ask, now, out| match ask {
        server::Ask::None { .. } => server.none(Verdict::Reject, out),
        server::Ask::KeyOffer { .. } => server.key_offer(now, true, out),
        server::Ask::KeyProof { proof } => {
            let remaining = Methods::EMPTY.with(Method::Password).with(Method::KeyboardInteractive);
            server.key_proof(now, KeyVerdict::Partial { proven: verify(&proof).unwrap(), remaining }, out)
        }
        server::Ask::Password { password, .. } => {
            assert_eq!(server.steps().len(), 1);
            let verdict = if password.ct_eq(b"correct") { Verdict::Accept } else { Verdict::Reject };
            server.password(now, PasswordAnswer::Verdict(verdict), out)
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_chain_needs_all_its_steps_in_their_order() {
    let config = server::Config { methods: Methods::EMPTY.with(Method::PublicKey), ..config() };
    let (sender, wanted) = std::sync::mpsc::channel();
    let mut tried = VecDeque::from([
        Credential::None,
        by_password(b"correct"),
        by_key(2, true),
        by_password(b"wrong"),
        by_password(b"correct"),
    ]);
    let wallet = Box::new(
        move |client: &mut nacre_userauth::Client, ask: client::Ask<'_>, out: &mut crate::rig::Payloads| {
            match ask {
                client::Ask::Credential(now) => {
                    let remaining = now.remaining.map(|list| list.iter().collect::<Vec<_>>().join(" "));
                    sender.send((now.because, remaining, now.tried)).unwrap();
                    client.credential(tried.pop_front().unwrap(), out)
                }
                client::Ask::Sign { algorithm, data, .. } => {
                    client.signature(Some(crate::rig::key(2).sign(algorithm, &data).unwrap()), out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let seen = Pair::new(config).run(chain(), wallet);
    let first = Some("publickey".to_owned());
    let second = Some("password keyboard-interactive".to_owned());
    let (none, password) = (Methods::EMPTY.with(Method::None), Methods::EMPTY.with(Method::Password));
    assert_eq!(
        wanted.try_iter().collect::<Vec<_>>(),
        [
            (Because::Start, None, Methods::EMPTY),
            (Because::Failure, first.clone(), none),
            // The password came too early: it was not even looked at.
            (Because::Failure, first, none.with(Method::Password)),
            (Because::PartialSuccess, second.clone(), Methods::EMPTY),
            (Because::Failure, second, password),
        ]
    );
    assert_eq!(seen.unasked, [server::Unasked::NotEnabled]);
    let who = seen.authenticated.unwrap();
    let methods: Vec<_> = who.steps().iter().map(|step| step.method()).collect();
    assert_eq!(methods, [Method::PublicKey, Method::Password]);
    // The key of the first step is the key of the login.
    assert_eq!(who.key().unwrap().key(), blob(2));
}

#[test]
fn banners_come_before_the_first_reply_and_whenever_the_application_likes() {
    let banner = Some(BannerText::new("Authorised\nuse only").unwrap());
    let mut pair = Pair::new(server::Config { banner, ..config() });
    let site = Box::new(
        |server: &mut nacre_userauth::Server, ask: server::Ask<'_>, now, out: &mut crate::rig::Payloads| {
            match ask {
                server::Ask::None { .. } => {
                    server.banner(&BannerText::new("second").unwrap(), out).unwrap();
                    server.none(Verdict::Reject, out)
                }
                server::Ask::Password { .. } => {
                    server.password(now, PasswordAnswer::Verdict(Verdict::Accept), out)
                }
                other => panic!("{other:?}"),
            }
        },
    );
    let seen = pair.run(site, wallet(vec![Credential::None, by_password(b"x")]));
    // Shown escaped: a server cannot move the cursor of a terminal.
    assert_eq!(seen.banners, ["Authorised\\x0d\\x0ause only", "second"]);
    assert_eq!(seen.methods(), [Method::Password]);
    let late = pair.server.banner(&BannerText::new("late").unwrap(), &mut crate::rig::Payloads::new());
    assert_eq!(late, Err(Error::Misuse(nacre_userauth::Misuse::WrongTime)));
}

#[test]
fn an_announced_list_of_algorithms_is_told_and_does_not_stop_keys_that_have_only_one() {
    let mut pair = Pair::new(config());
    assert_eq!(pair.client.takes(ed25519()), None);
    let list = Some(NameList::new("rsa-sha2-512,rsa-sha2-256").unwrap());
    pair.client.set_extensions(ServerExtensions { signature_algorithms: list, host_bound: false });
    assert_eq!(pair.client.takes(ed25519()), Some(false));
    let seen = pair.run(site(), wallet(vec![by_key(1, true)]));
    assert_eq!(seen.methods(), [Method::PublicKey]);
    let list = Some(NameList::new("rsa-sha2-512,ssh-ed25519").unwrap());
    pair.client.set_extensions(ServerExtensions { signature_algorithms: list, host_bound: false });
    assert_eq!(pair.client.takes(ed25519()), Some(true));
    // What a certificate's key signs with is what is listed.
    let takes = |name| pair.client.takes(keys::SignatureAlg::by_name(name).unwrap());
    assert_eq!(takes("rsa-sha2-512-cert-v01@openssh.com"), Some(true));
    assert_eq!(takes("rsa-sha2-256-cert-v01@openssh.com"), Some(false));
}

#[test]
fn everything_refused_ends_in_no_login() {
    let no = || -> crate::rig::Site { Box::new(|server, _, now, out| server.refuse(now, out)) };
    for credential in
        [Credential::None, by_key(1, true), by_key(1, false), by_password(b"correct"), interactive()]
    {
        let mut pair = Pair::new(config());
        let seen = pair.run(no(), wallet(vec![credential]));
        assert!(seen.authenticated.is_none() && seen.logged_in.is_none());
        assert_eq!(seen.client_error, Some(Error::Refused(Refusal::GaveUp)));
    }
    let refusing: crate::rig::Wallet = Box::new(|client, _, out| client.refuse(out));
    let seen = Pair::new(config()).run(site(), refusing);
    assert_eq!(seen.client_error, Some(Error::Refused(Refusal::GaveUp)));
}

#[test]
fn nothing_is_enabled_by_default() {
    let default = || server::Config { algorithms: vec![ed25519()], ..server::Config::default() };
    for credential in [by_key(1, true), by_key(1, false), by_password(b"correct"), interactive()] {
        let seen = Pair::new(default()).run(site(), wallet(vec![credential]));
        assert_eq!(seen.unasked, [server::Unasked::NotEnabled]);
        assert!(seen.authenticated.is_none());
    }
    assert!(server::Config::default().algorithms.is_empty() && all_methods().contains(Method::None));
}
