//! Percent tokens and environment variables (`sshd_config(5)` and `ssh_config(5)`, TOKENS and ENVIRONMENT VARIABLES).
//!
//! `%%` is `%`; `%x` is what the caller's table says of `x`; `${NAME}`, where the keyword allows it, is a variable. What comes
//! out of either is never expanded again, so a user name with a `%` in it is harmless.

use core::fmt;

use crate::{column, limits::MAX_EXPANDED};

/// Which tokens a text may hold and what they stand for.
pub type Tokens<'a> = &'a [(char, &'a str)];

/// What a variable stands for: `None` where it is not set.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Expands tokens, and variables where the keyword has them; without `variables` a `$` is itself.
///
/// # Errors
/// A token that is not in the table, `%` at the end, `${` that is not closed or has no name, a variable that is not set, and
/// an expansion longer than [`MAX_EXPANDED`].
pub fn expand(
    text: &str,
    tokens: Tokens<'_>,
    variables: Option<Variables<'_>>,
) -> Result<String, ExpandError> {
    let mut expanded = String::new();
    for piece in pieces(text, variables.is_some()) {
        let (at, piece) = piece?;
        let fault = |problem| ExpandError { column: column(at), problem };
        let variable;
        let addition = match piece {
            Piece::Literal(literal) => literal,
            Piece::Token('%') => "%",
            Piece::Token(token) => {
                let known = tokens.iter().find(|(known, _)| *known == token);
                known.ok_or_else(|| fault(unknown(token, tokens.iter().map(|(known, _)| *known))))?.1
            }
            Piece::Variable(name) => {
                variable = variables.and_then(|variables| variables(name));
                variable.as_deref().ok_or_else(|| fault(Problem::NotSet(name.into())))?
            }
        };
        if expanded.len().saturating_add(addition.len()) > MAX_EXPANDED {
            return Err(fault(Problem::TooLong));
        }
        expanded.push_str(addition);
    }
    Ok(expanded)
}

/// Checks a text when the configuration is read, long before the tokens have values: `allowed` are the keyword's tokens.
///
/// # Errors
/// As [`expand`], but for variables that are not set and for the length.
pub fn check(text: &str, allowed: &[char], variables: bool) -> Result<(), ExpandError> {
    for piece in pieces(text, variables) {
        match piece? {
            (_, Piece::Literal(_) | Piece::Variable(_) | Piece::Token('%')) => {}
            (at, Piece::Token(token)) => {
                if !allowed.contains(&token) {
                    let problem = unknown(token, allowed.iter().copied());
                    return Err(ExpandError { column: column(at), problem });
                }
            }
        }
    }
    Ok(())
}

fn unknown(token: char, allowed: impl Iterator<Item = char>) -> Problem {
    Problem::UnknownToken { token, allowed: allowed.filter(|&allowed| allowed != '%').collect() }
}

enum Piece<'a> {
    Literal(&'a str),
    Token(char),
    Variable(&'a str),
}

/// The parts of a text with their offsets; ends after the first error.
fn pieces(text: &str, variables: bool) -> impl Iterator<Item = Result<(usize, Piece<'_>), ExpandError>> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = text.len().saturating_sub(rest.len());
        let (piece, after) = match first_piece(rest, variables) {
            Ok(found) => found,
            Err(problem) => {
                rest = "";
                return Some(Err(ExpandError { column: column(at), problem }));
            }
        };
        rest = after;
        Some(Ok((at, piece)))
    })
}

fn first_piece(text: &str, variables: bool) -> Result<(Piece<'_>, &str), Problem> {
    if let Some(after) = text.strip_prefix('%') {
        let mut chars = after.chars();
        let token = chars.next().ok_or(Problem::TokenExpected)?;
        return Ok((Piece::Token(token), chars.as_str()));
    }
    if variables && let Some(after) = text.strip_prefix("${") {
        let (name, after) = after.split_once('}').ok_or(Problem::BraceExpected)?;
        if name.is_empty() {
            return Err(Problem::NameExpected);
        }
        return Ok((Piece::Variable(name), after));
    }
    let special = |&(at, c): &(usize, char)| at > 0 && (c == '%' || (variables && c == '$'));
    let end = text.char_indices().find(special).map_or(text.len(), |(at, _)| at);
    let (literal, after) = text.split_at_checked(end).unwrap_or((text, ""));
    Ok((Piece::Literal(literal), after))
}

/// A text cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// Where the token or variable begins.
    pub column: usize,
    /// Why.
    pub problem: Problem,
}

