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

/// A role that is executed, so that what its parent knows was never mapped in it. Its one descriptor above 2 is the link to the
/// monitor, whose first message tells everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads the network, in the jail.
    Net,
    /// Acts for the user.
    Session,
}

/// Blanks among the arguments: room for the title that `ps` will show.
const TITLE_ROOM: usize = 250;

impl Role {
    const ALL: [Self; 2] = [Self::Net, Self::Session];

    fn argument(self) -> &'static str {
        match self {
            Self::Net => "--role=net",
            Self::Session => "--role=session",
        }
    }

    /// The role that the first argument after the program's name tells.
    pub(crate) fn of(argument: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|role| argument.as_bytes() == role.argument().as_bytes())
    }

    /// Starts the role, as `credentials` or else as ourselves.
    pub(crate) fn start(
        self,
        server: &Server,
        credentials: Option<Credentials>,
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
        command.credentials = credentials;
        command.on_parents_death = Some(Signal::KILL);
        command.spawn()
    }
}
