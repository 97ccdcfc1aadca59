//! What the configuration makes of sessions.

use std::time::{Duration, Instant};

use crate::harness::{Master, Server, Setup, Talk, eventually, finish, world};

#[test]
fn a_forced_command_runs_instead_of_everything() {
    let server = Server::with("ForceCommand echo \"forced [$SSH_ORIGINAL_COMMAND]\"\nSubsystem sub echo no");
    for (words, original) in [(&["a  b"][..], "a  b"), (&["-T"], ""), (&["-s", "sub"], "echo no")] {
        assert_eq!(server.run(words).text(), format!("forced [{original}]"));
    }
}

#[test]
fn the_forced_command_of_the_configuration_goes_before_that_of_the_key() {
    let line = format!("command=\"echo key\" {}\n", world().public("client"));
    let server = Setup::new().config("ForceCommand echo configuration").authorized(&line).start();
    assert_eq!(server.run(&["echo client"]).success(), "configuration");
}

#[test]
fn match_blocks_count_for_those_they_match() {
    let name = &world().account.name;
    for (condition, matches) in [
        (format!("User {name}"), true),
        ("User somebody-else".to_owned(), false),
        (format!("User !{name},*"), false),
        ("Address 127.0.0.0/8".to_owned(), true),
        ("Address 10.0.0.0/8".to_owned(), false),
        (format!("User {name} Address 127.0.0.1"), true),
        ("all".to_owned(), true),
        ("LocalAddress 127.0.0.1".to_owned(), true),
        ("Host nowhere.example".to_owned(), false),
        ("Group no-such-group".to_owned(), false),
    ] {
        let server = Server::with(&format!("Match {condition}\nForceCommand echo matched"));
        let wanted = if matches { "matched" } else { "command" };
        assert_eq!(server.run(&["echo command"]).success(), wanted, "{condition}");
    }
}

#[test]
fn match_local_port_and_group_are_known() {
    let group = finish(std::process::Command::new("id").args(["-gn", &world().account.name]), b"").success();
    let server = Server::with(&format!("Match Group {group}\nForceCommand echo matched"));
    assert_eq!(server.run(&["true"]).success(), "matched");
}

#[test]
fn permit_tty_no_refuses_terminals_and_nothing_else() {
    let server = Server::with("PermitTTY no");
    let master = Master::new(&server, 0);
    assert_eq!(finish(&mut master.ssh(&["-tt", "tty; echo ran"]), b"").text(), "not a tty\nran");
}

#[test]
fn variables_of_the_client_come_in_as_accept_env_says_and_those_of_set_env_always() {
    let server = Server::with(
        "AcceptEnv LC_* NACRE_?\nAcceptEnv OTHER\nSetEnv LC_OURS=server FIXED=\"a b\" LC_OURS=second",
    );
    let mut command = server.ssh(&[
        "-oSetEnv=LC_ONE=1 NACRE_A=2 NACRE_AB=3 OTHER=4 LC_OURS=client PATH=/evil LD_PRELOAD=x",
        "echo \"[$LC_ONE][$NACRE_A][$NACRE_AB][$OTHER][$LC_OURS][$FIXED][$LD_PRELOAD]\"; echo $PATH",
    ]);
    let said = finish(&mut command, b"").success();
    let (values, path) = said.split_once('\n').unwrap();
    assert_eq!(values, "[1][2][][4][server][a b][]");
    assert!(!path.contains("evil"));
    let nothing = Server::start();
    assert_eq!(finish(&mut nothing.ssh(&["-oSetEnv=LC_ONE=1", "echo [$LC_ONE]"]), b"").success(), "[]");
}

#[test]
fn the_banner_is_shown_before_the_login() {
    let server = Server::start();
    let text = server.scratch.file("banner", "Keep out.\n\tUnless you may come in: \u{fc}\n");
    let other = Server::with(&format!("Banner {}", text.display()));
    let outcome =
        finish(&mut other.ssh_with("stranger", &world().account.name, &["-oLogLevel=INFO", "true"]), b"");
    assert!(
        outcome.stderr.replace('\r', "").contains("Keep out.\n\tUnless you may come in: "),
        "{}",
        outcome.stderr
    );
    assert!(!server.run(&["-oLogLevel=INFO", "true"]).stderr.contains("Keep out"));
    let missing = Server::with("Banner /nonexistent/banner");
    assert_eq!(missing.run(&["true"]).code, Some(0));
}

