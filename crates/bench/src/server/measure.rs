//! What is measured, one server after the other, in every trial.

mod delay;
mod files;
mod forward;
mod many;

use std::env::current_exe;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use super::Fault;
use super::board::{Board, What, median};
use super::contender::{CIPHERS, Contender, Keys, Running};
use super::load::Load;
use super::pump::{self, Moved};
use super::service::Service;
use super::stock::{Master, Stock};

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Trials of each server, in turn.
    pub trials: usize,
    /// How long data flows.
    bulk: Duration,
    /// Logins of `ssh`.
    logins: usize,
    /// Sessions on one connection, and logins of our own client.
    sessions: usize,
    /// Idle connections.
    idle: usize,
    /// Keystrokes when nothing else is going on, and beside bulk data.
    keystrokes: [usize; 2],
    /// Bytes of a file.
    file: u64,
    /// Trials of what takes long.
    long_trials: usize,
    /// How long data flows over a long way.
    flow: Duration,
    /// Idle connections, when they are many.
    connections: usize,
    /// Open channels, when they are many.
    channels: &'static [usize],
}

impl Amounts {
    /// For figures that are published.
    pub const FULL: Self = Self {
        trials: 7,
        bulk: Duration::from_millis(1000),
        logins: 12,
        sessions: 40,
        idle: 16,
        keystrokes: [2000, 500],
        file: 256 * 1024 * 1024,
        long_trials: 2,
        flow: Duration::from_secs(6),
        connections: 1000,
        channels: &[1, 10, 100, 1000, 10_000],
    };
    /// For a look while working.
    pub const QUICK: Self = Self {
        trials: 3,
        bulk: Duration::from_millis(400),
        logins: 6,
        sessions: 20,
        idle: 8,
        keystrokes: [1000, 300],
        file: 128 * 1024 * 1024,
        long_trials: 1,
        flow: Duration::from_secs(3),
        connections: 100,
        channels: &[1, 10, 100],
    };
}

/// How long an idle connection is left alone before its memory is counted: buffers may be given back late.
const IDLE: Duration = Duration::from_millis(500);

/// Between keystrokes beside bulk data.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a source runs that is ended by the end of its connection.
const ENDLESS: Duration = Duration::from_secs(600);

/// The parts of a run, by name.
pub const PARTS: [&str; 10] =
    ["bulk", "login", "session", "memory", "echo", "start", "sftp", "forward", "delay", "many"];

/// Servers that run, and what is known of them so far.
pub struct Run {
    contenders: Vec<Contender>,
    running: Vec<Running>,
    client: Stock,
    key: Vec<u8>,
    cgroups: PathBuf,
    amounts: Amounts,
    /// The figures.
    pub board: Board,
    next_port: u16,
}

impl Run {
    /// Starts all servers.
    ///
    /// # Errors
    /// When one does not start.
    pub fn new(
        contenders: Vec<Contender>,
        client: Stock,
        keys: &Keys,
        cgroups: PathBuf,
        amounts: Amounts,
    ) -> Result<Self, Fault> {
        let names = contenders.iter().map(|contender| contender.name.clone()).collect();
        let mut run = Self {
            contenders,
            running: Vec::new(),
            client,
            key: keys.user().to_vec(),
            cgroups,
            amounts,
            board: Board::new(names),
            // The loopback is this run's own: every port is free.
            next_port: 2001,
        };
        for server in 0..run.contenders.len() {
            let running = run.start(server)?;
            run.running.push(running);
        }
        Ok(run)
    }

    fn start(&mut self, server: usize) -> Result<Running, Fault> {
        self.next_port += 1;
        self.contenders[server].start(&self.cgroups, self.next_port)
    }

