//! TCP sockets: made to listen, connected, asked for their names, tuned.

use std::ffi::CString;
use std::io;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::call::{check, retry};

/// A socket that listens on this address and no other: an IPv6 one takes no IPv4 connections, so that both can be listened on. It is
/// non-blocking, an exec closes it, and an address whose old connections linger is taken at once. At most `backlog` connections wait
/// to be accepted (or fewer: `net.core.somaxconn`); `std::net::TcpListener::from` accepts them.
///
/// # Errors
/// `AddrInUse`, `PermissionDenied` for a low port, `AddrNotAvailable`, and what else the kernel says: `EAFNOSUPPORT` without IPv6.
pub fn listen(address: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let socket = stream(if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET })?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if address.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    with_name(&socket, address, libc::bind)?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(socket)
}

/// A stream socket of that family: non-blocking, and an exec closes it.
pub(crate) fn stream(family: i32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes numbers only.
    let number = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the kernel just made it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// `bind` or `connect`.
type Call = unsafe extern "C" fn(RawFd, *const libc::sockaddr, libc::socklen_t) -> i32;

fn with_name(socket: &OwnedFd, address: SocketAddr, call: Call) -> io::Result<()> {
    let socket = socket.as_raw_fd();
    let done = match address {
        SocketAddr::V4(address) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                sin_zero: [0; 8],
            };
            let (place, size) = ((&raw const raw).cast(), size_of_val(&raw) as libc::socklen_t);
            // SAFETY: the address is live and of the size given.
            unsafe { call(socket, place, size) }
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
            unsafe { call(socket, place, size) }
        }
    };
    check(done).map(|_| ())
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

/// The service class with which packets are sent: the byte in their header that was the "type of service" in IPv4 and the "traffic
/// class" in IPv6, of which six bits are the DSCP.
///
/// # Errors
/// What `setsockopt` says of a descriptor that is no socket of the Internet.
pub fn set_service_class(fd: impl AsFd, class: u8) -> io::Result<()> {
    let fd = fd.as_fd();
    if option(fd, libc::SO_DOMAIN)? == libc::AF_INET6 {
        set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, class.into())?;
    }
    // For an IPv6 socket too: what it talks to may be an IPv4 address.
    set_option(fd, libc::IPPROTO_IP, libc::IP_TOS, class.into())
}

/// The service class that is set.
///
/// # Errors
/// As those of [`set_service_class`].
pub fn service_class(fd: impl AsFd) -> io::Result<u8> {
    let fd = fd.as_fd();
    let value = if option(fd, libc::SO_DOMAIN)? == libc::AF_INET6 {
        option_of(fd, libc::IPPROTO_IPV6, libc::IPV6_TCLASS)?
    } else {
        option_of(fd, libc::IPPROTO_IP, libc::IP_TOS)?
    };
    u8::try_from(value).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// How long a byte takes to the other end of a TCP connection and its acknowledgement back, as the kernel has measured it lately.
/// `None` when it has not.
///
/// # Errors
/// `ENOTSOCK` or `EOPNOTSUPP` for what is no TCP socket.
pub fn round_trip(fd: impl AsFd) -> io::Result<Option<Duration>> {
    // SAFETY: it is made of numbers only, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut size = size_of_val(&info) as libc::socklen_t;
    let (fd, place) = (fd.as_fd().as_raw_fd(), (&raw mut info).cast());
    // SAFETY: `info` and `size` are live; the size is the structure's, and the kernel writes no more.
    check(unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut size) })?;
    Ok((info.tcpi_rtt > 0).then(|| Duration::from_micros(info.tcpi_rtt.into())))
}

/// Says that nothing more is written to a connected socket: its other end reads what was written, and then the end.
///
/// # Errors
/// `ENOTCONN` when it is not connected (any more), `ENOTSOCK` for what is no socket.
pub fn shutdown_write(fd: impl AsFd) -> io::Result<()> {
    shutdown(fd.as_fd(), libc::SHUT_WR)
}

/// Says that nothing more is read from a connected socket: writing to a Unix socket fails at its other end then.
///
/// # Errors
/// As those of [`shutdown_write`].
pub fn shutdown_read(fd: impl AsFd) -> io::Result<()> {
    shutdown(fd.as_fd(), libc::SHUT_RD)
}

fn shutdown(fd: BorrowedFd<'_>, how: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) })?;
    Ok(())
}

/// The next connection that waits at a listening socket, of whichever family. It is non-blocking, and an exec closes it.
///
/// # Errors
/// `WouldBlock` when none waits, `ConnectionAborted` when one has gone, and what else the kernel says: `EMFILE`.
pub fn accept(listener: impl AsFd) -> io::Result<OwnedFd> {
    let (number, none) = (listener.as_fd().as_raw_fd(), std::ptr::null_mut());
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no address is asked for.
    let accepted = retry(|| unsafe { libc::accept4(number, none, std::ptr::null_mut(), flags) })?;
    // SAFETY: the kernel just made it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(accepted) })
}

/// Begins to connect to an address. The socket is non-blocking, and an exec closes it: when it can be written, the connection is there
/// or [`take_error`] tells why not.
///
/// # Errors
/// What the kernel knows at once: `ENETUNREACH`, `EMFILE`, and what else it says.
pub fn connect(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = stream(if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET })?;
    match with_name(&socket, address, libc::connect) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        done => done.map(|()| socket),
    }
}

/// What went wrong with a socket since this was last asked.
///
/// # Errors
/// That; or what `getsockopt` says of a descriptor that is no socket.
pub fn take_error(fd: impl AsFd) -> io::Result<()> {
    match option(fd.as_fd(), libc::SO_ERROR)? {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The number of a network interface, as the scope of an IPv6 address has it. `None` when there is none of that name.
#[must_use]
pub fn interface(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is live and terminated.
    let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (number != 0).then_some(number)
}

fn set_option(fd: impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let (place, size) = ((&raw const value).cast(), size_of_val(&value) as libc::socklen_t);
    // SAFETY: the value is live and of the size given.
    check(unsafe { libc::setsockopt(fd.as_fd().as_raw_fd(), level, option, place, size) })?;
    Ok(())
}

/// A number among the options of any socket (`SOL_SOCKET`).
pub(crate) fn option(fd: BorrowedFd<'_>, option: i32) -> io::Result<i32> {
    option_of(fd, libc::SOL_SOCKET, option)
}

fn option_of(fd: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut size = size_of::<i32>() as libc::socklen_t;
    let place = (&raw mut value).cast();
    // SAFETY: `value` and `size` are live; the size is the value's.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, place, &raw mut size) })?;
    Ok(value)
}
