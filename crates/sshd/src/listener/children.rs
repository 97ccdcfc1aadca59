//! The monitors: one child for each connection.

use std::collections::HashMap;
use std::fmt;
use std::io::PipeReader;
use std::os::fd::AsFd;

use sys::ids::Pid;
use sys::poll::Entry;
use sys::signal::Signal;
use sys::spawn::Ended;

use crate::log::{Level, Logger};
use crate::peer::Peer;

/// A monitor that runs.
#[derive(Debug)]
struct Monitor {
    peer: Peer,
    /// Its other end is closed when the user is in, or the monitor has ended.
    startup: Option<PipeReader>,
}

/// All monitors that run.
#[derive(Debug, Default)]
pub(super) struct Children {
    monitors: HashMap<Pid, Monitor>,
    startups: usize,
}

impl Children {
    /// Counts a new monitor, which closes the other end of `startup` when its user is in.
    pub(super) fn add(&mut self, pid: Pid, peer: Peer, startup: PipeReader) {
        self.monitors.insert(pid, Monitor { peer, startup: Some(startup) });
        self.startups = self.startups.saturating_add(1);
    }

    /// How many connections have not logged in yet.
    pub(super) fn startups(&self) -> usize {
        self.startups
    }

    /// What to wait for: the pipes of those that have not logged in yet, and whose they are.
    pub(super) fn waiting(&self) -> (Vec<Pid>, Vec<Entry<'_>>) {
        let waiting = self.monitors.iter().filter_map(|(pid, monitor)| {
            let startup = monitor.startup.as_ref()?;
            Some((*pid, Entry::new(startup.as_fd(), true, false)))
        });
        waiting.unzip()
    }

    /// The user of this one is in, or it is about to end: it does not count any more.
    pub(super) fn started(&mut self, pid: Pid) {
        if self.monitors.get_mut(&pid).and_then(|monitor| monitor.startup.take()).is_some() {
            self.startups = self.startups.saturating_sub(1);
        }
    }

    /// This child has ended: says what is worth saying. Children that are no monitors are none of ours.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended, log: &Logger) {
        self.started(pid);
        if let Some(monitor) = self.monitors.remove(&pid) {
            let (level, line) = obituary(pid, &monitor.peer, ended);
            log.log(level, line);
        }
    }
}

/// A connection as logs name it: both its ends.
struct Connection<'a>(&'a Peer);

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection from {} to {}", self.0.client_text(), self.0.local_text())
    }
}

/// What is said of a monitor's end. The grace time is an alarm that is switched off at the login, so nothing else ends one by SIGALRM.
fn obituary(pid: Pid, peer: &Peer, ended: Ended) -> (Level, String) {
    let connection = Connection(peer);
    match ended {
        Ended::Exited(0) => (Level::Debug3, format!("child {pid} for {connection} completed normally")),
        Ended::Exited(status) => {
            (Level::Debug1, format!("child {pid} for {connection} exited with status {status}"))
        }
        Ended::Killed { signal: Signal::ALRM, .. } => {
            (Level::Info, format!("Timeout before authentication for {connection}, pid = {pid}"))
        }
        Ended::Killed { signal, .. } => {
            let asked = matches!(signal, Signal::TERM | Signal::HUP | Signal::INT | Signal::QUIT);
            let level = if asked { Level::Info } else { Level::Error };
            (level, format!("session process {pid} for {connection} killed by signal {}", signal.number()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(act: impl FnOnce(&mut Children, &Logger)) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        act(&mut Children::default(), &Logger::to_file(file.path(), Level::Info).unwrap());
        std::fs::read_to_string(file.path()).unwrap().lines().map(str::to_owned).collect()
    }

    fn killed(signal: Signal) -> Ended {
        Ended::Killed { signal, core: false }
    }

    #[test]
    fn a_connection_counts_until_its_user_is_in_or_it_ends() {
        lines(|children, log| {
            let (reader, _writer) = std::io::pipe().unwrap();
            let (other, writer) = std::io::pipe().unwrap();
            children.add(Pid(10), Peer::default(), reader);
            children.add(Pid(11), Peer::default(), other);
            drop(writer);
            assert_eq!(children.startups(), 2);
            let done: Vec<Pid> = {
                let (pids, mut entries) = children.waiting();
                sys::poll::wait(&mut entries, None).unwrap();
                pids.into_iter()
                    .zip(entries)
                    .filter(|(_, entry)| entry.readable)
                    .map(|(pid, _)| pid)
                    .collect()
            };
            assert_eq!(done, [Pid(11)]);
            children.started(Pid(11));
            children.started(Pid(11));
            assert_eq!(children.startups(), 1);
            children.ended(Pid(11), Ended::Exited(0), log);
            assert_eq!(children.startups(), 1);
            children.ended(Pid(10), Ended::Exited(255), log);
            assert_eq!(children.startups(), 0);
        });
    }

    #[test]
    fn an_end_by_a_signal_is_said_and_one_by_itself_is_not() {
        let lines = lines(|children, log| {
            for (pid, ended) in [
                (1, killed(Signal::ALRM)),
                (2, killed(Signal::KILL)),
                (3, killed(Signal::SEGV)),
                (4, Ended::Exited(255)),
                (5, Ended::Exited(0)),
            ] {
                children.add(Pid(pid), Peer::default(), std::io::pipe().unwrap().0);
                children.ended(Pid(pid), ended, log);
            }
            children.ended(Pid(6), killed(Signal::SEGV), log);
        });
        assert_eq!(
            lines,
            [
                "Timeout before authentication for connection from UNKNOWN to UNKNOWN, pid = 1",
                "session process 2 for connection from UNKNOWN to UNKNOWN killed by signal 9",
                "session process 3 for connection from UNKNOWN to UNKNOWN killed by signal 11",
            ]
        );
    }
}
