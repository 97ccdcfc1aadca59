use crate::WireError;

/// A cursor over bytes from a peer. Everything it returns borrows from them; nothing is allocated or copied.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// Takes the next `n` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer are left; then nothing is taken.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (taken, left) =
            self.left.split_at_checked(n).ok_or(WireError::Truncated { needed: n, left: self.left.len() })?;
        self.left = left;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, left) = self
            .left
            .split_first_chunk::<N>()
            .ok_or(WireError::Truncated { needed: N, left: self.left.len() })?;
        self.left = left;
        Ok(*taken)
    }

    /// Takes a `byte`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when none is left.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a `uint32`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer than four bytes are left.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes a `uint64`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer than eight bytes are left.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes the contents of a `string`.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when its length or its bytes are not all there.
    pub fn string(&mut self) -> Result<&'a [u8], WireError> {
        let mut ahead = *self;
        let length = ahead.u32()?;
        // usize is at least 32 bits on every system with a socket; a 16-bit one would see "truncated".
        let taken = ahead.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        *self = ahead;
        Ok(taken)
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`WireError::Trailing`] when something is left: a message is exactly its fields.
    pub fn finish(self) -> Result<(), WireError> {
        if self.left.is_empty() { Ok(()) } else { Err(WireError::Trailing { left: self.left.len() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_take_takes_nothing() {
        let mut reader = Reader::new(&[0, 0, 0, 9, 1, 2]);
        assert_eq!(reader.string(), Err(WireError::Truncated { needed: 9, left: 2 }));
        assert_eq!(reader.left(), 6);
        assert_eq!(reader.u32(), Ok(9));
        assert_eq!(reader.u32(), Err(WireError::Truncated { needed: 4, left: 2 }));
        assert_eq!(reader.finish(), Err(WireError::Trailing { left: 2 }));
    }

    #[test]
    fn a_length_near_four_gibibytes_allocates_nothing_and_fails() {
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0]);
        assert_eq!(reader.string(), Err(WireError::Truncated { needed: 0xffff_ffff, left: 1 }));
    }
}
