//! What runs in a session, and how it is started.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::fd::set_nonblocking;
use sys::spawn::{Child, Command, Leads, Program, SpawnError, Step};

use super::account::Account;
use super::limits::{MAX_NOTICE, MAX_SHOWN, PIPE_BYTES};
use super::terminal::Terminal;
use crate::permit::{Forced, Permit};
use crate::settings::without_number;

/// What the client asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    /// The login shell.
    Shell,
    /// A command line.
    Exec(&'a [u8]),
    /// A subsystem by its name.
    Subsystem(&'a [u8]),
}

/// What is done, after the permit has been asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    kind: Kind<'a>,
    /// What the shell is given; without it, it is a login shell.
    line: Option<&'a [u8]>,
    /// What the client asked for instead.
    pub(super) original: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Shell,
    Command,
    Subsystem(&'a [u8]),
    Forced(&'a Forced),
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no subsystem of that name.
    NoSubsystem,
    /// It would be the SFTP server of the program itself, which has none.
    InternalSftp,
}

impl<'a> Order<'a> {
    /// What the permit makes of it.
    pub(super) fn of(asked: Asked<'a>, permit: &'a Permit) -> Result<Self, Refused> {
        let (kind, line) = match asked {
            Asked::Shell => (Kind::Shell, None),
            Asked::Exec(command) => (Kind::Command, Some(command)),
            Asked::Subsystem(name) => {
                let found = permit.subsystems.iter().find(|(known, _)| known.as_bytes() == name);
                let (_, command) = found.ok_or(Refused::NoSubsystem)?;
                (Kind::Subsystem(name), Some(command.as_bytes()))
            }
        };
        let order = match &permit.forced {
            Some(forced) => Self { kind: Kind::Forced(forced), line: Some(&forced.command), original: line },
            None => Self { kind, line, original: None },
        };
        match (order.kind, order.line) {
            // A client's own command of that name is a command like any other.
            (Kind::Subsystem(_) | Kind::Forced(_), Some(line)) if is_internal_sftp(line) => {
                Err(Refused::InternalSftp)
            }
            _ => Ok(order),
        }
    }

    /// As whose command it is none of the client's to send signals to.
    pub(super) fn protected(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Shell | Kind::Command => None,
            Kind::Subsystem(_) => Some("subsystem"),
            Kind::Forced(_) => Some("forced-command"),
        }
    }
}

impl fmt::Display for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Shell => f.write_str("shell"),
            Kind::Command => f.write_str("command"),
            Kind::Subsystem(name) => write!(f, "subsystem '{}'", shown(name)),
            Kind::Forced(Forced { command, by_key }) => {
                let whose = if *by_key { "key-option" } else { "config" };
                write!(f, "forced-command ({whose}) '{}'", shown(command))
            }
        }
    }
}

/// The beginning of something long.
fn shown(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text.get(..MAX_SHOWN).unwrap_or(text))
}

/// Whether a configured command means the SFTP server inside the program.
fn is_internal_sftp(command: &[u8]) -> bool {
    command
        .strip_prefix(b"internal-sftp")
        .is_some_and(|rest| rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')))
}

/// A program that was started.
pub(super) struct Started {
    /// `None` when the shell cannot be executed: the user has been told, and it counts as a program that ended with status 1.
    pub(super) child: Option<Child>,
    /// For net: standard input, output and error; nothing with a terminal.
    pub(super) fds: Vec<OwnedFd>,
}

/// Starts it, from the home directory.
///
/// # Errors
/// What failed before the program could be executed.
pub(super) fn start(
    order: &Order<'_>,
    account: &Account,
    environment: Vec<CString>,
    terminal: Option<&mut Terminal>,
) -> Result<Started, SpawnError> {
    // The terminal's follower is closed here when this returns, however it went.
    if let Some(follower) = terminal.and_then(|terminal| terminal.follower.take()) {
        let all = [follower.as_fd(); 3];
        let child = run(command(order, account, environment, all, Leads::Terminal)?, account)?;
        return Ok(Started { child, fds: Vec::new() });
    }
    let failed = |error| SpawnError { step: Step::Descriptors, error };
    let (input, our_input) = io::pipe().map_err(failed)?;
    let (our_output, output) = io::pipe().map_err(failed)?;
    let (our_errors, errors) = io::pipe().map_err(failed)?;
    for pipe in [input.as_fd(), output.as_fd()] {
        // A user with very many of them gets smaller ones, which are only slower.
        let _ = sys::fd::set_pipe_size(pipe, PIPE_BYTES);
    }
    let all = [input.as_fd(), output.as_fd(), errors.as_fd()];
    let child = run(command(order, account, environment, all, Leads::Session)?, account)?;
    Ok(Started { child, fds: vec![our_input.into(), our_output.into(), our_errors.into()] })
}

/// The shell, with its name and arguments.
fn command<'a>(
    order: &Order<'_>,
    account: &Account,
    environment: Vec<CString>,
    standard: [BorrowedFd<'a>; 3],
    leads: Leads,
) -> Result<Command<'a>, SpawnError> {
    let text = |bytes: &[u8]| {
        CString::new(bytes).map_err(|error| SpawnError { step: Step::Execute, error: error.into() })
    };
    let name = match order.line {
        Some(_) => account.shell_name().to_vec(),
        None => [b"-", account.shell_name()].concat(),
    };
    let mut command = Command::new(Program::Path(text(&account.shell)?), text(&name)?, standard);
    if let Some(line) = order.line {
        command.arguments.extend([c"-c".to_owned(), text(line)?]);
    }
    command.environment = environment;
    command.directory = Some(text(&account.home)?);
    command.leads = leads;
    Ok(command)
}

