//! Waiting for several descriptors at once, for processes that do one thing at a time.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::call::check;

/// A descriptor, what is waited for, and what there was.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Which one.
    pub fd: BorrowedFd<'a>,
    /// Whether to wait until it can be read.
    pub read: bool,
    /// Whether to wait until it can be written.
    pub write: bool,
    /// Told by [`wait`]: a read would not have to wait; it may tell the end or an error. Only when `read` was wanted.
    pub readable: bool,
    /// Told by [`wait`]: a write would not have to wait; it may tell an error. Only when `write` was wanted.
    pub writable: bool,
}

impl<'a> Entry<'a> {
    /// Waits for these two.
    #[must_use]
    pub fn new(fd: BorrowedFd<'a>, read: bool, write: bool) -> Self {
        Self { fd, read, write, readable: false, writable: false }
    }

    fn question(&self) -> libc::pollfd {
        let wanted = |is_wanted, events| if is_wanted { events } else { 0 };
        let events = wanted(self.read, libc::POLLIN) | wanted(self.write, libc::POLLOUT);
        // The kernel tells of hang-ups and errors unasked, but passes negative numbers over.
        libc::pollfd { fd: if events == 0 { -1 } else { self.fd.as_raw_fd() }, events, revents: 0 }
    }

    fn answer(&mut self, events: i16) {
        let broken = events & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0;
        self.readable = self.read && (broken || events & libc::POLLIN != 0);
        self.writable = self.write && (broken || events & libc::POLLOUT != 0);
    }
}

/// Waits until at least one entry has what it wants, for at most `timeout` (`None`: as long as it takes), and tells how many have;
/// 0 when the time is over. A hang-up or error counts as all that was wanted, because the next read or write will tell it. An entry
/// that wants nothing never ends the wait, not even by a hang-up.
///
/// A signal does not end the wait: it goes on with the time that is left. Signals that matter come by a
/// [`SignalFd`](crate::signal::SignalFd) among the entries.
///
/// # Errors
/// What `ppoll` says: `InvalidInput` for more entries than the limit of open files.
pub fn wait(entries: &mut [Entry<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    let mut questions: Vec<libc::pollfd> = entries.iter().map(Entry::question).collect();
    // A time too far away to be told is never.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let count = loop {
        let left = deadline.map(|deadline| kernel_time(deadline.saturating_duration_since(Instant::now())));
        let left = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let (place, size) = (questions.as_mut_ptr(), questions.len() as libc::nfds_t);
        // SAFETY: `questions` is live and of the size given; the time is live or null; no mask is given.
        match check(unsafe { libc::ppoll(place, size, left, std::ptr::null()) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => break done?,
        }
    };
    for (entry, question) in entries.iter_mut().zip(&questions) {
        entry.answer(question.revents);
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

fn kernel_time(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
