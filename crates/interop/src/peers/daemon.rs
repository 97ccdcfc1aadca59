//! A server process of a chroot, in namespaces that end with it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::chroot::{Chroot, Scratch, clean_command};
use crate::error::{During, Error};

/// How many bytes of a server's log are kept at least; when it grows to twice that, the oldest are forgotten.
const LOG_KEPT: usize = 1 << 20;

/// How often a port is tried that another program took between our choosing it and the server's binding it.
const PORT_TRIES: usize = 5;

/// What the first process of the namespaces runs. It ends when the pipe on its standard input is closed, by us or by our
/// end, and the kernel then kills whatever else is in its process namespace: the server and all its children.
/// Arguments: the chroot, the test user's home, the folder of the shadow and passwd files, and the server's command line.
const GUARD: &str = r#"
root=$1 home=$2 files=$3
shift 3
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts" &&
    mount --bind "$home" "$root/home/nacre" && mount --bind "$files/shadow" "$root/etc/shadow" &&
    mount --bind "$files/passwd" "$root/etc/passwd" || exit 1
{ chroot "$root" "$@"; echo "guard: server ended with status $?" >&2; } &
read -r _
"#;

/// The same for a server outside of the folder.
const GUARD_OUTSIDE: &str = r#"
shift 3
{ "$@"; echo "guard: server ended with status $?" >&2; } &
read -r _
"#;

/// The guard's words when the server has ended.
const ENDED: &str = "guard: server ended";

