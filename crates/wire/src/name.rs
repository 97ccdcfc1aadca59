use std::fmt;

use crate::limits::{NAME_LIST_MAX, NAME_MAX};
use crate::{Decode, Encode, Reader, Sink, WireError, put_string, put_u32};

/// The name of an algorithm, method, service, channel type or request: 1 to 64 printable US-ASCII characters
/// without comma and blank (RFC 4251 §6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Takes `name` as a name.
    ///
    /// # Errors
    /// [`WireError::BadName`] when it is empty or has a character that names cannot have, [`WireError::TooLong`]
    /// over [`NAME_MAX`].
    pub fn new(name: &'a str) -> Result<Self, WireError> {
        if name.len() > NAME_MAX {
            return Err(WireError::TooLong { limit: NAME_MAX });
        }
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(WireError::BadName);
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<'a> Decode<'a> for Name<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        let name = std::str::from_utf8(input.string()?).map_err(|_| WireError::BadName)?;
        Self::new(name)
    }
}

impl Encode for Name<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0.as_bytes());
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

/// A `name-list` (RFC 4251 §5): names with commas between them, possibly none.
///
/// One that was read keeps its own text, so that it can be hashed and compared as the peer wrote it. A listed name
/// may be longer than 64 characters: nobody knows it, so it is no candidate, which is no reason to end a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NameList<'a>(&'a str);

impl<'a> NameList<'a> {
    /// Takes comma-separated names.
    ///
    /// # Errors
    /// [`WireError::BadName`] for an empty name or a character that names cannot have, [`WireError::TooLong`] over
    /// [`NAME_LIST_MAX`].
    pub fn new(names: &'a str) -> Result<Self, WireError> {
        if names.len() > NAME_LIST_MAX {
            return Err(WireError::TooLong { limit: NAME_LIST_MAX });
        }
        let good = |name: &str| !name.is_empty() && name.bytes().all(is_name_byte);
        if !names.is_empty() && !names.split(',').all(good) {
            return Err(WireError::BadName);
        }
        Ok(Self(names))
    }

    /// The names in the order of the list, which is the order of preference.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Whether `name` is listed.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.iter().any(|listed| listed == name)
    }

    /// Whether no name is listed.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The list as it stands on the wire.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> Decode<'a> for NameList<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        let names = std::str::from_utf8(input.string()?).map_err(|_| WireError::BadName)?;
        Self::new(names)
    }
}

impl Encode for NameList<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0.as_bytes());
    }
}

impl fmt::Display for NameList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for NameList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

/// Puts a `name-list` made of the given names, without building it first.
pub fn names<'n, S: Sink + ?Sized>(out: &mut S, names: impl Iterator<Item = &'n str> + Clone) {
    let (count, bytes) = names
        .clone()
        .fold((0_usize, 0_usize), |(n, b), name| (n.saturating_add(1), b.saturating_add(name.len())));
    let length = bytes.saturating_add(count.saturating_sub(1));
    put_u32(out, u32::try_from(length).unwrap_or(u32::MAX));
    for (index, name) in names.enumerate() {
        if index > 0 {
            out.put(b",");
        }
        out.put(name.as_bytes());
    }
}

#[cfg(feature = "arbitrary")]
mod arbitrary_impls {
    use arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Name, NameList};

    const SOME: &[&str] = &[
        "none",
        "publickey",
        "password",
        "keyboard-interactive",
        "ssh-userauth",
        "ssh-connection",
        "ssh-ed25519",
        "session",
        "shell",
        "exec",
        "x",
        "keepalive@openssh.com",
    ];

    impl<'a> Arbitrary<'a> for Name<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            if u.arbitrary()? {
                return u.choose(SOME).map(|name| Self(name));
            }
            let name: &str = u.arbitrary()?;
            Ok(Self::new(name).unwrap_or(Self("x")))
        }
    }

    impl<'a> Arbitrary<'a> for NameList<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let names: &str = u.arbitrary()?;
            Ok(Self::new(names).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode_all;

    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, bytes);
        out
    }

    #[test]
    fn a_name_is_1_to_64_printable_characters() {
        assert!(Name::new("a").is_ok());
        assert!(Name::new(&"a".repeat(64)).is_ok());
        assert_eq!(Name::new(&"a".repeat(65)), Err(WireError::TooLong { limit: 64 }));
        for bad in ["", "a b", "a,b", "a\n", "é", "a\0", "\x7f"] {
            assert_eq!(Name::new(bad), Err(WireError::BadName), "{bad:?}");
        }
    }

    #[test]
    fn examples_of_rfc_4251_section_5() {
        assert_eq!(decode_all::<NameList<'_>>(&[0, 0, 0, 0]).unwrap().iter().count(), 0);
        let zlib = [0, 0, 0, 4, 0x7a, 0x6c, 0x69, 0x62];
        assert_eq!(decode_all::<NameList<'_>>(&zlib).unwrap().as_str(), "zlib");
        let both = [0, 0, 0, 9, 0x7a, 0x6c, 0x69, 0x62, 0x2c, 0x6e, 0x6f, 0x6e, 0x65];
        let list: Vec<_> = decode_all::<NameList<'_>>(&both).unwrap().iter().collect();
        assert_eq!(list, ["zlib", "none"]);
        let mut out = Vec::new();
        names(&mut out, ["zlib", "none"].into_iter());
        assert_eq!(out, both);
    }

    #[test]
    fn a_list_has_no_empty_names_and_no_blanks() {
        for bad in [&b","[..], b"a,", b",a", b"a,,b", b"a, b", b"a\0"] {
            assert_eq!(decode_all::<NameList<'_>>(&string(bad)), Err(WireError::BadName), "{bad:?}");
        }
    }

    #[test]
    fn a_list_over_its_limit_is_refused_and_a_long_unknown_name_in_it_is_not() {
        let long = "a".repeat(NAME_LIST_MAX + 1);
        assert_eq!(NameList::new(&long), Err(WireError::TooLong { limit: NAME_LIST_MAX }));
        assert!(NameList::new(&"a".repeat(300)).is_ok());
    }
}
