//! `IPQoS`: how the network is to treat our packets.

use super::{Arguments, Value, line};
use crate::error::{Problem, quoted};

/// Values of the type-of-service octet (RFC 2474); `None` leaves it as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityOfService {
    /// While there is a session with a terminal.
    pub interactive: Option<u8>,
    /// Else.
    pub bulk: Option<u8>,
}

/// The names of the values; what is not here is a number.
const NAMES: [(&str, Option<u8>); 27] = [
    ("none", None),
    ("af11", Some(0x28)),
    ("af12", Some(0x30)),
    ("af13", Some(0x38)),
    ("af21", Some(0x48)),
    ("af22", Some(0x50)),
    ("af23", Some(0x58)),
    ("af31", Some(0x68)),
    ("af32", Some(0x70)),
    ("af33", Some(0x78)),
    ("af41", Some(0x88)),
    ("af42", Some(0x90)),
    ("af43", Some(0x98)),
    ("cs0", Some(0x00)),
    ("cs1", Some(0x20)),
    ("cs2", Some(0x40)),
    ("cs3", Some(0x60)),
    ("cs4", Some(0x80)),
    ("cs5", Some(0xa0)),
    ("cs6", Some(0xc0)),
    ("cs7", Some(0xe0)),
    ("ef", Some(0xb8)),
    ("le", Some(0x04)),
    ("va", Some(0xb0)),
    // The names of RFC 1349, which nothing goes by any more.
    ("lowdelay", None),
    ("throughput", None),
    ("reliability", None),
];

impl QualityOfService {
    /// What the server does without a line.
    pub(crate) const DEFAULT: Self = Self { interactive: Some(0xb8), bulk: Some(0) };

    fn value(word: &str, keyword: &str) -> Result<Option<u8>, Problem> {
        if let Some((_, value)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            return Ok(*value);
        }
        // In base 16 too, as it is dumped.
        let (digits, radix) = word.strip_prefix("0x").map_or((word, 10), |digits| (digits, 16));
        let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u8::from_str_radix(digits, radix).ok().filter(|_| is_number);
        number.map(Some).ok_or_else(|| Problem::BadQuality { keyword: quoted(keyword), value: quoted(word) })
    }

    fn name(value: Option<u8>) -> String {
        match NAMES.iter().find(|(_, known)| *known == value) {
            Some((name, _)) => (*name).into(),
            None => format!("{:#04x}", value.unwrap_or_default()),
        }
    }
}

impl Value for QualityOfService {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let interactive = Self::value(&arguments.given()?, arguments.keyword)?;
        let bulk = match arguments.next() {
            None => interactive,
            Some(word) => Self::value(&word, arguments.keyword)?,
        };
        Ok(Self { interactive, bulk })
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &format!("{} {}", Self::name(self.interactive), Self::name(self.bulk)));
    }
}
