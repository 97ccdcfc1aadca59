//! Stock `ssh` and `sftp`, which move bulk data and log in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::root::Root;
use super::{Fault, USER};

/// How long it may take to log in.
const LOGIN: Duration = Duration::from_secs(10);

/// Nobody listens there: without its master a client fails, and never makes a connection of its own.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// The `ssh` of a folder.
#[derive(Debug)]
pub struct Stock {
    root: Root,
    key: String,
}

/// A connection of it that others share.
#[derive(Debug)]
pub struct Master {
    child: Child,
    /// Its socket, as programs in the folder see it, and as this program does.
    socket: String,
    seen: PathBuf,
}

impl Stock {
    /// That of this folder, with a user's private key file.
    ///
    /// # Errors
    /// When the key can not be written.
    pub fn new(root: &Root, key: &[u8]) -> Result<Self, Fault> {
        Ok(Self { root: root.clone(), key: root.write("client_key", key, 0o600)? })
    }

    /// A command line that logs in there.
    fn command(&self, address: SocketAddr, options: &[&str], command: Option<&str>) -> Command {
        let port = address.port().to_string();
        let host = format!("{USER}@{}", address.ip());
        let mut argv = vec!["ssh", "-F", "none", "-p", &port, "-i", &self.key, "-o", "IdentitiesOnly=yes"];
        argv.extend(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        argv.extend(["-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null"]);
        argv.extend(options);
        argv.push(&host);
        argv.extend(command);
        self.root.command(argv)
    }

    /// Logs in, runs `true`, and ends.
    ///
    /// # Errors
    /// With what it said, when that failed.
    pub fn login(&self, address: SocketAddr) -> Result<(), Fault> {
        finish("ssh", self.command(address, &[], Some("true")))
    }

    /// Logs in with this cipher, and more options, and waits for commands; those of one server, at the same time, differ by `name`.
    ///
    /// # Errors
    /// When it does not get in.
    pub fn master(
        &self,
        address: SocketAddr,
        cipher: &str,
        name: &str,
        options: &[&str],
    ) -> Result<Master, Fault> {
        let socket = self.root.inside(&format!("{}-{name}", address.port()));
        let mut all = vec!["-M", "-N", "-S", &socket, "-c", cipher];
        all.extend(options);
        let mut command = self.command(address, &all, None);
        let child = command.stdout(Stdio::null()).spawn()?;
        let mut master = Master { child, seen: self.root.seen(&socket), socket };
        let end = Instant::now() + LOGIN;
        while !master.seen.exists() {
            if let Some(status) = master.child.try_wait()? {
                return Err(format!("ssh did not log in with {cipher}: {status}").into());
            }
            if Instant::now() > end {
                return Err(format!("ssh did not log in with {cipher}").into());
            }
            sleep(Duration::from_millis(1));
        }
        Ok(master)
    }

    /// A command line that runs a command over a master's connection.
    #[must_use]
    pub fn over(&self, master: &Master, command: &str) -> Command {
        self.command(NOBODY, &["-S", &master.socket], Some(command))
    }

    /// Runs `sftp` with this batch of commands over a master's connection.
    ///
    /// # Errors
    /// With what it said, when one of them failed.
    pub fn sftp(&self, master: &Master, batch: &str) -> Result<(), Fault> {
        let batch = self.root.write("batch", batch.as_bytes(), 0o600)?;
        let (port, host) = (NOBODY.port().to_string(), format!("{USER}@{}", NOBODY.ip()));
        let path = format!("ControlPath={}", master.socket);
        let argv = ["sftp", "-q", "-b", &batch, "-F", "none", "-P", &port, "-o", &path, &host];
        finish("sftp", self.root.command(argv))
    }

    /// A path in its folder, as this program sees it.
    #[must_use]
    pub fn seen(&self, inside: &str) -> PathBuf {
        self.root.seen(inside)
    }
}

/// Runs a client that must succeed.
fn finish(name: &str, mut command: Command) -> Result<(), Fault> {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, it leaves this behind for the next one of the same name to stumble over.
        let _ = std::fs::remove_file(&self.seen);
    }
}
