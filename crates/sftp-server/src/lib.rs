//! The program `sftp-server`, as `sftp-server(8)` describes it: it serves one client on its standard input and output, with the
//! rights of its process. sshd's `internal-sftp` calls the same [`main`] in a process of its own.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod log;
mod options;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;

use files::{Machine, ServeError};
use sftp::{Error, Level, RequestKind, Server, Settings};
use sys::ids::Uid;
use sys::signal::{Disposition, Signal, set_disposition};
use sys::users::Accounts;

use log::Log;
use options::{Options, Refused, Task, USAGE};

/// The client did not keep to the protocol, or the program cannot run as it was told to.
const FATAL: u8 = 255;
/// The client sent a packet that is too long.
const BAD_MESSAGE: u8 = 11;
/// The client went away in the middle of a request.
const CUT_OFF: u8 = 1;

/// Runs the program with these arguments, the first of which is its name. The status is 0 when the client ended the session.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let program = arguments.next().unwrap_or_default();
    match Options::parse(arguments) {
        Ok(Task::Serve(options)) => serve(&program, &options),
        Ok(Task::ListRequests) => list_requests(),
        Err(Refused::Usage) => {
            say(USAGE);
            ExitCode::from(1)
        }
        Err(Refused::Value(why, status)) => {
            say(&format!("{why}\n"));
            ExitCode::from(status)
        }
    }
}

fn say(text: &str) {
    // Whoever closed standard error does not want to know.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn list_requests() -> ExitCode {
    let names: String = RequestKind::all().flat_map(|kind| [kind.name(), "\n"]).collect();
    match io::stdout().write_all(names.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}

/// Whom the process belongs to.
struct Owner {
    name: String,
    home: String,
}

impl Owner {
    fn of_this_process() -> Self {
        let uid = Uid::real();
        match Accounts::default().user_by_id(uid) {
            Ok(Some(user)) => Self {
                name: user.name.to_string_lossy().into_owned(),
                home: user.home.to_string_lossy().into_owned(),
            },
            Ok(None) | Err(_) => Self::as_told(uid, |variable| std::env::var(variable).ok()),
        }
    }

    /// Whom the variables of the environment name, as where a changed root has no accounts; else a number at home in the root.
    fn as_told(uid: Uid, variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            name: variable("USER").unwrap_or_else(|| uid.0.to_string()),
            home: variable("HOME").unwrap_or_else(|| "/".into()),
        }
    }
}

/// The client's address, as sshd tells it; printable, because anybody can set a variable.
fn client_address() -> String {
    let connection = std::env::var_os("SSH_CONNECTION").unwrap_or_default();
    let address = connection.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    match address {
        [] => "UNKNOWN".into(),
        _ => address.escape_ascii().to_string(),
    }
}

fn serve(program: &OsStr, options: &Options) -> ExitCode {
    let owner = Owner::of_this_process();
    let start = match options.start_directory.as_deref().map(|start| expand(start, &owner)).transpose() {
        Ok(start) => start,
        Err(why) => {
            say(&format!("{why}\n"));
            return ExitCode::from(FATAL);
        }
    };
    let log = if options.to_stderr {
        Log::to_stderr(options.level)
    } else {
        let name = Path::new(program).file_name().unwrap_or_else(|| OsStr::new("sftp-server"));
        Log::to_syslog(options.level, options.facility, name.to_string_lossy().into_owned())
    };
    // What the process holds is not for other programs of the same user: it may have been started with more than they may see.
    let _ = sys::process::set_not_dumpable();
    // A file that would become longer than the user may have is the fault of its request, not the end of the session.
    let _ = set_disposition(Signal::XFSZ, Disposition::Ignore);
    if let Some(mask) = options.umask {
        sys::process::set_umask(mask);
    }
    let client = client_address();
    // Also printable, for the same reason.
    let name = owner.name.as_bytes().escape_ascii();
    let session = format!("for local user {name} from [{client}]");
    log.note(Level::Info, format!("session opened {session}"));
    if let Some(start) = start
        && let Err(error) = std::env::set_current_dir(&start)
    {
        let start = start.as_bytes().escape_ascii();
        log.note(Level::Error, format!("chdir to \"{start}\" failed: {error}"));
    }
    let status = serve_standard_streams(options, &log);
    let code = match &status {
        Ok(()) => 0,
        Err(ServeError::Protocol(Error::TooLong(_))) => {
            log.note(Level::Error, format!("bad message from {client} local user {name}"));
            BAD_MESSAGE
        }
        Err(error @ ServeError::Protocol(Error::BeforeInit(_) | Error::Malformed { .. })) => {
            log.note(Level::Fatal, error.to_string());
            FATAL
        }
        Err(error @ ServeError::CutOff) => {
            log.note(Level::Error, error.to_string());
            CUT_OFF
        }
        Err(error @ (ServeError::Input(_) | ServeError::Output(_) | ServeError::System(_))) => {
            log.note(Level::Error, error.to_string());
            CUT_OFF
        }
    };
    log.note(Level::Info, format!("session closed {session}"));
    ExitCode::from(code)
}

fn serve_standard_streams(options: &Options, log: &Log) -> Result<(), ServeError> {
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(ServeError::System)?;
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(ServeError::System)?;
    let settings = Settings {
        read_only: options.read_only,
        denied: options.denied.clone().unwrap_or_default(),
        allowed: options.allowed.clone(),
        log: options.level,
    };
    let server = Server::new(Machine::new(), settings);
    files::serve(server, input, output, &mut |record| log.write(&record))
}

/// The directory to begin in: `%d` is the user's home, `%u` the user's name.
fn expand(start: &OsStr, owner: &Owner) -> Result<OsString, String> {
    let Some(text) = start.to_str() else {
        // A path that is no text has no tokens that could be told from it.
        return Ok(OsString::from_vec(start.as_bytes().to_vec()));
    };
    text::percent::expand(text, &[('d', &owner.home), ('u', &owner.name)], None)
        .map(OsString::from)
        .map_err(|error| format!("start directory: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_no_accounts_the_start_directory_is_that_of_whom_sshd_named() {
        let named =
            Owner::as_told(Uid(1000), |name| Some(if name == "USER" { "alice" } else { "/home/al" }.into()));
        assert_eq!(expand(OsStr::new("%d/%u"), &named).unwrap(), "/home/al/alice");
        let nobody = Owner::as_told(Uid(1000), |_| None);
        assert_eq!(expand(OsStr::new("%d%u"), &nobody).unwrap(), "/1000");
    }
}
