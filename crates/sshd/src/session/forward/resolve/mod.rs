//! From names to addresses, without anybody waiting for it.
//!
//! | module | noun |
//! |---|---|
//! | `literal` | an address that is written as one |
//! | `hosts` | `/etc/hosts` |
//! | `getent` | the system's own way, in a process |
//! | `stub` | our own, where there is no `getent` |
//! | `configuration` | `/etc/resolv.conf`, for it |
//! | `message` | its questions, and their answers |
//! | `limits` | every bound |
//!
//! The C library's `getaddrinfo` is not asked: it blocks, and a static program has to load what it needs.

mod configuration;
#[cfg(feature = "arbitrary")]
pub(in crate::session) mod fuzzing;
mod getent;
mod hosts;
mod limits;
mod literal;
mod message;
mod stub;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use sys::spawn::Child;

use crate::session::watch::{Key, Watch};
use configuration::Configuration;
use getent::Getent;
use limits::{MAX_ADDRESSES, MAX_LOOKUPS, MAX_NAME, PATIENCE};
use stub::Stub;

/// Where names are looked for.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    hosts: PathBuf,
    /// The first of these that there is.
    getent: Vec<PathBuf>,
    configuration: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            getent: ["/usr/bin/getent", "/bin/getent"].map(PathBuf::from).into(),
            configuration: "/etc/resolv.conf".into(),
        }
    }
}

/// Why there are no addresses, in the words of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// Nobody knows the name, or it is none.
    Unknown,
    /// Nobody could be asked.
    Later,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Name or service not known",
            Self::Later => "Temporary failure in name resolution",
        })
    }
}

/// What is known of a name when it is asked for. Addresses have the port 0, and each is there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// At once.
    Now(Result<Vec<SocketAddr>, Unresolved>),
    /// The answer will come with this number.
    Later(u64),
}

/// The names that are looked up.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    sources: Sources,
    running: BTreeMap<u64, Lookup>,
    queued: VecDeque<(u64, String)>,
    next: u64,
    /// Processes that have done what they were for, but may not have ended.
    ending: Vec<Child>,
}

#[derive(Debug)]
struct Lookup {
    way: Way,
    until: Instant,
}

#[derive(Debug)]
enum Way {
    Getent(Getent),
    Stub(Stub),
}

impl Lookups {
    /// With a program of a test in the place of `getent`, and no files.
    #[cfg(test)]
    pub(super) fn by(getent: PathBuf) -> Self {
        let nowhere = PathBuf::from("/nonexistent/file");
        let sources = Sources { hosts: nowhere.clone(), getent: vec![getent], configuration: nowhere };
        Self { sources, ..Self::default() }
    }

    /// Asks for the addresses of a host, in the order in which they should be tried. Names of this host come first of `/etc/hosts`.
    pub(super) fn ask(&mut self, host: &str, now: Instant) -> Known {
        if let Some(address) = literal::address(host) {
            return Known::Now(Ok(vec![address]));
        }
        if !is_name(host) {
            return Known::Now(Err(Unresolved::Unknown));
        }
        let mut addresses = hosts::addresses(&self.sources.hosts, host);
        if !addresses.is_empty() {
            // As the C library sorts those of this host, and as they are tried (RFC 8305 §4).
            addresses.sort_by_key(SocketAddr::is_ipv4);
            return Known::Now(Ok(addresses));
        }
        if is_localhost(host) {
            return Known::Now(Ok(loopback()));
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.queued.push_back((number, host.to_owned()));
        self.start(now);
        Known::Later(number)
    }

    /// Waits for answers.
    pub(super) fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        for (number, lookup) in &self.running {
            watch.until(lookup.until);
            match &lookup.way {
                Way::Getent(getent) => watch.read(Key::Lookup(*number), getent.as_fd()),
                Way::Stub(stub) => stub.watch(*number, watch),
            }
        }
    }

    /// Goes on with all of them, and tells which have come to an end.
    pub(super) fn step(&mut self, now: Instant) -> Vec<(u64, Result<Vec<SocketAddr>, Unresolved>)> {
        let mut done = Vec::new();
        for (number, lookup) in &mut self.running {
            if let Some(result) = lookup.step(now) {
                done.push((*number, result));
            }
        }
        for (number, result) in &mut done {
            if let Some(Lookup { way: Way::Getent(getent), .. }) = self.running.remove(number) {
                self.ending.push(getent.end());
            }
            if let Ok(addresses) = result {
                addresses.truncate(MAX_ADDRESSES);
            }
        }
        if !done.is_empty() {
            self.reap();
            self.start(now);
        }
        done
    }

    /// Takes back processes that have ended.
    pub(super) fn reap(&mut self) {
        self.ending.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    /// Begins with those whose turn it is.
    fn start(&mut self, now: Instant) {
        while self.running.len() < MAX_LOOKUPS {
            let Some((number, host)) = self.queued.pop_front() else { break };
            let way = Getent::start(&self.sources.getent, &host).map_or_else(
                || Way::Stub(Stub::new(Configuration::read(&self.sources.configuration), &host)),
                Way::Getent,
            );
            let until = now.checked_add(PATIENCE).unwrap_or(now);
            self.running.insert(number, Lookup { way, until });
        }
    }
}

impl Lookup {
    fn step(&mut self, now: Instant) -> Option<Result<Vec<SocketAddr>, Unresolved>> {
        let result = match &mut self.way {
            Way::Getent(getent) => getent.step().then(|| {
                let addresses = getent.addresses();
                if addresses.is_empty() { Err(Unresolved::Unknown) } else { Ok(addresses) }
            }),
            Way::Stub(stub) => stub.step(now),
        };
        result.or_else(|| (now >= self.until).then_some(Err(Unresolved::Later)))
    }
}

/// The addresses of this host itself.
pub(super) fn loopback() -> Vec<SocketAddr> {
    vec![(Ipv6Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, 0).into()]
}

/// Names that always mean this host (RFC 6761 §6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// What may be asked for: letters, digits, hyphens and underscores between dots, and what is no ASCII. It can not be an option.
fn is_name(host: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') || !byte.is_ascii();
    (1..=MAX_NAME).contains(&host.len()) && host.bytes().all(allowed) && !host.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests;
