//! The types of values: how each is read from the words of a line, and written so that it reads the same again.

use core::{iter::Peekable, ops::RangeInclusive, time::Duration};
use std::{collections::HashSet, path::PathBuf, vec};

use text::{
    duration,
    quoting::{Line, Word as QuotedWord},
    size,
};

use crate::{
    error::{Problem, quoted},
    parse::Environment,
};

mod channels;
mod environment;
mod forwarding;
mod host;
mod login;
mod service;

pub use channels::{ChannelTimeout, ChannelTimeouts};
pub use environment::{AcceptEnv, SetEnv, UserEnvironment};
pub use forwarding::{Forwarding, GatewayPorts, Mode, Places};
pub(crate) use forwarding::{LISTEN_PLACE, OPEN_PLACE};
pub use host::{HostCertificates, HostKeyAgent, HostKeys};
pub use login::{AuthorizedPrincipalsFile, CommandUser, LoginCommand, PubkeyAuthOptions, RevokedKeys};
pub use service::QualityOfService;

/// A value of one type.
pub(crate) trait Value: Sized {
    /// What a row of the table says beside the type: bounds, words, names.
    type Range;

    /// Takes the words it needs; words that are left over are the caller's to refuse.
    fn parse(arguments: &mut Arguments<'_>, range: &Self::Range) -> Result<Self, Problem>;

    /// Writes the line or lines that [`parse`](Self::parse) makes this value of.
    fn dump(&self, name: &str, range: &Self::Range, out: &mut String);
}

/// A value of which every line adds some.
pub(crate) trait List: Value {
    /// How many entries there may be outside of `Match`.
    const MOST: usize = usize::MAX;

    fn append(&mut self, later: Self);

    fn count(&self) -> usize;
}

/// What stands after a keyword.
pub(crate) struct Arguments<'a> {
    /// As it was written, for errors.
    pub(crate) keyword: &'a str,
    pub(crate) environment: &'a Environment<'a>,
    /// The rest of the line as it stands.
    rest: &'a str,
    rest_column: usize,
    words: Peekable<vec::IntoIter<QuotedWord>>,
}

impl<'a> Arguments<'a> {
    /// Splits what is after the keyword; there has to be something, be it empty.
    pub(crate) fn new(line: &Line<'a>, environment: &'a Environment<'a>) -> Result<Self, Problem> {
        let words = line.words().map_err(|_| Problem::InvalidQuotes)?;
        let mut words = words.into_iter().peekable();
        if words.peek().is_none() && line.rest.is_empty() {
            return Err(Problem::NoArgument(quoted(line.keyword)));
        }
        Ok(Self { keyword: line.keyword, environment, rest: line.rest, rest_column: line.rest_column, words })
    }

    pub(crate) fn next(&mut self) -> Option<String> {
        self.words.next().map(|word| word.text)
    }

    /// The next word, which is needed but may be empty.
    pub(crate) fn word(&mut self) -> Result<String, Problem> {
        self.next().ok_or_else(|| Problem::NoArgument(quoted(self.keyword)))
    }

    /// The next word, which may not be empty.
    fn nonempty(&mut self) -> Result<String, Problem> {
        let word = self.word()?;
        if word.is_empty() {
            return Err(Problem::EmptyArgument(quoted(self.keyword)));
        }
        Ok(word)
    }

    /// The next word, for keywords that say so when it is empty.
    fn given(&mut self) -> Result<String, Problem> {
        let word = self.word()?;
        if word.is_empty() {
            return Err(Problem::MissingArgument(Some(quoted(self.keyword))));
        }
        Ok(word)
    }

    /// The words that are left, at least one, none empty.
    pub(crate) fn several(&mut self) -> Result<Vec<String>, Problem> {
        let mut all = vec![self.nonempty()?];
        while self.words.peek().is_some() {
            all.push(self.nonempty()?);
        }
        Ok(all)
    }

