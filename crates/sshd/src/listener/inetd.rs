//! The connection that somebody else accepted (`-i`): it is on descriptors 0 and 1.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::ExitCode;

use sys::fd::{Standard, redirect};

use super::FATAL_STATUS;
use crate::monitor;
use crate::peer::Peer;
use crate::server::{Accepted, Server};

/// Serves that connection. Nothing is written to standard error, which may be the connection too, but what was asked for.
pub(super) fn serve(mut server: Server, to_stderr: bool) -> ExitCode {
    let quiet = !to_stderr && !server.debugging;
    match take(&server.null, quiet) {
        Ok((input, output)) => {
            let peer = Peer::of(&input);
            super::serve::tune(&input, &server.config);
            let _ = sys::signal::unblock_all();
            monitor::run(&mut server, Accepted { input, output, peer, startup: None })
        }
        Err(error) => {
            server.log.fatal(format_args!("standard input: {error}"));
            FATAL_STATUS.into()
        }
    }
}

/// Both descriptors, or one when both are the same socket; what stays in their place is the null device.
fn take(null: &OwnedFd, quiet: bool) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    redirect(Standard::Input, null)?;
    redirect(Standard::Output, null)?;
    if quiet {
        redirect(Standard::Error, null)?;
    }
    let output = if is_one_socket(&input, &output)? { None } else { Some(output) };
    Ok((input, output))
}

fn is_one_socket(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let [one, other] = [one, other].map(|fd| File::from(fd.try_clone()?).metadata());
    let (one, other) = (one?, other?);
    Ok(one.file_type().is_socket() && (one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn one_socket_is_known_and_two_pipes_are_two() {
        let (one, other) = UnixStream::pair().unwrap();
        let again: OwnedFd = one.try_clone().unwrap().into();
        let (one, other): (OwnedFd, OwnedFd) = (one.into(), other.into());
        assert!(is_one_socket(&one, &again).unwrap());
        assert!(!is_one_socket(&one, &other).unwrap());
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_one_socket(&reader.into(), &writer.into()).unwrap());
    }
}
