//! Reading: lines, `Include`, and the command line's options before them.

use core::fmt;
use std::collections::HashSet;

use text::quoting::{self, Line};

use crate::{
    algorithms::Algorithms,
    effective::{Config, Section},
    error::{ConfigError, Problem, Report, quoted},
    keyword::{self, Effective, Id, Keyword, Kind, Place, Setting, Status, Store},
    limits::{MAX_DEPTH, MAX_FILE, MAX_INCLUDES, MAX_REPORTS, MAX_TOTAL},
    listen::Ports,
    matching::Condition,
    value::Arguments,
};

/// Where the contents of files come from.
pub trait Files {
    /// The contents of a file.
    ///
    /// # Errors
    /// The file is missing, is longer than `most` bytes (of which an implementation need not read more), or cannot be read.
    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, ReadError>;

    /// The paths that a pattern of the shell's kind (`*`, `?`, `[…]`) stands for, in any order; none where there is no such
    /// file. A pattern that begins with `~` is in somebody's home.
    fn glob(&self, pattern: &str) -> Vec<String>;
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It does not exist.
    Missing,
    /// Another reason, in words.
    Other(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "No such file or directory"),
            Self::Other(reason) => write!(f, "{reason}"),
        }
    }
}

impl core::error::Error for ReadError {}

/// What this build and process are, as far as a configuration depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment<'a> {
    /// The algorithms to choose from.
    pub algorithms: Algorithms,
    /// Our own software version as the identification line has it, for `Match version`.
    pub version: &'a str,
    /// The directory that relative paths start from, absolute.
    pub directory: &'a str,
    /// Our own home directory, for paths that begin with `~`.
    pub home: Option<&'a str>,
}

/// What the command line says, which comes before the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandLine<'a> {
    /// The arguments of `-o`: a line each, such as `MaxSessions=3`.
    pub options: &'a [&'a str],
    /// The arguments of `-p`; where there is one, no `Port` counts.
    pub ports: &'a [u16],
}

/// A line that does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file's path; `command-line` for an option of the command line.
    pub file: String,
    /// The line, from 1; 0 on the command line.
    pub line: usize,
    /// The keyword, a row of the table.
    pub keyword: &'static Keyword,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, keyword } = self;
        match keyword.status {
            Status::Deprecated => write!(f, "{file} line {line}: Deprecated option {}", keyword.name),
            Status::Effective | Status::NoEffect | Status::OnlyHarmless(_) | Status::Structure => {
                write!(f, "{file} line {line}: {} has no effect", keyword.name)
            }
        }
    }
}

impl Config {
    /// Reads a configuration: the command line's options, then the file at `path` and what it includes.
    ///
    /// # Errors
    /// Whatever [`Problem`] names. After some of them the file is read to its end, so that all such errors are reported.
    pub fn parse(
        files: &dyn Files,
        path: &str,
        command_line: &CommandLine<'_>,
        environment: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(files, environment, command_line.ports);
        match reader.all(path, command_line.options) {
            Ok(base) => Ok(Self {
                base,
                conditions: reader.conditions,
                sections: reader.sections,
                warnings: reader.warnings,
            }),
            Err(Halt) => Err(ConfigError { reports: reader.reports, terminated: reader.terminated }),
        }
    }
}

/// What the command line's options have in place of a file's path.
const COMMAND_LINE: &str = "command-line";

/// Where relative paths of `Include` are.
const INCLUDE_DIRECTORY: &str = "/etc/ssh/";

/// Nothing more is read; the reports say why.
struct Halt;

/// Why a line is not used.
enum Fault {
    Here(Problem),
    /// In a file that the line includes, which has reported it.
    Included,
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Here(problem)
    }
}

struct Reader<'a> {
    files: &'a dyn Files,
    environment: &'a Environment<'a>,
    ports_given: bool,
    global: Store,
    conditions: Vec<Condition>,
    sections: Vec<Section>,
    warnings: Vec<Warning>,
    warned: HashSet<&'static str>,
    reports: Vec<Report>,
    terminated: Option<(String, usize)>,
    /// Files and bytes that may still be read.
    includes_left: usize,
    bytes_left: usize,
}

