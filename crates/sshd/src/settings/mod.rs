//! The configuration: read from the system's files, for the algorithms of this build.
//!
//! | module | noun |
//! |---|---|
//! | `files` | the system's files, for the reader of the configuration |
//! | `glob` | patterns of the shell's kind, and the paths they stand for |
//! | `suites` | the algorithms that may be named, and those of them that we have |

mod files;
pub(crate) mod glob;
mod suites;

use std::fmt;

use config::error::Problem;
use config::{CommandLine, Config, ConfigError, Environment, Files};

pub(crate) use files::without_number;
use files::{NoFile, SystemFiles};
pub(crate) use suites::Suite;

use crate::options::Options;

/// Our name and version, as the identification line has them (RFC 4253 §4.2).
pub(crate) const SOFTWARE: &str = concat!("Nacre_", env!("CARGO_PKG_VERSION"));

/// What is read without `-f`. It has to exist: a server that cannot find what its administrator wrote does not make something up.
pub(crate) const DEFAULT_FILE: &str = "/etc/ssh/sshd_config";

/// The argument of `-f` that stands for no file.
const NO_FILE: &str = "none";

/// Where names that are not absolute start, as it was when the server was started.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The directory.
    pub(crate) directory: String,
    /// Our own home.
    pub(crate) home: Option<String>,
}

impl Origin {
    /// Ours, now. A directory that is gone, or has no name in UTF-8, is `/`.
    pub(crate) fn here() -> Self {
        let directory =
            std::env::current_dir().ok().and_then(|path| path.into_os_string().into_string().ok());
        Self { directory: directory.unwrap_or_else(|| "/".into()), home: files::home() }
    }

    /// A path that means the same wherever we are later.
    pub(crate) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.into();
        }
        format!("{}/{path}", self.directory.trim_end_matches('/'))
    }
}

/// A configuration cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// What is wrong: lines for the log.
    error: ConfigError,
}

impl Unusable {
    /// The lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.error.to_string().lines().map(str::to_owned).collect()
    }

    /// The status that the program ends with, as OpenSSH: 1 for an option that is no such line and for a file that is not there, 255
    /// for what a line says, wherever it stands.
    pub(crate) fn status(&self) -> u8 {
        let early = |report: &config::error::Report| {
            matches!(report.problem, Problem::Unreadable(_))
                || (report.file == "command-line" && report.problem.goes_on())
        };
        if self.error.reports.first().is_some_and(early) { 1 } else { 255 }
    }

    /// That the file cannot be read, which OpenSSH says on standard error even when there is no log.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.error.reports.iter().any(|report| matches!(report.problem, Problem::Unreadable(_)))
    }
}

/// Reads what the options say.
pub(crate) fn read(options: &Options, origin: &Origin) -> Result<Config, Unusable> {
    read_from(&SystemFiles { waits: true }, options, origin)
}

/// Reads it again, while there are connections: there is no waiting for somebody to write to a fifo.
pub(crate) fn read_again(options: &Options, origin: &Origin) -> Result<Config, Unusable> {
    read_from(&SystemFiles { waits: false }, options, origin)
}

fn read_from(system: &SystemFiles, options: &Options, origin: &Origin) -> Result<Config, Unusable> {
    // Whatever the file says, `-q` and `-d` decide on the level.
    let level = match (options.debug, options.quiet) {
        (0, false) => None,
        (0, true) => Some("LogLevel=QUIET".to_owned()),
        (debug, _) => Some(format!("LogLevel=DEBUG{debug}")),
    };
    let quick: &[&str] = if options.quick { quick_lines(options) } else { &[] };
    let lines: Vec<&str> =
        level.iter().chain(&options.lines).map(String::as_str).chain(quick.iter().copied()).collect();
    let ports =
        if options.quick && options.ports.is_empty() { &[crate::quick::PORT] } else { &*options.ports };
    let command_line = CommandLine { options: &lines, ports };
    let environment = Environment {
        algorithms: suites::algorithms(),
        version: SOFTWARE,
        directory: &origin.directory,
        home: origin.home.as_deref(),
    };
    let path = options.config.as_deref();
    let none = options.quick || path.is_some_and(|path| path.eq_ignore_ascii_case(NO_FILE));
    let files: &dyn Files = if none { &NoFile } else { system };
    let path = path.map_or_else(|| DEFAULT_FILE.to_owned(), |path| origin.absolute(path));
    Config::parse(files, &path, &command_line, &environment).map_err(|error| Unusable { error })
}

