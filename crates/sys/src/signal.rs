//! Signals: by number and name, blocked, and read from a descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::call::{check, retry};
use crate::ids::Pid;

/// A signal's number: 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

/// How many signals Linux has, on the machines we build for.
pub(crate) const COUNT: i32 = 64;

macro_rules! signals {
    ($($name:ident $raw:ident $text:literal;)*) => {
        impl Signal {
            $(#[doc = concat!("SIG", $text, ".")] pub const $name: Self = Self(libc::$raw);)*

            /// The name without `SIG`, as RFC 4254 §6.10 writes it; `None` for real-time signals.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(libc::$raw => Some($text),)*
                    _ => None,
                }
            }

            /// The signal of that name, without `SIG`.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    HUP SIGHUP "HUP";
    INT SIGINT "INT";
    QUIT SIGQUIT "QUIT";
    ILL SIGILL "ILL";
    TRAP SIGTRAP "TRAP";
    ABRT SIGABRT "ABRT";
    BUS SIGBUS "BUS";
    FPE SIGFPE "FPE";
    KILL SIGKILL "KILL";
    USR1 SIGUSR1 "USR1";
    SEGV SIGSEGV "SEGV";
    USR2 SIGUSR2 "USR2";
    PIPE SIGPIPE "PIPE";
    ALRM SIGALRM "ALRM";
    TERM SIGTERM "TERM";
    CHLD SIGCHLD "CHLD";
    CONT SIGCONT "CONT";
    STOP SIGSTOP "STOP";
    TSTP SIGTSTP "TSTP";
    TTIN SIGTTIN "TTIN";
    TTOU SIGTTOU "TTOU";
    URG SIGURG "URG";
    XCPU SIGXCPU "XCPU";
    XFSZ SIGXFSZ "XFSZ";
    VTALRM SIGVTALRM "VTALRM";
    PROF SIGPROF "PROF";
    WINCH SIGWINCH "WINCH";
    IO SIGIO "IO";
    PWR SIGPWR "PWR";
    SYS SIGSYS "SYS";
}

impl Signal {
    /// The signal of that number, when there is one.
    #[must_use]
    pub fn new(number: i32) -> Option<Self> {
        (1..=COUNT).contains(&number).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// The kernel's form of a set: bit n-1 is signal n.
fn bits(signals: &[Signal]) -> u64 {
    signals.iter().fold(0, |set, signal| set | 1 << (signal.0 - 1))
}

/// Changes the calling thread's mask, and tells the old one. The system call itself: the C library keeps two signals for itself.
pub(crate) fn change_mask(how: i32, set: u64) -> io::Result<u64> {
    let mut old = 0_u64;
    let (new, old_place, size) = (&raw const set, &raw mut old, size_of::<u64>());
    // SAFETY: both sets are live and of the size given.
    check(unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, old_place, size) })?;
    Ok(old)
}

/// What happened to whom, as a [`SignalFd`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The signal. Several that arrive before the first is read are one.
    pub signal: Signal,
    /// Who sent it; for SIGCHLD the child. 0 from the kernel.
    pub from: Pid,
}

