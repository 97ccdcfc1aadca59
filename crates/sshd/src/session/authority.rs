//! What the session asks of the monitor: a pseudo-terminal, and lines for the log.

use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};

use sys::pty::{Follower, Master, Pty};
use wire::{Human, Message, row};

use super::limits::MAX_LINE;
use crate::log::{Level, level_number};
use crate::protocol::monitor::{MONITOR, PtyOpen, PtyOpened, SessionLog};
use crate::protocol::{Link, LinkError};
use crate::settings::without_number;

/// The monitor, seen from the session.
pub(super) struct Authority {
    link: Link,
    /// What is less urgent is not sent.
    level: u8,
    /// How many more lines the monitor's table allows.
    lines: u32,
    /// The monitor cannot make ptys for the user; we can.
    own_ptys: bool,
}

impl Authority {
    /// Speaks to the monitor by `link`, as its start message told us to.
    pub(super) fn new(link: Link, level: u8, own_ptys: bool) -> Self {
        let lines = row(MONITOR, SessionLog::NUMBER).map_or(0, |row| row.phase.most);
        Self { link, level, lines, own_ptys }
    }

    /// Has a line written. When the table allows one more line only, that line says so, and nothing is sent after it.
    pub(super) fn log(&mut self, level: Level, line: impl Display) {
        let level = level_number(level);
        if level > self.level || self.lines == 0 {
            return;
        }
        self.lines = self.lines.saturating_sub(1);
        let line = if self.lines == 0 {
            "too many lines: this is the session's last one".to_owned()
        } else {
            line.to_string()
        };
        let shown = line.as_bytes().get(..MAX_LINE).unwrap_or(line.as_bytes());
        // That the monitor has gone is heard by the loop, which waits for it.
        let _ = self.link.send(&SessionLog { level, text: Human(shown) }, &[]);
    }

    /// Makes a pseudo-terminal of the user's own, or has it made. `None`, and a line in the log, when there is none to be had.
    ///
    /// # Errors
    /// When the monitor has gone or says something else.
    pub(super) fn open_pty(&mut self) -> Result<Option<Pty>, LinkError> {
        if self.own_ptys {
            return Ok(match Pty::open() {
                Ok(pty) => Some(pty),
                Err(error) => {
                    self.log(Level::Error, format_args!("openpty: {}", without_number(&error)));
                    None
                }
            });
        }
        self.link.send(&PtyOpen {}, &[])?;
        let incoming = self.link.receive(2)?;
        let opened = PtyOpened::from_payload(incoming.payload)?;
        let mut fds = incoming.fds.into_iter();
        match (opened.good, fds.next(), fds.next()) {
            (false, None, None) => Ok(None),
            (true, Some(master), Some(follower)) => Ok(Some(Pty {
                master: Master::from_terminal(master)?,
                follower: Follower::from_terminal(follower)?,
                number: opened.number,
            })),
            _ => Err(LinkError::Protocol("a pseudo-terminal is two descriptors".into())),
        }
    }

    /// Takes what the monitor says unasked: nothing but its end.
    pub(super) fn unasked(&mut self) -> LinkError {
        match self.link.receive(0) {
            Ok(incoming) => LinkError::Protocol(format!("unasked message {}", incoming.number())),
            Err(error) => error,
        }
    }
}

impl AsFd for Authority {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(monitor: &mut Link) -> String {
        let incoming = monitor.receive(0).unwrap();
        let log = SessionLog::from_payload(incoming.payload).unwrap();
        String::from_utf8_lossy(log.text.0).into_owned()
    }

    #[test]
    fn lines_less_urgent_than_asked_for_are_not_sent() {
        let (ours, mut monitor) = Link::pair().unwrap();
        let mut authority = Authority::new(ours, level_number(Level::Info), true);
        authority.log(Level::Verbose, "not this");
        authority.log(Level::Error, "this");
        assert_eq!(line(&mut monitor), "this");
    }

    #[test]
    fn the_last_line_that_the_table_allows_says_so_and_is_the_last() {
        let (ours, mut monitor) = Link::pair().unwrap();
        let mut authority = Authority::new(ours, level_number(Level::Info), true);
        let most = authority.lines;
        for _ in 0..most {
            authority.lines = authority.lines.min(2);
            authority.log(Level::Info, "line");
        }
        assert_eq!(line(&mut monitor), "line");
        assert!(line(&mut monitor).contains("last"));
        drop(authority);
        assert!(matches!(monitor.receive(0), Err(LinkError::Closed)));
    }

    #[test]
    fn long_lines_are_cut() {
        let (ours, mut monitor) = Link::pair().unwrap();
        Authority::new(ours, level_number(Level::Info), true).log(Level::Info, "x".repeat(100_000));
        assert_eq!(line(&mut monitor).len(), MAX_LINE);
    }

    #[test]
    fn a_pty_with_one_descriptor_is_no_pty() {
        let (ours, monitor) = Link::pair().unwrap();
        let mut authority = Authority::new(ours, 0, false);
        let pty = Pty::open().unwrap();
        monitor.send(&PtyOpened { good: true, number: pty.number }, &[pty.master.as_fd()]).unwrap();
        assert!(matches!(authority.open_pty(), Err(LinkError::Protocol(_))));
        monitor.send(&PtyOpened { good: false, number: 0 }, &[]).unwrap();
        assert!(authority.open_pty().unwrap().is_none());
    }
}
