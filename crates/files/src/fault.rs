//! What a client is told of an error.

use std::io;

use sftp::Status;

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EFAULT: i32 = 14;
const ENOTDIR: i32 = 20;
const EINVAL: i32 = 22;
const ENAMETOOLONG: i32 = 36;
const ENOSYS: i32 = 38;
const ELOOP: i32 = 40;

/// That too many symbolic links lead on.
pub(crate) fn too_many_links() -> io::Error {
    io::Error::from_raw_os_error(ELOOP)
}

/// That something on the way is no directory.
pub(crate) fn no_directory() -> io::Error {
    io::Error::from_raw_os_error(ENOTDIR)
}

/// That a path is too long.
pub(crate) fn too_long() -> io::Error {
    io::Error::from_raw_os_error(ENAMETOOLONG)
}

/// Whether a file was found to be a symbolic link where none is followed.
pub(crate) fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ELOOP)
}

/// Whether the kernel or the file system cannot rename without replacing; or the request makes no sense, which trying it in another
/// way tells too.
pub(crate) fn cannot_rename_so(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EINVAL | ENOSYS))
}

/// Whether a file has no second name because that cannot be had there.
pub(crate) fn cannot_link(error: &io::Error) -> bool {
    let kind = matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::CrossesDevices);
    kind || matches!(error.raw_os_error(), Some(EPERM | ENOSYS))
        || error.kind() == io::ErrorKind::TooManyLinks
}

/// The status that OpenSSH's server gives for an error of the system.
pub(crate) fn status(error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(ENOENT | ENOTDIR | EBADF | ELOOP) => Status::NoSuchFile,
        Some(EPERM | EACCES | EFAULT) => Status::PermissionDenied,
        Some(ENAMETOOLONG | EINVAL) => Status::BadMessage,
        Some(ENOSYS) => Status::OpUnsupported,
        // What std refuses itself, as the system would have.
        None if error.kind() == io::ErrorKind::InvalidInput => Status::BadMessage,
        _ => Status::Failure,
    }
}
