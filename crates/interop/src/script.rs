//! A shell script that runs in the folder of a release, with a server that its configuration of `ssh` names `peer`.

use std::time::Duration;

use crate::error::Error;
use crate::peers::{Finished, Input, Peers, Release, Scratch, Server, USER};

/// The start of each of them.
const PROLOGUE: &str = include_str!("../scripts/prologue.sh");

/// A service on a Unix socket that says who has connected; `speak.py` beside it speaks with it.
pub(crate) const SERVICE: &str = include_str!("../python/service.py");

/// How many lines of a script's trace an error shows.
const TRACE_SHOWN: usize = 40;

/// Runs the script in a fresh folder. It fails as a whole when one of its commands does.
///
/// # Errors
///
/// [`Error::Wrong`] with what it wrote and what led to its end, [`Error::Deadline`] when it is not done in time.
pub(crate) fn run(
    peers: &Peers,
    release: Release,
    server: &Server,
    script: &str,
    deadline: Duration,
) -> Result<(), Error> {
    let chroot = peers.chroot(release);
    let scratch = chroot.scratch()?;
    write_config(peers, server, &scratch)?;
    scratch.write("service.py", SERVICE, 0o755)?;
    scratch.write("speak.py", include_str!("../python/speak.py"), 0o755)?;
    let script = scratch.write("script", &format!("{PROLOGUE}\n{script}"), 0o755)?;
    let argv = ["/bin/bash", "--posix", "-x", &script, scratch.inside()].map(str::to_owned);
    match chroot.run_apart(&scratch, &argv, Input::default(), deadline) {
        Ok(Finished { status: Some(0), .. }) => Ok(()),
        Ok(Finished { status, stdout, stderr }) => {
            let stdout = String::from_utf8_lossy(&stdout);
            Err(Error::wrong(format!("status {status:?}\n{stdout}{}", last_lines(&stderr))))
        }
        Err(Error::Deadline { after, log, .. }) => {
            Err(Error::wrong(format!("not done after {after:?}, killed\n{}", last_lines(&log))))
        }
        Err(error) => Err(error),
    }
}

/// Writes `config`, in which the server is `peer`, and the files that it names.
pub(crate) fn write_config(peers: &Peers, server: &Server, scratch: &Scratch) -> Result<(), Error> {
    let key = scratch.write("key", peers.user_key().private(), 0o600)?;
    let port = server.address().port();
    let known = format!("[127.0.0.1]:{port} {}", server.host_key().public());
    let known = scratch.write("known_hosts", &known, 0o644)?;
    let config = format!(
        "Host peer\nHostName 127.0.0.1\nPort {port}\nUser {USER}\nIdentityFile {key}\nIdentitiesOnly yes\nBatchMode yes\n\
         StrictHostKeyChecking yes\nUserKnownHostsFile {known}\nGlobalKnownHostsFile /dev/null\n"
    );
    scratch.write("config", &config, 0o644).map(drop)
}

/// Of a trace, what led to the end.
fn last_lines(trace: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    lines[lines.len().saturating_sub(TRACE_SHOWN)..].join("\n")
}
