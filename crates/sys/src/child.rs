//! What a new child does until it is another program: system calls on prepared memory, and nothing else.
//!
//! The child may share the parent's memory, and the parent may have had other threads: so no allocation, no lock, no panic, and no
//! function of the C library that keeps state, in everything that [`run`] calls.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::call::{check, unknown};
use crate::ids::Pid;
use crate::signal::{COUNT, change_mask};
use crate::spawn::{Command, Leads, Program, SpawnError, numbers, pidfd};

/// What is done on the way to a running program, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// The process is made.
    Fork,
    /// Signals get their default dispositions.
    Dispositions,
    /// Descriptors get their numbers, and all others are closed.
    Descriptors,
    /// The session or group is made.
    Session,
    /// The terminal becomes the controlling one.
    Terminal,
    /// The nice value is set.
    Nice,
    /// The limits are set.
    Limits,
    /// The directory becomes the root.
    Root,
    /// Groups, group and user are changed, and shown not to come back.
    Credentials,
    /// The directory is entered.
    Directory,
    /// The parent turns out to be alive.
    Parent,
    /// The signal mask is emptied.
    Mask,
    /// The program is executed.
    Execute,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::Fork,
        Self::Dispositions,
        Self::Descriptors,
        Self::Session,
        Self::Terminal,
        Self::Nice,
        Self::Limits,
        Self::Root,
        Self::Credentials,
        Self::Directory,
        Self::Parent,
        Self::Mask,
        Self::Execute,
    ];

    /// For messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Dispositions => "signal dispositions",
            Self::Descriptors => "descriptors",
            Self::Session => "setsid",
            Self::Terminal => "controlling terminal",
            Self::Nice => "nice",
            Self::Limits => "resource limits",
            Self::Root => "chroot",
            Self::Credentials => "user and groups",
            Self::Directory => "chdir",
            Self::Parent => "parent",
            Self::Mask => "signal mask",
            Self::Execute => "exec",
        }
    }
}

/// A [`Command`] as the kernel takes it, made before the child is.
pub(crate) struct Plan<'a> {
    command: &'a Command<'a>,
    path: Option<&'a CStr>,
    open: RawFd,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    descriptors: Vec<RawFd>,
    limits: Vec<(u32, libc::rlimit64)>,
    groups: Vec<u32>,
    oom_score: Option<Vec<u8>>,
    parent: Pid,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(command: &'a Command<'a>) -> Self {
        let pointers = |strings: &[CString]| {
            strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (path, open) = match &command.program {
            Program::Path(path) => (Some(path.as_c_str()), -1),
            Program::Open(fd) => (None, fd.as_raw_fd()),
        };
        Self {
            path,
            open,
            arguments: pointers(&command.arguments),
            environment: pointers(&command.environment),
            descriptors: numbers(&command.descriptors),
            limits: command.limits.iter().map(|(resource, limit)| (resource.number(), limit.raw())).collect(),
            groups: command.credentials.as_ref().map(|user| user.raw_groups()).unwrap_or_default(),
            oom_score: command.oom_score.map(|score| score.to_string().into_bytes()),
            parent: Pid::own(),
            command,
        }
    }
}

/// A child that was made.
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) pidfd: Option<OwnedFd>,
    /// Why it does not run the program.
    pub(crate) failure: Option<SpawnError>,
}

/// What the child is handed: read by it, and not changed while it runs.
struct Task<'a> {
    plan: &'a Plan<'a>,
    report: RawFd,
}

/// Bytes of the child's stack: its deepest frame holds a few hundred.
const STACK: usize = 64 * 1024;

/// Makes the child and waits until it runs the program or has said why not.
pub(crate) fn start(plan: &Plan<'_>) -> Result<Started, SpawnError> {
    let failed = |error| SpawnError { step: Step::Fork, error };
    let (reader, report) = io::pipe().map_err(failed)?;
    let mut task = Task { plan, report: report.as_raw_fd() };
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let sharing = if plan.command.credentials.is_none() { libc::CLONE_VM | libc::CLONE_VFORK } else { 0 };
    let flags = sharing | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd_number: RawFd = -1;
    // No handler of ours may run in the child: it could be on memory that we share.
    let mask = change_mask(libc::SIG_SETMASK, u64::MAX).map_err(failed)?;
    // SAFETY: `run` keeps to the rules above; its stack and `task` live until the child has left our memory, because CLONE_VFORK
    // makes us wait for that; without CLONE_VM it has copies. The kernel writes the pidfd to a live int.
    let cloned =
        check(unsafe { libc::clone(run, top, flags, (&raw mut task).cast(), &raw mut pidfd_number) });
    let unmasked = change_mask(libc::SIG_SETMASK, mask);
    let pid = Pid(cloned.map_err(failed)?);
    let pidfd = pidfd(pidfd_number);
    drop(report);
    let failure = read_failure(reader).or_else(|| unmasked.err().map(failed));
    Ok(Started { pid, pidfd, failure })
}

