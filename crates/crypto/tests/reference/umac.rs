//! UMAC as RFC 4418 writes it down, step by step and slowly: for tags of every length and messages of every length.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};

/// The tag of `message`, of `tag_len` bytes: 4, 8, 12 or 16 (§3.2).
pub(crate) fn tag(key: &[u8], nonce: &[u8], message: &[u8], tag_len: usize) -> Vec<u8> {
    let hash = uhash(key, message, tag_len);
    hash.iter().zip(pad(key, nonce, tag_len)).map(|(hash, pad)| hash ^ pad).collect()
}

fn encipher(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    Aes128::new_from_slice(key).unwrap().encrypt_block(&mut block);
    block.into()
}

/// §3.2.1
fn kdf(key: &[u8], index: u64, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 1..=len.div_ceil(16) as u64 {
        let block = [index.to_be_bytes(), number.to_be_bytes()].concat();
        out.extend(encipher(key, block.try_into().unwrap()));
    }
    out.truncate(len);
    out
}

/// §3.3
fn pad(key: &[u8], nonce: &[u8], tag_len: usize) -> Vec<u8> {
    let mut nonce = nonce.to_vec();
    let mut index = 0;
    if tag_len <= 8 {
        let last = nonce.last_mut().unwrap();
        index = usize::from(*last) % (16 / tag_len);
        *last ^= u8::try_from(index).unwrap();
    }
    nonce.resize(16, 0);
    let block = encipher(&kdf(key, 0, 16), nonce.try_into().unwrap());
    block[index * tag_len..][..tag_len].to_vec()
}

/// §5.1
fn uhash(key: &[u8], message: &[u8], tag_len: usize) -> Vec<u8> {
    let iterations = tag_len / 4;
    let l1 = kdf(key, 1, 1024 + (iterations - 1) * 16);
    let (l2, l3, l4) =
        (kdf(key, 2, iterations * 24), kdf(key, 3, iterations * 64), kdf(key, 4, iterations * 4));
    let mut out = Vec::new();
    for at in 0..iterations {
        let a = l1_hash(&l1[at * 16..][..1024], message);
        let b =
            if message.len() <= 1024 { [vec![0; 8], a].concat() } else { l2_hash(&l2[at * 24..][..24], &a) };
        out.extend(l3_hash(&l3[at * 64..][..64], &l4[at * 4..][..4], &b));
    }
    out
}

/// §5.2.1
fn l1_hash(key: &[u8], message: &[u8]) -> Vec<u8> {
    let chunks: Vec<&[u8]> = if message.is_empty() { vec![&[]] } else { message.chunks(1024).collect() };
    let value = |chunk: &[u8]| {
        let mut padded = chunk.to_vec();
        padded.resize(chunk.len().next_multiple_of(32).max(32), 0);
        nh(key, &padded).wrapping_add(chunk.len() as u64 * 8).to_be_bytes()
    };
    chunks.into_iter().flat_map(value).collect()
}

/// §5.2.2, of a message whose words are little-endian.
fn nh(key: &[u8], message: &[u8]) -> u64 {
    let m = |at: usize| u32::from_le_bytes(message[at * 4..][..4].try_into().unwrap());
    let k = |at: usize| u32::from_be_bytes(key[at * 4..][..4].try_into().unwrap());
    let mut y = 0_u64;
    for at in (0..message.len() / 4).filter(|at| at % 8 < 4) {
        let (left, right) = (m(at).wrapping_add(k(at)), m(at + 4).wrapping_add(k(at + 4)));
        y = y.wrapping_add(u64::from(left) * u64::from(right));
    }
    y
}

const PRIME_64: u128 = (1 << 64) - 59;
const PRIME_128: u128 = u128::MAX - 158;

/// §5.3.1
fn l2_hash(key: &[u8], a: &[u8]) -> Vec<u8> {
    let k64 = u64::from_be_bytes(key[..8].try_into().unwrap()) & 0x01ff_ffff_01ff_ffff;
    let k128 = u128::from_be_bytes(key[8..].try_into().unwrap()) & 0x01ff_ffff_01ff_ffff_01ff_ffff_01ff_ffff;
    let (first, rest) = a.split_at(a.len().min(1 << 17));
    let words = first.chunks(8).map(|word| u128::from(u64::from_be_bytes(word.try_into().unwrap())));
    let y = poly(PRIME_64, (1 << 64) - (1 << 32), k64.into(), words);
    if rest.is_empty() {
        return y.to_be_bytes().to_vec();
    }
    let mut padded = [rest, &[0x80]].concat();
    padded.resize(padded.len().next_multiple_of(16), 0);
    let words = padded.chunks(16).map(|word| u128::from_be_bytes(word.try_into().unwrap()));
    poly(PRIME_128, u128::MAX - (1 << 96) + 1, k128, std::iter::once(y).chain(words)).to_be_bytes().to_vec()
}

/// §5.3.2
fn poly(prime: u128, range: u128, k: u128, words: impl Iterator<Item = u128>) -> u128 {
    let offset = (if prime == PRIME_64 { 1_u128 << 64 } else { 0 }).wrapping_sub(prime);
    let step = |y, m| add(times(k, y, prime), m % prime, prime);
    words.fold(1, |y, m| if m >= range { step(step(y, prime - 1), m - offset) } else { step(y, m) })
}

fn add(left: u128, right: u128, prime: u128) -> u128 {
    let (sum, overflow) = left.overflowing_add(right);
    if overflow || sum >= prime { sum.wrapping_sub(prime) } else { sum }
}

/// Bit by bit, as the product of two numbers of 128 bits fits nowhere.
fn times(left: u128, right: u128, prime: u128) -> u128 {
    if prime == PRIME_64 {
        return left * right % prime;
    }
    (0..128).rev().fold(0, |product, bit| {
        let doubled = add(product, product, prime);
        if left >> bit & 1 == 1 { add(doubled, right, prime) } else { doubled }
    })
}

/// §5.4
fn l3_hash(key: &[u8], mask: &[u8], b: &[u8]) -> [u8; 4] {
    let prime = (1_u64 << 36) - 5;
    let words = b.chunks(2).map(|word| u64::from(u16::from_be_bytes(word.try_into().unwrap())));
    let keys = key.chunks(8).map(|key| u64::from_be_bytes(key.try_into().unwrap()) % prime);
    let y = words.zip(keys).fold(0, |y, (word, key)| (y + word * key) % prime);
    let low = u32::try_from(y & 0xffff_ffff).unwrap();
    (low ^ u32::from_be_bytes(mask.try_into().unwrap())).to_be_bytes()
}
