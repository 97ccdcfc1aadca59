//! `AuthorizedPrincipalsFile`: the names of which a certificate must have one to let a user in, and what each of them may do then.
//!
//! A line is options (or none, the same as in [`authorized_keys`](crate::authorized_keys)) and a name, with blanks between; what is
//! behind a `#` is a comment. A line with a fault names nobody and changes nothing about the next line.
//!
//! ```
//! use nacre_keyfiles::authorized_principals::lines;
//!
//! let file = b"admins # all of them\nrestrict,command=\"backup now\" backup\n";
//! let entries: Vec<_> = lines(file).filter_map(|(_, line)| line.ok()?).collect();
//! assert_eq!(entries[0].principal, b"admins");
//! assert_eq!(entries[1].options.command.as_deref(), Some(&b"backup now"[..]));
//! ```

use crate::authorized_keys::{LineFault, Options, shown, split_off};
use crate::key_text::is_blank;
use crate::limits::MAX_LINE;

/// A line that names a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal<'a> {
    /// What a certificate with this name may do.
    pub options: Options<'a>,
    /// The name, which holds no blank and is not empty.
    pub principal: &'a [u8],
}

/// The lines of a file with their numbers, the first is 1. `Ok(None)` is a blank line or a comment. How large a file may be is the
/// caller's to say; the time is linear in it.
pub fn lines(file: &[u8]) -> impl Iterator<Item = (usize, Result<Option<Principal<'_>>, LineFault<'_>>)> {
    (1..).zip(file.split_inclusive(|byte| *byte == b'\n').map(line))
}

/// The text without blanks around it. A carriage return is none: as in OpenSSH it belongs to the name.
fn trim_blanks(text: &[u8]) -> &[u8] {
    let first = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(first, |last| last.saturating_add(1));
    text.get(first..end).unwrap_or_default()
}

/// One line, with or without its end.
fn line(text: &[u8]) -> Result<Option<Principal<'_>>, LineFault<'_>> {
    if text.len() > MAX_LINE {
        return Err(LineFault::TooLong);
    }
    let comment = text.iter().position(|byte| *byte == b'#').unwrap_or(text.len());
    let text = text.get(..comment).unwrap_or(text);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = trim_blanks(text);
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains(&0) {
        return Err(LineFault::Nul);
    }
    let name = text.iter().rposition(is_blank).map_or(0, |blank| blank.saturating_add(1));
    let (before, principal) = text.split_at_checked(name).unwrap_or((&[], text));
    // No name has a quote: a `#` inside of a value ended the line before its time.
    if principal.contains(&b'"') {
        return Err(LineFault::Unterminated);
    }
    let (options, rest) = split_off(before).ok_or(LineFault::Unterminated)?;
    let rest = rest.trim_ascii();
    if !rest.is_empty() {
        return Err(LineFault::UnknownOption { option: shown(rest) });
    }
    Ok(Some(Principal { options: Options::parse(options)?, principal }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Option<Principal<'_>>, String> {
        line(text.as_bytes()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_last_word_is_the_name_and_what_stands_before_it_is_options() {
        for (text, name, pty) in [
            ("root", "root", true),
            (" \troot \t\n", "root", true),
            ("root\r\n", "root\r", true),
            ("root # comment\n", "root", true),
            ("ro#ot", "ro", true),
            ("no-pty \t root", "root", false),
            ("restrict,command=\"a b\" *", "*", false),
            ("a,b", "a,b", true),
        ] {
            let entry = parsed(text).unwrap().unwrap();
            assert_eq!((entry.principal, entry.options.pty), (name.as_bytes(), pty), "{text}");
        }
        let entry = parsed("command=\"echo \\\"a b\\\"\"  root").unwrap().unwrap();
        assert_eq!(entry.options.command.as_deref(), Some(&b"echo \"a b\""[..]));
    }

    #[test]
    fn blank_lines_and_comments_name_nobody() {
        for text in ["", "\n", " \t\n", "# root", "  #root\n"] {
            assert_eq!(parsed(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn a_line_with_a_fault_names_nobody_and_the_next_is_read() {
        for (text, said) in [
            ("x root", "unknown option x"),
            ("no-pty pty root", "unknown option pty"),
            ("command=\"a root", "quote in the options is not closed"),
            ("command=\"# x\" root", "quote in the options is not closed"),
            ("from=\"1.2.3.4/8\" root", "option from: bits are set after the prefix, expected 1.0.0.0/8"),
            ("no-pty ro\0ot", "line holds a NUL byte"),
        ] {
            assert_eq!(parsed(text), Err(said.to_owned()), "{text}");
        }
        let long = "x".repeat(MAX_LINE + 1);
        assert_eq!(line(long.as_bytes()), Err(LineFault::TooLong));
        let file = b"x root\n\nroot\n";
        let told: Vec<_> =
            lines(file).map(|(number, line)| (number, line.ok().flatten().is_some())).collect();
        assert_eq!(told, [(1, false), (2, false), (3, true)]);
    }
}
