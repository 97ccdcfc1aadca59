//! Where lines of the log go.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use sftp::{Level, Record};

/// The socket of the system's log.
const SYSLOG: &str = "/dev/log";

/// How long a line waits for a system log that does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    level: Level,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Stderr,
    Syslog { socket: UnixDatagram, facility: u8, program: String },
    Nowhere,
}

impl Log {
    /// Lines go to standard error.
    pub(crate) fn to_stderr(level: Level) -> Self {
        Self { level, place: Place::Stderr }
    }

    /// Lines go to the system's log, under the name of this program. A log that is not there, as in a changed root, misses them.
    pub(crate) fn to_syslog(level: Level, facility: u8, program: String) -> Self {
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(socket)
        });
        let place = match socket {
            Ok(socket) => Place::Syslog { socket, facility, program },
            Err(_) => Place::Nowhere,
        };
        Self { level, place }
    }

    /// Writes a line, if its level is wanted. That the log is full or gone stops nothing.
    pub(crate) fn write(&self, Record { level, text }: &Record) {
        if *level > self.level || *level == Level::Quiet {
            return;
        }
        let debug = match level {
            Level::Quiet | Level::Fatal | Level::Error | Level::Info | Level::Verbose => "",
            Level::Debug1 => "debug1: ",
            Level::Debug2 => "debug2: ",
            Level::Debug3 => "debug3: ",
        };
        match &self.place {
            Place::Stderr => {
                let _ = io::stderr().write_all(format!("{debug}{text}\r\n").as_bytes());
            }
            Place::Syslog { socket, facility, program } => {
                let (severity, prefix) = match level {
                    Level::Fatal => (2, "fatal: "),
                    Level::Error => (3, "error: "),
                    Level::Quiet | Level::Info | Level::Verbose => (6, ""),
                    Level::Debug1 | Level::Debug2 | Level::Debug3 => (7, debug),
                };
                let priority = u32::from(*facility) << 3 | severity;
                let line = format!("<{priority}>{program}[{}]: {prefix}{text}", std::process::id());
                // By name each time, so that a log that was started again gets it too.
                let _ = socket.send_to(line.as_bytes(), SYSLOG);
            }
            Place::Nowhere => {}
        }
    }

    /// Writes a line of this level.
    pub(crate) fn note(&self, level: Level, text: impl Into<String>) {
        self.write(&Record { level, text: text.into() });
    }
}
