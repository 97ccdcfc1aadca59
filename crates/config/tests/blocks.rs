//! `Match` and `Include`: which lines hold for which connection, what is known when, and what there may be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::{Duration, Instant};

use common::{ENVIRONMENT, Memory, PATH, effective, read, refused};
use nacre_config::{
    CommandLine, Config, ConnInfo, ReadError,
    error::Problem,
    limits::{MAX_DEPTH, MAX_FILE, MAX_INCLUDES, MAX_REPORTS},
};

fn bob() -> ConnInfo {
    let known = "user=bob,host=h.example.org,addr=192.0.2.7,laddr=2001:db8::1,lport=2222,rdomain=rd";
    ConnInfo { groups: Some(vec!["bob".into(), "wheel".into()]), ..ConnInfo::parse(known).unwrap() }
}

/// Whether a block with these criteria holds.
fn holds(criteria: &str, connection: &ConnInfo) -> bool {
    let config = read(&Memory::with(&format!("Match {criteria}\nMaxSessions 3\n"))).unwrap();
    config.effective(connection).max_sessions == 3
}

#[test]
fn criteria_match_what_they_are_about() {
    for criteria in [
        "all",
        "ALL",
        "user bob",
        "User=bob",
        "user b*,carol",
        "user *,!carol",
        "group wheel",
        "group x,b?b",
        "host H.EXAMPLE.ORG",
        "host *.example.org,!x.example.org",
        "address 192.0.2.0/24",
        "address 192.0.2.?",
        "address 10.0.0.0/8,192.0.2.7",
        "localaddress 2001:db8::/32",
        "localport 2222",
        "rdomain r*",
        "version OpenSSH_*",
        "user bob group wheel host=h* localport=2222 # why",
    ] {
        assert!(holds(criteria, &bob()), "{criteria}");
    }
    for criteria in [
        "user BOB",
        "user *,!bob",
        "user !bob",
        "user !carol",
        "group WHEEL",
        "group *,!wheel",
        "host x.example.org",
        "address 192.0.2.0/24,!192.0.2.7",
        "address 2001:db8::/32",
        "localaddress 192.0.2.7",
        "localport 22",
        "rdomain x",
        "version Nacre*",
        "invalid-user",
        "user bob group none",
        "user carol host h*",
    ] {
        assert!(!holds(criteria, &bob()), "{criteria}");
    }
}

#[test]
fn what_is_not_known_yet_matches_nothing() {
    let nobody = ConnInfo::default();
    for criteria in [
        "user *",
        "group *",
        "host *",
        "address *",
        "address 0.0.0.0/0,::/0",
        "localaddress *",
        "localport 0",
        "rdomain *",
        "invalid-user",
        "user !x,*",
    ] {
        assert!(!holds(criteria, &nobody), "{criteria}");
    }
    assert!(holds("all", &nobody) && holds("version *", &nobody));
}

#[test]
fn the_user_is_asked_about_again_when_it_is_known() {
    let main = "MaxSessions 9\nMatch address 192.0.2.0/24\nMaxAuthTries 2\nMatch user bob\nMaxAuthTries 1\nMaxSessions 1\n";
    let config = read(&Memory::with(main)).unwrap();
    let connected = ConnInfo { user: None, groups: None, ..bob() };
    let before = config.effective(&connected);
    assert_eq!((before.max_auth_tries, before.max_sessions), (2, 9));
    let after = config.effective(&bob());
    assert_eq!((after.max_auth_tries, after.max_sessions), (2, 1));
    assert_eq!(config.global().max_auth_tries, 6);
}

#[test]
fn an_invalid_user_has_a_criterion_of_its_own() {
    let stranger = ConnInfo { user: Some("x".into()), invalid_user: true, ..ConnInfo::default() };
    assert!(holds("Invalid-User", &stranger) && holds("user x invalid-user", &stranger));
    assert!(!holds("invalid-user user bob", &stranger));
}

#[test]
fn lists_in_blocks_replace_the_ones_outside_and_add_to_each_other() {
    let main = "AcceptEnv A\nSubsystem a /a\nMatch user bob\nAcceptEnv B\nMatch host h*\nAcceptEnv C\nSubsystem b /b\n";
    let config = read(&Memory::with(main)).unwrap();
    let effective = config.effective(&bob());
    assert_eq!(effective.accept_env.0, ["B", "C"]);
    assert_eq!(effective.subsystem.command("a"), None);
    let elsewhere = ConnInfo { host: None, ..bob() };
    assert_eq!(config.effective(&elsewhere).accept_env.0, ["B"]);
    assert_eq!(config.effective(&elsewhere).subsystem.command("a"), Some("/a"));
    assert_eq!(config.effective(&ConnInfo::default()).accept_env.0, ["A"]);
}

