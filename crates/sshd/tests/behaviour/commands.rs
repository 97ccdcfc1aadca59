//! Programs that say who is let in, and what clients and the log are told of a login. `/bin/sh` is a program that only root can
//! change; what it runs may lie anywhere.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{
    Need, Scratch, Server, Setup, can, eventually, finish, kill, parent_of, pids_with, world,
};

/// As whom programs run here.
fn runs_as() -> &'static str {
    if world().root { "nobody" } else { "%u" }
}

/// A server that knows no key but those which a script says, with arguments.
fn asking(script: &str, arguments: &str, config: &str) -> (Server, Scratch) {
    let scratch = Scratch::new();
    let path = scratch.file("script", script);
    let lines = format!(
        "LogLevel VERBOSE\nAuthorizedKeysCommandUser {}\nAuthorizedKeysCommand /bin/sh {} {arguments}\n{config}",
        runs_as(),
        path.display()
    );
    (Setup::new().config(&lines).authorized("").start(), scratch)
}

#[test]
fn a_key_that_a_program_says_lets_in_and_is_bound_to_its_options() {
    let script =
        format!("[ \"$1\" = {} ] || exit 1\necho no-pty {}", world().account.name, world().public("client"));
    let (server, scratch) = asking(&script, "%u %t %k", "");
    assert_eq!(server.run(&["echo in"]).success(), "in");
    let line = format!("/bin/sh {} %u %t %k:1", scratch.0.join("script").display());
    server.logs(&format!(" found at {line}"));
    let refused = server.run(&["-tt", "true"]).stderr;
    assert!(refused.contains("PTY allocation request failed"), "{refused}");
    let stranger = finish(&mut server.ssh_with("stranger", &world().account.name, &["true"]), b"");
    assert_eq!(stranger.code, Some(255));
}

#[test]
fn a_program_that_fails_lets_nobody_in_and_its_complaints_are_in_the_log() {
    let script = format!("id -un >&2; echo {}; exit 3", world().public("client"));
    let (server, _scratch) = asking(&script, "x", "");
    assert_eq!(server.run(&["echo in"]).code, Some(255));
    server.logs("failed, status 3");
    let name = if world().root { "nobody" } else { &world().account.name };
    assert!(server.log().lines().any(|line| line.trim_end() == name), "{}", server.log());
}

#[test]
fn the_grace_time_ends_a_program_as_well() {
    let number = format!("86{}", std::process::id());
    let (server, scratch) = asking(&format!("sleep {number}"), "x", "LoginGraceTime 2");
    let begun = Instant::now();
    assert_eq!(server.run(&["echo in"]).code, Some(255));
    assert!(begun.elapsed() < Duration::from_secs(60));
    server.falls_silent();
    let program = format!("/bin/sh {}", scratch.0.join("script").display());
    eventually("the program ends", || pids_with(&program).is_empty().then_some(()));
    // What it has started itself is not ours to end.
    for pid in pids_with(&format!("sleep {number}")) {
        kill("KILL", pid);
    }
}

#[test]
fn a_program_that_hangs_keeps_no_signal_from_ending_the_login() {
    let number = format!("87{}", std::process::id());
    let (server, scratch) = asking(&format!("exec sleep {number}"), "x", "LoginGraceTime 0");
    let mut client = server.ssh(&["echo in"]).spawn().unwrap();
    let program = format!("sleep {number}");
    let hanging = eventually("the program runs", || pids_with(&program).first().copied());
    kill("TERM", parent_of(hanging));
    assert_eq!(client.wait().unwrap().code(), Some(255));
    eventually("the program ends", || pids_with(&program).is_empty().then_some(()));
    drop(scratch);
}

#[test]
fn what_a_stranger_chose_makes_no_long_line_in_the_log() {
    let (server, _scratch) = asking("exit 1", &"%k".repeat(40), "");
    assert_eq!(server.run(&["true"]).code, Some(255));
    server.logs("AuthorizedKeysCommand /bin/sh ");
    assert!(server.log().lines().all(|line| line.len() < 1200), "{}", server.log());
}

#[test]
fn a_server_does_not_start_with_a_program_that_nobody_runs() {
    for keyword in ["AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"] {
        let setup = Setup::new().config(&format!("{keyword} /bin/true"));
        let scratch = setup.files(1);
        for mode in ["-t", "-T", "-D"] {
            let outcome = finish(&mut setup.command(&scratch, &["-e", mode]), b"");
            assert_eq!(outcome.code, Some(255), "{mode}");
            let said = format!("{keyword} set without {keyword}User");
            assert!(outcome.stderr.contains(&said), "{mode}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_client_that_asks_for_more_is_told_what_its_key_permits() {
    let line = format!("restrict,pty,environment=\"A=b\" {}\n", world().public("client"));
    let server = Setup::new().config("PermitUserEnvironment yes").authorized(&line).start();
    let outcome = server.run(&["-v", "-oLogLevel=DEBUG1", "echo $A"]);
    let place = server.path("authorized_keys");
    for remark in ["key options: environment pty", "environment: A=b"] {
        let said = format!("debug1: Remote: {}:1: {remark}", place.display());
        assert!(outcome.stderr.lines().any(|line| line.trim_end() == said), "{said}: {}", outcome.stderr);
    }
    assert_eq!(outcome.success(), "b");
}

#[test]
fn what_was_agreed_is_in_the_log_in_the_usual_words() {
    let server = Server::with("LogLevel DEBUG1");
    let ciphers = "-oCiphers=aes128-ctr";
    let options = [ciphers, "-oMACs=hmac-sha2-256", "-oKexAlgorithms=curve25519-sha256", "echo in"];
    assert_eq!(server.run(&options).success(), "in");
    for line in [
        "kex: algorithm: curve25519-sha256",
        "kex: host key algorithm: ssh-ed25519",
        "kex: client->server cipher: aes128-ctr MAC: hmac-sha2-256 compression: none",
        "kex: server->client cipher: aes128-ctr MAC: hmac-sha2-256 compression: none",
    ] {
        server.logs(line);
    }
    assert!(!server.log().contains("Enabling compression"));
    assert_eq!(server.run(&["-C", "-oCiphers=aes128-gcm@openssh.com", "echo in"]).success(), "in");
    server.logs(
        "kex: server->client cipher: aes128-gcm@openssh.com MAC: <implicit> compression: zlib@openssh.com",
    );
    server.logs("debug1: Enabling compression.");
}

#[test]
fn queries_are_answered_as_ssh_answers_them() {
    if !can(&[Need::Ours]) {
        return;
    }
    let ask = |query: &str| finish(Command::new(&world().program).args(["-Q", query]), b"");
    assert!(ask("kex").success().lines().any(|name| name == "curve25519-sha256"));
    assert_eq!(ask("compression").success(), "none\nzlib@openssh.com");
    assert_eq!(ask("MACS").success(), ask("mac").success());
    let outcome = ask("nonsense");
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""));
    assert_eq!(outcome.stderr, "Unsupported query \"nonsense\"\r\n");
}
