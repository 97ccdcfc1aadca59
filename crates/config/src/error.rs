//! What is wrong with a configuration. Automation reads these lines, so where OpenSSH has words for it they are these.

use core::fmt;

use crate::limits::MAX_QUOTED;

/// Why a configuration cannot be used. Its text has one line for each error, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The errors in their order, at most [`MAX_REPORTS`](crate::limits::MAX_REPORTS). All but the last one were of the kind
    /// after which reading goes on.
    pub reports: Vec<Report>,
    /// Set when a file was read to its end although it has errors: the file, and how many.
    pub terminated: Option<(String, usize)>,
}

/// One error and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file's path; `command-line` for an option of the command line.
    pub file: String,
    /// The line, from 1; 0 on the command line, and where no line is at fault.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line, or with more than a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No such keyword.
    BadOption(String),
    /// A keyword stands alone.
    NoArgument(String),
    /// More words than the keyword takes.
    ExtraArguments(String),
    /// An empty word where one is needed.
    EmptyArgument(String),
    /// An empty word where one is needed, of a keyword that reads on no further; without its name where OpenSSH says none.
    MissingArgument(Option<String>),
    /// An empty path.
    MissingFile,
    /// An empty list of algorithms.
    MissingAlgorithms,
    /// `none` beside other words.
    NoneNotAlone(String),
    /// A word beside others that has a meaning alone only.
    NotAlone {
        /// The word.
        word: &'static str,
        /// The keyword.
        keyword: String,
    },
    /// A quote is not closed.
    InvalidQuotes,
    /// A line that is none, for a reason of the reader's.
    BadLine(String),
    /// A line that is not UTF-8.
    NotUtf8,
    /// A keyword for the whole server inside a `Match` block.
    NotInMatch(String),
    /// A word that is not among those the keyword knows.
    UnsupportedOption(String),
    /// A program without an absolute path.
    NotAbsolute(String),
    /// No user as whom a program is to run.
    MissingUser(String),
    /// A log level that is none.
    UnsupportedLogLevel(String),
    /// A port of `Port` that is none.
    BadPortNumber,
    /// A port of `ListenAddress` that is none.
    BadListenPort,
    /// Something other than an address and `rdomain` after `ListenAddress`.
    BadListenAddress,
    /// A routing domain, which cannot be listened on.
    BadRoutingDomain,
    /// An address that `AddressFamily` rules out.
    BadAddress(String),
    /// More entries than the limit of the keyword.
    TooMany {
        /// The keyword.
        keyword: String,
        /// The limit.
        most: usize,
    },
    /// An empty word in a number's place.
    IntegerMissing(String),
    /// A number that is none.
    IntegerInvalid(String),
    /// A number below the keyword's range.
    IntegerTooSmall(String),
    /// A number above the keyword's range.
    IntegerTooLarge(String),
    /// An empty duration.
    MissingTime,
    /// A duration that is none.
    InvalidTime,
    /// An amount of bytes that is none, and why.
    BadRekeyLimit(String, &'static str),
    /// Fewer bytes than a block, after which to rekey.
    RekeyLimitTooSmall,
    /// `MaxStartups` that is neither a number nor `start:rate:full`.
    BadMaxStartups,
    /// `Ciphers` that cannot be used.
    BadCiphers(String),
    /// `MACs` that cannot be used.
    BadMacs(String),
    /// `KexAlgorithms` that cannot be used.
    BadKex(String),
    /// Signature algorithms that cannot be used.
    BadKeyTypes(String),
    /// A word that `PubkeyAuthOptions` does not know.
    UnsupportedKeyOption {
        /// The keyword.
        keyword: String,
        /// The word.
        option: String,
    },
    /// A number behind `max-pk-ok:` that is none, and why.
    BadQuestions {
        /// The keyword.
        keyword: String,
        /// Why.
        why: &'static str,
    },
    /// A place without a host.
    PlaceHost(String),
    /// A place whose port is none.
    PlacePort(String),
    /// Permission bits that are none.
    BadMode(String),
    /// An entry of `ChannelTimeout` that is none.
    BadChannelTimeout(String),
    /// A value of `IPQoS` that is none.
    BadQuality {
        /// The keyword.
        keyword: String,
        /// What was written.
        value: String,
    },
    /// A pattern that is too long to be matched.
    PatternTooLong(String),
    /// A pattern of `AcceptEnv` that no variable's name could match.
    BadEnvironmentName,
    /// `SetEnv` without `=` or without a name.
    BadEnvironment,
    /// `Subsystem` without a command.
    SubsystemCommand,
    /// A path that begins with `~` where there is no such home.
    BadHome(String),
    /// A text longer than the keyword can use.
    TextTooLong {
        /// The keyword.
        keyword: String,
        /// How many bytes it may have.
        most: usize,
    },
    /// A value that would have the server do what it cannot: ignoring it would not be what was asked for.
    OnlyHarmless {
        /// The keyword.
        keyword: String,
        /// What was written.
        value: String,
        /// The value that may stand there.
        harmless: &'static str,
    },
    /// Criteria of `Match`, and what is wrong with them.
    BadMatch(MatchProblem),
    /// `Match` or `Include` as an option of the command line.
    NotOnCommandLine(&'static str),
    /// A file that is included cannot be read, and why.
    Include {
        /// The path.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The configuration file cannot be read, and why.
    Unreadable(String),
    /// Files include each other too deeply, or themselves.
    IncludeDepth,
    /// More files, or more bytes in them, than the limits.
    TooMuchIncluded,
}

/// What is wrong with the criteria of `Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchProblem {
    /// A criterion without its argument, or a word that is none.
    MissingArgument(String),
    /// No such criterion.
    Unsupported(String),
    /// `all` beside others.
    AllNotAlone,
    /// A list of addresses with an element that is none.
    Address {
        /// `address` or `localaddress`.
        criterion: &'static str,
        /// The list.
        list: String,
    },
    /// A port that is none.
    LocalPort(String),
    /// A pattern that is too long to be matched.
    Pattern(String),
}

impl Problem {
    /// Whether the lines after this one are still read, so that all such errors are reported at once.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(
            self,
            Self::BadOption(_)
                | Self::NoArgument(_)
                | Self::ExtraArguments(_)
                | Self::EmptyArgument(_)
                | Self::NoneNotAlone(_)
                | Self::UnsupportedKeyOption { .. }
                | Self::BadQuestions { .. }
                | Self::InvalidQuotes
                | Self::BadLine(_)
                | Self::NotUtf8
        )
    }

    pub(crate) fn at(self, file: &str, line: usize) -> Report {
        Report { file: file.into(), line, problem: self }
    }
}

