//! The far end of `scp -O`, for machines that have no `scp`: a sink for files, or a source of them.
//!
//! There is no standard; this is what OpenSSH's `scp` speaks. The source says with one line each what comes: `Cmode size name` a file,
//! whose bytes and a zero follow; `Dmode 0 name` a directory, whose entries follow up to `E`; `Tmtime 0 atime 0` the times of the next
//! one. The sink answers each line, each file, and first of all its own start, with one byte: 0 for good; 1, and a line that says
//! what is wrong; 2, and a line that says why it ends.
//!
//! | module | noun |
//! |---|---|
//! | `arguments` | what the client's `scp` asks for on its command line |
//! | `peer` | the client's `scp`, as it is heard and told |
//! | `sink` | files that come |
//! | `source` | files that go |
//! | `limits` | every bound |

mod arguments;
mod limits;
mod peer;
mod sink;
mod source;

use std::ffi::OsString;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::process::ExitCode;

pub(crate) use arguments::Arguments;
use arguments::Direction;
use peer::Peer;
use sys::signal::{Disposition, Signal, set_disposition};

/// Is the role, on standard input and output, in the user's home directory.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let Some(arguments) = Arguments::of(&words) else { return ExitCode::FAILURE };
    // A file that would become longer than the user may have is told like any other fault, and the next one comes.
    let _ = set_disposition(Signal::XFSZ, Disposition::Ignore);
    let served = copy_of(io::stdin()).and_then(|input| {
        let mut peer = Peer::new(BufReader::new(input), copy_of(io::stdout())?);
        match arguments.direction {
            Direction::Sink => sink::run(&arguments, &mut peer)?,
            Direction::Source => source::run(&arguments, &mut peer)?,
        }
        Ok(peer.is_content())
    });
    if matches!(served, Ok(true)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn copy_of(standard: impl AsFd) -> io::Result<std::fs::File> {
    standard.as_fd().try_clone_to_owned().map(std::fs::File::from)
}

#[cfg(test)]
mod tests;
