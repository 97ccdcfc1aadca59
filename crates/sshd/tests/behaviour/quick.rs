//! `sshd --quick`: no configuration, no root, nothing prepared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, Command, Stdio};

use crate::harness::{Need, Outcome, Scratch, can, descendants, finish, free_port, kill, process, world};

/// A quick server, and what it printed.
struct Quick {
    child: Child,
    printed: Vec<String>,
    scratch: Scratch,
    port: u16,
}

/// A directory for a home, and files there.
fn home(keys: bool, owner: Option<u32>) -> Scratch {
    let scratch = Scratch::new();
    let ssh = scratch.0.join("home/.ssh");
    fs::create_dir_all(&ssh).unwrap();
    if keys {
        fs::write(ssh.join("authorized_keys"), world().public("client")).unwrap();
    }
    for path in [scratch.0.join("home"), ssh.clone()] {
        chown(&path, owner, owner).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    scratch
}

impl Quick {
    /// Starts it, by `wrapper`, with that home, or none at all.
    fn start(wrapper: &[&str], scratch: Scratch, has_home: bool, more: &[&str]) -> Self {
        let port = free_port();
        let number = port.to_string();
        let words = [wrapper, &[world().program.to_str().unwrap(), "--quick", "-p", &number], more].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        if has_home {
            command.env("HOME", scratch.0.join("home"));
        }
        let log = fs::File::create(scratch.0.join("log")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            printed.push(line.unwrap());
            if printed.last().is_some_and(|line| line.starts_with("ssh ")) {
                break;
            }
        }
        let quick = Self { child, printed, scratch, port };
        assert!(
            quick.printed.last().is_some_and(|line| line.starts_with("ssh ")),
            "{:?}\n{}",
            quick.printed,
            quick.log()
        );
        quick
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.0.join("log")).unwrap()
    }

    fn line(&self, start: &str) -> Option<&str> {
        self.printed.iter().find_map(|line| line.strip_prefix(start))
    }

    /// The command that it printed, with what keeps the test to itself and, before it, a key or a password.
    fn printed_command(&self, options: &[&str], words: &[&str]) -> Command {
        let line = self.line("ssh ").unwrap();
        let mut command = Command::new("ssh");
        let known = self.scratch.0.join("known_hosts");
        command.args(["-F", "none", "-oLogLevel=ERROR", "-oStrictHostKeyChecking=accept-new"]).args(options);
        command
            .arg(format!("-oUserKnownHostsFile={}", known.display()))
            .arg("-oGlobalKnownHostsFile=/dev/null");
        command.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY").args(line.split(' '));
        command.args(words);
        command
    }

    fn with_key(&self, words: &[&str]) -> Outcome {
        let key = format!("-i{}", world().key("client").display());
        finish(&mut self.printed_command(&["-oBatchMode=yes", "-oIdentitiesOnly=yes", &key], words), b"")
    }

    fn with_password(&self, password: &str, words: &[&str]) -> Outcome {
        let ask = self.scratch.program("ask", &format!("#!/bin/sh\necho '{password}'\n"));
        let options = ["-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=1"];
        let mut command = self.printed_command(&options, words);
        finish(command.env("SSH_ASKPASS", ask).env("SSH_ASKPASS_REQUIRE", "force"), b"")
    }
}

