//! What a session's terminal is (S1–S8, S10, S14, S15, S20–S22, S52), and how it is made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{
    Account, Master, Need, Server, Setup, Talk, can, descendants, descriptors, eventually, finish,
    status_field, within, world,
};

#[test]
fn the_terminal_is_a_character_device_under_dev_pts_of_the_user_and_group_tty() {
    let server = Server::start();
    let said = server.run(&["-tt", "tty; stat -c '%F %t %u %g %a' $(tty)"]).success();
    let (path, stat) = said.split_once('\n').unwrap();
    assert!(path.strip_prefix("/dev/pts/").is_some_and(|number| number.parse::<u32>().is_ok()), "{path}");
    let account = &world().account;
    let tty = Group::named("tty");
    let expected = match (world().root, tty) {
        (true, Some(Group(tty))) => format!("character special file 88 {} {tty} 620", account.uid),
        (true, None) => format!("character special file 88 {} {} 600", account.uid, account.gid),
        // The kernel's choice: what the devpts is mounted with.
        (false, _) => format!("character special file 88 {} ", account.uid),
    };
    assert!(stat.starts_with(&expected), "{stat:?} is not {expected:?}");
}

struct Group(u32);

impl Group {
    fn named(name: &str) -> Option<Self> {
        let groups = fs::read_to_string("/etc/group").unwrap();
        let mut entries = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
        entries.find(|fields| fields[0] == name).map(|fields| Self(fields[2].parse().unwrap()))
    }
}

#[test]
fn without_a_terminal_there_is_none() {
    let server = Server::start();
    let outcome = server.run(&["tty"]);
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(1), "not a tty"));
    assert_eq!(server.run(&["setsid tty"]).text(), "not a tty");
    let forced = server.run(&["-tt", "setsid -w sh -c 'exec <>/dev/tty' 2>&1; echo $?"]).success();
    assert!(forced.contains("No such device or address"), "a session may leave its terminal: {forced}");
}

#[test]
fn standard_descriptors_are_the_terminal_and_nothing_is_above_them() {
    let server = Server::start();
    let said = server.run(&["-tt", "tty; ls -l /proc/$$/fd; true"]).success();
    let mut lines = said.lines();
    let terminal = lines.next().unwrap();
    let links: Vec<_> = lines.filter_map(|line| line.split_once(" -> ")).collect();
    assert_eq!(links.len(), 3, "{said}");
    for (number, (name, target)) in links.iter().enumerate() {
        assert!(name.ends_with(&format!(" {number}")) && *target == terminal, "{said}");
    }
}

#[test]
fn without_a_terminal_nothing_is_above_the_standard_descriptors_either() {
    let server = Server::start();
    let said = server.run(&["-T", "ls /proc/$$/fd; true"]).success();
    assert_eq!(said.lines().collect::<Vec<_>>(), ["0", "1", "2"]);
    let subsystem = Server::with("Subsystem list ls /proc/$$/fd; true");
    assert_eq!(finish(&mut subsystem.ssh(&["-s", "list"]), b"").success().lines().count(), 3);
}

#[test]
fn the_shell_of_a_login_has_no_master_and_the_server_has_exactly_one() {
    let server = Server::start();
    let mut talk = server.shell(&["-tt"]);
    talk.send("echo pid=$$.\n");
    talk.until("pid=");
    let shell: u32 = loop {
        // The echo of the command comes first.
        let number = talk.until(".");
        if let Ok(number) = number.trim_end_matches('.').parse() {
            break number;
        }
        talk.until("pid=");
    };
    let holders = |pid: u32| descriptors(pid).values().filter(|target| target.ends_with("/ptmx")).count();
    assert_eq!(holders(shell), 0);
    let tree = descendants(server.pid());
    assert!(tree.iter().any(|process| process.pid == shell));
    if can(&[Need::Root, Need::Ours]) {
        let all: Vec<_> = tree.iter().filter(|process| holders(process.pid) > 0).collect();
        assert!(all.len() == 1 && all[0].title.ends_with("[net]"), "net alone holds the master: {all:?}");
        assert_eq!(holders(all[0].pid), 1);
    }
}

#[test]
fn logout_removes_the_device() {
    let server = Server::start();
    let mut talk = server.shell(&["-tt"]);
    talk.send("echo at=$(tty)=\n");
    let path = loop {
        talk.until("at=");
        let path = talk.until("=");
        if path.starts_with("/dev/pts/") {
            break path.trim_end_matches('=').to_owned();
        }
    };
    assert!(Path::new(&path).exists());
    talk.send("exit 3\n");
    assert_eq!(talk.end().code, Some(3));
    server.falls_silent();
    // Another test may have been given the number by now, but not by this server and not for this program.
    let again = Talk::start(&mut server.ssh(&["-tt", "tty; read line"]));
    drop(again);
    server.falls_silent();
    let gone = within(std::time::Duration::from_secs(5), || (!Path::new(&path).exists()).then_some(()));
    let owner = pts_holders(&path);
    assert!(gone.is_some() || !owner.is_empty(), "{path} is still there and nobody has it");
}

/// The processes that have this terminal.
fn pts_holders(path: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == Path::new(path)))
        })
    })
    .collect()
}

