//! The two ends of a connection.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// Both ends, as logs, `Match` and the environment see them. A peer that is no TCP connection (`-i` behind a pipe) has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    client: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

/// What stands for an address that there is none of.
const UNKNOWN: &str = "UNKNOWN";

impl Peer {
    /// The ends of what `fd` is connected to.
    pub(crate) fn of(fd: impl AsFd) -> Self {
        Self { client: sys::socket::peer_name(&fd), local: sys::socket::local_name(&fd) }
    }

    /// The client's address; `None` when it has none, which no pattern matches.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.client.map(|address| address.ip())
    }

    /// The address it connected to.
    pub(crate) fn local(&self) -> Option<IpAddr> {
        self.local.map(|address| address.ip())
    }

    /// The client's address, or `UNKNOWN`.
    pub(crate) fn client_text(&self) -> String {
        text(self.client)
    }

    /// The client's port; 65535 when it has none.
    pub(crate) fn client_port(&self) -> u16 {
        port(self.client)
    }

    /// The address it connected to, or `UNKNOWN`.
    pub(crate) fn local_text(&self) -> String {
        text(self.local)
    }

    /// The port it connected to; 65535 when there is none.
    pub(crate) fn local_port(&self) -> u16 {
        port(self.local)
    }
}

fn text(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| UNKNOWN.to_owned(), |address| address.ip().to_string())
}

fn port(address: Option<SocketAddr>) -> u16 {
    address.map_or(u16::MAX, |address| address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_has_no_ends_and_says_so_as_openssh_does() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let peer = Peer::of(&reader);
        assert_eq!((peer.client_text().as_str(), peer.client_port()), ("UNKNOWN", 65535));
        assert_eq!(peer.client(), None);
    }

    #[test]
    fn a_tcp_connection_has_both() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let peer = Peer::of(&accepted);
        assert_eq!((peer.client_text().as_str(), peer.local_text().as_str()), ("127.0.0.1", "127.0.0.1"));
        assert_eq!(peer.client_port(), client.local_addr().unwrap().port());
        assert_eq!(peer.local_port(), listener.local_addr().unwrap().port());
    }
}
