//! Pseudo-terminals: made, owned, sized.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;

use crate::call::check;
use crate::ids::{Gid, Uid};

/// The side that the network is at.
#[derive(Debug)]
pub struct Master {
    fd: OwnedFd,
}

/// The side that programs have as their terminal.
#[derive(Debug)]
pub struct Follower {
    fd: OwnedFd,
}

/// Both sides of a new pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The network's side.
    pub master: Master,
    /// The programs' side.
    pub follower: Follower,
    /// N of `/dev/pts/N`.
    pub number: u32,
}

/// The size of a terminal's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Width in characters; 0 when unknown.
    pub columns: u16,
    /// Height in characters; 0 when unknown.
    pub rows: u16,
    /// Width in pixels; 0 when unknown.
    pub width: u16,
    /// Height in pixels; 0 when unknown.
    pub height: u16,
}

/// The major number of all followers, of which the minor one is N.
const FOLLOWER_MAJOR: u32 = 136;

/// How a side is opened: not our own controlling terminal, and closed by an exec.
const OPEN_FLAGS: i32 = libc::O_NOCTTY | libc::O_CLOEXEC;

impl Pty {
    /// Makes one, by one open of `/dev/ptmx` (or of `/dev/pts/ptmx` where there is no such file). An exec closes both sides.
    ///
    /// # Errors
    /// `NotFound` without a multiplexer, `ENOSPC` when the system's limit of ptys is reached, and what else the kernel says.
    pub fn open() -> io::Result<Self> {
        let open = |path| File::options().read(true).write(true).custom_flags(OPEN_FLAGS).open(path);
        let master = match open("/dev/ptmx") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => open("/dev/pts/ptmx")?,
            done => done?,
        };
        let unlocked = 0_i32;
        // SAFETY: the argument is a live int, which is only read.
        check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) })?;
        let number = number(master.as_fd())?;
        let follower = peer(master.as_fd()).or_else(|_| by_path(number))?;
        Ok(Self { master: Master { fd: master.into() }, follower: Follower { fd: follower }, number })
    }

    /// The name programs see.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path(self.number)
    }
}

fn path(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/pts/{number}"))
}

/// The number the kernel gave the pair, told by the master.
fn number(master: BorrowedFd<'_>) -> io::Result<u32> {
    let mut number = 0_u32;
    // SAFETY: the argument is a live unsigned int, which the kernel fills.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) })?;
    Ok(number)
}

/// The follower without a path: right even where another `/dev/pts` is mounted.
fn peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the argument is a number: flags.
    let fd = check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | OPEN_FLAGS) })?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The follower by its name; it must be the pseudo-terminal of that number.
fn by_path(number: u32) -> io::Result<OwnedFd> {
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(OPEN_FLAGS | libc::O_NOFOLLOW)
        .open(path(number))?;
    let device = file.metadata()?.rdev();
    if libc::major(device) == FOLLOWER_MAJOR && libc::minor(device) == number {
        Ok(file.into())
    } else {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Follower {
    /// The follower that another process sent or left to this one.
    ///
    /// # Errors
    /// `ENOTTY` when it is no terminal.
    pub fn from_terminal(fd: OwnedFd) -> io::Result<Self> {
        window_size(&fd)?;
        Ok(Self { fd })
    }

    /// Gives the terminal to its user: group `tty` may write to it (0620), or nobody else when there is no such group (0600). Works
    /// on the descriptor, so no name can be exchanged in between.
    ///
    /// # Errors
    /// What the kernel says: only root can give something away.
    pub fn give_to(&self, user: Uid, tty_group: Option<Gid>) -> io::Result<()> {
        fchown(&self.fd, Some(user.0), tty_group.map(|group| group.0))?;
        let file = File::from(self.fd.try_clone()?);
        file.set_permissions(PermissionsExt::from_mode(if tty_group.is_some() { 0o620 } else { 0o600 }))
    }

    /// Makes it the terminal of the session that the calling process leads.
    /// [`spawn`](crate::spawn) does so for children; this is for a process that does it itself.
    ///
    /// # Errors
    /// `PermissionDenied` when the process leads no session or has a terminal already, or another session has this one.
    pub fn make_controlling(&self) -> io::Result<()> {
        // SAFETY: the argument is a number: 0, do not steal it.
        check(unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
        Ok(())
    }
}

impl Master {
    /// The master that another process sent to this one. The jail has not the question this asks: there [`resize`] takes any
    /// descriptor.
    ///
    /// # Errors
    /// `ENOTTY` when it is no pseudo-terminal's master.
    pub fn from_terminal(fd: OwnedFd) -> io::Result<Self> {
        number(fd.as_fd())?;
        Ok(Self { fd })
    }

    /// Tells programs that the window has this size now; they get SIGWINCH when it differs.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn resize(&self, size: WindowSize) -> io::Result<()> {
        resize(&self.fd, size)
    }
}

/// Tells programs of a terminal (either side of it) that the window has this size now.
///
/// # Errors
/// `ENOTTY` when it is no terminal.
pub fn resize(terminal: impl AsFd, size: WindowSize) -> io::Result<()> {
    let raw = libc::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: size.width,
        ws_ypixel: size.height,
    };
    // SAFETY: the argument is a live winsize, which is only read.
    check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const raw) })?;
    Ok(())
}

/// The size of a terminal's window, of either side of it.
///
/// # Errors
/// `ENOTTY` when it is no terminal.
pub fn window_size(terminal: impl AsFd) -> io::Result<WindowSize> {
    let mut raw = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the argument is a live winsize, which the kernel fills.
    check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut raw) })?;
    Ok(WindowSize { columns: raw.ws_col, rows: raw.ws_row, width: raw.ws_xpixel, height: raw.ws_ypixel })
}

/// Sends a break (RFC 4335). A pseudo-terminal accepts it and has no line on which it would be seen.
///
/// # Errors
/// `ENOTTY` when it is no terminal.
pub fn send_break(terminal: impl AsFd) -> io::Result<()> {
    // SAFETY: the argument is a number: 0, the usual length.
    check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TCSBRK, 0) })?;
    Ok(())
}

macro_rules! side {
    ($side:ident) => {
        impl AsFd for $side {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.fd.as_fd()
            }
        }

        impl From<$side> for OwnedFd {
            fn from(side: $side) -> Self {
                side.fd
            }
        }
    };
}

side!(Master);
side!(Follower);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_follower_by_its_name_is_the_same_device() {
        let pty = Pty::open().unwrap();
        let named = File::from(by_path(pty.number).unwrap());
        let handed = File::from(OwnedFd::from(pty.follower));
        assert_eq!(named.metadata().unwrap().rdev(), handed.metadata().unwrap().rdev());
        assert_eq!(by_path(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