    /// The rest of the line as it stands, comment included.
    fn raw(&mut self) -> &'a str {
        while self.words.next().is_some() {}
        self.rest
    }

    /// What is left as it stands, from the next word to the end of the last one; nothing where no word is left.
    fn raw_words(&mut self) -> &'a str {
        let left = self.words.by_ref();
        let Some(first) = left.next() else { return "" };
        let last = left.by_ref().last().unwrap_or_else(|| first.clone());
        let begin = first.column.saturating_sub(self.rest_column);
        let end = last.column.saturating_add(last.length).saturating_sub(self.rest_column);
        self.rest.get(begin..end).unwrap_or_default()
    }

    /// Refuses words that the value did not take.
    pub(crate) fn end(mut self) -> Result<(), Problem> {
        match self.words.next() {
            None => Ok(()),
            Some(_) => Err(Problem::ExtraArguments(quoted(self.keyword))),
        }
    }

    /// A path made absolute, with `~` taken for our own home; `None` for `none`.
    fn path(&self, word: &str) -> Result<Option<PathBuf>, Problem> {
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        if word.starts_with('~') {
            return self.in_home(word).map(|path| Some(path.into()));
        }
        if word.starts_with('/') {
            return Ok(Some(word.into()));
        }
        let directory = self.environment.directory.trim_end_matches('/');
        Ok(Some(format!("{directory}/{word}").into()))
    }

    /// `~/x` in our own home. Other users' homes are looked up nowhere.
    fn in_home(&self, word: &str) -> Result<String, Problem> {
        let after = word.strip_prefix('~').filter(|after| after.is_empty() || after.starts_with('/'));
        match (after, self.environment.home) {
            (Some(after), Some(home)) => Ok(format!("{}{after}", home.trim_end_matches('/'))),
            _ => Err(Problem::BadHome(quoted(word))),
        }
    }
}

/// Writes one line of a dump.
pub(crate) fn line(out: &mut String, name: &str, value: &str) {
    out.extend([name, " ", value, "\n"]);
}

/// A word in quotes, where it would not be read as one word without them.
pub(crate) fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.starts_with(['#', '='])
        && !text.contains([' ', '\t', '"', '\'', '\\'])
        && !text.ends_with(['\r', '\x0c']);
    if plain {
        return text.into();
    }
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// A type with a word for each of its values.
pub(crate) trait Word: Copy + PartialEq + 'static {}

/// The words, the first of a value being the one that is written, and what is said of other words.
pub(crate) struct Words<T: 'static> {
    pub(crate) words: &'static [(&'static str, T)],
    pub(crate) problem: fn(String) -> Problem,
}

impl<T: Word> Value for T {
    type Range = Words<T>;

    fn parse(arguments: &mut Arguments<'_>, range: &Words<T>) -> Result<Self, Problem> {
        let word = arguments.word()?;
        let found = range.words.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word));
        found.map(|&(_, value)| value).ok_or_else(|| match word.as_str() {
            "" if matches!((range.problem)(String::new()), Problem::UnsupportedOption(_)) => {
                Problem::MissingArgument(None)
            }
            _ => (range.problem)(quoted(&word)),
        })
    }

    fn dump(&self, name: &str, range: &Words<T>, out: &mut String) {
        let found = range.words.iter().find(|(_, value)| value == self);
        line(out, name, found.map_or("", |(word, _)| word));
    }
}

impl Word for bool {}

/// `PermitRootLogin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitRootLogin {
    /// As any other user.
    Yes,
    /// By any method but a password or a dialogue for one.
    ProhibitPassword,
    /// By a key whose line says which command it runs.
    ForcedCommandsOnly,
    /// Not at all.
    No,
}

impl Word for PermitRootLogin {}

/// `LogLevel`, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Quiet,
    /// Why the server ends.
    Fatal,
    /// What failed.
    Error,
    /// Logins and their ends.
    Info,
    /// More about them, such as fingerprints.
    Verbose,
    /// For finding faults; hurts the privacy of users.
    Debug1,
    /// More of that.
    Debug2,
    /// All of that.
    Debug3,
}

