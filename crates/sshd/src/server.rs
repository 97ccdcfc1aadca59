//! What all connections of a server share: read once at its start, inherited by every monitor.

use std::io::PipeWriter;
use std::os::fd::OwnedFd;

use config::Config;
use sys::ids::Credentials;
use sys::title::Title;

use crate::host_keys::HostKeys;
use crate::log::Logger;
use crate::peer::Peer;
use crate::quick::Quick;

/// A server.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) host_keys: HostKeys,
    pub(crate) log: Logger,
    /// What `ps` shows of this process: the listener's, and after the fork the monitor's own.
    pub(crate) title: Option<Title>,
    /// This very program, to be executed again.
    pub(crate) program: OwnedFd,
    /// What stands for descriptors 0, 1 and 2 of a role.
    pub(crate) null: OwnedFd,
    /// As which user net runs; only root can choose.
    pub(crate) net_user: Option<Credentials>,
    /// The empty directory that net sees as the whole tree; only for root.
    pub(crate) net_root: Option<OwnedFd>,
    /// The out-of-memory score that the server was started with: the one of every monitor, and so of all that it starts.
    pub(crate) oom_score: Option<i16>,
    /// `-d`: one connection, no grace time, messages of roles on our standard error.
    pub(crate) debugging: bool,
    /// `--quick`: who is let in, whatever the configuration says.
    pub(crate) quick: Option<Quick>,
}

/// A connection that was accepted.
pub(crate) struct Accepted {
    /// The socket, or where bytes of the peer are read (`-i`).
    pub(crate) input: OwnedFd,
    /// Where bytes for the peer are written, when that is another descriptor.
    pub(crate) output: Option<OwnedFd>,
    pub(crate) peer: Peer,
    /// Closed when the user is in: from then on the connection does not count for `MaxStartups`.
    pub(crate) startup: Option<PipeWriter>,
}
