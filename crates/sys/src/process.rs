//! What a process can ask and change of itself.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::check;
pub use crate::fork::{Forked, fork};
use crate::ids::Pid;
use crate::signal::Signal;

/// What a resource limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// CPU time in seconds.
    CpuTime,
    /// Bytes of a file that is written.
    FileSize,
    /// Bytes of data.
    Data,
    /// Bytes of stack.
    Stack,
    /// Bytes of a core dump.
    Core,
    /// Processes and threads of the user.
    Processes,
    /// One more than the highest number of a descriptor.
    OpenFiles,
    /// Bytes of locked memory.
    LockedMemory,
    /// Bytes of address space.
    AddressSpace,
    /// Pending signals.
    PendingSignals,
    /// Bytes in message queues.
    MessageQueues,
    /// The nice ceiling.
    Nice,
    /// The real-time priority ceiling.
    RealTimePriority,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::CpuTime,
        Self::FileSize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Processes,
        Self::OpenFiles,
        Self::LockedMemory,
        Self::AddressSpace,
        Self::PendingSignals,
        Self::MessageQueues,
        Self::Nice,
        Self::RealTimePriority,
    ];

    #[allow(clippy::unnecessary_cast, reason = "the C libraries differ in the type of these constants")]
    pub(crate) fn number(self) -> u32 {
        (match self {
            Self::CpuTime => libc::RLIMIT_CPU,
            Self::FileSize => libc::RLIMIT_FSIZE,
            Self::Data => libc::RLIMIT_DATA,
            Self::Stack => libc::RLIMIT_STACK,
            Self::Core => libc::RLIMIT_CORE,
            Self::Processes => libc::RLIMIT_NPROC,
            Self::OpenFiles => libc::RLIMIT_NOFILE,
            Self::LockedMemory => libc::RLIMIT_MEMLOCK,
            Self::AddressSpace => libc::RLIMIT_AS,
            Self::PendingSignals => libc::RLIMIT_SIGPENDING,
            Self::MessageQueues => libc::RLIMIT_MSGQUEUE,
            Self::Nice => libc::RLIMIT_NICE,
            Self::RealTimePriority => libc::RLIMIT_RTPRIO,
        }) as u32
    }
}

/// A resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is enforced.
    pub soft: u64,
    /// How far the soft one may be raised.
    pub hard: u64,
}

impl Limit {
    /// The value that means "no limit".
    pub const UNLIMITED: u64 = u64::MAX;

    /// Both at one value.
    #[must_use]
    pub fn fixed(value: u64) -> Self {
        Self { soft: value, hard: value }
    }

    pub(crate) fn raw(self) -> libc::rlimit64 {
        libc::rlimit64 { rlim_cur: self.soft, rlim_max: self.hard }
    }
}

/// The limit of this process.
///
/// # Errors
/// What `prlimit` says.
pub fn limit(resource: Resource) -> io::Result<Limit> {
    let mut raw = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let (number, none) = (resource.number(), std::ptr::null::<libc::rlimit64>());
    // SAFETY: `raw` is live and writable; no new value is given.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, number, none, &raw mut raw) })?;
    Ok(Limit { soft: raw.rlim_cur, hard: raw.rlim_max })
}

/// Changes the limit of this process. A hard limit that was lowered is raised again by root only.
///
/// # Errors
/// What `prlimit` says.
pub fn set_limit(resource: Resource, limit: Limit) -> io::Result<()> {
    let (raw, none) = (limit.raw(), std::ptr::null_mut::<libc::rlimit64>());
    // SAFETY: `raw` is live; the old value is not asked for.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource.number(), &raw const raw, none) })?;
    Ok(())
}

/// The nice value of this process: -20 (first served) to 19.
///
/// # Errors
/// What `getpriority` says.
pub fn nice() -> io::Result<i32> {
    // The system call itself answers 20 - nice, which is never negative: no errno to be cleared first.
    // SAFETY: takes numbers only.
    let shifted = check(unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) })?;
    Ok(20 - shifted as i32)
}

/// How likely the kernel ends this process when memory runs out: -1000 (never) to 1000. `None` where `/proc` is missing.
#[must_use]
pub fn oom_score() -> Option<i16> {
    std::fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().ok()
}

/// Changes what [`oom_score`] tells; lowering it needs root.
///
/// # Errors
/// When `/proc` is missing or the kernel refuses.
pub fn set_oom_score(score: i16) -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", score.to_string())
}

