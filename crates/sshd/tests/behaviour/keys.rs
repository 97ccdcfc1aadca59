//! Who is let in by which key, and what is logged of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{Account, Need, Server, Setup, Talk, can, finish, world};

fn fingerprint(key: &str) -> String {
    let mut command = Command::new("ssh-keygen");
    let said = finish(command.arg("-lf").arg(world().key(key)), b"").success();
    said.split(' ').nth(1).unwrap().to_owned()
}

/// An `authorized_keys` line of the key `client` with these options.
fn line(options: &str) -> String {
    format!("{options} {} test\n", world().public("client"))
}

#[test]
fn a_login_and_its_end_are_logged_in_the_usual_words() {
    let server = Server::start();
    server.run(&["true"]).success();
    let name = &world().account.name;
    let accepted = server.logs("Accepted ");
    let port = accepted.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    let wanted = format!(
        "Accepted publickey for {name} from 127.0.0.1 port {port} ssh2: ED25519 {}",
        fingerprint("client")
    );
    assert_eq!(accepted.trim_end(), wanted);
    server.logs(&format!("Received disconnect from 127.0.0.1 port {port}:11: disconnected by user"));
    server.logs(&format!("Disconnected from user {name} 127.0.0.1 port {port}"));
    assert!(
        server
            .log()
            .lines()
            .next()
            .unwrap()
            .starts_with(&format!("Server listening on 127.0.0.1 port {}.", server.port))
    );
}

#[test]
fn a_key_that_is_not_listed_is_refused() {
    let server = Server::with("LogLevel VERBOSE");
    let name = &world().account.name;
    let outcome = finish(&mut server.ssh_with("stranger", name, &["echo in"]), b"");
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""));
    assert!(
        outcome.stderr.contains(&format!("{name}@127.0.0.1: Permission denied (publickey")),
        "{}",
        outcome.stderr
    );
    server.logs(&format!("Failed publickey for {name} from 127.0.0.1 port "));
    let end = server.logs(&format!("Connection closed by authenticating user {name} 127.0.0.1 port "));
    assert!(end.ends_with(" [preauth]"), "{end}");
}

#[test]
fn the_same_is_said_to_names_that_nobody_has() {
    let server = Server::with("LogLevel VERBOSE");
    let mut said = Vec::new();
    for (name, key) in [(world().account.name.as_str(), "stranger"), ("nobody-is-called-so", "stranger")] {
        let outcome = finish(&mut server.ssh_with(key, name, &["-oLogLevel=DEBUG1", "true"]), b"");
        let lines =
            outcome.stderr.lines().skip_while(|line| !line.contains("SSH2_MSG_SERVICE_ACCEPT received"));
        said.push(lines.map(|line| line.replace(name, "NAME")).collect::<Vec<_>>());
    }
    assert!(said[0].len() > 3);
    assert_eq!(said[0], said[1]);
    server.logs("Invalid user nobody-is-called-so from 127.0.0.1 port ");
    server.logs("Connection closed by invalid user nobody-is-called-so 127.0.0.1 port ");
}

#[test]
fn bad_lines_do_not_hide_the_good_one_behind_them() {
    let before = "# comment\n\n   \nssh-ed25519 broken!\nssh-unknown AAAA x\nno-such-option,\"\nssh-ed25519\n\u{0}\u{1}\n";
    let server = Setup::new().authorized(&format!("{before}{}\n", world().public("client"))).start();
    assert_eq!(server.run(&["echo in"]).success(), "in");
}

#[test]
fn a_line_with_an_option_that_cannot_be_meant_is_refused_and_logged() {
    if !can(&[Need::Ours]) {
        return;
    }
    for (option, logs) in [
        ("principals=\"a\"", "Refused by key options at "),
        ("cert-authority", "Failed publickey"),
        ("tunnel=\"x\"", "option tunnel: invalid tun device"),
        ("no-such-option", "unknown option no-such-option"),
    ] {
        let server = Setup::new().config("LogLevel VERBOSE").authorized(&line(option)).start();
        assert_eq!(server.run(&["echo in"]).code, Some(255), "{option}");
        server.logs(logs);
    }
    for option in ["tunnel=\"0\"", "verify-required", "no-touch-required", "TOUCH-required"] {
        let server = Setup::new().authorized(&line(option)).start();
        assert_eq!(server.run(&["echo in"]).success(), "in", "{option} is not about keys in files");
    }
}

