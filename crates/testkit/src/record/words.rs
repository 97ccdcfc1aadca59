//! The words of a line.

use std::str::FromStr;

/// Bytes as hexadecimal, `-` for none.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if bytes.is_empty() {
        return "-".to_owned();
    }
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Reads words from the left.
pub(super) struct Words<'a> {
    left: Option<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { left: Some(line) }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let left = self.left.take()?;
        let (word, rest) = match left.split_once(' ') {
            Some((word, rest)) => (word, Some(rest)),
            None => (left, None),
        };
        self.left = rest;
        Some(word)
    }

    pub(super) fn number<T: FromStr>(&mut self) -> Option<T> {
        self.next()?.parse().ok()
    }

    pub(super) fn bytes(&mut self) -> Option<Vec<u8>> {
        let word = self.next()?;
        if word == "-" {
            return Some(Vec::new());
        }
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        let digits = word.as_bytes();
        if digits.len() % 2 != 0 {
            return None;
        }
        digits.chunks(2).map(|pair| u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).ok()).collect()
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    /// Whether every word was read.
    pub(super) fn finish(self) -> bool {
        self.left.is_none()
    }
}
