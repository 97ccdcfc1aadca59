//! What may be forwarded, and where.

use text::place::{Place, PlaceError};

use super::{Arguments, Value, Word, line, word};
use crate::error::{Problem, quoted};

/// `AllowTcpForwarding` and `AllowStreamLocalForwarding`: which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Both.
    Yes,
    /// None.
    No,
    /// Only from the client to where we connect.
    Local,
    /// Only from where we listen to the client.
    Remote,
}

impl Word for Forwarding {}

/// `GatewayPorts`: who may reach forwarded ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayPorts {
    /// Only this host.
    No,
    /// Everybody.
    Yes,
    /// Whom the client says.
    ClientSpecified,
}

impl Word for GatewayPorts {}

/// `PermitOpen` and `PermitListen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// Anywhere.
    Any,
    /// Only there; nowhere for none.
    Only(Vec<Place>),
}

/// How one place is read.
pub(crate) type ReadPlace = fn(&str) -> Result<Place, PlaceError>;

pub(crate) const OPEN_PLACE: ReadPlace = Place::parse;
pub(crate) const LISTEN_PLACE: ReadPlace = Place::parse_listen;

impl Value for Places {
    type Range = ReadPlace;

    fn parse(arguments: &mut Arguments<'_>, read: &ReadPlace) -> Result<Self, Problem> {
        let mut words = vec![arguments.word()?];
        words.extend(core::iter::from_fn(|| arguments.next()));
        let keyword = || quoted(arguments.keyword);
        match words.as_slice() {
            [any] if any == "any" => return Ok(Self::Any),
            [none] if none == "none" => return Ok(Self::Only(Vec::new())),
            _ => {}
        }
        if let Some(word) = ["none", "any"].into_iter().find(|alone| words.iter().any(|word| word == alone)) {
            return Err(Problem::NotAlone { word, keyword: keyword() });
        }
        let place = |word: &String| {
            read(word).map_err(|error| match error {
                PlaceError::Host => Problem::PlaceHost(keyword()),
                PlaceError::Port => Problem::PlacePort(keyword()),
            })
        };
        Ok(Self::Only(words.iter().map(place).collect::<Result<_, _>>()?))
    }

    fn dump(&self, name: &str, _: &ReadPlace, out: &mut String) {
        match self {
            Self::Any => line(out, name, "any"),
            Self::Only(places) if places.is_empty() => line(out, name, "none"),
            Self::Only(places) => {
                let words: Vec<String> = places.iter().map(|place| word(&place.to_string())).collect();
                line(out, name, &words.join(" "));
            }
        }
    }
}

/// `StreamLocalBindMask`: permission bits that a forwarded Unix socket does not get, 0 to 0777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Value for Mode {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.given()?;
        let is_octal = word.bytes().all(|byte| byte.is_ascii_digit());
        let mode = u32::from_str_radix(&word, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
        mode.map(Self).ok_or_else(|| Problem::BadMode(quoted(arguments.keyword)))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &format!("0{:o}", self.0));
    }
}
