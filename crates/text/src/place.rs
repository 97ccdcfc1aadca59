//! Places of `PermitOpen` and `PermitListen` and of the options `permitopen` and `permitlisten`: a host and a port, each of which
//! may be `*` for any.

use core::fmt;

use crate::limits::MAX_HOST;

/// Where may be connected to, or listened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Literally, without brackets; `None` for any.
    pub host: Option<Box<str>>,
    /// From 1; `None` for any.
    pub port: Option<u16>,
}

impl Place {
    /// Reads `HOST:PORT`, an IPv6 address in brackets.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']').ok_or(PlaceError::Host)?;
                (host, if after.is_empty() { "" } else { after.strip_prefix(':').ok_or(PlaceError::Host)? })
            }
            None => match text.split_once([':', '/']) {
                Some((host, _)) if text.as_bytes().get(host.len()) == Some(&b'/') => {
                    return Err(PlaceError::Host);
                }
                Some(split) => split,
                None => (text, ""),
            },
        };
        if host.len() > MAX_HOST {
            return Err(PlaceError::Host);
        }
        let port = if port == "*" { None } else { Some(number(port).ok_or(PlaceError::Port)?) };
        Ok(Self { host: (host != "*").then(|| host.into()), port })
    }

    /// The same, and a port alone is at any host, as where one listens.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn parse_listen(text: &str) -> Result<Self, PlaceError> {
        if text.contains(':') { Self::parse(text) } else { Self::parse(&format!("*:{text}")) }
    }
}

/// A port from 1, in decimal.
fn number(digits: &str) -> Option<u16> {
    let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_decimal && *port > 0)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_deref() {
            None => f.write_str("*:")?,
            Some(host) if host.starts_with('[') || host.contains([':', '/']) => write!(f, "[{host}]:")?,
            Some(host) => write!(f, "{host}:")?,
        }
        match self.port {
            None => f.write_str("*"),
            Some(port) => port.fmt(f),
        }
    }
}

/// A text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// The host is not there, not what brackets enclose, or longer than [`MAX_HOST`].
    Host,
    /// The port is not there, or neither a number from 1 to 65535 nor `*`.
    Port,
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "invalid permission hostname",
            Self::Port => "invalid permission port",
        })
    }
}

impl core::error::Error for PlaceError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parsed: Result<Place, PlaceError>) -> Result<(Option<String>, Option<u16>), PlaceError> {
        parsed.map(|place| {
            assert_eq!(Place::parse(&place.to_string()).as_ref(), Ok(&place), "it reads as it is written");
            (place.host.map(Into::into), place.port)
        })
    }

    #[test]
    fn a_place_is_a_host_and_a_port_and_either_may_be_any() {
        for (text, host, port) in [
            ("a:1", Some("a"), Some(1)),
            ("A.example:65535", Some("A.example"), Some(65535)),
            ("[::1]:22", Some("::1"), Some(22)),
            ("[a]:22", Some("a"), Some(22)),
            ("[a/b]:22", Some("a/b"), Some(22)),
            ("*:1", None, Some(1)),
            ("a:*", Some("a"), None),
            ("*:*", None, None),
            (":1", Some(""), Some(1)),
            ("[]:1", Some(""), Some(1)),
            ("a*:1", Some("a*"), Some(1)),
            ("[*]:1", None, Some(1)),
            ("*a]:1", Some("*a]"), Some(1)),
            ("[[a]:1", Some("[a"), Some(1)),
        ] {
            assert_eq!(shown(Place::parse(text)), Ok((host.map(Into::into), port)), "{text}");
            assert_eq!(Place::parse_listen(text), Place::parse(text), "{text}");
        }
    }

    #[test]
    fn a_port_alone_is_a_place_to_listen_at_only() {
        assert_eq!(shown(Place::parse_listen("8080")), Ok((None, Some(8080))));
        assert_eq!(shown(Place::parse_listen("*")), Ok((None, None)));
        assert_eq!(Place::parse("8080"), Err(PlaceError::Port));
    }

    #[test]
    fn what_is_no_place_is_refused_with_its_fault() {
        for text in [
            "", "a", "22", "*", "a:", "::1:1", "[::1]", "[::1]:", "a:0", "a:65536", "a:ssh", "a:-1", "a:+1",
            "a:1:2",
        ] {
            assert_eq!(Place::parse(text), Err(PlaceError::Port), "{text}");
        }
        for text in ["[::1]x:22", "[::1:22", "a/1", "a/1:2", &format!("{}:1", "x".repeat(MAX_HOST + 1))] {
            assert_eq!(Place::parse(text), Err(PlaceError::Host), "{text}");
        }
        for text in ["", "0", "65536", "-1", "abc", "a:b", "/tmp/x", "localhost", "::1:8080"] {
            assert_eq!(Place::parse_listen(text), Err(PlaceError::Port), "{text}");
        }
        assert!(Place::parse(&format!("{}:1", "x".repeat(MAX_HOST))).is_ok());
    }
}
