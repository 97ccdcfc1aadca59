//! Where the keys are that the server proves itself with.

use std::path::PathBuf;

use super::{Arguments, List, Value, line, word};
use crate::{error::Problem, limits::MAX_HOST_KEYS};

/// `HostKey`: the files of host keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys {
    /// The files in their order.
    pub files: Vec<PathBuf>,
    /// Whether the configuration names them: a file of the default ones that is missing is passed over in silence.
    pub configured: bool,
}

impl HostKeys {
    pub(crate) fn default_files() -> Self {
        let types = ["rsa", "ecdsa", "ed25519", "mldsa44_ed25519"];
        let files = types.map(|name| format!("/etc/ssh/ssh_host_{name}_key").into()).into();
        Self { files, configured: false }
    }
}

impl Value for HostKeys {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.nonempty()?;
        Ok(Self { files: arguments.path(&word)?.into_iter().collect(), configured: true })
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        if self.files.is_empty() {
            line(out, name, "none");
        }
        for file in &self.files {
            line(out, name, &word(&file.to_string_lossy()));
        }
    }
}

impl List for HostKeys {
    const MOST: usize = MAX_HOST_KEYS;

    fn append(&mut self, later: Self) {
        self.files.extend(later.files);
    }

    fn count(&self) -> usize {
        self.files.len()
    }
}

/// `HostCertificate`: the files of certificates of host keys. Without any, no line is dumped, as in OpenSSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCertificates(pub Vec<PathBuf>);

impl Value for HostCertificates {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.nonempty()?;
        Ok(Self(arguments.path(&word)?.into_iter().collect()))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        for file in &self.0 {
            line(out, name, &word(&file.to_string_lossy()));
        }
    }
}

impl List for HostCertificates {
    const MOST: usize = MAX_HOST_KEYS;

    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// The variable in which an agent's socket is passed on, and what stands for it.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// `HostKeyAgent`: the agent that has private host keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeyAgent {
    /// There is none.
    None,
    /// The one whose socket is in the server's own environment, as `SSH_AUTH_SOCK`.
    Environment,
    /// The one with this socket.
    Path(PathBuf),
}

impl Value for HostKeyAgent {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.nonempty()?;
        if word == AGENT_VARIABLE {
            return Ok(Self::Environment);
        }
        Ok(arguments.path(&word)?.map_or(Self::None, Self::Path))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        match self {
            Self::None => line(out, name, "none"),
            Self::Environment => line(out, name, AGENT_VARIABLE),
            Self::Path(path) => line(out, name, &word(&path.to_string_lossy())),
        }
    }
}
