//! Files by name and by descriptor, as far as std does not know the calls.
//!
//! Symbolic links are followed only where a [`Place`] or [`Opening`] says so. Everything opened here is closed by an exec and is no
//! controlling terminal.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::call::{check, retry};
use crate::limits::MAX_LINK;

/// Where a file is: a name, seen from a directory.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Where a relative name begins; `None`: the working directory.
    pub from: Option<BorrowedFd<'a>>,
    /// The name; an empty one means what `from` is open to, be it a directory or not.
    pub name: &'a CStr,
    /// Whether a symbolic link at the end of the name is followed.
    pub follow: bool,
}

impl<'a> Place<'a> {
    /// What a descriptor is open to, even one that was opened for its place only.
    #[must_use]
    pub fn of(fd: BorrowedFd<'a>) -> Self {
        Self { from: Some(fd), name: c"", follow: false }
    }

    /// A name seen from the working directory.
    #[must_use]
    pub fn named(name: &'a CStr, follow: bool) -> Self {
        Self { from: None, name, follow }
    }

    /// An entry of a directory, of a symbolic link itself.
    #[must_use]
    pub fn within(directory: BorrowedFd<'a>, name: &'a CStr) -> Self {
        Self { from: Some(directory), name, follow: false }
    }

    fn number(&self) -> RawFd {
        self.from.map_or(libc::AT_FDCWD, |fd| fd.as_raw_fd())
    }

    fn is_descriptor(&self) -> bool {
        self.name.is_empty()
    }

    fn flags(&self) -> i32 {
        let empty = if self.is_descriptor() { libc::AT_EMPTY_PATH } else { 0 };
        let link = if self.follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        empty | link
    }
}

/// What an open file is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    #[default]
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
    /// Only to say where it is: needs no right to the file itself.
    Place,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// What for.
    pub access: Access,
    /// Every write goes to the end.
    pub append: bool,
    /// It is made with these permissions when it is not there.
    pub create: Option<u32>,
    /// It must not be there; only with `create`.
    pub exclusive: bool,
    /// What is in it is dropped.
    pub truncate: bool,
    /// It must be a directory.
    pub directory: bool,
    /// Whether a fifo without another end, a device or a lease may make the opener wait.
    pub wait: bool,
}

impl Opening {
    /// Only for its place.
    pub const PLACE: Self = Self {
        access: Access::Place,
        append: false,
        create: None,
        exclusive: false,
        truncate: false,
        directory: false,
        wait: false,
    };

    fn flags(&self, follow: bool) -> i32 {
        let when = |is_wanted, flag| if is_wanted { flag } else { 0 };
        let access = match self.access {
            Access::Read => libc::O_RDONLY,
            Access::Write => libc::O_WRONLY,
            Access::ReadWrite => libc::O_RDWR,
            Access::Place => libc::O_PATH,
        };
        let shape =
            libc::O_CLOEXEC | when(self.directory, libc::O_DIRECTORY) | when(!follow, libc::O_NOFOLLOW);
        if self.access == Access::Place {
            // With the others openat2 refuses it.
            return access | shape;
        }
        access
            | shape
            | libc::O_NOCTTY
            | when(!self.wait, libc::O_NONBLOCK)
            | when(self.append, libc::O_APPEND)
            | when(self.create.is_some(), libc::O_CREAT)
            | when(self.exclusive, libc::O_EXCL)
            | when(self.truncate, libc::O_TRUNC)
    }

    fn mode(&self) -> u32 {
        self.create.unwrap_or(0) & PERMISSIONS
    }
}

/// The bits of a mode that `chmod` changes.
pub const PERMISSIONS: u32 = 0o7777;

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Type and permissions.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
    /// Its owner's number.
    pub user: u32,
    /// Its group's number.
    pub group: u32,
    /// Bytes.
    pub size: u64,
    /// When it was last read: seconds since 1970.
    pub accessed: i64,
    /// When it was last written: seconds since 1970.
    pub modified: i64,
}

impl Status {
    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFLNK
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }
}

