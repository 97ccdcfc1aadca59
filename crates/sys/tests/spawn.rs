//! Children as the kernel shows them to themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use nacre_sys::fd::null;
use nacre_sys::ids::{Credentials, Gid, Pid, Uid};
use nacre_sys::process::{self, Limit, Resource};
use nacre_sys::pty::Pty;
use nacre_sys::signal::{Disposition, Signal, SignalFd, set_disposition};
use nacre_sys::spawn::{Command, Ended, Leads, Program, Step};

fn text(string: &str) -> CString {
    CString::new(string).unwrap()
}

/// What `sh -c script` prints, started with what `change` adds, and how it ended.
fn shell(script: &str, change: impl FnOnce(&mut Command<'_>)) -> (String, Ended) {
    let (input, (mut reader, writer)) = (null().unwrap(), io::pipe().unwrap());
    let standard = [input.as_fd(), writer.as_fd(), writer.as_fd()];
    let mut command = Command::new(Program::Path(text("/bin/sh")), text("sh"), standard);
    command.arguments.extend([text("-c"), text(script)]);
    command.environment.push(text("PATH=/usr/bin:/bin"));
    change(&mut command);
    let mut child = command.spawn().unwrap();
    drop(command);
    drop(writer);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    (output, child.wait().unwrap())
}

fn printed(script: &str, change: impl FnOnce(&mut Command<'_>)) -> String {
    let (output, ended) = shell(script, change);
    assert_eq!(ended, Ended::Exited(0), "{output}");
    output
}

/// A change that makes the child have its own copy of our memory, which is the other way of starting; as whom we are.
fn copied(command: &mut Command<'_>) {
    command.credentials = Some(Credentials::current().unwrap());
}

fn is_root() -> bool {
    Uid::effective() == Uid::ROOT
}

#[test]
fn signals_are_clean_whatever_we_have_done() {
    set_disposition(Signal::PIPE, Disposition::Ignore).unwrap();
    let _blocked = SignalFd::new(&[Signal::CHLD, Signal::TERM]).unwrap();
    let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
    let clean = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    assert_eq!(printed(script, |_| {}), clean);
    if is_root() {
        assert_eq!(printed(script, copied), clean);
    }
    let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    assert!(own.contains("SigBlk:\t0000000000014000\n"), "ours are still blocked: {own}");
}

#[test]
fn no_descriptor_above_two_and_no_environment_get_there() {
    let leak = io::pipe().unwrap();
    nacre_sys::fd::set_cloexec(&leak.0, false).unwrap();
    let list = "for fd in /proc/$$/fd/*; do test -e $fd && echo ${fd##*/}; done; true";
    assert_eq!(printed(list, |_| {}), "0\n1\n2\n");
    assert_eq!(printed("cat /proc/$$/environ", |_| {}), "PATH=/usr/bin:/bin\0");
}

#[test]
fn descriptors_get_their_numbers_even_when_they_stand_in_each_others_place() {
    let output = printed("echo three >&3; echo five >&5; ls /proc/$$/fd | tr '\\n' ' '", |command| {
        let [input, output] = [command.descriptors[0], command.descriptors[1]];
        command.descriptors = vec![input, output, output, output, input, output];
    });
    assert!(output.starts_with("three\nfive\n0 1 2 3 4 5 "), "{output}");
}

#[test]
fn name_directory_umask_limits_and_score_are_as_told() {
    let output = printed(
        "echo $0; pwd; umask; ulimit -n; ulimit -Hn; nice; cat /proc/self/oom_score_adj",
        |command| {
            command.arguments = vec![text("-sh"), text("-c"), command.arguments[2].clone()];
            command.directory = Some(text("/proc"));
            command.umask = Some(0o27);
            command.limits = vec![(Resource::OpenFiles, Limit { soft: 77, hard: 99 })];
            command.nice = Some(process::nice().unwrap() + 3);
            command.oom_score = Some(500);
        },
    );
    let nice = process::nice().unwrap() + 3;
    assert_eq!(output, format!("-sh\n/proc\n0027\n77\n99\n{nice}\n500\n"));
}

#[test]
fn sessions_and_groups_are_led() {
    let ids = "cut -d' ' -f1,5,6 /proc/$$/stat | tr ' ' '\\n' | uniq | wc -l";
    assert_eq!(
        printed(ids, |command| command.leads = Leads::Session),
        "1\n",
        "pid, group and session are one"
    );
    let group = printed("cut -d' ' -f1,5 /proc/$$/stat", |command| command.leads = Leads::Group);
    let (pid, leader) = group.trim().split_once(' ').unwrap();
    assert_eq!(pid, leader);
}

#[test]
fn the_terminal_is_the_sessions_own() {
    let pty = Pty::open().unwrap();
    let path = pty.path();
    let side = pty.follower.as_fd();
    let mut command = Command::new(Program::Path(text("/bin/sh")), text("-sh"), [side; 3]);
    command
        .arguments
        .extend([text("-c"), text("stty -opost; tty; echo ours > /dev/tty; cut -d' ' -f7 /proc/$$/stat")]);
    command.environment.push(text("PATH=/usr/bin:/bin"));
    command.leads = Leads::Terminal;
    let mut child = command.spawn().unwrap();
    drop(pty.follower);
    let mut output = Vec::new();
    let end = File::from(OwnedFd::from(pty.master)).read_to_end(&mut output).unwrap_err();
    assert_eq!(end.raw_os_error(), Some(5), "EIO");
    let device = (136 << 8) | (pty.number & 0xff) | (pty.number & !0xff) << 12;
    assert_eq!(String::from_utf8(output).unwrap(), format!("{}\nours\n{device}\n", path.display()));
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

#[test]
fn a_user_is_taken_on_whole() {
    if !is_root() {
        return; // Only root can be somebody else.
    }
    let groups = vec![Gid(4002), Gid(4003)];
    let output = printed("grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status", |command| {
        command.credentials = Some(Credentials { uid: Uid(4001), gid: Gid(4002), groups });
    });
    let words: Vec<&str> = output.split_whitespace().collect();
    let ids = "Uid: 4001 4001 4001 4001 Gid: 4002 4002 4002 4002 Groups: 4002 4003 CapEff: 0000000000000000";
    assert_eq!(words.join(" "), ids);
}

#[test]
fn what_fails_in_the_child_is_told_with_its_step() {
    let failure = |change: &dyn Fn(&mut Command<'_>)| {
        let input = null().unwrap();
        let mut command = Command::new(Program::Path(text("/bin/true")), text("true"), [input.as_fd(); 3]);
        change(&mut command);
        let error = command.spawn().unwrap_err();
        (error.step, error.error.raw_os_error())
    };
    let missing = |command: &mut Command<'_>| command.program = Program::Path(text("/nonexistent"));
    assert_eq!(failure(&missing), (Step::Execute, Some(libc_errno::ENOENT)));
    let directory = |command: &mut Command<'_>| command.directory = Some(text("/nonexistent"));
    assert_eq!(failure(&directory), (Step::Directory, Some(libc_errno::ENOENT)));
    let terminal = |command: &mut Command<'_>| command.leads = Leads::Terminal;
    assert_eq!(failure(&terminal), (Step::Terminal, Some(libc_errno::ENOTTY)));
    let limit = |command: &mut Command<'_>| {
        command.limits = vec![(Resource::OpenFiles, Limit { soft: 9, hard: 8 })];
    };
    assert_eq!(failure(&limit), (Step::Limits, Some(libc_errno::EINVAL)));
    let root = |command: &mut Command<'_>| command.root = Some(text("/nonexistent"));
    let errno = if is_root() { libc_errno::ENOENT } else { libc_errno::EPERM };
    assert_eq!(failure(&root), (Step::Root, Some(errno)));
    if is_root() {
        let both = |command: &mut Command<'_>| {
            copied(command);
            missing(command);
        };
        assert_eq!(failure(&both), (Step::Execute, Some(libc_errno::ENOENT)));
    }
    assert_eq!(failure(&|command| command.arguments.clear()).0, Step::Descriptors);
}

/// Numbers of errors, which are the same on both machines.
mod libc_errno {
    pub(crate) const EPERM: i32 = 1;
    pub(crate) const ENOENT: i32 = 2;
    pub(crate) const EINVAL: i32 = 22;
    pub(crate) const ENOTTY: i32 = 25;
}

#[test]
fn an_open_program_is_executed_without_its_name() {
    let program: OwnedFd = File::open("/bin/sh").unwrap().into();
    let output = printed("echo ran; ls /proc/$$/fd | tr '\\n' ' '", |command| {
        // Lives until the child runs.
        let kept: &'static OwnedFd = Box::leak(Box::new(program));
        command.program = Program::Open(kept.as_fd());
    });
    assert!(output.starts_with("ran\n0 1 2 "), "{output}");
    assert!(process::own_program().is_ok());
}

#[test]
fn ends_are_told_as_they_were_and_again() {
    assert_eq!(shell("exit 7", |_| {}).1, Ended::Exited(7));
    let (_, killed) = shell("ulimit -c 0; kill -TERM $$", |_| {});
    assert_eq!(killed, Ended::Killed { signal: Signal::TERM, core: false });
}

#[test]
fn signals_reach_the_group_until_it_is_reaped() {
    let (reader, writer) = io::pipe().unwrap();
    let output = null().unwrap();
    let standard = [reader.as_fd(), output.as_fd(), output.as_fd()];
    let mut command = Command::new(Program::Path(text("/bin/cat")), text("cat"), standard);
    command.leads = Leads::Group;
    let mut child = command.spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(child.pid() > Pid(1) && child.pidfd().is_some());
    child.signal_group(Signal::HUP).unwrap();
    let ended = Ended::Killed { signal: Signal::HUP, core: false };
    assert_eq!(child.wait().unwrap(), ended);
    assert_eq!(child.try_wait().unwrap(), Some(ended));
    child.signal(Signal::KILL).unwrap();
    drop(writer);
}
