//! The stock servers as one kind of thing.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::chroot::Release;
use super::client::prepare;
use super::daemon::Daemon;
use super::keys::KeyPair;
use super::{Algorithms, DEADLINE, Library, Peers, dropbear, nacre, openssh, russh};
use crate::error::{During, Error};

/// A server that is a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// `sshd`.
    OpenSsh(Release),
    /// `dropbear`.
    Dropbear(Release),
    /// The russh crate, in this process. It runs `cat`, `echo WORDS` and `exit STATUS`, and refuses everything else.
    Russh,
    /// A server made of Go's library. It refuses nothing that the library knows.
    Go,
    /// A server made of one of Python's libraries. It refuses nothing that the library knows; paramiko's knows no certificates.
    Python(Library),
    /// The `sshd` of this tree, as root in the folder of the newest release.
    Nacre,
}

impl ServerKind {
    /// All that are other people's and can be told what to do.
    pub const ALL: [Self; 7] = [
        Self::OpenSsh(Release::Bookworm),
        Self::OpenSsh(Release::Trixie),
        Self::OpenSsh(Release::Forky),
        Self::Dropbear(Release::Bookworm),
        Self::Dropbear(Release::Trixie),
        Self::Dropbear(Release::Forky),
        Self::Russh,
    ];

    /// Libraries with a program of ours around them that does what the matrix needs.
    pub const LIBRARIES: [Self; 3] =
        [Self::Go, Self::Python(Library::Asyncssh), Self::Python(Library::Paramiko)];

    /// Starts it on the loopback and returns when it listens. It has [`Peers::host_key`] and lets
    /// [`USER`](super::USER) in with [`Peers::user_key`].
    ///
    /// # Errors
    ///
    /// [`Error::NotListening`] with its log when it ends or is silent for [`DEADLINE`](super::DEADLINE),
    /// [`Error::NotConfigurable`] when it can not be told what the settings want.
    pub fn start(self, peers: &Peers, settings: &Settings) -> Result<Server, Error> {
        let name = peers.name_of_server(self);
        let mut authorized_keys = peers.user_key().public().to_owned();
        authorized_keys.extend(settings.more_user_keys.iter().map(|key| format!("{}\n", key.trim_end())));
        let host_keys = match &settings.host_keys[..] {
            [] => std::slice::from_ref(peers.host_key()),
            chosen => chosen,
        };
        let running = match self {
            Self::OpenSsh(release) => {
                let chroot = peers.chroot(release);
                Running::Daemon(openssh::serve(&name, chroot, host_keys, &authorized_keys, settings)?)
            }
            Self::Dropbear(release) => {
                let chroot = peers.chroot(release);
                Running::Daemon(dropbear::serve(&name, chroot, host_keys, &authorized_keys, settings)?)
            }
            Self::Nacre => {
                let chroot = peers.chroot(Release::Forky);
                Running::Daemon(nacre::serve(&name, chroot, host_keys, &authorized_keys, settings)?)
            }
            Self::Go => {
                let chroot = peers.chroot(Release::Forky);
                Running::Daemon(peers.go().serve(chroot, host_keys, &authorized_keys, settings)?)
            }
            Self::Python(library) => {
                let (python, chroot) = (peers.python(), peers.chroot(Release::Forky));
                Running::Daemon(python.serve(library, chroot, host_keys, &authorized_keys, settings)?)
            }
            Self::Russh => Running::Russh(russh::serve(host_keys, &authorized_keys, settings)?),
        };
        Ok(Server { name, host_key: host_keys[0].clone(), running })
    }
}

/// What a server is told. Fields that a server can not be told make starting it fail.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What `sshd` may negotiate.
    pub algorithms: Algorithms,
    /// `sshd`'s `RekeyLimit` (such as `64K`), russh's limit in bytes. Dropbear has none to set.
    pub rekey_limit: Option<String>,
    /// The test user's password; without it, passwords are not offered. Not for russh.
    pub password: Option<String>,
    /// The test user's shell, if it is another than `/bin/sh`. Not for russh.
    pub shell: Option<String>,
    /// Public key lines that may log in besides [`Peers::user_key`].
    pub more_user_keys: Vec<String>,
    /// Its host keys, with their certificates; [`Peers::host_key`] when there is none here.
    pub host_keys: Vec<KeyPair>,
    /// Whose certificates let users in. Only for `sshd`, Go's library and asyncssh.
    pub authority: Option<KeyPair>,
    /// Further lines of `sshd_config`, or arguments of `dropbear`.
    pub extra: Vec<String>,
}

impl Settings {
    /// Fails when there is more than keys, which is all that the programs around libraries are told.
    pub(super) fn must_be_of_a_library(&self) -> Result<(), Error> {
        let plain = self.algorithms.are_default()
            && self.rekey_limit.is_none()
            && self.password.is_none()
            && self.shell.is_none()
            && self.extra.is_empty();
        if plain { Ok(()) } else { Err(Error::NotConfigurable("more than the keys of a library's server")) }
    }
}

#[derive(Debug)]
enum Running {
    Daemon(Daemon),
    Russh(russh::Running),
}

/// A server that listens. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    name: String,
    host_key: KeyPair,
    running: Running,
}

impl Server {
    /// Its name and version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key it proves to have, the first if it has several.
    #[must_use]
    pub fn host_key(&self) -> &KeyPair {
        &self.host_key
    }

    /// Where it listens: a port of the loopback.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let port = match &self.running {
            Running::Daemon(daemon) => daemon.port(),
            Running::Russh(russh) => russh.port(),
        };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// A connection to it, with `TCP_NODELAY` and [`DEADLINE`](super::DEADLINE) as its read and write timeouts.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn connect(&self) -> Result<TcpStream, Error> {
        let stream =
            TcpStream::connect_timeout(&self.address(), DEADLINE).during("connecting to a server")?;
        prepare(&stream, DEADLINE)?;
        Ok(stream)
    }

    /// The test user's home while this server runs, seen from outside; a server in this process has none.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        match &self.running {
            Running::Daemon(daemon) => Some(daemon.home()),
            Running::Russh(_) => None,
        }
    }

    /// What it has logged so far, for the report of a failure; of a long log the end.
    #[must_use]
    pub fn log(&self) -> String {
        self.log_since(0)
    }

    /// How much it has logged so far, for [`Server::log_since`].
    #[must_use]
    pub fn log_mark(&self) -> usize {
        match &self.running {
            Running::Daemon(daemon) => daemon.log_mark(),
            Running::Russh(russh) => russh.log().len(),
        }
    }

    /// What it has logged since [`Server::log_mark`] gave this mark.
    #[must_use]
    pub fn log_since(&self, mark: usize) -> String {
        match &self.running {
            Running::Daemon(daemon) => daemon.log_since(mark),
            Running::Russh(russh) => russh.log().get(mark..).unwrap_or_default().to_owned(),
        }
    }

    /// Waits until its log contains `mark`; false when it ended or the deadline is over before that. Russh logs only the
    /// errors that ended its connections, and is not waited for.
    #[must_use]
    pub fn wait_for_log(&self, mark: &str, deadline: Duration) -> bool {
        match &self.running {
            Running::Daemon(daemon) => daemon.wait_for_log(mark, deadline),
            Running::Russh(russh) => russh.log().contains(mark),
        }
    }
}
