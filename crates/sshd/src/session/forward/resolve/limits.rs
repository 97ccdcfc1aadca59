//! Every bound of looking names up.

use std::time::Duration;

pub(super) use super::super::limits::MAX_ADDRESSES;

/// Bytes of a file about names that are read: some lists of unwanted hosts have several million.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Bytes of one of its lines.
pub(super) const MAX_LINE: u64 = 4096;

/// Names that are looked up at once; further ones wait their turn.
pub(super) const MAX_LOOKUPS: usize = 32;

/// How long a name is looked up.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that `getent` may say.
pub(super) const MAX_OUTPUT: usize = 64 * 1024;

/// Bytes of a name as people write it (RFC 1035 §2.3.4).
pub(super) const MAX_NAME: usize = 254;

/// Servers that are asked, and what `resolv.conf` may want at most: as in the C library.
pub(super) const MAX_SERVERS: usize = 3;
pub(super) const MAX_SEARCH: usize = 16;
pub(super) const MAX_DOTS: usize = 15;
pub(super) const MAX_TIMEOUT: u64 = 30;
pub(super) const MAX_ATTEMPTS: usize = 5;

/// Bytes of an answer: what its length can tell over TCP.
pub(super) const MAX_ANSWER: usize = 65_535;

/// Records of an answer that are looked at.
pub(super) const MAX_RECORDS: usize = 256;

/// Aliases of aliases.
pub(super) const MAX_ALIASES: usize = 16;
