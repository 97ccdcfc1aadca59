//! The roles that are programs of their own: entered by executing this very program again.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use sys::ids::Credentials;
use sys::signal::Signal;
use sys::spawn::{Child, Command, Program, SpawnError};

use crate::protocol::Link;
use crate::server::Server;

/// A role that is executed, so that what its parent knows was never mapped in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads the network, in the jail. Descriptor 3 is the link to the monitor, whose first message tells everything else.
    Net,
    /// Acts for the user. As net, and descriptor 4 is this program, for the roles below.
    Session,
    /// Runs what comes before a program of the user's, and becomes that program.
    Prologue,
    /// Is the SFTP server of a session.
    Sftp,
    /// Is the far end of a client's `scp`.
    Scp,
}

/// Blanks among the arguments: room for the title that `ps` will show.
const TITLE_ROOM: usize = 250;

impl Role {
    const ALL: [Self; 5] = [Self::Net, Self::Session, Self::Prologue, Self::Sftp, Self::Scp];

    /// The first argument after the name, by which the program knows its role.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Net => "--role=net",
            Self::Session => "--role=session",
            Self::Prologue => "--role=prologue",
            Self::Sftp => "--role=sftp",
            Self::Scp => "--role=scp",
        }
    }

    /// The role that the first argument after the program's name tells.
    pub(crate) fn of(argument: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|role| argument.as_bytes() == role.argument().as_bytes())
    }

    /// Starts net or the session, as `credentials` or else as ourselves; with that root, or else with ours.
    pub(crate) fn start(
        self,
        server: &Server,
        credentials: Option<Credentials>,
        root: Option<CString>,
        link: &Link,
    ) -> Result<Child, SpawnError> {
        let stderr = io::stderr();
        let errors = if server.debugging { stderr.as_fd() } else { server.null.as_fd() };
        let standard = [server.null.as_fd(), server.null.as_fd(), errors];
        let text = |text: &str| CString::new(text).unwrap_or_default();
        let mut command = Command::new(Program::Open(server.program.as_fd()), text("sshd:"), standard);
        command.arguments.extend([text(self.argument()), text(&" ".repeat(TITLE_ROOM))]);
        if let Some(zone) = std::env::var_os("TZ") {
            command.environment.extend(CString::new([b"TZ=", zone.as_bytes()].concat()));
        }
        command.descriptors.push(link.as_fd());
        if self == Self::Session {
            command.descriptors.push(server.program.as_fd());
        }
        command.credentials = credentials;
        command.root = root;
        command.on_parents_death = Some(Signal::KILL);
        command.spawn()
    }
}