/// Sets which permissions new files do not get, and tells what was set before.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::umask(mask & 0o777) }
}

/// Lets the kernel send `signal` to this process when the thread of its parent that made it ends.
///
/// The kernel forgets this when the effective user or group changes and when a set-uid program is executed.
///
/// # Errors
/// `NotFound` when the parent is no longer `parent`: it was gone before this was asked for.
pub fn die_with_parent(signal: Signal, parent: Pid) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number()) })?;
    if Pid::parent() == parent { Ok(()) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
}

/// No core dump, no debugger, and `/proc/PID` belongs to root. The kernel undoes it at the next exec.
///
/// # Errors
/// What `prctl` says.
pub fn set_not_dumpable() -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) })?;
    Ok(())
}

/// No program that this process executes gives it more rights. Cannot be undone.
///
/// # Errors
/// What `prctl` says.
pub fn set_no_new_privs() -> io::Result<()> {
    // SAFETY: takes numbers only; the unused ones must be 0.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

/// Set when the one thread of this process can make no other one any more.
pub(crate) static ALONE_FOR_GOOD: AtomicBool = AtomicBool::new(false);

/// Whether this process has one thread. Some changes (ids, filters, titles) are right for one only. `None` when there is no way to
/// know: `unshare` is filtered, and `/proc` is missing.
#[must_use]
pub fn is_single_threaded() -> Option<bool> {
    if ALONE_FOR_GOOD.load(Ordering::SeqCst) {
        return Some(true);
    }
    // The kernel accepts CLONE_THREAD, without any effect, when there is one thread, and says EINVAL else.
    // SAFETY: takes a number only, and has no effect on memory or descriptors.
    match check(unsafe { libc::unshare(libc::CLONE_THREAD) }) {
        Ok(_) => Some(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Some(false),
        Err(_) => Some(std::fs::read_dir("/proc/self/task").ok()?.count() == 1),
    }
}

/// Becomes the leader of a new session without a terminal, and of a new process group.
///
/// # Errors
/// `PermissionDenied` when the process leads a group already.
pub fn new_session() -> io::Result<Pid> {
    // SAFETY: takes no argument.
    check(unsafe { libc::setsid() }).map(Pid)
}

/// The name of this machine, as it calls itself.
///
/// # Errors
/// What `gethostname` says.
pub fn host_name() -> io::Result<OsString> {
    // Linux allows 64 bytes.
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is live, writable and as long as told.
    check(unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) })?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(OsStr::from_bytes(name).to_owned())
}

/// The program this process runs, opened only to be executed again ([`spawn::Program::Open`](crate::spawn::Program::Open)): through
/// `/proc` or, without it, by the name it was started with. To be called at the start: later the name may mean another file.
///
/// # Errors
/// When neither way leads to a file.
pub fn own_program() -> io::Result<OwnedFd> {
    let open = |path: &Path| {
        File::options().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path).map(OwnedFd::from)
    };
    open("/proc/self/exe".as_ref()).or_else(|error| {
        // SAFETY: asks for a number by a number.
        let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
        if name.is_null() {
            return Err(error);
        }
        // SAFETY: the kernel left a terminated string there, above the stack, where nothing writes.
        let name = unsafe { CStr::from_ptr(name) };
        open(OsStr::from_bytes(name.to_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_nice_and_oom_score_are_what_the_kernel_shows() {
        let shown = std::fs::read_to_string("/proc/self/limits").unwrap();
        let files = shown.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let limit = limit(Resource::OpenFiles).unwrap();
        let words: Vec<u64> = files.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(words, [limit.soft, limit.hard]);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let nice_shown = stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap();
        assert_eq!(nice().unwrap().to_string(), nice_shown);
        assert!(oom_score().is_some());
    }

    #[test]
    fn the_name_of_the_machine_is_the_one_the_kernel_shows() {
        let shown = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name().unwrap().to_str().unwrap(), shown.trim_end());
    }

    #[test]
    fn a_test_beside_its_harness_is_not_single_threaded() {
        let (ready, go) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || go.recv().is_err());
        assert_eq!(is_single_threaded(), Some(false));
        drop(ready);
        assert!(other.join().unwrap());
    }

    #[test]
    fn a_parent_that_is_another_one_is_noticed() {
        let (error, stranger) = (io::ErrorKind::NotFound, Pid(i32::MAX));
        assert_eq!(die_with_parent(Signal::URG, stranger).unwrap_err().kind(), error);
    }
}
