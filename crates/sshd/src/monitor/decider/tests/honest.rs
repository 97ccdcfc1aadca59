//! What an honest net gets.

use super::*;
use crate::monitor::testing;
use crate::permit::Forced;

#[test]
fn a_user_logs_in_with_a_listed_key_and_the_log_has_openssh_s_words() {
    let mut bench = Bench::named("", USER);
    assert_eq!(bench.made.logged(), [""; 0]);
    assert!(bench.offer(&user_key()));
    let authenticated = admitted(bench.log_in(USER, false));
    assert_eq!(authenticated.user.name, USER);
    assert_eq!(authenticated.credentials.is_some(), Uid::effective() == Uid::ROOT);
    assert_eq!(bench.decider.phase(), Phase::LoggedIn);
    let key = fingerprint();
    let found = format!("Accepted key {key} found at HOME/.ssh/authorized_keys:1");
    assert_eq!(
        bench.made.logged(),
        [
            found.clone(),
            format!("Postponed publickey for {USER} from UNKNOWN port 65535 ssh2 [preauth]"),
            found,
            format!("Accepted publickey for {USER} from UNKNOWN port 65535 ssh2: {key}"),
        ]
    );
}

#[test]
fn the_host_key_signs_the_hash_of_the_strings_and_its_own_blob() {
    let mut bench = Bench::new("");
    let signature = bench.exchange(1);
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let blob = host_key().public().blob();
    assert!(verify(row, &blob, &Exchange::new(1).hash(), &signature).is_ok());
    assert!(verify(row, &blob, &Exchange::new(2).hash(), &signature).is_err());
}

#[test]
fn the_first_exchange_names_the_session_whatever_comes_later() {
    let mut bench = Bench::exchanged("");
    bench.exchange(5);
    bench.name(USER);
    let later = bench.proof(&user_key(), &Exchange::new(5).hash(), USER, false);
    assert!(!good(bench.prove(&later)));
    admitted(bench.log_in(USER, false));
    bench.exchange(6);
    assert_eq!(bench.decider.phase(), Phase::LoggedIn, "a rekey changes nothing");
}

#[test]
fn the_host_bound_method_covers_the_host_key_that_signed() {
    let mut bench = Bench::named("", USER);
    let mut proof = bench.proof(&user_key(), &Exchange::new(1).hash(), USER, true);
    proof.host_bound = false;
    assert!(!good(bench.prove(&proof)));
    admitted(bench.log_in(USER, true));
}

#[test]
fn the_style_behind_the_colon_is_signed_but_names_nobody() {
    let name = format!("{USER}:style");
    let mut bench = Bench::named("", &name);
    assert!(!good(bench.log_in(USER, false)), "the whole name is signed");
    let authenticated = admitted(bench.log_in(&name, false));
    assert_eq!(authenticated.user.name, USER);
}

#[test]
fn the_permit_is_what_configuration_and_key_both_allow() {
    let lines = "AcceptEnv LC_*\nSetEnv A=1\nSubsystem sftp /bin/sftp -e\nMaxSessions 3\n";
    let mut bench = Bench::named(lines, USER);
    let key = user_key().public();
    bench.made.authorize(&format!("no-pty,command=\"of the key\" {key}"));
    let permit = admitted(bench.log_in(USER, false)).permit;
    assert_eq!(permit.forced, Some(Forced { command: b"of the key".into(), by_key: true }));
    assert_eq!((permit.sessions, permit.pty), (3, false));
    assert_eq!(permit.accept_env, ["LC_*"]);
    assert_eq!(permit.set_env, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(permit.subsystems, [("sftp".to_owned(), "/bin/sftp -e".to_owned())]);

    let mut bench = Bench::named("PermitTTY no\nForceCommand of the server\n", USER);
    bench.made.authorize(&format!("command=\"of the key\" {key}"));
    let permit = admitted(bench.log_in(USER, false)).permit;
    assert_eq!(permit.forced, Some(Forced { command: b"of the server".into(), by_key: false }));
    assert!(!permit.pty);
}

#[test]
fn what_holds_for_the_user_is_found_by_name_and_group() {
    let lines = "Match Group people\n MaxAuthTries 2\n LogLevel DEBUG1\nMatch User bob\n MaxAuthTries 3\n PubkeyAuthOptions max-pk-ok:9\n\
                 Match invalid-user\n MaxAuthTries 4\n";
    let mut bench = Bench::exchanged(lines);
    let policy = bench.name(USER);
    assert_eq!((policy.methods.as_str(), policy.max_tries), ("publickey", 2));
    assert_eq!(policy.key_questions, 6);
    assert_eq!(policy.algorithms, testing::USER_ALGORITHMS.join(","));
    assert_eq!(bench.made.server.log.level(), crate::log::Level::Debug1);
    assert_eq!(Bench::exchanged(lines).name("nobody-at-all").max_tries, 4);
    let policy = Bench::exchanged(lines).name("bob");
    assert_eq!((policy.max_tries, policy.key_questions), (3, 9));
}

#[test]
fn the_title_and_the_log_name_no_user_who_does_not_exist() {
    let mut bench = Bench::exchanged("");
    bench.name("mallory\nroot:x");
    assert_eq!(bench.made.logged(), ["Invalid user mallory\\x0aroot from UNKNOWN port 65535"]);
}

#[test]
fn lines_for_the_log_are_marked_before_the_login_only() {
    let mut bench = Bench::named("", USER);
    let line = Log { level: 3, text: Human(b"said\nAccepted") };
    assert!(matches!(bench.send(&line), Ok(Outcome::Nothing)));
    admitted(bench.log_in(USER, false));
    bench.made.logged();
    assert!(matches!(bench.send(&line), Ok(Outcome::Nothing)));
    let line = SessionLog { level: 3, text: Human(b"of the session") };
    assert!(matches!(bench.session_sends(&line), Ok(Outcome::Nothing)));
    assert_eq!(bench.made.logged(), ["said\\x0aAccepted", "of the session"]);
    let mut bench = Bench::new("");
    bench.send(&Log { level: 3, text: Human(b"first") }).unwrap();
    bench.send(&Log { level: 5, text: Human(b"too small") }).unwrap();
    assert_eq!(bench.made.logged(), ["first [preauth]"]);
}

#[test]
fn a_terminal_is_asked_for_behind_the_login() {
    let mut bench = Bench::named("", USER);
    admitted(bench.log_in(USER, false));
    assert!(matches!(bench.session_sends(&PtyOpen {}), Ok(Outcome::OpenPty)));
}

#[test]
fn groups_of_who_is_kept_out_match_too() {
    let mut bench = Bench::new("Match Group others\n MaxAuthTries 2\n");
    let etc = bench.made.home().with_file_name("etc");
    std::fs::write(etc.join("group"), "others:x:4321:\n").unwrap();
    bench.made.no_logins("");
    bench.exchange(1);
    assert_eq!(bench.name("bob").max_tries, 2);
}
