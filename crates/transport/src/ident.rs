//! The identification exchange (RFC 4253 §4.2).

use wire::{Escaped, Role};

use crate::error::{Error, Misbehaviour, Misuse};
use crate::limits::{GREETING_LINE_MAX, GREETING_LINES_MAX, IDENT_LINE_MAX};
use crate::recvbuf::RecvBuf;

/// Our identification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    line: String,
}

impl Ident {
    /// `SSH-2.0-` and the software's version, and comments after a blank if there are any.
    ///
    /// # Errors
    /// [`Misuse::BadIdent`] when the version is empty or holds a blank or a minus sign, when something is not printable
    /// US-ASCII, or when the line would be too long.
    pub fn new(software: &str, comments: Option<&str>) -> Result<Self, Misuse> {
        let line = match comments {
            Some(comments) => format!("SSH-2.0-{software} {comments}"),
            None => format!("SSH-2.0-{software}"),
        };
        let software_is_good =
            !software.is_empty() && software.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'-');
        if software_is_good
            && line.bytes().all(is_printable)
            && line.len() <= IDENT_LINE_MAX.saturating_sub(2)
        {
            Ok(Self { line })
        } else {
            Err(Misuse::BadIdent)
        }
    }

    /// The line without its CR LF, which is how the exchange hash sees it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.line
    }
}

/// The peer's identification, as it sent it, without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdent {
    line: Vec<u8>,
}

impl PeerIdent {
    /// The whole line.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.line
    }

    /// The version of its protocol: `2.0` or `1.99`, which mean the same.
    #[must_use]
    pub fn protocol(&self) -> &str {
        part(&self.line, 1)
    }

    /// What the peer calls its software, for workarounds; comments do not belong to it.
    #[must_use]
    pub fn software(&self) -> &str {
        software(&self.line)
    }

    /// What stands after the first blank, if there is one.
    #[must_use]
    pub fn comments(&self) -> Option<&str> {
        part(&self.line, 2).split_once(' ').map(|(_, comments)| comments)
    }
}

/// What the sender of an identification calls its software.
pub(crate) fn software(line: &[u8]) -> &str {
    part(line, 2).split(' ').next().unwrap_or_default()
}

fn part(line: &[u8], index: usize) -> &str {
    // Only printable US-ASCII gets here.
    std::str::from_utf8(line).unwrap_or_default().splitn(3, '-').nth(index).unwrap_or_default()
}

impl std::fmt::Display for PeerIdent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Escaped(&self.line).fmt(f)
    }
}

/// Printable US-ASCII and the blank.
fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Reads lines until the peer's identification.
#[derive(Debug, Default)]
pub(crate) struct IdentReader {
    /// Bytes of the line under way that hold no line end.
    scanned: usize,
    greetings: u32,
}

/// What a line was.
#[derive(Debug)]
pub(crate) enum Line<'b> {
    /// It is not all there.
    Incomplete,
    /// A line before a server's identification.
    Greeting(&'b [u8]),
    /// The identification.
    Ident(PeerIdent),
}

impl IdentReader {
    /// Takes the next line of a peer which is a `peer`.
    pub(crate) fn next<'b>(&mut self, rx: &'b mut RecvBuf, peer: Role) -> Result<Line<'b>, Error> {
        // A server may greet first, so the line may be a longer one until it shows itself to be an identification.
        let is_ident = peer == Role::Client || rx.data().starts_with(PREFIX);
        let limit = if is_ident { IDENT_LINE_MAX } else { GREETING_LINE_MAX };
        let fresh = rx.data().get(self.scanned..).unwrap_or_default();
        let Some(found) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.scanned = rx.len();
            if self.scanned >= limit {
                return Err(too_long(rx.data(), is_ident));
            }
            return Ok(Line::Incomplete);
        };
        let length = self.scanned.saturating_add(found).saturating_add(1);
        self.scanned = 0;
        if length > limit {
            return Err(too_long(rx.data(), is_ident));
        }
        let line: &'b [u8] = rx.take(length).unwrap_or_default();
        // Some peers end their lines with a bare LF.
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&0) {
            return Err(Misbehaviour::IdentNul.into());
        }
        if line.starts_with(PREFIX) {
            return parse(line).map(Line::Ident);
        }
        if peer == Role::Client {
            return Err(Misbehaviour::IdentNotSsh { line: line.to_vec() }.into());
        }
        self.greetings = self.greetings.saturating_add(1);
        if self.greetings > GREETING_LINES_MAX {
            return Err(Misbehaviour::TooManyGreetings.into());
        }
        Ok(Line::Greeting(line))
    }
}

const PREFIX: &[u8] = b"SSH-";

fn too_long(data: &[u8], is_ident: bool) -> Error {
    if data.starts_with(PREFIX) {
        Misbehaviour::IdentTooLong.into()
    } else if is_ident {
        let line = data.get(..IDENT_LINE_MAX).unwrap_or(data).to_vec();
        Misbehaviour::IdentNotSsh { line }.into()
    } else {
        Misbehaviour::GreetingTooLong.into()
    }
}

fn parse(line: &[u8]) -> Result<PeerIdent, Error> {
    if let Some(byte) = line.iter().find(|byte| !is_printable(**byte)) {
        return Err(Misbehaviour::IdentCharacter { byte: *byte }.into());
    }
    let mut parts = line.splitn(3, |byte| *byte == b'-').skip(1);
    match (parts.next(), parts.next()) {
        // RFC 4253 §5.1: a server that also speaks 1 says 1.99. So do some clients, and it means the same.
        (Some(b"2.0" | b"1.99"), Some(software)) if !software.is_empty() => {
            Ok(PeerIdent { line: line.to_vec() })
        }
        (Some(b"2.0" | b"1.99"), _) | (_, None) | (None, _) => {
            Err(Misbehaviour::IdentNotSsh { line: line.to_vec() }.into())
        }
        (Some(_), Some(_)) => Err(Misbehaviour::ProtocolVersion { line: line.to_vec() }.into()),
    }
}
