/// The sequence number of one direction's packets: it is not sent, wraps, and enters MACs and nonces (RFC 4253 §6.4).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequence {
    next: u32,
    wrapped: bool,
}

impl Sequence {
    /// The number of the next packet.
    pub(crate) fn next(self) -> u32 {
        self.next
    }

    /// Goes on to the packet after it.
    pub(crate) fn advance(&mut self) {
        let (next, wrapped) = self.next.overflowing_add(1);
        self.next = next;
        self.wrapped |= wrapped;
    }

    /// Whether it has come round to 0. In the initial key exchange that is fatal: somebody moves it to where they want
    /// it (CVE-2023-48795).
    pub(crate) fn wrapped(self) -> bool {
        self.wrapped
    }

    /// Begins at 0 again, which only strict KEX does, at NEWKEYS.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(crate) fn at(next: u32) -> Self {
        Self { next, wrapped: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wraps_and_remembers_that_it_did() {
        let mut sequence = Sequence::at(u32::MAX);
        assert!(!sequence.wrapped());
        sequence.advance();
        assert_eq!((sequence.next(), sequence.wrapped()), (0, true));
        sequence.reset();
        assert!(!sequence.wrapped());
    }
}
