//! What a key may do.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use text::cidr::{self, AddressList};
use text::date::{Date, NoDate};
use text::place::{Place, PlaceError};

use crate::key_text::is_blank;
use crate::limits::MAX_VARIABLES;

use super::{LineFault, shown};

/// What a key may do, as its line says. Everything, without options.
///
/// Of `restrict` and the permissions the later one in the line wins, as in OpenSSH: `restrict,pty` leaves the pty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// The command that runs, whatever the client asks for. It may be empty.
    pub command: Option<Cow<'a, [u8]>>,
    /// Pseudo-terminals.
    pub pty: bool,
    /// Forwarding of ports.
    pub port_forwarding: bool,
    /// Forwarding of the agent.
    pub agent_forwarding: bool,
    /// Forwarding of X11.
    pub x11_forwarding: bool,
    /// Running `~/.ssh/rc`.
    pub user_rc: bool,
    /// The peers that may use the key, or else all.
    pub from: Option<Peers>,
    /// The key is good for nothing when one of these has passed.
    pub expires: Vec<Date>,
    /// Variables of the key's sessions, each name once, in the order of the line.
    pub environment: Vec<(String, String)>,
    /// Where its connections may be forwarded to. Without any, anywhere.
    pub open: Vec<Place>,
    /// Where may be listened for connections to forward. Without any, anywhere.
    pub listen: Vec<Place>,
    /// The key is no user's but an authority's: it lets in who has a certificate that it signed.
    pub cert_authority: bool,
    /// The names of which such a certificate must have one, or else the user's own. Without any in it, nobody is let in.
    pub principals: Option<Vec<String>>,
    /// A signature of a security key must say that its user was there.
    pub touch_required: bool,
    /// A signature of a security key must say that it knew its user.
    pub verify_required: bool,
    /// The tunnel device that a forwarded tunnel gets.
    pub tunnel: Option<Tunnel>,
}

/// A tunnel device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// Whichever is free.
    Any,
    /// The one of this number.
    Number(u32),
}

impl Tunnel {
    /// The largest number of a device, as OpenSSH has it.
    const MAX: u32 = 0x7fff_fffd;

    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("any") {
            return Some(Self::Any);
        }
        let number = text.trim_ascii_start();
        let digits = number.strip_prefix('+').unwrap_or(number);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().filter(|number| *number <= Self::MAX).map(Self::Number)
    }
}

/// The peers that `from` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// The list as it stands there, for logs.
    pub text: String,
    /// What it says.
    pub list: AddressList,
}

/// What is wrong with the value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFault {
    /// It is not UTF-8.
    NotText,
    /// The option stands there before.
    Repeated,
    /// An element of its list is neither an address, nor a network, nor a pattern.
    Peers(cidr::Problem),
    /// It is no date.
    Date(NoDate),
    /// It is no place.
    Place(PlaceError),
    /// It is not a name of letters, digits and `_`, then `=` and a value.
    Variable,
    /// There are more than [`MAX_VARIABLES`] of them.
    TooManyVariables,
    /// It is no tunnel device.
    Tunnel,
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::Repeated => f.write_str("stands there twice"),
            Self::Peers(problem) => problem.fmt(f),
            Self::Date(error) => error.fmt(f),
            Self::Place(error) => error.fmt(f),
            Self::Variable => f.write_str("invalid environment string"),
            Self::TooManyVariables => f.write_str("too many environment strings"),
            Self::Tunnel => f.write_str("invalid tun device"),
        }
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            command: None,
            pty: true,
            port_forwarding: true,
            agent_forwarding: true,
            x11_forwarding: true,
            user_rc: true,
            from: None,
            expires: Vec::new(),
            environment: Vec::new(),
            open: Vec::new(),
            listen: Vec::new(),
            cert_authority: false,
            principals: None,
            touch_required: true,
            verify_required: false,
            tunnel: None,
        }
    }
}

