//! The command line.

use std::ffi::OsString;
use std::fmt;

use config::ConnInfo;
use config::matching::SpecError;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To serve.
    #[default]
    Serve,
    /// `-t`: configuration and keys are checked.
    Test,
    /// `-T`: and then shown.
    Dump,
    /// `-G`: the configuration is shown; the keys do not matter.
    Print,
}

/// The options of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// `-f`.
    pub(crate) config: Option<String>,
    /// `-D`: does not detach.
    pub(crate) foreground: bool,
    /// How many `-d` there are, up to 3: one connection, in this very process.
    pub(crate) debug: u8,
    /// `-e`: the log goes to standard error.
    pub(crate) to_stderr: bool,
    /// `-E`: the log goes to this file.
    pub(crate) log_file: Option<String>,
    /// `-i`: the connection is on descriptors 0 and 1.
    pub(crate) inetd: bool,
    /// `-q`: there is no log.
    pub(crate) quiet: bool,
    /// `-o`, and the options that are short for one: lines of configuration that come before the file.
    pub(crate) lines: Vec<String>,
    /// `-p`.
    pub(crate) ports: Vec<u16>,
    /// `-h`: there are host keys among the lines.
    pub(crate) has_host_keys: bool,
    /// `-C`.
    pub(crate) connection: Option<ConnInfo>,
    /// `--quick`.
    pub(crate) quick: bool,
    /// `-r`, `-b`, `-k`, `-Q`, `-u`: options that have no effect.
    pub(crate) ignored: Vec<char>,
}

/// What a command line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Options.
    Options(Box<Options>),
    /// `-V`: nothing but the version is wanted.
    Version,
    /// `-Q NAME`: nothing but what this build can do, as with `ssh -Q`.
    Query(String),
}

/// Why a command line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no such option.
    Unknown(String),
    /// An option stands without its argument.
    NoArgument(char),
    /// An argument that is no text.
    NotText,
    /// A port that is none.
    Port,
    /// A time that is none.
    Grace,
    /// More host keys than the configuration may have.
    HostKeys,
    /// `-C` that tells nothing about a connection.
    Connection(SpecError),
    /// `-c`: there are no host certificates yet.
    Certificate,
    /// An argument that belongs to no option.
    Extra(String),
    /// An option that means nothing beside `--quick`.
    NotQuick(&'static str),
}

impl Fault {
    /// Whether the usage is worth showing.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::NoArgument(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(option) => write!(f, "unknown option -- {option}"),
            Self::NoArgument(option) => write!(f, "option requires an argument -- {option}"),
            Self::NotText => f.write_str("An argument is not UTF-8 text."),
            Self::Port => f.write_str("Bad port number."),
            Self::Grace => f.write_str("Invalid login grace time."),
            Self::HostKeys => f.write_str("too many host keys."),
            Self::Connection(error) => error.fmt(f),
            Self::Certificate => f.write_str("Host certificates (-c) are not supported."),
            Self::Extra(argument) => write!(f, "Extra argument {argument}."),
            Self::NotQuick(option) => write!(f, "{option} cannot be used with --quick."),
        }
    }
}

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: sshd [-46DdeGiqTtV] [-C connection_spec] [-E log_file] [-f config_file]
            [-g login_grace_time] [-h host_key_file] [-o option] [-p port]
       sshd --quick [-46deq] [-E log_file] [-o option] [-p port]
       sshd -Q query
";

