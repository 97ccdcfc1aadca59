//! Bytes that nobody else may learn.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret bytes on the heap, overwritten when dropped.
///
/// It has no `Debug`, so that a struct which holds one cannot print it by accident; no `PartialEq`, so that nobody
/// compares it byte by byte; and no `Clone`, so that each copy is asked for by name ([`Secret::duplicate`]).
///
/// ```
/// let secret = nacre_crypto::Secret::new(vec![1, 2]);
/// assert!(secret.ct_eq(&[1, 2]));
/// ```
/// ```compile_fail,E0277
/// let secret = nacre_crypto::Secret::new(vec![1, 2]);
/// println!("{secret:?}");
/// ```
/// ```compile_fail,E0369
/// let secret = nacre_crypto::Secret::new(vec![1, 2]);
/// assert!(secret == secret);
/// ```
/// ```compile_fail,E0599
/// let secret = nacre_crypto::Secret::new(vec![1, 2]);
/// let copy = secret.clone();
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`, all of its capacity included. Where a vector has grown while it was filled it left copies
    /// behind that are not wiped: reserve first.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A copy of `bytes`; the original stays the caller's to wipe.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The bytes. What is made from them is the caller's to keep secret.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are. The length is not treated as secret.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the bytes are `other`. The time taken tells whether the lengths differ and nothing about the contents.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }

    /// Moves the bytes out and leaves nothing here.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self::new(std::mem::take(&mut *self.0))
    }

    /// A second copy, wiped on its own.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_looks_at_every_byte_and_the_length() {
        let secret = Secret::copy_of(b"correct horse");
        assert!(secret.ct_eq(b"correct horse"));
        assert!(!secret.ct_eq(b"correct hors"));
        assert!(!secret.ct_eq(b"correct horsf"));
        assert!(!secret.ct_eq(b"Correct horse"));
        assert!(!secret.ct_eq(b""));
        assert!(Secret::new(Vec::new()).ct_eq(b""));
    }

    #[test]
    fn taking_leaves_nothing_and_duplicating_leaves_all() {
        let mut secret = Secret::copy_of(b"pearl");
        let copy = secret.duplicate();
        let taken = secret.take();
        assert!(secret.is_empty());
        assert_eq!(secret.len(), 0);
        assert_eq!(copy.expose(), b"pearl");
        assert_eq!(taken.expose(), b"pearl");
    }
}
