//! What all tests of one run have in common: keys, and accounts that are gone afterwards.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// An account of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
    pub(crate) shell: String,
}

/// Keys, accounts and where they lie.
pub(crate) struct World {
    /// Removed at the end.
    pub(crate) dir: PathBuf,
    /// The server under test.
    pub(crate) program: PathBuf,
    /// It is not ours.
    pub(crate) other: bool,
    /// We are root.
    pub(crate) root: bool,
    /// Who logs in, mostly: made for this run when we are root, else ourselves.
    pub(crate) account: Account,
    /// Runs what it is told when this process has ended, whatever ended it.
    afterwards: Mutex<Child>,
}

static WORLD: OnceLock<World> = OnceLock::new();

/// The one of this run.
pub(crate) fn world() -> &'static World {
    WORLD.get_or_init(World::make)
}

impl World {
    fn make() -> Self {
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let dir = std::env::temp_dir().join(format!("nacre-sshd-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let afterwards = Command::new("setsid")
            .args(["sh", "-c", "commands=:; while IFS= read -r line; do commands=\"$commands\n$line\"; done; eval \"$commands\""])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid of util-linux");
        let afterwards = Mutex::new(afterwards);
        let other = std::env::var_os("NACRE_TEST_SSHD");
        // A copy where other users can execute it, too.
        let program = other.clone().map_or_else(|| dir.join("sshd"), PathBuf::from);
        if other.is_none() {
            copy_program(Path::new(env!("CARGO_BIN_EXE_sshd")), &program);
        }
        and_afterwards(&mut afterwards.lock().unwrap(), &format!("rm -rf '{}'", dir.display()));
        for name in ["host", "client", "stranger"] {
            new_key(&dir.join(name));
        }
        let account = if root {
            add_account(&afterwards, "", &["-m", "-s", "/bin/bash", "-p", "*"])
        } else {
            Account::by_uid(fs::metadata("/proc/self").unwrap().uid())
        };
        Self { dir, program, other: other.is_some(), root, account, afterwards }
    }

    /// Another account, for root only, with what `useradd` is told beside its name; gone after the run.
    pub(crate) fn add_account(&self, suffix: &str, options: &[&str]) -> Account {
        add_account(&self.afterwards, suffix, options)
    }

    /// A key that the accounts do not know, or the one they know, or the host's: `stranger`, `client`, `host`.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Its public half as a line.
    pub(crate) fn public(&self, name: &str) -> String {
        let line = fs::read_to_string(self.dir.join(format!("{name}.pub"))).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }
}

/// Copies a program. Another process does it: a file that this one has open for writing may be open in a child of another test
/// as well, and cannot be executed then.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("install").args(["-m", "755"]).arg(from).arg(to).status();
    assert!(copied.expect("install of coreutils").success(), "{from:?}");
}

/// Makes an ed25519 key pair.
pub(crate) fn new_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(made.expect("ssh-keygen of openssh-client").success());
}

fn and_afterwards(afterwards: &mut Child, command: &str) {
    writeln!(afterwards.stdin.as_mut().unwrap(), "{command}").unwrap();
}

fn add_account(afterwards: &Mutex<Child>, suffix: &str, options: &[&str]) -> Account {
    let name = format!("nacre{}{suffix}", std::process::id());
    // One at a time: useradd locks the file and gives up at once. It must be gone afterwards even when it is half made.
    let mut afterwards = afterwards.lock().unwrap_or_else(PoisonError::into_inner);
    and_afterwards(&mut afterwards, &format!("userdel -f -r {name}"));
    let added = Command::new("useradd").args(options).arg(&name).output().expect("useradd of passwd");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    Account::find(|fields| fields[0] == name)
}

impl Account {
    /// Root's.
    pub(crate) fn superuser() -> Self {
        Self::by_uid(0)
    }

    fn by_uid(uid: u32) -> Self {
        Self::find(|fields| fields[2] == uid.to_string())
    }

    /// The first entry of the passwd file that is as wanted.
    pub(crate) fn find(wanted: impl Fn(&[&str]) -> bool) -> Self {
        Self::search(wanted).expect("an account")
    }

    /// The same when there may be none.
    pub(crate) fn search(wanted: impl Fn(&[&str]) -> bool) -> Option<Self> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        fields.filter(|fields| fields.len() == 7).find(|fields| wanted(fields)).map(|fields| Self {
            name: fields[0].into(),
            uid: fields[2].parse().unwrap(),
            gid: fields[3].parse().unwrap(),
            home: fields[5].into(),
            shell: if fields[6].is_empty() { "/bin/sh".into() } else { fields[6].into() },
        })
    }
}

/// A directory of one test, gone at its end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Empty, and readable by everybody.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = world().dir.join(format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    /// Writes a file there and says where it is.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The same of a program.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        copy_program(&self.file(&format!("{name}.text"), text), &path);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
