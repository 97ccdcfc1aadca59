//! Files, moved by the newest stock `sftp` to and from each server's own server of files. Both ends are in memory.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use super::{Run, megabytes, per_gb};
use crate::server::Fault;
use crate::server::board::What;

/// The file that is moved, in every folder.
const FILE: &str = "/mnt/file";

/// What becomes of it at a server, and at the client.
const PUT: &str = "/mnt/put";
const GOT: &str = "/mnt/got";

impl Run {
    /// Gets a file, and puts one.
    pub(super) fn sftp(&mut self, server: usize) -> Result<(), Fault> {
        let contender = &self.contenders[server];
        let size = self.amounts.file;
        for file in [contender.seen(FILE), self.client.seen(FILE)] {
            make(&file, size)?;
        }
        let ways = [
            ("get", format!("get {FILE} {GOT}\n"), self.client.seen(GOT)),
            ("put", format!("put {FILE} {PUT}\n"), contender.seen(PUT)),
        ];
        let running = &self.running[server];
        let idle = running.cgroup.steady()?;
        let master = self.client.master(running.address, contender.cipher(), "sftp", &[])?;
        for (way, batch, moved) in ways {
            let (elapsed, cpu) = self.cpu(server, || {
                let started = Instant::now();
                self.client.sftp(&master, &batch)?;
                Ok(started.elapsed())
            })?;
            let came = fs::metadata(&moved)?.len();
            if came != size {
                return Err(format!("{way} made a file of {came} bytes of one of {size}").into());
            }
            // Not the server's work the next time.
            fs::remove_file(moved)?;
            let key = format!("sftp-{way}");
            let rate =
                What { key: &format!("{key}-rate"), name: &format!("`sftp` {way}, MB/s"), decimals: 0 };
            self.board.put(rate, server, megabytes(size, elapsed));
            let cost =
                What { key: &format!("{key}-cpu"), name: &format!("`sftp` {way}, CPU s/GB"), decimals: 2 };
            self.board.put(cost, server, per_gb(cpu, size));
        }
        drop(master);
        self.running[server].cgroup.settle(idle)
    }
}

/// Makes a file of so many bytes that everybody may read, with all its pages, unless it is there.
fn make(path: &Path, size: u64) -> Result<(), Fault> {
    if path.exists() {
        return Ok(());
    }
    let mut file = File::create(path)?;
    io::copy(&mut io::repeat(b'n').take(size), &mut file)?;
    Ok(file.set_permissions(Permissions::from_mode(0o644))?)
}