/// Runs the server in a mount namespace whose `/dev/pts` has room for `most` terminals.
fn with_few_terminals(most: u32) -> Setup {
    let script = format!(
        "mount --make-rprivate / && mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,max={most} devpts /dev/pts && \
         mount --bind /dev/pts/ptmx /dev/ptmx && exec \"$@\""
    );
    Setup::new().under(&["unshare", "-m", "sh", "-c", &script, "sh"])
}

#[test]
fn a_terminal_that_cannot_be_had_is_reported_and_the_command_runs_all_the_same() {
    if !can(&[Need::Root]) {
        return;
    }
    let server = with_few_terminals(1).start();
    let mut first = server.shell(&["-tt"]);
    let refused = server.run(&["-tt", "tty"]).stderr;
    assert!(refused.contains("PTY allocation request failed on channel 0"), "{refused}");
    // Stock ssh of its own gives up then; one that shares a connection goes on.
    let master = Master::new(&server, 0);
    let outcome = finish(&mut master.ssh(&["-tt", "tty; echo still here"]), b"");
    assert_eq!(outcome.text(), "not a tty\nstill here", "{}", outcome.stderr);
    drop(master);
    first.send("exit\n");
    first.end();
    // Freed, it can be had again.
    let again = eventually("the terminal is freed", || {
        let text = server.run(&["-tt", "tty"]).text();
        text.starts_with("/dev/pts/").then_some(text)
    });
    assert_eq!(again, "/dev/pts/0");
}

#[test]
fn two_hundred_sessions_over_twenty_connections_have_two_hundred_terminals() {
    let server = Server::with("MaxSessions 11");
    let masters: Vec<_> = (0..20).map(|number| Master::new(&server, number)).collect();
    let mut talks: Vec<_> = (0..200)
        .map(|number| {
            Talk::start(
                &mut masters[number % 20]
                    .ssh(&["-tt", "stty -echo; echo \"[$(tty)]\"; read line; echo \"<$line>\""]),
            )
        })
        .collect();
    let terminals: BTreeSet<_> = talks
        .iter_mut()
        .map(|talk| {
            talk.until("[");
            talk.until("]")
        })
        .collect();
    assert_eq!(terminals.len(), 200);
    let ended = talks.into_iter().enumerate().map(|(number, mut talk)| {
        talk.send(format!("{number}\n"));
        talk.until(&format!("<{number}>"));
        talk.end().code
    });
    assert!(ended.collect::<Vec<_>>().iter().all(|code| *code == Some(0)));
    drop(masters);
    server.falls_silent();
}

#[test]
fn a_login_can_be_traced_and_makes_its_terminal_by_one_open() {
    if !can(&[Need::Root]) {
        return;
    }
    let server = Server::start();
    let trace = server.path("trace");
    let mut strace = Command::new("strace")
        .args(["-f", "-e", "trace=open,openat,ioctl,setsid,execve,execveat,clone,clone3,fork,vfork", "-o"])
        .arg(&trace)
        .args(["-p", &server.pid().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    eventually("strace has it", || (status_field(server.pid(), "TracerPid") != "0").then_some(()));
    let outcome = server.run(&["-tt", "echo under trace; exec 3<>/dev/tty && echo controlling"]);
    server.falls_silent();
    crate::harness::kill("INT", strace.id());
    strace.wait().unwrap();
    assert_eq!(outcome.success(), "under trace\ncontrolling");
    let trace = fs::read_to_string(trace).unwrap();
    let calls = |what: &[&str]| {
        let lines = trace.lines().filter(|line| what.iter().all(|part| line.contains(part)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let opens = calls(&["open", "ptmx"]);
    assert!(opens.len() == 1 && opens[0].contains("O_RDWR"), "{opens:?}");
    assert!(!calls(&["TIOCSPTLCK, [0]"]).is_empty());
    assert!(!calls(&["TIOCGPTN"]).is_empty() || !calls(&["TIOCGPTPEER"]).is_empty());
    assert!(calls(&["\"/dev/pty"]).is_empty(), "no terminal of the old kind");
    assert!(!calls(&["clone"]).is_empty() || !calls(&["fork("]).is_empty());
    // The child that becomes the shell: a session of its own first, then the terminal.
    let controlling = calls(&["TIOCSCTTY"]);
    assert!(!controlling.is_empty());
    let child = controlling[0].split_whitespace().next().unwrap();
    let of_child: Vec<_> =
        trace.lines().filter(|line| line.split_whitespace().next() == Some(child)).collect();
    let place = |what: &str| of_child.iter().position(|line| line.contains(what)).unwrap_or(usize::MAX);
    assert!(place("setsid()") < place("TIOCSCTTY") && place("TIOCSCTTY") < place("bash"), "{of_child:#?}");
    if can(&[Need::Ours]) {
        assert!(opens[0].contains("O_NOCTTY") && opens[0].contains("O_CLOEXEC"), "{opens:?}");
        let executed = calls(&["execveat("]);
        assert_eq!(executed.len(), 2, "net and session are executed, from a descriptor: {executed:?}");
    }
}

#[test]
fn root_has_a_terminal_of_its_own_too() {
    if !can(&[Need::Root]) {
        return;
    }
    let server = Server::start();
    let root = Account::superuser();
    let said = finish(&mut server.ssh_as(&root.name, &["-tt", "stat -c %u $(tty); id -u"]), b"").success();
    assert_eq!(said, "0\n0");
}