#[test]
fn a_subsystem_is_its_command_and_an_unknown_one_is_refused() {
    let server =
        Server::with("Subsystem count wc -c\nSubsystem twice echo \"$0\" \"$SSH_CONNECTION\"; exit 6");
    assert_eq!(finish(&mut server.ssh(&["-s", "count"]), b"12345").success(), "5");
    assert_eq!(server.run(&["-s", "twice"]).code, Some(6));
    let refused = server.run(&["-s", "unknown"]);
    assert_eq!(refused.code, Some(255));
    assert!(refused.stderr.contains("subsystem request failed on channel 0"), "{}", refused.stderr);
    server.logs("subsystem request for unknown by user");
}

#[test]
fn no_more_sessions_than_max_sessions_share_a_connection() {
    let server = Server::with("MaxSessions 2");
    let master = Master::new(&server, 0);
    let mut second = Talk::start(&mut master.ssh(&["echo on''e; cat"]));
    second.until("one");
    let third = finish(&mut master.ssh(&["-oProxyCommand=false", "echo in"]), b"");
    assert!(third.stderr.contains("Session open refused by peer"), "{}", third.stderr);
    assert_eq!(second.end().code, Some(0));
    assert_eq!(finish(&mut master.ssh(&["-oProxyCommand=false", "echo in"]), b"").success(), "in");
}

#[test]
fn a_client_that_is_silent_for_too_long_is_gone() {
    let server = Server::with("ClientAliveInterval 1\nClientAliveCountMax 1");
    let talk = server.shell(&["-tt"]);
    let began = Instant::now();
    talk.signal("STOP");
    server
        .logs(&format!("Timeout, client not responding from user {} 127.0.0.1 port ", world().account.name));
    server.falls_silent();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    talk.signal("CONT");
}

#[test]
fn a_client_that_answers_stays() {
    let server = Server::with("ClientAliveInterval 1\nClientAliveCountMax 1");
    let mut talk = Talk::start(&mut server.ssh(&["-T", "sleep 4; echo sti''ll"]));
    talk.until("still");
    assert_eq!(talk.end().code, Some(0));
}

#[test]
fn a_connection_without_a_session_is_a_connection() {
    let server = Server::start();
    let talk = Talk::start(&mut server.ssh(&["-N"]));
    server.logs("Accepted publickey");
    let monitor = server.monitors().remove(0);
    eventually("it is called by its user", || {
        let title = crate::harness::process(monitor.pid)?.title;
        (title == format!("sshd: {} [priv]", world().account.name)).then_some(())
    });
    talk.signal("TERM");
    server.falls_silent();
    drop(talk);
}

#[test]
fn what_is_not_served_is_refused_and_the_connection_lives() {
    let server = Server::start();
    // `-W` opens a channel of another kind; `-R` is a global request.
    let forwarded = finish(&mut server.ssh(&["-R0:127.0.0.1:1", "echo $((40 + 2))"]), b"");
    assert_eq!(forwarded.text(), "42");
    assert_eq!(server.run(&["-W127.0.0.1:1"]).code, Some(255));
    assert_eq!(server.run(&["-A", "echo in"]).success(), "in");
}

#[test]
fn only_the_algorithms_of_the_configuration_are_used() {
    let server = Server::with(
        "KexAlgorithms curve25519-sha256\nCiphers aes256-ctr,aes256-gcm@openssh.com\nMACs hmac-sha2-512-etm@openssh.com",
    );
    let outcome = server.run(&["-oLogLevel=DEBUG1", "-oCiphers=aes128-gcm@openssh.com,aes256-ctr", "true"]);
    for part in ["kex: algorithm: curve25519-sha256", "cipher: aes256-ctr MAC: hmac-sha2-512-etm@openssh.com"]
    {
        assert!(outcome.stderr.contains(part), "{part} is not in {}", outcome.stderr);
    }
    let outcome = server.run(&["-oCiphers=aes128-ctr", "true"]);
    assert_eq!(outcome.code, Some(255));
    server.logs("Unable to negotiate with 127.0.0.1 port ");
}

#[test]
fn the_version_line_has_the_addendum() {
    let server = Server::with("VersionAddendum of-the-house");
    let outcome = server.run(&["-oLogLevel=DEBUG1", "true"]);
    let line = outcome.stderr.lines().find(|line| line.contains("remote software version")).unwrap();
    assert!(line.trim_end().ends_with(" of-the-house"), "{line}");
}

#[test]
fn a_log_level_for_a_user_holds_for_all_that_is_said_of_them() {
    let name = &world().account.name;
    let server = Server::with(&format!("LogLevel INFO\nMatch User {name}\nLogLevel VERBOSE"));
    server.run(&["true"]).success();
    for line in ["Starting session: command for ", "Closing connection to 127.0.0.1 port "] {
        server.logs(line);
    }
}
