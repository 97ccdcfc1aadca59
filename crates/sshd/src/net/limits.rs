//! Bounds of the process that reads the network.

/// Channels at once, forwarded ones included.
pub(super) const CHANNELS: usize = 1000;

/// One more than the highest number of a descriptor: three for every channel, and our own.
pub(super) const OPEN_FILES: u64 = 3 * CHANNELS as u64 + 32;

/// Bytes of messages that wait for another process to read them, beyond which requests of the peer are refused.
pub(super) const WAITING: usize = 1024 * 1024;

/// Descriptors that one message carries at most: those of a program without a terminal.
pub(super) const DESCRIPTORS: usize = 3;

/// Requests of one kind that the session has not answered, beyond which further ones are refused: on channels, for connections, and
/// for listening.
pub(super) const UNANSWERED: usize = 1024;

/// Channels that the peer was asked for and has not answered, beyond which connections that come in are closed.
pub(super) const OFFERED: usize = 256;

/// Bytes of the reason that the peer is given for a connection that could not be made.
pub(super) const REFUSAL: usize = 256;

/// Sessions that were closed over a running program, and of whose end the session process may still tell: as many of the latest.
pub(super) const ABANDONED: usize = CHANNELS;

/// Messages that one process says before the network has its turn.
pub(super) const MESSAGES_PER_TURN: usize = 64;

/// Bytes of host keys, beyond which no client is told of any: what every client takes in one packet (RFC 4253 §6.1).
pub(super) const ANNOUNCED: usize = 30_000;

/// Lines for the log that are kept for telling how the connection ended, of those that the monitor takes.
pub(super) const LAST_LINES: u32 = 100;

/// Bytes of a line for the log.
pub(super) const LOG_LINE: usize = 4096;
