//! The `sshd` of this tree as a program, with real clients; and the same cases with a stock `sshd`, which prove the cases.
//!
//! `NACRE_SSHD` names the program, `NACRE_PYTHON` the Python that has the libraries: `tools/interop` sets both.

mod queries;
mod sessions;
mod tools;

use crate::case::Report;
use crate::error::Error;
use crate::peers::{Peers, Release, Server, ServerKind};

/// Our sshd: sessions of every kind, with every client.
///
/// # Errors
///
/// When a server can not be started, or a client can not say what it is.
pub fn clients(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    sessions::run(peers, report, ServerKind::Nacre)
}

/// Our sshd: what runs over the newest `ssh`.
///
/// # Errors
///
/// When a server can not be started.
pub fn tools(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    tools::run(peers, report, ServerKind::Nacre)
}

/// The cases of [`clients`] and [`tools`] with the newest stock `sshd`.
///
/// # Errors
///
/// When a server can not be started, or a client can not say what it is.
pub fn stock(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let kind = ServerKind::OpenSsh(Release::Forky);
    sessions::run(peers, report, kind)?;
    tools::run(peers, report, kind)
}

/// How many lines of a server's log an error shows.
const LOG_SHOWN: usize = 60;

/// Adds to an error the last of what the server has logged since a mark.
pub(crate) fn with_log<T>(server: &Server, mark: usize, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| {
        let log = server.log_since(mark);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_SHOWN)..].join("\n");
        Error::wrong(format!("{error}\n--- log of {}\n{last}", server.name()))
    })
}
