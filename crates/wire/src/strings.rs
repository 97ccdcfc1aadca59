//! The meanings that a `string` of RFC 4251 §5 can have.

use std::fmt;

use crate::{Decode, Encode, Reader, Sink, WireError, put_string};

/// Any bytes: a key blob, channel data, an opaque cookie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bytes<'a>(pub &'a [u8]);

/// Bytes that the operating system will see as a C string: a command, a path, an environment value. A NUL is malformed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NulFree<'a>(&'a [u8]);

/// UTF-8 without NUL: a user name, a host name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Text<'a>(&'a str);

/// Text for a person, of any bytes: a banner, a disconnect's description. `Display` escapes what could fool a
/// terminal or forge a log line; peers do send Latin-1 here, so bad UTF-8 is shown, not refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Human<'a>(pub &'a [u8]);

/// Bytes that no log may hold: a password, an answer to a prompt. `Debug` shows only the length.
#[derive(Clone, Copy, Default)]
pub struct Sensitive<'a>(pub &'a [u8]);

/// All that is left of a message, without a length of its own: the part that only a later reader understands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rest<'a>(pub &'a [u8]);

impl<'a> NulFree<'a> {
    /// Takes `bytes` that hold no NUL.
    ///
    /// # Errors
    /// [`WireError::Nul`] when they do.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.contains(&0) { Err(WireError::Nul) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Text<'a> {
    /// Takes `text` that holds no NUL.
    ///
    /// # Errors
    /// [`WireError::Nul`] when it does.
    pub fn new(text: &'a str) -> Result<Self, WireError> {
        if text.as_bytes().contains(&0) { Err(WireError::Nul) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a str> for Human<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> Decode<'a> for Bytes<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        input.string().map(Self)
    }
}

impl<'a> Decode<'a> for NulFree<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Self::new(input.string()?)
    }
}

impl<'a> Decode<'a> for Text<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Self::new(std::str::from_utf8(input.string()?).map_err(|_| WireError::NotUtf8)?)
    }
}

impl<'a> Decode<'a> for Human<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        input.string().map(Self)
    }
}

impl<'a> Decode<'a> for Sensitive<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        input.string().map(Self)
    }
}

impl<'a> Decode<'a> for Rest<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self(input.rest()))
    }
}

impl Encode for Bytes<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0);
    }
}

impl Encode for NulFree<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0);
    }
}

impl Encode for Text<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0.as_bytes());
    }
}

impl Encode for Human<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0);
    }
}

impl Encode for Sensitive<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.0);
    }
}

impl Encode for Rest<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.0);
    }
}

/// Bytes from a peer made fit for a log line or a terminal: control characters and bytes that are not UTF-8 are
/// written as `\xNN`, a backslash as `\\`, and characters that turn the direction of text as `\u{…}`.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    // C1 controls, line and paragraph separators, and marks that reorder what is shown.
                    '\u{80}'..='\u{9f}'
                    | '\u{61c}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2066}'..='\u{2069}'
                    | '\u{feff}' => write!(f, "{}", c.escape_unicode())?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0.as_bytes()).fmt(f)
    }
}

impl fmt::Display for Human<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0).fmt(f)
    }
}

impl fmt::Display for NulFree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.0).fmt(f)
    }
}

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_bytes(f, "Bytes", self.0)
    }
}

impl fmt::Debug for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_bytes(f, "Rest", self.0)
    }
}

impl fmt::Debug for NulFree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Debug for Human<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Debug for Sensitive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sensitive({} bytes)", self.0.len())
    }
}

/// Length and the first bytes: enough to recognise a blob, too little to flood a log.
fn debug_bytes(f: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    const SHOWN: usize = 16;
    write!(f, "{name}({} bytes", bytes.len())?;
    if !bytes.is_empty() {
        f.write_str(": ")?;
        for byte in bytes.iter().take(SHOWN) {
            write!(f, "{byte:02x}")?;
        }
        if bytes.len() > SHOWN {
            f.write_str("…")?;
        }
    }
    f.write_str(")")
}

#[cfg(feature = "arbitrary")]
mod arbitrary_impls {
    use arbitrary::{Arbitrary, Result, Unstructured};

    use super::{Bytes, Human, NulFree, Rest, Sensitive, Text};

    impl<'a> Arbitrary<'a> for Bytes<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            u.arbitrary().map(Self)
        }
    }

    impl<'a> Arbitrary<'a> for Human<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            u.arbitrary().map(Self)
        }
    }

    impl<'a> Arbitrary<'a> for Sensitive<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            u.arbitrary().map(Self)
        }
    }

    impl<'a> Arbitrary<'a> for Rest<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            u.arbitrary().map(Self)
        }
    }

    impl<'a> Arbitrary<'a> for NulFree<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let bytes: &[u8] = u.arbitrary()?;
            // What stands before the first NUL is free of it.
            Ok(Self(bytes.split(|b| *b == 0).next().unwrap_or_default()))
        }
    }

    impl<'a> Arbitrary<'a> for Text<'a> {
        fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
            let text: &str = u.arbitrary()?;
            Ok(Self(text.split('\0').next().unwrap_or_default()))
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
    fn a_nul_is_malformed_where_the_system_would_stop_at_it() {
        let wire = string(b"root\0x");
        assert_eq!(decode_all::<Text<'_>>(&wire), Err(WireError::Nul));
        assert_eq!(decode_all::<NulFree<'_>>(&wire), Err(WireError::Nul));
        assert_eq!(decode_all::<Bytes<'_>>(&wire), Ok(Bytes(b"root\0x")));
        // A trailing NUL is no exception: OpenSSH tolerates one in names, we do not.
        assert_eq!(decode_all::<Text<'_>>(&string(b"root\0")), Err(WireError::Nul));
    }

    #[test]
    fn text_is_utf8_and_human_text_may_be_anything() {
        let latin1 = string(b"caf\xe9");
        assert_eq!(decode_all::<Text<'_>>(&latin1), Err(WireError::NotUtf8));
        assert_eq!(decode_all::<Human<'_>>(&latin1).unwrap().to_string(), "caf\\xe9");
    }

    #[test]
    fn display_escapes_what_could_fool_a_terminal() {
        let shown = Human(b"a\x1b[2Jb\nc\\d\xe2\x80\xae").to_string();
        assert_eq!(shown, "a\\x1b[2Jb\\x0ac\\\\d\\u{202e}");
    }

    #[test]
    fn debug_hides_what_is_sensitive_and_shortens_what_is_long() {
        assert_eq!(format!("{:?}", Sensitive(b"hunter2")), "Sensitive(7 bytes)");
        assert_eq!(format!("{:?}", Bytes(&[0xab; 17])), format!("Bytes(17 bytes: {}…)", "ab".repeat(16)));
    }
}
