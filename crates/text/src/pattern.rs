//! Patterns and pattern lists (`ssh_config(5)`, PATTERNS): `*` stands for any bytes or none, `?` for exactly one byte, and
//! nothing escapes them.

use core::fmt;

use crate::{column, limits::MAX_PATTERN};

/// Whether `A` and `a` are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They differ: user names, algorithms, environment variables.
    Exact,
    /// ASCII letters match in either case: host names.
    Ignored,
}

impl Case {
    fn same(self, a: u8, b: u8) -> bool {
        match self {
            Self::Exact => a == b,
            Self::Ignored => a.eq_ignore_ascii_case(&b),
        }
    }
}

/// What a list says of a text. Only [`Match::Yes`] is a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Match {
    /// A pattern matched, and no negated one did.
    Yes,
    /// No pattern matched, so another list may still decide.
    No,
    /// A negated pattern matched: whatever the other patterns say, this is excluded.
    Negated,
}

impl Match {
    /// Whether the text is matched: neither unmatched nor excluded.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// Whether `pattern` matches all of `text`. Takes at most `pattern.len() × text.len()` steps, however many `*` there are.
#[must_use]
pub fn matches(pattern: &str, text: &str, case: Case) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // What follows the last `*`, and the text that this `*` has not swallowed. Earlier ones need no second try: whatever
    // they could swallow more, the last one can.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', [])), _) => return true,
            (Some((b'*', after)), _) => {
                retry = Some((after, text));
                pattern = after;
            }
            (Some((&wanted, after)), Some((&byte, rest))) if wanted == b'?' || case.same(wanted, byte) => {
                (pattern, text) = (after, rest);
            }
            _ => {
                let Some((after, [_, rest @ ..])) = retry else { return false };
                retry = Some((after, rest));
                (pattern, text) = (after, rest);
            }
        }
    }
}

/// Patterns of which one has to match and, where they are negated with `!`, none may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternList {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    negated: bool,
    pattern: Box<str>,
}

impl PatternList {
    /// Reads patterns separated by commas. An empty pattern matches the empty text only.
    ///
    /// # Errors
    /// A pattern longer than [`MAX_PATTERN`].
    pub fn parse(list: &str) -> Result<Self, PatternTooLong> {
        let mut parsed = Self::default();
        let mut at = 0_usize;
        for text in list.split(',') {
            parsed.add(text, column(at))?;
            at = at.saturating_add(text.len()).saturating_add(1);
        }
        Ok(parsed)
    }

    /// Takes one pattern from each word, as the `Host` line has them.
    ///
    /// # Errors
    /// A pattern longer than [`MAX_PATTERN`]; its column is the number of the word.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternTooLong> {
        let mut parsed = Self::default();
        for (index, text) in words.into_iter().enumerate() {
            parsed.add(text, column(index))?;
        }
        Ok(parsed)
    }

    fn add(&mut self, text: &str, column: usize) -> Result<(), PatternTooLong> {
        let (negated, pattern) = text.strip_prefix('!').map_or((false, text), |pattern| (true, pattern));
        if pattern.len() > MAX_PATTERN {
            return Err(PatternTooLong { column, length: pattern.len() });
        }
        self.entries.push(Entry { negated, pattern: pattern.into() });
        Ok(())
    }

    /// What the list says of `text`. A list of nothing but negated patterns never says yes.
    pub fn matches(&self, text: &str, case: Case) -> Match {
        let mut found = Match::No;
        for entry in &self.entries {
            if matches(&entry.pattern, text, case) {
                if entry.negated {
                    return Match::Negated;
                }
                found = Match::Yes;
            }
        }
        found
    }
}

/// A pattern is longer than [`MAX_PATTERN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternTooLong {
    /// Where the pattern begins.
    pub column: usize,
    /// How many bytes it has.
    pub length: usize,
}

impl fmt::Display for PatternTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, length } = self;
        write!(f, "column {column}: pattern of {length} bytes, expected at most {MAX_PATTERN}")
    }
}

impl core::error::Error for PatternTooLong {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn list(list: &str, text: &str) -> Match {
        PatternList::parse(list).unwrap().matches(text, Case::Exact)
    }

    #[test]
    fn star_stands_for_any_bytes_and_question_mark_for_one() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("**", "x"),
            ("a*", "a"),
            ("*a*b", "xaxb"),
            ("a?c", "abc"),
            ("*.??", "x.de"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, text, Case::Exact), "{pattern} should match {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a?", "a"),
            ("a*a", "a"),
            ("*a", "ab"),
            ("abc", "abcd"),
            ("*.??", "x.org"),
        ] {
            assert!(!matches(pattern, text, Case::Exact), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn question_mark_is_one_byte_as_in_openssh() {
        assert!(!matches("?", "é", Case::Exact));
        assert!(matches("??", "é", Case::Exact));
    }

    #[test]
    fn case_counts_only_where_asked() {
        assert!(!matches("*.Example.ORG", "www.example.org", Case::Exact));
        assert!(matches("*.Example.ORG", "WWW.example.org", Case::Ignored));
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        let started = Instant::now();
        assert!(!matches(&"*a".repeat(500), &format!("{}b", "a".repeat(100_000)), Case::Exact));
        assert!(!matches(&format!("{}b", "a*".repeat(500)), &"a".repeat(100_000), Case::Exact));
        assert!(started.elapsed() < Duration::from_secs(20), "a backtracking matcher would not end at all");
    }

    #[test]
    fn a_negated_match_excludes_wherever_it_stands() {
        assert_eq!(list("a*,!ab", "ac"), Match::Yes);
        assert_eq!(list("a*,!ab", "ab"), Match::Negated);
        assert_eq!(list("!ab,a*", "ab"), Match::Negated);
        assert_eq!(list("a*,!ab", "b"), Match::No);
    }

    #[test]
    fn negated_patterns_alone_never_match() {
        assert_eq!(list("!a", "b"), Match::No);
        assert_eq!(list("!a,*", "b"), Match::Yes);
    }

    #[test]
    fn empty_patterns_match_only_the_empty_text() {
        assert_eq!(list("", ""), Match::Yes);
        assert_eq!(list("a,,b", "c"), Match::No);
        assert_eq!(PatternList::from_words([]).unwrap().matches("", Case::Exact), Match::No);
    }

    #[test]
    fn words_may_hold_commas() {
        let words = PatternList::from_words(["a,b", "!c"]).unwrap();
        assert_eq!(words.matches("a,b", Case::Exact), Match::Yes);
        assert_eq!(words.matches("a", Case::Exact), Match::No);
    }

    #[test]
    fn an_overlong_pattern_is_refused_and_not_ignored() {
        let long = "a".repeat(MAX_PATTERN + 1);
        let error = PatternList::parse(&format!("x,!{long}")).unwrap_err();
        assert_eq!(error, PatternTooLong { column: 3, length: MAX_PATTERN + 1 });
        assert_eq!(error.to_string(), "column 3: pattern of 1024 bytes, expected at most 1023");
        assert_eq!(list(&format!("*,!{}", "a".repeat(MAX_PATTERN)), "b"), Match::Yes);
    }

    fn obviously(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', after @ ..] => (0..=text.len()).any(|skip| obviously(after, &text[skip..])),
            [b'?', after @ ..] => !text.is_empty() && obviously(after, &text[1..]),
            [byte, after @ ..] => text.first() == Some(byte) && obviously(after, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_obvious_way(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &text, Case::Exact), obviously(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