/// What is wrong with a token or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The keyword has no such token.
    UnknownToken {
        /// The character after `%`.
        token: char,
        /// Those that the keyword has, without `%` itself.
        allowed: String,
    },
    /// The text ends with `%`.
    TokenExpected,
    /// `${` without a `}` after it.
    BraceExpected,
    /// `${}`.
    NameExpected,
    /// The variable is not set.
    NotSet(String),
    /// The expansion is longer than [`MAX_EXPANDED`].
    TooLong,
}

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: ", self.column)?;
        match &self.problem {
            Problem::UnknownToken { token, allowed } => {
                write!(f, "unknown token %{}, expected %%", token.escape_debug())?;
                allowed.chars().try_for_each(|allowed| write!(f, " %{allowed}"))
            }
            Problem::TokenExpected => write!(f, "% at the end, expected %% or a token"),
            Problem::BraceExpected => write!(f, "${{ is not closed, expected }}"),
            Problem::NameExpected => write!(f, "expected the name of a variable in ${{}}"),
            Problem::NotSet(name) => write!(f, "variable {} is not set", name.escape_debug()),
            Problem::TooLong => write!(f, "expansion too long, expected at most {MAX_EXPANDED} bytes"),
        }
    }
}

impl core::error::Error for ExpandError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKENS: Tokens<'static> = &[('u', "alice"), ('h', "/home/%u"), ('é', "e")];

    fn home(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root/${HOME}%u".into())
    }

    fn tokens(text: &str) -> Result<String, ExpandError> {
        expand(text, TOKENS, None)
    }

    fn both(text: &str) -> Result<String, ExpandError> {
        expand(text, TOKENS, Some(&home))
    }

    #[test]
    fn tokens_stand_for_what_the_table_says() {
        assert_eq!(tokens("/keys/%u/%u.pub").unwrap(), "/keys/alice/alice.pub");
        assert_eq!(tokens("100%%").unwrap(), "100%");
        assert_eq!(tokens("%%u").unwrap(), "%u");
        assert_eq!(tokens("x%éy").unwrap(), "xey");
        assert_eq!(tokens("").unwrap(), "");
    }

    #[test]
    fn what_was_expanded_is_not_expanded_again() {
        assert_eq!(tokens("%h").unwrap(), "/home/%u");
        assert_eq!(both("${HOME}").unwrap(), "/root/${HOME}%u");
    }

    #[test]
    fn variables_are_expanded_only_where_the_keyword_has_them() {
        assert_eq!(both("${HOME}/%u$").unwrap(), "/root/${HOME}%u/alice$");
        assert_eq!(both("$HOME $ {HOME} %%{x}").unwrap(), "$HOME $ {HOME} %{x}");
        assert_eq!(tokens("${HOME}").unwrap(), "${HOME}");
    }

    #[test]
    fn an_unknown_token_is_named_with_the_known_ones() {
        let error = tokens("/keys/%x").unwrap_err();
        assert_eq!(error.to_string(), "column 7: unknown token %x, expected %% %u %h %é");
        assert_eq!(error.problem, Problem::UnknownToken { token: 'x', allowed: "uhé".into() });
    }

    #[test]
    fn unfinished_tokens_and_variables_are_refused() {
        let at = |column, problem| Err(ExpandError { column, problem });
        assert_eq!(tokens("%"), at(1, Problem::TokenExpected));
        assert_eq!(tokens("a%%%"), at(4, Problem::TokenExpected));
        assert_eq!(both("a${HOME"), at(2, Problem::BraceExpected));
        assert_eq!(both("${}"), at(1, Problem::NameExpected));
        assert_eq!(both("é${NOPE}"), at(3, Problem::NotSet("NOPE".into())));
        assert_eq!(both("${").unwrap_err().to_string(), "column 1: ${ is not closed, expected }");
    }

    #[test]
    fn a_configuration_can_be_checked_before_there_are_values() {
        assert_eq!(check("%u/%%/${NOPE}", &['u'], true), Ok(()));
        assert_eq!(check("%u/%h", &['u'], true).unwrap_err().column, 4);
        assert_eq!(check("${", &['u'], false), Ok(()));
        assert!(check("${", &['u'], true).is_err());
        assert!(check("%", &['%'], false).is_err());
    }

    #[test]
    fn an_expansion_is_bounded() {
        let long = "x".repeat(MAX_EXPANDED / 2);
        assert_eq!(expand("%l%l", &[('l', &long)], None).unwrap().len(), MAX_EXPANDED);
        let error = expand("%l%l.", &[('l', &long)], None).unwrap_err();
        assert_eq!(error, ExpandError { column: 5, problem: Problem::TooLong });
    }

    proptest! {
        #[test]
        fn a_text_with_its_percents_doubled_is_itself(text in "[a-z%$é{}]{0,20}") {
            prop_assert_eq!(expand(&text.replace('%', "%%"), &[], None), Ok(text));
        }

        #[test]
        fn what_passes_the_check_expands(text in "[uxé%$N{}]{0,12}") {
            let set = |_: &str| Some(String::from("v"));
            let expanded = expand(&text, TOKENS, Some(&set));
            prop_assert_eq!(check(&text, &['u', 'h', 'é'], true).is_ok(), expanded.is_ok());
        }
    }
}
