//! A control group: the processes of one server, whoever started them, and the CPU time of all of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Fault;

/// How long processes may take to end.
const ENDING: Duration = Duration::from_secs(20);

/// How long the number of processes stays the same before nothing is under way any more.
const STEADY: Duration = Duration::from_millis(30);

/// A cgroup (version 2). It needs no controller: CPU time is counted in all of them, precisely, and stays when a process
/// ends. Dropping it kills what is in it.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    /// The cgroup of this process.
    home: PathBuf,
}

impl Cgroup {
    /// Makes the cgroup `name` below the folder of cgroups `parent`.
    ///
    /// # Errors
    /// When this process may not, or knows no cgroup of version 2 as its own.
    pub fn make(parent: &Path, name: &str) -> Result<Self, Fault> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let mount = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&"cgroup2"))
            .ok_or("no cgroup of version 2 is mounted")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).ok_or("no cgroup of our own")?;
        let path = parent.join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, home: Path::new(mount[1]).join(own) })
    }

    /// Does `work` in this cgroup: a process that it starts belongs to it from its first instruction.
    ///
    /// # Errors
    /// Of `work`, and when this process can not be moved there and back.
    pub fn within<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        fs::write(self.path.join("cgroup.procs"), "0")?;
        let result = work();
        fs::write(self.home.join("cgroup.procs"), "0")?;
        result
    }

    /// The CPU time that its processes have used, user and system, those that have ended included.
    ///
    /// # Errors
    /// When it can not be read.
    pub fn cpu(&self) -> Result<Duration, Fault> {
        let stat = fs::read_to_string(self.path.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        Ok(Duration::from_micros(usage.ok_or("no usage_usec in cpu.stat")?.parse()?))
    }

    /// Its processes. Those that have ended and wait for their parent are not among them.
    ///
    /// # Errors
    /// When they can not be read.
    pub fn processes(&self) -> Result<Vec<u32>, Fault> {
        let text = fs::read_to_string(self.path.join("cgroup.procs"))?;
        Ok(text.lines().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// Waits until there are no more than `count` processes.
    ///
    /// # Errors
    /// When there are still more after some seconds.
    pub fn settle(&self, count: usize) -> Result<(), Fault> {
        let end = Instant::now() + ENDING;
        loop {
            let left = self.processes()?;
            if left.len() <= count {
                return Ok(());
            }
            if Instant::now() > end {
                let commands: Vec<String> = left.into_iter().map(command).collect();
                return Err(
                    format!("{count} processes should be left, there are: {}", commands.join(", ")).into()
                );
            }
            sleep(Duration::from_micros(500));
        }
    }

    /// Waits until their number stays the same for a while, and returns it.
    ///
    /// # Errors
    /// When they go on coming and going.
    pub fn steady(&self) -> Result<usize, Fault> {
        let end = Instant::now() + ENDING;
        let mut count = self.processes()?.len();
        let mut since = Instant::now();
        while since.elapsed() < STEADY {
            sleep(Duration::from_millis(1));
            let now = self.processes()?.len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            if Instant::now() > end {
                return Err("processes come and go".into());
            }
        }
        Ok(count)
    }

    /// The proportional set size of all its processes together, in KiB: memory that several share counts once.
    ///
    /// # Errors
    /// When it can not be read.
    pub fn memory(&self) -> Result<f64, Fault> {
        let mut sum = 0.0;
        for process in self.processes()? {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib = pss.and_then(|rest| rest.split_whitespace().next()).ok_or("no Pss in smaps_rollup")?;
            sum += kib.parse::<f64>()?;
        }
        Ok(sum)
    }
}

/// The command line of a process, for people.
fn command(process: u32) -> String {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    format!("{process} ({})", line.trim_end())
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A kernel before 5.14 has no cgroup.kill; there the end of the process namespace ends them.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        let _ = self.settle(0);
        let _ = fs::remove_dir(&self.path);
    }
}
