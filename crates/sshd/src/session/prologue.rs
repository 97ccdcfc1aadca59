//! What runs before a program: the user's own file, the system's, or `xauth`.
//!
//! OpenSSH does this in the process that becomes the program, and so do we, in a role of its own: whatever that file does, only the
//! one program waits for it, and it has the program's terminal, variables and place.

use std::ffi::{CString, OsString};
use std::io::{self, PipeReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use zeroize::Zeroizing;

use super::account::Account;
use super::x11::Display;
use crate::role::Role;
use crate::settings::without_number;

/// Where the system's file is.
const SYSTEM_RC: &str = "/etc/ssh/sshrc";

/// What runs first, and what it is told on its standard input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prologue {
    arguments: Vec<CString>,
    input: Zeroizing<String>,
}

impl Prologue {
    /// What is to run first, as OpenSSH chooses: the user's file unless the program is a subsystem, or else the system's file, or else
    /// `xauth`; whoever it is, the display is its business.
    pub(super) fn of(account: &Account, is_subsystem: bool, display: Option<&Display>) -> Option<Self> {
        let user_rc = account.home_path().join(".ssh/rc");
        let line = || display.map(Display::line).unwrap_or_default();
        if !is_subsystem && account.permit.user_rc && user_rc.exists() {
            let command = [b"/bin/sh ".as_slice(), &quoted(user_rc.as_os_str().as_bytes())].concat();
            return Self::new(&[&account.shell, b"-c", &command], line());
        }
        if Path::new(SYSTEM_RC).exists() {
            return Self::new(&[b"/bin/sh", SYSTEM_RC.as_bytes()], line());
        }
        let (displays, display) = (account.permit.x11.as_ref()?, display?);
        Self::new(&[displays.xauth.as_bytes(), b"-q", b"-"], display.commands())
    }

    fn new(words: &[&[u8]], input: Zeroizing<String>) -> Option<Self> {
        let arguments: Result<_, _> = words.iter().map(|word| CString::new(*word)).collect();
        Some(Self { arguments: arguments.ok()?, input })
    }

    /// The role's arguments up to those of the program itself: how many words run first, and these.
    pub(super) fn arguments(&self) -> impl Iterator<Item = CString> + '_ {
        let count = CString::new(self.arguments.len().to_string()).unwrap_or_default();
        [count].into_iter().chain(self.arguments.iter().cloned())
    }

    /// A pipe that holds what it is told, and then ends. The cookie is in no argument, because everybody can read those.
    pub(super) fn input(&self) -> io::Result<PipeReader> {
        let (reader, mut writer) = io::pipe()?;
        // The longest there is fits into the smallest pipe.
        writer.write_all(self.input.as_bytes())?;
        Ok(reader)
    }
}

/// A word for any shell.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// Is the role: runs what comes first, with descriptor 3 as its standard input, and then becomes the program. The arguments are how
/// many words run first, these, and then the program's path, or the argument of the role that we take up instead; the name it is
/// called by; and its arguments.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok([input]) = sys::fd::inherited::<1>() else { return FAILED };
    let count = arguments.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or_default();
    let first: Vec<OsString> = arguments.by_ref().take(count).collect();
    if let Some((program, words)) = first.split_first() {
        let run = Command::new(program).args(words).stdin(Stdio::from(input)).status();
        if run.is_err() {
            let _ = writeln!(io::stderr(), "Could not run {}", program.display());
        }
    }
    let (path, name) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    match Role::of(&path) {
        Some(Role::Sftp) => return sftp_server::main([name].into_iter().chain(arguments)),
        Some(Role::Scp) => return crate::scp::main(arguments),
        Some(Role::Net | Role::Session | Role::Prologue) => return FAILED,
        None => {}
    }
    let error = Command::new(&path).arg0(name).args(arguments).exec();
    let _ = writeln!(io::stderr(), "{}: {}", path.display(), without_number(&error));
    FAILED
}

/// The status of a program that could not be executed.
const FAILED: ExitCode = ExitCode::FAILURE;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::ffi::OsStringExt;

    use wire::NulFree;

    use super::super::account::tests::account;
    use super::*;
    use crate::permit::{Displays, Permit};
    use crate::protocol::session::X11;

    /// A home with a file of the user's, whose name needs quotes.
    fn home() -> (tempfile::TempDir, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("al'ice");
        std::fs::create_dir_all(home.join(".ssh")).unwrap();
        std::fs::write(home.join(".ssh/rc"), "").unwrap();
        (folder, home.into_os_string().into_vec())
    }

    fn with_displays(home: Vec<u8>, user_rc: bool) -> Account {
        let x11 = Some(Displays { offset: 7_000, localhost: true, xauth: "/usr/bin/xauth".into() });
        Account { home, permit: Permit { user_rc, x11, ..Permit::default() }, ..account() }
    }

    fn display(account: &Account) -> Display {
        let [protocol, cookie] = ["KIND", "0f"].map(|text| NulFree::new(text.as_bytes()).unwrap());
        let asked = X11 { session: 0, single: false, protocol, cookie, screen: 0 };
        Display::open(account.permit.x11.as_ref().unwrap(), &asked).unwrap().0
    }

    fn words(prologue: &Prologue) -> Vec<String> {
        prologue.arguments().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_users_file_comes_before_xauth_except_for_subsystems_and_where_it_is_not_permitted() {
        let (_folder, home) = home();
        let account = with_displays(home.clone(), true);
        let display = display(&account);
        let prologue = Prologue::of(&account, false, Some(&display)).unwrap();
        let path = String::from_utf8(home.clone()).unwrap().replace('\'', "'\\''");
        assert_eq!(words(&prologue), ["3", "/bin/sh", "-c", &format!("/bin/sh '{path}/.ssh/rc'")]);
        let mut input = String::new();
        prologue.input().unwrap().read_to_string(&mut input).unwrap();
        assert_eq!(input, "KIND 0f\n");
        let other = with_displays(home, false);
        for prologue in
            [Prologue::of(&account, true, Some(&display)), Prologue::of(&other, false, Some(&display))]
        {
            let prologue = prologue.unwrap();
            assert_eq!(words(&prologue), ["3", "/usr/bin/xauth", "-q", "-"]);
            assert_eq!(prologue.input, display.commands());
        }
    }

    #[test]
    fn without_a_file_and_a_display_there_is_none() {
        let (_folder, home) = home();
        let account = with_displays(home, false);
        assert_eq!(Prologue::of(&account, false, None), None);
        let nowhere = with_displays(b"/nonexistent".to_vec(), true);
        assert_eq!(Prologue::of(&nowhere, false, None), None);
    }
}
