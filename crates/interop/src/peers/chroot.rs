//! A Debian release as a folder, and files for one case inside it.

use std::env;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::process::{self, Finished, Input};
use super::terminal::Terminal;
use crate::error::{During, Error};

/// The user and group id of [`USER`](super::USER) in every folder.
const USER_ID: u32 = 1000;

/// How the names of scratch folders begin; the process id of their maker and a number follow.
const SCRATCH: &str = "nacre-";

/// What runs a program of a folder in process and mount namespaces of its own, which end with it. Arguments: the folder,
/// and the command line.
const APART: &str = r#"
root=$1
shift
mount -t proc proc "$root/proc" &&
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts" || exit 1
chroot "$root" "$@"
"#;

/// A Debian release whose programs are peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
    /// Debian 14.
    Forky,
}

impl Release {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::Bookworm, Self::Trixie, Self::Forky];
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Forky => "forky",
        })
    }
}

/// The folder that `tools/peers` made by this name.
///
/// # Errors
///
/// [`Error::NoPeer`] when it is not there or its making did not end.
pub(crate) fn folder(name: &str) -> Result<PathBuf, Error> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("NACRE_PEERS")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("nacre-peers")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/nacre-peers")))
        .unwrap_or_default();
    let folder = cache.join(name);
    if folder.join(".nacre-recipe").exists() { Ok(folder) } else { Err(Error::NoPeer(folder)) }
}

/// The folder of one release, as `tools/peers` made it.
#[derive(Clone, Debug)]
pub struct Chroot {
    release: Release,
    root: PathBuf,
}

impl Chroot {
    /// The folder of this release: below `NACRE_PEERS`, or below `nacre-peers` in the user's cache directory.
    ///
    /// # Errors
    ///
    /// [`Error::NoPeer`] when it is not there or its making did not end.
    pub fn find(release: Release) -> Result<Self, Error> {
        Ok(Self { release, root: folder(&release.to_string())? })
    }

    /// Which release this is.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// The folder, seen from outside.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a program of the folder as root, with this input and a minimal environment, to its end.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when it is not done in time (it is killed), [`Error::Io`] when it can not be started. An exit
    /// status other than zero is no error here.
    pub fn run(
        &self,
        home: Option<&Scratch>,
        argv: &[String],
        input: Input,
        deadline: Duration,
    ) -> Result<Finished, Error> {
        let mut command = process::with_deadline(deadline);
        command.arg("chroot").arg(&self.root).args(argv);
        command.env("HOME", home.map_or("/root", Scratch::inside));
        process::finish(command, input, deadline)
    }

    /// Runs a program like [`run`](Self::run), with `/proc`, terminals, and mounts and processes of its own: what it leaves
    /// behind, running or mounted, ends with it.
    ///
    /// # Errors
    ///
    /// Like [`run`](Self::run).
    pub fn run_apart(
        &self,
        home: &Scratch,
        argv: &[String],
        input: Input,
        deadline: Duration,
    ) -> Result<Finished, Error> {
        let mut command = process::with_deadline(deadline);
        command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", APART, "apart"]);
        command.arg(&self.root).args(argv).env("HOME", home.inside());
        process::finish(command, input, deadline)
    }

    /// Runs a program like [`run`](Self::run), on a terminal if one is given: what it writes then comes as its standard
    /// output, with the terminal's line ends.
    pub(crate) fn run_on(
        &self,
        terminal: Option<&Terminal>,
        home: &Scratch,
        argv: &[String],
        input: Input,
        deadline: Duration,
    ) -> Result<Finished, Error> {
        let Some(terminal) = terminal else {
            return self.run(Some(home), argv, input, deadline);
        };
        let mut inner = vec!["chroot".to_owned(), self.root.display().to_string()];
        inner.extend(argv.iter().cloned());
        let mut command = process::with_deadline(deadline);
        command.args(terminal.wrap(home, &inner)?).env("HOME", home.inside());
        process::finish(command, input, deadline)
    }

    /// Runs a helper program that must succeed, and returns what it wrote to its standard output.
    pub(crate) fn helper(&self, argv: &[&str]) -> Result<String, Error> {
        let argv: Vec<String> = argv.iter().map(|&arg| arg.to_owned()).collect();
        let finished = self.run(None, &argv, Input::default(), super::DEADLINE)?;
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        if finished.status == Some(0) {
            return Ok(stdout);
        }
        Err(Error::Program { command: argv.join(" "), output: format!("{stdout}{}", finished.stderr) })
    }

    /// Removes the scratch folders of runs that were killed: those of processes that are no more.
    pub(crate) fn sweep(&self) {
        for entry in fs::read_dir(self.root.join("run")).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.split('-').next());
            if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
                // Another run may be sweeping too.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// A fresh folder inside, for the files of one case.
    ///
    /// # Errors
    ///
    /// When it can not be made.
    pub fn scratch(&self) -> Result<Scratch, Error> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        loop {
            let inside = format!("/run/{SCRATCH}{}-{}", id(), MADE.fetch_add(1, Ordering::Relaxed));
            let outside = self.root.join(&inside[1..]);
            match fs::create_dir(&outside) {
                // Left behind by a killed run that had our process id.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made.during("making a scratch folder")?;
                    fs::set_permissions(&outside, fs::Permissions::from_mode(0o755))
                        .during("opening a scratch folder")?;
                    return Ok(Scratch { inside, outside });
                }
            }
        }
    }
}

/// A folder for the files of one case, inside a [`Chroot`]; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    inside: String,
    outside: PathBuf,
}

impl Scratch {
    /// Its path as programs of the chroot see it.
    #[must_use]
    pub fn inside(&self) -> &str {
        &self.inside
    }

    /// The path of a file in it as programs of the chroot see it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.inside)
    }

    /// Its path as this program sees it.
    #[must_use]
    pub fn outside(&self) -> &Path {
        &self.outside
    }

    /// Writes a file with these permission bits; folders on the way are made. Returns its path inside.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &str, mode: u32) -> Result<String, Error> {
        let path = self.outside.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).during("making a folder of a case")?;
        }
        fs::write(&path, content).during("writing a file of a case")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).during("setting a file's mode")?;
        Ok(self.path(name))
    }

    /// Reads a file that a program of the chroot wrote.
    ///
    /// # Errors
    ///
    /// When the system refuses or it is no UTF-8.
    pub fn read(&self, name: &str) -> Result<String, Error> {
        fs::read_to_string(self.outside.join(name)).during("reading a file of a case")
    }

    /// A home folder for the test user that accepts these public keys, with the modes that servers insist on.
    pub(crate) fn home(&self, authorized_keys: &str) -> Result<PathBuf, Error> {
        self.write("home/.ssh/authorized_keys", authorized_keys, 0o600)?;
        let home = self.outside.join("home");
        let ssh = home.join(".ssh");
        for (path, mode) in [(&home, 0o755), (&ssh, 0o700), (&ssh.join("authorized_keys"), 0o600)] {
            chown(path, Some(USER_ID), Some(USER_ID)).during("giving a file to the test user")?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).during("setting a file's mode")?;
        }
        Ok(home)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in case of an error is a few files in a folder that is thrown away as a whole.
        let _ = fs::remove_dir_all(&self.outside);
    }
}

/// The start of a command that has this program's search path and nothing else in its environment.
pub(crate) fn clean_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command
}