/// What the child reported; nothing when its end was closed by the exec.
fn read_failure(mut reader: PipeReader) -> Option<SpawnError> {
    let mut report = [0; 5];
    reader.read_exact(&mut report).ok()?;
    let [step, errno @ ..] = report;
    let step = Step::ALL.into_iter().find(|known| *known as u8 == step)?;
    Some(SpawnError { step, error: io::Error::from_raw_os_error(i32::from_ne_bytes(errno)) })
}

type Steps = Result<(), (Step, io::Error)>;

/// The child's life: it ends in another program, or in an exit after it has said why not.
extern "C" fn run(task: *mut c_void) -> c_int {
    // SAFETY: `start` passes its `task`, which lives and is not changed while we run.
    let task = unsafe { &*task.cast::<Task<'_>>() };
    let mut report = task.report;
    let (step, error) = match prepare(task.plan, &mut report) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    let [a, b, c, d] = error.raw_os_error().unwrap_or(libc::EINVAL).to_ne_bytes();
    let message = [step as u8, a, b, c, d];
    // SAFETY: `message` is live and five bytes long; nobody is left to hear of an error.
    unsafe { libc::syscall(libc::SYS_write, report, message.as_ptr(), message.len()) };
    // SAFETY: ends the process without any of the C library's or our clean-up, which is the parent's.
    unsafe { libc::_exit(127) }
}

fn at(step: Step) -> impl Fn(io::Error) -> (Step, io::Error) {
    move |error| (step, error)
}

fn prepare(plan: &Plan<'_>, report: &mut RawFd) -> Result<std::convert::Infallible, (Step, io::Error)> {
    let command = plan.command;
    default_dispositions().map_err(at(Step::Dispositions))?;
    let open = place_descriptors(plan, report).map_err(at(Step::Descriptors))?;
    lead(command.leads)?;
    if let Some(umask) = command.umask {
        // SAFETY: takes a number and cannot fail.
        unsafe { libc::syscall(libc::SYS_umask, umask & 0o777) };
    }
    if let Some(nice) = command.nice {
        // SAFETY: takes numbers only.
        check(unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, nice) })
            .map_err(at(Step::Nice))?;
    }
    if let Some(score) = &plan.oom_score {
        write_oom_score(score);
    }
    for (resource, limit) in &plan.limits {
        let none = std::ptr::null_mut::<libc::rlimit64>();
        // SAFETY: the limit is live; the old value is not asked for.
        check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, *resource, &raw const *limit, none) })
            .map_err(at(Step::Limits))?;
    }
    if let Some(root) = &command.root {
        // Before the ids, which take the right to it away; the score above is written to our `/proc`.
        // SAFETY: the path is live and terminated; root and directory are the child's own without CLONE_FS.
        check(unsafe { libc::syscall(libc::SYS_chroot, root.as_ptr()) }).map_err(at(Step::Root))?;
        // SAFETY: as above.
        check(unsafe { libc::syscall(libc::SYS_chdir, c"/".as_ptr()) }).map_err(at(Step::Root))?;
    }
    take_credentials(plan).map_err(at(Step::Credentials))?;
    if let Some(directory) = &command.directory {
        // SAFETY: the path is live and terminated.
        check(unsafe { libc::syscall(libc::SYS_chdir, directory.as_ptr()) }).map_err(at(Step::Directory))?;
    }
    if let Some(signal) = command.on_parents_death {
        // After the change of user, at which the kernel forgets it.
        crate::process::die_with_parent(signal, plan.parent)
            .map_err(|_| (Step::Parent, io::Error::from_raw_os_error(libc::ESRCH)))?;
    }
    change_mask(libc::SIG_SETMASK, 0).map_err(at(Step::Mask))?;
    let (arguments, environment) = (plan.arguments.as_ptr(), plan.environment.as_ptr());
    let executed = match plan.path {
        Some(path) => {
            // SAFETY: the path and every string of both lists are live and terminated, the lists end with null.
            unsafe { libc::syscall(libc::SYS_execve, path.as_ptr(), arguments, environment) }
        }
        None => {
            let (empty, flags) = (c"".as_ptr(), libc::AT_EMPTY_PATH);
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_execveat, open, empty, arguments, environment, flags) }
        }
    };
    let error = check(executed);
    Err((Step::Execute, error.err().unwrap_or_else(|| io::ErrorKind::Other.into())))
}

/// Handlers of ours must be gone before the mask is, ignored signals would stay ignored over the exec (std ignores SIGPIPE).
fn default_dispositions() -> io::Result<()> {
    // The kernel's own structure: handler, flags, restorer, mask; all zero is SIG_DFL, on both machines.
    let default = [0_u64; 4];
    for signal in 1..=COUNT {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        let (action, none) = (default.as_ptr(), std::ptr::null_mut::<u64>());
        // SAFETY: the action is live and of the kernel's size; without CLONE_SIGHAND the dispositions are the child's own.
        check(unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action, none, size_of::<u64>()) })?;
    }
    Ok(())
}

