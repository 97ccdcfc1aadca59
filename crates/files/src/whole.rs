//! The whole machine: the kernel finds everything.

use std::borrow::Cow;
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

use sys::file::{self, Opening, Place};

use crate::root::{Found, From, Root};

/// The root of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Root for Whole {
    const IS_WHOLE: bool = true;

    fn open(&self, path: &CStr, how: &Opening) -> io::Result<OwnedFd> {
        file::open(Place::named(path, true), how)
    }

    fn entry<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>> {
        Ok(Found { from: From::WorkingDirectory, name: Cow::Borrowed(path), follow: false })
    }

    fn target<'a>(&'a self, path: &'a CStr) -> io::Result<Found<'a>> {
        Ok(Found { from: From::WorkingDirectory, name: Cow::Borrowed(path), follow: true })
    }

    fn set_size(&self, path: &CStr, size: u64) -> io::Result<()> {
        file::set_size(path, size)
    }

    fn start(&self) -> io::Result<Vec<u8>> {
        Ok(std::env::current_dir()?.into_os_string().into_vec())
    }
}
