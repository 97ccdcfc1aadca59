//! DER (X.690), as much as private keys in PEM files need: definite lengths in their shortest form, tags of one byte.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// The bytes are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadDer;

/// A cursor over values one after the other. What it gives borrows from them.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The contents of the one value that the bytes are, which is a sequence.
    pub(crate) fn whole_sequence(bytes: &'a [u8]) -> Result<Self, BadDer> {
        let mut outer = Self(bytes);
        let inner = outer.sequence()?;
        outer.finish()?;
        Ok(inner)
    }

    /// That nothing is left.
    pub(crate) fn finish(self) -> Result<(), BadDer> {
        if self.0.is_empty() { Ok(()) } else { Err(BadDer) }
    }

    pub(crate) fn sequence(&mut self) -> Result<Self, BadDer> {
        self.value(SEQUENCE).map(Self)
    }

    pub(crate) fn octets(&mut self) -> Result<&'a [u8], BadDer> {
        self.value(OCTET_STRING)
    }

    /// The encoded arcs of an object identifier.
    pub(crate) fn identifier(&mut self) -> Result<&'a [u8], BadDer> {
        self.value(OBJECT_IDENTIFIER)
    }

    /// A bit string of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], BadDer> {
        self.value(BIT_STRING)?.strip_prefix(&[0]).ok_or(BadDer)
    }

    /// The magnitude of an integer that is not negative, without leading zero bytes.
    pub(crate) fn magnitude(&mut self) -> Result<&'a [u8], BadDer> {
        match self.value(INTEGER)? {
            [] => Err(BadDer),
            [0] => Ok(&[]),
            // The zero is there for the sign only.
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(rest),
            [0, ..] => Err(BadDer),
            [first, ..] if first & 0x80 != 0 => Err(BadDer),
            magnitude => Ok(magnitude),
        }
    }

    /// An integer that is not negative and fits.
    pub(crate) fn number(&mut self) -> Result<u32, BadDer> {
        let magnitude = self.magnitude()?;
        if magnitude.len() > size_of::<u32>() {
            return Err(BadDer);
        }
        Ok(magnitude.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
    }

    /// An integer if one is next.
    pub(crate) fn optional_number(&mut self) -> Result<Option<u32>, BadDer> {
        if self.0.first() == Some(&INTEGER) { self.number().map(Some) } else { Ok(None) }
    }

    /// A sequence if one is next.
    pub(crate) fn optional_sequence(&mut self) -> Result<Option<Self>, BadDer> {
        if self.0.first() == Some(&SEQUENCE) { self.sequence().map(Some) } else { Ok(None) }
    }

    /// The contents of what is tagged `[tag]` if that is next: constructed, as an explicit tag or a set is, or not.
    pub(crate) fn optional_tagged(&mut self, tag: u8) -> Result<Option<Self>, BadDer> {
        let (primitive, constructed) = (0x80 | tag, 0xa0 | tag);
        match self.0.first() {
            Some(next) if *next == primitive || *next == constructed => {
                self.value(*next).map(|value| Some(Self(value)))
            }
            _ => Ok(None),
        }
    }

    /// The contents of the next value, which has this tag.
    fn value(&mut self, tag: u8) -> Result<&'a [u8], BadDer> {
        let [found, first, rest @ ..] = self.0 else { return Err(BadDer) };
        if *found != tag {
            return Err(BadDer);
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // Files have at most 64 KiB, so two bytes of length are enough, and three are never shortest.
            0x81 | 0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f)).ok_or(BadDer)?;
                let length = bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
                let shortest = if bytes.len() == 1 { length >= 0x80 } else { length >= 0x100 };
                if !shortest {
                    return Err(BadDer);
                }
                (length, rest)
            }
            _ => return Err(BadDer),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(BadDer)?;
        self.0 = rest;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_one_after_the_other() {
        let mut bytes = vec![2, 1, 5, 2, 2, 0, 0x80, 4, 2, 1, 2, 6, 1, 9, 3, 2, 0, 7, 0xa1, 2, 5, 0];
        bytes.splice(0..0, [0x30, u8::try_from(bytes.len()).unwrap()]);
        assert!(Der::whole_sequence(&bytes[..bytes.len() - 1]).is_err());
        assert!(Der::whole_sequence(&[&bytes[..], &[0]].concat()).is_err());
        let mut inner = Der::whole_sequence(&bytes).unwrap();
        assert_eq!(inner.number(), Ok(5));
        assert_eq!(inner.magnitude(), Ok(&[0x80][..]));
        assert_eq!(inner.optional_number(), Ok(None));
        assert_eq!(inner.octets(), Ok(&[1, 2][..]));
        assert_eq!(inner.identifier(), Ok(&[9][..]));
        assert_eq!(inner.bits(), Ok(&[7][..]));
        assert!(inner.optional_tagged(0).unwrap().is_none());
        assert!(inner.optional_sequence().unwrap().is_none());
        assert!(inner.optional_tagged(1).unwrap().is_some());
        assert_eq!(inner.finish(), Ok(()));
    }

    #[test]
    fn long_lengths_are_read_in_their_shortest_form_only() {
        let of = |head: &[u8], len: usize| [head, &vec![1; len]].concat();
        for (head, len) in [(&[4u8, 0x7f][..], 0x7f), (&[4, 0x81, 0x80], 0x80), (&[4, 0x82, 1, 0], 0x100)] {
            assert_eq!(Der::new(&of(head, len)).octets().unwrap().len(), len, "{head:?}");
        }
        for head in [
            &[4u8, 0x80][..],
            &[4, 0x81, 0x7f],
            &[4, 0x82, 0, 0xff],
            &[4, 0x83, 0, 1, 0],
            &[4, 0xff],
            &[4],
            &[],
        ] {
            assert_eq!(Der::new(&of(head, 0)).octets(), Err(BadDer), "{head:?}");
        }
    }

    #[test]
    fn integers_are_positive_and_shortest() {
        for (bytes, number) in
            [(&[2u8, 1, 0][..], Ok(0)), (&[2, 4, 1, 2, 3, 4], Ok(0x0102_0304)), (&[2, 1, 0xff], Err(BadDer))]
        {
            assert_eq!(Der::new(bytes).number(), number, "{bytes:?}");
        }
        for bytes in [&[2u8, 0][..], &[2, 2, 0, 1], &[2, 5, 1, 1, 1, 1, 1]] {
            assert_eq!(Der::new(bytes).number(), Err(BadDer), "{bytes:?}");
        }
    }
}