    /// Measures the parts that are wanted.
    ///
    /// # Errors
    /// When a server does not do what it should, with its log.
    pub fn measure(&mut self, wanted: impl Fn(&str) -> bool) -> Result<(), Fault> {
        let service = Service::start(usize::MAX)?;
        let masters = if wanted("bulk") { self.masters()? } else { Vec::new() };
        for trial in 1..=self.amounts.trials {
            eprintln!("bench-sshd: trial {trial} of {}", self.amounts.trials);
            for (cipher, masters) in CIPHERS.into_iter().zip(&masters) {
                self.each(|run, server| run.down(server, cipher, masters[server].as_ref()))?;
                self.each(|run, server| run.up(server, cipher, masters[server].as_ref()))?;
            }
            if wanted("login") {
                self.each(Self::login)?;
            }
            if wanted("session") {
                self.each(Self::session)?;
            }
            if wanted("memory") {
                self.each(Self::memory)?;
            }
            if wanted("echo") {
                self.each(Self::echo)?;
            }
            if wanted("start") {
                self.each(Self::start_up)?;
            }
            if wanted("sftp") {
                self.each(Self::sftp)?;
            }
            if wanted("forward") {
                self.each(|run, server| run.forward(server, &service))?;
            }
        }
        // Those of all others have ended by now, which makes the figures of many processes and long ways steadier.
        drop(masters);
        if wanted("many") {
            self.many()?;
        }
        // The last one: it changes how much this network's connections may hold.
        if wanted("delay") {
            self.delay()?;
        }
        if wanted("start") {
            self.each(Self::size)?;
        }
        Ok(())
    }

    fn each(&mut self, measure: impl Fn(&mut Self, usize) -> Result<(), Fault>) -> Result<(), Fault> {
        for server in 0..self.contenders.len() {
            measure(self, server)
                .map_err(|fault| self.running[server].explain(&self.contenders[server].name, &fault))?;
        }
        Ok(())
    }

    /// One connection of `ssh` for each cipher and server that speaks it.
    fn masters(&self) -> Result<Vec<Vec<Option<Master>>>, Fault> {
        let master = |cipher, server: usize| -> Result<_, Fault> {
            if !self.contenders[server].speaks(cipher) {
                return Ok(None);
            }
            let running = &self.running[server];
            let made = self.client.master(running.address, cipher, &cipher[..4], &[]);
            made.map(Some).map_err(|fault| running.explain(&self.contenders[server].name, &fault))
        };
        let servers = 0..self.contenders.len();
        CIPHERS
            .into_iter()
            .map(|cipher| servers.clone().map(|server| master(cipher, server)).collect())
            .collect()
    }

    /// The CPU time of the server's processes while `work` is done, up to the end of all that it started.
    fn cpu<T>(&self, server: usize, work: impl FnOnce() -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
        let cgroup = &self.running[server].cgroup;
        let processes = cgroup.steady()?;
        let before = cgroup.cpu()?;
        let result = work()?;
        cgroup.settle(processes)?;
        Ok((result, cgroup.cpu()? - before))
    }

    /// From a command of the server to the client.
    fn down(&mut self, server: usize, cipher: &str, master: Option<&Master>) -> Result<(), Fault> {
        let Some(master) = master else { return Ok(()) };
        let source = pump::source(&self.contenders[server].pump, self.amounts.bulk);
        let mut command = self.client.over(master, &source);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let (result, cpu) = self.cpu(server, || {
            let started = Instant::now();
            let output = command.output()?;
            Ok((Moved::parse(&String::from_utf8_lossy(&output.stderr))?, started.elapsed()))
        })?;
        self.put_bulk(server, cipher, "exec → client", "down", result, cpu);
        Ok(())
    }

