//! Variables: which ones a client and a user may set, and which ones are set.

use std::collections::HashSet;

use text::pattern::{Case, PatternList, matches};

use super::{Arguments, List, Value, line, word};
use crate::error::{Problem, quoted};

/// `AcceptEnv`: patterns for the names of variables that a client may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptEnv(pub Vec<String>);

impl AcceptEnv {
    /// Whether a client may set this variable.
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name, Case::Exact))
    }
}

impl Value for AcceptEnv {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let words = arguments.several()?;
        if words.iter().any(|word| word.contains('=') || PatternList::parse(word).is_err()) {
            return Err(Problem::BadEnvironmentName);
        }
        Ok(Self(words))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        for pattern in &self.0 {
            line(out, name, &word(pattern));
        }
    }
}

impl List for AcceptEnv {
    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// `SetEnv`: variables with their values, each name once. They overrule what the client sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetEnv(pub Vec<(String, String)>);

impl Value for SetEnv {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let mut seen = HashSet::new();
        let mut variables = Vec::new();
        for word in arguments.several()? {
            let split = word.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = split.ok_or(Problem::BadEnvironment)?;
            if seen.insert(name.to_owned()) {
                variables.push((name.into(), value.into()));
            }
        }
        Ok(Self(variables))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        // One line, because a second one would not count when it is read again.
        let words: Vec<String> =
            self.0.iter().map(|(name, value)| word(&format!("{name}={value}"))).collect();
        if !words.is_empty() {
            line(out, name, &words.join(" "));
        }
    }
}

/// `PermitUserEnvironment`: which variables `~/.ssh/environment` and the option `environment` of a key may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEnvironment {
    /// None.
    No,
    /// All.
    Yes,
    /// Those which this list of patterns matches, with commas between them.
    Matching(String),
}

impl UserEnvironment {
    /// The patterns, each of which may be negated; none where nothing may be set.
    #[must_use]
    pub fn patterns(&self) -> Vec<&str> {
        match self {
            Self::No => Vec::new(),
            Self::Yes => vec!["*"],
            Self::Matching(list) => list.split(',').collect(),
        }
    }

    /// Whether this variable may be set.
    #[must_use]
    pub fn permits(&self, name: &str) -> bool {
        // Patterns that are too long were refused when the line was read.
        PatternList::from_words(self.patterns()).is_ok_and(|list| list.matches(name, Case::Exact).is_yes())
    }
}

impl Value for UserEnvironment {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.given()?;
        match word.as_str() {
            "no" => Ok(Self::No),
            "yes" => Ok(Self::Yes),
            list if PatternList::parse(list).is_ok() => Ok(Self::Matching(word)),
            _ => Err(Problem::PatternTooLong(quoted(arguments.keyword))),
        }
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        match self {
            Self::No => line(out, name, "no"),
            Self::Yes => line(out, name, "yes"),
            Self::Matching(list) => line(out, name, &word(list)),
        }
    }
}
