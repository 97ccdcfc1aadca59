//! Long ways to the server: what its windows allow for.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{ENDLESS, Run, megabytes};
use crate::server::Fault;
use crate::server::board::What;
use crate::server::link::Link;
use crate::server::load::Load;
use crate::server::pump::{self, Moved};
use crate::server::stock::Master;

/// Round trips in milliseconds: another continent's near side, its far side, and a satellite's.
const ROUND_TRIPS: [u64; 3] = [50, 150, 300];

/// The window of a client that does not want to be what limits a server.
const WINDOW: u32 = 256 * 1024 * 1024;

impl Run {
    /// Moves data over links with a delay.
    pub(super) fn delay(&mut self) -> Result<(), Fault> {
        let link = Link::new()?;
        for trial in 1..=self.amounts.long_trials {
            for round_trip in ROUND_TRIPS {
                eprintln!(
                    "bench-sshd: delay of {round_trip} ms, trial {trial} of {}",
                    self.amounts.long_trials
                );
                link.set(Duration::from_millis(round_trip))?;
                self.each(|run, server| run.far(server, &link, round_trip))?;
            }
        }
        Ok(())
    }

    fn far(&mut self, server: usize, link: &Link, round_trip: u64) -> Result<(), Fault> {
        let running = &self.running[server];
        let idle = running.cgroup.steady()?;
        let address = SocketAddr::new(Link::SERVERS, running.address.port());
        let cipher = self.contenders[server].cipher();
        let up = link.far(|| {
            let master = self.client.master(address, cipher, "far", &[])?;
            self.upload(server, &master)
        })?;
        self.running[server].cgroup.settle(idle)?;
        let down = link.far(|| self.download(server, address))?;
        self.running[server].cgroup.settle(idle)?;
        for (key, name, rate) in
            [("up", "client → exec", up), ("down", "exec → client with a large window", down)]
        {
            let what = What {
                key: &format!("delay-{round_trip}-{key}"),
                name: &format!("{name}, {round_trip} ms away, MB/s"),
                decimals: 1,
            };
            self.board.put(what, server, rate);
        }
        Ok(())
    }

    /// By stock `ssh`: the window is the server's.
    fn upload(&self, server: usize, master: &Master) -> Result<f64, Fault> {
        let mut command = self.client.over(master, &pump::sink(&self.contenders[server].pump));
        let started = Instant::now();
        let mut source =
            pump::local_source(self.amounts.flow)?.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let pipe = source.stdout.take().ok_or("no pipe")?;
        let output = command.stdin(pipe).stderr(Stdio::inherit()).output()?;
        let elapsed = started.elapsed();
        drop(command);
        source.wait()?;
        let received = Moved::parse(&String::from_utf8_lossy(&output.stdout))?;
        Ok(megabytes(received.bytes, elapsed))
    }

    /// By our client, whose window is large: that of `ssh` is 2 MiB, whatever the server does.
    fn download(&self, server: usize, address: SocketAddr) -> Result<f64, Fault> {
        let mut load = Load::login(address, &self.key)?;
        let source = pump::source(&self.contenders[server].pump, ENDLESS);
        let channel = load.start_with(&source, false, WINDOW)?;
        let started = Instant::now();
        load.read_for(self.amounts.flow)?;
        Ok(megabytes(load.received(channel) as u64, started.elapsed()))
    }
}
