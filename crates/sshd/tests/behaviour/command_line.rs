//! What the program is told on its command line, and what it answers.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use crate::harness::{Outcome, Scratch, Server, Setup, finish, free_port, world};

/// Runs the program itself.
fn sshd(words: &[&str]) -> Outcome {
    finish(Command::new(&world().program).args(words), b"")
}

fn config(text: &str) -> (Scratch, String) {
    let scratch = Scratch::new();
    let path = scratch.file("config", &format!("HostKey {}\n{text}", world().key("host").display()));
    let path = path.display().to_string();
    (scratch, path)
}

#[test]
fn a_good_configuration_is_good_without_a_word() {
    let (_scratch, path) = config("Port 2222\n\tPermitTTY=no # comment\n");
    for words in
        [&["-t", "-f", &path][..], &["-tf", &path], &["-f", &path, "-tq"], &["-t", "-f", &path, "-oPort=1"]]
    {
        let outcome = sshd(words);
        assert_eq!(
            (outcome.code, outcome.text().as_str(), outcome.stderr.as_str()),
            (Some(0), "", ""),
            "{words:?}"
        );
    }
}

#[test]
fn a_bad_keyword_is_named_with_its_line() {
    let (_scratch, path) = config("Port 2222\nNoSuchThing yes\n");
    for words in [&["-t", "-f", &path][..], &["-T", "-f", &path], &["-D", "-e", "-f", &path]] {
        let outcome = sshd(words);
        assert_eq!(outcome.code, Some(255), "{words:?}");
        let said = outcome.stderr.replace('\r', "");
        assert!(said.contains(&format!("{path}: line 3: Bad configuration option: NoSuchThing\n")), "{said}");
        assert!(said.contains(&format!("{path}: terminating, 1 bad configuration options\n")), "{said}");
    }
}

