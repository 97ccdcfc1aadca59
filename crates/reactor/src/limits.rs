//! What bounds the loop: memory, work before somebody else has a turn, and waiting.
//!
//! Bytes that wait for a slow program are bounded by the window of its channel, since credit is returned only for what
//! the program's descriptor took.

use std::time::Duration;

/// Bytes that one read of the peer's socket asks for at first; it doubles while reads come back full.
pub const READ_MIN: usize = 16 * 1024;

/// Most bytes that one read of the peer's socket asks for.
pub const READ_MAX: usize = 256 * 1024;

/// Bytes that are taken from the peer's socket before others have a turn.
pub const READ_PER_TURN: usize = 256 * 1024;

/// Packets that are taken in before others have a turn.
pub const PACKETS_PER_TURN: usize = 512;

/// Sealed bytes that one write to the peer's socket waits for while there is more to seal.
pub const WRITE_BATCH: usize = 128 * 1024;

/// Bytes that are sealed before others have a turn.
pub const SEAL_PER_TURN: usize = 128 * 1024;

/// The same while somebody types: what was sealed in the turn before a keystroke's echo is what it waits behind.
pub const SEAL_PER_TURN_INTERACTIVE: usize = 64 * 1024;

/// Reads that fill one packet: a terminal gives 4 KiB at a time, some programs write line by line.
pub const READS_PER_PACKET: usize = 16;

/// Bytes that one descriptor takes from what waits for it before others have a turn.
pub const FLUSH_PER_TURN: usize = 256 * 1024;

/// Bytes that are read from an output after its program's end before the end is told, though the output never ran dry:
/// no pipe of an ordinary user holds more, so all that the program itself wrote is among them.
pub const DRAIN_MAX: usize = 1024 * 1024;

/// Bytes that a socket has brought, and nobody wants any more, which are read before it is closed.
pub const DISCARD_MAX: usize = 1024 * 1024;

/// How long a terminal that is empty after its program's end may still bring something: the kernel carries its bytes from
/// one side to the other by a work queue.
pub const TERMINAL_GRACE: Duration = Duration::from_millis(50);

/// How long nothing happens before buffers are given back.
pub const IDLE_AFTER: Duration = Duration::from_secs(1);

/// How long sending the last bytes of a connection may take.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a connection that cannot be written to any more is still read, for what the peer said before.
pub const LAST_READS: Duration = Duration::from_secs(1);

/// The least time between two looks at how long the way to the peer is.
pub const LOOK_AFTER: Duration = Duration::from_millis(10);

/// Readiness events that one wait returns at most; the others come with the next one.
pub const EVENTS: usize = 256;
