//! Roles that need a process with one thread: jailed, titled, changed for good. The program runs itself again for each of them,
//! through an open descriptor, with a message socket as descriptor 3. An ordinary user runs the cases that need no root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::print_stdout,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "a test's own main; forbidden calls need no proof"
)]

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nacre_sys::fd::inherited;
use nacre_sys::ids::{Credentials, Gid, Pid, Uid};
use nacre_sys::jail::{Jail, Refusal, Wall, unlinked_directory};
use nacre_sys::poll::{Entry, wait};
use nacre_sys::process::{self, Forked, fork};
use nacre_sys::pty::{Pty, WindowSize, resize, window_size};
use nacre_sys::seqpacket::SeqPacket;
use nacre_sys::signal::Signal;
use nacre_sys::spawn::{Child, Command, Ended, Program};
use nacre_sys::switch::become_user;
use nacre_sys::title::Title;

const NOBODY: u32 = 65_534;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("role") => return role(&arguments[2]),
        Some("--list") => return,
        _ => {}
    }
    let cases: [(&str, fn()); 11] = [
        ("the_jailed_process_can_work_and_do_nothing_else", works_and_nothing_else),
        ("an_ordinary_user_is_jailed_by_landlock_and_the_filter", ordinary_user),
        ("a_forbidden_call_can_be_the_end", forbidden_kills),
        ("the_conditions_of_the_jail_are_checked", conditions),
        ("the_jailed_process_ends_with_its_parent", ends_with_parent),
        ("a_user_that_was_become_cannot_be_left", become_for_good),
        ("a_child_s_own_root_is_all_it_sees_as_whoever_it_runs", sees_its_root),
        ("titles_are_what_ps_shows_and_the_environment_survives", titles),
        ("inherited_descriptors_are_taken_once", inherits_once),
        ("a_copied_process_has_its_own_memory_and_its_parent_sees_it_end", copies),
        ("a_signal_does_not_end_a_wait_early", waits_on),
    ];
    for (name, case) in cases {
        case();
        println!("test {name} ... ok");
    }
}

fn is_root() -> bool {
    Uid::effective() == Uid::ROOT
}

fn text(string: &str) -> CString {
    CString::new(string).unwrap()
}

/// Starts this program again in a role, and keeps the other end of its descriptor 3.
fn start(role: &str, user: Option<Credentials>) -> (Child, SeqPacket) {
    start_below(role, user, None, None)
}

/// The same, in a directory below another root.
fn start_below(
    role: &str,
    user: Option<Credentials>,
    root: Option<CString>,
    directory: Option<CString>,
) -> (Child, SeqPacket) {
    let program = process::own_program().unwrap();
    let (ours, theirs) = SeqPacket::pair().unwrap();
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let mut command = Command::new(
        Program::Open(program.as_fd()),
        text("role"),
        [input.as_fd(), output.as_fd(), error.as_fd()],
    );
    command.arguments.extend([text("role"), text(role)]);
    command.environment.extend([text("FIRST=one"), text("SECOND=two")]);
    command.descriptors.push(theirs.as_fd());
    command.credentials = user;
    command.root = root;
    command.directory = directory;
    command.on_parents_death = Some(Signal::KILL);
    let child = command.spawn().unwrap();
    (child, ours)
}

fn hear(socket: &SeqPacket) -> String {
    let mut buffer = vec![0; 16 * 1024];
    let received = socket.receive(&mut buffer, 0).unwrap().expect("the role ended early");
    String::from_utf8(buffer[..received.len].to_vec()).unwrap()
}

