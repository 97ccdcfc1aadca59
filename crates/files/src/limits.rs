//! Every bound of this crate.

/// Threads for what would have to wait. A disk is busy with less; each costs a stack that is touched.
pub const WORKERS: usize = 4;

/// Bytes of requests that are held: the longest packet, and as much again of those behind it.
pub const INPUT: usize = 2 * (sftp::limits::PACKET + 4);

/// Bytes of replies that are worth a write while there are more requests to look at.
pub const PIECE: usize = 64 * 1024;

/// Seconds without a request after which spare memory is given back.
pub const IDLE_SECONDS: u64 = 1;

/// Names of users and groups that are remembered, of each.
pub const NAMES: usize = 1024;

/// Symbolic links in one path, as the kernel counts them.
pub const LINKS: usize = 40;

/// Symbolic links in one path that is made real, as OpenSSH's server counts them.
pub const REAL_PATH_LINKS: usize = 32;

/// Bytes of a path: the kernel's longest, without its NUL.
pub const PATH: usize = 4095;

/// Directories in one path where each is opened, which is where the kernel cannot resolve it below a root.
pub const DEPTH: usize = 200;

/// How often a file is looked for again because something was renamed meanwhile.
pub const RETRIES: usize = 16;

/// Descriptors that are left to the program itself when clients are told how many handles they may have.
pub const OWN_DESCRIPTORS: u64 = 5;

/// Bytes of a copied file that are here at once.
pub const COPY: usize = 128 * 1024;

/// Bytes of a copied file that the kernel is asked for at once: it looks at nothing else meanwhile.
pub const COPY_BY_KERNEL: usize = 64 * 1024 * 1024;