type Permission = for<'o> fn(&'o mut Options<'_>) -> &'o mut bool;
type Take = for<'a> fn(&mut Options<'a>, Cow<'a, [u8]>) -> Result<(), ValueFault>;

/// What an option is, and what it does here.
enum Kind {
    /// Takes every permission.
    Restrict,
    /// Gives a permission, or takes it after `no-`.
    Permission(Permission),
    /// Says so of something that is no permission, or says after `no-` that it is not so.
    Demand(Permission),
    /// Says what the key is.
    Mark(Permission),
    /// Has a value.
    Value(Take),
}

/// Every option of `sshd(8)`.
const OPTIONS: [(&str, Kind); 17] = [
    ("restrict", Kind::Restrict),
    ("pty", Kind::Permission(|options| &mut options.pty)),
    ("port-forwarding", Kind::Permission(|options| &mut options.port_forwarding)),
    ("agent-forwarding", Kind::Permission(|options| &mut options.agent_forwarding)),
    ("X11-forwarding", Kind::Permission(|options| &mut options.x11_forwarding)),
    ("user-rc", Kind::Permission(|options| &mut options.user_rc)),
    ("command", Kind::Value(|options, value| once(&mut options.command, value))),
    ("from", Kind::Value(|options, value| once(&mut options.from, peers(&value)?))),
    (
        "expiry-time",
        Kind::Value(|options, value| {
            options.expires.push(Date::parse(text(&value)?).map_err(ValueFault::Date)?);
            Ok(())
        }),
    ),
    ("environment", Kind::Value(|options, value| options.set_variable(text(&value)?))),
    (
        "permitopen",
        Kind::Value(|options, value| {
            options.open.push(Place::parse(text(&value)?).map_err(ValueFault::Place)?);
            Ok(())
        }),
    ),
    (
        "permitlisten",
        Kind::Value(|options, value| {
            options.listen.push(Place::parse_listen(text(&value)?).map_err(ValueFault::Place)?);
            Ok(())
        }),
    ),
    ("cert-authority", Kind::Mark(|options| &mut options.cert_authority)),
    (
        "principals",
        Kind::Value(|options, value| {
            // As in OpenSSH an empty name is the list's end.
            let names = text(&value)?.split(',').take_while(|name| !name.is_empty());
            once(&mut options.principals, names.map(str::to_owned).collect())
        }),
    ),
    ("touch-required", Kind::Demand(|options| &mut options.touch_required)),
    ("verify-required", Kind::Demand(|options| &mut options.verify_required)),
    (
        "tunnel",
        Kind::Value(|options, value| {
            options.tunnel = Some(Tunnel::parse(text(&value)?).ok_or(ValueFault::Tunnel)?);
            Ok(())
        }),
    ),
];

impl Kind {
    fn is_negatable(&self) -> bool {
        match self {
            Self::Permission(_) | Self::Demand(_) => true,
            Self::Restrict | Self::Mark(_) | Self::Value(_) => false,
        }
    }
}

