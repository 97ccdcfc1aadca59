//! What the program is told on its command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use sftp::{Level, RequestKind};

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: sftp-server [-ehR] [-d start_directory] [-f log_facility] [-l log_level]
\t[-P denied_requests] [-p allowed_requests] [-u umask]
       sftp-server -Q protocol_feature
";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A client is to be served.
    Serve(Options),
    /// The names of the requests are to be listed.
    ListRequests,
}

/// How a client is to be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-d`, with its tokens.
    pub(crate) start_directory: Option<OsString>,
    /// `-e`.
    pub(crate) to_stderr: bool,
    /// `-f`, as syslog numbers them (RFC 3164 §4.1.1).
    pub(crate) facility: u8,
    /// `-l`.
    pub(crate) level: Level,
    /// `-P`.
    pub(crate) denied: Option<Vec<RequestKind>>,
    /// `-p`.
    pub(crate) allowed: Option<Vec<RequestKind>>,
    /// `-R`.
    pub(crate) read_only: bool,
    /// `-u`.
    pub(crate) umask: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start_directory: None,
            to_stderr: false,
            facility: 4,
            level: Level::Error,
            denied: None,
            allowed: None,
            read_only: false,
            umask: None,
        }
    }
}

/// Why a command line is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not how the program is called, or somebody asked how it is.
    Usage,
    /// What an option says makes no sense; the words and the exit status for it.
    Value(String, u8),
}

impl Options {
    /// Reads the arguments behind the program's name. What is no option is not looked at.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Task, Refused> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let Some(mut letters) = argument.as_bytes().strip_prefix(b"-") else { break };
            if letters.is_empty() || letters == b"-" {
                break;
            }
            while let Some((letter, rest)) = letters.split_first() {
                letters = rest;
                match letter {
                    b'e' => options.to_stderr = true,
                    b'R' => options.read_only = true,
                    // Called as a login shell would be: what follows is the command, which is us.
                    b'c' => return Ok(Task::Serve(options)),
                    b'd' | b'f' | b'l' | b'P' | b'p' | b'Q' | b'u' => {
                        let value = if rest.is_empty() {
                            arguments.next().ok_or(Refused::Usage)?
                        } else {
                            OsStr::from_bytes(rest).to_owned()
                        };
                        if *letter == b'Q' {
                            return list(&value);
                        }
                        options.set(*letter, value)?;
                        break;
                    }
                    _ => return Err(Refused::Usage),
                }
            }
        }
        Ok(Task::Serve(options))
    }

    fn set(&mut self, letter: u8, value: OsString) -> Result<(), Refused> {
        let text = value.to_string_lossy();
        let refused = |what: &str, status| Refused::Value(format!("Invalid {what} \"{text}\""), status);
        match letter {
            b'd' => self.start_directory = Some(OsString::from_vec(value.into_vec())),
            b'f' => self.facility = facility(&text).ok_or_else(|| refused("log facility", 1))?,
            b'l' => self.level = level(&text).ok_or_else(|| refused("log level", 1))?,
            b'P' if self.denied.is_some() => {
                return Err(Refused::Value("Refused requests already set".into(), 255));
            }
            b'P' => self.denied = Some(requests(&text)),
            b'p' if self.allowed.is_some() => {
                return Err(Refused::Value("Permitted requests already set".into(), 255));
            }
            b'p' => self.allowed = Some(requests(&text)),
            b'u' => self.umask = Some(umask(&text).ok_or_else(|| refused("umask", 255))?),
            _ => return Err(Refused::Usage),
        }
        Ok(())
    }
}

fn list(feature: &OsStr) -> Result<Task, Refused> {
    if feature.eq_ignore_ascii_case("requests") {
        Ok(Task::ListRequests)
    } else {
        Err(Refused::Value("Invalid query type".into(), 1))
    }
}

/// The requests of a list. Names that are none mean nothing, as with OpenSSH.
fn requests(list: &str) -> Vec<RequestKind> {
    list.split(',').filter_map(RequestKind::named).collect()
}

fn umask(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mask| *mask <= 0o777 && !text.starts_with('+'))
}

fn facility(name: &str) -> Option<u8> {
    const FACILITIES: [(&str, u8); 13] = [
        ("DAEMON", 3),
        ("USER", 1),
        ("AUTH", 4),
        ("AUTHPRIV", 10),
        ("LOCAL0", 16),
        ("LOCAL1", 17),
        ("LOCAL2", 18),
        ("LOCAL3", 19),
        ("LOCAL4", 20),
        ("LOCAL5", 21),
        ("LOCAL6", 22),
        ("LOCAL7", 23),
        // A name that OpenSSH knows, too.
        ("SECURITY", 4),
    ];
    FACILITIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)
}

fn level(name: &str) -> Option<Level> {
    const LEVELS: [(&str, Level); 9] = [
        ("QUIET", Level::Quiet),
        ("FATAL", Level::Fatal),
        ("ERROR", Level::Error),
        ("INFO", Level::Info),
        ("VERBOSE", Level::Verbose),
        ("DEBUG", Level::Debug1),
        ("DEBUG1", Level::Debug1),
        ("DEBUG2", Level::Debug2),
        ("DEBUG3", Level::Debug3),
    ];
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, Refused> {
        Options::parse(line.split(' ').filter(|word| !word.is_empty()).map(OsString::from))
    }

    fn options(line: &str) -> Options {
        match parse(line) {
            Ok(Task::Serve(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_come_in_clusters_and_with_their_values_glued() {
        let all = options("-eRl verbose -f local3 -u022 -d /home/%u -P remove,rmdir -pstat,open ignored");
        assert_eq!(
            all,
            Options {
                start_directory: Some("/home/%u".into()),
                to_stderr: true,
                facility: 19,
                level: Level::Verbose,
                denied: Some(vec![RequestKind::Remove, RequestKind::Rmdir]),
                allowed: Some(vec![RequestKind::Stat, RequestKind::Open]),
                read_only: true,
                umask: Some(0o22),
            }
        );
        assert_eq!(options(""), Options::default());
        assert_eq!(options("-c -x"), Options::default());
    }

    #[test]
    fn an_allowlist_of_names_that_are_none_allows_nothing() {
        assert_eq!(options("-p mk*,!stat").allowed, Some(Vec::new()));
    }

    #[test]
    fn what_openssh_refuses_is_refused_with_its_status() {
        for line in ["-h", "-x", "-d", "-eQ"] {
            assert_eq!(parse(line), Err(Refused::Usage), "{line}");
        }
        let status = |line| match parse(line) {
            Err(Refused::Value(_, status)) => status,
            other => panic!("{line}: {other:?}"),
        };
        for (line, expected) in [
            ("-u 999", 255),
            ("-u 022x", 255),
            ("-u 7777", 255),
            ("-u +22", 255),
            ("-P a -P b", 255),
            ("-p a -p b", 255),
            ("-l LOUD", 1),
            ("-f NOWHERE", 1),
            ("-Q ciphers", 1),
        ] {
            assert_eq!(status(line), expected, "{line}");
        }
        assert_eq!(parse("-Q requests"), Ok(Task::ListRequests));
    }
}
