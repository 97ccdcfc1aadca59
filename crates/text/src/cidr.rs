//! Networks and address lists: `Match Address`, `from=` of authorized_keys (`sshd(8)`), `source-address` of certificates,
//! `PerSourcePenaltyExemptList`.
//!
//! A peer's IPv4 address that arrives wrapped into IPv6 (`::ffff:192.0.2.1`) is that IPv4 address, and so is a network
//! written that way.

use core::{fmt, net::IpAddr};

use crate::{
    column,
    limits::MAX_PATTERN,
    pattern::{Case, Match, matches},
};

/// An address with a prefix length, `192.0.2.0/24` or `2001:db8::/32`. No bit after the prefix is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `ADDRESS/PREFIX`, or an address alone, which is a network of one.
    ///
    /// # Errors
    /// Anything else, a prefix longer than the address, and bits set after the prefix, because nobody can tell which of the
    /// two was meant.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| Problem::NotAnAddress)?;
        let bits = bits(address);
        let prefix = match prefix {
            None => bits,
            Some(digits) => {
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(Problem::PrefixNotANumber);
                }
                // Digits that do not fit a u8 are too many bits for any address.
                digits
                    .parse()
                    .ok()
                    .filter(|&prefix| prefix <= bits)
                    .ok_or(Problem::PrefixTooLong { most: bits })?
            }
        };
        let network = masked(address, prefix);
        if network != address {
            return Err(Problem::HostBitsSet { network, prefix });
        }
        Ok(match (address.to_canonical(), prefix.checked_sub(96)) {
            (inner @ IpAddr::V4(_), Some(inner_prefix)) if address.is_ipv6() => {
                Self { address: inner, prefix: inner_prefix }
            }
            _ => Self { address, prefix },
        })
    }

    /// Whether the address is in the network. The families never match each other.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with only its first `prefix` bits; a shift by the whole width is what a prefix of 0 asks for.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let dropped = u32::from(bits(address).saturating_sub(prefix));
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(dropped).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(dropped).unwrap_or(0)).into()),
    }
}

/// Networks only, as a certificate's `source-address` has them: no negation, no patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkList {
    networks: Vec<Network>,
}

impl NetworkList {
    /// Reads networks separated by commas; there is at least one. A network of IPv4 addresses that are mapped into IPv6
    /// holds nobody here, as in OpenSSH: a peer's address is always shown as the IPv4 address that it is.
    ///
    /// # Errors
    /// The first element that is no network.
    pub fn parse(list: &str) -> Result<Self, AddressError> {
        let mut networks = Vec::new();
        for (column, text) in elements(list) {
            let network = Network::parse(text).map_err(|problem| problem.at(column, text))?;
            if !(network.address.is_ipv4() && text.contains(':')) {
                networks.push(network);
            }
        }
        Ok(Self { networks })
    }

    /// Whether one of the networks holds the address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

/// Networks, addresses and patterns, each of which may be negated with `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressList {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    negated: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Network(Network),
    Pattern(Box<str>),
}

