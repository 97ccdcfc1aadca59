//! How much a configuration may hold. Lines and patterns have their limits in `text::limits`.

/// Bytes of one file.
pub const MAX_FILE: usize = 16 << 20;

/// Bytes of all files together, each counted as often as it is included.
pub const MAX_TOTAL: usize = 64 << 20;

/// How often a file is included, in all.
pub const MAX_INCLUDES: usize = 4_096;

/// How deeply files include each other, as OpenSSH has it.
pub const MAX_DEPTH: usize = 16;

/// `Port` and `ListenAddress` lines, as OpenSSH has it; also what they may come to together is no more than their product.
pub const MAX_PORTS: usize = 256;

/// `HostKey` lines, as OpenSSH has it.
pub const MAX_HOST_KEYS: usize = 256;

/// Bytes of `VersionAddendum`: the identification line holds 255 (RFC 4253, section 4.2), the version before it included.
pub const MAX_VERSION_ADDENDUM: usize = 200;

/// Errors that are kept to be shown; the rest is only counted.
pub const MAX_REPORTS: usize = 1_000;

/// Bytes of a word of the configuration that an error repeats.
pub const MAX_QUOTED: usize = 256;
