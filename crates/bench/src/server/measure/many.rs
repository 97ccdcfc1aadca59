//! Many of a thing: connections, sessions, channels; and a client that never reads.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Run, millis};
use crate::server::Fault;
use crate::server::board::What;
use crate::server::load::Load;
use crate::server::service::{ECHO, Service};

/// Sessions at the same time: fewer than the ten that servers usually allow.
const TOGETHER: usize = 8;

/// Bytes that a client reads before it stops.
const READ: usize = 8 * 1024 * 1024;

/// How long it does not read: a server without bounds reads gigabytes meanwhile.
const UNREAD: Duration = Duration::from_secs(2);

/// How long many connections are left alone before and while they are looked at: buffers are given back late.
const RESTING: Duration = Duration::from_secs(2);

/// Channels whose memory can be told from what comes and goes.
const MEASURABLE: usize = 100;

/// Round trips on one of many channels.
const ROUND_TRIPS: usize = 1000;

impl Run {
    /// Measures what there are many of.
    pub(super) fn many(&mut self) -> Result<(), Fault> {
        for trial in 1..=self.amounts.long_trials {
            eprintln!("bench-sshd: many, trial {trial} of {}", self.amounts.long_trials);
            self.each(Self::sessions)?;
            self.each(Self::never_read)?;
            self.each(Self::channels)?;
        }
        self.each(Self::connections)
    }

    fn sessions(&mut self, server: usize) -> Result<(), Fault> {
        let rounds = self.amounts.sessions;
        let idle = self.running[server].cgroup.steady()?;
        let mut load = Load::login(self.running[server].address, &self.key)?;
        load.run_together("true", TOGETHER)?;
        let (elapsed, cpu) = self.cpu(server, || {
            let started = Instant::now();
            (0..rounds).try_for_each(|_| load.run_together("true", TOGETHER))?;
            Ok(started.elapsed())
        })?;
        drop(load);
        self.running[server].cgroup.settle(idle)?;
        let count = (rounds * TOGETHER) as f64;
        let name = format!("sessions with `true` on one connection, {TOGETHER} at a time, per second");
        let what = What { key: "sessions-rate", name: &name, decimals: 0 };
        self.board.put(what, server, count / elapsed.as_secs_f64());
        let what = What { key: "sessions-cpu", name: "one of these, CPU ms", decimals: 2 };
        self.board.put(what, server, millis(cpu) / count);
        Ok(())
    }

    /// A window without end, of a client that does not even read from its socket any more.
    fn never_read(&mut self, server: usize) -> Result<(), Fault> {
        let cgroup = &self.running[server].cgroup;
        let idle = cgroup.steady()?;
        let mut load = Load::login(self.running[server].address, &self.key)?;
        let channel = load.start_with("read go; exec cat /dev/zero", false, u32::MAX)?;
        cgroup.steady()?;
        let before = cgroup.memory()?;
        load.send(channel, b'\n')?;
        load.read(channel, READ)?;
        sleep(UNREAD);
        let grown = cgroup.memory()? - before;
        drop(load);
        cgroup.settle(idle)?;
        let name = "growth while a client reads nothing, PSS KiB";
        self.board.put(What { key: "unread-pss", name, decimals: 0 }, server, grown);
        Ok(())
    }

    fn channels(&mut self, server: usize) -> Result<(), Fault> {
        let idle = self.running[server].cgroup.steady()?;
        let service = Service::start(1)?;
        let mut load = Load::login(self.running[server].address, &self.key)?;
        // What is there for the login only has ended by then.
        self.running[server].cgroup.steady()?;
        let alone = self.running[server].cgroup.memory()?;
        let (mut open, mut first) = (0, None);
        for count in self.amounts.channels {
            let cgroup = &self.running[server].cgroup;
            let before = cgroup.cpu()?;
            // Its bound is the server's own business.
            let Some(channels) = load.forward(service.address().port(), count - open)? else { break };
            let opening = cgroup.cpu()? - before;
            let each = opening.as_secs_f64() * 1e6 / (count - open) as f64;
            open = *count;
            let channel = match first {
                Some(channel) => channel,
                None => {
                    let channel = *channels.first().ok_or("no channel")?;
                    load.send(channel, ECHO)?;
                    *first.insert(channel)
                }
            };
            load.round_trips(channel, ROUND_TRIPS / 10)?;
            let before = cgroup.cpu()?;
            load.round_trips(channel, ROUND_TRIPS)?;
            let trip = (cgroup.cpu()? - before).as_secs_f64() * 1e6 / ROUND_TRIPS as f64;
            let memory = (cgroup.memory()? - alone) / open as f64;
            for (key, name, figure, decimals) in [
                ("open", "open one more forwarded connection, up to", each, 0),
                ("trip", "a byte there and back on one of", trip, 1),
            ] {
                let what = What {
                    key: &format!("channels-{key}-{count}"),
                    name: &format!("{name} {count}, CPU µs"),
                    decimals,
                };
                self.board.put(what, server, figure);
            }
            // The pages of a few are nothing beside what comes and goes.
            if open >= MEASURABLE {
                let name = format!("one of {count} forwarded connections, PSS KiB");
                self.board.put(
                    What { key: &format!("channels-pss-{count}"), name: &name, decimals: 1 },
                    server,
                    memory,
                );
            }
        }
        drop(load);
        self.running[server].cgroup.settle(idle)
    }

    fn connections(&mut self, server: usize) -> Result<(), Fault> {
        let (count, running) = (self.amounts.connections, &self.running[server]);
        eprintln!("bench-sshd: {count} connections of {}", self.contenders[server].name);
        let (processes, before) = (running.cgroup.steady()?, running.cgroup.memory()?);
        let mut idle = Vec::with_capacity(count);
        for _ in 0..count {
            idle.push(Load::login(running.address, &self.key)?);
        }
        sleep(RESTING);
        running.cgroup.steady()?;
        let grown = running.cgroup.memory()? - before;
        let cpu = running.cgroup.cpu()?;
        sleep(RESTING);
        let resting = running.cgroup.cpu()? - cpu;
        drop(idle);
        running.cgroup.settle(processes)?;
        let name = format!("one of {count} idle connections, PSS KiB");
        self.board.put(
            What { key: "connections-pss", name: &name, decimals: 0 },
            server,
            grown / count as f64,
        );
        let name = format!("{count} idle connections, CPU ms in a second");
        let what = What { key: "connections-cpu", name: &name, decimals: 1 };
        self.board.put(what, server, millis(resting) / RESTING.as_secs_f64());
        Ok(())
    }
}
