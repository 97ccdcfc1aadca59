//! Finding a file below a directory component by component, where the kernel cannot be asked to stay there.
//!
//! Every directory on the way is kept open, and `..` goes back to the one before: the kernel is only ever given plain names, of which
//! it follows none. So nothing that others rename or replace meanwhile leads out.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::file::{self, Opening, Place};

use crate::fault;
use crate::limits::{DEPTH, LINKS, PATH};
use crate::root::{Found, From};

/// Where a path leads; with `follow`, through a link at its end. The last component need not exist. What is found is an entry of the
/// directory that was seen, and no link when it was looked at.
pub(crate) fn walk<'a>(top: BorrowedFd<'a>, path: &[u8], follow: bool) -> io::Result<Found<'a>> {
    if path.len() > PATH {
        return Err(fault::too_long());
    }
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut left: VecDeque<Vec<u8>> = components(path).collect();
    let mut links: usize = 0;
    while let Some(component) = left.pop_front() {
        match component.as_slice() {
            b"" | b"." => continue,
            b".." => {
                opened.pop();
                continue;
            }
            _ => {}
        }
        let is_last = left.is_empty();
        let name = CString::new(component)?;
        let here = opened.last().map_or(top, AsFd::as_fd);
        let found = |mut opened: Vec<OwnedFd>, name| {
            let from = opened.pop().map_or(From::Top(top), From::Opened);
            Ok(Found { from, name: Cow::Owned(name), follow: false })
        };
        if is_last && !follow {
            return found(opened, name);
        }
        let fd = match file::open(Place::within(here, &name), &Opening::PLACE) {
            Err(error) if is_last && error.kind() == io::ErrorKind::NotFound => return found(opened, name),
            done => done?,
        };
        let status = file::status(Place::of(fd.as_fd()))?;
        if status.is_link() {
            links = links.saturating_add(1);
            if links > LINKS {
                return Err(fault::too_many_links());
            }
            let target = file::read_link(Place::of(fd.as_fd()))?;
            if target.starts_with(b"/") {
                opened.clear();
            }
            for component in components(&target).rev() {
                left.push_front(component);
            }
        } else if status.is_directory() {
            if opened.len() >= DEPTH {
                return Err(fault::too_long());
            }
            opened.push(fd);
        } else if is_last {
            return found(opened, name);
        } else {
            return Err(fault::no_directory());
        }
    }
    let from = opened.pop().map_or(From::Top(top), From::Opened);
    Ok(Found { from, name: Cow::Borrowed(c"."), follow: false })
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec)
}
