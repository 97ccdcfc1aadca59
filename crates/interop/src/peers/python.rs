//! The SSH libraries of Python, as clients and as servers: each has a program here that knows the cases by name, one that logs
//! in, and one that serves.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use super::DEADLINE;
use super::chroot::{Chroot, Release, clean_command};
use super::client::Login;
use super::daemon::{Daemon, Start, Where};
use super::process::{self, Finished, Input};
use super::server::{Server, Settings};
use super::{KeyPair, Peers, USER};
use crate::error::{During, Error};

/// Names the Python that has the libraries; `tools/peers --python` knows it.
const VARIABLE: &str = "NACRE_PYTHON";

/// A library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// asyncssh.
    Asyncssh,
    /// paramiko.
    Paramiko,
}

impl Library {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Asyncssh, Self::Paramiko];

    fn name(self) -> &'static str {
        match self {
            Self::Asyncssh => "asyncssh",
            Self::Paramiko => "paramiko",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Asyncssh => include_str!("../../python/asyncssh_client.py"),
            Self::Paramiko => include_str!("../../python/paramiko_client.py"),
        }
    }

    /// The cases that its program knows.
    #[must_use]
    pub fn cases(self) -> Vec<&'static str> {
        let name = |line: &'static str| line.strip_prefix("@case(\"")?.split('"').next();
        self.program().lines().filter_map(name).collect()
    }
}

/// A login with a library, as a program that takes its arguments and streams as a stock client does.
fn login_program(library: Library) -> &'static str {
    match library {
        Library::Asyncssh => include_str!("../../python/asyncssh_login.py"),
        Library::Paramiko => include_str!("../../python/paramiko_login.py"),
    }
}

/// A server of a library that offers everything it knows.
fn server_program(library: Library) -> &'static str {
    match library {
        Library::Asyncssh => include_str!("../../python/asyncssh_server.py"),
        Library::Paramiko => include_str!("../../python/paramiko_server.py"),
    }
}

/// A Python with the libraries.
#[derive(Clone, Debug)]
pub struct Python(PathBuf);

impl Python {
    /// The one that the environment names.
    ///
    /// # Errors
    ///
    /// [`Error::NotNamed`] when it names none, [`Error::NoPeer`] when it is not there.
    pub fn find() -> Result<Self, Error> {
        let path = env::var_os(VARIABLE).filter(|path| !path.is_empty()).ok_or(Error::NotNamed(VARIABLE))?;
        let path = PathBuf::from(path);
        if path.exists() { Ok(Self(path)) } else { Err(Error::NoPeer(path)) }
    }

    /// A library's name and version, such as `paramiko 5.1.0`.
    ///
    /// # Errors
    ///
    /// When it can not be loaded.
    pub fn name_of(&self, library: Library) -> Result<String, Error> {
        let name = library.name();
        let mut command = clean_command("timeout");
        command.arg("60").arg(&self.0).args(["-c", &format!("import {name}; print({name}.__version__)")]);
        let output = command.output().during("asking Python for a version")?;
        if !output.status.success() {
            return Err(Error::Program {
                command: format!("import {name}"),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Ok(format!("{name} {}", String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Runs one of the library's cases with a server.
    ///
    /// # Errors
    ///
    /// [`Error::Wrong`] with what the program wrote when it does not pass, [`Error::Deadline`] when it is not done in time.
    pub fn run(
        &self,
        library: Library,
        case: &str,
        peers: &Peers,
        server: &Server,
        user_key: &KeyPair,
    ) -> Result<(), Error> {
        self.run_program(library.program(), case, peers, server, user_key, DEADLINE)
    }

    /// Logs in with everything that the library knows and runs the login's command, like
    /// [`ClientKind::run`](super::ClientKind::run). Its algorithms, rekey limit and environment are not looked at; the only
    /// further argument is `compress`.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when it is not done in time. A failed login is an exit status.
    pub fn login(&self, library: Library, peers: &Peers, login: Login<'_>) -> Result<Finished, Error> {
        let scratch = peers.chroot(Release::Forky).scratch()?;
        login.user_key.write_openssh(&scratch, "key")?;
        let mut command = process::with_deadline(login.deadline);
        command.arg(&self.0).args(["-c", login_program(library), USER, &login.port.to_string()]);
        command.arg(scratch.outside().join("key"));
        command.arg(login.known_host()).arg(login.command).args(&login.extra);
        command.current_dir(scratch.outside());
        process::finish(command, login.input, login.deadline)
    }

    /// A server that refuses nothing. Python runs as the machine's own program, outside of this folder, which has the server's
    /// files.
    pub(crate) fn serve(
        &self,
        library: Library,
        chroot: &Chroot,
        host_keys: &[KeyPair],
        authorized_keys: &str,
        settings: &Settings,
    ) -> Result<Daemon, Error> {
        settings.must_be_of_a_library()?;
        let scratch = chroot.scratch()?;
        let authority = settings.authority.as_ref().map_or("", KeyPair::public);
        scratch.write("authority.pub", authority, 0o644)?;
        scratch.write("authorized_keys", authorized_keys, 0o644)?;
        let mut files = vec!["authorized_keys".to_owned(), "authority.pub".to_owned()];
        let moduli = chroot.root().join("etc/ssh/moduli").display().to_string();
        for (number, key) in host_keys.iter().enumerate() {
            let name = format!("host_key_{number}");
            key.write_openssh(&scratch, &name)?;
            files.push(name);
        }
        let mut files: Vec<String> =
            files.iter().map(|name| scratch.outside().join(name).display().to_string()).collect();
        files.insert(2, moduli);
        let argv = |port: u16| -> Vec<String> {
            let python = self.0.display().to_string();
            let words = [&python, "-c", server_program(library), &port.to_string()].map(str::to_owned);
            words.into_iter().chain(files.iter().cloned()).collect()
        };
        let how = Start {
            name: library.name(),
            authorized_keys,
            password: None,
            shell: None,
            argv: &argv,
            place: Where::Outside,
            ready: "listening on port",
        };
        Daemon::start(chroot, scratch, &how)
    }

    /// Runs one of a program's cases with a server. The program's arguments are the case, the user, the port, the key's file,
    /// the line of the host key and, if the server has one, the folder that is the user's home there.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub(crate) fn run_program(
        &self,
        program: &str,
        case: &str,
        peers: &Peers,
        server: &Server,
        user_key: &KeyPair,
        deadline: Duration,
    ) -> Result<(), Error> {
        let scratch = peers.chroot(Release::Forky).scratch()?;
        user_key.write_openssh(&scratch, "key")?;
        let mut command = process::with_deadline(deadline);
        command.arg(&self.0).args(["-c", program, case, USER]);
        command.arg(server.address().port().to_string());
        command.arg(scratch.outside().join("key")).arg(server.host_key().public().trim_end());
        command.args(server.home());
        command.current_dir(scratch.outside());
        let finished = process::finish(command, Input::default(), deadline)?;
        if finished.status == Some(0) {
            return Ok(());
        }
        let stdout = String::from_utf8_lossy(&finished.stdout);
        Err(Error::wrong(format!("status {:?}\n{stdout}{}", finished.status, finished.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use super::Library;

    #[test]
    fn the_programs_know_the_same_cases() {
        let [asyncssh, paramiko] = Library::ALL.map(|library| {
            let mut cases = library.cases();
            cases.sort_unstable();
            cases
        });
        assert!(asyncssh.len() > 8, "{asyncssh:?}");
        assert_eq!(asyncssh, paramiko);
    }
}
