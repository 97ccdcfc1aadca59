//! Programs of the administrator that say who may log in: `AuthorizedKeysCommand` and `AuthorizedPrincipalsCommand`.

use std::ffi::CString;
use std::fmt::Display;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use config::Effective;
use keys::{Certificate, Identity};
use sys::ids::{Credentials, Uid};
use sys::signal::{Signal, unblocked};
use sys::spawn::{Command, Ended, Leads, Program, SpawnError, Step};
use sys::users::User;
use text::quoting::{Comments, split};

use crate::log::Level;
use crate::peer::Peer;
use crate::server::Server;
use crate::session::PATH;
use crate::settings::without_number;

use super::account::{Account, Directory};
use super::limits::USER_FILE_MAX;
use super::user_file::check_modes;

/// Who wants to log in, and what programs need to run.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) server: &'a Server,
    pub(super) directory: &'a Directory<'a>,
    pub(super) account: &'a Account,
    pub(super) peer: &'a Peer,
    pub(super) identity: &'a Identity,
}

/// A program that is asked.
#[derive(Clone, Copy)]
pub(super) struct LoginProgram<'a> {
    /// The keyword that names it.
    keyword: &'static str,
    /// It and its arguments, with quotes and tokens.
    pub(super) line: &'a str,
    /// As whom it runs.
    user: Option<&'a str>,
    asking: Asking<'a>,
    /// What it is about, where it names principals.
    certificate: Option<&'a Certificate>,
}

/// Why a program said nothing: a line for the log, in OpenSSH's words where it has such a case.
struct Fault {
    level: Level,
    line: String,
}

impl From<String> for Fault {
    fn from(line: String) -> Self {
        Self { level: Level::Error, line }
    }
}

impl<'a> LoginProgram<'a> {
    /// `AuthorizedKeysCommand`, if there is one.
    pub(super) fn of_keys(effective: &'a Effective, asking: Asking<'a>) -> Option<Self> {
        let line = effective.authorized_keys_command.0.as_deref()?;
        let user = effective.authorized_keys_command_user.0.as_deref();
        Some(Self { keyword: "AuthorizedKeysCommand", line, user, asking, certificate: None })
    }

    /// `AuthorizedPrincipalsCommand`, if there is one.
    pub(super) fn of_principals(effective: &'a Effective, asking: Asking<'a>) -> Option<Self> {
        let line = effective.authorized_principals_command.0.as_deref()?;
        let user = effective.authorized_principals_command_user.0.as_deref();
        let certificate = asking.identity.certificate();
        Some(Self { keyword: "AuthorizedPrincipalsCommand", line, user, asking, certificate })
    }

    /// All that it says, when it ends well; else why not is logged.
    pub(super) fn output(self) -> Option<Vec<u8>> {
        let Some(user) = self.user else {
            self.asking.server.log.error(format_args!("No user for {} specified, skipping", self.keyword));
            return None;
        };
        let said = self.run(user);
        said.inspect_err(|fault| self.asking.server.log.log(fault.level, &fault.line)).ok()
    }

    fn run(self, user: &str) -> Result<Vec<u8>, Fault> {
        let (keyword, Asking { server, directory, account, .. }) = (self.keyword, self.asking);
        let name =
            account.user.name.to_str().ok_or_else(|| format!("{keyword}: user's name is not UTF-8"))?;
        let (user, credentials) = self.runs_as(user, name)?;
        let words = self.words(name)?;
        let (line, as_whom) = (shown(&words), user.name.to_string_lossy());
        server.log.log(
            Level::Debug3,
            format_args!("subprocess: {keyword} command \"{line}\" running as {as_whom}"),
        );
        let path = words.first().map_or("", String::as_str);
        let checked = sys::switch::as_user(&credentials, || self.check(path));
        checked
            .map_err(|error| format!("{keyword}: no rights of {as_whom}: {}", without_number(&error)))??;
        let credentials = (directory.own == Uid::ROOT).then_some(credentials);
        self.read(&user, credentials, &words, &line)
    }