impl Drop for Quick {
    fn drop(&mut self) {
        let left = descendants(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for one in left.iter().filter(|one| process(one.pid).is_some_and(|now| now.title == one.title)) {
            kill("KILL", one.pid);
        }
        if std::thread::panicking() {
            println!("{:?}\n{}", self.printed, self.log());
        }
    }
}

#[test]
fn the_printed_command_logs_in_with_the_keys_of_the_home() {
    if !can(&[Need::Ours]) {
        return;
    }
    let quick = Quick::start(&["env"], home(true, None), true, &[]);
    assert!(quick.line("ssh ").unwrap().ends_with("@127.0.0.1"), "{:?}", quick.printed);
    assert!(quick.line("Password:").is_none());
    let outcome = quick.with_key(&["id -u; echo $HOME; exit 3"]);
    let uid = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap();
    let wanted = format!("{uid}\n{}", quick.scratch.0.join("home").display());
    assert_eq!((outcome.code, outcome.text()), (Some(3), wanted), "{}", outcome.stderr);
    assert!(quick.with_key(&["-tt", "tty"]).code.is_some());
    // The fingerprint that was printed is that of the key that was seen.
    let known = quick.scratch.0.join("known_hosts");
    let seen = finish(Command::new("ssh-keygen").arg("-lf").arg(known), b"").success();
    let fingerprint = seen.split(' ').nth(1).unwrap();
    assert!(quick.printed[0].contains(fingerprint), "{:?} and {seen}", quick.printed);
}

#[test]
fn nobody_else_and_no_other_key_is_let_in() {
    if !can(&[Need::Ours]) {
        return;
    }
    let quick = Quick::start(&["env"], home(true, None), true, &[]);
    let key = format!("-i{}", world().key("stranger").display());
    let stranger =
        finish(&mut quick.printed_command(&["-oBatchMode=yes", "-oIdentitiesOnly=yes", &key], &["id"]), b"");
    assert_eq!(stranger.code, Some(255));
    let key = format!("-i{}", world().key("client").display());
    let other = finish(&mut quick.printed_command(&["-oBatchMode=yes", &key, "-lnobody"], &["id"]), b"");
    assert_eq!(other.code, Some(255));
    let password = quick.with_password("", &["id"]);
    assert_eq!(password.code, Some(255));
    // Nor is it reached from elsewhere.
    assert!(
        quick.log().contains(&format!("Server listening on 127.0.0.1 port {}.", quick.port)),
        "{}",
        quick.log()
    );
    assert_eq!(quick.log().matches("Server listening on").count(), 1);
}

#[test]
fn a_public_key_beside_its_private_half_is_good() {
    if !can(&[Need::Ours]) {
        return;
    }
    let scratch = home(false, None);
    for (name, from) in [("work", "client"), ("work.pub", "client.pub"), ("alone.pub", "stranger.pub")] {
        fs::copy(world().dir.join(from), scratch.0.join("home/.ssh").join(name)).unwrap();
    }
    let quick = Quick::start(&["env"], scratch, true, &[]);
    assert!(quick.line("Password:").is_none());
    let key = quick.scratch.0.join("home/.ssh/work");
    assert!(quick.line("ssh ").unwrap().contains(&format!("-i {} ", key.display())), "{:?}", quick.printed);
    let outcome =
        finish(&mut quick.printed_command(&["-oBatchMode=yes", "-oIdentitiesOnly=yes"], &["echo in"]), b"");
    assert_eq!(outcome.success(), "in");
    let alone = format!("-i{}", world().key("stranger").display());
    let line = quick.line("ssh ").unwrap().replace(&format!("-i {} ", key.display()), "");
    let mut command = Command::new("ssh");
    command.args([
        "-F",
        "none",
        "-oBatchMode=yes",
        "-oIdentitiesOnly=yes",
        "-oStrictHostKeyChecking=no",
        &alone,
    ]);
    command
        .arg("-oUserKnownHostsFile=/dev/null")
        .env_remove("SSH_AUTH_SOCK")
        .args(line.split(' '))
        .arg("true");
    assert_eq!(finish(&mut command, b"").code, Some(255), "a public key alone lets nobody in");
}

#[test]
fn without_keys_a_password_made_for_the_run_is_printed_and_good() {
    if !can(&[Need::Ours]) {
        return;
    }
    let quick = Quick::start(&["env"], home(false, None), true, &[]);
    let password = quick.line("Password: ").unwrap().to_owned();
    assert!(password.len() >= 12, "{password}");
    assert_eq!(quick.with_password(&password, &["echo in"]).success(), "in");
    for wrong in ["", "wrong", &password[1..], &format!("{password}x")] {
        assert_eq!(quick.with_password(wrong, &["echo in"]).code, Some(255), "{wrong:?}");
    }
    assert_eq!(quick.with_key(&["echo in"]).code, Some(255));
    let other = Quick::start(&["env"], home(false, None), true, &[]);
    assert_ne!(other.line("Password: ").unwrap(), password);
    assert!(!quick.log().contains(&password), "it is in no log");
}

#[test]
fn the_host_key_is_kept_from_run_to_run() {
    if !can(&[Need::Ours]) {
        return;
    }
    let scratch = home(true, None);
    let path = scratch.0.join("home").display().to_string();
    let start = || Quick::start(&["env", &format!("HOME={path}")], Scratch::new(), false, &[]);
    let first = start().printed[0].clone();
    assert_eq!(start().printed[0], first);
}

/// As a user that nobody knows.
const NAMELESS: [&str; 7] = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "--"];

