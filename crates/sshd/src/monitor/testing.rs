//! A server made up for tests, with accounts, keys and a log that can be read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use config::{Algorithms, CommandLine, Config, ConfigError, Environment, Files, Names, ReadError};
use keys::PrivateKey;
use sys::ids::{Gid, Uid};
use sys::users::{Accounts, Password, User};

use crate::host_keys::HostKeys;
use crate::log::{Level, Logger};
use crate::quick::Quick;
use crate::server::Server;

/// A directory with accounts and homes, and the server that uses it.
pub(super) struct Made {
    pub(super) server: Server,
    directory: tempfile::TempDir,
}

struct NoFiles<'a>(&'a str);

impl Files for NoFiles<'_> {
    fn read(&self, path: &str, _most: usize) -> Result<Vec<u8>, ReadError> {
        assert_eq!(path, "config");
        Ok(self.0.as_bytes().to_vec())
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        panic!("nothing includes {pattern}")
    }
}

/// What users may sign with.
pub(super) const USER_ALGORITHMS: &[&str] = &[
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
];

/// A configuration of these lines.
pub(super) fn config(lines: &str) -> Result<Config, ConfigError> {
    let names = |all: &'static [&'static str]| Names { default: all, known: all };
    let algorithms = Algorithms {
        ciphers: names(&["aes128-gcm@openssh.com"]),
        macs: names(&["hmac-sha2-256"]),
        kex: Names {
            default: &["curve25519-sha256"],
            known: &["curve25519-sha256", "diffie-hellman-group-exchange-sha256"],
        },
        host_keys: names(&["ssh-ed25519"]),
        public_keys: names(USER_ALGORITHMS),
        authorities: names(&["ssh-ed25519", "ecdsa-sha2-nistp256"]),
    };
    let environment = Environment { algorithms, version: "Nacre", directory: "/", home: None };
    Config::parse(&NoFiles(lines), "config", &CommandLine::default(), &environment)
}

/// The host key of these servers.
pub(super) fn host_key() -> PrivateKey {
    PrivateKey::from_seed(&[1; 32])
}

/// The only user, who is whoever runs the tests: so this works with and without root.
pub(super) const USER: &str = "alice";

impl Made {
    /// A server with a configuration of these lines, and an account for whoever runs the tests.
    pub(super) fn new(lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = directory.path();
        for name in ["etc", "home", "home/.ssh"] {
            std::fs::create_dir(made.join(name)).unwrap();
            std::fs::set_permissions(made.join(name), PermissionsExt::from_mode(0o700)).unwrap();
        }
        let (uid, gid) = (Uid::effective(), Gid::effective());
        let home = made.join("home");
        let passwd =
            format!("{USER}:*:{uid}:{gid}::{}:/bin/sh\nbob:*:4321:4321::/:/bin/sh\n", home.display());
        std::fs::write(made.join("etc/passwd"), passwd).unwrap();
        std::fs::write(made.join("etc/group"), format!("people:x:{gid}:{USER}\n")).unwrap();
        let server = Server {
            config: config(lines).unwrap(),
            host_keys: HostKeys::one(host_key()),
            log: Logger::to_file(&made.join("log"), Level::Verbose).unwrap(),
            title: None,
            program: sys::fd::null().unwrap(),
            null: sys::fd::null().unwrap(),
            net_user: None,
            net_root: None,
            oom_score: None,
            debugging: false,
            quick: None,
        };
        Self { server, directory }
    }

    /// The same with `--quick`.
    pub(super) fn quick(keys: &[&PrivateKey], password: Option<&str>) -> Self {
        let mut made = Self::new("");
        let user = User {
            name: "whoever".into(),
            uid: Uid::effective(),
            gid: Gid::effective(),
            comment: "".into(),
            home: made.home(),
            shell: "/bin/sh".into(),
            password: Password::Empty,
        };
        let keys = keys.iter().map(|key| key.public()).collect();
        made.server.quick = Some(Quick::made_up(user, keys, password));
        made
    }

    pub(super) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(super) fn accounts(&self) -> Accounts {
        Accounts::below(self.directory.path())
    }

    /// Lets only root in from now on.
    pub(super) fn no_logins(&self, text: &str) {
        std::fs::write(self.directory.path().join("etc/nologin"), text).unwrap();
    }

    /// Writes the user's `authorized_keys`, as safe as it should be.
    pub(super) fn authorize(&self, lines: &str) -> PathBuf {
        let path = self.home().join(".ssh/authorized_keys");
        write(&path, lines);
        path
    }

    /// What was logged since the last time.
    pub(super) fn logged(&self) -> Vec<String> {
        let path = self.directory.path().join("log");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        let home = self.home();
        let home = home.to_str().unwrap();
        text.lines().map(|line| line.trim_end().replace(home, "HOME")).collect()
    }
}

/// Writes a file that only its owner can change.
pub(super) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}
