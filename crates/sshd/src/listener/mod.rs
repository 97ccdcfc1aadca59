//! The process that accepts connections; it parses no byte of a peer.
//!
//! | module | noun |
//! |---|---|
//! | `start` | what the command line asks for, from the options to a server |
//! | `bind` | the sockets that are listened on |
//! | `names` | the addresses that names stand for |
//! | `serve` | the loop: connections, signals, children |
//! | `startups` | `MaxStartups`: who is dropped |
//! | `children` | the monitors, those before their login first of all |
//! | `detach` | the daemon in the background |
//! | `pid_file` | the file that tells the listener's number |
//! | `inetd` | the connection that somebody else accepted (`-i`) |
//!
//! On SIGHUP the configuration and the keys are read anew in this same process. So sockets that stay are listened on without a gap,
//! connections before their login go on being counted, and a configuration that cannot be used changes nothing but the log.

mod bind;
mod children;
mod detach;
mod inetd;
mod names;
mod pid_file;
mod serve;
mod start;
mod startups;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::options::{Options, Parsed, USAGE};
use crate::settings::SOFTWARE;

/// What the program ends with when it was called wrongly.
const USAGE_STATUS: u8 = 1;

/// What the program ends with when it cannot go on.
const FATAL_STATUS: u8 = 255;

/// Runs the server, or what else the command line asks for.
pub(crate) fn main() -> ExitCode {
    // Whatever else somebody left open is none of ours, and must reach no user.
    let _ = sys::fd::close_all_except(&[]);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match Options::parse(arguments.iter().skip(1).cloned()) {
        Ok(Parsed::Options(options)) => start::run(*options, &arguments),
        Ok(Parsed::Version) => {
            say(&format!("{SOFTWARE}\n"));
            ExitCode::SUCCESS
        }
        Ok(Parsed::Query(query)) => answer(&query),
        Err(fault) if fault.is_usage() => {
            say(&format!("{fault}\r\n{SOFTWARE}\n{USAGE}"));
            USAGE_STATUS.into()
        }
        Err(fault) => {
            say(&format!("{fault}\n"));
            USAGE_STATUS.into()
        }
    }
}

/// Prints what this build can do.
fn answer(query: &str) -> ExitCode {
    let Some(names) = transport::query(query) else {
        say(&format!("Unsupported query \"{query}\"\r\n"));
        return FATAL_STATUS.into();
    };
    match std::io::stdout().write_all(format!("{}\n", names.join("\n")).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => FATAL_STATUS.into(),
    }
}

/// Tells whoever called the program; that nobody listens stops nothing.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