/// Opens a file.
///
/// # Errors
/// What `openat` says; without `follow`, `ELOOP` for a symbolic link unless only its place is wanted.
pub fn open(place: Place<'_>, how: &Opening) -> io::Result<OwnedFd> {
    let (from, name, flags) = (place.number(), place.name.as_ptr(), how.flags(place.follow));
    // SAFETY: the name is a C string; the mode is given as the unsigned int that variadic calls pass.
    let fd = retry(|| unsafe { libc::openat(from, name, flags, how.mode()) })?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens a file below `root` as if that were the root of everything: absolute names and links begin there, `..` ends there, and links
/// of `/proc` that lead elsewhere are refused.
///
/// # Errors
/// `ENOSYS` before Linux 5.6, `EAGAIN` when something was renamed meanwhile and the kernel is not sure; else as [`open`].
pub fn open_below(root: BorrowedFd<'_>, name: &CStr, how: &Opening, follow: bool) -> io::Result<OwnedFd> {
    // SAFETY: numbers only, for which zero is right.
    let mut request: libc::open_how = unsafe { std::mem::zeroed() };
    request.flags = u64::from(how.flags(follow).cast_unsigned());
    request.mode = u64::from(how.mode());
    request.resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
    let (number, name, size) = (root.as_raw_fd(), name.as_ptr(), size_of::<libc::open_how>());
    // SAFETY: the name is a C string; the request is live and as long as told.
    let fd = retry(|| unsafe { libc::syscall(libc::SYS_openat2, number, name, &raw const request, size) })?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Closes a descriptor and tells of it, which a drop does not: some file systems write only then.
///
/// # Errors
/// What `close` says. It is closed in any case.
pub fn close(fd: OwnedFd) -> io::Result<()> {
    // SAFETY: it was owned, and is nobody's now.
    match check(unsafe { libc::close(fd.into_raw_fd()) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        done => done.map(|_| ()),
    }
}

/// What is known of a file.
///
/// # Errors
/// What `fstatat` says.
pub fn status(place: Place<'_>) -> io::Result<Status> {
    // SAFETY: numbers only, for which zero is right.
    let mut raw: libc::stat64 = unsafe { std::mem::zeroed() };
    let (from, name, flags) = (place.number(), place.name.as_ptr(), place.flags());
    // SAFETY: the name is a C string; `raw` is live and writable.
    check(unsafe { libc::fstatat64(from, name, &raw mut raw, flags) })?;
    #[allow(clippy::useless_conversion, reason = "not on every processor")]
    let links = u64::from(raw.st_nlink);
    Ok(Status {
        mode: raw.st_mode,
        links,
        user: raw.st_uid,
        group: raw.st_gid,
        size: raw.st_size.cast_unsigned(),
        accessed: raw.st_atime,
        modified: raw.st_mtime,
    })
}

/// Changes the permissions. Those of a symbolic link itself cannot be changed.
///
/// # Errors
/// What `fchmodat` says; before Linux 6.6 it needs `/proc` unless links are followed.
pub fn set_mode(place: Place<'_>, mode: u32) -> io::Result<()> {
    let (from, name, flags, mode) = (place.number(), place.name.as_ptr(), place.flags(), mode & PERMISSIONS);
    if flags == 0 {
        // SAFETY: the name is a C string.
        check(unsafe { libc::fchmodat(from, name, mode, 0) })?;
        return Ok(());
    }
    // SAFETY: the name is a C string.
    match check(unsafe { libc::syscall(libc::SYS_fchmodat2, from, name, mode, flags) }) {
        // EPERM may be a filter's word, or the right answer, which is then given again; or for the first time where `/proc` is missing.
        Err(error) if crate::call::unknown(&error) => match set_mode_by_proc(place, mode) {
            Err(other) if other.kind() == io::ErrorKind::NotFound => Err(error),
            done => done,
        },
        done => done.map(|_| ()),
    }
}

/// What [`set_mode`] does where the kernel has no `fchmodat2`, or a filter refuses it.
fn set_mode_by_proc(place: Place<'_>, mode: u32) -> io::Result<()> {
    by_proc(place, |path| {
        // SAFETY: the path is a C string.
        check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(|_| ())
    })
}

/// Does something to a file by the name that `/proc` has for a descriptor of it; not to symbolic links.
fn by_proc(place: Place<'_>, action: impl FnOnce(&CStr) -> io::Result<()>) -> io::Result<()> {
    let opened;
    let fd = match place.from {
        Some(fd) if place.is_descriptor() => fd,
        _ => {
            opened = open(place, &Opening::PLACE)?;
            opened.as_fd()
        }
    };
    if status(Place::of(fd))?.is_link() {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    action(&CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?)
}

/// Changes owner and group.
///
/// # Errors
/// What `fchownat` says.
pub fn set_owner(place: Place<'_>, user: u32, group: u32) -> io::Result<()> {
    let (from, name, flags) = (place.number(), place.name.as_ptr(), place.flags());
    // SAFETY: the name is a C string.
    check(unsafe { libc::fchownat(from, name, user, group, flags) })?;
    Ok(())
}

/// Changes the times of the last reading and writing, in seconds since 1970.
///
/// # Errors
/// What `utimensat` says.
pub fn set_times(place: Place<'_>, accessed: i64, modified: i64) -> io::Result<()> {
    let time = |seconds| libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = [time(accessed), time(modified)];
    let change = |from, name: &CStr, flags| {
        // SAFETY: the name is a C string; both times are there.
        check(unsafe { libc::utimensat(from, name.as_ptr(), times.as_ptr(), flags) }).map(|_| ())
    };
    match change(place.number(), place.name, place.flags()) {
        // A kernel that takes no empty name here.
        Err(error) if place.is_descriptor() && error.raw_os_error() == Some(libc::EINVAL) => {
            by_proc(place, |path| change(libc::AT_FDCWD, path, 0))
        }
        done => done,
    }
}

/// Changes how long a file is, by its name from the working directory; links are followed.
///
/// # Errors
/// What `truncate` says.
pub fn set_size(name: &CStr, size: u64) -> io::Result<()> {
    // Too large a size is a negative one, which the kernel refuses.
    // SAFETY: the name is a C string.
    retry(|| unsafe { libc::truncate64(name.as_ptr(), size.cast_signed()) })?;
    Ok(())
}

/// Makes a directory.
///
/// # Errors
/// What `mkdirat` says.
pub fn make_directory(place: Place<'_>, mode: u32) -> io::Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::mkdirat(place.number(), place.name.as_ptr(), mode & PERMISSIONS) })?;
    Ok(())
}

/// Removes a name, of anything but a directory.
///
/// # Errors
/// What `unlinkat` says.
pub fn remove(place: Place<'_>) -> io::Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::unlinkat(place.number(), place.name.as_ptr(), 0) })?;
    Ok(())
}

/// Removes an empty directory.
///
/// # Errors
/// What `unlinkat` says.
pub fn remove_directory(place: Place<'_>) -> io::Result<()> {
    // SAFETY: the name is a C string.
    check(unsafe { libc::unlinkat(place.number(), place.name.as_ptr(), libc::AT_REMOVEDIR) })?;
    Ok(())
}

/// Renames. With `replace` what has the new name goes, else that is `EEXIST`.
///
/// # Errors
/// What `renameat2` says: without `replace`, `EINVAL` also on a file system that cannot do that.
pub fn rename(from: Place<'_>, to: Place<'_>, replace: bool) -> io::Result<()> {
    let flags = if replace { 0 } else { libc::RENAME_NOREPLACE };
    let (old, old_name) = (from.number(), from.name.as_ptr());
    let (new, new_name) = (to.number(), to.name.as_ptr());
    if replace {
        // SAFETY: both names are C strings.
        check(unsafe { libc::renameat(old, old_name, new, new_name) })?;
    } else {
        // SAFETY: both names are C strings.
        check(unsafe { libc::syscall(libc::SYS_renameat2, old, old_name, new, new_name, flags) })?;
    }
    Ok(())
}

/// Gives a file a second name; of a symbolic link itself.
///
/// # Errors
/// What `linkat` says.
pub fn hard_link(from: Place<'_>, to: Place<'_>) -> io::Result<()> {
    let (old, old_name) = (from.number(), from.name.as_ptr());
    let (new, new_name) = (to.number(), to.name.as_ptr());
    // SAFETY: both names are C strings.
    check(unsafe { libc::linkat(old, old_name, new, new_name, 0) })?;
    Ok(())
}

/// Makes a symbolic link.
///
/// # Errors
/// What `symlinkat` says.
pub fn symbolic_link(target: &CStr, place: Place<'_>) -> io::Result<()> {
    // SAFETY: both are C strings.
    check(unsafe { libc::symlinkat(target.as_ptr(), place.number(), place.name.as_ptr()) })?;
    Ok(())
}

/// Where a symbolic link leads, at most [`MAX_LINK`] bytes.
///
/// # Errors
/// What `readlinkat` says; `EINVAL` for what is no symbolic link.
pub fn read_link(place: Place<'_>) -> io::Result<Vec<u8>> {
    let mut target = vec![0_u8; MAX_LINK];
    let (from, name) = (place.number(), place.name.as_ptr());
    // SAFETY: the name is a C string; `target` is live and as long as told.
    let len = check(unsafe { libc::readlinkat(from, name, target.as_mut_ptr().cast(), target.len()) })?;
    target.truncate(usize::try_from(len).unwrap_or(0));
    Ok(target)
}

#[cfg(test)]
mod tests;
