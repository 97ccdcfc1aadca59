//! Which processes a connection has, whose they are and what `ps` shows (S11–S13, S24–S28, S39–S45, S50).

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{
    Account, Need, Process, Server, Setup, Talk, can, children, descendants, descriptors, eventually, finish,
    process, status_field, world,
};

#[test]
fn the_listeners_title_is_its_command_line_and_how_many_log_in() {
    let server = Server::start();
    let arguments = format!("-D -e -f {} [listener] 0 of 10-100 startups", server.path("config").display());
    let title =
        eventually("the title is set", || server.title().contains("startups").then(|| server.title()));
    assert!(title.starts_with("sshd: /") && title.ends_with(&format!("sshd {arguments}")), "{title}");
    let stranger = server.connect();
    eventually("it is counted", || server.title().ends_with(" 1 of 10-100 startups").then_some(()));
    let other = server.connect();
    eventually("both are counted", || server.title().ends_with(" 2 of 10-100 startups").then_some(()));
    drop((stranger, other));
    eventually("nobody is left", || server.title().ends_with(" 0 of 10-100 startups").then_some(()));
    // One that is in does not count.
    let _in = server.shell(&["-T"]);
    eventually("who is in does not count", || {
        server.title().ends_with(" 0 of 10-100 startups").then_some(())
    });
}

#[test]
fn the_title_has_the_limits_of_max_startups() {
    let server = Server::with("MaxStartups 5:30:60");
    eventually("the title is set", || {
        server.title().ends_with("[listener] 0 of 5-60 startups").then_some(())
    });
}

/// The process of this title below `pid`.
fn titled(pid: u32, title: &str) -> Process {
    eventually(&format!("a process is called {title:?}"), || {
        descendants(pid).into_iter().find(|process| process.title == title)
    })
}

/// As whom net runs: for root the account that Debian makes for it, or else nobody.
fn net_user() -> u32 {
    if !world().root {
        return world().account.uid;
    }
    let sshd = Account::search(|fields| fields[0] == "sshd");
    sshd.unwrap_or_else(|| Account::find(|fields| fields[0] == "nobody")).uid
}

/// What holds for net at any time.
fn assert_is_jailed(net: &Process) {
    assert_eq!(net.uid, net_user(), "{net:?}");
    for (field, value) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        assert_eq!(status_field(net.pid, field), value, "{field} of net");
    }
    let numbers: Vec<_> =
        status_field(net.pid, "Uid").split_whitespace().map(|id| id.parse::<u32>().unwrap()).collect();
    assert_eq!(numbers, [net.uid; 4]);
    if world().root {
        assert!(
            fs::read_dir(format!("/proc/{}/root", net.pid)).unwrap().next().is_none(),
            "its root is empty"
        );
        assert_eq!(status_field(net.pid, "Groups"), "", "no other groups");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status_field(net.pid, set), "0000000000000000", "{set}");
        }
        assert!(descriptors(net.pid).len() >= 4);
    } else {
        assert!(fs::read_dir(format!("/proc/{}/fd", net.pid)).is_err(), "its own user cannot look into it");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", net.pid)).unwrap();
    for name in ["Max processes", "Max file size", "Max core file size"] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert!(line.split_whitespace().take(2).eq(["0", "0"]), "{name}{line}");
    }
    for (number, target) in descriptors(net.pid) {
        let harmless =
            ["socket:", "pipe:", "anon_inode:", "/dev/null", "/dev/ptmx", "/ptmx", "/dev/pts/ptmx"];
        assert!(
            harmless.iter().any(|start| target.starts_with(start)),
            "descriptor {number} of net is {target}"
        );
    }
}

#[test]
fn before_the_login_net_is_jailed_already_and_there_is_no_session() {
    if !can(&[Need::Ours]) {
        return;
    }
    let server = Server::start();
    let _silent = server.connect();
    let net = titled(server.pid(), "sshd: [net]");
    eventually("it is jailed", || (status_field(net.pid, "Seccomp") == "2").then_some(()));
    assert_is_jailed(&process(net.pid).unwrap());
    let monitor = process(net.parent).unwrap();
    assert_eq!((monitor.title.as_str(), monitor.parent), ("sshd: [accepted]", server.pid()));
    assert_eq!(descendants(server.pid()).len(), 2);
}

