//! What a system call says, as a `Result`.

use std::io;

/// The result of a call that answers -1 and sets errno when it fails.
pub(crate) fn check<T: PartialEq + From<i8>>(result: T) -> io::Result<T> {
    if result == T::from(-1) { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`check`], and the call is made again as long as a signal interrupts it.
pub(crate) fn retry<T: PartialEq + From<i8>>(mut call: impl FnMut() -> T) -> io::Result<T> {
    loop {
        match check(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Whether the kernel does not know the call, or a filter of a container pretends so.
pub(crate) fn unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}
