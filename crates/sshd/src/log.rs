//! The log: lines in OpenSSH's words and form, to one place.
//!
//! A line goes out with one write, so that those of several processes do not mix. What could move a terminal's cursor or begin a
//! line of its own is escaped here, whoever made the line.

use std::fmt::{self, Display, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

pub(crate) use config::value::LogLevel as Level;

/// A level's number among our processes: [`Level::Quiet`] is 0, the most talkative one 7.
pub(crate) fn level_number(level: Level) -> u8 {
    match level {
        Level::Quiet => 0,
        Level::Fatal => 1,
        Level::Error => 2,
        Level::Info => 3,
        Level::Verbose => 4,
        Level::Debug1 => 5,
        Level::Debug2 => 6,
        Level::Debug3 => 7,
    }
}

/// The level of that number.
pub(crate) fn level_of(number: u8) -> Option<Level> {
    let levels = [
        Level::Quiet,
        Level::Fatal,
        Level::Error,
        Level::Info,
        Level::Verbose,
        Level::Debug1,
        Level::Debug2,
        Level::Debug3,
    ];
    levels.get(usize::from(number)).copied()
}

/// Where lines go.
#[derive(Debug)]
enum Destination {
    Stderr,
    File(File),
    Syslog(UnixDatagram),
    Nowhere,
}

/// Where lines go, and from which level on.
#[derive(Debug)]
pub(crate) struct Logger {
    level: Level,
    destination: Destination,
}

/// The socket of the system's log.
const SYSLOG: &str = "/dev/log";

/// How long a line waits for a system log that does not read.
const SYSLOG_PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

impl Logger {
    /// Lines go to standard error.
    pub(crate) fn to_stderr(level: Level) -> Self {
        Self { level, destination: Destination::Stderr }
    }

    /// Lines go to the end of a file, which is made when it does not exist.
    pub(crate) fn to_file(path: &Path, level: Level) -> io::Result<Self> {
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { level, destination: Destination::File(file) })
    }

    /// Lines go to the system's log; `None` where there is none.
    pub(crate) fn to_syslog(level: Level) -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(SYSLOG_PATIENCE)).ok()?;
        Path::new(SYSLOG).exists().then_some(Self { level, destination: Destination::Syslog(socket) })
    }

    /// Nobody reads the lines.
    pub(crate) fn to_nowhere(level: Level) -> Self {
        Self { level, destination: Destination::Nowhere }
    }

    /// From which level on lines are written.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Changes from which level on lines are written.
    pub(crate) fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// Whether lines end on our standard error.
    pub(crate) fn is_stderr(&self) -> bool {
        matches!(self.destination, Destination::Stderr)
    }

    /// Writes a line, if its level is wanted. That the log is full or gone stops nothing.
    pub(crate) fn log(&self, level: Level, line: impl Display) {
        if level > self.level || level == Level::Quiet {
            return;
        }
        let line = cut(OneLine(&line).to_string());
        let prefix = debug_prefix(level);
        let _ = match &self.destination {
            Destination::Stderr => io::stderr().write_all(format!("{prefix}{line}\r\n").as_bytes()),
            Destination::File(file) => {
                let mut file = file;
                file.write_all(format!("{prefix}{line}\r\n").as_bytes())
            }
            Destination::Syslog(socket) => {
                let (priority, prefix) = match level {
                    Level::Fatal => (2, "fatal: "),
                    Level::Error => (3, "error: "),
                    Level::Quiet | Level::Info | Level::Verbose => (6, ""),
                    Level::Debug1 | Level::Debug2 | Level::Debug3 => (7, prefix),
                };
                let priority = AUTHORIZATION | priority;
                let text = format!("<{priority}>sshd[{}]: {prefix}{line}", std::process::id());
                // By name each time, so that a log that was started again gets it too.
                socket.send_to(text.as_bytes(), SYSLOG).map(|_| ())
            }
            Destination::Nowhere => Ok(()),
        };
    }

    /// Why the process ends.
    pub(crate) fn fatal(&self, line: impl Display) {
        self.log(Level::Fatal, line);
    }

    /// What failed.
    pub(crate) fn error(&self, line: impl Display) {
        self.log(Level::Error, line);
    }

    /// Logins and their ends.
    pub(crate) fn info(&self, line: impl Display) {
        self.log(Level::Info, line);
    }

    /// More about them.
    pub(crate) fn verbose(&self, line: impl Display) {
        self.log(Level::Verbose, line);
    }

    /// For finding faults.
    pub(crate) fn debug(&self, line: impl Display) {
        self.log(Level::Debug1, line);
    }
}

/// The facility of security messages, shifted to its place beside the severity (RFC 3164 §4.1.1).
const AUTHORIZATION: u8 = 4 << 3;

fn debug_prefix(level: Level) -> &'static str {
    match level {
        Level::Quiet | Level::Fatal | Level::Error | Level::Info | Level::Verbose => "",
        Level::Debug1 => "debug1: ",
        Level::Debug2 => "debug2: ",
        Level::Debug3 => "debug3: ",
    }
}

/// Bytes of a line at most, as OpenSSH has it: strangers choose what stands in some of them.
const LINE_MAX: usize = 1023;

fn cut(mut line: String) -> String {
    line.truncate(line.floor_char_boundary(LINE_MAX));
    line
}

/// Text without anything that could end the line or move a cursor: controls and marks that reorder what is shown are escaped. A
/// backslash stays, because what a peer said was escaped before it came into the line.
struct OneLine<'a, T>(&'a T);

impl<T: Display> Display for OneLine<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, part) in text.split('\\').enumerate() {
            if index > 0 {
                self.0.write_char('\\')?;
            }
            write!(self.0, "{}", wire::Escaped(part.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(level: Level, write: impl FnOnce(&Logger)) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        write(&Logger::to_file(&path, level).unwrap());
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_end_in_cr_lf_and_only_debug_levels_say_what_they_are() {
        let lines = written(Level::Debug3, |log| {
            log.fatal("f");
            log.error("e");
            log.info("i");
            log.verbose("v");
            log.debug("d");
            log.log(Level::Debug3, "d3");
        });
        assert_eq!(lines, "f\r\ne\r\ni\r\nv\r\ndebug1: d\r\ndebug3: d3\r\n");
    }

    #[test]
    fn less_urgent_lines_than_wanted_are_not_written() {
        assert_eq!(
            written(Level::Info, |log| {
                log.verbose("no");
                log.info("yes");
            }),
            "yes\r\n"
        );
        assert_eq!(written(Level::Quiet, |log| log.fatal("no")), "");
    }

    #[test]
    fn no_text_begins_a_line_of_its_own_or_moves_a_cursor() {
        let lines = written(Level::Info, |log| log.info("user a\r\nAccepted b\x1b[2J\u{202e}é \\x41"));
        assert_eq!(lines, "user a\\x0d\\x0aAccepted b\\x1b[2J\\u{202e}é \\x41\r\n");
    }

    #[test]
    fn a_line_has_an_end_whoever_made_it() {
        let line = written(Level::Info, |log| log.info("é".repeat(100_000)));
        assert_eq!(line, format!("{}\r\n", "é".repeat(511)));
    }

    #[test]
    fn a_file_is_added_to_and_not_for_others_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for text in ["one", "two"] {
            Logger::to_file(&path, Level::Info).unwrap().info(text);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\r\ntwo\r\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn numbers_and_levels_are_each_others_inverse() {
        for number in 0..=7 {
            assert_eq!(level_number(level_of(number).unwrap()), number);
        }
        assert_eq!(level_of(8), None);
    }
}