#[test]
fn a_user_without_an_account_and_without_a_home_logs_in_by_password() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let quick = Quick::start(&NAMELESS, Scratch::new(), false, &[]);
    let password = quick.line("Password: ").unwrap().to_owned();
    assert_eq!(quick.with_password(&password, &["id -u; id -g; exit 2"]).text(), "54321\n54321");
    let said = quick.with_password(&password, &["-tt", "tty; echo $HOME; echo $0"]);
    assert!(said.text().starts_with("/dev/pts/"), "{said:?}");
    assert!(descendants(quick.child.id()).iter().all(|one| one.uid == 54_321));
}

#[test]
fn a_user_without_an_account_has_the_keys_of_a_home_that_is_told() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let quick = Quick::start(&NAMELESS, home(true, Some(54_321)), true, &[]);
    assert_eq!(quick.with_key(&["id -u"]).success(), "54321");
}

/// In a mount namespace of its own, after this script.
fn with_mounts<'a>(script: &'a str, then: &[&'a str]) -> Vec<&'a str> {
    [&["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"], then].concat()
}

#[test]
fn nothing_needs_to_be_writable() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let script = "mount -o remount,bind,ro / && ! touch /nacre-was-here 2>/dev/null && exec \"$@\"";
    let quick = Quick::start(&with_mounts(script, &["env"]), home(true, None), true, &[]);
    assert_eq!(quick.with_key(&["echo in; exit 6"]).code, Some(6));
    assert!(quick.with_key(&["-tt", "tty"]).text().starts_with("/dev/pts/"));
    assert!(
        quick.line("ssh ").unwrap().contains("HostKeyAlias="),
        "a key for one run has a name for one run"
    );
    let nameless = Quick::start(&with_mounts(script, &NAMELESS), Scratch::new(), false, &[]);
    let password = nameless.line("Password: ").unwrap().to_owned();
    assert_eq!(nameless.with_password(&password, &["id -u"]).success(), "54321");
}

#[test]
fn without_a_multiplexer_of_terminals_commands_run() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let script = "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\"";
    for wrapper in [&["env"][..], &NAMELESS] {
        let quick = Quick::start(&with_mounts(script, wrapper), home(true, Some(54_321)), true, &[]);
        assert_eq!(quick.with_key(&["echo in"]).success(), "in");
        let terminal = quick.with_key(&["-tt", "echo in"]);
        assert!(terminal.stderr.contains("PTY allocation request failed"), "{}", terminal.stderr);
        assert_eq!(quick.with_key(&["echo still in"]).success(), "still in");
    }
}

#[test]
fn it_can_be_told_where_to_listen() {
    if !can(&[Need::Ours]) {
        return;
    }
    let quick = Quick::start(&["env"], home(true, None), true, &["-oMaxSessions=1"]);
    assert!(quick.line("ssh ").unwrap().contains(&format!("-p {} ", quick.port)));
}