impl<'a> Options<'a> {
    /// Reads what [`split_off`] gave. Nothing between two commas is nothing.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, LineFault<'a>> {
        let (mut options, mut rest) = (Self::default(), text);
        loop {
            let start = rest.iter().position(|byte| *byte != b',').unwrap_or(rest.len());
            rest = rest.get(start..).unwrap_or_default();
            if rest.is_empty() {
                options.settle_variables();
                return Ok(options);
            }
            rest = options.take(rest)?;
        }
    }

    /// Takes the first option, and tells what follows it.
    fn take(&mut self, text: &'a [u8]) -> Result<&'a [u8], LineFault<'a>> {
        let end = text.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        let (option, kind, permitted) = find(name).ok_or(LineFault::UnknownOption { option: shown(name) })?;
        let value = rest.strip_prefix(b"=");
        let refuse_value = || match value {
            None => Ok(rest),
            Some(_) => Err(LineFault::OptionValue { option, takes: false }),
        };
        match kind {
            Kind::Restrict => {
                for (_, kind) in &OPTIONS {
                    if let Kind::Permission(permission) = kind {
                        *permission(self) = false;
                    }
                }
                refuse_value()
            }
            Kind::Permission(named) | Kind::Demand(named) | Kind::Mark(named) => {
                *named(self) = permitted;
                refuse_value()
            }
            Kind::Value(take) => {
                let fault = LineFault::OptionValue { option, takes: true };
                let (value, rest) = value.and_then(unquote).ok_or(fault)?;
                take(self, value).map_err(|fault| LineFault::BadValue { option, fault })?;
                Ok(rest)
            }
        }
    }

    fn set_variable(&mut self, text: &str) -> Result<(), ValueFault> {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let (name, value) =
            text.split_once('=').filter(|(name, _)| is_name(name)).ok_or(ValueFault::Variable)?;
        if self.environment.len() >= MAX_VARIABLES {
            return Err(ValueFault::TooManyVariables);
        }
        self.environment.push((name.into(), value.into()));
        Ok(())
    }

    /// Leaves the first value of each name: once for all of them, or a long line would take its length's square.
    fn settle_variables(&mut self) {
        let mut known = HashSet::new();
        self.environment.retain(|(name, _)| known.insert(name.clone()));
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ValueFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ValueFault::Repeated),
    }
}

fn text(value: &[u8]) -> Result<&str, ValueFault> {
    str::from_utf8(value).map_err(|_| ValueFault::NotText)
}

fn peers(value: &[u8]) -> Result<Peers, ValueFault> {
    let text = text(value)?;
    let list = AddressList::parse(text).map_err(|error| ValueFault::Peers(error.problem))?;
    Ok(Peers { text: text.into(), list })
}

/// The option of that name, whatever its case, and whether it permits; `no-` in front takes back what may be taken back.
fn find(name: &[u8]) -> Option<(&'static str, &'static Kind, bool)> {
    let positive =
        name.get(..3).filter(|start| start.eq_ignore_ascii_case(b"no-")).and_then(|_| name.get(3..));
    OPTIONS.iter().find_map(|(option, kind)| {
        let is = |name: &[u8]| option.as_bytes().eq_ignore_ascii_case(name);
        if is(name) {
            Some((*option, kind, true))
        } else {
            (kind.is_negatable() && positive.is_some_and(is)).then_some((*option, kind, false))
        }
    })
}

/// A value in double quotes, in which `\"` is a quote and any other backslash is itself, up to the end or a comma.
pub(crate) fn unquote(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let end = closing_quote(text)?;
    let (quoted, rest) = text.split_at_checked(end)?;
    let rest = rest.get(1..)?;
    if !(rest.is_empty() || rest.starts_with(b",")) {
        return None;
    }
    if !quoted.contains(&b'"') {
        return Some((Cow::Borrowed(quoted), rest));
    }
    // Every quote that is left has its backslash in front.
    let mut parts = quoted.split(|byte| *byte == b'"').peekable();
    let mut value = Vec::with_capacity(quoted.len());
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        value.extend_from_slice(if is_last { part } else { part.strip_suffix(b"\\").unwrap_or(part) });
        if !is_last {
            value.push(b'"');
        }
    }
    Some((Cow::Owned(value), rest))
}

/// Where the next quote without a backslash in front stands.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut previous = 0;
    text.iter().position(|byte| std::mem::replace(&mut previous, *byte) != b'\\' && *byte == b'"')
}

/// Splits a line behind its options: at the first blank outside of double quotes. `None` when a quote is not closed.
pub(crate) fn split_off(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut is_quoted, mut previous) = (false, 0);
    let end = line.iter().position(|byte| {
        let is_escaped = std::mem::replace(&mut previous, *byte) == b'\\';
        is_quoted ^= *byte == b'"' && !is_escaped;
        !is_quoted && is_blank(byte)
    });
    if is_quoted { None } else { line.split_at_checked(end.unwrap_or(line.len())) }
}
