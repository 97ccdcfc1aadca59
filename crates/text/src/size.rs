//! Amounts of bytes, as `RekeyLimit` takes them: a number, and `K`, `M`, `G` (or `T`, `P`, `E`) for powers of 1024.
//! `default` and `none` belong to the keyword and are not read here.

use core::fmt;

/// Reads `16`, `64K`, `1g`, `1.5G`. A `B` for bytes may stand where a unit can; a part of a byte is dropped.
///
/// # Errors
/// An empty text, anything else around the digits, a point without digits on both sides, and more than a u64 of bytes.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let (whole, mut unit) = digits(text);
    let mut fraction = "";
    if let Some(after) = unit.strip_prefix('.') {
        (fraction, unit) = digits(after);
        if fraction.is_empty() {
            return Err(SizeError::NumberExpected);
        }
    }
    if whole.is_empty() {
        return Err(SizeError::NumberExpected);
    }
    let power = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return Err(SizeError::UnknownUnit(unit.chars().take(16).collect())),
    };
    let unit = 1_024_u64.checked_pow(power).ok_or(SizeError::TooLarge)?;
    let whole =
        whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(unit)).ok_or(SizeError::TooLarge)?;
    whole.checked_add(part(fraction, unit)).ok_or(SizeError::TooLarge)
}

/// The digits that the text begins with, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// How many bytes the digits behind the point are, less than `unit`. Those that no unit is fine enough for are dropped.
fn part(fraction: &str, unit: u64) -> u64 {
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in fraction.bytes().take(18) {
        numerator = numerator.saturating_mul(10).saturating_add(u128::from(digit.saturating_sub(b'0')));
        denominator = denominator.saturating_mul(10);
    }
    let bytes = numerator.saturating_mul(u128::from(unit)).checked_div(denominator);
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default()
}

/// A text is no amount of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// It does not begin with a digit, or has none after the point.
    NumberExpected,
    /// This follows the number and is no unit.
    UnknownUnit(String),
    /// It does not fit 64 bits.
    TooLarge,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NumberExpected => write!(f, "expected a number of bytes, as in 64K"),
            Self::UnknownUnit(unit) => {
                write!(f, "unknown unit \"{}\", expected K, M or G", unit.escape_debug())
            }
            Self::TooLarge => write!(f, "too many bytes, expected at most {}", u64::MAX),
        }
    }
}

impl core::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_in_either_case() {
        let cases = [
            ("0", 0),
            ("16", 16),
            ("16B", 16),
            ("1k", 1 << 10),
            ("64K", 64 << 10),
            ("3m", 3 << 20),
            ("1G", 1 << 30),
            ("2t", 2 << 40),
            ("1P", 1 << 50),
            ("15E", 15 << 60),
            ("1.5G", 3 << 29),
            ("0.25k", 256),
            ("1.9", 1),
            ("15.999999999999999999999E", u64::MAX - 1),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "K", "-1", "+1", " 1", "default", ".5G", "1.", "1.K"] {
            assert_eq!(parse(text), Err(SizeError::NumberExpected), "{text}");
        }
        for text in ["1 ", "1KB", "1.5.5G", "1x", "1µ"] {
            assert!(matches!(parse(text), Err(SizeError::UnknownUnit(_))), "{text}");
        }
        assert_eq!(parse("1KiB").unwrap_err().to_string(), "unknown unit \"KiB\", expected K, M or G");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_does_not_wrap() {
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        for text in ["18446744073709551616", "16E", "18014398509481984K", "99999999999999999999999G"] {
            assert_eq!(parse(text), Err(SizeError::TooLarge), "{text}");
        }
    }
}
