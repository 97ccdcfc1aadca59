//! Unix sockets: connected to, asked for who is at the other end.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::call::check;
use crate::ids::Uid;
use crate::socket;

/// Connects to the socket at `path`, without waiting: the connection is there when this returns. The socket is non-blocking, and an
/// exec closes it.
///
/// # Errors
/// What the kernel says: `NotFound`, `PermissionDenied`, `ConnectionRefused` when nobody listens, `WouldBlock` when too many wait
/// there already; `InvalidFilename` for a path that is longer than such an address can hold (107 bytes) or has a NUL in it.
pub fn connect(path: &Path) -> io::Result<OwnedFd> {
    let bytes = path.as_os_str().as_bytes();
    let mut raw = libc::sockaddr_un { sun_family: libc::AF_UNIX as libc::sa_family_t, sun_path: [0; 108] };
    // The last byte stays what ends the name; an empty name would be no file's.
    if bytes.is_empty() || bytes.len() >= raw.sun_path.len() || bytes.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in raw.sun_path.iter_mut().zip(bytes) {
        *to = from.cast_signed() as libc::c_char;
    }
    let socket = socket::stream(libc::AF_UNIX)?;
    let (place, size) = ((&raw const raw).cast(), size_of_val(&raw) as libc::socklen_t);
    // SAFETY: the address is live and of the size given.
    check(unsafe { libc::connect(socket.as_raw_fd(), place, size) })?;
    Ok(socket)
}

/// As whom the process at the other end connected, or listens.
///
/// # Errors
/// What `getsockopt` says of a descriptor that is no connected Unix socket.
pub fn peer(fd: impl AsFd) -> io::Result<Uid> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut size = size_of_val(&peer) as libc::socklen_t;
    let (number, place) = (fd.as_fd().as_raw_fd(), (&raw mut peer).cast());
    // SAFETY: the structure and the size are live; the size is the structure's.
    check(unsafe { libc::getsockopt(number, libc::SOL_SOCKET, libc::SO_PEERCRED, place, &raw mut size) })?;
    Ok(Uid(peer.uid))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_connection_is_there_at_once_and_both_ends_know_whose_it_is() {
        let path = std::env::temp_dir().join(format!("nacre-local-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let ours = connect(&path).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        assert_eq!((peer(&ours).unwrap(), peer(&theirs).unwrap()), (Uid::effective(), Uid::effective()));
        theirs.write_all(b"x").unwrap();
        assert!(crate::fd::is_cloexec(&ours).unwrap());
        let mut ours = UnixStream::from(ours);
        assert_eq!(ours.read(&mut [0]).unwrap(), 1);
        assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(listener);
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_path_that_no_address_holds_is_refused() {
        for path in ["x".repeat(108), String::new(), "a\0b".into()] {
            assert_eq!(connect(Path::new(&path)).unwrap_err().raw_os_error(), Some(libc::ENAMETOOLONG));
        }
        assert_eq!(connect(Path::new(&"x".repeat(107))).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