/// A descriptor that signals are read from. They are blocked in the thread that made it, and stay so when it is dropped;
/// [`spawn`](crate::spawn) undoes the blocking for children.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Blocks the signals in this thread (make it before any other thread) and opens the descriptor, non-blocking.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let set = bits(signals);
        change_mask(libc::SIG_BLOCK, set)?;
        let (set, size) = (&raw const set, size_of::<u64>());
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set is live and of the size given.
        let fd = check(unsafe { libc::syscall(libc::SYS_signalfd4, -1, set, size, flags) })? as i32;
        // SAFETY: the kernel just opened it, and nobody else knows it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The next signal that arrived; `None` when there is none now.
    ///
    /// # Errors
    /// What `read` says.
    pub fn next(&self) -> io::Result<Option<Arrived>> {
        // SAFETY: all zero is a valid signalfd_siginfo: it holds numbers only.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let (place, size) = ((&raw mut info).cast(), size_of::<libc::signalfd_siginfo>());
        // SAFETY: `info` is live and of the size given.
        match retry(|| unsafe { libc::read(self.fd.as_raw_fd(), place, size) }) {
            Ok(_) => Ok(Signal::new(info.ssi_signo as i32)
                .map(|signal| Arrived { signal, from: Pid(info.ssi_pid as i32) })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Empties the signal mask of this thread: for a process made by [`fork`](crate::process::fork) of one that reads its signals from a
/// [`SignalFd`], so that they do again what their disposition says.
///
/// # Errors
/// What the kernel says.
pub fn unblock_all() -> io::Result<()> {
    change_mask(libc::SIG_SETMASK, 0).map(|_| ())
}

/// Runs something while these signals are not blocked in this thread, though a [`SignalFd`] reads them otherwise: meanwhile they do what
/// their disposition says, those that came before too.
///
/// # Errors
/// What the kernel says.
pub fn unblocked<T>(signals: &[Signal], run: impl FnOnce() -> T) -> io::Result<T> {
    let old = change_mask(libc::SIG_UNBLOCK, bits(signals))?;
    let done = run();
    change_mask(libc::SIG_SETMASK, old)?;
    Ok(done)
}

/// What a process does about a signal that is not blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What the kernel does about it: for most the process ends.
    Default,
    /// Nothing.
    Ignore,
}

/// Chooses what this process does about a signal.
///
/// # Errors
/// `InvalidInput` for SIGKILL and SIGSTOP.
pub fn set_disposition(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let action = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: neither value is a function of ours that could run at a bad time.
    let old = unsafe { libc::signal(signal.0, action) };
    if old == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the kernel send SIGALRM to this process after so many seconds, or not at all with 0; tells what was left of the last one. It
/// survives an exec but not a fork.
pub fn alarm(seconds: u32) -> u32 {
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::alarm(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send_to_own_thread(signal: Signal) {
        // SAFETY: takes numbers; the signal is blocked in this thread.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        // SAFETY: as above.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, Pid::own().0, thread, signal.0) };
        assert_eq!(sent, 0);
    }

    #[test]
    fn blocked_signals_are_read_from_the_descriptor_and_do_not_strike() {
        let signals = SignalFd::new(&[Signal::TERM, Signal::HUP]).unwrap();
        assert_eq!(signals.next().unwrap(), None);
        send_to_own_thread(Signal::TERM);
        send_to_own_thread(Signal::TERM);
        let arrived = signals.next().unwrap().unwrap();
        assert_eq!(arrived, Arrived { signal: Signal::TERM, from: Pid::own() });
        assert_eq!(signals.next().unwrap(), None, "two of a kind are one");
        assert!(crate::fd::is_cloexec(&signals).unwrap());
    }

    #[test]
    fn signals_strike_while_they_are_unblocked_and_are_read_again_afterwards() {
        // Nothing happens by default when this one strikes.
        let signals = SignalFd::new(&[Signal::WINCH]).unwrap();
        unblocked(&[Signal::WINCH], || send_to_own_thread(Signal::WINCH)).unwrap();
        assert_eq!(signals.next().unwrap(), None);
        send_to_own_thread(Signal::WINCH);
        assert_eq!(signals.next().unwrap().unwrap().signal, Signal::WINCH);
    }

    #[test]
    fn names_lead_to_numbers_and_back() {
        for number in 1..=31 {
            let signal = Signal::new(number).unwrap();
            if let Some(name) = signal.name() {
                assert_eq!(Signal::named(name), Some(signal));
            }
        }
        assert_eq!(Signal::named("TERM"), Some(Signal::TERM));
        assert_eq!(Signal::named("SIGTERM"), None);
        assert_eq!((Signal::new(0), Signal::new(65)), (None, None));
        assert_eq!(format!("{:?} {:?}", Signal::INT, Signal::new(64).unwrap()), "SIGINT signal 64");
    }
}
