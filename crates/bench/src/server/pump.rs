//! The commands at both ends of a bulk transfer. They say how much they moved and what they took of the CPU, so that it
//! can be told from what the server takes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Fault;

/// Bytes of one read or write: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// What a command moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// So many bytes.
    pub bytes: u64,
    /// CPU time of the command itself, its start not included.
    pub cpu: Duration,
}

impl Moved {
    /// Reads the line that a command wrote.
    ///
    /// # Errors
    /// When it is another text.
    pub fn parse(line: &str) -> Result<Self, Fault> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["moved", bytes, "bytes", nanoseconds, "ns"] = words[..] else {
            return Err(format!("a pump said: {line}").into());
        };
        Ok(Self { bytes: bytes.parse()?, cpu: Duration::from_nanos(nanoseconds.parse()?) })
    }

    fn line(self) -> String {
        format!("moved {} bytes {} ns", self.bytes, self.cpu.as_nanos())
    }
}

/// A command line that writes zeros for so long, and says what it moved on its standard error.
#[must_use]
pub fn source(program: &str, duration: Duration) -> String {
    format!("{program} pump source {}", duration.as_millis())
}

/// The same as a process of this machine.
///
/// # Errors
/// When this program does not know its own path.
pub fn local_source(duration: Duration) -> Result<Command, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["pump", "source", &duration.as_millis().to_string()]);
    Ok(command)
}

/// A command line that reads to the end, and says what it moved on its standard output.
#[must_use]
pub fn sink(program: &str) -> String {
    format!("{program} pump sink")
}

/// Is one of the commands: `source MILLISECONDS`, `sink`, or `spin`, which does nothing, busily, until it is killed.
///
/// # Errors
/// When the words or the streams are not what they should be.
pub fn main(words: &[String]) -> Result<(), Fault> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["source", milliseconds] => {
            let end = Instant::now() + Duration::from_millis(milliseconds.parse()?);
            eprintln!("{}", write_until(end)?.line());
        }
        ["sink"] => println!("{}", read_all()?.line()),
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        _ => return Err("pump source MILLISECONDS, pump sink or pump spin".into()),
    }
    Ok(())
}

fn write_until(end: Instant) -> Result<Moved, Fault> {
    let chunk = vec![0; CHUNK];
    // The descriptor itself: what the library's streams do beside is not what is measured.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let before = cpu()?;
    let mut bytes = 0;
    while Instant::now() < end {
        match out.write(&chunk) {
            Ok(n) => bytes += n as u64,
            // Whoever read went away: that is how a source that should never end is ended.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Moved { bytes, cpu: cpu()? - before })
}

fn read_all() -> Result<Moved, Fault> {
    let mut chunk = vec![0; CHUNK];
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let before = cpu()?;
    let mut bytes = 0;
    loop {
        match input.read(&mut chunk)? {
            0 => return Ok(Moved { bytes, cpu: cpu()? - before }),
            n => bytes += n as u64,
        }
    }
}

/// CPU time of this process, which has one thread.
fn cpu() -> Result<Duration, Fault> {
    // The kernel brings the count up to date when it schedules.
    std::thread::yield_now();
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = stat.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_moved_is_read_as_it_was_said() {
        let moved = Moved { bytes: 65_536, cpu: Duration::from_nanos(12_345) };
        assert_eq!(Moved::parse(&moved.line()).unwrap(), moved);
        assert!(Moved::parse("Connection to 127.0.0.1 closed.").is_err());
    }
}