/// What `--quick` has in place of a file: behind what the command line says, so that it can say otherwise.
fn quick_lines(options: &Options) -> &'static [&'static str] {
    // A client may hold many keys, all of which it shows before it asks for a password.
    const TRIES: &str = "MaxAuthTries=20";
    // Today's `scp` needs it too.
    const SFTP: &str = "Subsystem=sftp internal-sftp";
    const LINES: &[&str] = &["PidFile=none", TRIES, "PermitRootLogin=yes", SFTP, "ListenAddress=127.0.0.1"];
    const LINES_6: &[&str] = &["PidFile=none", TRIES, "PermitRootLogin=yes", SFTP, "ListenAddress=::1"];
    if options.lines.iter().any(|line| line == "AddressFamily=inet6") { LINES_6 } else { LINES }
}

/// None of the algorithms that are configured for something can be had.
#[derive(Debug)]
pub(crate) struct NothingLeft(&'static str);

impl fmt::Display for NothingLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: none of the configured algorithms is supported", self.0)
    }
}

/// Says which of the configured algorithms we do not have.
///
/// # Errors
/// Nothing is left of a list without which nobody can connect.
pub(crate) fn check_algorithms(config: &Config, mut missing: impl FnMut(String)) -> Result<(), NothingLeft> {
    let global = config.global();
    let lists = [
        ("Ciphers", Suite::Ciphers, &global.ciphers),
        ("MACs", Suite::Macs, &global.macs),
        ("KexAlgorithms", Suite::Kex, &global.kex_algorithms),
        ("HostKeyAlgorithms", Suite::Signatures, &global.host_key_algorithms),
        ("PubkeyAcceptedAlgorithms", Suite::Signatures, &global.pubkey_accepted_algorithms),
        ("CASignatureAlgorithms", Suite::Signatures, &global.ca_signature_algorithms),
    ];
    for (keyword, suite, list) in lists {
        let usable = suite.usable(list);
        let left_out: Vec<&str> = list.0.iter().copied().filter(|name| !usable.contains(name)).collect();
        if usable.is_empty() && suite.needs_some(global) {
            return Err(NothingLeft(keyword));
        }
        if !left_out.is_empty() {
            missing(format!("{keyword}: not supported and left out: {}", left_out.join(",")));
        }
    }
    Ok(())
}

