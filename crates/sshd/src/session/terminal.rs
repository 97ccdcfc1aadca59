//! The terminal of a session, until its program has it.

use connection::TerminalModes;
use sys::pty::{Follower, WindowSize, resize};
use sys::termios::Modes;

use crate::protocol::session::Pty as PtyRequest;
use crate::settings::without_number;

/// A terminal that the client asked for.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The programs' side; ours only until the program has it, or its hang-up would never be seen.
    pub(super) follower: Option<Follower>,
    /// N of `/dev/pts/N`.
    number: u32,
    /// Its type, for `TERM`.
    pub(super) term: Vec<u8>,
}

impl Terminal {
    /// Gives the terminal its modes and its size. What it does not take is told beside it, and is no reason to be without a terminal.
    pub(super) fn new(follower: Follower, number: u32, asked: &PtyRequest<'_>) -> (Self, Vec<String>) {
        let mut faults = Vec::new();
        match TerminalModes::parse(asked.modes.0) {
            Ok(wanted) => {
                let set = Modes::of(&follower).and_then(|mut modes| {
                    for mode in wanted.iter() {
                        // An opcode that means nothing here is passed over, as RFC 4254 §8 wants it.
                        let _ = modes.apply(mode.opcode, mode.value);
                    }
                    modes.set(&follower)
                });
                faults.extend(
                    set.err().map(|error| format!("Setting tty modes failed: {}", without_number(&error))),
                );
            }
            Err(error) => faults.push(format!("parsing tty modes failed: {error}")),
        }
        let sized = resize(&follower, size(asked));
        faults.extend(
            sized.err().map(|error| format!("Setting the window size failed: {}", without_number(&error))),
        );
        (Self { follower: Some(follower), number, term: asked.term.as_bytes().to_vec() }, faults)
    }

    /// The name for programs.
    pub(super) fn path(&self) -> String {
        format!("/dev/{}", self.name())
    }

    /// The name for people.
    pub(super) fn name(&self) -> String {
        format!("pts/{}", self.number)
    }
}

/// The size that was asked for, as far as the kernel can hold it.
fn size(asked: &PtyRequest<'_>) -> WindowSize {
    let [columns, rows, width, height] = [asked.columns, asked.rows, asked.width, asked.height]
        .map(|number| u16::try_from(number).unwrap_or(u16::MAX));
    WindowSize { columns, rows, width, height }
}

#[cfg(test)]
mod tests {
    use sys::pty::{Pty, window_size};
    use wire::{Bytes, NulFree};

    use super::*;

    fn asked(modes: &[u8]) -> PtyRequest<'_> {
        PtyRequest {
            session: 0,
            term: NulFree::new(b"xterm").unwrap(),
            columns: 80,
            rows: 24,
            width: 640,
            height: u32::MAX,
            modes: Bytes(modes),
        }
    }

    #[test]
    fn modes_and_size_are_as_asked_for() {
        let pty = Pty::open().unwrap();
        // VINTR to ^B, ECHO off, an opcode that nobody knows, the end.
        let modes = [1, 0, 0, 0, 2, 53, 0, 0, 0, 0, 159, 0, 0, 0, 1, 0];
        let (terminal, faults) = Terminal::new(pty.follower, pty.number, &asked(&modes));
        assert!(faults.is_empty(), "{faults:?}");
        let set = Modes::of(&pty.master).unwrap().opcodes();
        assert!(set.contains(&(1, 2)) && set.contains(&(53, 0)), "{set:?}");
        let size = window_size(&pty.master).unwrap();
        assert_eq!(size, WindowSize { columns: 80, rows: 24, width: 640, height: u16::MAX });
        assert_eq!(terminal.path(), format!("/dev/pts/{}", pty.number));
    }

    #[test]
    fn modes_that_are_cut_off_leave_a_terminal_with_its_own_modes() {
        let pty = Pty::open().unwrap();
        let before = Modes::of(&pty.master).unwrap().opcodes();
        let (_terminal, faults) = Terminal::new(pty.follower, pty.number, &asked(&[53, 0, 0]));
        assert_eq!(faults.len(), 1);
        assert_eq!(Modes::of(&pty.master).unwrap().opcodes(), before);
    }
}