#[test]
fn bad_values_are_refused_with_their_line() {
    for bad in [
        "Port 70000",
        "PermitRootLogin perhaps",
        "MaxStartups 10:200:5",
        "ListenAddress",
        "Ciphers none-of-these",
        "LoginGraceTime x",
    ] {
        let (_scratch, path) = config(&format!("{bad}\n"));
        let outcome = sshd(&["-t", "-f", &path]);
        assert_eq!(outcome.code, Some(255), "{bad}");
        assert!(
            outcome.stderr.contains(&format!("{path} line 2"))
                || outcome.stderr.contains(&format!("{path}: line 2")),
            "{bad}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_configuration_that_is_not_there_ends_the_start() {
    let outcome = sshd(&["-D", "-e", "-f", "/nonexistent/config"]);
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("/nonexistent/config: No such file or directory"), "{}", outcome.stderr);
}

#[test]
fn the_dump_of_the_configuration_is_a_configuration_with_the_same_dump() {
    let (_scratch, path) = config(
        "Port 2222\nPort 2223\nListenAddress 127.0.0.1\nAcceptEnv A B\nMaxStartups 5:30:60\nSetEnv X=1\n",
    );
    let first = sshd(&["-T", "-f", &path]).success();
    assert!(first.lines().all(|line| line.contains(' ')), "{first}");
    let lines: Vec<_> = first.lines().map(str::to_ascii_lowercase).collect();
    for line in [
        "port 2222",
        "port 2223",
        "listenaddress 127.0.0.1:2222",
        "listenaddress 127.0.0.1:2223",
        "maxstartups 5:30:60",
        "acceptenv a",
    ] {
        assert!(lines.iter().any(|one| one == line), "{line} is not in {first}");
    }
    if world().other {
        // What the recorded version dumps has values that it does not read.
        return;
    }
    let scratch = Scratch::new();
    let again = scratch.file("dump", &format!("{first}\n"));
    assert_eq!(sshd(&["-T", "-f", again.to_str().unwrap()]).success(), first);
}

#[test]
fn the_dump_is_for_the_connection_that_c_tells_of() {
    let (_scratch, path) = config("PermitTTY yes\nMatch User alice Address 10.0.0.0/8\nPermitTTY no\n");
    let dump = |of: &str| sshd(&["-T", "-f", &path, "-C", of]).success().to_ascii_lowercase();
    assert!(dump("user=alice,host=h,addr=10.1.2.3").contains("permittty no"));
    assert!(dump("user=alice,host=h,addr=11.1.2.3,").contains("permittty yes"));
    assert!(dump("user=bob,host=h,addr=10.1.2.3,laddr=1.2.3.4,lport=22").contains("permittty yes"));
    assert_ne!(sshd(&["-T", "-f", &path, "-C", "user"]).code, Some(0));
    assert_ne!(sshd(&["-T", "-f", &path, "-C", "colour=blue"]).code, Some(0));
}

#[test]
fn options_override_the_file() {
    let (_scratch, path) = config("Port 2222\nMaxSessions 3\n");
    let said = sshd(&["-oMaxSessions=7", "-o", "ForceCommand=echo a b", "-T", "-p", "2299", "-f", &path])
        .success()
        .to_ascii_lowercase();
    for line in ["maxsessions 7\n", "port 2299\n", "forcecommand echo a b\n"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(!said.contains("port 2222\n"));
    let bad = sshd(&["-T", "-oNoSuchThing=7", "-f", &path]);
    assert_ne!(bad.code, Some(0));
    assert!(bad.stderr.contains("Bad configuration option: NoSuchThing"), "{}", bad.stderr);
}

#[test]
fn the_version_and_wrong_options_are_answered() {
    let version = sshd(&["-V"]);
    assert_eq!(version.code, Some(0));
    assert!(!version.stderr.is_empty() && version.stdout.is_empty());
    let wrong = sshd(&["-Y"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("usage: "), "{}", wrong.stderr);
}

#[test]
fn without_a_usable_host_key_nothing_starts_and_with_one_it_does() {
    let scratch = Scratch::new();
    let (missing, garbage) = (scratch.0.join("missing"), scratch.file("garbage", "no key\n"));
    let open = scratch.0.join("open");
    fs::copy(world().key("host"), &open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let path = |path: &std::path::Path| path.display().to_string();
    let bad = [path(&missing), path(&garbage), path(&open)];
    let config = scratch.file("config", "");
    let port = free_port().to_string();
    let words = [
        "-D",
        "-e",
        "-p",
        &port,
        "-f",
        config.to_str().unwrap(),
        "-h",
        &bad[0],
        "-h",
        &bad[1],
        "-h",
        &bad[2],
    ];
    let outcome = sshd(&words);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("sshd: no hostkeys available -- exiting."), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains(&bad[0]) && outcome.stderr.contains("UNPROTECTED PRIVATE KEY FILE!"),
        "{}",
        outcome.stderr
    );
    let mut setup = Setup::new();
    for path in &bad {
        setup = setup.config(&format!("HostKey {path}"));
    }
    assert_eq!(setup.start().run(&["echo in"]).success(), "in");
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let server = Server::start();
    let outcome = finish(Setup::new().command(&server.scratch, &["-D", "-e"]).env("LANG", "C"), b"");
    assert_eq!(outcome.code, Some(255));
    let said = outcome.stderr;
    assert!(
        said.contains(&format!("Bind to port {} on 127.0.0.1 failed: Address already in use.", server.port)),
        "{said}"
    );
    assert!(said.contains("Cannot bind any address."), "{said}");
}

#[test]
fn all_ports_and_addresses_are_listened_on() {
    let other = free_port();
    let server = Server::with(&format!("Port {other}\nListenAddress ::1"));
    let log = server.log();
    for address in ["127.0.0.1", "::1"] {
        for port in [server.port, other] {
            assert!(
                log.contains(&format!("Server listening on {address} port {port}.")),
                "{address} {port}: {log}"
            );
        }
    }
    assert_eq!(
        finish(server.ssh(&["-oHostKeyAlias=x", "true"]).env("LANG", "C"), b"").code,
        Some(255),
        "the alias is not known"
    );
    let only_four = Setup::new().config("AddressFamily any").argument("-4").start();
    assert!(!only_four.log().contains("::"), "{}", only_four.log());
}

#[test]
fn a_log_file_gets_everything_and_standard_error_nothing() {
    let port = free_port();
    let setup = Setup::new();
    let scratch = setup.files(port);
    let log = scratch.file("file.log", "a line from before\n");
    let errors = fs::File::create(scratch.0.join("errors")).unwrap();
    let mut command = setup.command(&scratch, &["-D", &format!("-E{}", log.display())]);
    let child = command.stderr(errors).stdin(std::process::Stdio::null()).spawn().unwrap();
    let server = Server { port, scratch, child };
    crate::harness::eventually("it is logged", || {
        fs::read_to_string(&log).unwrap().contains("Server listening on 127.0.0.1").then_some(())
    });
    server.run(&["true"]).success();
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("a line from before\n") && text.contains("Accepted publickey for"), "{text}");
    assert_eq!(fs::read_to_string(server.path("errors")).unwrap(), "");
    // The server's drop shows its log.
    fs::copy(&log, server.path("log")).unwrap();
}

#[test]
fn an_argument_that_is_no_option_is_refused() {
    let (_scratch, path) = config("");
    let outcome =
        finish(Command::new(&world().program).args(["-t", "-f", &path]).arg(OsStr::new("extra")), b"");
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("xtra argument"), "{}", outcome.stderr);
}