impl Word for LogLevel {}

impl Value for u32 {
    type Range = RangeInclusive<u32>;

    fn parse(arguments: &mut Arguments<'_>, range: &Self::Range) -> Result<Self, Problem> {
        let word = arguments.word()?;
        let keyword = quoted(arguments.keyword);
        if word.is_empty() {
            return Err(Problem::IntegerMissing(keyword));
        }
        // A number that does not fit is still a number, too small or too large by its sign.
        let digits = word.strip_prefix(['-', '+']).unwrap_or(&word);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::IntegerInvalid(keyword));
        }
        let number: u32 = match digits.parse() {
            _ if word.starts_with('-') => return Err(Problem::IntegerTooSmall(keyword)),
            Ok(number) => number,
            Err(_) => return Err(Problem::IntegerTooLarge(keyword)),
        };
        if number < *range.start() {
            return Err(Problem::IntegerTooSmall(keyword));
        }
        if number > *range.end() {
            return Err(Problem::IntegerTooLarge(keyword));
        }
        Ok(number)
    }

    fn dump(&self, name: &str, _: &Self::Range, out: &mut String) {
        line(out, name, &self.to_string());
    }
}

/// A time in whole seconds, of which none is as good as no time at all; and the word for that.
impl Value for Option<Duration> {
    type Range = &'static str;

    fn parse(arguments: &mut Arguments<'_>, none: &&str) -> Result<Self, Problem> {
        let word = arguments.word()?;
        if word.is_empty() {
            return Err(Problem::MissingTime);
        }
        if word.eq_ignore_ascii_case(none) {
            return Ok(None);
        }
        let duration = duration::parse(&word).map_err(|_| Problem::InvalidTime)?;
        Ok(Some(duration).filter(|duration| !duration.is_zero()))
    }

    fn dump(&self, name: &str, none: &&str, out: &mut String) {
        match self {
            None => line(out, name, none),
            Some(time) => line(out, name, &time.as_secs().to_string()),
        }
    }
}

/// The rest of a line as it stands, or `none`; at most so many bytes.
impl Value for Option<String> {
    type Range = usize;

    fn parse(arguments: &mut Arguments<'_>, most: &usize) -> Result<Self, Problem> {
        let raw = arguments.raw();
        if raw.len() > *most {
            return Err(Problem::TextTooLong { keyword: quoted(arguments.keyword), most: *most });
        }
        Ok((!raw.eq_ignore_ascii_case("none")).then(|| raw.into()))
    }

    fn dump(&self, name: &str, _: &usize, out: &mut String) {
        match self {
            None => line(out, name, "none"),
            // The one sign that would be taken for the separator.
            Some(text) if text.starts_with('=') => line(out, name, &format!("= {text}")),
            Some(text) => line(out, name, text),
        }
    }
}

/// A file, or `none`.
impl Value for Option<PathBuf> {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.word()?;
        if word.is_empty() {
            return Err(Problem::MissingFile);
        }
        arguments.path(&word)
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        match self {
            None => line(out, name, "none"),
            Some(path) => line(out, name, &word(&path.to_string_lossy())),
        }
    }
}

/// `ChrootDirectory`: a path with tokens (`%%`, `%h`, `%U`, `%u`), which becomes the root of the user's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChrootDirectory(pub Option<String>);

impl Value for ChrootDirectory {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.given()?;
        Ok(Self(Some(word).filter(|word| !word.eq_ignore_ascii_case("none"))))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &self.0.as_deref().map_or_else(|| "none".into(), word));
    }
}

/// `AuthorizedKeysFile`: paths with tokens (`%%`, `%h`, `%U`, `%u`), in the user's home unless they begin with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKeysFiles(pub Vec<String>);

