//! The sockets that wait for connections, whatever for, and what comes in there.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use sys::socket;
use wire::{NulFree, Text};

use super::file::SocketFile;
use super::limits::{ACCEPT_PAUSE, ACCEPTS_PER_TURN, MAX_LISTENERS};
use crate::log::Level;
use crate::protocol::LinkError;
use crate::protocol::session::{IncomingAgent, IncomingLocal, IncomingTcp, IncomingX11};
use crate::session::authority::Authority;
use crate::session::net::Net;
use crate::session::watch::{Key, Watch};
use crate::settings::without_number;

/// What a socket listens for: which message its connections leave with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Purpose {
    /// A forwarded port.
    Tcp {
        /// As the client wrote it.
        address: String,
        /// The port itself.
        port: u16,
    },
    /// A forwarded Unix socket.
    Local {
        /// As the client wrote it.
        path: Vec<u8>,
    },
    /// The agent's socket of the connection.
    Agent {
        /// Its channels are opened by the name of RFC 9987.
        standard: bool,
    },
    /// A display of a session.
    X11 {
        /// Whose; it ends with it.
        session: u32,
        /// All sockets of the session's display are closed after the first connection.
        single: bool,
    },
}

/// All of them. They are closed, and their files removed, when this is dropped.
#[derive(Debug, Default)]
pub(in crate::session) struct Listeners {
    all: BTreeMap<u64, Listener>,
    next: u64,
    /// Until then no connection is taken: the process had no descriptor for the last one.
    paused: Option<Instant>,
}

/// One of them.
#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    purpose: Purpose,
    /// Removed when the socket is closed.
    _file: Option<SocketFile>,
}

impl Listeners {
    /// Whether `count` more sockets may listen. To be asked before they are made.
    pub(in crate::session) fn has_room(&self, count: usize) -> bool {
        self.all.len().saturating_add(count) <= MAX_LISTENERS
    }

    /// Takes a socket that listens already and is non-blocking. `file` is where it is bound, if it is to be removed with the socket.
    pub(in crate::session) fn add(&mut self, socket: OwnedFd, purpose: Purpose, file: Option<SocketFile>) {
        self.all.insert(self.next, Listener { socket, purpose, _file: file });
        self.next = self.next.saturating_add(1);
    }

    /// Closes the sockets of this purpose, and tells whether there were any.
    pub(in crate::session) fn close(&mut self, purpose: &Purpose) -> bool {
        let before = self.all.len();
        self.all.retain(|_, listener| listener.purpose != *purpose);
        self.all.len() != before
    }

    /// Closes the sockets of a session's display.
    pub(in crate::session) fn close_session(&mut self, number: u32) {
        self.all.retain(
            |_, listener| !matches!(listener.purpose, Purpose::X11 { session, .. } if session == number),
        );
    }