impl From<MatchProblem> for Problem {
    fn from(problem: MatchProblem) -> Self {
        Self::BadMatch(problem)
    }
}

/// The beginning of a word, for an error to repeat; what could move a terminal's cursor is escaped.
pub(crate) fn quoted(word: &str) -> String {
    let mut kept = String::new();
    for c in word.chars() {
        if kept.len() >= MAX_QUOTED {
            break;
        }
        if c.is_control() {
            kept.extend(c.escape_default());
        } else {
            kept.push(c);
        }
    }
    kept
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for report in &self.reports {
            write!(f, "{separator}{report}")?;
            separator = "\n";
        }
        if let Some((file, count)) = &self.terminated {
            write!(f, "{separator}{file}: terminating, {count} bad configuration options")?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigError {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, problem } = self;
        match problem {
            Problem::BadOption(_) => write!(f, "{file}: line {line}: {problem}"),
            Problem::BadMatch(why) => write!(f, "{why}\n{file} line {line}: {problem}"),
            Problem::Unreadable(_) => write!(f, "{file}: {problem}"),
            Problem::BadAddress(_)
            | Problem::NotOnCommandLine(_)
            | Problem::IncludeDepth
            | Problem::TooMuchIncluded => write!(f, "{problem}"),
            _ => write!(f, "{file} line {line}: {problem}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadOption(keyword) => write!(f, "Bad configuration option: {keyword}"),
            Self::NoArgument(keyword) => write!(f, "no argument after keyword \"{keyword}\""),
            Self::ExtraArguments(keyword) => write!(f, "keyword {keyword} extra arguments at end of line"),
            Self::EmptyArgument(keyword) => write!(f, "keyword {keyword} empty argument"),
            Self::NoneNotAlone(keyword) => {
                write!(f, "keyword {keyword} \"none\" argument must appear alone.")
            }
            Self::MissingArgument(None) => write!(f, "missing argument."),
            Self::MissingArgument(Some(keyword)) => write!(f, "{keyword} missing argument."),
            Self::MissingFile => write!(f, "missing file name."),
            Self::MissingAlgorithms => write!(f, "Missing argument."),
            Self::NotAlone { word, keyword } => write!(f, "{word} must appear alone on a {keyword} line."),
            Self::InvalidQuotes => write!(f, "invalid quotes"),
            Self::BadLine(why) | Self::Unreadable(why) => write!(f, "{why}"),
            Self::NotUtf8 => write!(f, "not UTF-8 text"),
            Self::NotInMatch(keyword) => {
                write!(f, "Directive '{keyword}' is not allowed within a Match block")
            }
            Self::UnsupportedOption(word) => write!(f, "unsupported option \"{word}\"."),
            Self::NotAbsolute(keyword) => write!(f, "{keyword} must be an absolute path"),
            Self::MissingUser(keyword) => write!(f, "missing {keyword} argument."),
            Self::UnsupportedLogLevel(word) => write!(f, "unsupported log level '{word}'"),
            Self::BadPortNumber => write!(f, "Badly formatted port number."),
            Self::BadListenPort => write!(f, "bad port number"),
            Self::BadListenAddress => write!(f, "bad ListenAddress syntax"),
            Self::BadRoutingDomain => write!(f, "bad routing domain"),
            Self::BadAddress(address) => {
                write!(f, "bad addr or host: {address} (Address family for hostname not supported)")
            }
            Self::TooMany { keyword, most } => {
                write!(f, "too many {keyword} entries, expected at most {most}")
            }
            Self::IntegerMissing(keyword) => write!(f, "{keyword} integer value missing."),
            Self::IntegerInvalid(keyword) => write!(f, "{keyword} integer value invalid."),
            Self::IntegerTooSmall(keyword) => write!(f, "{keyword} integer value too small."),
            Self::IntegerTooLarge(keyword) => write!(f, "{keyword} integer value too large."),
            Self::MissingTime => write!(f, "missing time value."),
            Self::InvalidTime => write!(f, "invalid time value."),
            Self::BadRekeyLimit(word, why) => write!(f, "Bad RekeyLimit number '{word}': {why}"),
            Self::RekeyLimitTooSmall => write!(f, "RekeyLimit too small"),
            Self::BadMaxStartups => write!(f, "Invalid MaxStartups spec."),
            Self::BadCiphers(list) => write!(f, "Bad SSH2 cipher spec '{list}'."),
            Self::BadMacs(list) => write!(f, "Bad SSH2 mac spec '{list}'."),
            Self::BadKex(list) => write!(f, "Bad SSH2 KexAlgorithms '{list}'."),
            Self::BadKeyTypes(list) => write!(f, "Bad key types '{list}'."),
            Self::UnsupportedKeyOption { keyword, option } => {
                write!(f, "unsupported {keyword} option {option}")
            }
            Self::BadQuestions { keyword, why } => write!(f, "bad {keyword} max-pk-ok value: {why}"),
            Self::PlaceHost(keyword) => write!(f, "{keyword} missing host"),
            Self::PlacePort(keyword) => write!(f, "{keyword} bad port number"),
            Self::BadMode(keyword) => write!(f, "Invalid {keyword}."),
            Self::BadChannelTimeout(entry) => write!(f, "invalid channel timeout {entry}"),
            Self::BadQuality { keyword, value } => write!(f, "Bad {keyword} value: {value}"),
            Self::PatternTooLong(keyword) => write!(f, "{keyword} pattern too long"),
            Self::BadEnvironmentName => write!(f, "Invalid environment name."),
            Self::BadEnvironment => write!(f, "Invalid environment."),
            Self::SubsystemCommand => write!(f, "Subsystem missing argument."),
            Self::BadHome(path) => write!(f, "no home directory for \"{path}\""),
            Self::TextTooLong { keyword, most } => {
                write!(f, "{keyword} is too long, expected at most {most} bytes")
            }
            Self::OnlyHarmless { keyword, value, harmless } => {
                write!(f, "{keyword} {value} is not supported, expected {keyword} {harmless}")
            }
            Self::BadMatch(_) => write!(f, "Bad Match condition"),
            Self::NotOnCommandLine(keyword) => {
                write!(f, "{keyword} directive not supported as a command-line option")
            }
            Self::Include { path, reason } => write!(f, "include {path}: {reason}"),
            Self::IncludeDepth => write!(f, "Too many recursive configuration includes"),
            Self::TooMuchIncluded => write!(f, "Too many or too large configuration includes"),
        }
    }
}

impl fmt::Display for MatchProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingArgument(word) => write!(f, "Missing Match criteria for {word}"),
            Self::Unsupported(word) => write!(f, "Unsupported Match attribute {word}"),
            Self::AllNotAlone => write!(f, "'all' cannot be combined with other Match attributes"),
            Self::Address { criterion, list } => write!(f, "Invalid Match {criterion} argument '{list}'"),
            Self::LocalPort(word) => write!(f, "Invalid LocalPort '{word}' on Match line"),
            Self::Pattern(list) => write!(f, "Pattern too long in '{list}' on Match line"),
        }
    }
}
