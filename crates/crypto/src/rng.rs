//! Randomness as an argument: a machine that is given its randomness can be replayed.

use std::fmt;

use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

/// A source of random bytes. A core holds a `Box<dyn Rng>` or is lent a `&mut dyn Rng`.
pub trait Rng {
    /// Fills all of `out` with random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source gave nothing; `out` is then not to be used.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

impl<R: Rng + ?Sized> Rng for &mut R {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        (**self).fill(out)
    }
}

impl<R: Rng + ?Sized> Rng for Box<R> {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        (**self).fill(out)
    }
}

/// `N` bytes of `rng` for a secret, wiped when they are dropped.
pub(crate) fn secret_bytes<const N: usize>(rng: &mut dyn Rng) -> Result<Zeroizing<[u8; N]>, NoEntropy> {
    let mut bytes = Zeroizing::new([0; N]);
    rng.fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// The operating system's random bytes. Drivers make it; a protocol core is given it and never makes one.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRng;

impl Rng for OsRng {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        ring::rand::SystemRandom::new().fill(out).map_err(|_| NoEntropy)
    }
}

/// The same bytes for the same seed: a ChaCha20 stream keyed by it.
///
/// **For tests, fuzzing and replay only.** Whoever knows the seed, or tries all 2^64 of them, knows every secret that
/// was made from it.
pub struct SeededRng(ChaCha20Legacy);

impl SeededRng {
    /// The stream that belongs to `seed`, from its beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(seed.to_le_bytes()) {
            *to = from;
        }
        Self(ChaCha20Legacy::new((&*key).into(), &[0; 8].into()))
    }
}

impl Rng for SeededRng {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        out.fill(0);
        self.0.try_apply_keystream(out).map_err(|_| NoEntropy)
    }
}

/// No random bytes could be had, so nothing that needs them may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random bytes available")
    }
}

impl std::error::Error for NoEntropy {}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rng: &mut dyn Rng, len: usize) -> Vec<u8> {
        let mut out = vec![0xaa; len];
        rng.fill(&mut out).unwrap();
        out
    }

    #[test]
    fn one_seed_gives_one_stream_however_it_is_cut() {
        let whole = take(&mut SeededRng::new(7), 300);
        let mut rng = SeededRng::new(7);
        let mut cut = take(&mut rng, 1);
        cut.extend(take(&mut rng, 199));
        cut.extend(take(&mut rng, 100));
        assert_eq!(whole, cut);
        assert_ne!(whole, take(&mut SeededRng::new(8), 300));
        assert_ne!(whole, take(&mut SeededRng::new(7 << 56), 300));
    }

    #[test]
    fn the_operating_system_gives_different_bytes_each_time() {
        let mut rng: Box<dyn Rng> = Box::new(OsRng);
        assert_ne!(take(&mut rng, 32), take(&mut rng, 32));
    }
}
