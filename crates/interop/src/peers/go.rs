//! The SSH library of Go, as a client and as a server: a program that `tools/peers` has made of the files in `go/`.

use std::fs;
use std::path::PathBuf;

use super::chroot::{Chroot, Release, clean_command, folder};
use super::client::Login;
use super::daemon::{Daemon, Start, Where};
use super::keys::KeyPair;
use super::process::{self, Finished};
use super::server::Settings;
use super::{Peers, USER};
use crate::error::{During, Error};

/// The folder that `tools/peers` makes, and the program in it.
const FOLDER: &str = "go";
const PROGRAM: &str = "peer";

/// The program.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    program: PathBuf,
    name: String,
}

impl Go {
    /// Finds it, and asks it for its version.
    pub(crate) fn find() -> Result<Self, Error> {
        let program = folder(FOLDER)?.join(PROGRAM);
        let mut command = clean_command("timeout");
        let output = command.arg("60").arg(&program).arg("version").output();
        let version = output.during("asking Go's library for its version")?.stdout;
        let name = format!("x/crypto {}", String::from_utf8_lossy(&version).trim());
        Ok(Self { program, name })
    }

    /// Its name and version, such as `x/crypto 0.58.0`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Logs in with everything that the library knows and runs the login's command, like
    /// [`ClientKind::run`](super::ClientKind::run). Its algorithms, rekey limit, environment and further arguments are not
    /// looked at.
    pub(crate) fn login(&self, peers: &Peers, login: Login<'_>) -> Result<Finished, Error> {
        let scratch = peers.chroot(Release::Forky).scratch()?;
        login.user_key.write_openssh(&scratch, "key")?;
        let mut command = process::with_deadline(login.deadline);
        command.arg(&self.program).args(["client", USER, &login.port.to_string()]);
        command.arg(scratch.outside().join("key")).arg(login.known_host()).arg(login.command);
        process::finish(command, login.input, login.deadline)
    }

    /// A server that refuses nothing, in this folder.
    pub(crate) fn serve(
        &self,
        chroot: &Chroot,
        host_keys: &[KeyPair],
        authorized_keys: &str,
        settings: &Settings,
    ) -> Result<Daemon, Error> {
        settings.must_be_of_a_library()?;
        let scratch = chroot.scratch()?;
        fs::copy(&self.program, scratch.outside().join(PROGRAM)).during("copying a program")?;
        let program = scratch.path(PROGRAM);
        let authorized = scratch.write("authorized_keys", authorized_keys, 0o644)?;
        let authority = settings.authority.as_ref().map_or("", KeyPair::public);
        let authority = scratch.write("authority.pub", authority, 0o644)?;
        let mut files = Vec::new();
        for (number, key) in host_keys.iter().enumerate() {
            files.push(key.write_openssh(&scratch, &format!("host_key_{number}"))?);
        }
        let argv = |port: u16| -> Vec<String> {
            let words = [&program, "server", &port.to_string(), &authorized, &authority].map(str::to_owned);
            words.into_iter().chain(files.iter().cloned()).collect()
        };
        let how = Start {
            name: &self.name,
            authorized_keys,
            password: None,
            shell: None,
            argv: &argv,
            place: Where::Chroot,
            ready: "listening on port",
        };
        Daemon::start(chroot, scratch, &how)
    }
}
