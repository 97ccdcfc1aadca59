//! Stock `ssh`, which moves bulk data and logs in.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::root::Root;
use super::{Fault, USER};

/// How long it may take to log in.
const LOGIN: Duration = Duration::from_secs(10);

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
    socket: String,
}

impl Stock {
    /// That of this folder, with a user's private key file.
    ///
    /// # Errors
    /// When the key can not be written.
    pub fn new(root: &Root, key: &[u8]) -> Result<Self, Fault> {
        Ok(Self { root: root.clone(), key: root.write("client_key", key, 0o600)? })
    }

    /// A command line that logs in on this port.
    fn command(&self, port: u16, options: &[&str], command: Option<&str>) -> Command {
        let port = port.to_string();
        let host = format!("{USER}@127.0.0.1");
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
    pub fn login(&self, port: u16) -> Result<(), Fault> {
        let output = self.command(port, &[], Some("true")).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("ssh: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    }

    /// Logs in with this cipher and waits for commands.
    ///
    /// # Errors
    /// When it does not get in.
    pub fn master(&self, port: u16, cipher: &str) -> Result<Master, Fault> {
        let socket = self.root.inside(&format!("{port}-{}", &cipher[..4]));
        let mut command = self.command(port, &["-M", "-N", "-S", &socket, "-c", cipher], None);
        let child = command.stdout(Stdio::null()).spawn()?;
        let mut master = Master { child, socket };
        let end = Instant::now() + LOGIN;
        while !self.root.seen(&master.socket).exists() {
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
        // Nobody listens on this port: without its master it fails, and never makes a connection of its own.
        self.command(1, &["-S", &master.socket], Some(command))
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
