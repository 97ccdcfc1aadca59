//! Sockets that listen for the client: where, and how they are made.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use sys::process::set_umask;
use sys::socket;

use super::file::SocketFile;
use super::limits::{BACKLOG, MAX_PATH, PORT_TRIES};
use super::resolve::loopback;
use crate::log::Level;
use crate::permit::GatewayPorts;
use crate::session::authority::Authority;
use crate::settings::without_number;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    /// At these addresses.
    At(Vec<SocketAddr>),
    /// At those of this host, which may be an address.
    Host(&'a str),
}

/// Where to listen when the client wrote `host`: `GatewayPorts` decides how far its word counts.
pub(super) fn binding(host: &str, gateway: GatewayPorts) -> Binding<'_> {
    let wildcard = || Binding::At(vec![(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()]);
    match (gateway, host) {
        (GatewayPorts::Yes, _) | (GatewayPorts::ClientSpecified, "" | "*") => wildcard(),
        // The name means both families, whatever the name service says.
        (GatewayPorts::ClientSpecified, "localhost") => Binding::At(loopback()),
        // One family of this host can be chosen always.
        (GatewayPorts::ClientSpecified, _) | (GatewayPorts::No, "127.0.0.1" | "::1") => Binding::Host(host),
        (GatewayPorts::No, _) => Binding::At(loopback()),
    }
}

/// Listens at one port of these addresses, as far as they can be had; at any port for 0, but at the same one everywhere. The port, and
/// at least one socket; `None` when there is none, and lines in the log.
pub(super) fn listen(
    addresses: &[SocketAddr],
    port: u16,
    authority: &mut Authority,
) -> Option<(u16, Vec<OwnedFd>)> {
    let mut tries = PORT_TRIES;
    loop {
        tries = tries.saturating_sub(1);
        let mut chosen = port;
        let (mut sockets, mut failures) = (Vec::new(), Vec::new());
        for address in addresses {
            let mut address = *address;
            address.set_port(chosen);
            authority.log(
                Level::Debug1,
                format_args!("Local forwarding listening on {} port {chosen}.", address.ip()),
            );
            match socket::listen(address, BACKLOG) {
                Ok(socket) => {
                    if chosen == 0 {
                        chosen = socket::local_name(&socket).map_or(0, |name| name.port());
                        authority.log(Level::Debug1, format_args!("Allocated listen port {chosen}"));
                    }
                    sockets.push(socket);
                }
                Err(error) => failures.push((address, error)),
            }
        }
        let taken = failures.iter().any(|(_, error)| error.kind() == io::ErrorKind::AddrInUse);
        if port == 0 && taken && !sockets.is_empty() && tries > 0 {
            continue;
        }
        for (address, error) in &failures {
            let (ip, port, why) = (address.ip(), address.port(), without_number(error));
            authority.log(Level::Error, format_args!("bind [{ip}]:{port}: {why}"));
        }
        if sockets.is_empty() {
            authority.log(
                Level::Error,
                format_args!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"),
            );
            return None;
        }
        return Some((chosen, sockets));
    }
}

/// Listens at a path, with the permissions that `mask` leaves; what is there goes first with `unlink`. `None` when that cannot be, and a
/// line in the log.
pub(super) fn listen_local(
    path: &[u8],
    mask: u32,
    unlink: bool,
    authority: &mut Authority,
) -> Option<(OwnedFd, SocketFile)> {
    let file = PathBuf::from(OsStr::from_bytes(path));
    let shown = file.display();
    if path.is_empty() || path.len() > MAX_PATH {
        authority.log(
            Level::Error,
            format_args!("unix_listener: path \"{shown}\" too long for Unix domain socket"),
        );
        return None;
    }
    if unlink
        && let Err(error) = fs::remove_file(&file)
        && error.kind() != io::ErrorKind::NotFound
    {
        authority.log(Level::Error, format_args!("unlink({shown}): {}", without_number(&error)));
    }
    // From its first moment on it has no other permissions. No other thread makes files meanwhile: there is none.
    let before = set_umask(mask & 0o777);
    let bound = UnixListener::bind(&file);
    set_umask(before);
    let made = bound.and_then(|listener| {
        let name = SocketFile::at(file.clone())?;
        listener.set_nonblocking(true)?;
        Ok((listener.into(), name))
    });
    match made {
        Ok(made) => {
            authority.log(Level::Debug1, format_args!("Local forwarding listening on path {shown}."));
            Some(made)
        }
        Err(error) => {
            let why = without_number(&error);
            authority.log(Level::Error, format_args!("unix_listener: cannot bind to path {shown}: {why}"));
            None
        }
    }
}
