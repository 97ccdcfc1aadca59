//! Every bound of the session.

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
