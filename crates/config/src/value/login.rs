//! What decides on logins by keys beside the keys themselves.

use std::path::PathBuf;

use super::{Arguments, Value, line, word};
use crate::error::{Problem, quoted};

/// `AuthorizedPrincipalsFile`: a path with tokens (`%%`, `%h`, `%U`, `%u`) and wildcards, in the user's home unless it begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedPrincipalsFile(pub Option<String>);

impl Value for AuthorizedPrincipalsFile {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.given()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        Ok(Self(Some(if word.starts_with('~') { arguments.in_home(&word)? } else { word })))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &self.0.as_deref().map_or_else(|| "none".into(), word));
    }
}

/// `AuthorizedKeysCommand` and `AuthorizedPrincipalsCommand`: a program by its absolute path, and its arguments with quotes and tokens,
/// as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginCommand(pub Option<String>);

impl Value for LoginCommand {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let raw = arguments.raw();
        if raw.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        if !raw.starts_with('/') {
            return Err(Problem::NotAbsolute(quoted(arguments.keyword)));
        }
        Ok(Self(Some(raw.into())))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, self.0.as_deref().unwrap_or("none"));
    }
}

/// `AuthorizedKeysCommandUser` and `AuthorizedPrincipalsCommandUser`: as whom such a program runs, with tokens (`%%`, `%u`). `none` is
/// nobody, though OpenSSH looks for an account of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandUser(pub Option<String>);

impl Value for CommandUser {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let name = arguments.word()?;
        if name.is_empty() {
            return Err(Problem::MissingUser(quoted(arguments.keyword)));
        }
        Ok(Self(Some(name).filter(|name| !name.eq_ignore_ascii_case("none"))))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &self.0.as_deref().map_or_else(|| "none".into(), word));
    }
}

/// `RevokedKeys`: files of keys, or key revocation lists, that let nobody in. Without any, no line is dumped, as in OpenSSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedKeys(pub Vec<PathBuf>);

impl Value for RevokedKeys {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let words = arguments.several()?;
        let mut files = Vec::with_capacity(words.len());
        for word in &words {
            match arguments.path(word)? {
                Some(file) => files.push(file),
                None if words.len() > 1 => return Err(Problem::NoneNotAlone(quoted(arguments.keyword))),
                None => {}
            }
        }
        Ok(Self(files))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let words: Vec<String> = self.0.iter().map(|file| word(&file.to_string_lossy())).collect();
        if !words.is_empty() {
            line(out, name, &words.join(" "));
        }
    }
}

/// `PubkeyAuthOptions`: what a signature of a security key must say, whatever its line in a file says, and how many keys a
/// client may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PubkeyAuthOptions {
    /// That its user was there, also where a key's line does not want that.
    pub touch_required: bool,
    /// That it knew its user, by a PIN or a finger.
    pub verify_required: bool,
    /// `max-pk-ok`: how many keys may be refused to a client that asks before that counts for `MaxAuthTries`. Where the keyword
    /// stands without it, none may, as OpenSSH 10.6 has it.
    pub questions: Option<u8>,
}

impl Default for PubkeyAuthOptions {
    fn default() -> Self {
        Self { touch_required: false, verify_required: false, questions: Some(6) }
    }
}

/// What stands before the number of questions.
const QUESTIONS: &str = "max-pk-ok:";

impl Value for PubkeyAuthOptions {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let mut options = Self { questions: None, ..Self::default() };
        let mut next = Some(arguments.word()?);
        while let Some(word) = next {
            match word.to_ascii_lowercase().as_str() {
                "none" => {}
                "touch-required" => options.touch_required = true,
                "verify-required" => options.verify_required = true,
                other => match other.strip_prefix(QUESTIONS) {
                    Some(number) => options.questions = Some(questions(number, arguments.keyword)?),
                    None => {
                        let (keyword, option) = (quoted(arguments.keyword), quoted(&word));
                        return Err(Problem::UnsupportedKeyOption { keyword, option });
                    }
                },
            }
            next = arguments.next();
        }
        Ok(options)
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let words = match (self.touch_required, self.verify_required) {
            (false, false) => "none",
            (true, false) => "touch-required",
            (false, true) => "verify-required",
            (true, true) => "touch-required verify-required",
        };
        match self.questions {
            None => line(out, name, words),
            Some(number) => line(out, name, &format!("{words} {QUESTIONS}{number}")),
        }
    }
}

/// A number of up to 255.
fn questions(number: &str, keyword: &str) -> Result<u8, Problem> {
    let fault = |why| Err(Problem::BadQuestions { keyword: quoted(keyword), why });
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return fault("invalid");
    }
    match digits.parse::<u8>() {
        _ if number.starts_with('-') => fault("too small"),
        Ok(number) => Ok(number),
        Err(_) => fault("too large"),
    }
}
