//! What runs in a session, and how it is started.

use std::borrow::Cow;
use std::ffi::{CString, OsStr};
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sys::fd::set_nonblocking;
use sys::spawn::{Child, Command, Leads, Program, SpawnError, Step};
use text::quoting::{Comments, split};

use super::account::Account;
use super::limits::{MAX_NOTICE, MAX_SHOWN, PIPE_BYTES};
use super::prologue::Prologue;
use super::terminal::Terminal;
use crate::permit::{Forced, Permit};
use crate::role::Role;
use crate::scp::Arguments;
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
#[derive(Clone, Debug)]
pub(super) struct Order<'a> {
    kind: Kind<'a>,
    pub(super) runs: Runs<'a>,
    /// A subsystem was asked for, or takes the place of what was.
    pub(super) is_subsystem: bool,
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

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Runs<'a> {
    /// The login shell.
    Login,
    /// The shell with this line.
    Line(&'a [u8]),
    /// The SFTP server that is in this program, with these arguments.
    Sftp(Vec<String>),
    /// The far end of `scp` that is in this program, with these arguments.
    Scp(Vec<String>),
    /// Nothing: only SFTP is served, and something else was asked for.
    SftpOnly,
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no subsystem of that name.
    NoSubsystem,
    /// The arguments of the SFTP server are no words.
    Quotes,
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
        let (kind, line, original) = match &permit.forced {
            Some(forced) => (Kind::Forced(forced), Some(forced.command.as_slice()), line),
            None => (kind, line, None),
        };
        let asked_for_subsystem = matches!(asked, Asked::Subsystem(_));
        let sftp = match kind {
            Kind::Subsystem(_) | Kind::Forced(_) => line.and_then(sftp_arguments).transpose()?,
            // A client's own command of that name is a command like any other.
            Kind::Shell | Kind::Command => None,
        };
        let is_subsystem = asked_for_subsystem || sftp.is_some();
        let runs = match (sftp, line) {
            (Some(arguments), _) if asked_for_subsystem => Runs::Sftp(arguments),
            (Some(_), _) => Runs::SftpOnly,
            (None, Some(line)) => Runs::Line(line),
            (None, None) => Runs::Login,
        };
        Ok(Self { kind, runs, is_subsystem, original })
    }

    /// Where the user has no `scp` for the client's to speak to, this program has one. It takes the place of a shell that does what it
    /// is told; whether any other would let the user copy files is not ours to say.
    pub(super) fn serve_scp(&mut self, shell: &[u8], environment: &[CString]) {
        let Runs::Line(line) = self.runs else { return };
        if let Some(words) = Arguments::words(line)
            && PLAIN_SHELLS.contains(&shell)
            && !has_scp(environment)
        {
            self.runs = Runs::Scp(words);
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

/// The arguments, if a configured command means the SFTP server inside the program.
fn sftp_arguments(command: &[u8]) -> Option<Result<Vec<String>, Refused>> {
    let rest = command.strip_prefix(INTERNAL_SFTP.as_bytes())?;
    rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')).then(|| {
        let words = split(&String::from_utf8_lossy(rest), Comments::None).map_err(|_| Refused::Quotes)?;
        Ok(words.into_iter().map(|word| word.text).collect())
    })
}

/// Shells that run whatever line they are given.
const PLAIN_SHELLS: [&[u8]; 8] = [b"sh", b"ash", b"bash", b"dash", b"fish", b"ksh", b"mksh", b"zsh"];

/// Whether a shell with these variables would find a program `scp`.
fn has_scp(environment: &[CString]) -> bool {
    let path = environment.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
    let folders = path.unwrap_or_default().split(|byte| *byte == b':');
    folders.into_iter().any(|folder| {
        let file = Path::new(OsStr::from_bytes(folder)).join("scp");
        file.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
    })
}

/// What stands in configurations for the SFTP server inside the program.
const INTERNAL_SFTP: &str = "internal-sftp";

/// What a user is told who asks for something else.
const SFTP_ONLY: &str = "This service allows sftp connections only.\n";

/// With what a program is started.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) account: &'a Account,
    pub(super) environment: Vec<CString>,
    /// What runs first.
    pub(super) prologue: Option<Prologue>,
    /// This very program.
    pub(super) own_program: BorrowedFd<'a>,
    /// What the user is told first, on standard error.
    pub(super) notices: &'a str,
}