#[test]
fn the_command_of_a_key_runs_whatever_is_asked_for() {
    let options = "command=\"echo \\\"forced [$SSH_ORIGINAL_COMMAND]\\\"; exit 9\"";
    let server = Setup::new().config("Subsystem sub echo subsystem").authorized(&line(options)).start();
    for (words, original) in
        [(&["echo  'x y'"][..], "echo  'x y'"), (&["-T"], ""), (&["-s", "sub"], "echo subsystem")]
    {
        let outcome = server.run(words);
        assert_eq!(
            (outcome.code, outcome.text()),
            (Some(9), format!("forced [{original}]")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn a_key_may_come_without_the_right_to_a_terminal() {
    for (options, granted) in [
        ("no-pty", false),
        ("restrict", false),
        ("restrict,pty", true),
        ("No-PTY", false),
        ("no-user-rc", true),
    ] {
        let server = Setup::new().authorized(&line(options)).start();
        let master = crate::harness::Master::new(&server, 0);
        let said = finish(&mut master.ssh(&["-tt", "tty; echo ran"]), b"").text();
        assert!(said.ends_with("ran") && said.starts_with("/dev/pts/") == granted, "{options}: {said}");
    }
}

#[test]
fn the_users_own_file_counts_only_when_nobody_else_can_write_it() {
    if !can(&[Need::Root]) {
        return;
    }
    let account = world().add_account("k", &["-m", "-s", "/bin/sh", "-p", "*"]);
    let ssh = account.home.join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let file = ssh.join("authorized_keys");
    fs::write(&file, line("")).unwrap();
    for path in [&ssh, &file] {
        std::os::unix::fs::chown(path, Some(account.uid), Some(account.gid)).unwrap();
    }
    let mode =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&ssh, 0o700);
    mode(&file, 0o600);
    let server =
        Server::with("StrictModes yes\nAuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2");
    let run = || finish(&mut server.ssh_as(&account.name, &["echo in"]), b"");
    assert_eq!(run().success(), "in");
    for (path, bad, good) in
        [(&file, 0o666, 0o644), (&file, 0o602, 0o600), (&ssh, 0o757, 0o755), (&account.home, 0o777, 0o755)]
    {
        mode(path, bad);
        assert_eq!(run().code, Some(255), "{path:?} {bad:o}");
        let refused = server.logs(&format!(
            "bad ownership or modes for {}",
            if path == &file { "file" } else { "directory" }
        ));
        assert!(
            refused.contains("Authentication refused: ") && refused.contains(path.to_str().unwrap()),
            "{refused}"
        );
        mode(path, good);
        assert_eq!(run().success(), "in", "{path:?} {good:o}");
    }
    // It is read with the user's rights: a file that only root can read is none.
    std::os::unix::fs::chown(&file, Some(0), Some(0)).unwrap();
    mode(&file, 0o600);
    assert_eq!(run().code, Some(255));
    // And it must be a file, which is not waited for.
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    mode(&file, 0o666);
    assert_eq!(run().code, Some(255));
}

#[test]
fn several_files_of_keys_and_their_tokens() {
    let server = Server::start();
    let name = &world().account.name;
    server.scratch.file(&format!("keys-{name}"), &line(""));
    let dir = server.scratch.0.display();
    for (files, let_in) in [
        ("none".to_owned(), false),
        ("/dev/null".to_owned(), false),
        (format!("/nonexistent {dir}/keys-%u"), true),
        (format!("{dir}/%%u"), false),
    ] {
        let other = Server::with(&format!("AuthorizedKeysFile {files}"));
        assert_eq!(other.run(&["true"]).code == Some(0), let_in, "{files}");
    }
}

#[test]
fn a_style_behind_a_colon_is_no_part_of_the_name() {
    let server = Server::start();
    let name = &world().account.name;
    let said = finish(&mut server.ssh_as(&format!("{name}:style"), &["id -un"]), b"").success();
    assert_eq!(&said, name);
}

#[test]
fn root_is_let_in_as_far_as_permit_root_login_says() {
    if !can(&[Need::Root]) {
        return;
    }
    for (value, code) in [
        ("no", 255),
        ("prohibit-password", 4),
        ("without-password", 4),
        ("yes", 4),
        ("forced-commands-only", 255),
    ] {
        let server = Server::with(&format!("PermitRootLogin {value}"));
        assert_eq!(finish(&mut server.ssh_as("root", &["exit 4"]), b"").code, Some(code), "{value}");
        if value == "no" {
            server.logs("ROOT LOGIN REFUSED FROM 127.0.0.1 port ");
        }
        assert_eq!(server.run(&["exit 3"]).code, Some(3), "{value} is about root");
    }
    let server = Setup::new()
        .config("PermitRootLogin forced-commands-only")
        .authorized(&line("command=\"exit 8\""))
        .start();
    assert_eq!(finish(&mut server.ssh_as("root", &["exit 4"]), b"").code, Some(8));
}

#[test]
fn a_locked_account_is_refused_and_one_without_a_shell_too() {
    if !can(&[Need::Root]) {
        return;
    }
    let locked = world().add_account("l", &["-m", "-s", "/bin/sh", "-p", "!locked"]);
    let shell_less = world().add_account("x", &["-m", "-s", "/nonexistent/shell", "-p", "*"]);
    let server = Server::start();
    let run = |account: &Account| finish(&mut server.ssh_as(&account.name, &["echo in"]), b"");
    assert_eq!(run(&locked).code, Some(255));
    server.logs(&format!("User {} not allowed because account is locked", locked.name));
    assert_eq!(run(&shell_less).code, Some(255));
    server.logs(&format!(
        "User {} not allowed because shell /nonexistent/shell does not exist",
        shell_less.name
    ));
}

#[test]
fn an_account_whose_shell_lets_nobody_work_says_so() {
    if !can(&[Need::Root]) {
        return;
    }
    let account = world().add_account("n", &["-m", "-s", "/usr/sbin/nologin", "-p", "*"]);
    let server = Server::start();
    let outcome = finish(&mut server.ssh_as(&account.name, &["echo in"]), b"");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.text().contains("This account is currently not available."), "{}", outcome.text());
}

/// `ssh` with keys that nobody knows in front of the arguments of `command`.
fn behind_strangers(command: &Command, number: usize, dir: &crate::harness::Scratch) -> Command {
    let mut longer = Command::new("ssh");
    for number in 0..number {
        let path = dir.0.join(number.to_string());
        let mut make = Command::new("ssh-keygen");
        assert!(make.args(["-qt", "ed25519", "-N", "", "-f"]).arg(&path).status().unwrap().success());
        longer.arg("-i").arg(path);
    }
    longer.args(command.get_args());
    longer
}

#[test]
fn too_many_keys_end_the_connection() {
    let server = Server::with("MaxAuthTries 2\nPubkeyAuthOptions max-pk-ok:1");
    let dir = crate::harness::Scratch::new();
    let command = server.ssh_with("stranger", &world().account.name, &["true"]);
    let outcome = finish(&mut behind_strangers(&command, 4, &dir), b"");
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stderr.contains("Too many authentication failures"), "{}", outcome.stderr);
    server.logs(&format!("Disconnecting authenticating user {} 127.0.0.1 port ", world().account.name));
}

#[test]
fn six_keys_may_be_asked_about_in_vain() {
    let server = Server::with("MaxAuthTries 1");
    let dir = crate::harness::Scratch::new();
    let command = server.ssh(&["true"]);
    assert_eq!(finish(&mut behind_strangers(&command, 6, &dir), b"").code, Some(0));
    let dir = crate::harness::Scratch::new();
    let outcome = finish(&mut behind_strangers(&command, 7, &dir), b"");
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stderr.contains("Too many authentication failures"), "{}", outcome.stderr);
}

