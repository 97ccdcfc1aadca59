//! The system's own way from a name to addresses, in a process of its own: it may load whatever `nsswitch.conf` names, and may hang.

use std::ffi::CString;
use std::io::{self, ErrorKind, PipeReader, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sys::signal::Signal;
use sys::spawn::{Child, Command, Program};

use super::limits::MAX_OUTPUT;
use super::literal;

/// A `getent ahosts NAME` that runs.
#[derive(Debug)]
pub(super) struct Getent {
    child: Child,
    output: PipeReader,
    said: Vec<u8>,
}

impl Getent {
    /// Starts the first of these programs that there is; `None` when there is none, or no process for it.
    pub(super) fn start(programs: &[PathBuf], name: &str) -> Option<Self> {
        programs.iter().find_map(|program| Self::run(program, name).ok())
    }

    fn run(program: &Path, name: &str) -> io::Result<Self> {
        let text = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
        let null = sys::fd::null()?;
        let (output, written) = io::pipe()?;
        sys::fd::set_nonblocking(&output, true)?;
        let standard = [null.as_fd(), written.as_fd(), null.as_fd()];
        let program = text(program.as_os_str().as_bytes())?;
        let mut command = Command::new(Program::Path(program), c"getent".to_owned(), standard);
        command.arguments.extend([c"ahosts".to_owned(), text(name.as_bytes())?]);
        command.on_parents_death = Some(Signal::KILL);
        let child = command.spawn().map_err(|failure| failure.error)?;
        Ok(Self { child, output, said: Vec::new() })
    }

    /// Reads what it has said; true when that was all.
    pub(super) fn step(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.output.read(&mut buffer) {
                Ok(0) => return true,
                Ok(count) => self.said.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
            if self.said.len() > MAX_OUTPUT {
                return true;
            }
        }
    }

    /// The addresses that it has said, in its order.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&String::from_utf8_lossy(&self.said))
    }

    /// Ends it, if it has not ended; it remains to be reaped.
    pub(super) fn end(self) -> Child {
        // One that has ended already is not hurt.
        let _ = self.child.signal(Signal::KILL);
        self.child
    }
}

impl AsFd for Getent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }
}

/// The addresses at the beginnings of whole lines: each comes with several types of sockets. What was cut off in a line could be read
/// as another address.
pub(super) fn addresses(said: &str) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for line in said.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let address = line.split_ascii_whitespace().next().and_then(literal::address);
        found.extend(address.filter(|address| !found.contains(address)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_counts_once_and_what_is_none_not_at_all() {
        let said = "2001:db8::1     STREAM host.example\n2001:db8::1     DGRAM\n2001:db8::1     RAW\n\
                    192.0.2.1       STREAM\nnonsense STREAM\n\nfe80::1%3 STREAM\n192.0";
        let found: Vec<String> = addresses(said).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["[2001:db8::1]:0", "192.0.2.1:0", "[fe80::1%3]:0"]);
    }
}
