//! Choices that a number decides.

use crypto::{NoEntropy, Rng, SeededRng};

/// A stream of choices.
pub(super) struct Random(SeededRng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// So many bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        // A seeded stream is never empty.
        let _ = self.0.fill(&mut bytes);
        bytes
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// Yes, once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A place in something of this length.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// As many of them as it happens, in their order.
    pub(super) fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        from.iter().filter(|_| self.once_in(2)).cloned().collect()
    }

    /// A text of at most so many of these characters; never empty.
    pub(super) fn text(&mut self, alphabet: &str, most: u64) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..=self.below(most)).map(|_| *self.pick(&alphabet)).collect()
    }

    /// A text that people may have written, with blanks and quotes in it but not around it.
    pub(super) fn comment(&mut self) -> String {
        let text = self.text("abcXYZ019 _-.,:;@#+*'\"\\/()[]{}<>|&$!?=~^%`äßé€日🦪", 40);
        format!("c{}d", text)
    }
}

impl Rng for Random {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(out)
    }
}
