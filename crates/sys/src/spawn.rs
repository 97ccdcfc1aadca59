//! Programs started with a clean slate, their ends, and signals to them.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::call::{check, retry};
pub use crate::child::Step;
use crate::child::{MAX_PLACED, Plan, start};
use crate::ids::{Credentials, Pid};
use crate::process::{Limit, Resource};
use crate::signal::Signal;

/// What is executed.
#[derive(Clone, Debug)]
pub enum Program<'a> {
    /// The file of that path; there is no search.
    Path(CString),
    /// An open file, for example [`own_program`](crate::process::own_program). Scripts do not work so: their interpreter could not
    /// open them.
    Open(BorrowedFd<'a>),
}

/// What the child leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leads {
    /// Nothing: it stays in our process group.
    #[default]
    Nothing,
    /// A process group of its own, in our session.
    Group,
    /// A session of its own, without a terminal.
    Session,
    /// A session of its own, whose terminal is descriptor 0.
    Terminal,
}

/// A program to be started, and with what. Whatever is not said here is clean: empty signal mask, default dispositions, no
/// descriptor but the given ones, no environment but the given one.
#[derive(Debug)]
pub struct Command<'a> {
    /// What is executed.
    pub program: Program<'a>,
    /// The arguments, from the name the program is called by.
    pub arguments: Vec<CString>,
    /// The environment, each `NAME=value`.
    pub environment: Vec<CString>,
    /// The child's descriptors 0, 1, 2 and so on; 3 to 16 of them. The same one may stand there several times.
    pub descriptors: Vec<BorrowedFd<'a>>,
    /// The directory that becomes its root, and where it starts; or else it has ours. Only root can give one.
    pub root: Option<CString>,
    /// Where it starts, or else where we are. Entered with its own ids, below its own root.
    pub directory: Option<CString>,
    /// What it leads.
    pub leads: Leads,
    /// As whom it runs, or else as we do.
    pub credentials: Option<Credentials>,
    /// What permissions its new files do not get, or else as ours.
    pub umask: Option<u32>,
    /// Its limits, where they differ from ours.
    pub limits: Vec<(Resource, Limit)>,
    /// Its nice value, or else ours.
    pub nice: Option<i32>,
    /// Its out-of-memory score, or else ours. Left as it is where `/proc` is missing or the kernel refuses.
    pub oom_score: Option<i16>,
    /// What it gets when the thread that started it ends.
    pub on_parents_death: Option<Signal>,
}

/// Why a program was not started.
#[derive(Debug)]
pub struct SpawnError {
    /// What failed.
    pub step: Step,
    /// How.
    pub error: io::Error,
}

impl std::fmt::Display for SpawnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step.name(), self.error)
    }
}

impl std::error::Error for SpawnError {}

impl<'a> Command<'a> {
    /// A program with its name, the three standard descriptors, and nothing else.
    #[must_use]
    pub fn new(program: Program<'a>, name: CString, standard: [BorrowedFd<'a>; 3]) -> Self {
        Self {
            program,
            arguments: vec![name],
            environment: Vec::new(),
            descriptors: standard.into(),
            root: None,
            directory: None,
            leads: Leads::Nothing,
            credentials: None,
            umask: None,
            limits: Vec::new(),
            nice: None,
            oom_score: None,
            on_parents_death: None,
        }
    }

    /// Starts it, and returns when the program is running.
    ///
    /// Without [`credentials`](Self::credentials) the child borrows our memory until then, which is several times as fast as copying
    /// it; with them it gets a copy, so that nothing which runs as the user ever shared memory with us.
    ///
    /// # Errors
    /// Names the step that failed, in the child too; there is no child then.
    pub fn spawn(&self) -> Result<Child, SpawnError> {
        if !(3..=MAX_PLACED).contains(&self.descriptors.len()) || self.arguments.is_empty() {
            return Err(SpawnError { step: Step::Descriptors, error: io::ErrorKind::InvalidInput.into() });
        }
        let started = start(&Plan::new(self))?;
        let mut child = Child::new(started.pid, started.pidfd);
        match started.failure {
            None => Ok(child),
            Some(failure) => {
                // It has ended or is about to; nothing but its number is left to be taken back.
                let _ = child.wait();
                Err(failure)
            }
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status: 0 to 255.
    Exited(i32),
    /// By a signal.
    Killed {
        /// Which.
        signal: Signal,
        /// Whether it left a core dump.
        core: bool,
    },
}

impl Ended {
    fn of(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            Some(Self::Exited(libc::WEXITSTATUS(status)))
        } else {
            let signal = libc::WIFSIGNALED(status).then(|| Signal::new(libc::WTERMSIG(status)))??;
            Some(Self::Killed { signal, core: libc::WCOREDUMP(status) })
        }
    }
}