/// A program that was started.
pub(super) struct Started {
    /// `None` when there is nothing to be executed: the user has been told, and it counts as a program that ended with status 1.
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
    launch: Launch<'_>,
    terminal: Option<&mut Terminal>,
) -> Result<Started, SpawnError> {
    // The terminal's follower is closed here when this returns, however it went.
    if let Some(follower) = terminal.and_then(|terminal| terminal.follower.take()) {
        let child = run(order, launch, [follower.as_fd(); 3], Leads::Terminal)?;
        return Ok(Started { child, fds: Vec::new() });
    }
    let (input, our_input) = io::pipe().map_err(no_pipe)?;
    let (our_output, output) = io::pipe().map_err(no_pipe)?;
    let (our_errors, errors) = io::pipe().map_err(no_pipe)?;
    for pipe in [input.as_fd(), output.as_fd()] {
        // A user with very many of them gets smaller ones, which are only slower.
        let _ = sys::fd::set_pipe_size(pipe, PIPE_BYTES);
    }
    let child = run(order, launch, [input.as_fd(), output.as_fd(), errors.as_fd()], Leads::Session)?;
    Ok(Started { child, fds: vec![our_input.into(), our_output.into(), our_errors.into()] })
}

fn no_pipe(error: io::Error) -> SpawnError {
    SpawnError { step: Step::Descriptors, error }
}

fn text(bytes: impl AsRef<[u8]>) -> Result<CString, SpawnError> {
    CString::new(bytes.as_ref()).map_err(|error| SpawnError { step: Step::Execute, error: error.into() })
}

/// Runs it with these standard descriptors, or tells the user on them why not: a missing home directory is replaced by the root (which
/// is as it should be in a root of its own, and not told), a missing shell by nothing.
fn run(
    order: &Order<'_>,
    launch: Launch<'_>,
    standard: [BorrowedFd<'_>; 3],
    leads: Leads,
) -> Result<Option<Child>, SpawnError> {
    let Launch { account, environment, prologue, own_program, notices } = launch;
    let [_, output, errors] = standard;
    tell(errors, notices);
    let (path, name, words) = match &order.runs {
        Runs::Login => (account.shell.as_slice(), [b"-", account.shell_name()].concat(), Vec::new()),
        Runs::Line(line) => {
            let words = vec![c"-c".to_owned(), text(line)?];
            (account.shell.as_slice(), account.shell_name().to_vec(), words)
        }
        Runs::Sftp(words) => own(Role::Sftp, INTERNAL_SFTP, words)?,
        Runs::Scp(words) => own(Role::Scp, "scp", words)?,
        Runs::SftpOnly => {
            tell(output, SFTP_ONLY);
            return Ok(None);
        }
    };
    let first = prologue.as_ref().map(Prologue::input).transpose().map_err(no_pipe)?;
    let mut command = match (&prologue, &order.runs) {
        (Some(prologue), _) => {
            let mut command = Command::new(Program::Open(own_program), c"sshd:".to_owned(), standard);
            command.arguments.push(text(Role::Prologue.argument())?);
            command.arguments.extend(prologue.arguments().chain([text(path)?, text(name)?]));
            command
        }
        (None, Runs::Sftp(_) | Runs::Scp(_)) => {
            let mut command = Command::new(Program::Open(own_program), text(name)?, standard);
            command.arguments.push(text(path)?);
            command
        }
        (None, _) => Command::new(Program::Path(text(path)?), text(name)?, standard),
    };
    command.arguments.extend(words);
    command.descriptors.extend(first.as_ref().map(AsFd::as_fd));
    command.environment = environment;
    command.directory = Some(text(&account.home)?);
    command.leads = leads;
    let started = match command.spawn() {
        Err(failure) if failure.step == Step::Directory => {
            if !account.chrooted {
                let home = String::from_utf8_lossy(&account.home);
                let reason = without_number(&failure.error);
                tell(errors, &format!("Could not chdir to home directory {home}: {reason}\n"));
            }
            command.directory = Some(c"/".to_owned());
            command.spawn()
        }
        done => done,
    };
    match started {
        Err(failure) if failure.step == Step::Execute => {
            let shown = String::from_utf8_lossy(path);
            tell(errors, &format!("{shown}: {}\n", without_number(&failure.error)));
            Ok(None)
        }
        done => done.map(Some),
    }
}

/// What is executed: its path, the name it is called by, and its arguments.
type Executed<'a> = (&'a [u8], Vec<u8>, Vec<CString>);

