//! Processes as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// Real user id.
    pub(crate) uid: u32,
    /// Arguments as `ps -o args` prints them.
    pub(crate) title: String,
}

/// How long anything may take that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `look` finds, as soon as it finds something.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("this never happened: {what}"))
}

/// The same, or nothing after `time`.
pub(crate) fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One process, unless it has ended; one that only waits to be reaped has.
pub(crate) fn process(pid: u32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| field(&status, name);
    if field("State")?.starts_with(['Z', 'X']) {
        return None;
    }
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(&arguments).replace('\0', " ").trim_end().to_owned();
    let uid = field("Uid")?.split_whitespace().next()?.parse().ok()?;
    Some(Process { pid, parent: field("PPid")?.parse().ok()?, uid, title })
}

fn field(status: &str, name: &str) -> Option<String> {
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}

/// A field of `/proc/PID/status`.
pub(crate) fn status_field(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    field(&status, name).unwrap_or_else(|| panic!("no {name} in the status of {pid}"))
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// The children of a process.
pub(crate) fn children(pid: u32) -> Vec<Process> {
    all().into_iter().filter(|process| process.parent == pid).collect()
}

/// Its children, theirs, and so on.
pub(crate) fn descendants(pid: u32) -> Vec<Process> {
    let mut by_parent: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    for process in all() {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found = by_parent.remove(&pid).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(by_parent.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// The processes whose arguments hold `text`.
pub(crate) fn pids_with(text: &str) -> Vec<u32> {
    all().into_iter().filter(|process| process.title.contains(text)).map(|process| process.pid).collect()
}

/// Who started a process.
pub(crate) fn parent_of(pid: u32) -> u32 {
    all().into_iter().find(|process| process.pid == pid).expect("a process that is there").parent
}

/// What its descriptors refer to; nothing when the process lets nobody look.
pub(crate) fn descriptors(pid: u32) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, target.to_string_lossy().into_owned()))
        })
        .collect()
}

/// Sends a signal, by name, if the process is still there.
pub(crate) fn kill(signal: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("kill of procps");
}
