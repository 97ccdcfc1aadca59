//! What to listen on: `Port`, `ListenAddress` and `AddressFamily` together.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{
    error::Problem,
    limits::MAX_PORTS,
    value::{Arguments, List, Value, Word, line, word},
};

/// `AddressFamily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// Both.
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

impl Word for AddressFamily {}

impl AddressFamily {
    const fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

/// The ports in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(pub Vec<u16>);

impl Value for Ports {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.word()?;
        Ok(Self(vec![port(&word).ok_or(Problem::BadPortNumber)?]))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        for port in &self.0 {
            line(out, name, &port.to_string());
        }
    }
}

impl List for Ports {
    const MOST: usize = MAX_PORTS;

    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// A port from 1, in decimal.
fn port(word: &str) -> Option<u16> {
    word.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| word.parse().ok().filter(|&port| port > 0))
        .flatten()
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenHost {
    /// An address; the unspecified ones are all of their family.
    Address(IpAddr),
    /// A name, or an address with a zone, which has to be resolved when listening begins.
    Name(String),
}

/// One `ListenAddress`. In an [`Effective`](crate::Effective) each has its port; while reading, 0 stands for every `Port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Where.
    pub host: ListenHost,
    /// The port, never 0 in an effective configuration.
    pub port: u16,
}

/// All of them, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddresses(pub Vec<ListenAddress>);

impl ListenAddresses {
    /// Gives every address without a port each of the ports in turn, and what is there without any address both unspecified
    /// ones.
    pub(crate) fn expanded(&self, ports: &Ports, family: AddressFamily) -> Result<Self, Problem> {
        let everywhere = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        if self.0.is_empty() {
            return Ok(Self(bind(&of_family(everywhere, family), &ports.0)));
        }
        let mut expanded = Vec::new();
        for given in &self.0 {
            let hosts = match &given.host {
                // What resolving it gives with glibc, and so what OpenSSH listens on.
                ListenHost::Name(name) if name == "*" => {
                    of_family([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], family)
                }
                ListenHost::Address(address) if !family.has(*address) => {
                    return Err(Problem::BadAddress(address.to_string()));
                }
                ListenHost::Address(_) | ListenHost::Name(_) => vec![given.host.clone()],
            };
            let own = [given.port];
            expanded.extend(bind(&hosts, if given.port > 0 { &own } else { &ports.0 }));
        }
        Ok(Self(expanded))
    }
}

fn of_family(addresses: [IpAddr; 2], family: AddressFamily) -> Vec<ListenHost> {
    addresses.into_iter().filter(|&address| family.has(address)).map(ListenHost::Address).collect()
}

/// Every host with the first port, then every host with the second one, as OpenSSH orders them.
fn bind(hosts: &[ListenHost], ports: &[u16]) -> Vec<ListenAddress> {
    let each = |&port| hosts.iter().map(move |host| ListenAddress { host: host.clone(), port });
    ports.iter().flat_map(each).collect()
}

impl Value for ListenAddresses {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.word()?;
        match arguments.next() {
            None => {}
            Some(next) if next.eq_ignore_ascii_case("rdomain") => return Err(Problem::BadRoutingDomain),
            Some(_) => return Err(Problem::BadListenAddress),
        }
        let (host, port) = host_and_port(&word)?;
        let host = match host.parse() {
            Ok(address) => ListenHost::Address(address),
            Err(_)
                if host.len() > MAX_NAME
                    || host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]".contains(c)) =>
            {
                return Err(Problem::BadListenAddress);
            }
            Err(_) => ListenHost::Name(host.into()),
        };
        Ok(Self(vec![ListenAddress { host, port }]))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        for address in &self.0 {
            line(out, name, &word(&address.to_string()));
        }
    }
}

impl List for ListenAddresses {
    const MOST: usize = MAX_PORTS;

    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// Splits `HOST`, `HOST:PORT`, `[HOST]`, `[HOST]:PORT` and an IPv6 address alone; 0 where there is no port.
fn host_and_port(word: &str) -> Result<(&str, u16), Problem> {
    let (host, rest) = match word.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or(Problem::BadListenAddress)?,
        None => match word.split_once(':') {
            // A second colon: an IPv6 address without brackets, so without a port.
            Some((_, after)) if after.contains(':') => (word, ""),
            Some((host, _)) => (host, word.strip_prefix(host).unwrap_or_default()),
            None => (word, ""),
        },
    };
    if host.is_empty() {
        return Err(Problem::BadListenAddress);
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, 0)),
        None => Err(Problem::BadListenAddress),
        Some(digits) => Ok((host, port(digits).ok_or(Problem::BadListenPort)?)),
    }
}

/// Bytes of a domain name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 255;

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ListenHost::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            ListenHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            ListenHost::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            ListenHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
