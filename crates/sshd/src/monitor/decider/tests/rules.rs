//! Who is let in, and who is not.

use super::*;
use crate::monitor::testing;

#[test]
fn attempts_are_counted_and_become_worth_a_line() {
    let mut bench = Bench::named("LogLevel INFO\nMaxAuthTries 4\nPubkeyAuthOptions max-pk-ok:0\n", USER);
    bench.made.server.log.set_level(crate::log::Level::Info);
    let stranger = PrivateKey::from_seed(&[3; 32]);
    for _ in 0..4 {
        assert!(!bench.offer(&stranger));
    }
    let line = format!(
        "Failed publickey for {USER} from UNKNOWN port 65535 ssh2: ED25519 {}",
        stranger.public().fingerprint()
    );
    assert_eq!(bench.made.logged(), [line.clone(), line], "from half of the attempts on");
    assert_eq!(violation(bench.log_in(USER, false)), Violation::TooManyTries);
    bench.is_over();
}

#[test]
fn some_keys_may_be_asked_about_in_vain_before_that_counts() {
    let mut bench = Bench::named("MaxAuthTries 2\nPubkeyAuthOptions max-pk-ok:3\n", USER);
    let stranger = PrivateKey::from_seed(&[3; 32]);
    for _ in 0..3 {
        assert!(!bench.offer(&stranger));
    }
    assert!(bench.offer_own());
    assert!(!bench.offer(&stranger));
    let proof = bench.proof(&stranger, &Exchange::new(1).hash(), USER, false);
    assert!(!good(bench.prove(&proof)));
    assert_eq!(violation(bench.log_in(USER, false)), Violation::TooManyTries);
    bench.is_over();
}

#[test]
fn who_does_not_exist_gets_the_same_answers_as_one_whose_every_key_is_wrong() {
    let mut bench = Bench::named("", "nobody-at-all");
    assert!(!bench.offer(&user_key()));
    assert!(!good(bench.log_in("nobody-at-all", false)));
    assert_eq!(bench.made.logged(), ["Invalid user nobody-at-all from UNKNOWN port 65535"]);
}

#[test]
fn who_is_kept_out_stays_out_even_with_a_key_that_is_good_for_everybody() {
    let mut bench = Bench::new("");
    let keys = bench.made.home().with_file_name("keys");
    testing::write(&keys, &user_key().public().to_string());
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    open(&keys, 0o644);
    open(keys.parent().unwrap(), 0o755);
    let lines = format!("StrictModes no\nAuthorizedKeysFile {}\n", keys.display());
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name("nobody-at-all");
    assert!(!bench.offer(&user_key()));
    assert!(!good(bench.log_in("nobody-at-all", false)));
    assert_eq!(bench.made.logged(), ["Invalid user nobody-at-all from UNKNOWN port 65535"]);
}

#[test]
fn keys_are_no_good_where_they_are_switched_off() {
    let off = "PubkeyAuthentication no\nMaxAuthTries 2\n";
    let mut bench = Bench::exchanged(&format!("{off}PubkeyAuthOptions max-pk-ok:0\n"));
    assert_eq!(bench.name(USER).methods, "");
    assert!(!bench.offer(&user_key()));
    assert!(!good(bench.log_in(USER, false)));
    assert_eq!(violation(bench.log_in(USER, false)), Violation::TooManyTries);
    // What is free where they are on is so here: net counts without knowing why a question was answered with no.
    let mut bench = Bench::named(off, USER);
    assert!(!bench.offer(&user_key()));
    assert!(!good(bench.log_in(USER, false)));
    assert!(!good(bench.log_in(USER, false)));
    assert_eq!(violation(bench.log_in(USER, false)), Violation::TooManyTries);
}

#[test]
fn root_logs_in_as_permit_root_login_says() {
    let is_root = Uid::effective() == Uid::ROOT;
    let key = user_key().public();
    for (value, plain, forced) in [
        ("yes", true, true),
        ("prohibit-password", true, true),
        ("forced-commands-only", false, true),
        ("no", false, false),
    ] {
        for (options, may) in [("", plain), ("command=\"x\" ", forced)] {
            // Everybody else is not asked about.
            let may = may || !is_root;
            let mut bench = Bench::named(&format!("PermitRootLogin {value}\n"), USER);
            bench.made.authorize(&format!("{options}{key}"));
            bench.made.logged();
            let outcome = bench.log_in(USER, false);
            assert_eq!(matches!(outcome, Ok(Outcome::LogIn(_))), may, "{value} {options}");
            let logged = bench.made.logged();
            let said = |line: &str| logged.iter().any(|logged| logged == line);
            assert_eq!(said("ROOT LOGIN REFUSED FROM UNKNOWN port 65535"), !may, "{logged:?}");
            let accepted = is_root && may && value == "forced-commands-only";
            assert_eq!(said("Root login accepted for forced command."), accepted, "{logged:?}");
        }
    }
}