    fn failed(self, what: &str, error: &io::Error) -> String {
        format!("{} {what}: {}", self.keyword, without_number(error))
    }

    /// Whether only root can change what would run: the file and every directory above it.
    fn check(self, path: &str) -> Result<(), String> {
        let (keyword, path) = (self.keyword, Path::new(path));
        let found = path.metadata().map_err(|error| {
            format!("Could not stat {keyword} \"{}\": {}", path.display(), without_number(&error))
        })?;
        check_modes(path, &found, None, Uid::ROOT)
            .map_err(|why| format!("Unsafe {keyword} \"{}\": {why}", path.display()))
    }

    /// As whom it runs.
    fn runs_as(self, user: &str, name: &str) -> Result<(User, Credentials), String> {
        let keyword = self.keyword;
        let wanted = text::percent::expand(user, &[('u', name)], None);
        let wanted = wanted.map_err(|error| format!("{keyword}User {user}: {error}"))?;
        let Directory { accounts, own, .. } = *self.asking.directory;
        let user = accounts.user(wanted.as_bytes()).ok().flatten();
        let user = user.ok_or_else(|| format!("{keyword}User \"{wanted}\" not found"))?;
        if own != Uid::ROOT && own != user.uid {
            return Err(format!("{keyword}User \"{wanted}\" cannot be used: sshd does not run as root"));
        }
        let credentials = if own == Uid::ROOT { accounts.credentials(&user) } else { Credentials::current() };
        let credentials =
            credentials.map_err(|error| format!("{keyword}User \"{wanted}\": {}", without_number(&error)))?;
        Ok((user, credentials))
    }

    /// The path and the arguments, tokens expanded in each of these. Where nothing is said, what is asked for keys is told the user.
    fn words(self, name: &str) -> Result<Vec<String>, String> {
        let (keyword, line) = (self.keyword, self.line);
        let words = split(line, Comments::None);
        let words = words.map_err(|_| format!("{keyword} \"{line}\" contains invalid quotes"))?;
        let tokens = self.tokens(name)?;
        let tokens: Vec<(char, &str)> =
            tokens.iter().map(|(letter, value)| (*letter, value.as_str())).collect();
        let mut words = words.into_iter().map(|word| word.text);
        let mut all: Vec<String> = words.by_ref().take(1).collect();
        for word in words {
            let expanded = text::percent::expand(&word, &tokens, None);
            all.push(expanded.map_err(|error| format!("{keyword} {word}: {error}"))?);
        }
        if all.len() == 1 && self.certificate.is_none() {
            all.push(name.to_owned());
        }
        Ok(all)
    }

    /// What tokens stand for (`sshd_config(5)`, TOKENS), of both ends of the connection ours first, as OpenSSH has them.
    fn tokens(self, name: &str) -> Result<Vec<(char, String)>, String> {
        let Asking { account, peer, identity, .. } = self.asking;
        let home = account.user.home.to_str();
        let home = home.ok_or_else(|| format!("{}: home directory is not UTF-8", self.keyword))?;
        let text = |value: &dyn Display| value.to_string();
        let (local, client) = (peer.local_text(), peer.client_text());
        let mut tokens = vec![
            ('C', format!("{local} {} {client} {}", peer.local_port(), peer.client_port())),
            // No routing domain is listened on.
            ('D', String::new()),
            ('f', text(&identity.key().fingerprint())),
            ('h', text(&home)),
            ('k', in_base64(identity)),
            ('t', text(&identity.key_type())),
            ('U', text(&account.user.uid)),
            ('u', text(&name)),
        ];
        if let Some(certificate) = self.certificate {
            let authority = certificate.authority();
            let id = std::str::from_utf8(certificate.key_id().0);
            let id = id.map_err(|_| format!("{}: ID of the certificate is not UTF-8", self.keyword))?;
            tokens.extend([
                ('F', text(&authority.fingerprint())),
                ('i', text(&id)),
                ('K', in_base64(authority)),
                ('s', text(&certificate.serial())),
                ('T', text(&authority.key_type())),
            ]);
        }
        Ok(tokens)
    }

