//! TCP sockets: made to listen, asked for their names, tuned.

use std::io;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::call::check;

/// A socket that listens on this address and no other: an IPv6 one takes no IPv4 connections, so that both can be listened on. It is
/// non-blocking, an exec closes it, and an address whose old connections linger is taken at once. At most `backlog` connections wait
/// to be accepted (or fewer: `net.core.somaxconn`); `std::net::TcpListener::from` accepts them.
///
/// # Errors
/// `AddrInUse`, `PermissionDenied` for a low port, `AddrNotAvailable`, and what else the kernel says: `EAFNOSUPPORT` without IPv6.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes numbers only.
    let number = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the kernel just made it, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if address.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    bind(&socket, address)?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(socket)
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let socket = socket.as_raw_fd();
    let bound = match address {
        SocketAddr::V4(address) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            };
            let (place, size) = ((&raw const raw).cast(), size_of_val(&raw) as libc::socklen_t);
            // SAFETY: the address is live and of the size given.
            unsafe { libc::bind(socket, place, size) }
        }
        SocketAddr::V6(address) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: address.scope_id(),
            };
            let (place, size) = ((&raw const raw).cast(), size_of_val(&raw) as libc::socklen_t);
            // SAFETY: the address is live and of the size given.
            unsafe { libc::bind(socket, place, size) }
        }
    };
    check(bound).map(|_| ())
}

/// Who is at the other end. `None` when the descriptor is no TCP socket or is not connected (any more). An IPv4 address that came
/// through an IPv6 socket (`::ffff:192.0.2.1`) is told as an IPv4 address.
#[must_use]
pub fn peer_name(fd: impl AsFd) -> Option<SocketAddr> {
    name(fd.as_fd(), TcpStream::peer_addr)
}

/// The address of this end, as [`peer_name`] tells the other's. For a listening socket too: the port the kernel chose.
#[must_use]
pub fn local_name(fd: impl AsFd) -> Option<SocketAddr> {
    name(fd.as_fd(), TcpStream::local_addr)
}

fn name(fd: BorrowedFd<'_>, ask: fn(&TcpStream) -> io::Result<SocketAddr>) -> Option<SocketAddr> {
    let kind = option(fd, libc::SO_TYPE).ok()?;
    if kind != libc::SOCK_STREAM {
        return None;
    }
    // SAFETY: the descriptor is open while it is borrowed, and is not closed here because the stream is never dropped. That it is
    // a TCP socket is not needed: the calls fail on anything else.
    let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(fd.as_raw_fd()) });
    let address = ask(&stream).ok()?;
    match address.ip().to_canonical() {
        ip if ip == address.ip() => Some(address),
        mapped => Some(SocketAddr::new(mapped, address.port())),
    }
}

/// Whether small packets are sent at once instead of waiting for the acknowledgement of what went before.
///
/// # Errors
/// What `setsockopt` says of a descriptor that is no TCP socket.
pub fn set_nodelay(fd: impl AsFd, at_once: bool) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, at_once.into())
}

/// Has what was received acknowledged now, and for a while without waiting for something to send along: a peer that holds small
/// packets back until the last one is acknowledged (Nagle's algorithm) is not kept waiting for 40 ms.
///
/// # Errors
/// `ENOTSOCK` or `EOPNOTSUPP` for what is no TCP socket.
pub fn acknowledge(fd: impl AsFd) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1)
}

/// Whether the kernel asks a silent peer, after hours, if it is still there, and ends the connection when it is not.
///
/// # Errors
/// What `setsockopt` says of a descriptor that is no socket.
pub fn set_keepalive(fd: impl AsFd, ask: bool) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, ask.into())
}

/// How many bytes may wait unsent in the kernel while the socket counts as writable. What waits there cannot be overtaken by
/// something more urgent, so few bytes mean short answers on a busy connection.
///
/// # Errors
/// What `setsockopt` says of a descriptor that is no TCP socket.
pub fn set_notsent_lowat(fd: impl AsFd, bytes: u32) -> io::Result<()> {
    // The kernel takes the four bytes as an unsigned number.
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes.cast_signed())
}

fn set_option(fd: impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let (place, size) = ((&raw const value).cast(), size_of_val(&value) as libc::socklen_t);
    // SAFETY: the value is live and of the size given.
    check(unsafe { libc::setsockopt(fd.as_fd().as_raw_fd(), level, option, place, size) })?;
    Ok(())
}

/// A number among the options of any socket (`SOL_SOCKET`).
pub(crate) fn option(fd: BorrowedFd<'_>, option: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut size = size_of::<i32>() as libc::socklen_t;
    let place = (&raw mut value).cast();
    // SAFETY: `value` and `size` are live; the size is the value's.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, place, &raw mut size) })?;
    Ok(value)
}