    /// From the client to a command of the server.
    fn up(&mut self, server: usize, cipher: &str, master: Option<&Master>) -> Result<(), Fault> {
        let Some(master) = master else { return Ok(()) };
        let mut command = self.client.over(master, &pump::sink(&self.contenders[server].pump));
        let (result, cpu) = self.cpu(server, || {
            let started = Instant::now();
            let mut source = pump::local_source(self.amounts.bulk)?
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let pipe = source.stdout.take().ok_or("no pipe")?;
            let output = command.stdin(pipe).stderr(Stdio::inherit()).output()?;
            let elapsed = started.elapsed();
            // The command holds its end of the pipe open, and with it the source.
            drop(command);
            let sent = Moved::parse(&String::from_utf8_lossy(&source.wait_with_output()?.stderr))?;
            let received = Moved::parse(&String::from_utf8_lossy(&output.stdout))?;
            if sent.bytes != received.bytes {
                return Err(format!("{} bytes were sent, {} came", sent.bytes, received.bytes).into());
            }
            Ok((received, elapsed))
        })?;
        self.put_bulk(server, cipher, "client → exec", "up", result, cpu);
        Ok(())
    }

    fn put_bulk(
        &mut self,
        server: usize,
        cipher: &str,
        way: &str,
        direction: &str,
        (moved, elapsed): (Moved, Duration),
        cpu: Duration,
    ) {
        let short = cipher.trim_end_matches("@openssh.com");
        let key = format!("{direction}-{short}");
        let rate =
            What { key: &format!("{key}-rate"), name: &format!("{way}, `{short}`, MB/s"), decimals: 0 };
        self.board.put(rate, server, megabytes(moved.bytes, elapsed));
        let cost =
            What { key: &format!("{key}-cpu"), name: &format!("{way}, `{short}`, CPU s/GB"), decimals: 2 };
        self.board.put(cost, server, per_gb(cpu, moved.bytes));
        let own = What {
            key: &format!("{key}-own"),
            name: &format!("{way}, `{short}`, CPU s/GB without the command"),
            decimals: 2,
        };
        self.board.put(own, server, per_gb(cpu.saturating_sub(moved.cpu), moved.bytes));
    }

    fn login(&mut self, server: usize) -> Result<(), Fault> {
        let (count, address) = (self.amounts.logins, self.running[server].address);
        let ((), cpu) = self.cpu(server, || (0..count).try_for_each(|_| self.client.login(address)))?;
        let what = What { key: "login-cpu", name: "login and `true`, CPU ms", decimals: 2 };
        self.board.put(what, server, millis(cpu) / count as f64);
        let (times, _) = self.cpu(server, || {
            let mut times = Vec::new();
            for _ in 0..self.amounts.sessions {
                let started = Instant::now();
                Load::login(address, &self.key)?.run("true")?;
                times.push(millis(started.elapsed()));
            }
            Ok(times)
        })?;
        let what = What { key: "login-time", name: "login and `true`, ms", decimals: 2 };
        self.board.put(what, server, median(&times).ok_or("no logins")?);
        Ok(())
    }

    fn session(&mut self, server: usize) -> Result<(), Fault> {
        let count = self.amounts.sessions;
        let before = self.running[server].cgroup.steady()?;
        let mut load = Load::login(self.running[server].address, &self.key)?;
        // What the first session sets up is a part of the login.
        load.run("true")?;
        let (elapsed, cpu) = self.cpu(server, || {
            let started = Instant::now();
            (0..count).try_for_each(|_| load.run("true"))?;
            Ok(started.elapsed())
        })?;
        drop(load);
        self.running[server].cgroup.settle(before)?;
        let what = What { key: "session-cpu", name: "one more session with `true`, CPU ms", decimals: 2 };
        self.board.put(what, server, millis(cpu) / count as f64);
        let what = What { key: "session-time", name: "one more session with `true`, ms", decimals: 2 };
        self.board.put(what, server, millis(elapsed) / count as f64);
        Ok(())
    }

    fn memory(&mut self, server: usize) -> Result<(), Fault> {
        let count = self.amounts.idle;
        let running = &self.running[server];
        let (processes, before) = (running.cgroup.steady()?, running.cgroup.memory()?);
        let mut idle = Vec::new();
        for _ in 0..count {
            idle.push(Load::login(running.address, &self.key)?);
        }
        sleep(IDLE);
        let more = running.cgroup.steady()? - processes;
        let grown = running.cgroup.memory()? - before;
        drop(idle);
        running.cgroup.settle(processes)?;
        let what = What { key: "idle-pss", name: "idle connection, PSS KiB", decimals: 0 };
        self.board.put(what, server, grown / count as f64);
        let what = What { key: "idle-processes", name: "idle connection, processes", decimals: 0 };
        self.board.put(what, server, more as f64 / count as f64);
        Ok(())
    }

