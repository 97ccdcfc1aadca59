//! Connections past sessions: made for the client, and taken for it.
//!
//! | module | noun |
//! |---|---|
//! | `places` | what the permit says of a place |
//! | `resolve` | addresses of a name |
//! | `connect` | connections that are being made |
//! | `listen` | sockets that listen for the client: where, and how they are made |
//! | `listeners` | the sockets that wait for connections, those of sessions too: agents and displays |
//! | `file` | the file of a Unix socket |
//! | `limits` | every bound |
//!
//! Nothing waits here: a name, a connection and a full queue are left until there is something to do about them.

mod connect;
mod file;
mod limits;
mod listen;
mod listeners;
mod places;
mod resolve;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use sys::{local, socket};
use wire::Human;

use super::account::Account;
use super::authority::Authority;
use super::net::Net;
use super::request::Forward;
use super::watch::{Key, Watch};
use crate::log::Level;
use crate::permit::Permit;
use crate::protocol::LinkError;
use crate::protocol::session::{
    Cancel, CancelLocal, Connect, ConnectLocal, Connected, Listen, ListenLocal, Listening, Refused,
};
use crate::settings::without_number;

use connect::Connections;
use limits::{MAX_CONNECTING, MAX_HOST};
use listen::Binding;
use resolve::{Known, Lookups, Unresolved};

pub(super) use file::SocketFile;
pub(super) use listeners::{Listeners, Purpose};
#[cfg(feature = "arbitrary")]
pub(super) use resolve::fuzzing;

/// All that is forwarded, until net has it.
#[derive(Debug)]
pub(super) struct Forwards {
    /// The sockets that wait for connections.
    pub(super) listeners: Listeners,
    permit: Permit,
    /// Address and port of the client, for the log.
    client: (String, u32),
    lookups: Lookups,
    /// What the answers to questions for names are for.
    waiting: BTreeMap<u64, Waiting>,
    connections: Connections,
}

/// What waits for the addresses of a name.
#[derive(Debug)]
enum Waiting {
    Connect { channel: u32, host: String, port: u16 },
    Listen { request: u32, address: String, port: u16 },
}

/// Why a channel is refused (RFC 4254 §5.1).
#[derive(Clone, Copy)]
enum Reason {
    Prohibited = 1,
    ConnectFailed = 2,
    Shortage = 4,
}

/// What OpenSSH says where it does not say why.
const OPEN_FAILED: &str = "open failed";

impl Forwards {
    pub(super) fn new(account: &Account) -> Self {
        Self {
            listeners: Listeners::default(),
            permit: account.permit.clone(),
            client: (account.client_address.clone(), account.client_port),
            lookups: Lookups::default(),
            waiting: BTreeMap::new(),
            connections: Connections::default(),
        }
    }

