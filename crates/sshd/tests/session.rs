//! The session's process, with real programs in it: the test plays monitor and net.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "session/agent.rs"]
mod agent;
#[path = "session/forwards.rs"]
mod forwards;
#[path = "session/played.rs"]
mod played;
#[path = "session/start.rs"]
mod start;
#[path = "session/x11.rs"]
mod x11;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use played::{Ask, Fifo, Session, Setup, VERBOSE, is_ready, outputs, rest};
use sys::pty::{Pty, window_size};
use sys::spawn::Ended;

/// Everything a terminal says until it hangs up.
fn terminal_output(master: OwnedFd) -> String {
    String::from_utf8(rest(&File::from(master))).unwrap()
}

/// Reads a terminal until it has said `word`.
fn read_until(master: &File, word: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 256];
    while !text.contains(word) {
        assert!(is_ready(master, Duration::from_secs(30)), "{word} does not come: {text:?}");
        let len = (&*master).read(&mut buffer).unwrap();
        text += &String::from_utf8_lossy(&buffer[..len]);
    }
    text
}

fn terminal(session: &mut Session, number: u32) -> OwnedFd {
    let fds = session.ask(number, Ask::Pty).expect("no terminal");
    let [master]: [OwnedFd; 1] = fds.try_into().unwrap();
    master
}

#[test]
fn output_errors_and_status_come_apart() {
    let mut session = Setup::default().start();
    for (number, status) in [(0, 0), (1, 7), (2, 255)] {
        let told = session.run(number, &format!("echo out; echo err >&2; exit {status}"));
        assert_eq!(told, ("out\n".into(), "err\n".into(), Ok(status)));
    }
    assert_eq!(session.hang_up(), Ended::Exited(0));
}

#[test]
fn input_reaches_the_program_and_its_end_too() {
    let mut session = Setup::default().start();
    let fds = session.ask(0, Ask::Exec("cat")).unwrap();
    let [input, output, errors]: [OwnedFd; 3] = fds.try_into().unwrap();
    let mut input = File::from(input);
    input.write_all(b"over and out").unwrap();
    let all = outputs(vec![input.into(), output, errors]);
    assert_eq!((all.0.as_str(), session.ended()), ("over and out", (0, Ok(0))));
}

#[test]
fn a_signal_that_ended_a_program_is_told_by_its_name_of_the_rfc() {
    let mut session = Setup::default().start();
    let cases =
        [("KILL", "KILL"), ("TERM", "TERM"), ("USR1", "USR1"), ("HUP", "HUP"), ("16", "SIG@openssh.com")];
    for (number, (signal, name)) in (0..).zip(cases) {
        let (_, _, ended) = session.run(number, &format!("ulimit -c 0; kill -{signal} $$"));
        assert_eq!(ended, Err(name.to_owned()));
    }
}

#[test]
fn a_signal_goes_to_all_that_the_session_leader_leads() {
    let fifo = Fifo::new("group");
    let mut session = Setup::default().start();
    let command = format!(
        "sh -c 'trap \"echo child > {}; exit\" TERM; echo ready; sleep 100 & wait' & wait",
        fifo.path
    );
    let fds = session.ask(0, Ask::Exec(&command)).unwrap();
    let output = File::from(fds[1].try_clone().unwrap());
    read_until(&output, "ready");
    assert!(session.ask(0, Ask::Signal("TERM")).is_some());
    assert_eq!(session.ended(), (0, Err("TERM".into())));
    assert_eq!(fifo.word(), "child");
    assert!(session.ask(0, Ask::Signal("TERM")).is_none(), "after its end");
}

#[test]
fn signals_are_refused_where_openssh_refuses_them() {
    let subsystems = vec![("sub", "cat")];
    let mut session = Setup { subsystems, ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Signal("TERM")).is_none(), "nothing runs");
    assert_eq!(session.line().unwrap(), "session_signal_req: no session pid");
    let fds = session.ask(1, Ask::Subsystem("sub")).unwrap();
    assert!(session.ask(1, Ask::Signal("TERM")).is_none());
    assert_eq!(
        session.line().unwrap(),
        "session_signal_req: refusing to send signal TERM to subsystem session"
    );
    drop(fds);
    assert_eq!(session.ended(), (1, Ok(0)));
    let fds = session.ask(2, Ask::Exec("cat")).unwrap();
    assert!(session.ask(2, Ask::Signal("WINCH")).is_none());
    assert_eq!(session.line().unwrap(), "session_signal_req: unsupported signal \"WINCH\"");
    drop(fds);
    assert_eq!(session.ended(), (2, Ok(0)));

    let mut session = Setup { forced: Some("cat"), ..Setup::default() }.start();
    let _fds = session.ask(0, Ask::Shell).unwrap();
    assert!(session.ask(0, Ask::Signal("KILL")).is_none());
    assert_eq!(
        session.line().unwrap(),
        "session_signal_req: refusing to send signal KILL to forced-command session"
    );
}

