//! `moduli(5)`: groups for Diffie-Hellman group exchange (RFC 4419), made and tested beforehand.
//!
//! A line is a time, a type, tests, tries, a size, a generator and a modulus, with blanks between. [`choose`] looks through a
//! whole file for a group of the sizes that a client wants; a line with a fault is no group and changes nothing about others.
//! [`fallback`] is for when there is none.

use std::fmt;

use crypto::limits::{MAX_GROUP_BITS, MIN_GROUP_BITS};
use crypto::{Group, NoEntropy, Rng};
use wire::Mpint;

use crate::limits::{MAX_LINE, MODULI_FAULTS_MAX};

/// The sizes of a group that will do, as lengths of its prime in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The smallest.
    pub min: u32,
    /// What is wanted.
    pub preferred: u32,
    /// The largest.
    pub max: u32,
}

impl Sizes {
    fn admit(self, bits: u32) -> bool {
        (self.min.max(MIN_GROUP_BITS)..=self.max.min(MAX_GROUP_BITS)).contains(&bits)
    }
}

/// What a file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// A group of the best size that there is; `None` when no line has one that will do.
    pub group: Option<Group>,
    /// The first lines with faults, by number; the first line is 1. At most [`MODULI_FAULTS_MAX`].
    pub faults: Vec<(usize, Fault)>,
}

/// Why a line is no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is over [`MAX_LINE`].
    TooLong,
    /// It has more or less than its seven fields.
    Fields,
    /// Its modulus is not said to be a safe prime, which is type 2.
    Type,
    /// Its modulus was not tested, or found to be no prime.
    Tests,
    /// It was tested not even once.
    Tries,
    /// The size is no number.
    Size,
    /// The generator is no hexadecimal number.
    GeneratorText,
    /// The modulus is no hexadecimal number.
    PrimeText,
    /// The modulus is not as long as the size says, which is the number of bits behind the first one.
    WrongSize {
        /// Its length in bits.
        actual: u32,
        /// What the size comes to.
        listed: u32,
    },
    /// The modulus is even, or the generator is 0, 1 or not below the modulus less one.
    Group,
}

/// As OpenSSH's server has it in its log, where it has it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => return write!(f, "line is longer than {MAX_LINE} bytes"),
            Self::Fields => "truncated",
            Self::Type => "type is not 2",
            Self::Tests => "invalid moduli tests flag",
            Self::Tries => "invalid primality trial count",
            Self::Size => "invalid prime length",
            Self::GeneratorText => "could not parse generator value",
            Self::PrimeText => "could not parse prime value",
            Self::WrongSize { actual, listed } => {
                return write!(f, "prime has wrong size: actual {actual} listed {listed}");
            }
            Self::Group => "prime is even or generator is invalid",
        })
    }
}

impl std::error::Error for Fault {}

/// Chooses a group of the best size that a file has: the smallest that is at least as large as what is preferred, else the
/// largest. Among those of one size `rng` chooses, so that no group is worth somebody's years of computing more than others.
///
/// How large a file may be is the caller's to say; time and memory are linear in it.
///
/// # Errors
/// [`NoEntropy`] when `rng` gave nothing.
pub fn choose(file: &[u8], sizes: Sizes, rng: &mut dyn Rng) -> Result<Choice, NoEntropy> {
    let mut choice = Choice::default();
    let mut best: Vec<Group> = Vec::new();
    for (number, text) in (1_usize..).zip(file.split(|byte| *byte == b'\n')) {
        let line = Line::parse(text).map(|line| line.filter(|line| sizes.admit(line.bits)));
        // A line that is no group after all is none to choose from, and its neighbours still are.
        match line.and_then(|line| line.map(|line| line.group()).transpose()) {
            Ok(None) => {}
            Ok(Some(group)) => {
                let so_far = best.first().map_or(0, Group::bits);
                if is_better(group.bits(), so_far, sizes.preferred) {
                    best.clear();
                }
                if best.first().is_none_or(|first| first.bits() == group.bits()) {
                    best.push(group);
                }
            }
            Err(fault) if choice.faults.len() < MODULI_FAULTS_MAX => choice.faults.push((number, fault)),
            Err(_) => {}
        }
    }
    if !best.is_empty() {
        let chosen = below(best.len(), rng)?;
        choice.group = best.into_iter().nth(chosen);
    }
    Ok(choice)
}

