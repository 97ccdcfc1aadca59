//! Every bound of this crate.

/// Bytes of one message of a [`SeqPacket`](crate::seqpacket::SeqPacket): the longest argument that Linux takes (128 KiB) fits, and
/// it is below the kernel's default send buffer (208 KiB).
pub const MAX_MESSAGE: usize = 160 * 1024;

/// Descriptors with one message: a command without a terminal needs three.
pub const MAX_DESCRIPTORS: usize = 8;

/// Bytes of one line of an account file. A longer one is skipped: a group of 10,000 members fits.
pub const MAX_ACCOUNT_LINE: usize = 256 * 1024;

/// Bytes of an account file that are read. What lies behind does not exist: room for half a million accounts.
pub const MAX_ACCOUNT_FILE: u64 = 64 * 1024 * 1024;

/// Groups of one user: the kernel's own limit.
pub const MAX_GROUPS: usize = 65_536;

/// Bytes of `/etc/nologin` that are shown.
pub const MAX_NOLOGIN: u64 = 64 * 1024;

/// Bytes of a process title that are shown.
pub const MAX_TITLE: usize = 1024;

/// Bytes of a symbolic link's target: the kernel's longest path.
pub const MAX_LINK: usize = 4096;

/// Bytes of directory entries that the kernel is asked for at once.
pub const DIRECTORY_BUFFER: usize = 32 * 1024;