#[test]
fn a_login_has_a_monitor_a_jailed_net_and_a_session_of_the_user() {
    let server = Server::start();
    let _talk = server.shell(&["-tt"]);
    let account = &world().account;
    let monitor = &server.monitors()[0];
    assert_eq!(server.monitors().len(), 1);
    assert_eq!(monitor.title, format!("sshd: {} [priv]", account.name));
    assert_eq!(
        monitor.uid,
        fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap()
    );
    let session = children(monitor.pid).into_iter().find(|one| one.title.contains('@')).unwrap();
    let terminal = session.title.strip_prefix(&format!("sshd: {}@pts/", account.name)).unwrap();
    assert!(terminal.parse::<u32>().is_ok(), "{session:?}");
    assert_eq!(session.uid, account.uid);
    assert!(status_field(session.pid, "Uid").split_whitespace().all(|id| id == account.uid.to_string()));
    let shell = &children(session.pid)[0];
    assert_eq!((shell.uid, shell.title.starts_with('-')), (account.uid, true), "{shell:?}");
    assert_eq!(status_field(shell.pid, "NSsid"), shell.pid.to_string(), "it leads its session");
    if can(&[Need::Ours]) {
        assert_eq!(children(monitor.pid).len(), 2);
        let net = titled(server.pid(), &format!("sshd: {} [net]", account.name));
        assert_eq!(net.parent, monitor.pid);
        assert_is_jailed(&net);
        for (field, value) in [("NoNewPrivs", "0"), ("Seccomp", "0")] {
            assert_eq!(status_field(shell.pid, field), value, "sudo has to work: {field}");
        }
    } else {
        assert_eq!(children(monitor.pid).len(), 1);
    }
}

#[test]
fn roots_own_login_is_jailed_as_well() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let server = Server::start();
    let _talk = server.shell_as(&Account::superuser(), &["-tt"]);
    assert_is_jailed(&titled(server.pid(), "sshd: root [net]"));
}

#[test]
fn the_sessions_title_tells_its_terminals() {
    let server = Server::start();
    let account = &world().account;
    let master = crate::harness::Master::new(&server, 0);
    let name = format!("sshd: {}@", account.name);
    titled(server.pid(), &format!("{name}notty"));
    let number = |talk: &mut Talk| -> u32 {
        talk.until("/dev/pts/");
        talk.until("=").trim_end_matches('=').parse().unwrap()
    };
    let mut talks: Vec<_> =
        (0..2).map(|_| Talk::start(&mut master.ssh(&["-tt", "echo $(tty)=; read line"]))).collect();
    let numbers: Vec<_> = talks.iter_mut().map(number).collect();
    eventually("both are in the title", || {
        let session = descendants(server.pid()).into_iter().find(|one| one.title.starts_with(&name))?;
        let mut shown: Vec<u32> = session
            .title
            .strip_prefix(&name)?
            .split(',')
            .map(|terminal| terminal.strip_prefix("pts/")?.parse().ok())
            .collect::<Option<_>>()?;
        let mut wanted = numbers.clone();
        shown.sort_unstable();
        wanted.sort_unstable();
        (shown == wanted).then_some(())
    });
    talks.iter_mut().for_each(|talk| talk.send("\n"));
    talks.into_iter().for_each(|talk| assert_eq!(talk.end().code, Some(0)));
    titled(server.pid(), &format!("{name}notty"));
}

#[test]
fn each_connection_has_processes_of_its_own() {
    let server = Server::start();
    let _talks = [server.shell(&["-T"]), server.shell(&["-T"])];
    let monitors = server.monitors();
    assert_eq!(monitors.len(), 2);
    let sessions: Vec<_> = monitors
        .iter()
        .filter_map(|one| children(one.pid).into_iter().find(|child| child.title.contains("@notty")))
        .collect();
    assert!(sessions.len() == 2 && sessions[0].pid != sessions[1].pid, "{sessions:?}");
}

#[test]
fn a_name_that_nobody_has_is_shown_as_unknown() {
    let server = Server::start();
    // Held before its attempts are over by an agent that never answers would need an agent; a slow command does: the log tells.
    let outcome = finish(&mut server.ssh_as("no-such-user", &["true"]), b"");
    assert_eq!(outcome.code, Some(255));
    assert!(
        outcome.stderr.contains("no-such-user@127.0.0.1: Permission denied (publickey"),
        "{}",
        outcome.stderr
    );
    server.logs("Invalid user no-such-user from 127.0.0.1 port ");
    server.falls_silent();
}

#[test]
fn the_exit_of_a_command_is_noticed_at_once() {
    let server = Server::start();
    let master = crate::harness::Master::new(&server, 0);
    let began = Instant::now();
    for _ in 0..20 {
        finish(&mut master.ssh(&["true"]), b"").success();
    }
    // Twenty of them: what waits for a tick of a clock would be far beyond.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn with_d_it_stays_in_the_foreground_of_who_started_it() {
    let server = Setup::new().start();
    let own = process(server.pid()).unwrap();
    assert_eq!(own.parent, std::process::id());
    assert!(own.title.contains(" -D "), "{own:?}");
}
