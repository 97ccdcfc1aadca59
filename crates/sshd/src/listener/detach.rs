//! The daemon in the background.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use sys::fd::{Standard, redirect};
use sys::process::{Forked, fork, new_session};
use sys::spawn::{Child, Ended};

use super::FATAL_STATUS;

/// Which of the two processes this is.
pub(super) enum Detached {
    /// The one that was called; it ends, with this.
    Foreground(ExitCode),
    /// The daemon.
    Background(Ready),
}

/// The daemon's end of the pipe on which the one that was called waits.
pub(super) struct Ready(PipeWriter);

/// Makes the daemon. The process that was called ends as soon as the daemon serves, so that whoever called it finds the pid file.
pub(super) fn detach() -> io::Result<Detached> {
    let (reader, writer) = io::pipe()?;
    match fork()? {
        Forked::Parent(child) => {
            drop(writer);
            Ok(Detached::Foreground(wait(reader, child)))
        }
        Forked::Child => {
            drop(reader);
            new_session()?;
            Ok(Detached::Background(Ready(writer)))
        }
    }
}

fn wait(mut reader: PipeReader, mut child: Child) -> ExitCode {
    if reader.read_exact(&mut [0]).is_ok() {
        return ExitCode::SUCCESS;
    }
    match child.wait() {
        Ok(Ended::Exited(status)) => u8::try_from(status).unwrap_or(FATAL_STATUS).into(),
        Ok(Ended::Killed { .. }) | Err(_) => FATAL_STATUS.into(),
    }
}

impl Ready {
    /// Lets go of the terminal, and lets the one that was called end.
    pub(super) fn tell(mut self, null: impl AsFd) {
        for standard in [Standard::Input, Standard::Output, Standard::Error] {
            let _ = redirect(standard, &null);
        }
        let _ = self.0.write_all(&[1]);
    }
}