#[test]
fn nologin_is_shown_to_those_it_keeps_out() {
    let mut bench = Bench::exchanged("");
    bench.made.no_logins("back at noon\n");
    let policy = bench.name(USER);
    let is_root = Uid::effective() == Uid::ROOT;
    assert_eq!(policy.banner, if is_root { &b""[..] } else { b"back at noon\n" });
    assert_eq!(matches!(bench.log_in(USER, false), Ok(Outcome::LogIn(_))), is_root);
    let mut bench = Bench::exchanged("");
    bench.made.no_logins("back at noon\n");
    assert_eq!(bench.name("nobody-at-all").banner, b"back at noon\n", "so it tells nothing");
}

#[test]
fn with_quick_only_its_user_comes_in_by_key_or_password() {
    let key = PrivateKey::from_seed(&[5; 32]);
    let named = |keys: &[&PrivateKey], password| {
        let mut bench = Bench::of(Made::quick(keys, password));
        bench.exchange(1);
        let policy = bench.name("whoever");
        (bench, policy.methods)
    };
    let (mut bench, methods) = named(&[&key], None);
    assert_eq!(methods, "publickey");
    assert!(!good(bench.password(b"")));
    let proof = bench.proof(&key, &Exchange::new(1).hash(), "whoever", false);
    let authenticated = admitted(bench.prove(&proof));
    assert!(authenticated.credentials.is_none() && authenticated.permit.pty);

    let (mut bench, methods) = named(&[], Some("secret"));
    assert_eq!(methods, "publickey,password");
    bench.made.authorize(&user_key().public().to_string());
    std::fs::set_permissions(bench.made.home(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert!(bench.offer(&user_key()), "without StrictModes");
    bench.made.logged();
    assert!(!good(bench.password(b"wrong")));
    assert!(!good(bench.password(b"")));
    admitted(bench.password(b"secret"));
    let failed = "Failed password for whoever from UNKNOWN port 65535 ssh2";
    let accepted = "Accepted password for whoever from UNKNOWN port 65535 ssh2";
    assert_eq!(bench.made.logged(), [failed, failed, accepted]);

    let mut bench = Bench::of(Made::quick(&[&key], Some("secret")));
    bench.exchange(1);
    bench.name(USER);
    assert!(!good(bench.password(b"secret")));
    let proof = bench.proof(&key, &Exchange::new(1).hash(), USER, false);
    assert!(!good(bench.prove(&proof)));
    let line = format!("Failed password for invalid user {USER} from UNKNOWN port 65535 ssh2");
    assert!(bench.made.logged().contains(&line));
}

#[test]
fn conditions_of_a_key_hold_when_it_is_offered_and_when_it_is_proven() {
    for options in ["from=\"192.0.2.0/24\"", "from=\"*\"", "expiry-time=\"20200101\""] {
        let mut bench = Bench::named("", USER);
        bench.made.authorize(&format!("{options} {}", user_key().public()));
        bench.made.logged();
        let refused = "Refused by key options at HOME/.ssh/authorized_keys:1";
        for attempt in [Bench::offer_own, Bench::prove_own] {
            assert!(!attempt(&mut bench), "{options}");
            let logged = bench.made.logged();
            assert!(logged.iter().any(|line| line == refused), "{options}: {logged:?}");
        }
    }
    let mut bench = Bench::named("", USER);
    bench.made.authorize(&format!("expiry-time=\"20990101\" {}", user_key().public()));
    assert!(bench.offer_own());
    assert_eq!(admitted(bench.log_in(USER, false)).permit.key_env, []);
}

#[test]
fn a_key_that_is_limited_gives_a_limited_permit() {
    let mut bench = Bench::named("PermitUserEnvironment A*\nX11Forwarding yes\n", USER);
    let options = "restrict,port-forwarding,permitopen=\"a:1\",environment=\"A=1\",environment=\"B=2\"";
    bench.made.authorize(&format!("{options} {}", user_key().public()));
    let permit = admitted(bench.log_in(USER, false)).permit;
    assert!(!permit.pty && !permit.agent && !permit.user_rc && permit.x11.is_none());
    assert!(permit.tcp.local && permit.tcp.remote && permit.open.len() == 1 && permit.listen.is_empty());
    assert_eq!(permit.key_env, [("A".to_owned(), "1".to_owned())]);
}

#[test]
fn an_option_that_is_none_keeps_the_key_out() {
    let mut bench = Bench::named("", USER);
    bench.made.authorize(&format!("permitopen=\"a\" {}", user_key().public()));
    bench.made.logged();
    assert!(!bench.offer_own() && !bench.prove_own());
    let line = "HOME/.ssh/authorized_keys:1: option permitopen: invalid permission port";
    assert_eq!(bench.made.logged().iter().filter(|logged| *logged == line).count(), 1);
}
