//! A server in a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crypto::SeededRng;
use keys::{KeyFile, PrivateKey};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    directory: tempfile::TempDir,
    pub(crate) port: u16,
}

impl World {
    /// With a host key and this configuration behind the lines that every test needs.
    pub(crate) fn new(config: &str) -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap(), port: free_port() };
        key_file(&world.path("key"), 1);
        world.configure(world.port, config);
        world
    }

    pub(crate) fn configure(&self, port: u16, config: &str) {
        let [key, pid] = ["key", "pid"].map(|name| self.path(name).display().to_string());
        let lines = format!("HostKey {key}\nPidFile {pid}\nListenAddress 127.0.0.1:{port}\n{config}");
        fs::write(self.path("config"), lines).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The program with `-f` and these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sshd(arguments);
        command.arg("-f").arg(self.path("config"));
        command
    }

    /// A server in the foreground, as soon as it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let mut server = Server::start(self.command(&[&["-D", "-e"], arguments].concat()));
        server.wait_for(&format!("Server listening on 127.0.0.1 port {}.", self.port));
        wait_until("the pid file", || self.text("pid").ends_with('\n'));
        server
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.port)
    }
}

pub(crate) fn sshd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sshd"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command that ends by itself says: status, standard output, standard error.
pub(crate) fn outcome(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.code().unwrap(), stdout, stderr)
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The first line that a server sends.
pub(crate) fn first_line(stream: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn key_file(path: &Path, seed: u64) {
    let rng = &mut SeededRng::new(seed);
    let file = KeyFile { key: PrivateKey::generate(rng).unwrap(), comment: Vec::new() };
    fs::write(path, file.write(rng).unwrap().expose()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Waits for something that no descriptor tells.
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::yield_now();
    }
}

/// The title of a process; empty when there is none.
pub(crate) fn title(pid: u32) -> String {
    let shown = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&shown).trim_end_matches('\0').to_owned()
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// A server that runs. It is ended with this.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) seen: Vec<String>,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = read_lines(child.stderr.take().unwrap());
        Self { child, lines, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines of standard output, as many as asked for.
    pub(crate) fn printed(&mut self, count: usize) -> Vec<String> {
        let output = BufReader::new(self.child.stdout.as_mut().unwrap());
        output.lines().take(count).map(Result::unwrap).collect()
    }

    /// Reads the log up to a line that begins like this.
    pub(crate) fn wait_for(&mut self, beginning: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.starts_with(beginning) {
                        return line;
                    }
                }
                Err(_) => panic!("no line {beginning:?} after {:#?}", self.seen),
            }
        }
    }

    /// Waits for its end by itself.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { break };
            if sender.send(line.trim_end_matches('\r').to_owned()).is_err() {
                break;
            }
        }
    });
    lines
}

/// Everything until the other end is closed.
pub(crate) fn rest(mut stream: impl Read) -> String {
    let mut text = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
