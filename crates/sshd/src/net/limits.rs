//! Bounds of the process that reads the network.

/// Channels at once, forwarded ones included when there are such.
pub(super) const CHANNELS: usize = 1000;

/// One more than the highest number of a descriptor: three for every channel, and our own.
pub(super) const OPEN_FILES: u64 = 3 * CHANNELS as u64 + 32;

/// Bytes of messages that wait for another process to read them, beyond which requests of the peer are refused.
pub(super) const WAITING: usize = 1024 * 1024;

/// Requests that the session has not answered, beyond which further ones are refused.
pub(super) const UNANSWERED: usize = 1024;

/// Messages that one process says before the network has its turn.
pub(super) const MESSAGES_PER_TURN: usize = 64;

/// Lines for the log that are kept for telling how the connection ended, of those that the monitor takes.
pub(super) const LAST_LINES: u32 = 100;

/// Bytes of a line for the log.
pub(super) const LOG_LINE: usize = 4096;
