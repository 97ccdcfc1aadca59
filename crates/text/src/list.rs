//! Algorithm lists (`Ciphers`, `KexAlgorithms`, `PubkeyAcceptedAlgorithms` and their like in `sshd_config(5)` and
//! `ssh_config(5)`): names or patterns separated by commas, which replace the default list or, after `+`, `-` or `^`, are
//! appended to it, taken out of it or put at its head.

use core::fmt;

use crate::{
    column,
    limits::MAX_PATTERN,
    pattern::{Case, PatternList, matches},
};

/// The list that `spec` makes of `default`, without repetitions.
///
/// A pattern stands for the names of `known` that it matches, in their order. OpenSSH takes patterns everywhere for key
/// types but only after `-` for ciphers, MACs and key exchanges; here they are good everywhere. What `-` takes out need not
/// be known, so that a configuration can exclude what we never had; it may also be negated with `!`, which keeps it in.
/// Nothing between two commas, or after the last one, is passed over as OpenSSH does.
///
/// # Errors
/// A list without an element, an overlong one, a name or pattern that no known name matches, a negated one anywhere but
/// after `-`, and a result without a name.
pub fn apply<'a>(default: &[&'a str], known: &[&'a str], spec: &str) -> Result<Vec<&'a str>, ListError> {
    let mut list = Vec::new();
    if let Some(names) = spec.strip_prefix('-') {
        let taken = names_taken(names)?;
        add(&mut list, default.iter().filter(|name| !taken.matches(name, Case::Exact).is_yes()));
    } else if let Some(names) = spec.strip_prefix('+') {
        add(&mut list, default);
        add_named(&mut list, known, names, 1)?;
    } else if let Some(names) = spec.strip_prefix('^') {
        add_named(&mut list, known, names, 1)?;
        add(&mut list, default);
    } else {
        add_named(&mut list, known, spec, 0)?;
    }
    if list.is_empty() {
        return Err(ListError { column: column(0), problem: Problem::NothingLeft });
    }
    Ok(list)
}

/// The elements after `-`.
fn names_taken(names: &str) -> Result<PatternList, ListError> {
    for element in elements(names, 1) {
        let (column, element) = element?;
        usable(element.strip_prefix('!').unwrap_or(element))
            .map_err(|problem| ListError { column, problem })?;
    }
    // The lengths were checked above, so this does not fail.
    PatternList::parse(names)
        .map_err(|error| ListError { column: error.column.saturating_add(1), problem: Problem::TooLong })
}

/// Appends what the elements of `names`, which begin at `offset`, stand for.
fn add_named<'a>(
    list: &mut Vec<&'a str>,
    known: &[&'a str],
    names: &str,
    offset: usize,
) -> Result<(), ListError> {
    for element in elements(names, offset) {
        let (column, element) = element?;
        let fault = |problem| ListError { column, problem };
        usable(element).map_err(fault)?;
        if element.starts_with('!') {
            return Err(fault(Problem::Negated(element.into())));
        }
        let mut found = known.iter().filter(|name| matches(element, name, Case::Exact)).peekable();
        if found.peek().is_none() {
            return Err(fault(Problem::Unknown(element.into())));
        }
        add(list, found);
    }
    Ok(())
}

fn usable(element: &str) -> Result<(), Problem> {
    match element.len() {
        0 => Err(Problem::Empty),
        1..=MAX_PATTERN => Ok(()),
        _ => Err(Problem::TooLong),
    }
}

/// Appends what is not there yet.
fn add<'a: 'n, 'n>(list: &mut Vec<&'a str>, names: impl IntoIterator<Item = &'n &'a str>) {
    for name in names {
        if !list.contains(name) {
            list.push(name);
        }
    }
}

/// The elements between commas with their columns; an error where there is none.
fn elements(names: &str, offset: usize) -> impl Iterator<Item = Result<(usize, &str), ListError>> {
    let mut at = offset;
    let named = names.split(',').filter_map(move |element| {
        let began = at;
        at = at.saturating_add(element.len()).saturating_add(1);
        (!element.is_empty()).then_some(Ok((column(began), element)))
    });
    let nothing_named = names.split(',').all(str::is_empty);
    named.chain(nothing_named.then_some(Err(ListError { column: column(offset), problem: Problem::Empty })))
}

