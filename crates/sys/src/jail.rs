//! What the process that reads the network gives up, before the first byte of a peer, for its whole life.
//!
//! Everything that needs to be opened is opened before: the epoll descriptor, sockets, the log. The log must not be a regular file,
//! for nothing may be written to one afterwards. Afterwards there are no new descriptors but those that other processes send, no
//! programs, no processes, no threads, no memory with code in it, and no way back.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::call::check;
use crate::fd::close_all_except;
use crate::ids::{Credentials, Pid, Uid};
use crate::process::{Limit, Resource};
use crate::signal::Signal;
use crate::{landlock, process, seccomp, switch};

/// What happens at a system call that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It fails with EPERM.
    Error,
    /// The process ends by SIGSYS.
    Kill,
}

/// The walls. Root needs `root` and `credentials`; an ordinary user has neither, and Landlock stands for both.
#[derive(Debug)]
pub struct Jail<'a> {
    /// The descriptors above 2 that stay; every other one is closed. All are left as they are with `None`.
    pub kept: Option<Vec<BorrowedFd<'a>>>,
    /// The directory that becomes the whole tree, an empty one, for example an [`unlinked_directory`]. It is closed.
    pub root: Option<OwnedFd>,
    /// As whom it runs from now on: nobody who owns anything, never root.
    pub credentials: Option<Credentials>,
    /// Who must be alive, and takes us along when it ends.
    pub parent: Pid,
    /// One more than the highest number that a descriptor may have.
    pub open_files: u64,
    /// Whether a descriptor that it has may be a file that grows.
    pub grows_files: bool,
    /// What happens at a system call that is not allowed.
    pub refusal: Refusal,
}

/// One wall, in the order in which they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// The conditions: one thread; ids given exactly when we are root.
    Conditions,
    /// All descriptors but the kept ones are closed.
    Descriptors,
    /// The tree is an empty directory.
    Root,
    /// User and groups are changed for good, and capabilities dropped.
    Ids,
    /// No core dump, no debugger.
    NotDumpable,
    /// It ends with its parent.
    Parent,
    /// No processes, no files that grow, no core, a bounded number of descriptors.
    Limits,
    /// No rights from programs.
    NoNewPrivs,
    /// No files, no TCP, no signals to others.
    Landlock,
    /// An allow-list of system calls.
    Seccomp,
}

/// Why the jail was not built. Some walls may stand: end the process.
#[derive(Debug)]
pub struct JailError {
    /// Which wall failed.
    pub wall: Wall,
    /// How.
    pub error: io::Error,
}

impl std::fmt::Display for JailError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "jail: {:?}: {}", self.wall, self.error)
    }
}

impl std::error::Error for JailError {}

/// Which of the walls stand that not every process has; all others always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what is missing is to be logged"]
pub struct Report {
    /// The tree is an empty directory.
    pub root: bool,
    /// It runs as another user than before.
    pub user: bool,
    /// The version of the kernel's Landlock.
    pub landlock: Option<i32>,
}

impl Report {
    /// For the log: what this kernel could not do, one phrase each.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        match self.landlock {
            None => vec!["Landlock"],
            Some(..4) => vec!["Landlock's limits on TCP", "Landlock's limits on signals"],
            Some(..6) => vec!["Landlock's limits on signals"],
            Some(_) => vec![],
        }
    }
}