fn role(name: &str) {
    if name == "inherit" {
        // Left open, as by a careless starter.
        let _ = std::fs::File::open("/dev/null").unwrap().into_raw_fd();
    }
    let [socket] = inherited::<1>().unwrap();
    let socket = SeqPacket::try_from(socket).unwrap();
    match name {
        "jailed" => jailed(socket, Refusal::Error),
        "killed" => jailed(socket, Refusal::Kill),
        "conditions" => try_conditions(&socket),
        "orphan" => orphan(&socket),
        "become" => become_and_try(&socket),
        "title" => entitle(&socket),
        "rooted" => look_around(&socket),
        "copy" => copy(&socket),
        "wait" => wait_under_signals(&socket),
        "inherit" => {
            let again = inherited::<1>().unwrap_err().kind() == io::ErrorKind::AlreadyExists;
            let listed = std::fs::read_dir("/proc/self/fd").unwrap();
            let mut open: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
            open.retain(|path| std::fs::read_link(path).is_ok()); // The listing's own one is gone by now.
            socket.send(format!("{again} {}", open.len()).as_bytes(), &[]).unwrap();
        }
        other => panic!("no role {other}"),
    }
}

/// The jail as sshd would build it for whom we are.
fn jail(kept: Vec<std::os::fd::BorrowedFd<'_>>, refusal: Refusal) -> Jail<'_> {
    let nobody = Credentials { uid: Uid(NOBODY), gid: Gid(NOBODY), groups: vec![Gid(NOBODY)] };
    Jail {
        kept: Some(kept),
        root: is_root().then(|| unlinked_directory(&std::env::temp_dir()).unwrap()),
        credentials: is_root().then_some(nobody),
        parent: Pid::parent(),
        open_files: 64,
        grows_files: false,
        refusal,
    }
}

fn epoll() -> OwnedFd {
    unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }
}

/// What a call failed with; 0 when it did not.
fn errno(result: i64) -> i32 {
    if result == -1 { io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

/// Everything a hostile program would like to do.
fn forbidden(pty: i32) -> Vec<(&'static str, i32)> {
    let (zero, path) = (0_usize, c"/".as_ptr());
    let exec = libc::PROT_READ | libc::PROT_EXEC;
    let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let page =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, private, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED, "memory without code is allowed");
    let parent = Pid::own().0; // getppid is not on the list; any process will do.
    unsafe {
        vec![
            ("openat", errno(libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY))),
            ("socket", errno(libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0))),
            (
                "socketpair",
                errno(libc::syscall(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, zero)),
            ),
            ("connect", errno(libc::syscall(libc::SYS_connect, 0, zero, 0))),
            ("clone", errno(libc::syscall(libc::SYS_clone, libc::SIGCHLD, zero, zero, zero, zero))),
            ("clone3", errno(libc::syscall(libc::SYS_clone3, zero, zero))),
            ("execve", errno(libc::syscall(libc::SYS_execve, path, zero, zero))),
            ("execveat", errno(libc::syscall(libc::SYS_execveat, 0, path, zero, zero, 0))),
            ("mmap", errno(libc::syscall(libc::SYS_mmap, zero, 4096, exec, private, -1, 0))),
            ("mprotect", errno(libc::syscall(libc::SYS_mprotect, page, 4096, exec))),
            ("ptrace", errno(libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, zero, zero))),
            ("kill", errno(libc::syscall(libc::SYS_kill, parent, 0))),
            ("setresuid", errno(libc::syscall(libc::SYS_setresuid, 0, 0, 0))),
            ("prctl", errno(libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1))),
            ("unshare", errno(libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER))),
            ("io_uring_setup", errno(libc::syscall(libc::SYS_io_uring_setup, 1, zero))),
            (
                "process_vm_readv",
                errno(libc::syscall(libc::SYS_process_vm_readv, parent, zero, 0, zero, 0, 0)),
            ),
            ("ioctl TIOCSTI", errno(libc::syscall(libc::SYS_ioctl, pty, libc::TIOCSTI, path))),
            ("fcntl F_SETOWN", errno(libc::syscall(libc::SYS_fcntl, 0, libc::F_SETOWN, 1))),
        ]
    }
}