    /// Waits for connections.
    pub(super) fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        if let Some(paused) = self.paused {
            return watch.until(paused);
        }
        for (number, listener) in &self.all {
            watch.read(Key::Listener(*number), listener.socket.as_fd());
        }
    }

    /// Begins to take connections again, when the pause is over.
    pub(super) fn resume(&mut self, now: Instant) {
        self.paused = self.paused.filter(|paused| *paused > now);
    }

    /// Takes the connections that have come in at one socket, and hands them to net, as far as it takes them.
    pub(super) fn accept(
        &mut self,
        number: u64,
        now: Instant,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        for _ in 0..ACCEPTS_PER_TURN {
            if !net.takes_incoming() {
                break;
            }
            let Some(listener) = self.all.get(&number) else { break };
            match socket::accept(&listener.socket) {
                Ok(accepted) => {
                    let purpose = listener.purpose.clone();
                    if let Purpose::X11 { session, single: true } = purpose {
                        authority.log(Level::Debug2, "single_connection: closing X11 listener.");
                        self.close_session(session);
                    }
                    hand_over(&purpose, accepted, authority, net)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // It had gone before it was taken, as a port scanner does it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    authority.log(Level::Error, format_args!("accept: {}", without_number(&error)));
                    // It may be that there is no descriptor for it, and it would be tried without end.
                    self.paused = now.checked_add(ACCEPT_PAUSE);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Tells net of a connection, with its descriptor.
fn hand_over(
    purpose: &Purpose,
    accepted: OwnedFd,
    authority: &mut Authority,
    net: &mut Net,
) -> Result<(), LinkError> {
    if matches!(purpose, Purpose::Tcp { .. } | Purpose::X11 { .. }) {
        // Only slower without it.
        let _ = socket::set_nodelay(&accepted, true);
    }
    let peer = socket::peer_name(&accepted);
    let originator = peer.map_or_else(|| UNKNOWN.to_owned(), |peer| peer.ip().to_string());
    let (originator, originator_port) = (Text::new(&originator)?, peer.map_or(0, |peer| peer.port().into()));
    match purpose {
        Purpose::Tcp { address, port } => {
            authority.log(
                Level::Debug1,
                format_args!("Connection to port {port} forwarding to {address} port 0 requested."),
            );
            let address = Text::new(address)?;
            net.send(
                &IncomingTcp { address, port: (*port).into(), originator, originator_port },
                vec![accepted],
            )
        }
        Purpose::Local { path } => net.send(&IncomingLocal { path: NulFree::new(path)? }, vec![accepted]),
        Purpose::Agent { standard } => net.send(&IncomingAgent { standard: *standard }, vec![accepted]),
        Purpose::X11 { .. } => {
            authority.log(Level::Debug1, "X11 connection requested.");
            net.send(&IncomingX11 { originator, originator_port }, vec![accepted])
        }
    }
}

/// What stands for an address that there is none of.
const UNKNOWN: &str = "UNKNOWN";

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use wire::Message;

    use super::*;
    use crate::log::level_number;
    use crate::protocol::Link;

    /// Those who are told, and their other ends.
    fn world() -> (Authority, Link, Net, Link) {
        let (authority, monitor) = Link::pair().unwrap();
        let (net, its_net) = Link::pair().unwrap();
        let authority = Authority::new(authority, level_number(Level::Info), true);
        (authority, monitor, Net::new(net).unwrap(), its_net)
    }

    fn listener(folder: &tempfile::TempDir, name: &str) -> OwnedFd {
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener.into()
    }

    fn watched(listeners: &Listeners) -> Vec<Key> {
        let mut watch = Watch::default();
        listeners.watch(&mut watch);
        watch.until(Instant::now());
        watch.wait().unwrap()
    }

    #[test]
    fn a_connection_leaves_as_what_its_socket_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let (mut authority, _monitor, mut net, mut its_net) = world();
        let mut listeners = Listeners::default();
        let agent = Purpose::Agent { standard: true };
        let local = Purpose::Local { path: b"as/written".to_vec() };
        listeners.add(listener(&folder, "agent"), agent, None);
        listeners.add(listener(&folder, "local"), local.clone(), None);
        assert_eq!(watched(&listeners), []);
        let _clients = ["agent", "local"].map(|name| UnixStream::connect(folder.path().join(name)).unwrap());
        assert_eq!(watched(&listeners), [Key::Listener(0), Key::Listener(1)]);
        for number in [0, 1, 2] {
            listeners.accept(number, Instant::now(), &mut authority, &mut net).unwrap();
        }
        let told = its_net.receive(1).unwrap();
        assert!(IncomingAgent::from_payload(told.payload).unwrap().standard && told.fds.len() == 1);
        let told = its_net.receive(1).unwrap();
        assert_eq!(IncomingLocal::from_payload(told.payload).unwrap().path.as_bytes(), b"as/written");
        assert!(listeners.close(&local) && !listeners.close(&local));
        assert_eq!(listeners.all.len(), 1);
    }

    #[test]
    fn a_display_for_one_connection_ends_with_it_and_others_with_their_session() {
        let folder = tempfile::tempdir().unwrap();
        let (mut authority, _monitor, mut net, mut its_net) = world();
        let mut listeners = Listeners::default();
        let display = |session, single| Purpose::X11 { session, single };
        for (name, purpose) in [
            ("a", display(1, true)),
            ("b", display(1, true)),
            ("c", display(2, false)),
            ("d", display(3, false)),
        ] {
            listeners.add(listener(&folder, name), purpose, None);
        }
        let _clients = ["b", "b", "c"].map(|name| UnixStream::connect(folder.path().join(name)).unwrap());
        for number in [1, 2] {
            listeners.accept(number, Instant::now(), &mut authority, &mut net).unwrap();
        }
        assert_eq!(listeners.all.keys().copied().collect::<Vec<_>>(), [2, 3]);
        listeners.close_session(2);
        assert_eq!(listeners.all.keys().copied().collect::<Vec<_>>(), [3]);
        for _ in 0..2 {
            assert_eq!(its_net.receive(1).unwrap().number(), IncomingX11::NUMBER);
        }
        drop(net);
        assert!(matches!(its_net.receive(1), Err(LinkError::Closed)));
    }

    #[test]
    fn after_a_connection_that_could_not_be_taken_there_is_a_pause() {
        let (mut authority, mut monitor, mut net, _its_net) = world();
        let mut listeners = Listeners::default();
        // It does not listen, and is ready all the time.
        listeners.add(UnixStream::pair().unwrap().0.into(), Purpose::Agent { standard: false }, None);
        let now = Instant::now();
        assert_eq!(watched(&listeners), [Key::Listener(0)]);
        listeners.accept(0, now, &mut authority, &mut net).unwrap();
        let line = String::from_utf8_lossy(monitor.receive(0).unwrap().payload).into_owned();
        assert!(line.ends_with("accept: Invalid argument"), "{line}");
        assert_eq!(watched(&listeners), []);
        listeners.resume(now);
        assert_eq!(watched(&listeners), []);
        listeners.resume(now.checked_add(ACCEPT_PAUSE).unwrap());
        assert_eq!(watched(&listeners), [Key::Listener(0)]);
    }
}
