//! Every bound of `scp`.

/// Bytes of a line: a name, and some numbers.
pub(super) const MAX_LINE: usize = 4096 + 64;

/// Directories inside each other: the longest path that Linux takes has half as many.
pub(super) const MAX_DEPTH: usize = 4096;