fn jailed(socket: SeqPacket, refusal: Refusal) {
    let epoll = epoll();
    let report = jail(vec![socket.as_fd(), epoll.as_fd()], refusal).enter().unwrap();
    let summary = format!("{} {} {}", report.root, report.user, report.landlock.is_some());
    socket.send(summary.as_bytes(), &[]).unwrap();

    // The work: a master arrives, is watched, sized, read and written.
    let mut received = socket.receive(&mut [0; 8], 1).unwrap().unwrap();
    let master = received.fds.remove(0);
    nacre_sys::fd::set_nonblocking(&master, true).unwrap();
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    let added = unsafe {
        libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, master.as_raw_fd(), &raw mut event)
    };
    let ready = unsafe { libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, 10_000) };
    assert_eq!((added, ready), (0, 1));
    resize(&master, WindowSize { columns: 99, rows: 11, width: 0, height: 0 }).unwrap();
    let mut file = std::fs::File::from(master);
    let mut word = [0; 4];
    file.read_exact(&mut word).unwrap();
    file.write_all(b"back\n").unwrap();
    socket.send(&word, &[]).unwrap();

    let mut told = String::new();
    for (call, errno) in forbidden(file.as_raw_fd()) {
        told += &format!(
            "{call} {errno}
"
        );
    }
    socket.send(told.as_bytes(), &[]).unwrap();
    // Stays to be looked at until the other side has seen enough.
    assert!(socket.receive(&mut [0; 8], 0).unwrap().is_none());
}

fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().skip(1).collect()
}

/// Drives a jailed role through its work, and looks at it from outside.
fn drive(user: Option<Credentials>, expected_report: &str, expected_user: u32) {
    let (mut child, socket) = start("jailed", user);
    assert_eq!(hear(&socket), expected_report, "root, user, Landlock");
    let pty = Pty::open().unwrap();
    let mut follower = std::fs::File::from(OwnedFd::from(pty.follower));
    follower.write_all(b"word").unwrap();
    socket.send(b"master", &[pty.master.as_fd()]).unwrap();
    assert_eq!(hear(&socket), "word");
    assert_eq!(window_size(&follower).unwrap().columns, 99);
    let mut back = [0; 5];
    follower.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"back\n");
    let told = hear(&socket);
    assert!(told.lines().count() > 15);
    for line in told.lines() {
        assert!(line.ends_with(" 1"), "expected EPERM: {line}");
    }

    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.pid())).unwrap();
    let status = proc("status");
    let id = expected_user.to_string();
    assert_eq!(field(&status, "Uid:"), [id.as_str(); 4]);
    assert_eq!((field(&status, "NoNewPrivs:"), field(&status, "Seccomp:")), (vec!["1"], vec!["2"]));
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(&status, set), ["0000000000000000"]);
    }
    let limits = proc("limits");
    for (name, value) in [
        ("Max processes", "0"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "64"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let values: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(values, [value, value], "{name}");
    }
    if is_root() {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", child.pid())).unwrap().count();
        assert_eq!(fds, 6, "three, the socket, epoll, the master");
        let root = std::fs::read_link(format!("/proc/{}/root", child.pid())).unwrap();
        let is_empty = root.to_string_lossy().ends_with("(deleted)");
        assert_eq!(is_empty, expected_report.starts_with("true"), "{}", root.display());
        let owner = std::os::unix::fs::MetadataExt::uid(
            &std::fs::metadata(format!("/proc/{}/fd", child.pid())).unwrap(),
        );
        assert_eq!(owner, 0, "not dumpable");
    }
    drop(socket);
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

fn works_and_nothing_else() {
    if is_root() {
        drive(None, "true true true", NOBODY);
    }
}

fn ordinary_user() {
    let user = is_root().then(|| Credentials { uid: Uid(4001), gid: Gid(4002), groups: vec![] });
    let uid = user.as_ref().map_or(Uid::effective().0, |user| user.uid.0);
    drive(user, "false false true", uid);
}

fn forbidden_kills() {
    let (mut child, socket) = start("killed", None);
    hear(&socket);
    let pty = Pty::open().unwrap();
    let mut follower = std::fs::File::from(OwnedFd::from(pty.follower));
    follower.write_all(b"word").unwrap();
    socket.send(b"master", &[pty.master.as_fd()]).unwrap();
    assert_eq!(hear(&socket), "word");
    assert_eq!(child.wait().unwrap(), Ended::Killed { signal: Signal::SYS, core: false });
}

fn try_conditions(socket: &SeqPacket) {
    let mut told = Vec::new();
    if is_root() {
        let as_root = Jail { credentials: None, root: None, ..jail(vec![socket.as_fd()], Refusal::Error) };
        told.push(as_root.enter().unwrap_err().wall);
    }
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv().is_err());
    told.push(jail(vec![socket.as_fd()], Refusal::Error).enter().unwrap_err().wall);
    drop(stop);
    assert!(thread.join().unwrap());
    // The thread may still be on its way out: the kernel says when it has gone.
    while process::is_single_threaded() != Some(true) {
        std::thread::yield_now();
    }
    let stranger = Jail { parent: Pid(i32::MAX), ..jail(vec![socket.as_fd()], Refusal::Error) };
    told.push(stranger.enter().unwrap_err().wall);
    socket.send(format!("{told:?}").as_bytes(), &[]).unwrap();
}

