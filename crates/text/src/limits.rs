//! How long what is read here may be.

/// Bytes of one line of a configuration file.
pub const MAX_LINE: usize = 1 << 20;

/// Bytes of one pattern in a list. OpenSSH lets a longer one silently match nothing, which for a negated pattern admits
/// whom it should exclude; here it is an error.
pub const MAX_PATTERN: usize = 1023;

/// Bytes that the expansion of tokens and variables may come to: what one argument of a program may hold on Linux.
pub const MAX_EXPANDED: usize = 128 << 10;

/// Seconds that a duration may come to, about 68 years: what OpenSSH can hold.
pub const MAX_SECONDS: u64 = i32::MAX as u64;

/// Bytes of a host of a place, as OpenSSH has it.
pub const MAX_HOST: usize = 1024;