    /// Waits for what was begun, and for connections while net takes them.
    pub(super) fn watch<'a>(&'a self, watch: &mut Watch<'a>, takes_incoming: bool) {
        self.lookups.watch(watch);
        self.connections.watch(watch);
        if takes_incoming {
            self.listeners.watch(watch);
        }
    }

    /// Begins with what net asks for, as far as the permit allows it. [`attend`](Self::attend) goes on with it.
    ///
    /// # Errors
    /// When net has gone, or breaks the rules.
    pub(super) fn handle(
        &mut self,
        request: &Forward<'_>,
        now: Instant,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        match request {
            Forward::Connect(asked) => self.connect(asked, now, authority, net),
            Forward::ConnectLocal(asked) => self.connect_local(asked, authority, net),
            Forward::Listen(asked) => self.listen(asked, now, authority, net),
            Forward::ListenLocal(asked) => self.listen_local(asked, authority, net),
            Forward::Cancel(Cancel { request, address, port }) => {
                let purpose = Purpose::Tcp { address: address.as_str().to_owned(), port: number(*port)? };
                let good = self.listeners.close(&purpose);
                net.send(&Listening { request: *request, good, port: 0 }, vec![])
            }
            Forward::CancelLocal(CancelLocal { request, path }) => {
                let good = self.listeners.close(&Purpose::Local { path: path.as_bytes().to_vec() });
                net.send(&Listening { request: *request, good, port: 0 }, vec![])
            }
        }
    }

    /// Goes on with everything that can go on.
    ///
    /// # Errors
    /// When net has gone.
    pub(super) fn attend(
        &mut self,
        ready: &[Key],
        now: Instant,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        for (lookup, result) in self.lookups.step(now) {
            match self.waiting.remove(&lookup) {
                Some(Waiting::Connect { channel, host, port }) => {
                    self.connect_to(channel, host, port, result, authority, net)?;
                }
                Some(Waiting::Listen { request, address, port }) => {
                    self.listen_at_host(request, &address, port, result, authority, net)?;
                }
                None => {}
            }
        }
        for connect::Connected { channel, result } in self.connections.step(ready, now, authority) {
            match result {
                Ok(socket) => {
                    // Only slower without it.
                    let _ = socket::set_nodelay(&socket, true);
                    net.send(&Connected { channel }, vec![socket])?;
                }
                Err(error) => refuse(channel, Reason::ConnectFailed, without_number(&error), net)?,
            }
        }
        self.listeners.resume(now);
        for key in ready {
            if let Key::Listener(number) = key {
                self.listeners.accept(*number, now, authority, net)?;
            }
        }
        Ok(())
    }

    /// Takes processes back that have ended.
    pub(super) fn reap(&mut self) {
        self.lookups.reap();
    }

    fn connect(
        &mut self,
        asked: &Connect<'_>,
        now: Instant,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        let Connect { channel, host, port, originator, originator_port } = *asked;
        let (host, port) = (host.as_str(), number(port)?);
        if self.is_connecting(channel) {
            return Err(LinkError::Protocol(format!("channel {channel} is being connected already")));
        }
        if !self.permit.tcp.local {
            authority.log(
                Level::Info,
                format_args!(
                    "refused local port forward: originator {originator} port {originator_port}, target {host} port {port}"
                ),
            );
            return refuse(channel, Reason::Prohibited, OPEN_FAILED, net);
        }
        if !places::may_connect(&self.permit.open, host, port) {
            let (client, client_port) = &self.client;
            authority.log(
                Level::Info,
                format_args!(
                    "Received request from {client} port {client_port} to connect to host {host} port {port}, but the request was denied."
                ),
            );
            return refuse(channel, Reason::Prohibited, OPEN_FAILED, net);
        }
        if !self.has_room() {
            authority.log(
                Level::Error,
                format_args!("connect_to {host} port {port}: {MAX_CONNECTING} connections are being made"),
            );
            return refuse(channel, Reason::Shortage, OPEN_FAILED, net);
        }
        match self.lookups.ask(host, now) {
            Known::Now(result) => self.connect_to(channel, host.to_owned(), port, result, authority, net),
            Known::Later(lookup) => {
                self.waiting.insert(lookup, Waiting::Connect { channel, host: host.to_owned(), port });
                Ok(())
            }
        }
    }

    /// Begins with a connection whose addresses are known, or are known to be none.
    fn connect_to(
        &mut self,
        channel: u32,
        host: String,
        port: u16,
        addresses: Result<Vec<SocketAddr>, Unresolved>,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        match addresses {
            Ok(addresses) => {
                self.connections.begin(channel, host, port, addresses);
                Ok(())
            }
            Err(why) => {
                authority.log(Level::Error, format_args!("connect_to {host}: unknown host ({why})"));
                refuse(channel, Reason::ConnectFailed, why, net)
            }
        }
    }

    fn connect_local(
        &self,
        asked: &ConnectLocal<'_>,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        let ConnectLocal { channel, path } = *asked;
        let bytes = path.as_bytes();
        // OpenSSH says of none of these why, nor that it is prohibited.
        if !self.permit.streamlocal.local {
            authority.log(Level::Info, format_args!("refused streamlocal port forward: target {path}"));
            return refuse(channel, Reason::ConnectFailed, OPEN_FAILED, net);
        }
        if !places::may_connect_local(&self.permit.open, bytes) {
            authority.log(
                Level::Info,
                format_args!("Received request to connect to path {path}, but the request was denied."),
            );
            return refuse(channel, Reason::ConnectFailed, OPEN_FAILED, net);
        }
        match local::connect(Path::new(OsStr::from_bytes(bytes))) {
            Ok(socket) => net.send(&Connected { channel }, vec![socket]),
            Err(error) => {
                let why = without_number(&error);
                authority.log(Level::Error, format_args!("connect to {path} port -2 failed: {why}"));
                refuse(channel, Reason::ConnectFailed, OPEN_FAILED, net)
            }
        }
    }

    fn listen(
        &mut self,
        asked: &Listen<'_>,
        now: Instant,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        let Listen { request, address, port } = *asked;
        let (address, port) = (address.as_str(), number(port)?);
        if !self.permit.tcp.remote {
            authority.log(Level::Debug1, "Server has disabled port forwarding.");
            return answer(request, None, net);
        }
        if !places::may_listen(&self.permit.listen, address, port) {
            let (client, client_port) = &self.client;
            authority.log(
                Level::Info,
                format_args!(
                    "Received request from {client} port {client_port} to remote forward to host {address} port {port}, but the request was denied."
                ),
            );
            return answer(request, None, net);
        }
        if address.len() > MAX_HOST {
            authority.log(Level::Error, "Forward host name too long.");
            return answer(request, None, net);
        }
        match listen::binding(address, self.permit.gateway_ports) {
            Binding::At(addresses) => {
                let listening = self.listen_at(address, port, &addresses, authority);
                answer(request, listening, net)
            }
            Binding::Host(_) if !self.has_room() => {
                authority.log(
                    Level::Error,
                    format_args!("getaddrinfo({address}): {MAX_CONNECTING} others are waited for"),
                );
                answer(request, None, net)
            }
            Binding::Host(host) => match self.lookups.ask(host, now) {
                Known::Now(result) => self.listen_at_host(request, address, port, result, authority, net),
                Known::Later(lookup) => {
                    let address = address.to_owned();
                    self.waiting.insert(lookup, Waiting::Listen { request, address, port });
                    Ok(())
                }
            },
        }
    }

    /// Listens at addresses that had to be looked up, if there are any.
    fn listen_at_host(
        &mut self,
        request: u32,
        address: &str,
        port: u16,
        addresses: Result<Vec<SocketAddr>, Unresolved>,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        let listening = match addresses {
            Ok(addresses) => self.listen_at(address, port, &addresses, authority),
            Err(why) => {
                authority.log(
                    Level::Error,
                    format_args!("channel_setup_fwd_listener_tcpip: getaddrinfo({address}): {why}"),
                );
                None
            }
        };
        answer(request, listening, net)
    }

    /// Listens, and tells the port if any was asked for, or else 0.
    fn listen_at(
        &mut self,
        address: &str,
        port: u16,
        addresses: &[SocketAddr],
        authority: &mut Authority,
    ) -> Option<u16> {
        if !self.listeners.has_room(addresses.len()) {
            authority.log(Level::Error, format_args!("cannot listen to port: {port}: too many listeners"));
            return None;
        }
        let (chosen, sockets) = listen::listen(addresses, port, authority)?;
        for socket in sockets {
            self.listeners.add(socket, Purpose::Tcp { address: address.to_owned(), port: chosen }, None);
        }
        Some(if port == 0 { chosen } else { 0 })
    }

    fn listen_local(
        &mut self,
        asked: &ListenLocal<'_>,
        authority: &mut Authority,
        net: &mut Net,
    ) -> Result<(), LinkError> {
        let ListenLocal { request, path } = *asked;
        let path = path.as_bytes();
        let (mask, unlink) = (self.permit.streamlocal_mask, self.permit.streamlocal_unlink);
        let made = if !self.permit.streamlocal.remote {
            authority.log(Level::Debug1, "Server has disabled streamlocal forwarding.");
            None
        } else if !self.listeners.has_room(1) {
            authority.log(Level::Error, "cannot listen to a path: too many listeners");
            None
        } else {
            listen::listen_local(path, mask, unlink, authority)
        };
        let good = made.is_some();
        if let Some((socket, file)) = made {
            self.listeners.add(socket, Purpose::Local { path: path.to_vec() }, Some(file));
        }
        answer(request, good.then_some(0), net)
    }

    fn is_connecting(&self, channel: u32) -> bool {
        let is_its = |waiting: &Waiting| match waiting {
            Waiting::Connect { channel: other, .. } => *other == channel,
            Waiting::Listen { .. } => false,
        };
        self.connections.contains(channel) || self.waiting.values().any(is_its)
    }

    /// Whether something more may be waited for.
    fn has_room(&self) -> bool {
        self.connections.len().saturating_add(self.waiting.len()) < MAX_CONNECTING
    }
}

/// A port, of which net has more bits.
fn number(port: u32) -> Result<u16, LinkError> {
    u16::try_from(port).map_err(|_| LinkError::Protocol(format!("port {port}")))
}

fn refuse(channel: u32, reason: Reason, text: impl Display, net: &mut Net) -> Result<(), LinkError> {
    let text = text.to_string();
    net.send(&Refused { channel, reason: reason as u32, text: Human(text.as_bytes()) }, vec![])
}

/// Tells what became of a request to listen: nothing, or a port to tell, or 0.
fn answer(request: u32, port: Option<u16>, net: &mut Net) -> Result<(), LinkError> {
    net.send(&Listening { request, good: port.is_some(), port: port.unwrap_or_default().into() }, vec![])
}

#[cfg(test)]
mod tests;