impl Options {
    /// Reads the arguments after the program's name: letters behind one dash, a value behind its letter or in the next argument, in
    /// any order, up to `--`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Fault> {
        let mut arguments = arguments
            .into_iter()
            .map(|argument| argument.into_string().map_err(|_| Fault::NotText))
            .peekable();
        let mut options = Self::default();
        let mut connection = Vec::new();
        while let Some(argument) = arguments.next() {
            let argument = argument?;
            match argument.strip_prefix('-') {
                None | Some("") => return Err(Fault::Extra(argument)),
                Some("-") => match arguments.next() {
                    Some(extra) => return Err(Fault::Extra(extra?)),
                    None => break,
                },
                Some("-quick") => options.quick = true,
                Some(long) if long.starts_with('-') => return Err(Fault::Unknown(argument)),
                Some(cluster) => {
                    let mut letters = cluster.chars();
                    while let Some(letter) = letters.next() {
                        // By itself it means nothing, as with OpenSSH, which takes no word that is no option.
                        if letter == 'Q'
                            && letters.as_str().is_empty()
                            && let Some(Ok(query)) = arguments.next_if(is_query)
                        {
                            return Ok(Parsed::Query(query));
                        }
                        let mut value = || match letters.as_str() {
                            "" => arguments.next().ok_or(Fault::NoArgument(letter))?,
                            _ => Ok(letters.by_ref().collect()),
                        };
                        match letter {
                            'V' => return Ok(Parsed::Version),
                            'C' => connection.push(value()?),
                            'E' => options.log_file = Some(value()?),
                            'f' => options.config = Some(value()?),
                            'g' | 'h' | 'o' | 'p' => options.setting(letter, value()?)?,
                            'c' => return Err(Fault::Certificate),
                            'b' | 'k' | 'u' => {
                                value()?;
                                options.ignored.push(letter);
                            }
                            _ => options.flag(letter)?,
                        }
                    }
                }
            }
        }
        if !connection.is_empty() {
            options.connection = Some(ConnInfo::parse(&connection.join(",")).map_err(Fault::Connection)?);
        }
        options.check_quick()?;
        Ok(Parsed::Options(Box::new(options)))
    }

    fn flag(&mut self, letter: char) -> Result<(), Fault> {
        match letter {
            '4' => self.lines.push("AddressFamily=inet".into()),
            '6' => self.lines.push("AddressFamily=inet6".into()),
            'D' => self.foreground = true,
            'd' => self.debug = self.debug.saturating_add(1).min(3),
            'e' => self.to_stderr = true,
            'G' => self.mode = Mode::Print,
            'i' => self.inetd = true,
            'q' => self.quiet = true,
            'T' => self.mode = Mode::Dump,
            't' => self.mode = Mode::Test,
            'r' | 'Q' => self.ignored.push(letter),
            _ => return Err(Fault::Unknown(letter.into())),
        }
        Ok(())
    }

    fn setting(&mut self, letter: char, value: String) -> Result<(), Fault> {
        match letter {
            'p' => self.ports.push(value.parse().ok().filter(|port| *port > 0).ok_or(Fault::Port)?),
            'g' => {
                let time = text::duration::parse(&value).map_err(|_| Fault::Grace)?;
                self.lines.push(format!("LoginGraceTime={}", time.as_secs()));
            }
            'h' => {
                if self.lines.len() >= config::limits::MAX_HOST_KEYS {
                    return Err(Fault::HostKeys);
                }
                let quoted = value.replace('\\', r"\\").replace('"', "\\\"");
                self.lines.push(format!("HostKey=\"{quoted}\""));
                self.has_host_keys = true;
            }
            _ => self.lines.push(value),
        }
        Ok(())
    }

    fn check_quick(&self) -> Result<(), Fault> {
        let unfit = [
            (self.config.is_some(), "-f"),
            (self.inetd, "-i"),
            (self.mode != Mode::Serve, "-t, -T or -G"),
            (self.connection.is_some(), "-C"),
        ];
        match unfit.into_iter().find(|(given, _)| self.quick && *given) {
            Some((_, option)) => Err(Fault::NotQuick(option)),
            None => Ok(()),
        }
    }
}