/// Starts the command, or else tells the user why not: a missing home directory is replaced by the root, a missing shell by nothing.
fn run(mut command: Command<'_>, account: &Account) -> Result<Option<Child>, SpawnError> {
    let started = match command.spawn() {
        Err(failure) if failure.step == Step::Directory => {
            let home = String::from_utf8_lossy(&account.home);
            let reason = without_number(&failure.error);
            notify(&command, &format!("Could not chdir to home directory {home}: {reason}\n"));
            command.directory = Some(c"/".to_owned());
            command.spawn()
        }
        done => done,
    };
    match started {
        Err(failure) if failure.step == Step::Execute => {
            let shell = String::from_utf8_lossy(&account.shell);
            notify(&command, &format!("{shell}: {}\n", without_number(&failure.error)));
            Ok(None)
        }
        done => done.map(Some),
    }
}

/// Tells the user something on what would be the program's standard error. Never waits: a client may have stopped its terminal
/// already, and what the user then does not see is no reason to stand still.
fn notify(command: &Command<'_>, notice: &str) {
    let Some(errors) = command.descriptors.get(2) else { return };
    let notice = notice.as_bytes().get(..MAX_NOTICE).unwrap_or(notice.as_bytes());
    if let Ok(copy) = errors.try_clone_to_owned() {
        let written = set_nonblocking(&copy, true).and_then(|()| std::fs::File::from(copy).write_all(notice));
        // The program gets this descriptor too, and expects it to wait.
        let _ = written.and_then(|()| set_nonblocking(errors, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(forced: Option<&str>) -> Permit {
        Permit {
            forced: forced.map(|command| Forced { command: command.into(), by_key: true }),
            subsystems: [("sub", "cat -"), ("sftp", "internal-sftp -l INFO"), ("sub", "later")]
                .map(|(name, command)| (name.into(), command.into()))
                .into(),
            ..Permit::default()
        }
    }

    fn line<'a>(order: &Order<'a>) -> Option<&'a str> {
        order.line.map(|line| std::str::from_utf8(line).unwrap())
    }

    #[test]
    fn without_force_the_client_gets_what_it_asks_for() {
        let permit = permit(None);
        let order = Order::of(Asked::Shell, &permit).unwrap();
        assert_eq!((line(&order), order.to_string().as_str()), (None, "shell"));
        let order = Order::of(Asked::Exec(b"ls"), &permit).unwrap();
        assert_eq!((line(&order), order.to_string().as_str()), (Some("ls"), "command"));
        let order = Order::of(Asked::Subsystem(b"sub"), &permit).unwrap();
        assert_eq!((line(&order), order.to_string().as_str()), (Some("cat -"), "subsystem 'sub'"));
        assert_eq!((order.protected(), order.original), (Some("subsystem"), None));
    }

    #[test]
    fn a_forced_command_runs_instead_of_anything_and_is_told_what() {
        let permit = permit(Some("forced"));
        let originals = [
            (Asked::Shell, None),
            (Asked::Exec(b"ls"), Some("ls")),
            (Asked::Subsystem(b"sub"), Some("cat -")),
        ];
        for (asked, original) in originals {
            let order = Order::of(asked, &permit).unwrap();
            assert_eq!(line(&order), Some("forced"));
            assert_eq!(order.original, original.map(str::as_bytes));
            assert_eq!(order.protected(), Some("forced-command"));
            assert_eq!(order.to_string(), "forced-command (key-option) 'forced'");
        }
        // One that is there and empty forces too.
        let forced = Forced { command: Vec::new(), by_key: false };
        let permit = Permit { forced: Some(forced), ..Permit::default() };
        let order = Order::of(Asked::Exec(b"ls"), &permit).unwrap();
        assert_eq!((line(&order), order.to_string().as_str()), (Some(""), "forced-command (config) ''"));
    }

    #[test]
    fn subsystems_that_are_not_there_are_refused_whether_forced_or_not() {
        for permit in [permit(None), permit(Some("forced"))] {
            assert_eq!(Order::of(Asked::Subsystem(b"nosuch"), &permit).unwrap_err(), Refused::NoSubsystem);
        }
    }

    #[test]
    fn internal_sftp_is_refused_where_it_is_configured_and_a_command_where_it_is_typed() {
        let none = permit(None);
        assert_eq!(Order::of(Asked::Subsystem(b"sftp"), &none).unwrap_err(), Refused::InternalSftp);
        assert_eq!(line(&Order::of(Asked::Exec(b"internal-sftp"), &none).unwrap()), Some("internal-sftp"));
        let forced = permit(Some("internal-sftp"));
        assert_eq!(Order::of(Asked::Exec(b"ls"), &forced).unwrap_err(), Refused::InternalSftp);
        let other = permit(Some("internal-sftp-wrapper"));
        assert!(Order::of(Asked::Exec(b"ls"), &other).is_ok());
    }
}
