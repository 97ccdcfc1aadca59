//! Limits of a connection as a whole; those of a layer stand in its crate.

use std::time::Duration;

/// How long a login may take, as OpenSSH's `LoginGraceTime` has it.
pub const LOGIN_GRACE: Duration = Duration::from_secs(120);

/// How long a question waits for its answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Bytes of room that a command of the application needs in the reply queue, so that the peer's requests, which have
/// more of it, are never starved by our own.
pub const COMMAND_ROOM: usize = 64 * 1024;

/// Messages of channel state that one call puts out at most; the rest follows when those were sent.
pub const CONTROL_PER_CALL: usize = 256;
