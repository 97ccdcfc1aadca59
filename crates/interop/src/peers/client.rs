//! The stock clients as one kind of thing, and a listener of ours that one of them connects to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::chroot::Release;
use super::keys::KeyPair;
use super::process::{Finished, Input};
use super::terminal::Terminal;
use super::{Algorithms, DEADLINE, Peers, dropbear, openssh, putty};
use crate::error::{During, Error};

/// A client that is a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// `ssh`.
    OpenSsh(Release),
    /// `dbclient`.
    Dropbear(Release),
    /// `plink`.
    Putty(Release),
}

/// How often `dbclient` may try. On a busy machine it was seen to stand still in the middle of its data, in one of some hundred
/// runs: 2022.83 once with our server, 2026.94 once with russh's. Why is not known.
pub const DBCLIENT_TRIES: u32 = 3;

impl ClientKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OpenSsh(Release::Bookworm),
        Self::OpenSsh(Release::Trixie),
        Self::OpenSsh(Release::Forky),
        Self::Dropbear(Release::Bookworm),
        Self::Dropbear(Release::Trixie),
        Self::Dropbear(Release::Forky),
        Self::Putty(Release::Bookworm),
        Self::Putty(Release::Trixie),
        Self::Putty(Release::Forky),
    ];

    /// Logs in as [`USER`](super::USER) on the loopback, runs the command, and ends.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when it is not done in time (it is killed), [`Error::NotConfigurable`] when it can not be told
    /// what `login` wants, and whatever making its key files gives. A failed login is an exit status.
    pub fn run(self, peers: &Peers, login: Login<'_>) -> Result<Finished, Error> {
        let tries = if matches!(self, Self::Dropbear(_)) { DBCLIENT_TRIES } else { 1 };
        for _ in 1..tries {
            match self.run_once(peers, login.clone()) {
                Err(Error::Deadline { .. }) => {}
                finished => return finished,
            }
        }
        self.run_once(peers, login)
    }

    /// Like [`run`](Self::run), whatever becomes of the first try.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn run_once(self, peers: &Peers, login: Login<'_>) -> Result<Finished, Error> {
        match self {
            Self::OpenSsh(release) => openssh::run(peers.chroot(release), login),
            Self::Dropbear(release) => dropbear::run(peers.chroot(release), login),
            Self::Putty(release) => putty::run(peers.chroot(release), login),
        }
    }
}

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct Login<'a> {
    /// The port of the loopback that the server listens on.
    pub port: u16,
    /// The key it logs in with.
    pub user_key: &'a KeyPair,
    /// The host key it expects (`dbclient` takes any).
    pub host_key: &'a KeyPair,
    /// The authority of host certificates that it trusts instead of that key. Not for `dbclient`.
    pub host_authority: Option<&'a KeyPair>,
    /// The command it has the server run; empty for a shell.
    pub command: &'a str,
    /// What it is given on its standard input. Dropbear closes a terminal as soon as the client's input has ended, perhaps
    /// before the command has opened it: let it stay open.
    pub input: Input,
    /// What it may negotiate. `dbclient` knows no choice of key exchange; `plink` takes PuTTY's own names, and no MACs.
    pub algorithms: Algorithms,
    /// After how much data `ssh` (`RekeyLimit`) and `plink` (bytes) exchange keys again.
    pub rekey_limit: Option<String>,
    /// What its session finds in its environment, if the server lets it; no blanks or commas. Not for `dbclient`.
    pub environment: Vec<(String, String)>,
    /// The terminal it runs on; it then asks for one at the server too. Without, it has none.
    pub terminal: Option<Terminal>,
    /// Further arguments before the address.
    pub extra: Vec<String>,
    /// When it is killed.
    pub deadline: Duration,
}

impl<'a> Login<'a> {
    /// A login with everything else empty, the port zero and the usual deadline.
    #[must_use]
    pub fn new(user_key: &'a KeyPair, host_key: &'a KeyPair) -> Self {
        Self {
            port: 0,
            user_key,
            host_key,
            host_authority: None,
            command: "",
            input: Input::default(),
            algorithms: Algorithms::default(),
            rekey_limit: None,
            environment: Vec::new(),
            terminal: None,
            extra: Vec::new(),
            deadline: DEADLINE,
        }
    }

    /// The line of `known_hosts` for the host that it expects.
    pub(crate) fn known_host(&self) -> String {
        match self.host_authority {
            // The name of a host that an authority vouches for has no port.
            Some(authority) => format!("@cert-authority * {}", authority.public().trim_end()),
            None => format!("[127.0.0.1]:{} {}", self.port, self.host_key.public().trim_end()),
        }
    }
}

/// Runs a client against a server that is this closure: listens on a free port of the loopback (`login.port` is set to
/// it), starts the client, and hands the closure its connection, with `TCP_NODELAY` and the login's deadline as its read
/// and write timeouts. Returns when both are done.
///
/// The second value is what the closure returned, or `None` when the client ended without connecting.
pub fn serve_once<T>(
    peers: &Peers,
    kind: ClientKind,
    login: Login<'_>,
    serve: impl FnOnce(TcpStream) -> T,
) -> (Result<Finished, Error>, Option<T>) {
    let deadline = login.deadline;
    serve_whom(deadline, |port| kind.run_once(peers, Login { port, ..login }), serve)
}

/// Like [`serve_once`], for a client that this other closure runs to its end; it is told the port.
pub(crate) fn serve_whom<T>(
    deadline: Duration,
    run: impl FnOnce(u16) -> Result<Finished, Error> + Send,
    serve: impl FnOnce(TcpStream) -> T,
) -> (Result<Finished, Error>, Option<T>) {
    let (listener, address) = match listen() {
        Ok(listening) => listening,
        Err(error) => return (Err(error), None),
    };
    let over = AtomicBool::new(false);
    let (over, listener) = (&over, &listener);
    thread::scope(|scope| {
        let client = scope.spawn(move || {
            let finished = run(address.port());
            over.store(true, Ordering::SeqCst);
            // Wakes the accept below in case the client never came.
            let waker = TcpStream::connect(address).and_then(|wake| wake.local_addr());
            (finished, waker.ok())
        });
        let accepted = listener.accept().during("accepting the client");
        let join =
            || client.join().unwrap_or_else(|_| (Err(Error::wrong("a client's thread panicked")), None));
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let (finished, _) = join();
                return (finished.and(Err(error)), None);
            }
        };
        if over.load(Ordering::SeqCst) {
            // Either a client that came and went before we looked, or nobody but the waker.
            let (finished, waker) = join();
            return if waker == Some(from) { (finished, None) } else { (finished, Some(serve(stream))) };
        }
        if let Err(error) = prepare(&stream, deadline) {
            drop(stream);
            let (finished, _) = join();
            return (finished.and(Err(error)), None);
        }
        let served = serve(stream);
        let (finished, _) = join();
        (finished, Some(served))
    })
}

/// A listener on a free port of the loopback.
fn listen() -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("listening")?;
    let address = listener.local_addr().during("listening")?;
    Ok((listener, address))
}

/// No Nagle, and no read or write that outlives the deadline.
pub(crate) fn prepare(stream: &TcpStream, deadline: Duration) -> Result<(), Error> {
    stream.set_nodelay(true).during("setting TCP_NODELAY")?;
    stream.set_read_timeout(Some(deadline)).during("setting a read timeout")?;
    stream.set_write_timeout(Some(deadline)).during("setting a write timeout")
}