/// The place of a line, and the block it is in.
#[derive(Clone, Copy)]
struct At<'p> {
    file: &'p str,
    line: usize,
    /// The block that the whole file is in.
    parent: Option<usize>,
    /// The block that the line is in.
    scope: Option<usize>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(files: &'a dyn Files, environment: &'a Environment<'a>, ports: &[u16]) -> Self {
        let mut global = Store::default();
        if !ports.is_empty() {
            global.set(Setting::Port(Ports(ports.to_vec())));
        }
        Self {
            files,
            environment,
            ports_given: !ports.is_empty(),
            global,
            conditions: Vec::new(),
            sections: Vec::new(),
            warnings: Vec::new(),
            warned: HashSet::new(),
            reports: Vec::new(),
            terminated: None,
            includes_left: MAX_INCLUDES,
            bytes_left: MAX_TOTAL,
        }
    }

    fn all(&mut self, path: &str, options: &[&str]) -> Result<Effective, Halt> {
        for option in options {
            self.option(option).map_err(|problem| self.halt(problem, COMMAND_LINE, 0))?;
        }
        let contents = self.files.read(path, MAX_FILE);
        let contents =
            contents.map_err(|error| self.halt(Problem::Unreadable(error.to_string()), path, 0))?;
        self.account(&contents).map_err(|problem| self.halt(problem, path, 0))?;
        self.file(path, &contents, None, 0)?;

        let mut base = Effective::defaults(self.environment);
        core::mem::take(&mut self.global).overrule(&mut base);
        let expanded = base.listen_address.expanded(&base.port, base.address_family);
        base.listen_address = expanded.map_err(|problem| self.halt(problem, path, 0))?;
        Ok(base)
    }

    /// One option of the command line.
    fn option(&mut self, option: &str) -> Result<(), Problem> {
        let Some(line) = parse_line(option)? else { return Ok(()) };
        let keyword = find(&line)?;
        match keyword.kind {
            Kind::Match => Err(Problem::NotOnCommandLine("Match")),
            Kind::Include => Err(Problem::NotOnCommandLine("Include")),
            Kind::Value(id) => self.value(id, &line, None),
            Kind::Ignored => self.ignored(keyword, &line, COMMAND_LINE, 0),
        }
    }

    /// All lines of a file; `parent` is the block in which it is included.
    fn file(&mut self, path: &str, contents: &[u8], parent: Option<usize>, depth: usize) -> Result<(), Halt> {
        let mut bad: usize = 0;
        let mut scope = parent;
        for (bytes, number) in contents.split(|&byte| byte == b'\n').zip(1..) {
            match self.line(bytes, At { file: path, line: number, parent, scope, depth }) {
                Ok(now) => scope = now,
                Err(Fault::Included) => return Err(Halt),
                Err(Fault::Here(problem)) if problem.goes_on() => {
                    bad = bad.saturating_add(1);
                    self.report(problem, path, number);
                }
                Err(Fault::Here(problem)) => return Err(self.halt(problem, path, number)),
            }
        }
        if bad > 0 {
            self.terminated = Some((path.into(), bad));
            return Err(Halt);
        }
        Ok(())
    }

    /// One line; returns the block that the next one is in.
    fn line(&mut self, bytes: &[u8], at: At<'_>) -> Result<Option<usize>, Fault> {
        let Ok(text) = str::from_utf8(bytes) else {
            // A comment may be in any encoding.
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
            let comment = bytes.iter().find(|byte| !blank(byte)) == Some(&b'#');
            return if comment { Ok(at.scope) } else { Err(Problem::NotUtf8.into()) };
        };
        let Some(line) = parse_line(text)? else { return Ok(at.scope) };
        let keyword = find(&line)?;
        if keyword.place == Place::Global && at.scope.is_some() {
            Arguments::new(&line, self.environment)?;
            return Err(Problem::NotInMatch(quoted(line.keyword)).into());
        }
        match keyword.kind {
            Kind::Value(id) => self.value(id, &line, at.scope)?,
            Kind::Ignored => self.ignored(keyword, &line, at.file, at.line)?,
            Kind::Include => self.include(&line, at)?,
            Kind::Match => {
                let words = words(&line)?;
                let condition = Condition::parse(&words, at.parent, self.environment.version);
                self.conditions.push(condition.map_err(Problem::from)?);
                return Ok(self.conditions.len().checked_sub(1));
            }
        }
        Ok(at.scope)
    }

    /// A keyword with a value, which goes where the line stands.
    fn value(&mut self, id: Id, line: &Line<'_>, scope: Option<usize>) -> Result<(), Problem> {
        let mut arguments = Arguments::new(line, self.environment)?;
        let setting = id.parse(&mut arguments)?;
        arguments.end()?;
        let Some(condition) = scope else {
            if id != Id::Port || !self.ports_given {
                self.global.set(setting);
            }
            return match self.global.over_limit(id) {
                None => Ok(()),
                Some(most) => Err(Problem::TooMany { keyword: quoted(line.keyword), most }),
            };
        };
        match self.sections.last_mut() {
            Some(section) if section.condition == condition => section.settings.push(setting),
            Some(_) | None => self.sections.push(Section { condition, settings: vec![setting] }),
        }
        Ok(())
    }

    /// A keyword without an effect: one warning, however often it stands there.
    fn ignored(
        &mut self,
        keyword: &'static Keyword,
        line: &Line<'_>,
        file: &str,
        number: usize,
    ) -> Result<(), Problem> {
        keyword::ignored(keyword, &mut Arguments::new(line, self.environment)?)?;
        if self.warned.insert(keyword.name) {
            self.warnings.push(Warning { file: file.into(), line: number, keyword });
        }
        Ok(())
    }

    /// The files that the patterns stand for, each as if it stood here; a `Match` in one of them ends with it.
    fn include(&mut self, line: &Line<'_>, at: At<'_>) -> Result<(), Fault> {
        for pattern in Arguments::new(line, self.environment)?.several()? {
            let pattern = if pattern.starts_with(['/', '~']) {
                pattern
            } else {
                format!("{INCLUDE_DIRECTORY}{pattern}")
            };
            let mut paths = self.files.glob(&pattern);
            paths.sort_unstable();
            for path in paths {
                let depth = at.depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return Err(Problem::IncludeDepth.into());
                }
                self.includes_left = self.includes_left.checked_sub(1).ok_or(Problem::TooMuchIncluded)?;
                let contents = match self.files.read(&path, MAX_FILE) {
                    Ok(contents) => contents,
                    // It went away since the pattern was looked up.
                    Err(ReadError::Missing) => continue,
                    Err(error) => {
                        return Err(Problem::Include { path, reason: error.to_string() }.into());
                    }
                };
                self.account(&contents)?;
                self.file(&path, &contents, at.scope, depth).map_err(|Halt| Fault::Included)?;
            }
        }
        Ok(())
    }

    fn account(&mut self, contents: &[u8]) -> Result<(), Problem> {
        let left = self.bytes_left.checked_sub(contents.len()).filter(|_| contents.len() <= MAX_FILE);
        self.bytes_left = left.ok_or(Problem::TooMuchIncluded)?;
        Ok(())
    }

    fn report(&mut self, problem: Problem, file: &str, line: usize) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.push(problem.at(file, line));
        }
    }

    fn halt(&mut self, problem: Problem, file: &str, line: usize) -> Halt {
        // What ends the reading is told even when there is no room for more.
        self.reports.truncate(MAX_REPORTS.saturating_sub(1));
        self.reports.push(problem.at(file, line));
        Halt
    }
}

fn parse_line(text: &str) -> Result<Option<Line<'_>>, Problem> {
    Line::parse(text).map_err(|error| match error.problem {
        quoting::Problem::Unterminated { .. } => Problem::InvalidQuotes,
        quoting::Problem::KeywordExpected
        | quoting::Problem::QuoteInKeyword
        | quoting::Problem::Nul
        | quoting::Problem::TooLong => Problem::BadLine(error.to_string()),
    })
}

/// The row of a line's keyword.
fn find(line: &Line<'_>) -> Result<&'static Keyword, Problem> {
    keyword::find(line.keyword).ok_or_else(|| {
        let keyword = quoted(line.keyword);
        if line.rest.is_empty() { Problem::NoArgument(keyword) } else { Problem::BadOption(keyword) }
    })
}

/// The words after `Match`, at least one.
fn words(line: &Line<'_>) -> Result<Vec<String>, Problem> {
    let words = line.words().map_err(|_| Problem::InvalidQuotes)?;
    if words.is_empty() {
        return Err(Problem::NoArgument(quoted(line.keyword)));
    }
    Ok(words.into_iter().map(|word| word.text).collect())
}
