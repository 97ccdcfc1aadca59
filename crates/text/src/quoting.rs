//! A line of a configuration file and its words.
//!
//! A line is a keyword, blanks or one `=` (with or without blanks around it), and words between blanks. Quotes of either
//! kind, also inside a word, keep blanks and `#`; a backslash takes the meaning from a quote, from a backslash and, outside
//! quotes, from a space, and is itself anywhere else. `#` where a word could begin starts a comment.

use core::{fmt, iter::Peekable, str::CharIndices};

use crate::{column, limits::MAX_LINE};

/// A line that holds a keyword. Some keywords take the rest of the line as it stands, so it is split only when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The keyword as written; keywords are compared without regard to case.
    pub keyword: &'a str,
    /// Where the keyword begins.
    pub keyword_column: usize,
    /// What follows the separator, quotes and comment included, without blanks at its end; perhaps nothing.
    pub rest: &'a str,
    /// Where the rest begins, or would.
    pub rest_column: usize,
}

impl<'a> Line<'a> {
    /// Finds the keyword of a line (without its newline, or with it). `None` for an empty line and for a comment.
    ///
    /// # Errors
    /// A NUL, a line longer than [`MAX_LINE`], no keyword before `=`, and a quote in or around a keyword that is not closed
    /// or not around all of it.
    pub fn parse(line: &'a str) -> Result<Option<Self>, QuotingError> {
        if line.len() > MAX_LINE {
            return Err(QuotingError { column: column(MAX_LINE), problem: Problem::TooLong });
        }
        if let Some(at) = line.find('\0') {
            return Err(QuotingError { column: column(at), problem: Problem::Nul });
        }
        // A form feed may end a line, nothing more.
        let line = line.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']);
        let text = line.trim_start_matches(SPACE);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        // What is still to come is the end of `line`, so its length tells where it begins.
        let column_of = |rest: &str| column(line.len().saturating_sub(rest.len()));
        let fault = |rest: &str, problem| QuotingError { column: column_of(rest), problem };

        let (keyword, after) = match text.strip_prefix('"') {
            Some(inner) => {
                inner.split_once('"').ok_or_else(|| fault(text, Problem::Unterminated { quote: '"' }))?
            }
            None => {
                let end = text.find(|c| SPACE.contains(&c) || c == '=' || c == '"').unwrap_or(text.len());
                text.split_at_checked(end).unwrap_or((text, ""))
            }
        };
        if keyword.is_empty() {
            return Err(fault(text, Problem::KeywordExpected));
        }
        if after.starts_with('"') {
            return Err(fault(after, Problem::QuoteInKeyword));
        }
        let after = after.trim_start_matches(SPACE);
        let rest = after.strip_prefix('=').unwrap_or(after).trim_start_matches(SPACE);
        let keyword_column = column_of(text).saturating_add(usize::from(text.starts_with('"')));
        Ok(Some(Self { keyword, keyword_column, rest, rest_column: column_of(rest) }))
    }

    /// The words of the rest, without the comment that may end it. Columns count from the beginning of the line.
    ///
    /// # Errors
    /// A quote that is not closed.
    pub fn words(&self) -> Result<Vec<Word>, QuotingError> {
        let before = self.rest_column.saturating_sub(1);
        let mut words = split(self.rest, Comments::AtEnd)
            .map_err(|error| QuotingError { column: error.column.saturating_add(before), ..error })?;
        for word in &mut words {
            word.column = word.column.saturating_add(before);
        }
        Ok(words)
    }
}

/// What ends a keyword.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A word with its quotes and escapes taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it says. Empty where the line has `""`.
    pub text: String,
    /// Where it begins, quotes included.
    pub column: usize,
    /// How many bytes it takes in the line, quotes and escapes included.
    pub length: usize,
}

/// Whether a `#` where a word could begin ends the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// It does, as in configuration files.
    AtEnd,
    /// It begins a word like any other character, as in an option's value on the command line.
    None,
}

/// Splits a text into words.
///
/// # Errors
/// A quote that is not closed.
pub fn split(text: &str, comments: Comments) -> Result<Vec<Word>, QuotingError> {
    let mut words = Vec::new();
    let mut chars = text.char_indices().peekable();
    loop {
        while chars.next_if(|&(_, c)| is_blank(c)).is_some() {}
        match chars.peek() {
            None => return Ok(words),
            Some((_, '#')) if comments == Comments::AtEnd => return Ok(words),
            Some(&(began, _)) => {
                let content = word(&mut chars)?;
                let end = chars.peek().map_or(text.len(), |&(at, _)| at);
                words.push(Word { text: content, column: column(began), length: end.saturating_sub(began) });
            }
        }
    }
}

/// One word, up to the blank after it or the end.
fn word(chars: &mut Peekable<CharIndices<'_>>) -> Result<String, QuotingError> {
    let mut content = String::new();
    let mut open: Option<(usize, char)> = None;
    while let Some((at, c)) = chars.next_if(|&(_, c)| open.is_some() || !is_blank(c)) {
        match (c, open) {
            ('\\', _) => {
                let escaped =
                    chars.next_if(|&(_, c)| matches!(c, '"' | '\'' | '\\') || (c == ' ' && open.is_none()));
                content.push(escaped.map_or('\\', |(_, c)| c));
            }
            ('"' | '\'', None) => open = Some((at, c)),
            (_, Some((_, quote))) if c == quote => open = None,
            (_, Some(_) | None) => content.push(c),
        }
    }
    match open {
        Some((at, quote)) => {
            Err(QuotingError { column: column(at), problem: Problem::Unterminated { quote } })
        }
        None => Ok(content),
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// A line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotingError {
    /// Where.
    pub column: usize,
    /// Why.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The quote at the column is never closed.
    Unterminated {
        /// Which of the two quotes.
        quote: char,
    },
    /// The line begins with its separator, or with `""`.
    KeywordExpected,
    /// A quote inside or right after a keyword.
    QuoteInKeyword,
    /// The line holds a NUL byte.
    Nul,
    /// The line is longer than [`MAX_LINE`].
    TooLong,
}

impl fmt::Display for QuotingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match self.problem {
            Problem::Unterminated { quote } => write!(f, "quote is not closed, expected another {quote}"),
            Problem::KeywordExpected => write!(f, "expected a keyword"),
            Problem::QuoteInKeyword => write!(f, "quote in a keyword, expected a blank or = after it"),
            Problem::Nul => write!(f, "NUL byte, expected text"),
            Problem::TooLong => write!(f, "line too long, expected at most {MAX_LINE} bytes"),
        }
    }
}

impl core::error::Error for QuotingError {}

#[cfg(test)]
mod tests;
