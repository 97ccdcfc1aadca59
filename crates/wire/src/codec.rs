use crate::{Reader, Sink, WireError, put_u32};

/// A value that can be read from the wire. What can be built can be sent, and what was read needs no second check.
pub trait Decode<'a>: Sized {
    /// Reads one value and leaves the reader behind it.
    ///
    /// # Errors
    /// A [`WireError`] when the bytes are not such a value.
    fn decode(input: &mut Reader<'a>) -> Result<Self, WireError>;
}

/// A value that can be put on the wire.
pub trait Encode {
    /// Puts the value's encoding.
    fn encode<S: Sink + ?Sized>(&self, out: &mut S);
}

/// Reads `bytes` as exactly one `T`.
///
/// # Errors
/// A [`WireError`] when they are not a `T`, or more than a `T`.
pub fn decode_all<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<T, WireError> {
    let mut input = Reader::new(bytes);
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}

/// How many bytes `value` has on the wire.
pub fn encoded_len<T: Encode + ?Sized>(value: &T) -> usize {
    struct Count(usize);
    impl Sink for Count {
        fn put(&mut self, bytes: &[u8]) {
            self.0 = self.0.saturating_add(bytes.len());
        }
    }
    let mut count = Count(0);
    value.encode(&mut count);
    count.0
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        (**self).encode(out);
    }
}

/// A `byte`.
impl Decode<'_> for u8 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.u8()
    }
}

impl Encode for u8 {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[*self]);
    }
}

/// A `boolean`: every value but zero is true (RFC 4251 §5); we send 0 and 1.
impl Decode<'_> for bool {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(input.u8()? != 0)
    }
}

impl Encode for bool {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&[u8::from(*self)]);
    }
}

impl Decode<'_> for u32 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.u32()
    }
}

impl Encode for u32 {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_u32(out, *self);
    }
}

impl Decode<'_> for u64 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.u64()
    }
}

impl Encode for u64 {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(&self.to_be_bytes());
    }
}

/// Bytes of fixed length, such as the cookie of KEXINIT.
impl<const N: usize> Decode<'_> for [u8; N] {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.array()
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nonzero_boolean_is_true_and_is_sent_as_one() {
        assert_eq!(decode_all::<bool>(&[0]), Ok(false));
        assert_eq!(decode_all::<bool>(&[1]), Ok(true));
        assert_eq!(decode_all::<bool>(&[0x80]), Ok(true));
        let mut out = Vec::new();
        true.encode(&mut out);
        assert_eq!(out, [1]);
    }

    #[test]
    fn decode_all_refuses_what_is_left_over() {
        assert_eq!(decode_all::<u32>(&[0, 0, 0, 1, 9]), Err(WireError::Trailing { left: 1 }));
    }

    #[test]
    fn encoded_len_is_the_length_of_the_encoding() {
        assert_eq!(encoded_len(&7_u64), 8);
        assert_eq!(encoded_len(&[0_u8; 16]), 16);
    }
}