#[test]
fn bad_criteria_are_named() {
    let condition = |why: &str| format!("{why}\n{PATH} line 1: Bad Match condition");
    for (criteria, why) in [
        ("user", "Missing Match criteria for user"),
        ("User=", "Missing Match criteria for User"),
        ("all user x", "'all' cannot be combined with other Match attributes"),
        ("tagged x", "Unsupported Match attribute tagged"),
        ("localport 65536", "Invalid LocalPort '65536' on Match line"),
        ("localport +22", "Invalid LocalPort '+22' on Match line"),
        ("address 10.0.0.1/8", "Invalid Match address argument '10.0.0.1/8'"),
        ("localaddress 10.0.0.0/33", "Invalid Match localaddress argument '10.0.0.0/33'"),
    ] {
        assert_eq!(refused(&format!("Match {criteria}\n")), condition(why));
    }
    let long = refused(&format!("Match user *,!{}\n", "x".repeat(2_000)));
    assert!(long.starts_with("Pattern too long in '*,!xxx"), "{long}");
    assert!(long.len() < 600, "an error repeats only the beginning");
}

#[test]
fn a_test_specification_is_read_or_refused() {
    assert_eq!(ConnInfo::parse(""), Ok(ConnInfo::default()));
    assert_eq!(ConnInfo::parse("user=bob,,").unwrap().user.as_deref(), Some("bob"));
    assert_eq!(ConnInfo::parse("addr=UNKNOWN,laddr=").unwrap(), ConnInfo::default());
    assert!(ConnInfo::parse("invalid-user").unwrap().invalid_user);
    for (spec, element) in [("user=a,foo=b", "foo=b"), ("addr=nope", "addr=nope"), ("User=a", "User=a")] {
        let error = ConnInfo::parse(spec).unwrap_err().to_string();
        assert_eq!(error, format!("Invalid test mode specification {element}"));
    }
    let error = ConnInfo::parse("lport=-1").unwrap_err().to_string();
    assert_eq!(error, "Invalid port '-1' in test mode specification lport=-1");
}

#[test]
fn included_files_stand_where_they_are_included_and_their_blocks_end_with_them() {
    let files = Memory::with("MaxAuthTries 1\nInclude sshd_config.d/*.conf\nMaxSessions 5\nMaxStartups 5\n")
        .and("/etc/ssh/sshd_config.d/2.conf", "MaxSessions 2\nMaxStartups 2\n")
        .and("/etc/ssh/sshd_config.d/1.conf", "MaxAuthTries 9\nMatch user bob\nMaxSessions 1\n")
        .and("/etc/ssh/sshd_config.d/3.txt", "Nonsense\n");
    let config = read(&files).unwrap();
    let global = config.global();
    assert_eq!((global.max_auth_tries, global.max_sessions, global.max_startups.full), (1, 2, 2));
    assert_eq!(config.effective(&bob()).max_sessions, 1);
}

#[test]
fn a_block_around_an_include_holds_for_all_in_it() {
    let files = Memory::with("Match group wheel\nInclude /a\nMaxSessions 5\nMatch all\nMaxAuthTries 4\n")
        .and(
            "/a",
            "MaxAuthTries 3\nMatch user bob\nMaxSessions 1\nInclude /b\nMatch user carol\nMaxSessions 2\n",
        )
        .and("/b", "Match host h.*\nLogLevel ERROR\n");
    let config = read(&files).unwrap();
    let says = |connection: &ConnInfo| {
        let effective = config.effective(connection);
        (effective.max_auth_tries, effective.max_sessions, effective.log_level as u32)
    };
    let (error, info) = (2, 3);
    assert_eq!(says(&bob()), (3, 1, error));
    assert_eq!(says(&ConnInfo { host: None, ..bob() }), (3, 1, info));
    assert_eq!(says(&ConnInfo { user: Some("carol".into()), ..bob() }), (3, 2, info));
    assert_eq!(says(&ConnInfo { user: Some("dora".into()), ..bob() }), (3, 5, info));
    // Outside of the group none of it holds, whoever it is.
    assert_eq!(says(&ConnInfo { groups: Some(Vec::new()), ..bob() }), (4, 10, info));
}

#[test]
fn an_error_in_an_included_file_ends_there_after_all_of_its_errors() {
    let files = Memory::with("Foo 1\nInclude /a\nBar 1\n").and("/a", "Baz 1\nPort\nMaxSessions 1\n");
    let expected = format!(
        "{PATH}: line 1: Bad configuration option: Foo\n/a: line 1: Bad configuration option: Baz\n\
         /a line 2: no argument after keyword \"Port\"\n/a: terminating, 2 bad configuration options"
    );
    assert_eq!(read(&files).unwrap_err().to_string(), expected);
}

