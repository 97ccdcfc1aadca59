//! Durations (`sshd_config(5)`, TIME FORMATS): numbers with a unit, added up, as in `1h30m`; a number without a unit is
//! seconds. `none` and other words belong to the keyword and are not read here.

use core::{fmt, time::Duration};

use crate::{column, limits::MAX_SECONDS};

const SECOND: u128 = Duration::from_secs(1).as_nanos();
const MAX: u128 = Duration::from_secs(MAX_SECONDS).as_nanos();

/// Reads whole numbers only: `90`, `10m`, `1h30m`, `2W`.
///
/// # Errors
/// An empty text, anything but digits and one of `s m h d w` in either case, and more than [`MAX_SECONDS`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    sum(text, false)
}

/// Reads numbers that may have a fraction, as `PerSourcePenalties` allows: `0.5`, `1.5h`. What is finer than a nanosecond is
/// dropped.
///
/// # Errors
/// As [`parse`]; and a point without digits on both sides.
pub fn parse_fractional(text: &str) -> Result<Duration, DurationError> {
    sum(text, true)
}

fn sum(text: &str, fractions: bool) -> Result<Duration, DurationError> {
    let fault = |rest: &str, problem| DurationError {
        column: column(text.len().saturating_sub(rest.len())),
        problem,
    };
    let mut total = 0_u128;
    let mut rest = text;
    loop {
        let began = rest;
        let whole;
        (whole, rest) = digits(rest);
        if whole.is_empty() {
            return Err(fault(rest, Problem::NumberExpected));
        }
        let mut number = nanos(whole);
        if let Some(after) = rest.strip_prefix('.').filter(|_| fractions) {
            let fraction;
            (fraction, rest) = digits(after);
            if fraction.is_empty() {
                return Err(fault(rest, Problem::NumberExpected));
            }
            number = number.saturating_add(nanos_of_fraction(fraction));
        }
        let mut unit = 1;
        if let Some(name) = rest.chars().next() {
            // So only the last number may do without one: `1h 30` is a slip, not a sum.
            unit = seconds(name).ok_or_else(|| fault(rest, Problem::UnknownUnit(name)))?;
            rest = rest.strip_prefix(name).unwrap_or_default();
        }
        total = total.saturating_add(number.saturating_mul(unit));
        if total > MAX {
            return Err(fault(began, Problem::TooLong));
        }
        if rest.is_empty() {
            return Ok(Duration::from_nanos_u128(total));
        }
    }
}

/// The digits that the text begins with, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Seconds as nanoseconds; what does not fit is far beyond [`MAX`].
fn nanos(digits: &str) -> u128 {
    digits.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(SECOND)
}

/// `5` behind the point is half of a second.
fn nanos_of_fraction(digits: &str) -> u128 {
    let padded = digits.bytes().chain(core::iter::repeat(b'0')).take(9);
    padded.fold(0, |nanos, digit| {
        nanos.saturating_mul(10).saturating_add(u128::from(digit.saturating_sub(b'0')))
    })
}

/// How many seconds a unit is.
const fn seconds(unit: char) -> Option<u128> {
    Some(match unit.to_ascii_lowercase() {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    })
}

/// A text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationError {
    /// Where it stops being one.
    pub column: usize,
    /// Why.
    pub problem: Problem,
}

/// What is wrong with a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No digit where a number begins; also the empty text.
    NumberExpected,
    /// This follows a number and is no unit.
    UnknownUnit(char),
    /// More than [`MAX_SECONDS`].
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match self.problem {
            Problem::NumberExpected => write!(f, "expected a number, as in 1h30m"),
            Problem::UnknownUnit(unit) => {
                write!(f, "unknown unit '{}', expected s, m, h, d or w", unit.escape_debug())
            }
            Problem::TooLong => write!(f, "duration too long, expected at most {MAX_SECONDS} seconds"),
        }
    }
}

impl core::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> u64 {
        parse(text).unwrap().as_secs()
    }

    #[test]
    fn numbers_with_units_are_added_up() {
        let cases = [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("10m", 600),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("2w", 1_209_600),
            ("1W1D1H1M1S", 694_861),
            ("30s30s", 60),
            ("1m5", 65),
            ("007", 7),
        ];
        for (text, expected) in cases {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_is_no_duration_is_refused_where_it_stops_being_one() {
        let cases = [
            ("", 1, Problem::NumberExpected),
            ("m", 1, Problem::NumberExpected),
            ("-7", 1, Problem::NumberExpected),
            ("+7", 1, Problem::NumberExpected),
            (" 7", 1, Problem::NumberExpected),
            ("1hh", 3, Problem::NumberExpected),
            ("7 ", 2, Problem::UnknownUnit(' ')),
            ("1h5y", 4, Problem::UnknownUnit('y')),
            ("1.5h", 2, Problem::UnknownUnit('.')),
            ("5µ", 2, Problem::UnknownUnit('µ')),
            ("٣", 1, Problem::NumberExpected),
        ];
        for (text, column, problem) in cases {
            assert_eq!(parse(text), Err(DurationError { column, problem }), "{text}");
        }
        assert_eq!(
            parse("1h5y").unwrap_err().to_string(),
            "column 4: unknown unit 'y', expected s, m, h, d or w"
        );
    }

    #[test]
    fn what_openssh_cannot_hold_is_refused_and_does_not_wrap() {
        assert_eq!(whole("2147483647"), MAX_SECONDS);
        for text in
            ["2147483648", "2147483647s1s", "3551w", "18446744073709551616", "99999999999999999999999999w"]
        {
            assert_eq!(parse(text).unwrap_err().problem, Problem::TooLong, "{text}");
        }
        assert_eq!(parse("1s3551w").unwrap_err().column, 3);
        assert!(parse_fractional("2147483647.000000001").is_err());
    }

    #[test]
    fn fractions_are_read_only_where_they_are_allowed() {
        let cases =
            [("0.5", 500), ("1.5h", 5_400_000), ("0.25m1.5s", 16_500), ("2", 2_000), ("0.0019999999999", 1)];
        for (text, millis) in cases {
            assert_eq!(parse_fractional(text).unwrap().as_millis(), millis, "{text}");
        }
        for text in ["0.", ".5", "1..5", "1.5.5", "1.h"] {
            assert!(parse_fractional(text).is_err(), "{text}");
        }
        assert!(parse("0.5").is_err());
    }

    proptest! {
        #[test]
        fn sums_agree_with_arithmetic(w in 0_u64..100, d in 0_u64..100, h in 0_u64..1000, m in 0_u64..1000, s in 0_u64..1000) {
            let expected = w * 604_800 + d * 86_400 + h * 3_600 + m * 60 + s;
            prop_assert_eq!(whole(&format!("{w}w{d}D{h}h{m}M{s}")), expected);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9.smhdwSMHDWµ ]{0,30}") {
            prop_assert!(parse(&text).map_or(true, |duration| parse_fractional(&text) == Ok(duration)));
        }
    }
}
