//! The sockets that are listened on.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use config::Effective;
use config::listen::{AddressFamily, ListenHost};

use super::names;
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
    fn listen(address: SocketAddr) -> io::Result<Self> {
        sys::socket::listen(address, BACKLOG).map(|fd| Self { listener: fd.into(), address })
    }

    /// Listens no longer, nor does a copy in a child that has not let go of it yet; so the port is free.
    fn stop(self) -> SocketAddr {
        let _ = TcpStream::from(OwnedFd::from(self.listener)).shutdown(Shutdown::Both);
        self.address
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; `WouldBlock` when there is none now.
    pub(super) fn accept(&self) -> io::Result<TcpStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Listens on every configured address, with the sockets of `present` where they are for one of them. An address that cannot be had
/// is logged and left out. One that overlaps with an address that is no longer wanted takes its place or, when that fails, leaves it
/// in use.
///
/// # Errors
/// A name that stands for nothing, or no address that can be had; `present` listens where it did then.
pub(super) fn bind(
    config: &Effective,
    present: &mut Vec<Socket>,
    log: &Logger,
) -> Result<Vec<Socket>, CannotListen> {
    let addresses = addresses(config, log)?;
    let mut sockets: Vec<Socket> = Vec::new();
    let mut restored = Vec::new();
    for address in &addresses {
        if sockets.iter().any(|socket| socket.address == *address) {
            log.error(failed(*address, "Address already in use"));
            continue;
        }
        let socket = match present.iter().position(|socket| socket.address == *address) {
            Some(index) => Ok(present.swap_remove(index)),
            None => match Socket::listen(*address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    replace(*address, &addresses, present, &mut restored, log).unwrap_or(Err(error))
                }
                result => result,
            },
        };
        match socket {
            Ok(socket) => {
                log.info(format_args!("Server listening on {} port {}.", address.ip(), address.port()));
                sockets.push(socket);
            }
            Err(error) => log.error(failed(*address, &settings::without_number(&error))),
        }
    }
    if sockets.is_empty() {
        log.fatal("Cannot bind any address.");
        return Err(CannotListen);
    }
    for socket in present.extract_if(.., |socket| restored.contains(&socket.address)) {
        let address = socket.address;
        log.info(format_args!("Server listening on {} port {} as before.", address.ip(), address.port()));
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Listens on an address instead of on those of its port that are no longer wanted, or on these again when that fails. `None` when
/// there are no such addresses.
fn replace(
    address: SocketAddr,
    wanted: &[SocketAddr],
    present: &mut Vec<Socket>,
    restored: &mut Vec<SocketAddr>,
    log: &Logger,
) -> Option<io::Result<Socket>> {
    let in_the_way = |socket: &mut Socket| {
        socket.address.port() == address.port()
            && socket.address.is_ipv4() == address.is_ipv4()
            && !wanted.contains(&socket.address)
    };
    let stopped: Vec<SocketAddr> = present.extract_if(.., in_the_way).map(Socket::stop).collect();
    if stopped.is_empty() {
        return None;
    }
    let socket = Socket::listen(address);
    if socket.is_err() {
        for address in stopped {
            match Socket::listen(address) {
                Ok(socket) => {
                    present.push(socket);
                    restored.push(address);
                }
                Err(error) => log.error(failed(address, &settings::without_number(&error))),
            }
        }
    }
    Some(socket)
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
            ListenHost::Name(name) => {
                let found = names::look_up(name, entry.port);
                if found.is_empty() {
                    log.fatal(format_args!("bad addr or host: {name} (Name or service not known)"));
                    return Err(CannotListen);
                }
                addresses.extend(found.into_iter().filter(is_wanted));
            }
        }
    }
    everywhere_in_order(&mut addresses);
    Ok(addresses)
}

/// Of every address of IPv4 and every one of IPv6, on a port, IPv4 comes first, as with OpenSSH.
fn everywhere_in_order(addresses: &mut [SocketAddr]) {
    let is_everywhere = |address: &&SocketAddr| address.ip().is_unspecified();
    let ports: Vec<u16> = addresses.iter().filter(is_everywhere).map(SocketAddr::port).collect();
    for port in ports {
        let place = |is_ipv4: bool| {
            addresses.iter().position(|address| {
                address.ip().is_unspecified() && address.port() == port && address.is_ipv4() == is_ipv4
            })
        };
        if let (Some(first), Some(second)) = (place(false), place(true))
            && first < second
        {
            addresses.swap(first, second);
        }
    }
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
        assert!(TcpStream::connect(sockets[0].address()).is_ok());
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
        let waiting = TcpStream::connect(("127.0.0.1", first)).unwrap();
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

    #[test]
    fn an_address_within_one_that_is_no_longer_wanted_takes_its_place_and_the_other_way_round() {
        let port = free_port();
        let (everywhere, _) = bound(&config(&[("0.0.0.0", port)]), Vec::new());
        // A child that was just forked has a copy for a moment.
        let everywhere = everywhere.unwrap();
        let _copy = everywhere[0].listener.try_clone().unwrap();
        let (here, log) = bound(&config(&[("127.0.0.1", port), ("127.0.0.3", port)]), everywhere);
        assert_eq!(here.as_ref().unwrap().len(), 2, "{log:?}");
        assert!(TcpStream::connect(("127.0.0.3", port)).is_ok());
        assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
        let (_everywhere, log) = bound(&config(&[("0.0.0.0", port)]), here.unwrap());
        assert_eq!(log, [format!("Server listening on 0.0.0.0 port {port}.")]);
        assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
    }

    #[test]
    fn what_was_listened_on_is_listened_on_again_when_its_place_cannot_be_taken() {
        let port = free_port();
        let mut present = bound(&config(&[("127.0.0.1", port)]), Vec::new()).0.unwrap();
        let _other = TcpListener::bind(("127.0.0.2", port)).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Logger::to_file(file.path(), Level::Info).unwrap();
        assert!(bind(&config(&[("0.0.0.0", port)]), &mut present, &log).is_err());
        assert_eq!(present.len(), 1);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());

        let second = free_port();
        let sockets = bind(&config(&[("0.0.0.0", port), ("127.0.0.1", second)]), &mut present, &log).unwrap();
        assert_eq!(sockets.iter().map(|socket| socket.address.port()).collect::<Vec<_>>(), [second, port]);
        let log = std::fs::read_to_string(file.path()).unwrap();
        assert!(log.ends_with(&format!("Server listening on 127.0.0.1 port {port} as before.\r\n")), "{log}");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    #[test]
    fn everywhere_is_said_for_ipv4_first() {
        let mut addresses: Vec<SocketAddr> = ["[::]:22", "0.0.0.0:22", "[::1]:3", "[::]:23", "0.0.0.0:23"]
            .map(|text| text.parse().unwrap())
            .into();
        everywhere_in_order(&mut addresses);
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["0.0.0.0:22", "[::]:22", "[::1]:3", "0.0.0.0:23", "[::]:23"]);
    }
}
