//! The process that decides: one per connection, single-threaded. It has the host keys and root's rights, and speaks to its two
//! children only, by a small table of requests; no byte of the network comes here but inside of those.
//!
//! ```text
//! net ──→ WantGroup, Sign, User, KeyOffer, KeyProof, Password, Prove, Log ──→ watch ── decider ──→ answers
//! session ──→ PtyOpen, SessionLog ─────────────────────────────────────↗   ╲──→ start: session
//! ```
//!
//! | module | noun |
//! |---|---|
//! | `watch` | the loop: links, signals, children and their ends |
//! | `decider` | what is answered, a machine without sockets or processes |
//! | `table`, `requests` | what may come from whom, when and how often |
//! | `violation` | what no process of ours would do: the connection ends |
//! | `exchange` | key exchanges: hashed here, then signed |
//! | `proof` | proofs that host keys are ours, for clients that did not know them |
//! | `groups` | groups for key exchanges, out of a file |
//! | `account` | the account that a client names, and what keeps it out |
//! | `login` | the user's attempts, and the proof that one was good |
//! | `authorized_keys`, `principals`, `revoked`, `banner` | files that are read for it |
//! | `command` | programs that are asked in place of such files |
//! | `user_file`, `system_file` | how such files are read: with the user's rights, or with ours |
//! | `certificates` | which certificates are good for an account |
//! | `conditions`, `expiry` | what has to hold for a line to count |
//! | `permit` | what the configuration, the key and its certificate allow together |
//! | `chroot` | the root of the user's session |
//! | `start` | net and the session brought to life |
//! | `pty` | terminals given to the user |
//!
//! It lives on when the listener ends, and is ended by `LoginGraceTime` with the default action of SIGALRM, which takes the children
//! along.

mod account;
mod authorized_keys;
mod banner;
mod certificates;
mod chroot;
mod command;
mod conditions;
mod decider;
mod exchange;
mod expiry;
#[cfg(feature = "arbitrary")]
pub(crate) mod fuzzing;
mod groups;
mod limits;
mod login;
mod permit;
mod principals;
mod proof;
mod pty;
mod requests;
mod revoked;
mod start;
mod system_file;
mod table;
#[cfg(test)]
mod testing;
mod user_file;
mod violation;
mod watch;

use std::process::ExitCode;

use sys::process::set_not_dumpable;
use sys::signal::{Disposition, Signal, SignalFd, alarm, set_disposition, unblock_all};

use crate::server::{Accepted, Server};

use watch::Watch;

/// Serves one connection to its end. The status is net's own, or 255 when that has none.
pub(crate) fn run(server: &mut Server, mut accepted: Accepted) -> ExitCode {
    let peer = accepted.peer;
    if let Some(title) = &mut server.title {
        title.set("sshd: [accepted]");
    }
    // Whoever started us may have had the alarm blocked.
    let signals = set_not_dumpable()
        .and_then(|()| unblock_all())
        .and_then(|()| set_disposition(Signal::ALRM, Disposition::Default))
        .and_then(|()| SignalFd::new(&[Signal::CHLD, Signal::TERM, Signal::HUP, Signal::INT]));
    let signals = match signals {
        Ok(signals) => signals,
        Err(error) => return failed(server, &error),
    };
    let effective = server.config.effective(&login::connection(&peer));
    if effective.log_level != server.config.global().log_level {
        server.log.set_level(effective.log_level);
    }
    server.log.verbose(format_args!(
        "Connection from {} port {} on {} port {} rdomain \"\"",
        peer.client_text(),
        peer.client_port(),
        peer.local_text(),
        peer.local_port()
    ));
    if !server.debugging {
        let grace = effective.login_grace_time.map_or(0, |time| time.as_secs());
        let _ = alarm(u32::try_from(grace).unwrap_or(u32::MAX));
    }
    let startup = accepted.startup.take();
    let net = match start::net(server, &effective, accepted) {
        Ok(net) => net,
        Err(error) => return failed(server, &error),
    };
    if let Err(error) = net.link.set_nonblocking() {
        return failed(server, &error);
    }
    Watch::new(server, peer, signals, startup, net).run()
}

fn failed(server: &Server, error: &dyn std::fmt::Display) -> ExitCode {
    server.log.fatal(format_args!("connection could not be served: {error}"));
    ExitCode::from(u8::MAX)
}
