//! How much of a file is looked at.

/// Bytes of one line. All that a line holds is bounded by this, the number of its options too.
pub const MAX_LINE: usize = 64 * 1024;

/// Bytes of a name in the file that a fault shows.
pub const MAX_SHOWN: usize = 64;
