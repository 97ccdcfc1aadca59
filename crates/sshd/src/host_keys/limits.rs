//! Bounds of what host keys do.

use std::time::Duration;

/// How long an agent may take for a signature, from the connection to its last byte.
pub(super) const AGENT_ANSWERS: Duration = Duration::from_secs(10);

/// Bytes that are read of an agent at once.
pub(super) const AGENT_READ: usize = 4096;
