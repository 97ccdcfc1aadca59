//! What a server has to tell whoever keeps its log.

use std::collections::VecDeque;
use std::fmt::{self, Write};

use crate::limits;

/// How much somebody wants to know, in the words of OpenSSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Quiet,
    Fatal,
    Error,
    Info,
    Verbose,
    Debug1,
    Debug2,
    Debug3,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How important it is.
    pub level: Level,
    /// What happened. Printable ASCII; everything else that came from a client is escaped.
    pub text: String,
}

/// Lines that nobody has fetched yet.
#[derive(Debug)]
pub(crate) struct Journal {
    level: Level,
    records: VecDeque<Record>,
}

impl Journal {
    pub(crate) fn new(level: Level) -> Self {
        Self { level, records: VecDeque::new() }
    }

    /// Notes a line, which is only made if somebody wants to know it.
    pub(crate) fn note(&mut self, level: Level, text: impl FnOnce() -> String) {
        if level <= self.level && self.records.len() < limits::RECORDS {
            self.records.push_back(Record { level, text: text() });
        }
    }

    /// Notes a line of one level for those who want to know as much as another one.
    pub(crate) fn note_from(&mut self, wanted: Level, level: Level, text: impl FnOnce() -> String) {
        if wanted <= self.level {
            self.note(level, text);
        }
    }

    pub(crate) fn next(&mut self) -> Option<Record> {
        self.records.pop_front()
    }
}

/// Shows bytes of a client as `vis(3)` does with octal numbers.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\{byte:03o}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(Shown(b"a\nb\\ \"\xc3\xa9").to_string(), "a\\012b\\\\ \"\\303\\251");
    }

    #[test]
    fn lines_that_nobody_wants_are_not_made_and_lines_that_nobody_fetches_do_not_grow() {
        let mut journal = Journal::new(Level::Info);
        journal.note(Level::Debug1, || panic!("made"));
        for _ in 0..limits::RECORDS + 5 {
            journal.note(Level::Info, || "line".into());
        }
        assert_eq!(std::iter::from_fn(|| journal.next()).count(), limits::RECORDS);
    }
}
