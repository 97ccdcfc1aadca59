//! The sockets that are listened on.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};

use config::Effective;
use config::listen::{AddressFamily, ListenHost};

use crate::log::Logger;
use crate::settings;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// A socket, and the address it is for.
#[derive(Debug)]
pub(super) struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

/// There is no address left to listen on; why was said.
#[derive(Debug)]
pub(super) struct CannotListen;

impl Socket {
    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; `WouldBlock` when there is none now.
    pub(super) fn accept(&self) -> io::Result<std::net::TcpStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Listens on every configured address, with the sockets of `present` where they are for one of them. An address that cannot be had
/// is logged and left out.
///
/// # Errors
/// A name that stands for nothing, or no address that can be had; no socket of `present` is touched then.
pub(super) fn bind(
    config: &Effective,
    present: &mut Vec<Socket>,
    log: &Logger,
) -> Result<Vec<Socket>, CannotListen> {
    let mut sockets: Vec<Socket> = Vec::new();
    for address in addresses(config, log)? {
        if sockets.iter().any(|socket| socket.address == address) {
            log.error(failed(address, "Address already in use"));
            continue;
        }
        let socket = match present.iter().position(|socket| socket.address == address) {
            Some(index) => Ok(present.swap_remove(index)),
            None => sys::socket::listen(address, BACKLOG)
                .map(|fd| Socket { listener: TcpListener::from(fd), address }),
        };
        match socket {
            Ok(socket) => {
                log.info(format_args!("Server listening on {} port {}.", address.ip(), address.port()));
                sockets.push(socket);
            }
            Err(error) => log.error(failed(address, &settings::without_number(&error))),
        }
    }
    if sockets.is_empty() {
        log.fatal("Cannot bind any address.");
        return Err(CannotListen);
    }
    Ok(sockets)
}

fn failed(address: SocketAddr, why: &str) -> String {
    format!("Bind to port {} on {} failed: {why}.", address.port(), address.ip())
}

/// The addresses in the order of the configuration; names are looked up.
fn addresses(config: &Effective, log: &Logger) -> Result<Vec<SocketAddr>, CannotListen> {
    let is_wanted = |address: &SocketAddr| match config.address_family {
        AddressFamily::Any => true,
        AddressFamily::Inet => address.is_ipv4(),
        AddressFamily::Inet6 => address.is_ipv6(),
    };
    let mut addresses = Vec::new();
    for entry in &config.listen_address.0 {
        match &entry.host {
            ListenHost::Address(ip) => addresses.push(SocketAddr::new(*ip, entry.port)),
            ListenHost::Name(name) => match (name.as_str(), entry.port).to_socket_addrs() {
                Ok(found) => addresses.extend(found.filter(is_wanted)),
                Err(error) => {
                    let text = settings::without_number(&error);
                    let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                    log.fatal(format_args!("bad addr or host: {name} ({why})"));
                    return Err(CannotListen);
                }
            },
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use config::listen::ListenAddress;

    use super::*;
    use crate::log::Level;

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn config(addresses: &[(&str, u16)]) -> Effective {
        let lines = ["-f", "none"].map(std::ffi::OsString::from);
        let Ok(crate::options::Parsed::Options(options)) = crate::options::Options::parse(lines) else {
            panic!()
        };
        let mut config = settings::read(&options, &settings::Origin::here()).unwrap().global().clone();
        config.listen_address.0 = addresses
            .iter()
            .map(|(host, port)| {
                let host =
                    host.parse().map_or_else(|_| ListenHost::Name((*host).into()), ListenHost::Address);
                ListenAddress { host, port: *port }
            })
            .collect();
        config
    }

    /// The addresses that are listened on, and the log.
    fn bound(
        config: &Effective,
        mut present: Vec<Socket>,
    ) -> (Result<Vec<Socket>, CannotListen>, Vec<String>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sockets = bind(config, &mut present, &Logger::to_file(file.path(), Level::Info).unwrap());
        let log = std::fs::read_to_string(file.path()).unwrap();
        (sockets, log.lines().map(str::to_owned).collect())
    }

    #[test]
    fn an_address_that_is_taken_is_said_and_the_others_are_used() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let (taken_port, free) = (taken.local_addr().unwrap().port(), free_port());
        let (sockets, log) = bound(&config(&[("127.0.0.1", taken_port), ("127.0.0.1", free)]), Vec::new());
        let sockets = sockets.unwrap();
        assert_eq!(sockets.len(), 1);
        assert_eq!(
            log,
            [
                format!("Bind to port {taken_port} on 127.0.0.1 failed: Address already in use."),
                format!("Server listening on 127.0.0.1 port {free}.")
            ]
        );
        assert!(std::net::TcpStream::connect(sockets[0].address()).is_ok());
    }

    #[test]
    fn no_address_is_the_end() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let (sockets, log) = bound(&config(&[("127.0.0.1", taken.local_addr().unwrap().port())]), Vec::new());
        assert!(sockets.is_err());
        assert_eq!(log.last().unwrap(), "Cannot bind any address.");
    }

    #[test]
    fn a_socket_that_is_still_wanted_is_kept_with_the_connections_that_wait_there() {
        let [first, second] = [free_port(), free_port()];
        let (sockets, _) = bound(&config(&[("127.0.0.1", first)]), Vec::new());
        let waiting = std::net::TcpStream::connect(("127.0.0.1", first)).unwrap();
        let (sockets, log) = bound(&config(&[("127.0.0.1", second), ("127.0.0.1", first)]), sockets.unwrap());
        let sockets = sockets.unwrap();
        assert_eq!(log.len(), 2);
        let accepted = sockets[1].accept().unwrap();
        assert_eq!(accepted.peer_addr().unwrap(), waiting.local_addr().unwrap());
        assert_eq!(sockets[0].accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn names_are_looked_up() {
        let port = free_port();
        let (sockets, _) = bound(&config(&[("localhost", port)]), Vec::new());
        assert!(sockets.unwrap().iter().all(|socket| socket.address().ip().is_loopback()));
    }
}