impl AddressList {
    /// Reads elements separated by commas. What is neither a network nor an address is a pattern, which the text of an
    /// address (`192.0.2.*`) or a host name (`*.example.org`) may match.
    ///
    /// # Errors
    /// An element that is empty, too long, or that was plainly meant as an address or network and is none: as a pattern it
    /// would silently never match.
    pub fn parse(list: &str) -> Result<Self, AddressError> {
        let entries = elements(list).map(|(column, text)| {
            let (negated, element) = text.strip_prefix('!').map_or((false, text), |element| (true, element));
            let what = What::parse(element).map_err(|problem| problem.at(column, text))?;
            Ok(Entry { negated, what })
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// What the list says of a peer's address. A peer without one (standard input) is in no list, not even in `*`.
    pub fn matches(&self, address: Option<IpAddr>) -> Match {
        let Some(address) = address.map(|address| address.to_canonical()) else { return Match::No };
        let text = address.to_string();
        self.decide(|what| match what {
            What::Network(network) => network.contains(address),
            What::Pattern(pattern) => matches(pattern, &text, Case::Ignored),
        })
    }

    /// What the list says of a peer by its address or its host name, as `from=` asks: a negated match of either excludes,
    /// else a match of either is enough. What is not known matches nothing.
    pub fn matches_host(&self, name: Option<&str>, address: Option<IpAddr>) -> Match {
        let by_name = self.decide(|what| match (what, name) {
            (What::Pattern(pattern), Some(name)) => matches(pattern, name, Case::Ignored),
            (What::Network(_), _) | (_, None) => false,
        });
        match (self.matches(address), by_name) {
            (Match::Negated, _) | (_, Match::Negated) => Match::Negated,
            (Match::Yes, _) | (_, Match::Yes) => Match::Yes,
            (Match::No, Match::No) => Match::No,
        }
    }

    fn decide(&self, matches: impl Fn(&What) -> bool) -> Match {
        let mut found = Match::No;
        for entry in self.entries.iter().filter(|entry| matches(&entry.what)) {
            if entry.negated {
                return Match::Negated;
            }
            found = Match::Yes;
        }
        found
    }
}

impl What {
    fn parse(element: &str) -> Result<Self, Problem> {
        if element.is_empty() {
            return Err(Problem::Empty);
        }
        if element.len() > MAX_PATTERN {
            return Err(Problem::TooLong);
        }
        match Network::parse(element) {
            Ok(network) => Ok(Self::Network(network)),
            Err(problem) if looks_like_an_address(element) => Err(problem),
            Err(_) => Ok(Self::Pattern(element.into())),
        }
    }
}

/// Whether an administrator can only have meant an address or network: it has a prefix length or the shape of an address,
/// and no wildcard.
fn looks_like_an_address(element: &str) -> bool {
    let shaped =
        element.contains(['/', ':']) || element.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    shaped && !element.contains(['*', '?'])
}

/// The elements of a list between commas, with their columns.
fn elements(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0_usize;
    list.split(',').map(move |text| {
        let began = at;
        at = at.saturating_add(text.len()).saturating_add(1);
        (column(began), text)
    })
}

/// An element of a list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    /// Where the element begins.
    pub column: usize,
    /// The element.
    pub element: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, element, problem } = self;
        write!(f, "column {column}: \"{}\": {problem}", element.escape_debug())
    }
}

impl core::error::Error for AddressError {}

/// What is wrong with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing between two commas or after `!`.
    Empty,
    /// More bytes than [`MAX_PATTERN`].
    TooLong,
    /// The part before `/` is no IPv4 or IPv6 address.
    NotAnAddress,
    /// The part after `/` is not made of digits.
    PrefixNotANumber,
    /// The prefix has more bits than the address.
    PrefixTooLong {
        /// How many bits an address of this family has.
        most: u8,
    },
    /// The address has bits set after its prefix.
    HostBitsSet {
        /// The address without them.
        network: IpAddr,
        /// The prefix.
        prefix: u8,
    },
}

impl Problem {
    fn at(self, column: usize, element: &str) -> AddressError {
        let element = element.chars().take(MAX_PATTERN).collect();
        AddressError { column, element, problem: self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "empty, expected an address, a network or a pattern"),
            Self::TooLong => write!(f, "too long, expected at most {MAX_PATTERN} bytes"),
            Self::NotAnAddress => write!(f, "expected an IPv4 or IPv6 address, with or without /PREFIX"),
            Self::PrefixNotANumber => write!(f, "prefix length is not a number"),
            Self::PrefixTooLong { most } => write!(f, "prefix too long, expected at most /{most}"),
            Self::HostBitsSet { network, prefix } => {
                write!(f, "bits are set after the prefix, expected {network}/{prefix}")
            }
        }
    }
}

impl core::error::Error for Problem {}

#[cfg(test)]
mod tests;
