//! A forwarded port: data both ways through stock `ssh -L`, between a client and a service that are not counted.

use std::time::{Duration, Instant};

use super::{Run, megabytes, per_gb};
use crate::server::Fault;
use crate::server::board::What;
use crate::server::service::{self, Service};

/// A way that data goes: key, name, and who moves it.
type Way = (&'static str, &'static str, fn(u16, Duration) -> Result<u64, Fault>);

const WAYS: [Way; 2] = [
    ("forward-down", "forwarded port → client", service::download),
    ("forward-up", "client → forwarded port", service::upload),
];

impl Run {
    /// Moves data over a forwarded port to the service.
    pub(super) fn forward(&mut self, server: usize, service: &Service) -> Result<(), Fault> {
        self.next_port += 1;
        let (port, duration) = (self.next_port, self.amounts.bulk);
        let running = &self.running[server];
        let idle = running.cgroup.steady()?;
        let forward = format!("127.0.0.1:{port}:{}", service.address());
        let options = ["-o", "ExitOnForwardFailure=yes", "-L", &forward];
        let cipher = self.contenders[server].cipher();
        let master = self.client.master(running.address, cipher, "forward", &options)?;
        for (key, name, transfer) in WAYS {
            let ((bytes, elapsed), cpu) = self.cpu(server, || {
                let started = Instant::now();
                Ok((transfer(port, duration)?, started.elapsed()))
            })?;
            let rate = What { key: &format!("{key}-rate"), name: &format!("{name}, MB/s"), decimals: 0 };
            self.board.put(rate, server, megabytes(bytes, elapsed));
            let cost = What { key: &format!("{key}-cpu"), name: &format!("{name}, CPU s/GB"), decimals: 2 };
            self.board.put(cost, server, per_gb(cpu, bytes));
        }
        drop(master);
        self.running[server].cgroup.settle(idle)
    }
}