/// Whether the argument behind `-Q` belongs to it.
fn is_query(argument: &Result<String, Fault>) -> bool {
    argument.as_ref().is_ok_and(|argument| !argument.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Parsed, Fault> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    fn options(line: &str) -> Options {
        match parse(line) {
            Ok(Parsed::Options(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn letters_stand_together_and_the_last_one_takes_its_value_from_the_same_argument_or_the_next() {
        for line in ["-tf /x", "-t -f /x", "-f /x -t", "-tf/x", "-f/x -t", "-t -f/x --"] {
            let options = options(line);
            assert_eq!((options.mode, options.config.as_deref()), (Mode::Test, Some("/x")), "{line}");
        }
        let all = options("-tqE/log -oPort=3 -p2222 -p 2223 -Ddddd -4i");
        assert!(all.quiet && all.foreground && all.inetd && !all.to_stderr);
        assert_eq!((all.log_file.as_deref(), all.debug), (Some("/log"), 3));
        assert_eq!(all.lines, ["Port=3", "AddressFamily=inet"]);
        assert_eq!(all.ports, [2222, 2223]);
    }

    #[test]
    fn the_value_of_an_option_may_hold_blanks_and_begin_with_a_dash() {
        let parsed = Options::parse(["-oForceCommand=internal-sftp -d /", "-E", "-x"].map(OsString::from));
        let Ok(Parsed::Options(options)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(options.lines, ["ForceCommand=internal-sftp -d /"]);
        assert_eq!(options.log_file.as_deref(), Some("-x"));
    }

    #[test]
    fn short_options_are_lines_of_configuration_in_the_order_they_stand() {
        let lines = Options::parse(["-g", "1m30", "-h", "/a b\"c", "-6", "-oX"].map(OsString::from));
        let Ok(Parsed::Options(options)) = lines else { panic!("{lines:?}") };
        let expected = ["LoginGraceTime=90", "HostKey=\"/a b\\\"c\"", "AddressFamily=inet6", "X"];
        assert_eq!(options.lines, expected);
        assert!(options.has_host_keys);
    }

    #[test]
    fn options_without_effect_take_their_arguments() {
        let options = options("-b 1024 -k3600 -u0 -rQ -t");
        assert_eq!(options.ignored, ['b', 'k', 'u', 'r', 'Q']);
        assert_eq!(options.mode, Mode::Test);
    }

    #[test]
    fn specifications_of_a_connection_add_up_and_a_comma_at_the_end_is_nothing() {
        let options = options("-T -C user=bob,addr=192.0.2.1, -C lport=22");
        let connection = options.connection.unwrap();
        assert_eq!((connection.user.as_deref(), connection.local_port), (Some("bob"), Some(22)));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let faults = [
            ("-Z", "unknown option -- Z"),
            ("-tZ", "unknown option -- Z"),
            ("--no", "unknown option -- --no"),
            ("-f", "option requires an argument -- f"),
            ("-tE", "option requires an argument -- E"),
            ("-p 0", "Bad port number."),
            ("-p 65536", "Bad port number."),
            ("-p ssh", "Bad port number."),
            ("-g soon", "Invalid login grace time."),
            ("-c /cert", "Host certificates (-c) are not supported."),
            ("-C foo=1", "Invalid test mode specification foo=1"),
            ("extra", "Extra argument extra."),
            ("-t -- -q", "Extra argument -q."),
            ("-", "Extra argument -."),
            ("--quick -f /x", "-f cannot be used with --quick."),
            ("-i --quick", "-i cannot be used with --quick."),
        ];
        for (line, expected) in faults {
            assert_eq!(parse(line).unwrap_err().to_string(), expected, "{line}");
        }
    }

    #[test]
    fn a_query_is_the_word_behind_its_letter_which_means_nothing_without_one() {
        for line in ["-Q cipher", "-tQ cipher -Z", "-f /x -Q cipher extra"] {
            assert_eq!(parse(line), Ok(Parsed::Query("cipher".into())), "{line}");
        }
        for line in ["-Q", "-Q -t", "-Qt", "-Q --"] {
            assert_eq!(options(line).ignored, ['Q'], "{line}");
        }
    }

    #[test]
    fn the_version_is_all_that_is_wanted_then() {
        assert_eq!(parse("-tV -Z"), Ok(Parsed::Version));
    }
}
