//! A server that is measured: ours or another one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Fault;
use super::cgroup::Cgroup;
use super::root::Root;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);

/// Lines of a server's log that an error shows.
const LOG_SHOWN: usize = 12;

/// The ciphers in which data is moved.
pub const CIPHERS: [&str; 2] = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"];

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    OpenSsh,
    Dropbear,
}

/// The files that every server of this run is given, in one folder.
#[derive(Debug)]
pub struct Keys {
    /// Makes them in its first folder.
    user: Vec<u8>,
    host: Vec<u8>,
    authorized: Vec<u8>,
}

impl Keys {
    /// Makes a user's and a host's key with the programs of a folder.
    ///
    /// # Errors
    /// When its `ssh-keygen` fails.
    pub fn make(root: &Root) -> Result<Self, Fault> {
        let make = |name: &str| {
            let file = root.inside(name);
            root.output(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", &file])
        };
        make("user_key")?;
        make("made_host_key")?;
        Ok(Self {
            user: fs::read(root.outside("user_key"))?,
            host: fs::read(root.outside("made_host_key"))?,
            authorized: fs::read(root.outside("user_key.pub"))?,
        })
    }

    /// The user's private key file.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }
}

/// A server that can be started.
#[derive(Debug)]
pub struct Contender {
    kind: Kind,
    /// Its name and version.
    pub name: String,
    root: Root,
    program: String,
    arguments: Vec<String>,
    /// Where the pump is in its folder.
    pub pump: String,
}

impl Contender {
    /// Our server, this file, in this folder.
    ///
    /// # Errors
    /// When a file can not be written.
    pub fn ours(file: &Path, root: &Root, keys: &Keys) -> Result<Self, Fault> {
        let program = root.install("sshd", file)?;
        Self::new(
            Kind::Ours,
            "Nacre".to_owned(),
            root,
            &program,
            sshd_arguments(root, keys, "internal-sftp")?,
        )
    }

    /// The OpenSSH of this folder.
    ///
    /// # Errors
    /// When it says no version or a file can not be written.
    pub fn openssh(root: &Root, keys: &Keys) -> Result<Self, Fault> {
        let version = version(&root.output(&["ssh", "-V"])?, "OpenSSH_")?;
        let name = format!("OpenSSH {version}");
        Self::new(
            Kind::OpenSsh,
            name,
            root,
            "/usr/sbin/sshd",
            sshd_arguments(root, keys, "/usr/lib/openssh/sftp-server")?,
        )
    }

    /// The dropbear of this folder.
    ///
    /// # Errors
    /// When it says no version or a file can not be written.
    pub fn dropbear(root: &Root, keys: &Keys) -> Result<Self, Fault> {
        let version = version(&root.output(&["dropbear", "-V"])?, "Dropbear v")?;
        let openssh = root.write("dropbear/openssh_key", &keys.host, 0o600)?;
        let host = root.inside("dropbear/host_key");
        root.output(&["dropbearconvert", "openssh", "dropbear", &openssh, &host])?;
        root.write("dropbear/keys/authorized_keys", &keys.authorized, 0o644)?;
        let folder = root.inside("dropbear/keys");
        // A file of its own: dropbear removes what was there.
        let pid = root.inside("dropbear/pid");
        let arguments = ["-F", "-E", "-s", "-r", &host, "-D", &folder, "-P", &pid];
        let arguments = arguments.map(str::to_owned).into();
        Self::new(Kind::Dropbear, format!("dropbear {version}"), root, "/usr/sbin/dropbear", arguments)
    }

    fn new(
        kind: Kind,
        name: String,
        root: &Root,
        program: &str,
        arguments: Vec<String>,
    ) -> Result<Self, Fault> {
        let pump = root.install("pump", &std::env::current_exe()?)?;
        Ok(Self { kind, name, root: root.clone(), program: program.to_owned(), arguments, pump })
    }

    /// Whether it speaks this cipher in its usual configuration.
    #[must_use]
    pub fn speaks(&self, cipher: &str) -> bool {
        self.kind != Kind::Dropbear || !cipher.contains("gcm")
    }

    /// The fastest cipher that it speaks in its usual configuration.
    #[must_use]
    pub fn cipher(&self) -> &'static str {
        if self.speaks(CIPHERS[0]) { CIPHERS[0] } else { CIPHERS[1] }
    }

    /// A path in its folder, as this program sees it.
    #[must_use]
    pub fn seen(&self, inside: &str) -> PathBuf {
        self.root.seen(inside)
    }