    /// Runs it to its end. What it says on standard error goes where our log does, if that is standard error. `LoginGraceTime` ends it
    /// with us, and so does a signal that ends us at any other time.
    fn read(
        self,
        user: &User,
        credentials: Option<Credentials>,
        words: &[String],
        line: &str,
    ) -> Result<Vec<u8>, Fault> {
        let keyword = self.keyword;
        let failed = |what: &str, error: &io::Error| self.failed(what, error);
        let (reader, writer) = io::pipe().map_err(|error| failed("pipe", &error))?;
        let server = self.asking.server;
        let (null, stderr) = (server.null.as_fd(), io::stderr());
        let errors = if server.log.is_stderr() { stderr.as_fd() } else { null };
        let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| format!("{keyword} {line}: NUL"));
        let arguments = words.iter().map(|word| text(word.clone().into())).collect::<Result<Vec<_>, _>>()?;
        let path = arguments.first().cloned().unwrap_or_default();
        let standard = [null, writer.as_fd(), errors];
        let mut command = Command::new(Program::Path(path.clone()), path, standard);
        command.arguments.extend(arguments.into_iter().skip(1));
        let (name, home) = (user.name.as_bytes(), user.home.as_os_str().as_bytes());
        let language = std::env::var_os("LANG").unwrap_or_default();
        for (variable, value) in [
            ("PATH=", PATH.as_bytes()),
            ("USER=", name),
            ("LOGNAME=", name),
            ("HOME=", home),
            ("LANG=", language.as_bytes()),
        ] {
            if !value.is_empty() {
                command.environment.push(text([variable.as_bytes(), value].concat())?);
            }
        }
        command.credentials = credentials;
        // So that it can be ended with what it started.
        command.leads = Leads::Group;
        command.oom_score = server.oom_score;
        command.on_parents_death = Some(Signal::KILL);
        let mut child = command.spawn().map_err(|SpawnError { step, error }| match step {
            Step::Execute => failed(&format!("execve \"{line}\""), &error),
            step => failed(step.name(), &error),
        })?;
        drop(command);
        drop(writer);
        let mut said = Vec::new();
        // Nobody reads our signals while we wait.
        let waited = unblocked(&[Signal::TERM, Signal::HUP, Signal::INT], || {
            let read = reader.take(USER_FILE_MAX.saturating_add(1)).read_to_end(&mut said);
            let too_long = u64::try_from(said.len()).is_ok_and(|length| length > USER_FILE_MAX);
            if read.is_err() || too_long {
                let _ = child.signal_group(Signal::KILL);
            }
            (read, too_long, child.wait())
        });
        let (read, too_long, ended) = waited.map_err(|error| failed("sigprocmask", &error))?;
        read.map_err(|error| failed("read", &error))?;
        if too_long {
            return Err(format!("{keyword} {line} said more than {USER_FILE_MAX} bytes").into());
        }
        match ended.map_err(|error| failed("waitpid", &error))? {
            Ended::Exited(0) => Ok(said),
            Ended::Exited(status) => {
                Err(Fault { level: Level::Info, line: format!("{keyword} {line} failed, status {status}") })
            }
            Ended::Killed { signal, core: _ } => {
                Err(format!("{keyword} {line} exited on signal {}", signal.number()).into())
            }
        }
    }
}

/// A key as a `.pub` file has it, without its type.
fn in_base64(key: &dyn Display) -> String {
    key.to_string().split_once(' ').map_or_else(String::new, |(_type, blob)| blob.to_owned())
}

/// Words as one line for the log, in OpenSSH's way: quotes around those with blanks.
fn shown(words: &[String]) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let quote = if word.contains([' ', '\t']) { "\"" } else { "" };
        line.push_str(quote);
        for c in word.chars() {
            if matches!(c, '"' | '\'' | '\\') {
                line.push('\\');
            }
            line.push(c);
        }
        line.push_str(quote);
    }
    line
}
