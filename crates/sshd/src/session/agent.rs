//! The socket through which programs reach the client's agent.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crypto::{HashAlg, NoEntropy, OsRng, Rng};
use sys::ids::Pid;
use sys::local;
use sys::process::{host_name, set_umask};

use super::forward::SocketFile;
use super::limits::{AGENT_NAMES, MAX_SWEPT, OLD_SOCKET};
use crate::settings::without_number;

/// A socket that listens, for the one agent of a connection.
#[derive(Debug)]
pub(super) struct AgentSocket {
    pub(super) listener: OwnedFd,
    pub(super) file: SocketFile,
    /// For `SSH_AUTH_SOCK`.
    pub(super) path: PathBuf,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum AgentError {
    /// The directory cannot be made.
    Directory(PathBuf, io::Error),
    /// The socket cannot be made.
    Socket(PathBuf, io::Error),
    /// There is no randomness for its name.
    Name,
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => {
                write!(f, "mkdir_path: mkdir(\"{}\"): {}", path.display(), without_number(error))
            }
            Self::Socket(path, error) => {
                write!(f, "unix_listener: cannot bind to path {}: {}", path.display(), without_number(error))
            }
            Self::Name => f.write_str("no random name for the agent's socket"),
        }
    }
}

impl From<NoEntropy> for AgentError {
    fn from(_: NoEntropy) -> Self {
        Self::Name
    }
}

/// Where OpenSSH has the sockets of agents too, so that nobody else can look for them and a cleaner of `/tmp` leaves them alone.
const DIRECTORY: &str = ".ssh/agent";

impl AgentSocket {
    /// Makes one below the home directory, for the user alone.
    ///
    /// # Errors
    /// When the directory does not let us, or the path to it is longer than that of a socket may be.
    pub(super) fn open(home: &Path) -> Result<Self, AgentError> {
        let directory = home.join(DIRECTORY);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(|error| AgentError::Directory(directory.clone(), error))?;
        sweep(&directory);
        let mut tries = AGENT_NAMES;
        loop {
            let path = directory.join(name()?);
            // From its first moment on it is the user's alone. No other thread makes files meanwhile: there is none.
            let before = set_umask(0o177);
            let bound = UnixListener::bind(&path);
            set_umask(before);
            tries = tries.saturating_sub(1);
            let listener = match bound {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => continue,
                bound => bound.map_err(|error| AgentError::Socket(path.clone(), error))?,
            };
            let failed = |error| AgentError::Socket(path.clone(), error);
            let file = SocketFile::at(path.clone()).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            return Ok(Self { listener: listener.into(), file, path });
        }
    }
}

/// Removes sockets of this machine's sessions that were killed before they could do it. It is no matter when that fails.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let ours = format!("s.{}.sshd.", host_mark(&host_name().unwrap_or_default().into_vec()));
    for entry in entries.take(MAX_SWEPT).flatten() {
        let name = entry.file_name();
        let Some((pid, _)) = name.to_str().and_then(|name| name.strip_prefix(&ours)?.split_once('.')) else {
            continue;
        };
        // A new one may be bound already and not listen yet.
        let is_old = || {
            entry.metadata().is_ok_and(|found| {
                let age = found.modified().map(|then| then.elapsed().unwrap_or_default());
                found.file_type().is_socket() && age.is_ok_and(|age| age > OLD_SOCKET)
            })
        };
        // Whoever lives is not asked: its client would hear of it.
        let is_dead = || {
            let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            !Path::new("/proc").join(pid).exists() && local::connect(&entry.path()).is_err_and(refused)
        };
        if is_old() && is_dead() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A name as OpenSSH's tools know it: of which machine, whose process and, because names in this directory must not be guessed,
/// something random.
fn name() -> Result<String, AgentError> {
    let host = host_name().unwrap_or_default().into_vec();
    let mut random = [0; 10];
    OsRng.fill(&mut random)?;
    Ok(format!("s.{}.sshd.{}.{}", host_mark(&host), Pid::own(), letters(&random)))
}

/// What stands for a machine in a home directory that several share.
fn host_mark(host: &[u8]) -> String {
    letters(HashAlg::Sha512.digest(host).as_slice().get(..10).unwrap_or_default())
}

/// Letters and digits, one for each byte.
fn letters(bytes: &[u8]) -> String {
    let all = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    bytes
        .iter()
        .filter_map(|byte| all.iter().cycle().nth(usize::from(*byte)))
        .map(|c| char::from(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_socket_and_its_directories_are_the_users_alone_and_the_socket_goes() {
        let home = tempfile::tempdir().unwrap();
        let socket = AgentSocket::open(home.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&socket.path), 0o600);
        assert_eq!(mode(&home.path().join(".ssh")), 0o700);
        assert_eq!(mode(&home.path().join(".ssh/agent")), 0o700);
        UnixStream::connect(&socket.path).unwrap();
        let path = socket.path.clone();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn old_sockets_where_nobody_listens_are_removed_and_no_others() {
        let home = tempfile::tempdir().unwrap();
        let used = AgentSocket::open(home.path()).unwrap();
        let directory = used.path.parent().unwrap();
        let of = |name: &str| directory.join(name);
        let mark = host_mark(&host_name().unwrap().into_vec());
        let nobody = i32::MAX;
        let [old, new, file] = ["old", "new", "file"].map(|end| of(&format!("s.{mark}.sshd.{nobody}.{end}")));
        let [foreign, alive] = [of(&format!("s.other.sshd.{nobody}.x")), of(&format!("s.{mark}.sshd.1.x"))];
        for path in [&old, &new, &foreign, &alive] {
            drop(UnixListener::bind(path).unwrap());
        }
        fs::write(&file, "").unwrap();
        for path in [&old, &foreign, &alive, &file, &used.path] {
            let aged =
                std::process::Command::new("touch").args(["-d", "2020-01-01"]).arg(path).status().unwrap();
            assert!(aged.success());
        }
        let _another = AgentSocket::open(home.path()).unwrap();
        assert!(!old.exists());
        for path in [&new, &foreign, &alive, &file, &used.path] {
            assert!(path.exists(), "{path:?}");
        }
    }

    #[test]
    fn two_sockets_have_different_names() {
        let home = tempfile::tempdir().unwrap();
        let sockets = [(); 2].map(|()| AgentSocket::open(home.path()).unwrap());
        assert_ne!(sockets[0].path, sockets[1].path);
    }

    #[test]
    fn the_name_is_the_one_that_openssh_gives_and_cleans_up() {
        // As OpenSSH 10.6 marked the sockets of a machine of that name.
        assert_eq!(host_mark(b"vm"), "2N0me1rP8M");
        let name = name().unwrap();
        let parts: Vec<&str> = name.split('.').collect();
        assert_eq!((parts[0], parts[2], parts[3]), ("s", "sshd", Pid::own().to_string().as_str()));
        assert!(parts.len() == 5 && parts[4].len() == 10, "{name}");
    }

    #[test]
    fn a_home_that_cannot_hold_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = AgentSocket::open(&file).unwrap_err().to_string();
        assert!(error.starts_with("mkdir_path: mkdir("), "{error}");
        let deep = folder.path().join("d".repeat(100));
        assert!(matches!(AgentSocket::open(&deep), Err(AgentError::Socket(..))));
    }
}