/// A list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    /// Where the bad element begins.
    pub column: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No element at all, or nothing after `!`.
    Empty,
    /// More bytes than [`MAX_PATTERN`].
    TooLong,
    /// No algorithm has this name, or matches this pattern.
    Unknown(String),
    /// `!` is understood after `-` only.
    Negated(String),
    /// The list would be empty.
    NothingLeft,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match &self.problem {
            Problem::Empty => write!(f, "empty element, expected the name of an algorithm or a pattern"),
            Problem::TooLong => write!(f, "name too long, expected at most {MAX_PATTERN} bytes"),
            Problem::Unknown(element) => {
                write!(
                    f,
                    "\"{}\" is not known, expected the name of an algorithm or a pattern",
                    element.escape_debug()
                )
            }
            Problem::Negated(element) => {
                write!(
                    f,
                    "\"{}\" is negated, expected that only after - at the beginning",
                    element.escape_debug()
                )
            }
            Problem::NothingLeft => write!(f, "no algorithm is left, expected at least one"),
        }
    }
}

impl core::error::Error for ListError {}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["aes128-gcm", "aes256-gcm", "aes256-ctr", "chacha20", "aes128-cbc"];
    const DEFAULT: [&str; 3] = ["chacha20", "aes128-gcm", "aes256-gcm"];

    fn list(spec: &str) -> Vec<&'static str> {
        apply(&DEFAULT, &KNOWN, spec).unwrap()
    }

    fn refused(spec: &str) -> (usize, Problem) {
        let error = apply(&DEFAULT, &KNOWN, spec).unwrap_err();
        (error.column, error.problem)
    }

    #[test]
    fn names_alone_replace_the_default_in_their_order() {
        assert_eq!(list("aes256-ctr,chacha20"), ["aes256-ctr", "chacha20"]);
        assert_eq!(list("chacha20,chacha20"), ["chacha20"]);
    }

    #[test]
    fn plus_appends_and_caret_puts_first() {
        assert_eq!(list("+aes128-cbc"), ["chacha20", "aes128-gcm", "aes256-gcm", "aes128-cbc"]);
        assert_eq!(list("+chacha20"), DEFAULT);
        assert_eq!(list("^aes256-gcm,aes256-ctr"), ["aes256-gcm", "aes256-ctr", "chacha20", "aes128-gcm"]);
    }

    #[test]
    fn minus_takes_out_also_what_is_not_there() {
        assert_eq!(list("-chacha20"), ["aes128-gcm", "aes256-gcm"]);
        assert_eq!(list("-*gcm,3des-cbc"), ["chacha20"]);
        assert_eq!(list("-*,!aes*"), ["aes128-gcm", "aes256-gcm"]);
    }

    #[test]
    fn patterns_stand_for_known_names_in_their_order() {
        assert_eq!(list("*"), KNOWN);
        assert_eq!(list("*cbc,aes256-*"), ["aes128-cbc", "aes256-gcm", "aes256-ctr"]);
        assert_eq!(list("+aes???-c*"), ["chacha20", "aes128-gcm", "aes256-gcm", "aes256-ctr", "aes128-cbc"]);
    }

    #[test]
    fn an_unknown_name_is_named_with_its_place() {
        assert_eq!(refused("chacha20,aes512"), (10, Problem::Unknown("aes512".into())));
        assert_eq!(refused("+blowfish*"), (2, Problem::Unknown("blowfish*".into())));
        assert_eq!(refused("AES128-GCM"), (1, Problem::Unknown("AES128-GCM".into())));
        assert_eq!(
            apply(&DEFAULT, &KNOWN, "^x").unwrap_err().to_string(),
            "column 2: \"x\" is not known, expected the name of an algorithm or a pattern"
        );
    }

    #[test]
    fn a_list_without_a_name_is_refused() {
        for (spec, column) in [("", 1), ("+", 2), ("-", 2), ("^", 2), (",", 1), ("-,,", 2), ("-x,!", 4)] {
            assert_eq!(refused(spec), (column, Problem::Empty), "{spec:?}");
        }
    }

    #[test]
    fn an_extra_comma_does_no_harm() {
        assert_eq!(list("chacha20,"), ["chacha20"]);
        assert_eq!(list(",chacha20,,aes256-ctr"), ["chacha20", "aes256-ctr"]);
        assert_eq!(list("-chacha20,,x,"), ["aes128-gcm", "aes256-gcm"]);
    }

    #[test]
    fn negation_is_refused_where_it_would_mean_nothing() {
        assert_eq!(refused("*,!chacha20"), (3, Problem::Negated("!chacha20".into())));
        assert_eq!(refused("+!chacha20"), (2, Problem::Negated("!chacha20".into())));
    }

    #[test]
    fn a_list_is_never_left_empty() {
        assert_eq!(refused("-*"), (1, Problem::NothingLeft));
    }

    #[test]
    fn an_overlong_name_is_refused() {
        let long = "x".repeat(MAX_PATTERN + 1);
        for operation in ["", "+", "-", "^", "-!"] {
            assert_eq!(refused(&format!("{operation}{long}")).1, Problem::TooLong, "{operation}");
        }
    }
}
