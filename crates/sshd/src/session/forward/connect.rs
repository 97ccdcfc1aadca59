//! Connections that are being made: to every address of a host in turn, each one a little later than the one before it, and to the
//! first that answers (RFC 8305).

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use sys::socket;

use super::limits::{ATTEMPT_DELAY, MAX_ATTEMPTS};
use crate::log::Level;
use crate::session::authority::Authority;
use crate::session::watch::{Key, Watch};
use crate::settings::without_number;

/// All of them, by the numbers of the channels that they are for.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<u32, Connecting>,
    next: u64,
}

/// One of them.
#[derive(Debug)]
struct Connecting {
    /// As the client wrote it.
    host: String,
    port: u16,
    /// What has not been tried.
    addresses: VecDeque<SocketAddr>,
    attempts: Vec<Attempt>,
    /// When the next address is tried, though an attempt may still succeed.
    next_at: Option<Instant>,
    /// How the last attempt failed.
    error: Option<io::Error>,
}

/// A socket that is not connected yet.
#[derive(Debug)]
struct Attempt {
    number: u64,
    socket: OwnedFd,
}

/// How a connection came to its end.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) channel: u32,
    /// The socket, or why no address could be connected to.
    pub(super) result: io::Result<OwnedFd>,
}

impl Connections {
    /// How many are being made.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether one is being made for this channel.
    pub(super) fn contains(&self, channel: u32) -> bool {
        self.all.contains_key(&channel)
    }

    /// Begins with one, to the first of these addresses; their families take turns.
    pub(super) fn begin(&mut self, channel: u32, host: String, port: u16, addresses: Vec<SocketAddr>) {
        let addresses = interleaved(addresses, port);
        let connecting =
            Connecting { host, port, addresses, attempts: Vec::new(), next_at: None, error: None };
        self.all.insert(channel, connecting);
    }

    /// Waits for what has been begun, and for the time to begin with the next address.
    pub(super) fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        for connecting in self.all.values() {
            for attempt in &connecting.attempts {
                watch.write(Key::Attempt(attempt.number), attempt.socket.as_fd());
            }
            if let Some(next_at) = connecting.next_at {
                watch.until(next_at);
            }
        }
    }

    /// Goes on with all of them, and tells which have come to an end.
    pub(super) fn step(&mut self, ready: &[Key], now: Instant, authority: &mut Authority) -> Vec<Connected> {
        let mut open: usize = self.all.values().map(|connecting| connecting.attempts.len()).sum();
        let mut done = Vec::new();
        for (channel, connecting) in &mut self.all {
            let socket = connecting.finish(ready, &mut open, authority);
            if socket.is_none() {
                connecting.begin_next(&mut self.next, now, &mut open, authority);
            }
            let result = match socket {
                Some(socket) => Ok(socket),
                None if connecting.attempts.is_empty() && connecting.addresses.is_empty() => {
                    Err(connecting.error.take().unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
                }
                None => continue,
            };
            let (host, port) = (&connecting.host, connecting.port);
            match &result {
                Ok(_) => authority.log(Level::Debug1, format_args!("connected to {host} port {port}")),
                Err(_) => authority.log(Level::Error, format_args!("connect_to {host} port {port}: failed.")),
            }
            done.push(Connected { channel: *channel, result });
        }
        for connected in &done {
            self.all.remove(&connected.channel);
        }
        done
    }
}

impl Connecting {
    /// Looks at what is ready: the first socket that is connected, or nothing, and what has failed is gone.
    fn finish(&mut self, ready: &[Key], open: &mut usize, authority: &mut Authority) -> Option<OwnedFd> {
        let is_ready = |attempt: &mut Attempt| ready.contains(&Key::Attempt(attempt.number));
        let mut connected = None;
        for attempt in self.attempts.extract_if(.., is_ready) {
            *open = open.saturating_sub(1);
            match socket::take_error(&attempt.socket) {
                Ok(()) => connected = connected.or(Some(attempt.socket)),
                Err(error) => {
                    let why = without_number(&error);
                    authority.log(Level::Debug1, format_args!("connection failed: {why}"));
                    self.error = Some(error);
                    // Nobody needs to wait for what has failed.
                    self.next_at = None;
                }
            }
        }
        connected
    }

    /// Tries the next address when it is time, and those after it while they fail at once.
    fn begin_next(&mut self, next: &mut u64, now: Instant, open: &mut usize, authority: &mut Authority) {
        while self.next_at.is_none_or(|next_at| next_at <= now) {
            self.next_at = None;
            // One attempt each is everybody's; more only while there are few.
            if !self.attempts.is_empty() && *open >= MAX_ATTEMPTS {
                break;
            }
            let Some(address) = self.addresses.pop_front() else { break };
            let (host, ip, port) = (&self.host, address.ip(), address.port());
            match socket::connect(address) {
                Ok(socket) => {
                    authority.log(
                        Level::Debug1,
                        format_args!("connect_next: connect host {host} ([{ip}]:{port}) in progress"),
                    );
                    self.attempts.push(Attempt { number: *next, socket });
                    *next = next.saturating_add(1);
                    *open = open.saturating_add(1);
                    // With none left to try there is nothing to wake up for.
                    self.next_at = now.checked_add(ATTEMPT_DELAY).filter(|_| !self.addresses.is_empty());
                    if self.next_at.is_none() {
                        break;
                    }
                }
                Err(error) => {
                    let why = without_number(&error);
                    authority
                        .log(Level::Debug1, format_args!("connect_next: host {host} ([{ip}]:{port}): {why}"));
                    self.error = Some(error);
                }
            }
        }
    }
}

/// The addresses with their port, so that no two of a family follow each other while there are others (RFC 8305 §4).
fn interleaved(addresses: Vec<SocketAddr>, port: u16) -> VecDeque<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let with_port = addresses.into_iter().map(|mut address| {
        address.set_port(port);
        address
    });
    let (one, other): (Vec<_>, Vec<_>) = with_port.partition(|address| address.is_ipv6() == first_is_ipv6);
    let mut other = other.into_iter();
    let mut mixed: VecDeque<SocketAddr> =
        one.into_iter().flat_map(|address| [Some(address), other.next()]).flatten().collect();
    mixed.extend(other);
    mixed
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