    fn echo(&mut self, server: usize) -> Result<(), Fault> {
        let [alone, beside] = self.amounts.keystrokes;
        let before = self.running[server].cgroup.steady()?;
        let mut load = Load::login(self.running[server].address, &self.key)?;
        // It reads nothing: the echo is the terminal's, and so the server's alone.
        let terminal = load.start("exec sleep 600", true)?;
        let awake = Awake::new()?;
        load.keystrokes(terminal, alone / 10, None)?;
        let times = load.keystrokes(terminal, alone, None)?;
        drop(awake);
        self.put_echo(server, "echo", "echo of a keystroke", times)?;
        let bulk = load.start(&pump::source(&self.contenders[server].pump, ENDLESS), false)?;
        load.keystrokes(terminal, beside / 10, Some(PAUSE))?;
        let (started, received) = (Instant::now(), load.received(bulk));
        let times = load.keystrokes(terminal, beside, Some(PAUSE))?;
        let rate = (load.received(bulk) - received) as f64 / 1e6 / started.elapsed().as_secs_f64();
        self.put_echo(server, "echo-bulk", "echo beside bulk data", times)?;
        let what = What { key: "echo-bulk-rate", name: "that bulk data, MB/s", decimals: 0 };
        self.board.put(what, server, rate);
        drop(load);
        // The terminal's sleeper ends by the hang-up, the source by its broken pipe.
        self.running[server].cgroup.settle(before)
    }

    fn put_echo(
        &mut self,
        server: usize,
        key: &str,
        name: &str,
        mut times: Vec<Duration>,
    ) -> Result<(), Fault> {
        times.sort_unstable();
        for percent in [50, 99] {
            let time = times.get(times.len() * percent / 100).ok_or("no keystrokes")?;
            let what = What {
                key: &format!("{key}-p{percent}"),
                name: &format!("{name}, p{percent}, µs"),
                decimals: 0,
            };
            self.board.put(what, server, time.as_secs_f64() * 1e6);
        }
        Ok(())
    }

    fn start_up(&mut self, server: usize) -> Result<(), Fault> {
        let other = self.start(server)?;
        let what = What { key: "start-listening", name: "start until it listens, ms", decimals: 1 };
        self.board.put(what, server, millis(other.listening));
        let what = What { key: "start-answering", name: "start until its first greeting, ms", decimals: 1 };
        self.board.put(what, server, millis(other.answering));
        Ok(())
    }

    fn size(&mut self, server: usize) -> Result<(), Fault> {
        let what = What { key: "size", name: "programs and their libraries, MB", decimals: 1 };
        self.board.put(what, server, self.contenders[server].size()? as f64 / 1e6);
        Ok(())
    }
}

/// Keeps every core from sleeping with processes that anybody else may push aside at once. How long a core takes to wake up,
/// on a virtual machine longer than a server takes for an echo, is no property of a server, and differs from time to time.
struct Awake(Vec<Child>);

impl Awake {
    fn new() -> Result<Self, Fault> {
        let mut awake = Self(Vec::new());
        for _ in 0..available_parallelism()?.get() {
            awake.0.push(
                Command::new("chrt")
                    .args(["--idle", "0"])
                    .arg(current_exe()?)
                    .args(["pump", "spin"])
                    .spawn()?,
            );
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// 10^6 bytes in a second.
fn megabytes(bytes: u64, elapsed: Duration) -> f64 {
    bytes as f64 / 1e6 / elapsed.as_secs_f64()
}

/// CPU seconds for 10^9 bytes.
fn per_gb(cpu: Duration, bytes: u64) -> f64 {
    cpu.as_secs_f64() * 1e9 / bytes as f64
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