#[test]
fn files_that_cannot_be_read_are_errors_and_missing_ones_only_when_they_are_the_configuration() {
    let error = read(&Memory::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{PATH}: No such file or directory"));
    assert!(read(&Memory::with("Include /none none/*.conf\n")).is_ok());
    let large = Memory::with("Include /large\n").and("/large", &"#".repeat(MAX_FILE + 1));
    assert_eq!(
        read(&large).unwrap_err().to_string(),
        format!("{PATH} line 1: include /large: {}", ReadError::Other("File too large".into()))
    );
}

#[test]
fn includes_are_bounded_in_depth_and_number() {
    let mut files = Memory::with("Include /1\n");
    for depth in 1..MAX_DEPTH {
        files = files.and(&format!("/{depth}"), &format!("Include /{}\n", depth + 1));
    }
    files = files.and(&format!("/{MAX_DEPTH}"), "MaxSessions 3\n");
    assert_eq!(read(&files).unwrap().global().max_sessions, 3);
    let deeper = files.and(&format!("/{MAX_DEPTH}"), "Include /last\n").and("/last", "");
    assert_eq!(read(&deeper).unwrap_err().to_string(), "Too many recursive configuration includes");

    // Two includes a level would be 2^16 files.
    let mut doubling = Memory::with("Include /1\n");
    for depth in 1..MAX_DEPTH {
        doubling = doubling.and(&format!("/{depth}"), &format!("Include /{0}\nInclude /{0}\n", depth + 1));
    }
    let doubling = doubling.and(&format!("/{MAX_DEPTH}"), "");
    assert_eq!(read(&doubling).unwrap_err().reports[0].problem, Problem::TooMuchIncluded);
    let many = Memory::with(&"Include /a\n".repeat(MAX_INCLUDES + 1)).and("/a", "");
    assert_eq!(read(&many).unwrap_err().reports[0].problem, Problem::TooMuchIncluded);
    let total = Memory::with(&"Include /a\n".repeat(5)).and("/a", &"\n".repeat(MAX_FILE));
    assert_eq!(read(&total).unwrap_err().reports[0].problem, Problem::TooMuchIncluded);
}

#[test]
fn many_errors_are_counted_but_not_all_kept() {
    let error = read(&Memory::with(&"Foo 1\n".repeat(MAX_REPORTS + 7))).unwrap_err();
    assert_eq!(error.reports.len(), MAX_REPORTS);
    assert_eq!(error.terminated, Some((PATH.into(), MAX_REPORTS + 7)));
    let error =
        read(&Memory::with(&format!("{}MaxSessions x\n", "Foo 1\n".repeat(MAX_REPORTS)))).unwrap_err();
    assert!(error.to_string().ends_with("line 1001: MaxSessions integer value invalid."));
}

#[test]
fn options_of_the_command_line_come_before_the_file_and_after_no_block() {
    let main = "MaxSessions 3\nAcceptEnv B\nPort 5\nMatch all\nMaxAuthTries 2\n";
    let options = [
        "MaxSessions=4",
        "MaxAuthTries 1",
        "AcceptEnv=A",
        "ForceCommand=internal-sftp -d /",
        "SecurityKeyProvider=/m",
    ];
    let command_line = CommandLine { options: &options, ports: &[9, 8] };
    let config = Config::parse(&Memory::with(main), PATH, &command_line, &ENVIRONMENT).unwrap();
    let effective = config.effective(&bob());
    assert_eq!((effective.max_sessions, effective.max_auth_tries), (4, 2));
    assert_eq!(effective.accept_env.0, ["A", "B"]);
    assert_eq!(effective.force_command.as_deref(), Some("internal-sftp -d /"));
    assert_eq!(effective.port.0, [9, 8]);
    assert_eq!(config.warnings()[0].to_string(), "command-line line 0: SecurityKeyProvider has no effect");
}

#[test]
fn lines_in_other_encodings_are_refused_unless_they_are_comments() {
    let mut files = Memory::default();
    files.0.insert(PATH.into(), b" \t# caf\xe9\nMaxSessions 3\n".to_vec());
    assert_eq!(read(&files).unwrap().global().max_sessions, 3);
    files.0.insert(PATH.into(), b"Banner /caf\xe9\nPort 2\0\n".to_vec());
    let expected = format!(
        "{PATH} line 1: not UTF-8 text\n{PATH} line 2: column 7: NUL byte, expected text\n\
         {PATH}: terminating, 2 bad configuration options"
    );
    assert_eq!(read(&files).unwrap_err().to_string(), expected);
}

#[test]
fn errors_do_not_repeat_control_characters() {
    assert!(refused("\x1b[2Jx y\n").contains("Bad configuration option: \\u{1b}[2Jx"));
}

#[test]
fn ten_thousand_blocks_are_no_burden() {
    let block = |n| {
        format!("Match user u{n} address 192.0.2.0/24\nMaxSessions {n}\nAcceptEnv E{n}\nSubsystem s{n} /x\n")
    };
    let main: String = (0..10_000).map(block).collect();
    let everyone: String =
        (0..10_000).map(|n| format!("Match all\nAcceptEnv E{n}\nSubsystem s{n} /x\n")).collect();
    let started = Instant::now();
    let config = read(&Memory::with(&main)).unwrap();
    for n in [0, 9_999] {
        let connection = ConnInfo { user: Some(format!("u{n}")), ..bob() };
        let effective = config.effective(&connection);
        assert_eq!(effective.max_sessions, n);
        assert_eq!(effective.accept_env.0, [format!("E{n}")]);
    }
    let all = effective(&everyone);
    assert_eq!((all.accept_env.0.len(), all.subsystem.0.len()), (10_000, 10_000));
    assert!(all.dump().contains("\nMaxStartups 10:30:100\n"));
    assert!(started.elapsed() < Duration::from_secs(20), "one pass takes a small part of a second");
}