#[test]
fn without_pubkey_authentication_nobody_comes_in_by_key() {
    let server = Server::with("PubkeyAuthentication no");
    assert_eq!(server.run(&["true"]).code, Some(255));
}

#[test]
fn an_ordinary_user_can_only_let_itself_in() {
    if world().root {
        // As root, the same is seen of a server that nobody who is somebody started.
        let account = &world().account;
        let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
        let host = world().key("host").with_file_name("host-of-user");
        fs::copy(world().key("host"), &host).unwrap();
        std::os::unix::fs::chown(&host, Some(account.uid), Some(account.gid)).unwrap();
        let server = Setup::new()
            .under(&["setpriv", "--reuid", &uid, "--regid", &gid, "--clear-groups", "--"])
            .argument(&format!("-oHostKey={}", host.display()));
        if world().other {
            // The wrapper of another server needs root itself.
            return;
        }
        let server = server.start();
        let said = finish(&mut server.ssh(&["-tt", "id -u; tty"]), b"").success();
        assert!(said.starts_with(&format!("{uid}\n/dev/pts/")), "{said}");
        assert_eq!(finish(&mut server.ssh_as("root", &["id"]), b"").code, Some(255));
        drop(Talk::start(&mut server.ssh(&["-T"])));
    } else {
        let server = Server::start();
        assert_eq!(server.run(&["id -u"]).success(), world().account.uid.to_string());
        assert_eq!(finish(&mut server.ssh_as("root", &["id"]), b"").code, Some(255));
    }
}
