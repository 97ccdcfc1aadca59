//! Where paths begin.

use std::borrow::Cow;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::file::{Opening, Place};

/// How a tree finds files: the one thing in which trees differ.
pub trait Root: Send + Sync + 'static {
    /// Whether this is the machine's own root, so that `..` and homes are what the system takes for them.
    const IS_WHOLE: bool;

    /// Opens a file, through symbolic links.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &CStr, how: &Opening) -> io::Result<OwnedFd>;

    /// Where the name is that a path ends with, of a symbolic link itself.
    ///
    /// # Errors
    /// What the system says of the way there; the name itself need not exist.
    fn entry<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>>;

    /// Where the file is that a path leads to, through symbolic links.
    ///
    /// # Errors
    /// What the system says.
    fn target<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>>;

    /// Changes how long the file is that a path leads to.
    ///
    /// # Errors
    /// What the system says.
    fn set_size(&self, path: &CStr, size: u64) -> io::Result<()>;

    /// Where relative paths begin, as an absolute path of this tree.
    ///
    /// # Errors
    /// What the system says.
    fn start(&self) -> io::Result<Vec<u8>>;
}

/// Where a file was found.
#[derive(Debug)]
pub struct Found<'a> {
    pub(crate) from: From<'a>,
    pub(crate) name: Cow<'a, CStr>,
    pub(crate) follow: bool,
}

/// What the name is seen from.
#[derive(Debug)]
pub(crate) enum From<'a> {
    /// The working directory.
    WorkingDirectory,
    /// The top of the tree.
    Top(BorrowedFd<'a>),
    /// What was opened on the way.
    Opened(OwnedFd),
}

impl Found<'_> {
    /// The same, for system calls.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        let from = match &self.from {
            From::WorkingDirectory => None,
            From::Top(fd) => Some(*fd),
            From::Opened(fd) => Some(fd.as_fd()),
        };
        Place { from, name: &self.name, follow: self.follow }
    }
}