/// Gives the descriptors the numbers 0, 1, 2, …, puts the report and the program behind them, and closes everything else. Tells the
/// program's new number.
fn place_descriptors(plan: &Plan<'_>, report: &mut RawFd) -> io::Result<RawFd> {
    let count = plan.descriptors.len() as RawFd;
    // First all to numbers that are nobody's target, then each to its own.
    let copy = |from: RawFd, above: RawFd| {
        // SAFETY: takes numbers only; opens one that was free.
        check(unsafe { libc::syscall(libc::SYS_fcntl, from, libc::F_DUPFD_CLOEXEC, above) })
            .map(|fd| fd as RawFd)
    };
    let place = |from: RawFd, to: RawFd, flags: c_int| {
        // SAFETY: takes numbers only; the table of descriptors is the child's own, whose plan says what is where.
        check(unsafe { libc::syscall(libc::SYS_dup3, from, to, flags) }).map(|_| ())
    };
    let above = count + 2;
    *report = copy(*report, above)?;
    let mut open = if plan.open >= 0 { copy(plan.open, above)? } else { -1 };
    let mut moved = [-1; MAX_PLACED];
    let moved = moved.get_mut(..plan.descriptors.len()).ok_or(io::ErrorKind::InvalidInput)?;
    for (to, from) in moved.iter_mut().zip(&plan.descriptors) {
        *to = copy(*from, above)?;
    }
    for (to, from) in (0..count).zip(moved.iter()) {
        place(*from, to, 0)?;
    }
    place(*report, count, libc::O_CLOEXEC)?;
    *report = count;
    if open >= 0 {
        place(open, count + 1, libc::O_CLOEXEC)?;
        open = count + 1;
    }
    close_from(if open >= 0 { count + 2 } else { count + 1 })?;
    Ok(open)
}

/// Descriptors a child can be handed.
pub(crate) const MAX_PLACED: usize = 16;

fn close_from(first: RawFd) -> io::Result<()> {
    // SAFETY: the table of descriptors is the child's own, and it uses none of these any more.
    match check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }) {
        Err(error) if unknown(&error) => {}
        done => return done.map(|_| ()),
    }
    // Nothing may be allocated here, so `/proc` is not read: every number up to the limit, which root's listener keeps at a thousand
    // or a million; the latter costs 40 ms, on kernels before 5.9 only.
    let mut limit = libc::rlimit64 { rlim_cur: 1024, rlim_max: 1024 };
    let none = std::ptr::null::<libc::rlimit64>();
    // SAFETY: `limit` is live and writable; no new value is given.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, none, &raw mut limit) })?;
    for number in first..limit.rlim_cur.min(1 << 20) as RawFd {
        // SAFETY: as above; a number that is closed already gives EBADF and nothing else happens.
        unsafe { libc::syscall(libc::SYS_close, number) };
    }
    Ok(())
}

fn lead(leads: Leads) -> Steps {
    match leads {
        Leads::Nothing => return Ok(()),
        // SAFETY: takes numbers only.
        Leads::Group => check(unsafe { libc::syscall(libc::SYS_setpgid, 0, 0) }),
        // SAFETY: takes no argument.
        Leads::Session | Leads::Terminal => check(unsafe { libc::syscall(libc::SYS_setsid) }),
    }
    .map_err(at(Step::Session))?;
    if leads == Leads::Terminal {
        // SAFETY: the argument is a number: 0, do not steal it.
        check(unsafe { libc::syscall(libc::SYS_ioctl, 0, libc::TIOCSCTTY, 0) })
            .map_err(at(Step::Terminal))?;
    }
    Ok(())
}

/// Best effort: without `/proc`, or without the right, the score stays.
fn write_oom_score(score: &[u8]) {
    let (path, flags) = (c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
    // SAFETY: the path is live and terminated.
    let Ok(file) = check(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags) }) else {
        return;
    };
    // SAFETY: the bytes are live and as many as told.
    unsafe { libc::syscall(libc::SYS_write, file, score.as_ptr(), score.len()) };
    // SAFETY: opened above, and not used again.
    unsafe { libc::syscall(libc::SYS_close, file) };
}

fn take_credentials(plan: &Plan<'_>) -> io::Result<()> {
    let Some(user) = &plan.command.credentials else { return Ok(()) };
    let (uid, gid) = (user.uid.0, user.gid.0);
    // SAFETY: the count is the array's length.
    check(unsafe { libc::syscall(libc::SYS_setgroups, plan.groups.len(), plan.groups.as_ptr()) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })?;
    let held = crate::ids::users_held()? == [uid; 3] && crate::ids::groups_held()? == [gid; 3];
    if held && (uid == 0 || crate::switch::cannot_be_root()) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    }
}
