//! The process that reads the network: everything a peer sends is parsed here, in a jail, from its first byte to its last.
//!
//! ```text
//! monitor ── Start, UserPolicy, Signed, Verdict, Admitted, Proven ──→ net ←──→ peer
//!         ←── User, Sign, KeyOffer, KeyProof, Password, Prove, Log ──  │
//! session ── Reply, Connected and Incoming with descriptors, … →│
//!         ←── Env, Pty, Shell, Exec, Connect, Listen, … ──────  │
//! ```
//!
//! | module | noun |
//! |---|---|
//! | `start` | what the monitor wants it to be: the connection, its descriptors, the jail |
//! | `application` | what the loop calls: who of the following is concerned |
//! | `authority` | the monitor: signatures and verdicts, one question at a time; the log |
//! | `process` | the session process: what comes from it, and whom that concerns of the following |
//! | `sessions` | channels with programs |
//! | `forwards` | connections that wait for their channel, and channels that wait for their connection |
//! | `globals` | requests to listen |
//! | `host_keys` | the host keys, told to clients that know one of them |
//! | `timeouts` | idle channels, and connections without any |
//! | `courier` | messages to a process that may be slow to read them |
//! | `words` | how a connection's end is put |
//! | `limits` | bounds |
//!
//! It holds no authority: it cannot open, connect, start or decide anything, and what it is not told in time is no. It knows the keys
//! of this one connection, and of host keys only the public ones.

mod application;
mod authority;
mod courier;
mod forwards;
#[cfg(feature = "arbitrary")]
pub(crate) mod fuzzing;
mod globals;
mod host_keys;
mod limits;
mod process;
mod sessions;
mod start;
mod timeouts;
mod words;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use reactor::{Driver, Reactor};
use sys::title::Title;

use crate::log::Level;
use crate::protocol::{Link, LinkError};

use application::Net;
use authority::Authority;
use host_keys::HostKeys;
use start::Orders;

/// The status after a fault, as OpenSSH's processes have it.
const FAILED: u8 = 255;

/// Is the network's side of one connection, to its end.
pub(crate) fn main() -> ExitCode {
    // Whoever started us in another way can only be told by our end.
    match take_up() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::from(FAILED),
    }
}

/// Takes the inherited link, hears from the monitor what to be, goes to jail, and serves. Says whether anybody
/// logged in.
fn take_up() -> Result<bool, LinkError> {
    let [link] = sys::fd::inherited::<1>()?;
    let title = Title::claim();
    let mut monitor = Link::try_from(link)?;
    let mut orders = Orders::receive(&mut monitor)?;
    let mut authority = Authority::new(monitor, orders.log_level, orders.user_algorithms.clone())?;
    // The jail lets nobody make one.
    let reactor = Reactor::new()?;
    let jailed = orders.enter_jail().map_err(|error| error.to_string());
    let connection = jailed.and_then(|report| {
        for missing in report.missing() {
            authority.log(Level::Verbose, format_args!("net: this kernel has no {missing}"));
        }
        orders.connection().map_err(|error| error.to_string())
    });
    match connection {
        Ok(connection) => {
            let host_keys = HostKeys::new(&orders.config.transport.host_keys);
            let net = Net::new(authority, host_keys, orders.subject, title);
            let (ended, net) = Driver::new(reactor, orders.link, connection, net)?.run();
            let logged_in = net.is_logged_in();
            net.end(&ended);
            Ok(logged_in)
        }
        Err(fault) => {
            authority.log(Level::Fatal, format_args!("net: {fault}"));
            authority.finish();
            Ok(false)
        }
    }
}
