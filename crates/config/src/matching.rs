//! `Match`: criteria, and the connection they are asked about.

use core::{fmt, net::IpAddr};

use text::{
    cidr::AddressList,
    pattern::{Case, Match, PatternList},
};

use crate::error::{MatchProblem, quoted};

/// What is known of a connection. A criterion about something that is not known (`None`) does not match, so before the user is
/// known no block for users holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnInfo {
    /// The name of the account.
    pub user: Option<String>,
    /// The names of all groups of the account.
    pub groups: Option<Vec<String>>,
    /// Whether the client named a user that does not exist.
    pub invalid_user: bool,
    /// The client's host name or, where names are not looked up, its address as text.
    pub host: Option<String>,
    /// The client's address; `None` for a peer without one.
    pub address: Option<IpAddr>,
    /// The address it connected to.
    pub local_address: Option<IpAddr>,
    /// The port it connected to.
    pub local_port: Option<u16>,
    /// The routing domain it came in by.
    pub rdomain: Option<String>,
}

impl ConnInfo {
    /// Reads what `sshd -T -C` takes: `user=bob,host=h.example.org,addr=192.0.2.7,laddr=192.0.2.1,lport=22,rdomain=r`, also
    /// `invalid-user`. Nothing between two commas is passed over. The groups are the caller's to look up. An address that is
    /// empty or `UNKNOWN` is none.
    ///
    /// # Errors
    /// Anything else; an address or a port that is none.
    pub fn parse(spec: &str) -> Result<Self, SpecError> {
        let mut info = Self::default();
        for element in spec.split(',').filter(|element| !element.is_empty()) {
            info.add(element)?;
        }
        Ok(info)
    }

    fn add(&mut self, element: &str) -> Result<(), SpecError> {
        let fault = || SpecError::Invalid(quoted(element));
        let address = |value: &str| match value {
            "" | "UNKNOWN" => Ok(None),
            text => text.parse().map(Some).map_err(|_| fault()),
        };
        match element.split_once('=') {
            Some(("user", value)) => self.user = Some(value.into()),
            Some(("host", value)) => self.host = Some(value.into()),
            Some(("addr", value)) => self.address = address(value)?,
            Some(("laddr", value)) => self.local_address = address(value)?,
            Some(("rdomain", value)) => self.rdomain = Some(value.into()),
            Some(("lport", value)) => {
                let port = decimal(value);
                let fault = || SpecError::Port { port: quoted(value), element: quoted(element) };
                self.local_port = Some(port.ok_or_else(fault)?);
            }
            None if element == "invalid-user" => self.invalid_user = true,
            Some(_) | None => return Err(fault()),
        }
        Ok(())
    }
}

/// A specification for `-C` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// An element that is none.
    Invalid(String),
    /// A port that is none.
    Port {
        /// The port.
        port: String,
        /// Its element.
        element: String,
    },
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(element) => write!(f, "Invalid test mode specification {element}"),
            Self::Port { port, element } => {
                write!(f, "Invalid port '{port}' in test mode specification {element}")
            }
        }
    }
}

impl core::error::Error for SpecError {}

/// A number of digits only.
fn decimal(word: &str) -> Option<u16> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// A `Match` line, which holds where all of its criteria do; none for `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The block in which the file that has this line was included: it must hold as well.
    pub(crate) parent: Option<usize>,
    criteria: Vec<Criterion>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Criterion {
    User(PatternList),
    Group(PatternList),
    Host(PatternList),
    Address(AddressList),
    LocalAddress(AddressList),
    LocalPort(u16),
    RDomain(PatternList),
    /// Ours does not change, so this is already decided.
    Version(bool),
    InvalidUser,
}

impl Condition {
    /// Reads the words after `Match`; `version` is this software's own.
    pub(crate) fn parse(
        words: &[String],
        parent: Option<usize>,
        version: &str,
    ) -> Result<Self, MatchProblem> {
        let mut criteria = Vec::new();
        let mut left = words.iter();
        while let Some(word) = left.next() {
            if word.eq_ignore_ascii_case("all") {
                if words.len() > 1 {
                    return Err(MatchProblem::AllNotAlone);
                }
            } else if word.eq_ignore_ascii_case("invalid-user") {
                criteria.push(Criterion::InvalidUser);
            } else {
                let (name, inline) = match word.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (word.as_str(), None),
                };
                let argument = inline.or_else(|| left.next().map(String::as_str));
                let argument = argument.filter(|argument| !argument.is_empty());
                let argument = argument.ok_or_else(|| MatchProblem::MissingArgument(quoted(name)))?;
                criteria.push(Criterion::parse(name, argument, version)?);
            }
        }
        Ok(Self { parent, criteria })
    }

    /// Whether all criteria hold; `parent` is not asked.
    pub(crate) fn holds(&self, connection: &ConnInfo) -> bool {
        self.criteria.iter().all(|criterion| criterion.holds(connection))
    }
}

impl Criterion {
    fn parse(name: &str, argument: &str, version: &str) -> Result<Self, MatchProblem> {
        let patterns = || PatternList::parse(argument).map_err(|_| MatchProblem::Pattern(quoted(argument)));
        let addresses = |criterion| {
            AddressList::parse(argument)
                .map_err(|_| MatchProblem::Address { criterion, list: quoted(argument) })
        };
        Ok(match name.to_ascii_lowercase().as_str() {
            "user" => Self::User(patterns()?),
            "group" => Self::Group(patterns()?),
            "host" => Self::Host(patterns()?),
            "address" => Self::Address(addresses("address")?),
            "localaddress" => Self::LocalAddress(addresses("localaddress")?),
            "localport" => {
                let port = decimal(argument);
                Self::LocalPort(port.ok_or_else(|| MatchProblem::LocalPort(quoted(argument)))?)
            }
            "rdomain" => Self::RDomain(patterns()?),
            "version" => Self::Version(patterns()?.matches(version, Case::Exact).is_yes()),
            _ => return Err(MatchProblem::Unsupported(quoted(name))),
        })
    }

    fn holds(&self, connection: &ConnInfo) -> bool {
        let says = |list: &PatternList, text: &Option<String>, case| {
            text.as_ref().is_some_and(|text| list.matches(text, case).is_yes())
        };
        match self {
            Self::User(list) => says(list, &connection.user, Case::Exact),
            Self::Group(list) => in_groups(list, connection.groups.as_deref().unwrap_or_default()),
            Self::Host(list) => says(list, &connection.host, Case::Ignored),
            Self::Address(list) => list.matches(connection.address).is_yes(),
            Self::LocalAddress(list) => list.matches(connection.local_address).is_yes(),
            Self::LocalPort(port) => connection.local_port == Some(*port),
            Self::RDomain(list) => says(list, &connection.rdomain, Case::Exact),
            Self::Version(holds) => *holds,
            Self::InvalidUser => connection.invalid_user,
        }
    }
}

/// Whether one of the groups matches and none is excluded.
fn in_groups(list: &PatternList, groups: &[String]) -> bool {
    let mut found = false;
    for group in groups {
        match list.matches(group, Case::Exact) {
            Match::Negated => return false,
            Match::Yes => found = true,
            Match::No => {}
        }
    }
    found
}
