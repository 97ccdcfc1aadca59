//! The files below one directory: nothing above it is ever looked at.
//!
//! The kernel keeps the promise where it has `openat2` (Linux 5.6); else, and where it is not sure because of something that is renamed
//! meanwhile, each component is opened by itself ([`walk`]). Calls that take a name get one without a slash, seen from a directory that
//! was found so, and follow no link.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use sys::file::{self, Access, Opening, Place};

use crate::fault;
use crate::limits::RETRIES;
use crate::root::{Found, From, Root};
use crate::walk;

/// A directory that is the root of everything.
#[derive(Debug)]
pub struct Below {
    top: OwnedFd,
    start: Vec<u8>,
    /// Whether the kernel can resolve paths below a directory.
    by_kernel: bool,
}

const DIRECTORY: Opening = Opening { directory: true, ..Opening::PLACE };

impl Below {
    /// The files below this directory.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let name = CString::new(path.as_os_str().as_encoded_bytes())?;
        let top = file::open(Place::named(&name, true), &DIRECTORY)?;
        let by_kernel = file::open_below(top.as_fd(), c".", &DIRECTORY, true).is_ok();
        Ok(Self { top, start: b"/".to_vec(), by_kernel })
    }

    /// Relative paths begin here: an absolute path of this tree.
    pub(crate) fn start_in(&mut self, path: &[u8]) {
        self.start = path.to_vec();
        if !self.start.ends_with(b"/") {
            self.start.push(b'/');
        }
    }

    #[cfg(test)]
    pub(crate) fn walk_always(&mut self) {
        self.by_kernel = false;
    }

    /// A path from the top on.
    fn absolute<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        if path.starts_with(b"/") { Cow::Borrowed(path) } else { Cow::Owned([&self.start, path].concat()) }
    }

    fn open_absolute(&self, path: &[u8], how: &Opening) -> io::Result<OwnedFd> {
        if self.by_kernel {
            let name = CString::new(path)?;
            for _ in 0..RETRIES {
                match file::open_below(self.top.as_fd(), &name, how, true) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return done,
                }
            }
        }
        // With `exclusive` a link counts as the file that must not be there.
        let follow = !how.exclusive;
        let mut outcome = Err(fault::too_many_links());
        for _ in 0..RETRIES {
            let found = walk::walk(self.top.as_fd(), path, follow)?;
            outcome = file::open(found.place(), how);
            match &outcome {
                // It has become a link since the walk.
                Err(error) if follow && fault::is_link(error) => {}
                _ => return outcome,
            }
        }
        outcome
    }
}

impl Root for Below {
    const IS_WHOLE: bool = false;

    fn open(&self, path: &CStr, how: &Opening) -> io::Result<OwnedFd> {
        self.open_absolute(&self.absolute(path.to_bytes()), how)
    }

    fn entry<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>> {
        let path = self.absolute(path.to_bytes());
        let within = |from, name: &[u8]| -> io::Result<Found<'a>> {
            Ok(Found { from, name: Cow::Owned(CString::new(name)?), follow: false })
        };
        let trimmed = path.strip_suffix(b"/").map_or(&*path, |path| {
            let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last.saturating_add(1));
            path.get(..end).unwrap_or_default()
        });
        let slash = trimmed.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let (parent, name) = trimmed.split_at_checked(slash).unwrap_or_default();
        let name = name.strip_prefix(b"/").unwrap_or(name);
        if matches!(name, b"" | b"." | b"..") {
            return within(From::Opened(self.open_absolute(&path, &DIRECTORY)?), b".");
        }
        let from = match parent {
            b"" => From::Top(self.top.as_fd()),
            parent => From::Opened(self.open_absolute(parent, &DIRECTORY)?),
        };
        let found = within(from, name)?;
        // A slash at the end is for directories. The kernel is not given it, because it would follow a link then.
        let is_other = || file::status(found.place()).is_ok_and(|status| !status.is_directory());
        if trimmed.len() < path.len() && is_other() { Err(fault::no_directory()) } else { Ok(found) }
    }

    fn target<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>> {
        let opened = self.open(path, &Opening::PLACE)?;
        Ok(Found { from: From::Opened(opened), name: Cow::Borrowed(c""), follow: false })
    }

    fn set_size(&self, path: &CStr, size: u64) -> io::Result<()> {
        let how = Opening { access: Access::Write, ..Opening::default() };
        File::from(self.open(path, &how)?).set_len(size)
    }

    fn start(&self) -> io::Result<Vec<u8>> {
        Ok(self.start.clone())
    }
}

#[cfg(test)]
mod tests;