/// The keyword of a program that nobody could run, because the one of its user is not given.
pub(crate) fn without_user(config: &Config) -> Option<&'static str> {
    let global = config.global();
    let programs = [
        ("AuthorizedKeysCommand", &global.authorized_keys_command, &global.authorized_keys_command_user),
        (
            "AuthorizedPrincipalsCommand",
            &global.authorized_principals_command,
            &global.authorized_principals_command_user,
        ),
    ];
    let lacks = programs.into_iter().find(|(_, line, user)| line.0.is_some() && user.0.is_none());
    lacks.map(|(keyword, ..)| keyword)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn options(line: &[&str]) -> Options {
        match Options::parse(line.iter().map(OsString::from)) {
            Ok(crate::options::Parsed::Options(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    fn origin() -> Origin {
        Origin { directory: "/start".into(), home: None }
    }

    fn read_text(text: &str, more: &[&str]) -> Result<Config, Unusable> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        read(&options(&[&["-f", path], more].concat()), &origin())
    }

    #[test]
    fn the_level_of_the_command_line_goes_before_every_other() {
        use crate::log::Level;
        let level = |more: &[&str]| read_text("LogLevel ERROR\n", more).unwrap().global().log_level;
        assert_eq!(level(&[]), Level::Error);
        assert_eq!(level(&["-oLogLevel=FATAL"]), Level::Fatal);
        assert_eq!(level(&["-q", "-oLogLevel=FATAL"]), Level::Quiet);
        assert_eq!(level(&["-dd", "-q"]), Level::Debug2);
    }

    #[test]
    fn statuses_are_those_of_openssh() {
        let status =
            |text: &str, more: &[&str]| read_text(text, more).map(|_| ()).map_err(|error| error.status());
        assert_eq!(status("", &[]), Ok(()));
        assert_eq!(status("Foo 1\n", &[]), Err(255));
        assert_eq!(status("", &["-oFoo=1"]), Err(1));
        assert_eq!(status("", &["-oPermitRootLogin=perhaps"]), Err(255));
        let missing = read(&options(&["-f", "missing"]), &origin()).unwrap_err();
        assert_eq!((missing.status(), missing.is_unreadable()), (1, true));
        assert_eq!(missing.lines(), ["/start/missing: No such file or directory"]);
        assert!(read(&options(&["-f", "none"]), &origin()).is_ok());
    }

    #[test]
    fn algorithms_of_openssh_that_we_do_not_have_are_left_out_and_said() {
        let config = read_text("Ciphers aes128-ctr\nMACs +hmac-md5\n", &[]).unwrap();
        let mut said = Vec::new();
        check_algorithms(&config, |line| said.push(line)).unwrap();
        assert_eq!(said, ["MACs: not supported and left out: hmac-md5"]);
        assert!(!Suite::Macs.usable(&config.global().macs).contains(&"hmac-md5"));
        let config = read_text("Ciphers aes128-ctr\nMACs hmac-md5\n", &[]).unwrap();
        let error = check_algorithms(&config, |_| ()).unwrap_err().to_string();
        assert_eq!(error, "MACs: none of the configured algorithms is supported");
        assert!(read_text("Ciphers rot13\n", &[]).is_err());
    }

    #[test]
    fn a_program_without_a_user_is_seen_before_anybody_asks_it() {
        let lacks = |text: &str| without_user(&read_text(text, &[]).unwrap());
        for keyword in ["AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"] {
            assert_eq!(lacks(&format!("{keyword} /x")), Some(keyword));
            assert_eq!(lacks(&format!("{keyword} /x\n{keyword}User none")), Some(keyword));
            assert_eq!(lacks(&format!("{keyword} /x\n{keyword}User %u")), None);
            assert_eq!(lacks(&format!("{keyword}User nobody\nMatch all\n{keyword} /x")), None);
        }
    }

    #[test]
    fn quick_needs_no_file_and_listens_for_this_machine_only() {
        let listens = |more: &[&str]| {
            let config = read(&options(&[&["--quick"], more].concat()), &origin()).unwrap();
            let addresses = &config.global().listen_address.0;
            addresses.iter().map(|at| format!("{:?}:{}", at.host, at.port)).collect::<Vec<_>>()
        };
        assert_eq!(listens(&[]), ["Address(127.0.0.1):2222"]);
        assert_eq!(listens(&["-p", "2200"]), ["Address(127.0.0.1):2200"]);
        assert_eq!(listens(&["-6"]), ["Address(::1):2222"]);
    }

    #[test]
    fn quick_serves_files_unless_the_command_line_says_otherwise() {
        let sftp = |more: &[&str]| {
            let config = read(&options(&[&["--quick"], more].concat()), &origin()).unwrap();
            let subsystems = &config.global().subsystem.0;
            let found = subsystems.iter().find(|subsystem| subsystem.name == "sftp").unwrap();
            found.command.clone()
        };
        assert_eq!(sftp(&[]), "internal-sftp");
        assert_eq!(sftp(&["-6"]), "internal-sftp");
        assert_eq!(sftp(&["-oSubsystem=sftp internal-sftp -R"]), "internal-sftp -R");
    }
}
