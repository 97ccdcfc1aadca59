//! Questions for the addresses of a name, and their answers (RFC 1035 §4).

use std::net::IpAddr;

use super::limits::{MAX_ALIASES, MAX_ANSWER, MAX_RECORDS};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }

    fn address(self, data: &[u8]) -> Option<IpAddr> {
        match self {
            Self::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            Self::Aaaa => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        }
    }
}

/// The type of an alias.
const CNAME: u16 = 5;
/// The class of the Internet.
const INTERNET: u16 = 1;
/// Flags of the header: this is an answer, it was cut off, please ask others.
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
/// Where the header keeps the opcode, and the code of the answer.
const OPCODE: u16 = 0x7800;
const CODE: u16 = 0x000f;
/// Bytes of a name, the last empty label included.
const MAX_ENCODED: usize = 255;
const MAX_LABEL: usize = 63;

/// A question.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u16,
    kind: Kind,
    name: Name,
}

/// The encoding of a name without pointers, in lower case.
type Name = Vec<u8>;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// These; there may be none.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// It did not fit: ask again over TCP.
    Truncated,
    /// The server cannot say, or does not want to.
    Failed,
}

impl Question {
    /// `None` for a name that has no encoding: an empty or too long label, or too many.
    pub(super) fn new(id: u16, kind: Kind, name: &str) -> Option<Self> {
        let mut encoded = Vec::new();
        for label in name.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|_| (1..=MAX_LABEL).contains(&label.len()))?;
            encoded.push(length);
            encoded.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        encoded.push(0);
        (encoded.len() <= MAX_ENCODED).then_some(Self { id, kind, name: encoded })
    }

    /// As it is sent.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [self.id, RECURSION_DESIRED, 1, 0, 0, 0] {
            out.extend(number.to_be_bytes());
        }
        out.extend(&self.name);
        for number in [self.kind.number(), INTERNET] {
            out.extend(number.to_be_bytes());
        }
        out
    }

    /// What an answer says. `None` for what is none to this question, or is not well-formed: it may be somebody else's, so the true one
    /// is still to be waited for.
    pub(super) fn read(&self, packet: &[u8]) -> Option<Answer> {
        let packet = packet.get(..MAX_ANSWER.min(packet.len()))?;
        let mut input = Input { packet, at: 0 };
        let (id, flags) = (input.u16()?, input.u16()?);
        let [questions, answers] = [input.u16()?, input.u16()?];
        let [_authorities, _additional] = [input.u16()?, input.u16()?];
        let is_answer = id == self.id && flags & RESPONSE != 0 && flags & OPCODE == 0 && questions == 1;
        let is_mine = is_answer
            && input.name()? == self.name
            && input.u16()? == self.kind.number()
            && input.u16()? == INTERNET;
        if !is_mine {
            return None;
        }
        if flags & TRUNCATED != 0 {
            return Some(Answer::Truncated);
        }
        match flags & CODE {
            0 => {}
            3 => return Some(Answer::NoName),
            _ => return Some(Answer::Failed),
        }
        let count = usize::from(answers).min(MAX_RECORDS);
        let records: Vec<Record> = (0..count).map(|_| input.record(self.kind)).collect::<Option<_>>()?;
        Some(Answer::Addresses(self.follow(&records)))
    }

    /// The addresses of the name, or of what it is an alias for.
    fn follow(&self, records: &[Record]) -> Vec<IpAddr> {
        let mut name = &self.name;
        for _ in 0..MAX_ALIASES {
            let own = || records.iter().filter(|record| record.owner == *name);
            let addresses: Vec<IpAddr> = own()
                .filter_map(|record| match record.data {
                    Data::Address(address) => Some(address),
                    Data::Alias(_) | Data::Other => None,
                })
                .collect();
            let alias = own().find_map(|record| match &record.data {
                Data::Alias(alias) => Some(alias),
                Data::Address(_) | Data::Other => None,
            });
            match alias {
                Some(alias) if addresses.is_empty() => name = alias,
                _ => return addresses,
            }
        }
        Vec::new()
    }
}

struct Record {
    owner: Name,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(Name),
    Other,
}

/// A packet, read from its beginning.
struct Input<'a> {
    packet: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.packet.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A name, whose end may stand somewhere before it (RFC 1035 §4.1.4): each pointer leads to an earlier place than all that was read
    /// of the name so far, so there is no way round in circles.
    fn name(&mut self) -> Option<Name> {
        let (mut name, mut first) = (Vec::new(), self.at);
        let mut behind = None;
        loop {
            let length = self.u8()?;
            match length >> 6 {
                0 => {
                    name.push(length);
                    name.extend(self.take(length.into())?.iter().map(u8::to_ascii_lowercase));
                    if name.len() > MAX_ENCODED {
                        return None;
                    }
                    if length == 0 {
                        self.at = behind.unwrap_or(self.at);
                        return Some(name);
                    }
                }
                3 => {
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, self.u8()?]));
                    behind = behind.or(Some(self.at));
                    if target >= first {
                        return None;
                    }
                    (first, self.at) = (target, target);
                }
                _ => return None,
            }
        }
    }

    fn record(&mut self, kind: Kind) -> Option<Record> {
        let owner = self.name()?;
        let (number, class) = (self.u16()?, self.u16()?);
        let _seconds = self.take(4)?;
        let length = self.u16()?;
        let start = self.at;
        let bytes = self.take(length.into())?;
        let data = if class != INTERNET {
            Data::Other
        } else if number == kind.number() {
            Data::Address(kind.address(bytes)?)
        } else if number == CNAME {
            let mut inside = Input { packet: self.packet, at: start };
            let alias = inside.name()?;
            if inside.at != self.at {
                return None;
            }
            Data::Alias(alias)
        } else {
            Data::Other
        };
        Some(Record { owner, data })
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