#[test]
fn the_environment_holds_what_it_should_and_nothing_else() {
    let setup = Setup {
        accept_env: vec!["LC_*", "FOO"],
        set_env: vec![("FOO", "server"), ("FOO", "later")],
        home: "/tmp".into(),
        ..Setup::default()
    };
    let mut session = setup.start();
    assert!(session.ask(0, Ask::Env("LC_ALL", "de")).is_some());
    assert!(session.ask(0, Ask::Env("FOO", "client")).is_some());
    assert!(session.ask(0, Ask::Env("LD_PRELOAD", "x.so")).is_none());
    let (output, _, _) = session.run(0, "exec /usr/bin/env");
    let mut lines: Vec<&str> = output.lines().filter(|line| !line.starts_with("PATH=")).collect();
    lines.retain(|line| !line.starts_with("_=") && !line.starts_with("SHLVL="));
    lines.sort_unstable();
    let expected = [
        "FOO=server",
        "HOME=/tmp",
        "LC_ALL=de",
        "LOGNAME=alice",
        "MAIL=/var/mail/alice",
        "PWD=/tmp",
        "SHELL=/bin/sh",
        "SSH_CLIENT=192.0.2.1 4711 22",
        "SSH_CONNECTION=192.0.2.1 4711 192.0.2.2 22",
        "USER=alice",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_shell_is_a_login_shell_and_a_commands_shell_is_none() {
    let mut session = Setup::default().start();
    let fds = session.ask(0, Ask::Shell).unwrap();
    File::from(fds[0].try_clone().unwrap()).write_all(b"echo $0; pwd; exit 3\n").unwrap();
    let (output, _) = outputs(fds);
    assert_eq!((output.as_str(), session.ended()), ("-sh\n/\n", (0, Ok(3))));
    let (output, _, _) = session.run(1, "echo $0; ps -o args= -p $$");
    assert_eq!(output, "sh\nsh -c echo $0; ps -o args= -p $$\n");
}

#[test]
fn a_forced_command_runs_whatever_is_asked_for_and_is_told_it() {
    let subsystems = vec![("sub", "the subsystem")];
    let mut session =
        Setup { forced: Some("echo ${SSH_ORIGINAL_COMMAND-none}"), subsystems, ..Setup::default() }.start();
    let asked =
        [(Ask::Exec("a  b"), "a b\n"), (Ask::Shell, "none\n"), (Ask::Subsystem("sub"), "the subsystem\n")];
    for (number, (ask, expected)) in (0..).zip(asked) {
        let (output, _) = outputs(session.ask(number, ask).unwrap());
        assert_eq!((output.as_str(), session.ended()), (expected, (number, Ok(0))));
    }
    assert!(session.ask(9, Ask::Subsystem("nosuch")).is_none());
}

#[test]
fn a_subsystem_runs_as_a_command_does_and_unknown_ones_are_refused() {
    let subsystems = vec![("sub", "echo \"two  words\"; exit 4")];
    let mut session = Setup { subsystems, ..Setup::default() }.start();
    let (output, _) = outputs(session.ask(0, Ask::Subsystem("sub")).unwrap());
    assert_eq!((output.as_str(), session.ended()), ("two  words\n", (0, Ok(4))));
    assert!(session.ask(1, Ask::Subsystem("nosuch")).is_none());
    assert_eq!(
        session.line().unwrap(),
        "subsystem request for nosuch by user alice failed, subsystem not found"
    );
    assert_eq!(session.run(1, "echo still").0, "still\n");
}

#[test]
fn a_program_on_a_terminal_has_it_as_its_own() {
    let mut session = Setup::default().start();
    // What it says comes after all that it did before.
    assert!(session.ask(0, Ask::Break).is_none());
    assert_eq!(session.title(), "sshd: alice@notty");
    let master = terminal(&mut session, 0);
    let size = window_size(&master).unwrap();
    assert_eq!((size.columns, size.rows), (80, 24));
    let command = "tty; echo $SSH_TTY $TERM; exec 3</dev/tty && echo mine; ps -o tty=,sid= -p $$; echo $$; \
                   ls /proc/self/fd | wc -l; exit 5";
    assert!(session.ask(0, Ask::Exec(command)).unwrap().is_empty(), "the terminal is all");
    let text = terminal_output(master);
    let lines: Vec<&str> = text.lines().collect();
    let tty = lines[0].strip_prefix("/dev/").unwrap();
    assert_eq!(lines[1], format!("/dev/{tty} xterm"));
    assert_eq!(lines[2], "mine");
    assert_eq!(
        lines[3].split_whitespace().collect::<Vec<_>>(),
        [tty, lines[4]],
        "leads the session of its terminal"
    );
    assert_eq!(lines[5], "5", "its own three, that one, and that of ls");
    assert_eq!(session.ended(), (0, Ok(5)));
}

#[test]
fn the_title_shows_the_terminals_in_use() {
    let mut session = Setup::default().start();
    let masters = [terminal(&mut session, 0), terminal(&mut session, 1)];
    for number in [0, 1] {
        session.ask(number, Ask::Exec("echo up; read line; tty")).unwrap();
    }
    let mut names = Vec::new();
    let [one, other] = masters.map(File::from);
    for master in [&one, &other] {
        read_until(master, "up");
    }
    let title = session.title();
    let (first, second) = title.strip_prefix("sshd: alice@").unwrap().split_once(',').unwrap();
    for (mut master, name) in [(one, first), (other, second)] {
        master.write_all(b"\n").unwrap();
        assert!(terminal_output(master.into()).contains(name), "{title}");
        names.push(session.ended());
    }
    assert_eq!(names, [(0, Ok(0)), (1, Ok(0))]);
    session.close(0);
    assert!(session.ask(7, Ask::Break).is_none());
    assert_eq!(session.title(), "sshd: alice@notty");
}

#[test]
fn the_line_discipline_echoes_and_makes_signals() {
    let mut session = Setup::default().start();
    let mut master = File::from(terminal(&mut session, 0));
    session.ask(0, Ask::Exec("echo up; cat")).unwrap();
    read_until(&master, "up");
    master.write_all(b"word\n").unwrap();
    let text = read_until(&master, "word\r\nword\r\n");
    assert!(text.contains("word\r\nword\r\n"), "echo, then cat's own: {text:?}");
    master.write_all(b"\x03").unwrap();
    assert_eq!(session.ended(), (0, Err("INT".into())));
}

#[test]
fn a_terminal_that_is_not_permitted_is_refused_and_the_command_runs() {
    let mut session = Setup { pty: false, ..Setup::default() }.start();
    assert!(session.ask(0, Ask::Pty).is_none());
    assert!(session.ask(0, Ask::Break).is_none());
    let (output, _, ended) = session.run(0, "tty");
    assert_eq!((output.as_str(), ended), ("not a tty\n", Ok(1)));
}

#[test]
fn a_terminal_that_cannot_be_had_is_refused_and_logged_and_the_command_runs() {
    let mut session = Setup { own_ptys: false, ..Setup::default() }.start();
    session.request(0, Ask::Pty);
    session.answer_pty(None);
    assert!(session.reply(0).is_none());
    assert_eq!(session.line().unwrap(), "session_pty_req: session 0 alloc failed");
    assert_eq!(session.run(0, "echo still").0, "still\n");
}

#[test]
fn the_monitors_terminal_goes_to_net_and_to_the_program() {
    let mut session = Setup { own_ptys: false, ..Setup::default() }.start();
    let pty = Pty::open().unwrap();
    session.request(0, Ask::Pty);
    session.answer_pty(Some(&pty));
    let [master]: [OwnedFd; 1] = session.reply(0).unwrap().try_into().unwrap();
    let number = pty.number;
    drop(pty);
    session.ask(0, Ask::Exec("tty")).unwrap();
    assert_eq!(terminal_output(master), format!("/dev/pts/{number}\r\n"));
    assert_eq!(session.ended(), (0, Ok(0)));
}

#[test]
fn a_session_runs_one_program_and_is_prepared_before_it() {
    let mut session = Setup { accept_env: vec!["*"], ..Setup::default() }.start();
    let fds = session.ask(0, Ask::Exec("cat")).unwrap();
    let late = [Ask::Exec("echo"), Ask::Shell, Ask::Subsystem("sub"), Ask::Env("A", "1"), Ask::Pty];
    for ask in late {
        assert!(session.ask(0, ask).is_none());
    }
    outputs(fds);
    assert_eq!(session.ended(), (0, Ok(0)));
    for ask in late {
        assert!(session.ask(0, ask).is_none(), "after its end");
    }
    let _master = terminal(&mut session, 1);
    assert!(session.ask(1, Ask::Pty).is_none(), "one terminal");
    assert!(session.ask(1, Ask::Break).is_some());
}

#[test]
fn in_a_root_of_its_own_a_missing_home_is_nothing_to_tell() {
    let setup = Setup { home: "/nonexistent/home".into(), chrooted: true, ..Setup::default() };
    assert_eq!(setup.start().run(0, "pwd"), ("/\n".into(), String::new(), Ok(0)));
}

#[test]
fn a_missing_home_is_told_to_the_user_who_starts_in_the_root() {
    let mut session = Setup { home: "/nonexistent/home".into(), ..Setup::default() }.start();
    let told = "Could not chdir to home directory /nonexistent/home: No such file or directory";
    assert_eq!(
        session.run(0, "pwd; echo $HOME"),
        ("/\n/nonexistent/home\n".into(), format!("{told}\n"), Ok(0))
    );
    let master = terminal(&mut session, 1);
    session.ask(1, Ask::Exec("pwd")).unwrap();
    assert_eq!(terminal_output(master), format!("{told}\r\n/\r\n"));
}

#[test]
fn what_was_told_without_waiting_leaves_descriptors_that_wait() {
    let mut session = Setup { home: "/nonexistent".into(), ..Setup::default() }.start();
    let (output, _, _) = session.run(0, "grep flags: /proc/self/fdinfo/2");
    let flags = u32::from_str_radix(output.split_whitespace().last().unwrap(), 8).unwrap();
    assert_eq!(flags & 0o4000, 0, "O_NONBLOCK: {output}");
}

#[test]
fn a_missing_shell_is_told_to_the_user_and_counts_as_failed() {
    let mut session = Setup { shell: "/nonexistent/shell", ..Setup::default() }.start();
    let told = "/nonexistent/shell: No such file or directory\n";
    assert_eq!(session.run(0, "true"), (String::new(), told.into(), Ok(1)));
}

#[test]
fn two_hundred_sessions_at_once_and_not_one_more() {
    let mut session = Setup { sessions: 200, ..Setup::default() }.start();
    let mut all = Vec::new();
    for number in 0..200 {
        all.push(session.ask(number, Ask::Exec("read line; exit $line")).unwrap());
    }
    assert!(session.ask(200, Ask::Exec("true")).is_none(), "more than permitted");
    for (number, fds) in (0..).zip(&all) {
        let mut input = File::from(fds[0].try_clone().unwrap());
        writeln!(input, "{}", number % 256).unwrap();
    }
    let mut ended: Vec<_> = (0..200).map(|_| session.ended()).collect();
    ended.sort_unstable();
    assert_eq!(ended, (0..200).map(|number| (number, Ok(number % 256))).collect::<Vec<_>>());
    assert!(session.ask(200, Ask::Exec("true")).is_none(), "the channels are still open");
    session.close(0);
    assert_eq!(session.run(200, "exit 9").2, Ok(9));
}

#[test]
fn a_terminal_hangs_up_when_its_channel_closes_and_nothing_more_is_told() {
    let fifo = Fifo::new("hup");
    let mut session = Setup { level: VERBOSE, ..Setup::default() }.start();
    let master = terminal(&mut session, 0);
    let command = format!("trap 'echo hup > {}; exit' HUP; echo up; sleep 100 & wait", fifo.path);
    session.ask(0, Ask::Exec(&command)).unwrap();
    assert!(session.line().unwrap().starts_with("Starting session: command on pts/"));
    let master = File::from(master);
    read_until(&master, "up");
    session.close(0);
    drop(master);
    assert_eq!(fifo.word(), "hup");
    let close = "Close session: user alice from 192.0.2.1 port 4711 id 0";
    assert_eq!(session.line().unwrap(), close, "it was reaped");
    // The next thing that is told is another program's end.
    assert_eq!(session.run(1, "exit 2").2, Ok(2));
}

#[test]
fn sessions_are_named_in_the_log_as_openssh_names_them() {
    let subsystems = vec![("sub", "true")];
    let mut session = Setup { level: VERBOSE, subsystems, ..Setup::default() }.start();
    outputs(session.ask(5, Ask::Shell).unwrap());
    assert_eq!(session.line().unwrap(), "Starting session: shell for alice from 192.0.2.1 port 4711 id 0");
    outputs(session.ask(6, Ask::Subsystem("sub")).unwrap());
    assert_eq!(
        session.line().unwrap(),
        "Starting session: subsystem 'sub' for alice from 192.0.2.1 port 4711 id 1"
    );
    let mut ended = [session.ended(), session.ended()];
    ended.sort_unstable();
    assert_eq!(ended, [(5, Ok(0)), (6, Ok(0))]);
    session.close(5);
    assert_eq!(session.line().unwrap(), "Close session: user alice from 192.0.2.1 port 4711 id 0");
    outputs(session.ask(7, Ask::Exec("true")).unwrap());
    assert_eq!(session.line().unwrap(), "Starting session: command for alice from 192.0.2.1 port 4711 id 0");
}

#[test]
fn programs_begin_with_a_clean_slate() {
    let mut session = Setup::default().start();
    let (output, _, _) =
        session.run(0, "grep ^Sig /proc/self/status; readlink /proc/self/fd/*; ps -o sid= -p $$; echo $$");
    for name in ["SigBlk:", "SigIgn:"] {
        assert!(output.contains(&format!("{name}\t0000000000000000")), "{output}");
    }
    assert_eq!(output.matches("pipe:").count(), 3, "{output}");
    let others = output.lines().filter(|line| line.starts_with("socket:") || line.starts_with("anon_inode:"));
    assert_eq!(others.count(), 0, "{output}");
    let ids: Vec<&str> = output.lines().rev().take(2).map(str::trim).collect();
    assert_eq!(ids[0], ids[1], "leads a session of its own");
}

#[test]
fn the_process_ends_with_net_and_leaves_programs_without_a_terminal_alone() {
    let fifo = Fifo::new("alone");
    let mut session = Setup::default().start();
    let fds = session.ask(0, Ask::Exec(&format!("cat; echo done > {}", fifo.path))).unwrap();
    assert_eq!(session.hang_up(), Ended::Exited(0));
    drop(fds);
    assert_eq!(fifo.word(), "done");
}

#[test]
fn the_process_ends_with_the_monitor() {
    let mut session = Setup::default().start();
    session.run(0, "true").2.unwrap();
    session.monitor = None;
    assert!(session.is_over());
    assert_eq!(session.child.wait().unwrap(), Ended::Exited(255));
}

#[test]
fn a_message_of_no_row_or_of_another_side_is_the_end_and_logged() {
    for payload in [
        &[99, 0, 0, 0, 0][..],
        &[20, 0, 0, 0, 0, 1],
        &[3, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0],
        &[6, 0, 0, 0, 0, 0, 0, 0, 1, 0],
    ] {
        let mut session = Setup::default().start();
        session.send(payload);
        assert!(session.line().unwrap().starts_with("session: net: "), "{payload:?}");
        assert!(session.is_over());
        assert_eq!(session.child.wait().unwrap(), Ended::Exited(255));
    }
}

#[test]
fn descriptors_from_net_are_the_end() {
    let mut session = Setup::default().start();
    let null = sys::fd::null().unwrap();
    session.net.as_ref().unwrap().send(&[3, 0, 0, 0, 0], &[null.as_fd()]).unwrap();
    assert!(session.line().unwrap().starts_with("session: net: "));
    assert!(session.is_over());
}

#[test]
fn numbers_that_nobody_knows_are_refused_or_passed_over() {
    let mut session = Setup::default().start();
    session.close(u32::MAX);
    assert!(session.ask(u32::MAX, Ask::Signal("TERM")).is_none());
    assert!(session.ask(u32::MAX, Ask::Break).is_none());
    assert_eq!(session.run(u32::MAX, "echo yes").0, "yes\n");
}