/// A child. When this is dropped it lives on, and is a zombie after that until we end: wait for it.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: Option<OwnedFd>,
    ended: Option<Ended>,
}

impl Child {
    pub(crate) fn new(pid: Pid, pidfd: Option<OwnedFd>) -> Self {
        Self { pid, pidfd, ended: None }
    }

    /// Its number, which is its own until it has been waited for.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A descriptor that becomes readable when the child ends; `None` before Linux 5.2 (5.3 for a [`fork`](crate::process::fork)).
    #[must_use]
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// How it ended, if it has. The first call that says so reaps it; later ones repeat the answer.
    ///
    /// # Errors
    /// `ECHILD` when something else reaped it.
    pub fn try_wait(&mut self) -> io::Result<Option<Ended>> {
        self.reap(libc::WNOHANG)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// `ECHILD` when something else reaped it.
    pub fn wait(&mut self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.reap(0)? {
                return Ok(ended);
            }
        }
    }

    fn reap(&mut self, flags: i32) -> io::Result<Option<Ended>> {
        if self.ended.is_none() {
            let mut status = 0;
            // SAFETY: `status` is live and writable.
            let pid = retry(|| unsafe { libc::waitpid(self.pid.0, &raw mut status, flags) })?;
            self.ended = if pid == self.pid.0 { Ended::of(status) } else { None };
        }
        Ok(self.ended)
    }

    /// Sends it a signal. Nothing happens when it was reaped: its number may be another's.
    ///
    /// # Errors
    /// `PermissionDenied` when it runs as another user by now.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.kill(self.pid.0, signal)
    }

    /// Sends a signal to the process group that it leads ([`Leads`] anything). Nothing happens when it was reaped.
    ///
    /// # Errors
    /// `PermissionDenied` when none of them may be signalled; `NotFound` when it leads none.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        self.kill(-self.pid.0, signal)
    }

    fn kill(&self, target: i32, signal: Signal) -> io::Result<()> {
        if self.ended.is_some() {
            return Ok(());
        }
        // SAFETY: takes numbers only; the target is our child, or its group, which keep their number until it is reaped.
        check(unsafe { libc::kill(target, signal.number()) }).map(|_| ()).map_err(|error| {
            if error.raw_os_error() == Some(libc::ESRCH) { io::ErrorKind::NotFound.into() } else { error }
        })
    }
}

/// Takes back a child of ours that has ended, whichever it is, and tells how; `None` when none has. For a process with many children:
/// it needs no [`Child`] of each. One that is kept all the same does not know of it, so its number may be another's by now: drop it.
///
/// # Errors
/// None that a caller could do something about.
pub fn reap_any() -> io::Result<Option<(Pid, Ended)>> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is live and writable.
        match retry(|| unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }) {
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(None),
            Err(error) => return Err(error),
            Ok(0) => return Ok(None),
            Ok(pid) => {
                if let Some(ended) = Ended::of(status) {
                    return Ok(Some((Pid(pid), ended)));
                }
            }
        }
    }
}

/// Owns what the kernel made as a pidfd; -1 from an old one.
pub(crate) fn pidfd(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: not negative, so the kernel just opened it, and nobody else knows it.
    (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// The numbers of the descriptors, in order.
pub(crate) fn numbers(fds: &[BorrowedFd<'_>]) -> Vec<RawFd> {
    fds.iter().map(AsRawFd::as_raw_fd).collect()
}
