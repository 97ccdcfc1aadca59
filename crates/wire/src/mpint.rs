use std::fmt;

use crate::limits::MPINT_MAX;
use crate::{Decode, Encode, Reader, Sink, WireError, put_u32};

/// A non-negative `mpint` (RFC 4251 §5). SSH has no use for negative ones, so they are malformed here.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Mpint<'a>(&'a [u8]);

impl<'a> Mpint<'a> {
    /// The number with this big-endian magnitude; leading zero bytes do not count.
    #[must_use]
    pub fn from_magnitude(bytes: &'a [u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self(bytes.get(zeros..).unwrap_or_default())
    }

    /// The number that an mpint with these contents is, its length not among them.
    ///
    /// # Errors
    /// [`WireError::BadMpint`] when it is negative or has a leading zero byte that no sign bit asks for;
    /// [`WireError::TooLong`] over [`MPINT_MAX`].
    pub fn from_contents(bytes: &'a [u8]) -> Result<Self, WireError> {
        let magnitude = match bytes {
            [0, second, ..] if second & 0x80 != 0 => bytes.get(1..).unwrap_or_default(),
            // Two encodings of one number would be two signatures of one.
            [0, ..] => return Err(WireError::BadMpint),
            [first, ..] if first & 0x80 != 0 => return Err(WireError::BadMpint),
            _ => bytes,
        };
        if magnitude.len() > MPINT_MAX {
            return Err(WireError::TooLong { limit: MPINT_MAX });
        }
        Ok(Self(magnitude))
    }

    /// The big-endian magnitude without leading zero bytes: empty for zero.
    #[must_use]
    pub fn magnitude(self) -> &'a [u8] {
        self.0
    }

    /// What stands in an mpint behind its length: the magnitude, behind a zero byte where it would be a negative number.
    #[must_use]
    pub fn to_contents(self) -> Vec<u8> {
        let mut contents = Vec::with_capacity(self.0.len().saturating_add(1));
        contents.extend_from_slice(self.sign());
        contents.extend_from_slice(self.0);
        contents
    }

    /// The zero byte that the magnitude needs before it, or nothing.
    fn sign(self) -> &'static [u8] {
        if self.0.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] }
    }

    /// How many bits the magnitude has: 0 for zero.
    #[must_use]
    pub fn bits(self) -> usize {
        let zeros = self.0.first().map_or(0, |first| first.leading_zeros());
        self.0.len().saturating_mul(8).saturating_sub(usize::try_from(zeros).unwrap_or_default())
    }
}

impl<'a> Decode<'a> for Mpint<'a> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        Self::from_contents(input.string()?)
    }
}

impl Encode for Mpint<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        let sign = self.sign();
        let length = self.0.len().saturating_add(sign.len());
        put_u32(out, u32::try_from(length).unwrap_or(u32::MAX));
        out.put(sign);
        out.put(self.0);
    }
}

/// Only the size: an mpint can be a shared secret.
impl fmt::Debug for Mpint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpint({} bytes)", self.0.len())
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Mpint<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let bytes: &[u8] = u.arbitrary()?;
        // One that is longer can be encoded, but nobody decodes it.
        Ok(Self::from_magnitude(bytes.get(..MPINT_MAX).unwrap_or(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode_all;

    #[test]
    fn examples_of_rfc_4251_section_5() {
        let cases: [(&[u8], &[u8]); 3] = [
            (&[], &[0, 0, 0, 0]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
        ];
        for (magnitude, wire) in cases {
            let mut out = Vec::new();
            Mpint::from_magnitude(magnitude).encode(&mut out);
            assert_eq!(out, wire);
            assert_eq!(Mpint::from_magnitude(magnitude).to_contents(), wire[4..]);
            assert_eq!(decode_all::<Mpint<'_>>(wire).unwrap().magnitude(), magnitude);
        }
        // The RFC's negative examples: -1234 and -deadbeef.
        for negative in [&[0, 0, 0, 2, 0xed, 0xcc][..], &[0, 0, 0, 5, 0xff, 0x21, 0x52, 0x41, 0x11]] {
            assert_eq!(decode_all::<Mpint<'_>>(negative), Err(WireError::BadMpint));
        }
    }

    #[test]
    fn needless_leading_zeros_are_malformed_and_dropped_when_encoding() {
        assert_eq!(decode_all::<Mpint<'_>>(&[0, 0, 0, 2, 0, 1]), Err(WireError::BadMpint));
        assert_eq!(decode_all::<Mpint<'_>>(&[0, 0, 0, 1, 0]), Err(WireError::BadMpint));
        assert_eq!(Mpint::from_magnitude(&[0, 0, 5]).magnitude(), [5]);
    }

    #[test]
    fn the_bits_of_a_number_are_those_of_its_magnitude() {
        for (magnitude, bits) in [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80], 8), (&[1, 0], 9)] {
            assert_eq!(Mpint::from_magnitude(magnitude).bits(), bits, "{magnitude:?}");
        }
        assert_eq!(Mpint::from_contents(&[0, 0x80]), Ok(Mpint::from_magnitude(&[0x80])));
        assert_eq!(Mpint::from_contents(&[0]), Err(WireError::BadMpint));
    }

    #[test]
    fn a_number_over_the_limit_is_refused() {
        let mut wire = Vec::new();
        Mpint::from_magnitude(&vec![0x7f; MPINT_MAX + 1]).encode(&mut wire);
        assert_eq!(decode_all::<Mpint<'_>>(&wire), Err(WireError::TooLong { limit: MPINT_MAX }));
    }

    #[cfg(feature = "arbitrary")]
    #[test]
    fn a_generated_number_can_be_decoded_however_much_noise_there_is() {
        use arbitrary::Arbitrary;
        let noise = vec![0x5a; 3 * MPINT_MAX];
        let number = Mpint::arbitrary(&mut arbitrary::Unstructured::new(&noise)).unwrap();
        let mut wire = Vec::new();
        number.encode(&mut wire);
        assert_eq!(decode_all::<Mpint<'_>>(&wire), Ok(number));
    }
}
