//! Every bound of the session.

use std::time::Duration;

/// Variables that a client may set for one program: OpenSSH's number.
pub(super) const MAX_VARIABLES: usize = 128;

/// Bytes of their names and values together: what Linux takes as one argument, and far less than it takes as all.
pub(super) const MAX_VARIABLE_BYTES: usize = 128 * 1024;

/// Bytes of a terminal's type: the longest that terminfo knows has 49.
pub(super) const MAX_TERM: usize = 1024;

/// Programs that still run after their channels were closed. The user could start as many in any shell; here they cost memory of
/// ours.
pub(super) const MAX_LINGERING: usize = 1000;

/// Bytes of a line for the log.
pub(super) const MAX_LINE: usize = 1024;

/// Bytes of a command that a line of the log shows: OpenSSH's number.
pub(super) const MAX_SHOWN: usize = 900;

/// Bytes of what the user is told on standard error before a program runs: it must fit into the smallest pipe.
pub(super) const MAX_NOTICE: usize = 4096;

/// Bytes that a program's standard input and output hold each: four times what they would, so that the program and net wake each
/// other less often.
pub(super) const PIPE_BYTES: u32 = 256 * 1024;

/// Messages that net has no room for, beyond which no request is answered until it has: some kilobytes, if none has descriptors.
pub(super) const MAX_UNSENT: usize = 256;

/// As many messages that wait keep connections from being accepted: what they do not fill is for answers and ends of programs.
pub(super) const MAX_UNSENT_INCOMING: usize = 32;

/// How long nothing is sent to net when the kernel has too many descriptors of this user on their way.
pub(super) const HOLD: Duration = Duration::from_millis(50);

/// Names that are tried for the agent's socket, of which each is free unless somebody guesses them.
pub(super) const AGENT_NAMES: u32 = 8;

/// Entries of the directory of agents' sockets that are looked at for dead ones.
pub(super) const MAX_SWEPT: usize = 1000;

/// How old such a socket is at least.
pub(super) const OLD_SOCKET: Duration = Duration::from_secs(60);

/// Displays that are tried from the first one on: OpenSSH's number.
pub(super) const DISPLAYS: u32 = 1000;

/// Connections that wait to be accepted at a display.
pub(super) const X11_BACKLOG: i32 = 128;

/// Bytes of a display's cookie, and of the name of its kind. What is made of them must fit into the smallest pipe.
pub(super) const MAX_COOKIE: usize = 1024;

/// Lines of `~/.ssh/environment`: OpenSSH's number.
pub(super) const MAX_FILE_LINES: usize = 1000;

/// Bytes of it.
pub(super) const MAX_FILE_BYTES: u64 = 128 * 1024;
