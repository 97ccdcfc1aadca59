//! `sshd`: the server, as a library with a `main` and a program that calls it.
//!
//! ```text
//! sshd: … [listener] 0 of 10-100 startups    listener   accepts; parses no peer byte
//!  └ sshd: alice [priv]                      monitor    host keys, who may log in, ptys; one per connection
//!     ├ sshd: alice [net]                    net        everything that comes from the network, in a jail to its end
//!     └ sshd: alice@pts/3                    session    what the user's rights are needed for
//!         └ -bash
//! ```
//!
//! | where | what |
//! |---|---|
//! | `options`, `settings`, `host_keys`, `quick` | what the server is told at its start, and `--quick`, which needs to be told nothing |
//! | `server`, `peer`, `permit`, `log` | what processes have in common: the server, the two ends, what a user may do, the log |
//! | `listener` | the process that accepts |
//! | `monitor` | the process that decides |
//! | `net` | the process that reads the network |
//! | `session` | the process that is the user's |
//! | `role` | how net, session and what serves it are entered: this program is executed again |
//! | `scp` | the far end of `scp -O`, where there is none |
//! | `protocol` | what processes say to each other |

use std::process::ExitCode;

#[cfg(feature = "arbitrary")]
#[doc(hidden)]
pub mod fuzzing;
mod host_keys;
mod listener;
mod log;
mod monitor;
mod net;
mod options;
mod peer;
mod permit;
mod protocol;
mod quick;
mod role;
mod scp;
mod server;
mod session;
mod settings;

use role::Role;

/// Runs the program: a role when one of our own processes started us as one, else the server as the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    match arguments.next().as_deref().and_then(Role::of) {
        Some(Role::Net) => net::main(),
        Some(Role::Session) => session::main(),
        Some(Role::Prologue) => session::prologue(arguments),
        Some(Role::Sftp) => sftp_server::main(name.into_iter().chain(arguments)),
        Some(Role::Scp) => scp::main(arguments),
        None => listener::main(),
    }
}
