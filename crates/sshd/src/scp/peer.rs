//! The client's `scp`, as it is heard and told.

use std::fmt::Display;
use std::io::{self, BufRead, Read, Write};

use super::limits::MAX_LINE;

/// The other end. Every error of it means that it has gone, or speaks another language.
#[derive(Debug)]
pub(super) struct Peer<R, W> {
    pub(super) input: R,
    pub(super) output: W,
    content: bool,
}

impl<R: BufRead, W: Write> Peer<R, W> {
    pub(super) fn new(input: R, output: W) -> Self {
        Self { input, output, content: true }
    }

    /// Whether neither end has complained.
    pub(super) fn is_content(&self) -> bool {
        self.content
    }

    /// Says that all is well.
    pub(super) fn acknowledge(&mut self) -> io::Result<()> {
        self.output.write_all(&[0])
    }

    /// Says what is wrong with one file.
    pub(super) fn complain(&mut self, what: impl Display) -> io::Result<()> {
        self.content = false;
        let what = what.to_string().replace('\n', "?");
        self.output.write_all(format!("\x01scp: {what}\n").as_bytes())
    }

    /// Hears whether all is well at the other end; what it says otherwise is for the people there.
    pub(super) fn answer(&mut self) -> io::Result<bool> {
        let mut answer = [0];
        self.input.read_exact(&mut answer)?;
        match answer {
            [0] => return Ok(true),
            [1] => {}
            [_] => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        self.is_told_of_trouble();
        self.line()?;
        Ok(false)
    }

    /// Notes that the other end has complained.
    pub(super) fn is_told_of_trouble(&mut self) {
        self.content = false;
    }

    /// The next line without its end; `None` when there is none.
    pub(super) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        self.input.by_ref().take(most).read_until(b'\n', &mut line)?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