/// What a server wrote to its standard error.
#[derive(Debug, Default)]
struct Log {
    text: Mutex<LogText>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogText {
    text: String,
    /// How many bytes were before `text`.
    forgotten: usize,
    ended: bool,
}

impl LogText {
    fn forget(&mut self) {
        let most = self.text.len() - LOG_KEPT;
        // Whole lines, which are also whole characters.
        let cut = self.text.bytes().take(most).rposition(|byte| byte == b'\n').map_or(0, |at| at + 1);
        self.text.drain(..cut);
        self.forgotten += cut;
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogText> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_from(&self, stderr: impl Read) {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let mut log = self.lock();
            log.text.push_str(&String::from_utf8_lossy(&line));
            if log.text.len() >= 2 * LOG_KEPT {
                log.forget();
            }
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the log contains `mark`; false when the server ended or the time is over before that.
    fn wait_for(&self, mark: &str, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut log = self.lock();
        loop {
            if log.text.contains(mark) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if log.ended || log.text.contains(ENDED) || left.is_zero() {
                return false;
            }
            log = self.changed.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The guard and everything in its namespaces. Dropping it ends and reaps them all.
#[derive(Debug)]
struct Processes {
    guard: Child,
    alive: Option<ChildStdin>,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

impl Processes {
    fn spawn(mut command: Command) -> Result<Self, Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut guard = command.spawn().during("starting a server")?;
        let log = Arc::new(Log::default());
        let reader = guard.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            thread::spawn(move || log.read_from(stderr))
        });
        let alive = guard.stdin.take();
        Ok(Self { guard, alive, log, reader })
    }

    fn text_since(&self, mark: usize) -> String {
        let log = self.log.lock();
        log.text.get(mark.saturating_sub(log.forgotten)..).unwrap_or_default().to_owned()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The guard reads the end of its input and ends, and with it everything in its process namespace.
        drop(self.alive.take());
        let _ = self.guard.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// A running server of a chroot. Dropping it ends its processes, then removes its files.
#[derive(Debug)]
pub(crate) struct Daemon {
    processes: Processes,
    port: u16,
    scratch: Scratch,
}

/// Where a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// In the folder, with a home and an account for the test user.
    Chroot,
    /// Outside of it, because it needs what is not in there; only its files are in the folder.
    Outside,
}

/// How a server is told what to do, and how it says that it listens.
pub(crate) struct Start<'a> {
    /// Its name in errors.
    pub(crate) name: &'a str,
    /// Lines of public keys that may log in.
    pub(crate) authorized_keys: &'a str,
    /// The test user's password; without one, no password is right.
    pub(crate) password: Option<&'a str>,
    /// The test user's shell, if it is another than that of the folder.
    pub(crate) shell: Option<&'a str>,
    /// The command line for a port.
    pub(crate) argv: &'a dyn Fn(u16) -> Vec<String>,
    /// Where it runs.
    pub(crate) place: Where,
    /// What is in its log once clients can connect.
    pub(crate) ready: &'a str,
}

impl Daemon {
    /// Starts a server on a free port of the loopback and waits until it listens.
    pub(crate) fn start(chroot: &Chroot, scratch: Scratch, how: &Start<'_>) -> Result<Self, Error> {
        let home = scratch.home(how.authorized_keys)?;
        scratch.write("shadow", &shadow(chroot, how.password)?, 0o600)?;
        scratch.write("passwd", &passwd(chroot, how.shell)?, 0o644)?;
        let mut log = String::new();
        for _ in 0..PORT_TRIES {
            let port = free_port()?;
            let mut command = clean_command("unshare");
            let guard = match how.place {
                Where::Chroot => GUARD,
                Where::Outside => GUARD_OUTSIDE,
            };
            command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", guard, "guard"]);
            command.arg(chroot.root()).arg(&home).arg(scratch.outside()).args((how.argv)(port));
            let processes = Processes::spawn(command)?;
            if processes.log.wait_for(how.ready, super::DEADLINE) {
                return Ok(Self { processes, port, scratch });
            }
            log = processes.text_since(0);
            if !log.contains("Address already in use") {
                break;
            }
        }
        Err(Error::NotListening { server: how.name.to_owned(), log })
    }

    /// The port of the loopback that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The test user's home while this server runs, seen from outside.
    pub(crate) fn home(&self) -> PathBuf {
        self.scratch.outside().join("home")
    }

    /// What the server has logged since a mark, or what is kept of it.
    pub(crate) fn log_since(&self, mark: usize) -> String {
        self.processes.text_since(mark)
    }

    /// How much the server has logged so far.
    pub(crate) fn log_mark(&self) -> usize {
        let log = self.processes.log.lock();
        log.forgotten + log.text.len()
    }

    /// Waits until the log contains `mark`; false when the server ended or the time is over before that.
    pub(crate) fn wait_for_log(&self, mark: &str, deadline: Duration) -> bool {
        self.processes.log.wait_for(mark, deadline)
    }
}

/// A port of the loopback that was free just now.
fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("finding a free port")?;
    Ok(listener.local_addr().during("finding a free port")?.port())
}

/// The folder's own shadow file with another password for the test user. Without one, no password is right, but the
/// account is not locked either: servers refuse even keys for a locked account.
fn shadow(chroot: &Chroot, password: Option<&str>) -> Result<String, Error> {
    let hash = match password {
        None => "*".to_owned(),
        Some(password) => {
            chroot.helper(&["/usr/bin/perl", "-e", "print crypt($ARGV[0], '$6$nacre')", password])?
        }
    };
    let text = fs::read_to_string(chroot.root().join("etc/shadow")).during("reading a shadow file")?;
    let mark = format!("{}:", super::USER);
    let lines = text.lines().map(|line| match line.strip_prefix(&mark) {
        Some(rest) => format!("{mark}{hash}:{}\n", rest.split_once(':').map_or("", |(_, rest)| rest)),
        None => format!("{line}\n"),
    });
    Ok(lines.collect())
}

/// The folder's own accounts, the test user's perhaps with another shell.
fn passwd(chroot: &Chroot, shell: Option<&str>) -> Result<String, Error> {
    let text = fs::read_to_string(chroot.root().join("etc/passwd")).during("reading the accounts")?;
    let mark = format!("{}:", super::USER);
    let lines = text.lines().map(|line| match (shell, line.rsplit_once(':')) {
        (Some(shell), Some((rest, _))) if line.starts_with(&mark) => format!("{rest}:{shell}\n"),
        _ => format!("{line}\n"),
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::{LOG_KEPT, Log};
    use std::io::Cursor;

    #[test]
    fn a_long_log_keeps_its_newest_lines_and_its_marks() {
        let log = Log::default();
        let line = "0123456789\n";
        let lines = 2 * LOG_KEPT / line.len() + 10;
        log.read_from(Cursor::new(line.repeat(lines) + "last\n"));
        let kept = log.lock();
        assert!(kept.text.len() >= LOG_KEPT && kept.text.len() < 2 * LOG_KEPT, "{}", kept.text.len());
        assert_eq!(kept.forgotten + kept.text.len(), lines * line.len() + "last\n".len());
        assert!(kept.text.starts_with(line) && kept.text.ends_with("last\n"));
        assert!(kept.ended);
    }
}