impl Jail<'_> {
    /// Builds all walls around the calling process, which must have one thread.
    ///
    /// # Errors
    /// Names the wall that failed. Landlock alone may be missing, or the kernel has none of it: the report says so.
    pub fn enter(self) -> Result<Report, JailError> {
        let fail = |wall| move |error| JailError { wall, error };
        let is_root = Uid::effective() == Uid::ROOT || Uid::real() == Uid::ROOT;
        let stays_root = self.credentials.as_ref().map_or(is_root, |user| user.uid == Uid::ROOT);
        if process::is_single_threaded() != Some(true) || stays_root || self.root.is_some() && !is_root {
            return Err(fail(Wall::Conditions)(io::ErrorKind::InvalidInput.into()));
        }
        if let Some(kept) = &self.kept {
            let mut kept = kept.clone();
            kept.extend(self.root.as_ref().map(AsFd::as_fd));
            close_all_except(&kept).map_err(fail(Wall::Descriptors))?;
        }
        let mut report = Report { root: false, user: false, landlock: None };
        if let Some(root) = self.root {
            change_root(&root).map_err(fail(Wall::Root))?;
            report.root = true;
        }
        if let Some(user) = &self.credentials {
            switch::become_user(user).map_err(fail(Wall::Ids))?;
            report.user = true;
        }
        drop_capabilities().map_err(fail(Wall::Ids))?;
        process::set_not_dumpable().map_err(fail(Wall::NotDumpable))?;
        process::die_with_parent(Signal::KILL, self.parent).map_err(fail(Wall::Parent))?;
        let files = (!self.grows_files).then_some((Resource::FileSize, 0));
        let limits = [(Resource::Processes, 0), (Resource::Core, 0), (Resource::OpenFiles, self.open_files)];
        for (resource, value) in limits.into_iter().chain(files) {
            process::set_limit(resource, Limit::fixed(value)).map_err(fail(Wall::Limits))?;
        }
        process::set_no_new_privs().map_err(fail(Wall::NoNewPrivs))?;
        report.landlock = landlock::version();
        if let Some(version) = report.landlock {
            landlock::deny_all(version).map_err(fail(Wall::Landlock))?;
        }
        seccomp::install(self.refusal).map_err(fail(Wall::Seccomp))?;
        // It had one thread, and no call that makes one is allowed.
        process::ALONE_FOR_GOOD.store(true, Ordering::SeqCst);
        Ok(report)
    }
}

/// The system calls that are allowed, by number, and what each is for.
pub fn allowed_calls() -> impl Iterator<Item = (i64, &'static str)> {
    seccomp::reasons()
}

/// An empty directory that no name leads to any more, so that nothing can be put in it: made in `parent`, opened, removed.
///
/// # Errors
/// What making, opening or removing it says, for example in a read-only tree.
pub fn unlinked_directory(parent: &Path) -> io::Result<OwnedFd> {
    let mut template = parent.join("empty-XXXXXX").into_os_string().into_encoded_bytes();
    template.push(0);
    // SAFETY: the template is writable, terminated, and ends with the six characters that are replaced.
    if unsafe { libc::mkdtemp(template.as_mut_ptr().cast()) }.is_null() {
        return Err(io::Error::last_os_error());
    }
    template.pop();
    let path = PathBuf::from(OsString::from_vec(template));
    let opened = directory(&path);
    std::fs::remove_dir(&path)?;
    opened
}

/// Opens a directory, for [`Jail::root`].
///
/// # Errors
/// What opening says.
pub fn directory(path: &Path) -> io::Result<OwnedFd> {
    let mut options = std::fs::File::options();
    options.read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
    Ok(options.open(path)?.into())
}

/// By descriptor, then again by name: nothing outside is the root or the current directory of the process, and no name was asked.
fn change_root(root: &OwnedFd) -> io::Result<()> {
    // SAFETY: takes a number only.
    check(unsafe { libc::fchdir(root.as_raw_fd()) })?;
    // SAFETY: the path is live and terminated.
    check(unsafe { libc::chroot(c".".as_ptr()) })?;
    // SAFETY: the path is live and terminated.
    check(unsafe { libc::chdir(c"/".as_ptr()) })?;
    Ok(())
}

/// The kernel's structures for `capset`, version 3: no capability in any set. Ambient ones go with these.
fn drop_capabilities() -> io::Result<()> {
    let header = [0x2008_0522_u32, 0];
    let none = [0_u32; 6];
    // SAFETY: both are live and of the sizes of version 3; 0 is the calling thread.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })?;
    Ok(())
}
