//! A Debian release as a folder, with the files of this run inside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Fault;

/// The folder of a release, and in it a folder for the files of this run, which whoever runs this removes.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    scratch: String,
}

impl Root {
    /// The folder at `path`, with a new folder `name` in its `/run`.
    ///
    /// # Errors
    /// When it can not be made.
    pub fn new(path: &Path, name: &str) -> Result<Self, Fault> {
        let root = Self { path: path.to_owned(), scratch: format!("/run/{name}") };
        let scratch = root.outside("");
        fs::create_dir(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        // Readable by the user who logs in, writable by root only: the files decide who may log in.
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o755))?;
        Ok(root)
    }

    /// The path of a file of this run, as programs in the folder see it.
    #[must_use]
    pub fn inside(&self, name: &str) -> String {
        format!("{}/{name}", self.scratch)
    }

    /// The same, as this program sees it.
    #[must_use]
    pub fn outside(&self, name: &str) -> PathBuf {
        self.seen(&self.inside(name))
    }

    /// A path of the folder, as this program sees it.
    #[must_use]
    pub fn seen(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    /// Writes a file of this run and returns its path inside.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<String, Fault> {
        let path = self.outside(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(self.inside(name))
    }

    /// Copies a program in and returns its path inside.
    ///
    /// # Errors
    /// When it can not be copied.
    pub fn install(&self, name: &str, program: &Path) -> Result<String, Fault> {
        fs::copy(program, self.outside(name)).map_err(|error| format!("{}: {error}", program.display()))?;
        fs::set_permissions(self.outside(name), fs::Permissions::from_mode(0o755))?;
        Ok(self.inside(name))
    }

    /// The start of a command in the folder, with nothing in its environment but a search path.
    #[must_use]
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.path).args(argv).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        command
    }

    /// Runs a program that must succeed, and returns what it wrote.
    ///
    /// # Errors
    /// With what it said, when it did not succeed.
    pub fn output(&self, argv: &[&str]) -> Result<String, Fault> {
        let output = self.command(argv).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout) + &text(&output.stderr));
        }
        Err(format!("{}: {}\n{}", argv.join(" "), output.status, text(&output.stderr)).into())
    }
}
