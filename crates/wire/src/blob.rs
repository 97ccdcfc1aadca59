use crate::{Decode, Encode, Reader, Sink, WireError, decode_all, encoded_len, put_u32};

/// A `string` that holds exactly one encoded `T`, such as a public key inside a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Blob<T>(pub T);

impl<'a, T: Decode<'a>> Decode<'a> for Blob<T> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError> {
        decode_all(input.string()?).map(Self)
    }
}

impl<T: Encode> Encode for Blob<T> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_u32(out, u32::try_from(encoded_len(&self.0)).unwrap_or(u32::MAX));
        self.0.encode(out);
    }
}

#[cfg(feature = "arbitrary")]
impl<'a, T: arbitrary::Arbitrary<'a>> arbitrary::Arbitrary<'a> for Blob<T> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        u.arbitrary().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_its_value_and_nothing_more() {
        let mut out = Vec::new();
        Blob(7_u32).encode(&mut out);
        assert_eq!(out, [0, 0, 0, 4, 0, 0, 0, 7]);
        assert_eq!(decode_all::<Blob<u32>>(&out), Ok(Blob(7)));
        assert_eq!(
            decode_all::<Blob<u32>>(&[0, 0, 0, 5, 0, 0, 0, 7, 0]),
            Err(WireError::Trailing { left: 1 })
        );
    }
}
