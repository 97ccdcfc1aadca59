//! What a user's processes get: signal mask, dispositions, limits, niceness, out-of-memory score, file mask, environment, as
//! they were when the server was started.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::harness::{Account, Need, Scratch, Server, Setup, Talk, can, finish, world};

#[test]
fn signals_are_neither_blocked_nor_ignored() {
    let server = Server::start();
    // Two signals are the C library's own and cannot be reset by a program: whoever started us may ignore them.
    let reserved = 3_u64 << 31;
    for kind in ["-T", "-tt"] {
        let said = server.run(&[kind, "grep -E '^Sig(Blk|Ign|Pnd)' /proc/self/status"]).success();
        let sets: Vec<_> =
            said.lines().map(|line| u64::from_str_radix(&line[8..], 16).unwrap() & !reserved).collect();
        assert_eq!(sets, [0, 0, 0], "{said}");
    }
}

#[test]
fn limits_niceness_and_scores_are_those_the_server_was_started_with() {
    if !can(&[Need::Root]) {
        return;
    }
    let own = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let limits = [
        "prlimit",
        "--nofile=1111:2222",
        "--core=0:4096",
        "--nproc=30000:31000",
        "--fsize=100000000:200000000",
    ];
    let server = Setup::new()
        .under(&[&limits[..], &["nice", "-n", "3", "sh", "-c", "umask 027; exec \"$@\"", "sh"]].concat())
        .start();
    let read = |command: &str| server.run(&["-tt", command]).success();
    let given = read("cat /proc/self/limits");
    let rows: BTreeMap<_, _> =
        given.lines().map(|line| (line[..26.min(line.len())].trim(), &line[26.min(line.len())..])).collect();
    for (name, values) in [
        ("Max open files", ["1111", "2222"]),
        ("Max core file size", ["0", "4096"]),
        ("Max processes", ["30000", "31000"]),
        ("Max file size", ["100000000", "200000000"]),
    ] {
        assert!(rows[name].split_whitespace().take(2).eq(values), "{name}: {given}");
    }
    assert_eq!(read("nice"), "3");
    assert_eq!(read("cat /proc/self/oom_score_adj"), own.trim());
    assert_eq!(read("umask"), "0027", "what is not for others stays so, and 022 is added");
    assert_eq!(Server::start().run(&["umask"]).success(), "0022");
}

#[test]
fn the_listener_is_spared_when_memory_runs_out() {
    if !can(&[Need::Root]) {
        return;
    }
    // A container may have no right to spare anybody.
    let lowered = Command::new("sh").args(["-c", "echo -1000 >/proc/self/oom_score_adj"]).output().unwrap();
    let wanted = if lowered.status.success() { "-1000\n" } else { "0\n" };
    let server = Server::start();
    let score = fs::read_to_string(format!("/proc/{}/oom_score_adj", server.pid())).unwrap();
    assert_eq!(score, wanted);
}

fn environment(said: &str) -> BTreeMap<String, String> {
    said.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn the_environment_is_the_users_and_nothing_of_the_servers() {
    let setup = Setup::new().environment("SECRET_OF_THE_SERVER", "x").environment("LD_BIND_NOW", "");
    let server = setup.start();
    let account = &world().account;
    let mut said = environment(&server.run(&["env"]).success());
    let port = server.port.to_string();
    let client = said.remove("SSH_CLIENT").unwrap();
    let connection = said.remove("SSH_CONNECTION").unwrap();
    let words: Vec<_> = connection.split(' ').collect();
    assert!(
        words.len() == 4 && words[0] == "127.0.0.1" && words[2..] == ["127.0.0.1", &port],
        "{connection}"
    );
    assert_eq!(client, format!("127.0.0.1 {} {port}", words[1]));
    for (name, value) in [
        ("USER", account.name.as_str()),
        ("LOGNAME", &account.name),
        ("HOME", account.home.to_str().unwrap()),
        ("SHELL", &account.shell),
        ("MAIL", &format!("/var/mail/{}", account.name)),
    ] {
        assert_eq!(said.remove(name).as_deref(), Some(value), "{name}");
    }
    let path = said.remove("PATH").unwrap();
    assert!(path.contains("/usr/bin") && path.contains("/bin"), "{path}");
    // Of the shell itself.
    ["PWD", "SHLVL", "_", "OLDPWD"].iter().for_each(|name| drop(said.remove(*name)));
    // Of other servers' login machinery.
    if world().other {
        ["MOTD_SHOWN", "LANG"].iter().for_each(|name| drop(said.remove(*name)));
    }
    assert_eq!(said, BTreeMap::new());
}

#[test]
fn with_a_terminal_its_name_and_type_are_in_the_environment() {
    let server = Server::start();
    let said = server.run(&["-tt", "test \"$(tty)\" = \"$SSH_TTY\" && echo $TERM; pwd"]).success();
    assert_eq!(said, format!("xterm\n{}", world().account.home.display()));
}

#[test]
fn groups_are_those_of_the_user() {
    if !can(&[Need::Root]) {
        return;
    }
    let account = world().add_account("g", &["-m", "-s", "/bin/sh", "-p", "*", "-G", "audio,video"]);
    let server = Server::start();
    let said = finish(
        &mut server.ssh_as(&account.name, &["id -u; id -g; id -nG; grep ^Cap /proc/self/status"]),
        b"",
    )
    .success();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..2], [account.uid.to_string(), account.gid.to_string()]);
    let mut groups: Vec<_> = lines[2].split(' ').collect();
    groups.sort_unstable();
    assert_eq!(groups, ["audio", &account.name, "video"]);
    assert!(
        lines[3..]
            .iter()
            .filter(|line| !line.starts_with("CapBnd"))
            .all(|line| line.ends_with("\t0000000000000000")),
        "{said}"
    );
}

#[test]
fn a_missing_home_is_said_and_is_no_obstacle() {
    if !can(&[Need::Root]) {
        return;
    }
    let account = world().add_account("h", &["-s", "/bin/sh", "-p", "*", "-M", "-d", "/nonexistent/nacre"]);
    let server = Server::start();
    let outcome = finish(&mut server.ssh_as(&account.name, &["pwd"]), b"");
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "/"), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("Could not chdir to home directory /nonexistent/nacre: No such file or directory")
    );
}

#[test]
fn a_shell_of_the_users_choice_runs_commands_by_c() {
    if !can(&[Need::Root]) {
        return;
    }
    let scratch = Scratch::new();
    let shell = scratch.program("shell", "#!/bin/sh\necho \"shell[$0][$1][$2][$#]\"\n");
    let account = world().add_account("s", &["-m", "-s", shell.to_str().unwrap(), "-p", "*"]);
    let server = Server::start();
    let run = |words: &[&str]| finish(&mut server.ssh_as(&account.name, words), b"").text();
    assert_eq!(run(&["echo 'a  b'; x"]), format!("shell[{}][-c][echo 'a  b'; x][2]", shell.display()));
    // The script's own name is all a script sees; that a login is `-shell` is seen with a real shell elsewhere.
    assert!(run(&["-T"]).contains("[][][0]"));
    drop(Talk::start(&mut server.ssh_as(&account.name, &["-T"])));
}

#[test]
fn root_logs_in_by_key() {
    if !can(&[Need::Root]) {
        return;
    }
    let server = Server::start();
    let root = Account::superuser();
    let said = finish(&mut server.ssh_as("root", &["id -u; echo $HOME $USER"]), b"").success();
    assert_eq!(said, format!("0\n{} root", root.home.display()));
}
