//! The `sshd` of this tree, run as root like any other server: in a folder, with a configuration file.

use std::env;
use std::fs;
use std::path::PathBuf;

use super::chroot::Chroot;
use super::daemon::{Daemon, Start, Where};
use super::keys::KeyPair;
use super::openssh::{chosen, keys_of};
use super::server::Settings;
use crate::error::{During, Error};

/// Its name in the table.
pub(crate) const NAME: &str = "our sshd";

/// Names the program.
const VARIABLE: &str = "NACRE_SSHD";

/// Where the program is.
pub(crate) fn program() -> Result<PathBuf, Error> {
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty());
    named.map(PathBuf::from).ok_or(Error::NotNamed(VARIABLE))
}

pub(crate) fn serve(
    name: &str,
    chroot: &Chroot,
    host_keys: &[KeyPair],
    authorized_keys: &str,
    settings: &Settings,
) -> Result<Daemon, Error> {
    if settings.password.is_some() {
        return Err(Error::NotConfigurable("passwords of our sshd"));
    }
    let built = program()?;
    let scratch = chroot.scratch()?;
    // A copy, so that building anew disturbs nothing, and so that it sees the folder's accounts.
    fs::copy(built, scratch.outside().join("sshd")).during("copying our sshd")?;
    let program = scratch.path("sshd");
    let mut config = String::from(
        "ListenAddress 127.0.0.1\nPidFile none\nLogLevel DEBUG1\nMaxStartups 1000\n\
         Subsystem sftp internal-sftp\n",
    );
    config.push_str(&keys_of(&scratch, host_keys, settings)?);
    for (keyword, value) in chosen(&settings.algorithms, settings.rekey_limit.as_deref()) {
        config.push_str(&format!("{keyword} {value}\n"));
    }
    for line in &settings.extra {
        config.push_str(line);
        config.push('\n');
    }
    let config = scratch.write("sshd_config", &config, 0o600)?;
    let argv = |port: u16| -> Vec<String> {
        [program.as_str(), "-D", "-e", "-f", &config, "-p", &port.to_string()].map(str::to_owned).into()
    };
    let how = Start {
        name,
        authorized_keys,
        password: None,
        shell: settings.shell.as_deref(),
        argv: &argv,
        place: Where::Chroot,
        ready: "Server listening on 127.0.0.1 port",
    };
    Daemon::start(chroot, scratch, &how)
}