/// A role of this program, whose argument takes the place of a path.
fn own<'a>(role: Role, name: &str, words: &[String]) -> Result<Executed<'a>, SpawnError> {
    let words: Result<_, _> = words.iter().map(text).collect();
    Ok((role.argument().as_bytes(), name.into(), words?))
}

/// Tells the user something where a program will write. Never waits: a client may have stopped its terminal already, and what the
/// user then does not see is no reason to stand still.
fn tell(fd: BorrowedFd<'_>, notice: &str) {
    let notice = notice.as_bytes().get(..MAX_NOTICE).unwrap_or(notice.as_bytes());
    if notice.is_empty() {
        return;
    }
    if let Ok(copy) = fd.try_clone_to_owned() {
        let written = set_nonblocking(&copy, true).and_then(|()| std::fs::File::from(copy).write_all(notice));
        // The program gets this descriptor too, and expects it to wait.
        let _ = written.and_then(|()| set_nonblocking(fd, false));
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
        match order.runs {
            Runs::Line(line) => Some(std::str::from_utf8(line).unwrap()),
            Runs::Login | Runs::Sftp(_) | Runs::Scp(_) | Runs::SftpOnly => None,
        }
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

    fn sftp(words: &[&str]) -> Runs<'static> {
        Runs::Sftp(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn internal_sftp_is_a_program_where_it_is_configured_and_a_command_where_it_is_typed() {
        let none = permit(None);
        let order = Order::of(Asked::Subsystem(b"sftp"), &none).unwrap();
        assert_eq!((&order.runs, order.is_subsystem), (&sftp(&["-l", "INFO"]), true));
        assert_eq!(line(&Order::of(Asked::Exec(b"internal-sftp"), &none).unwrap()), Some("internal-sftp"));
        let other = permit(Some("internal-sftp-wrapper"));
        let order = Order::of(Asked::Exec(b"ls"), &other).unwrap();
        assert_eq!((line(&order), order.is_subsystem), (Some("internal-sftp-wrapper"), false));
    }

    #[test]
    fn a_forced_internal_sftp_serves_subsystems_and_nothing_else() {
        let forced = permit(Some("internal-sftp -d \"/a b\"\t-R"));
        let order = Order::of(Asked::Subsystem(b"sub"), &forced).unwrap();
        assert_eq!(order.runs, sftp(&["-d", "/a b", "-R"]));
        assert_eq!(order.original, Some(b"cat -".as_slice()));
        for asked in [Asked::Exec(b"ls"), Asked::Shell] {
            let order = Order::of(asked, &forced).unwrap();
            assert_eq!((&order.runs, order.is_subsystem), (&Runs::SftpOnly, true));
        }
    }

    #[test]
    fn arguments_that_are_no_words_are_refused() {
        let forced = permit(Some("internal-sftp -d \"/a b"));
        assert_eq!(Order::of(Asked::Subsystem(b"sub"), &forced).unwrap_err(), Refused::Quotes);
    }

    #[test]
    fn scp_is_served_where_the_user_has_none_and_a_shell_that_would_run_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = [c"PATH=/nonexistent:".to_bytes(), folder.path().as_os_str().as_bytes()].concat();
        let environment = [CString::new(path).unwrap()];
        let permit = permit(None);
        let runs = |line: &'static str, shell: &str| {
            let mut order = Order::of(Asked::Exec(line.as_bytes()), &permit).unwrap();
            order.serve_scp(shell.as_bytes(), &environment);
            order.runs
        };
        assert_eq!(runs("scp -t x", "bash"), Runs::Scp(vec!["-t".into(), "x".into()]));
        for (line, shell) in
            [("scp -t x", "nologin"), ("scp -t x", "rbash"), ("scp x y", "bash"), ("ls", "bash")]
        {
            assert_eq!(runs(line, shell), Runs::Line(line.as_bytes()), "{line} {shell}");
        }
        let scp = folder.path().join("scp");
        std::fs::write(&scp, "").unwrap();
        assert_eq!(runs("scp -t x", "bash"), Runs::Scp(vec!["-t".into(), "x".into()]));
        std::fs::set_permissions(&scp, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(runs("scp -t x", "bash"), Runs::Line(b"scp -t x"));
    }
}
