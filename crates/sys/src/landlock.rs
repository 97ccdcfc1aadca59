//! Landlock: a process without root gives up opening anything.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::call::check;

/// What is known of the kernel's structure `landlock_ruleset_attr`; a kernel that knows less is told a shorter one.
#[repr(C)]
struct Handled {
    files: u64,
    network: u64,
    scopes: u64,
}

/// How many rights to files each version of the interface knows, from the first on: bit 0 is the first right.
const FILE_RIGHTS: [u32; 5] = [13, 14, 15, 15, 16];

/// The version from which on TCP binds and connects can be handled, and both rights.
const NETWORK: (i32, u64) = (4, 0b11);

/// The version from which on abstract Unix sockets and signals can be kept inside, and both scopes.
const SCOPES: (i32, u64) = (6, 0b11);

const ASK_VERSION: u32 = 1;

/// The version of the kernel's interface; `None` when it has none, or it is switched off.
pub(crate) fn version() -> Option<i32> {
    let nothing = std::ptr::null::<Handled>();
    // SAFETY: with this flag nothing is read.
    check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, ASK_VERSION) })
        .ok()
        .and_then(|version| i32::try_from(version).ok())
}

/// Forbids all that the kernel's version can forbid: opening and executing files, changing directories of them, binding and connecting
/// TCP, abstract Unix sockets and signals to others. Descriptors that are open keep working. Needs no_new_privs, and cannot be undone.
pub(crate) fn deny_all(version: i32) -> io::Result<()> {
    let known = usize::try_from(version).unwrap_or(1).clamp(1, FILE_RIGHTS.len());
    let rights = FILE_RIGHTS.get(known - 1).copied().unwrap_or(13);
    let from = |(first, bits): (i32, u64)| if version >= first { bits } else { 0 };
    let handled = Handled { files: (1 << rights) - 1, network: from(NETWORK), scopes: from(SCOPES) };
    let words = 1 + usize::from(version >= NETWORK.0) + usize::from(version >= SCOPES.0);
    let size = words * size_of::<u64>();
    // SAFETY: the structure is live, and at least as long as told.
    let ruleset =
        check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size, 0) })?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(ruleset as i32) };
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })?;
    Ok(())
}