fn conditions() {
    let (mut child, socket) = start("conditions", None);
    let mut expected = vec![Wall::Conditions, Wall::Parent];
    if is_root() {
        expected.insert(0, Wall::Conditions);
    }
    assert_eq!(hear(&socket), format!("{expected:?}"));
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

/// Starts a jailed process, tells its number, and ends without a word to it.
fn orphan(socket: &SeqPacket) {
    let (child, jailed) = start("jailed", None);
    hear(&jailed);
    let copy = jailed.as_fd();
    socket.send(child.pid().to_string().as_bytes(), &[copy]).unwrap();
}

fn ends_with_parent() {
    let (mut child, socket) = start("orphan", None);
    let mut buffer = [0; 16];
    let received = socket.receive(&mut buffer, 1).unwrap().unwrap();
    let jailed = SeqPacket::try_from(received.fds.into_iter().next().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
    // We hold the other end of the jailed one's socket, so only its parent's death can end it: its end is the end of the messages.
    assert!(jailed.receive(&mut buffer, 0).unwrap().is_none());
}

fn become_and_try(socket: &SeqPacket) {
    let user = Credentials { uid: Uid(4001), gid: Gid(4002), groups: vec![Gid(4002)] };
    become_user(&user).unwrap();
    let back = unsafe {
        [
            libc::syscall(libc::SYS_setresuid, 0, 0, 0),
            libc::syscall(libc::SYS_setuid, 0),
            libc::syscall(libc::SYS_setgid, 0),
            libc::syscall(libc::SYS_setgroups, 0, 0),
        ]
    };
    let shadow = std::fs::read("/etc/shadow").is_err();
    socket.send(format!("{back:?} {shadow}").as_bytes(), &[]).unwrap();
}

fn become_for_good() {
    if is_root() {
        let (mut child, socket) = start("become", None);
        assert_eq!(hear(&socket), "[-1, -1, -1, -1] true");
        assert_eq!(child.wait().unwrap(), Ended::Exited(0));
    }
}

fn entitle(socket: &SeqPacket) {
    let mut title = Title::claim().unwrap();
    assert!(Title::claim().is_none(), "once only");
    title.set("sshd: a title longer than the arguments");
    let shown = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap();
    let long = format!("{}|{}", shown("cmdline").trim_end_matches('\0'), shown("comm").trim_end());
    title.set("short");
    let short = shown("cmdline").trim_end_matches('\0').to_owned();
    let environment = ["FIRST", "SECOND"].map(|name| std::env::var(name).unwrap()).join(" ");
    socket.send(format!("{long}|{short}|{environment}").as_bytes(), &[]).unwrap();
}

/// What the root and the directory are for a child with its own root, with and without a user's ids: the two ways of starting.
fn sees_its_root() {
    if !is_root() {
        return; // Only root can give one.
    }
    let path = std::env::temp_dir().join(format!("nacre-root-{}", std::process::id()));
    std::fs::create_dir_all(path.join("inside")).unwrap();
    std::os::unix::fs::symlink("/proc/1/root/etc", path.join("way-out")).unwrap();
    let name = || CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    let nobody = Credentials { uid: Uid(NOBODY), gid: Gid(NOBODY), groups: vec![Gid(NOBODY)] };
    for (user, uid) in [(None, 0), (Some(nobody), NOBODY)] {
        for (directory, at) in
            [(None, "/"), (Some(text("/inside")), "/inside"), (Some(text("inside")), "/inside")]
        {
            let (mut child, socket) = start_below("rooted", user.clone(), Some(name()), directory);
            assert_eq!(hear(&socket), format!("{uid} {at} inside,way-out above:inside,way-out out:false"));
            assert_eq!(child.wait().unwrap(), Ended::Exited(0));
        }
    }
    std::fs::remove_dir_all(path).unwrap();
}

fn look_around(socket: &SeqPacket) {
    let list = |path: &str| {
        let entries = std::fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.join(",")
    };
    let at = std::env::current_dir().unwrap();
    let out = std::path::Path::new("/way-out").exists();
    let seen = format!(
        "{} {} {} above:{} out:{out}",
        Uid::effective().0,
        at.display(),
        list("/"),
        list("/../../.."),
    );
    socket.send(seen.as_bytes(), &[]).unwrap();
}

fn titles() {
    // The room: role, role, title, FIRST=one, SECOND=two, a byte behind each but the last.
    let (mut child, socket) = start("title", None);
    assert_eq!(hear(&socket), "sshd: a title longer than the argume|role|short|one two");
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

fn inherits_once() {
    let (mut child, socket) = start("inherit", None);
    assert_eq!(hear(&socket), "true 4");
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

fn copy(socket: &SeqPacket) {
    let parent = Pid::own();
    let mut number = 1;
    let (reader, mut writer) = io::pipe().unwrap();
    let (gate, open) = io::pipe().unwrap();
    match fork().unwrap() {
        Forked::Child => {
            number += 1;
            process::die_with_parent(Signal::KILL, parent).unwrap();
            writer.write_all(&[number]).unwrap();
            drop(open);
            // Stays until the parent has looked at it.
            assert_eq!(io::read_to_string(gate).unwrap(), "");
            std::process::exit(7);
        }
        Forked::Parent(mut child) => {
            let mut read = [0; 1];
            (&reader).read_exact(&mut read).unwrap();
            let ready =
                |timeout| wait(&mut [Entry::new(child.pidfd().unwrap(), true, false)], timeout).unwrap();
            let before = ready(Some(Duration::ZERO));
            drop(open);
            let after = ready(None);
            let ended = child.wait().unwrap();
            socket.send(format!("{read:?} {number} {before} {after} {ended:?}").as_bytes(), &[]).unwrap();
        }
    }
}

fn copies() {
    let (mut child, socket) = start("copy", None);
    assert_eq!(hear(&socket), "[2] 1 0 1 Exited(7)");
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

static STRUCK: AtomicU32 = AtomicU32::new(0);

extern "C" fn strike(_: i32) {
    STRUCK.fetch_add(1, Ordering::SeqCst);
}

fn wait_under_signals(socket: &SeqPacket) {
    let often = libc::timeval { tv_sec: 0, tv_usec: 2000 };
    let timer = libc::itimerval { it_interval: often, it_value: often };
    unsafe {
        libc::signal(libc::SIGALRM, strike as *const () as libc::sighandler_t);
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()), 0);
    }
    let (idle, _writer) = io::pipe().unwrap();
    let (before, time) = (Instant::now(), Duration::from_millis(50));
    let ready = wait(&mut [Entry::new(idle.as_fd(), true, false)], Some(time)).unwrap();
    let (in_time, struck) = (before.elapsed() >= time, STRUCK.load(Ordering::SeqCst) > 1);
    let never = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval { tv_sec: 0, tv_usec: 0 },
    };
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const never, std::ptr::null_mut()) }, 0);
    socket.send(format!("{ready} {in_time} {struck}").as_bytes(), &[]).unwrap();
}

fn waits_on() {
    let (mut child, socket) = start("wait", None);
    assert_eq!(hear(&socket), "0 true true");
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}
