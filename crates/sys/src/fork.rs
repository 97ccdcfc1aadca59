//! A process made as a copy of this one.

use std::io;

use crate::call::check;
use crate::ids::Pid;
use crate::process::is_single_threaded;
use crate::spawn::{Child, pidfd};

/// Which of the two processes this is.
#[derive(Debug)]
pub enum Forked {
    /// The one that was there before, with the new one.
    Parent(Child),
    /// The new one.
    Child,
}

/// Copies this process: its memory and all its descriptors, those too that an exec closes.
///
/// The copy shares open files, so it must drop what it has no use for: a copy of a pipe's or socket's end keeps it open. A
/// [`SignalFd`](crate::signal::SignalFd) reads the signals of whoever reads it; mask and dispositions are the parent's. An
/// [`alarm`](crate::signal::alarm) and what [`die_with_parent`](crate::process::die_with_parent) asked for are the parent's alone.
/// Values are dropped in both: what a drop does to the world (a file removed) happens twice, and buffered output is written twice.
///
/// # Errors
/// `Unsupported` when this process has several threads or nobody knows: another thread's locks would stay locked in the copy for
/// ever. Else what `fork` says: `EAGAIN` at the limit of processes, `ENOMEM`.
pub fn fork() -> io::Result<Forked> {
    if is_single_threaded() != Some(true) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a process with several threads cannot be copied",
        ));
    }
    // SAFETY: this is the only thread (asked above, and only it could make another one), so the copy is whole: no lock is held by a
    // thread that it lacks.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent(Child::new(Pid(pid), pidfd(pidfd_of(pid))))),
    }
}

/// A descriptor for the child, which has not been waited for, so that the number is its own; -1 before Linux 5.3.
fn pidfd_of(pid: i32) -> i32 {
    // SAFETY: takes numbers only; the kernel opens one that an exec closes.
    check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).map_or(-1, |fd| fd as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_is_not_copied() {
        let (ready, go) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || go.recv().is_err());
        assert_eq!(fork().unwrap_err().kind(), io::ErrorKind::Unsupported);
        drop(ready);
        assert!(other.join().unwrap());
    }
}
