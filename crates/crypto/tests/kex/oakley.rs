//! The primes of RFC 2409 and RFC 3526, computed from their formula with arithmetic of our own.

/// 2^bits - 2^(bits - 64) - 1 + 2^64 * (floor(2^(bits - 130) * pi) + constant), big-endian.
pub(crate) fn oakley(bits: u32, constant: u32) -> Vec<u8> {
    let words = usize::try_from(bits / 32).unwrap() - 4;
    // 32 more bits than are used, twice: the errors of some thousand divisions are in the last ones.
    let mut pi = pi(words + 2);
    // The 2 bits before the point and 30 after it make the first word.
    multiply(&mut pi, 1 << 30);
    pi.truncate(words);
    // The 1 that is subtracted in front is borrowed from here, and leaves 64 ones behind.
    let mut carry = u64::from(constant) - 1;
    for word in pi.iter_mut().rev() {
        let sum = u64::from(*word) + carry;
        (*word, carry) = (sum as u32, sum >> 32);
    }
    assert_eq!(carry, 0);
    let middle = pi.iter().flat_map(|word| word.to_be_bytes());
    [0xff; 8].into_iter().chain(middle).chain([0xff; 8]).collect()
}

/// Pi by Machin's formula: the first word before the point, the others after it.
fn pi(words: usize) -> Vec<u32> {
    let (mut fifth, mut other) = (arctangent(5, words), arctangent(239, words));
    multiply(&mut fifth, 16);
    multiply(&mut other, 4);
    subtract(&mut fifth, &other);
    fifth
}

/// The arctangent of 1 / `of`.
fn arctangent(of: u32, words: usize) -> Vec<u32> {
    let mut power = vec![0; words];
    power[0] = 1;
    divide(&mut power, of);
    let mut sum = power.clone();
    for index in 1.. {
        divide(&mut power, of * of);
        let mut term = power.clone();
        divide(&mut term, 2 * index + 1);
        if term.iter().all(|word| *word == 0) {
            break;
        }
        if index % 2 == 1 { subtract(&mut sum, &term) } else { add(&mut sum, &term) }
    }
    sum
}

fn divide(number: &mut [u32], by: u32) {
    let mut rest = 0;
    for word in number {
        let part = rest << 32 | u64::from(*word);
        (*word, rest) = ((part / u64::from(by)) as u32, part % u64::from(by));
    }
}

fn multiply(number: &mut [u32], by: u32) {
    let mut carry = 0;
    for word in number.iter_mut().rev() {
        let product = u64::from(*word) * u64::from(by) + carry;
        (*word, carry) = (product as u32, product >> 32);
    }
    assert_eq!(carry, 0);
}

fn add(number: &mut [u32], other: &[u32]) {
    let mut carry = 0;
    for (word, other) in number.iter_mut().zip(other).rev() {
        let sum = u64::from(*word) + u64::from(*other) + carry;
        (*word, carry) = (sum as u32, sum >> 32);
    }
}

fn subtract(number: &mut [u32], other: &[u32]) {
    let mut borrow = false;
    for (word, other) in number.iter_mut().zip(other).rev() {
        let (less, first) = word.overflowing_sub(*other);
        let (less, second) = less.overflowing_sub(u32::from(borrow));
        (*word, borrow) = (less, first || second);
    }
}