    /// Bytes of the files of the server: its programs, and the libraries that they are linked with.
    ///
    /// # Errors
    /// When one can not be looked at.
    pub fn size(&self) -> Result<u64, Fault> {
        let mut files = BTreeSet::from([self.root.seen(&self.program)]);
        if self.kind == Kind::OpenSsh {
            let parts = ["/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"];
            files.extend(parts.map(|part| self.root.seen(part)).into_iter().filter(|part| part.exists()));
        }
        for file in files.clone() {
            files.extend(self.libraries(&file)?);
        }
        let sizes: Vec<u64> =
            files.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<std::io::Result<_>>()?;
        Ok(sizes.into_iter().sum())
    }

    fn libraries(&self, program: &Path) -> Result<Vec<PathBuf>, Fault> {
        let inside = format!("/{}", program.strip_prefix(self.root.seen(""))?.display());
        let mut command = self.root.command(["ldd", &inside]);
        // It fails for a static program, of which it says so.
        let text = String::from_utf8(command.output()?.stdout)?;
        let paths =
            text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
        Ok(paths.filter(|path| *path != inside).map(|path| self.root.seen(path)).collect())
    }

    /// Starts it on a port of the loopback.
    ///
    /// # Errors
    /// With its log, when it does not listen in time.
    pub fn start(&self, cgroups: &Path, port: u16) -> Result<Running, Fault> {
        let cgroup = Cgroup::make(cgroups, &format!("port-{port}"))?;
        let log = self.root.outside(&format!("log-{port}"));
        let mut argv = vec![self.program.clone()];
        argv.extend(self.arguments.iter().cloned());
        argv.extend(match self.kind {
            Kind::Ours | Kind::OpenSsh => ["-p".to_owned(), port.to_string()],
            Kind::Dropbear => ["-p".to_owned(), format!("0.0.0.0:{port}")],
        });
        let mut command = self.root.command(argv);
        command.stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (child, started) = cgroup.within(|| {
            let started = Instant::now();
            Ok((command.spawn()?, started))
        })?;
        let mut running =
            Running { address, cgroup, child, log, listening: Duration::ZERO, answering: Duration::ZERO };
        running.wait(started).map_err(|fault| running.explain(&self.name, &fault))?;
        Ok(running)
    }
}

/// The same for OpenSSH and for us, but for the server of files, which is one's own.
fn sshd_arguments(root: &Root, keys: &Keys, sftp: &str) -> Result<Vec<String>, Fault> {
    let host = root.write("host_key", &keys.host, 0o600)?;
    let authorized = root.write("authorized_keys", &keys.authorized, 0o644)?;
    let config = format!(
        "ListenAddress 0.0.0.0\nAuthorizedKeysFile {authorized}\nPidFile none\nUsePAM no\nMaxStartups 100\n\
         PerSourcePenalties no\nMaxSessions 100\nSubsystem sftp {sftp}\n"
    );
    let name = format!("sshd_config_{}", sftp.trim_start_matches('/').replace('/', "_"));
    let config = root.write(&name, config.as_bytes(), 0o600)?;
    Ok(["-D", "-e", "-f", &config, "-h", &host].map(str::to_owned).into())
}

fn version(text: &str, mark: &str) -> Result<String, Fault> {
    let rest = text.split_once(mark).ok_or_else(|| format!("no version in: {text}"))?.1;
    Ok(rest.split(|c: char| c == ',' || c.is_whitespace()).next().unwrap_or_default().to_owned())
}

/// A server that runs. Dropping it ends all its processes.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its processes.
    pub cgroup: Cgroup,
    /// From its start until a connection was taken by the kernel.
    pub listening: Duration,
    /// From its start until the first line of its identification had come.
    pub answering: Duration,
    child: Child,
    log: PathBuf,
}

impl Running {
    fn wait(&mut self, started: Instant) -> Result<(), Fault> {
        let stream = loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => break stream,
                Err(error) if started.elapsed() > START => return Err(error.into()),
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("it ended with {status}").into());
            }
            sleep(Duration::from_micros(100));
        };
        self.listening = started.elapsed();
        stream.set_read_timeout(Some(START))?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        self.answering = started.elapsed();
        if !line.starts_with("SSH-2.0-") {
            return Err(format!("its identification is {line:?}").into());
        }
        drop(stream);
        self.cgroup.settle(1)
    }

    /// An error with the end of the server's log.
    #[must_use]
    pub fn explain(&self, name: &str, fault: &Fault) -> Fault {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LOG_SHOWN)..];
        format!("{name}: {fault}\nthe end of its log:\n{}", end.join("\n")).into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What is left is in the cgroup, which is dropped after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