/// The group of a server that has no other one for a client: one of RFC 3526, as large as will do. `None` where the smallest
/// size that will do is larger than that.
#[must_use]
pub fn fallback(sizes: Sizes) -> Option<Group> {
    let bits = match sizes.max {
        0..4096 => 2048,
        4096..8192 => 4096,
        8192.. => 8192,
    };
    Group::well_known(bits).filter(|group| sizes.admit(group.bits()))
}

/// Whether a size is nearer to what is preferred than the best one so far; 0 is none.
fn is_better(bits: u32, best: u32, preferred: u32) -> bool {
    if best < preferred { bits > best } else { bits >= preferred && bits < best }
}

/// A number below `count`, each as likely as the others. There is at least one.
fn below(count: usize, rng: &mut dyn Rng) -> Result<usize, NoEntropy> {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    // Numbers from the last, incomplete round of `count` would make the first ones more likely.
    let complete = u64::MAX.checked_rem(count).map_or(u64::MAX, |rest| u64::MAX.saturating_sub(rest));
    loop {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < complete {
            let chosen = number.checked_rem(count).unwrap_or_default();
            return Ok(usize::try_from(chosen).unwrap_or_default());
        }
    }
}

/// A line whose fields are good each for itself.
#[derive(Debug)]
struct Line {
    /// Of the modulus.
    bits: u32,
    // Big-endian.
    generator: Vec<u8>,
    prime: Vec<u8>,
}

/// The type of moduli that are safe primes: half of what is one less is a prime too.
const SAFE: u32 = 2;
/// The flag of a modulus that is no prime.
const COMPOSITE: u32 = 1;
/// The largest value of the field with flags of tests.
const TESTS_MAX: u32 = 0x1f;
/// The largest number of tries, and the largest size, that are taken for one.
const TRIES_MAX: u32 = 1 << 30;
const SIZE_MAX: u32 = 64 * 1024;

impl Line {
    /// One line without its end; nothing for a blank line or a comment.
    fn parse(text: &[u8]) -> Result<Option<Self>, Fault> {
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        if text.len() > MAX_LINE {
            return Err(Fault::TooLong);
        }
        let mut fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut next = || fields.next().ok_or(Fault::Fields);
        let (_time, kind, tests, tries, size) = (next()?, next()?, next()?, next()?, next()?);
        let (generator, prime) = (next()?, next()?);
        if fields.next().is_some() {
            return Err(Fault::Fields);
        }
        if decimal(kind, SAFE) != Some(SAFE) {
            return Err(Fault::Type);
        }
        let tests = decimal(tests, TESTS_MAX).ok_or(Fault::Tests)?;
        if tests & COMPOSITE != 0 || tests == 0 {
            return Err(Fault::Tests);
        }
        if decimal(tries, TRIES_MAX).is_none_or(|tries| tries == 0) {
            return Err(Fault::Tries);
        }
        let listed = decimal(size, SIZE_MAX).ok_or(Fault::Size)?.saturating_add(1);
        let generator = hexadecimal(generator).ok_or(Fault::GeneratorText)?;
        let prime = hexadecimal(prime).ok_or(Fault::PrimeText)?;
        let actual = u32::try_from(Mpint::from_magnitude(&prime).bits()).unwrap_or(u32::MAX);
        if actual != listed {
            return Err(Fault::WrongSize { actual, listed });
        }
        Ok(Some(Self { bits: actual, generator, prime }))
    }

    fn group(&self) -> Result<Group, Fault> {
        Group::new(&self.prime, &self.generator).map_err(|_| Fault::Group)
    }
}

/// A decimal number up to `most`.
fn decimal(text: &[u8], most: u32) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits?.parse().ok().filter(|number| *number <= most)
}

/// The bytes of a hexadecimal number.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte =
        |pair: &[u8]| pair.iter().try_fold(0, |byte: u8, next| Some(byte.wrapping_shl(4) | digit(next)?));
    let mut bytes: Vec<u8> = text.rchunks(2).map(byte).collect::<Option<_>>()?;
    bytes.reverse();
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests;
