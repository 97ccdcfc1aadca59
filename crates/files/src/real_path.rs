//! Paths without `.`, `..` and symbolic links.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;

use sys::file;

use crate::fault;
use crate::limits::{PATH, REAL_PATH_LINKS};
use crate::root::Root;

/// The real path as OpenSSH's server finds it. `..` takes away the component before it, whatever that is; the last component need not
/// exist, unless a slash is behind it.
pub(crate) fn real_path(root: &impl Root, path: &[u8]) -> io::Result<Vec<u8>> {
    if path.len() > PATH {
        return Err(fault::too_long());
    }
    let mut real = if path.starts_with(b"/") { b"/".to_vec() } else { root.start()? };
    trim(&mut real);
    let mut left: VecDeque<Vec<u8>> = components(path).collect();
    let mut links: usize = 0;
    while let Some(component) = left.pop_front() {
        match component.as_slice() {
            b"" | b"." => continue,
            b".." => {
                parent(&mut real);
                continue;
            }
            _ => {}
        }
        if !real.ends_with(b"/") {
            real.push(b'/');
        }
        real.extend(component);
        if real.len() > PATH {
            return Err(fault::too_long());
        }
        let name = CString::new(real.as_slice())?;
        let status = match root.entry(&name).and_then(|found| file::status(found.place())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && left.is_empty() => break,
            done => done?,
        };
        if !status.is_link() {
            continue;
        }
        links = links.saturating_add(1);
        if links > REAL_PATH_LINKS {
            return Err(fault::too_many_links());
        }
        let target = file::read_link(root.entry(&name)?.place())?;
        if target.starts_with(b"/") {
            real = b"/".to_vec();
        } else {
            parent(&mut real);
        }
        for component in components(&target).rev() {
            left.push_front(component);
        }
    }
    trim(&mut real);
    Ok(real)
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|byte| *byte == b'/').map(<[u8]>::to_vec)
}

/// Takes the last component away.
fn parent(path: &mut Vec<u8>) {
    trim(path);
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.max(1));
    path.truncate(end);
}

/// Takes a slash at the end away, but for the root's.
fn trim(path: &mut Vec<u8>) {
    while path.len() > 1 && path.ends_with(b"/") {
        path.pop();
    }
}
