//! What can go wrong around a case.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a peer could not be started or a case did not pass.
#[derive(Debug)]
pub enum Error {
    /// The folder of this peer is not there or is not complete: `tools/peers` makes it.
    NoPeer(PathBuf),
    /// The operating system refused the named step.
    Io(&'static str, io::Error),
    /// A program was not done in time and was killed.
    Deadline {
        /// The program and its arguments.
        command: String,
        /// How long it was given.
        after: Duration,
        /// What it had written to its standard error.
        log: String,
    },
    /// A helper program (a key generator, a converter) failed.
    Program {
        /// The program and its arguments.
        command: String,
        /// What it wrote.
        output: String,
    },
    /// A server ended, or said nothing for too long, before it listened.
    NotListening {
        /// Which server.
        server: String,
        /// What it had logged.
        log: String,
    },
    /// A program of this tree, or a peer outside of the folders, was not named in this environment variable.
    NotNamed(&'static str),
    /// A peer can not be told what was asked for, such as the key exchange of a dropbear server.
    NotConfigurable(&'static str),
    /// The case ran and its result is wrong.
    Wrong(String),
}

impl Error {
    /// An error for a case whose result is wrong, with `what` saying what was expected and what came.
    #[must_use]
    pub fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong(what.into())
    }
}

/// Names the step that the operating system refused.
pub(crate) trait During<T> {
    fn during(self, step: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, step: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::Io(step, error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeer(path) => write!(f, "no complete peer in {} (run tools/peers)", path.display()),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Deadline { command, after, log } => {
                write!(f, "not done after {after:?}, killed: {command}\n{log}")
            }
            Self::Program { command, output } => write!(f, "failed: {command}\n{output}"),
            Self::NotListening { server, log } => write!(f, "{server} does not listen:\n{log}"),
            Self::NotNamed(variable) => write!(f, "{variable} is not set (tools/interop sets it)"),
            Self::NotConfigurable(what) => write!(f, "the peer can not be told: {what}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}
