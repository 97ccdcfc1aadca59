//! Every bound of forwarding.

use std::time::Duration;

/// Sockets that listen at once.
pub(super) const MAX_LISTENERS: usize = 1024;

/// Connections that wait to be accepted at one socket.
pub(super) const BACKLOG: i32 = 128;

/// Connections that one socket takes before others have their turn.
pub(super) const ACCEPTS_PER_TURN: usize = 16;

/// How long no connection is taken after one could not be: there may be a descriptor by then.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Connections that are being made at once, the questions for their names included.
pub(super) const MAX_CONNECTING: usize = 512;

/// Addresses of one name that are tried.
pub(super) const MAX_ADDRESSES: usize = 32;

/// How long a connection is waited for before the next address is tried beside it (RFC 8305 §5).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Sockets that are being connected at once, beyond which no connection gets a second one: the rest of a process's descriptors is for
/// programs.
pub(super) const MAX_ATTEMPTS: usize = 600;

/// Bytes of a Unix socket's path, whose end the kernel wants to see.
pub(super) const MAX_PATH: usize = 107;

/// How often another port is tried where any was asked for, but the one that the kernel picked for one family is taken in the other.
pub(super) const PORT_TRIES: usize = 8;

/// Bytes of an address to listen at: OpenSSH's number. It is told again with every connection.
pub(super) const MAX_HOST: usize = 1024;
