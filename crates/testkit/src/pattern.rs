/// An endless stream of bytes that is the same every time, and in which a lost, doubled or moved byte shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    offset: u64,
}

impl Pattern {
    /// The stream from its start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were made or checked.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes the next bytes.
    pub fn fill(&mut self, room: &mut [u8]) {
        for byte in room {
            *byte = Self::at(self.offset);
            self.offset += 1;
        }
    }

    /// Checks that `bytes` are the next ones.
    ///
    /// # Panics
    /// When they are not, with the offset of the first that differs.
    pub fn check(&mut self, bytes: &[u8]) {
        for byte in bytes {
            assert_eq!(*byte, Self::at(self.offset), "byte {} of the stream", self.offset);
            self.offset += 1;
        }
    }

    /// A byte that depends on the whole offset, so that no shift by a power of two looks the same.
    fn at(offset: u64) -> u8 {
        (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_checks_what_it_filled() {
        let mut room = [0; 1000];
        Pattern::new().fill(&mut room);
        let mut check = Pattern::new();
        check.check(&room[..500]);
        check.check(&room[500..]);
        assert_eq!(check.offset(), 1000);
    }

    #[test]
    #[should_panic(expected = "byte 3 of the stream")]
    fn a_lost_byte_shows() {
        let mut room = [0; 64];
        Pattern::new().fill(&mut room);
        let mut check = Pattern::new();
        check.check(&room[..3]);
        check.check(&room[4..]);
    }
}