impl Value for AuthorizedKeysFiles {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let words = arguments.several()?;
        if !words.iter().any(|word| word.eq_ignore_ascii_case("none")) {
            let expand =
                |word: String| if word.starts_with('~') { arguments.in_home(&word) } else { Ok(word) };
            return Ok(Self(words.into_iter().map(expand).collect::<Result<_, _>>()?));
        }
        if words.len() > 1 {
            return Err(Problem::NoneNotAlone(quoted(arguments.keyword)));
        }
        Ok(Self(Vec::new()))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let words: Vec<String> = self.0.iter().map(|path| word(path)).collect();
        line(out, name, if words.is_empty() { "none".into() } else { words.join(" ") }.as_str());
    }
}

/// `Subsystem`: what runs for a subsystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsystem {
    /// Its name.
    pub name: String,
    /// The command for the shell, with the quotes as they were written, or `internal-sftp` and its arguments.
    pub command: String,
}

/// All subsystems; the first of a name is the one that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subsystems(pub Vec<Subsystem>);

impl Subsystems {
    /// The command of a subsystem.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|subsystem| subsystem.name == name).map(|subsystem| subsystem.command.as_str())
    }
}

impl Value for Subsystems {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let name = arguments.nonempty()?;
        let command = arguments.raw_words();
        if command.is_empty() || matches!(command, "\"\"" | "''") {
            return Err(Problem::SubsystemCommand);
        }
        Ok(Self(vec![Subsystem { name, command: command.into() }]))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let mut seen = HashSet::new();
        for subsystem in self.0.iter().filter(|subsystem| seen.insert(&subsystem.name)) {
            line(out, name, &format!("{} {}", word(&subsystem.name), subsystem.command));
        }
    }
}

impl List for Subsystems {
    fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// `MaxStartups`: when connections that have not authenticated are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxStartups {
    /// From this many on some are dropped, at random.
    pub start: u32,
    /// How many of a hundred then are; more and more up to `full`.
    pub rate: u32,
    /// From this many on all are.
    pub full: u32,
}

impl Value for MaxStartups {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let word = arguments.word()?;
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>()
                .ok()
                .filter(|&number| digits && number > 0 && number <= i32::MAX.unsigned_abs())
        };
        let numbers: Option<Vec<u32>> = word.split(':').map(number).collect();
        match numbers.as_deref() {
            // The rate does not matter then, and is the default's in OpenSSH's dump.
            Some(&[full]) => Ok(Self { start: full, rate: 30, full }),
            Some(&[start, rate, full]) if start <= full && rate <= 100 => Ok(Self { start, rate, full }),
            _ => Err(Problem::BadMaxStartups),
        }
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        line(out, name, &format!("{}:{}:{}", self.start, self.rate, self.full));
    }
}

/// `RekeyLimit`: when a key has served long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyLimit {
    /// After so many bytes in a direction, at least 16; `None` leaves it to the cipher.
    pub bytes: Option<u64>,
    /// After so long; `None` for no such limit.
    pub time: Option<Duration>,
}

impl Value for RekeyLimit {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let amount = arguments.word()?;
        let bytes = match size::parse(&amount) {
            _ if amount == "default" => 0,
            Ok(bytes) => bytes,
            Err(size::SizeError::TooLarge) => {
                return Err(Problem::BadRekeyLimit(quoted(&amount), "Numerical result out of range"));
            }
            Err(size::SizeError::NumberExpected | size::SizeError::UnknownUnit(_)) => {
                return Err(Problem::BadRekeyLimit(quoted(&amount), "Invalid argument"));
            }
        };
        if (1..16).contains(&bytes) {
            return Err(Problem::RekeyLimitTooSmall);
        }
        let bytes = Some(bytes).filter(|&bytes| bytes > 0);
        let time = match arguments.next().as_deref() {
            None | Some("none") => None,
            Some(time) => Some(duration::parse(time).map_err(|_| Problem::InvalidTime)?),
        };
        Ok(Self { bytes, time: time.filter(|time| !time.is_zero()) })
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let seconds = self.time.unwrap_or_default().as_secs();
        line(out, name, &format!("{} {seconds}", self.bytes.unwrap_or_default()));
    }
}
