//! The environment of the user's programs.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use config::value::AcceptEnv;
use sys::ids::Uid;

use super::account::Account;
use super::limits::{MAX_VARIABLE_BYTES, MAX_VARIABLES};
use super::terminal::Terminal;

/// Variables, each name once.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(Vec<u8>, Vec<u8>)>);

impl Variables {
    /// Sets one, whatever it was.
    fn set(&mut self, name: &[u8], value: &[u8]) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, kept)) => *kept = value.to_vec(),
            None => self.0.push((name.to_vec(), value.to_vec())),
        }
    }

    fn bytes(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .fold(0, usize::saturating_add)
    }
}

/// What the client asked for, one `env` after the other.
#[derive(Debug, Default)]
pub(super) struct Wishes(Variables);

/// Why a variable is not taken, in OpenSSH's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// No pattern of `AcceptEnv` matches, or it is no name.
    Name,
    /// There are too many, or they are too long.
    TooMany,
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "disallowed name",
            Self::TooMany => "too many env vars",
        })
    }
}

impl Wishes {
    /// Takes a variable, when a pattern of `AcceptEnv` allows it.
    pub(super) fn add(&mut self, accepted: &AcceptEnv, name: &[u8], value: &[u8]) -> Result<(), Denied> {
        let text = std::str::from_utf8(name).map_err(|_| Denied::Name)?;
        if text.is_empty() || text.contains(['=', '\0']) || value.contains(&0) || !accepted.accepts(text) {
            return Err(Denied::Name);
        }
        let bytes = self.0.bytes().saturating_add(name.len()).saturating_add(value.len());
        if self.count() >= MAX_VARIABLES || bytes > MAX_VARIABLE_BYTES {
            return Err(Denied::TooMany);
        }
        self.0.set(name, value);
        Ok(())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.0.len()
    }
}

/// Where programs are, for root and for others, as Debian has it.
const ROOTS_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/games";

/// What is known of one program beside its account.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) wishes: Option<&'a Wishes>,
    /// Of `~/.ssh/environment`.
    pub(super) user_file: &'a [(Vec<u8>, Vec<u8>)],
    pub(super) terminal: Option<&'a Terminal>,
    /// `DISPLAY`.
    pub(super) display: Option<&'a str>,
    /// `SSH_AUTH_SOCK`.
    pub(super) agent: Option<&'a Path>,
    pub(super) original_command: Option<&'a [u8]>,
}

/// Everything, as strings `NAME=value`. What comes later overrules what came before: the client's wishes, the account, terminal,
/// display and agent, the key's line, the user's file, `SetEnv`, and last the facts of the connection.
pub(super) fn environment(account: &Account, facts: &Facts<'_>) -> Vec<CString> {
    let mut all = Variables::default();
    for (name, value) in facts.wishes.iter().flat_map(|wishes| &wishes.0.0) {
        all.set(name, value);
    }
    let path = if account.uid == Uid::ROOT { ROOTS_PATH } else { PATH };
    all.set(b"USER", &account.user);
    all.set(b"LOGNAME", &account.user);
    all.set(b"HOME", &account.home);
    all.set(b"PATH", path.as_bytes());
    all.set(b"MAIL", &[b"/var/mail/", account.user.as_slice()].concat());
    all.set(b"SHELL", &account.shell);
    if let Some(zone) = &account.zone {
        all.set(b"TZ", zone);
    }
    if let Some(terminal) = facts.terminal.filter(|terminal| !terminal.term.is_empty()) {
        all.set(b"TERM", &terminal.term);
    }
    if let Some(display) = facts.display {
        all.set(b"DISPLAY", display.as_bytes());
    }
    if let Some(agent) = facts.agent {
        all.set(b"SSH_AUTH_SOCK", agent.as_os_str().as_bytes());
    }
    // In reverse, because the first of a name wins.
    for (name, value) in account.permit.key_env.iter().rev() {
        all.set(name.as_bytes(), value.as_bytes());
    }
    for (name, value) in facts.user_file {
        all.set(name, value);
    }
    // As those of the key's line.
    for (name, value) in account.permit.set_env.iter().rev() {
        all.set(name.as_bytes(), value.as_bytes());
    }
    let (client, local) = (&account.client_address, &account.local_address);
    let (port, local_port) = (account.client_port, account.local_port);
    all.set(b"SSH_CLIENT", format!("{client} {port} {local_port}").as_bytes());
    all.set(b"SSH_CONNECTION", format!("{client} {port} {local} {local_port}").as_bytes());
    if let Some(terminal) = facts.terminal {
        all.set(b"SSH_TTY", terminal.path().as_bytes());
    }
    if let Some(command) = facts.original_command {
        all.set(b"SSH_ORIGINAL_COMMAND", command);
    }
    // What has a NUL in it cannot be handed over; no message and no configuration file can bring one, only the user's own.
    all.0
        .iter()
        .filter_map(|(name, value)| CString::new([name, b"=".as_slice(), value].concat()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::account;
    use super::*;

    fn value(all: &[CString], name: &str) -> Option<String> {
        let values: Vec<String> = all
            .iter()
            .filter_map(|one| one.to_str().unwrap().strip_prefix(&format!("{name}=")).map(str::to_owned))
            .collect();
        assert!(values.len() < 2, "{name} twice");
        values.into_iter().next()
    }

    fn wishes(pairs: &[(&str, &str)]) -> Wishes {
        let mut wishes = Wishes::default();
        for (name, value) in pairs {
            wishes.add(&AcceptEnv(vec!["*".into()]), name.as_bytes(), value.as_bytes()).unwrap();
        }
        wishes
    }

    #[test]
    fn the_account_is_told_and_nothing_else() {
        let all = environment(&account(), &Facts::default());
        let mut names: Vec<&str> =
            all.iter().map(|one| one.to_str().unwrap().split('=').next().unwrap()).collect();
        names.sort_unstable();
        let expected = ["HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "SSH_CLIENT", "SSH_CONNECTION", "USER"];
        assert_eq!(names, expected);
        assert_eq!(value(&all, "SSH_CLIENT").unwrap(), "192.0.2.1 4711 22");
        assert_eq!(value(&all, "SSH_CONNECTION").unwrap(), "192.0.2.1 4711 192.0.2.2 22");
        assert_eq!(value(&all, "MAIL").unwrap(), "/var/mail/alice");
        assert_eq!(value(&all, "PATH").unwrap(), "/usr/local/bin:/usr/bin:/bin:/usr/games");
    }

    #[test]
    fn root_has_the_directories_of_root() {
        let root = Account { uid: Uid::ROOT, ..account() };
        let path = value(&environment(&root, &Facts::default()), "PATH").unwrap();
        assert_eq!(path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }

    #[test]
    fn set_env_overrules_client_and_account_and_its_first_value_wins() {
        let mut account = account();
        let pairs = [("A", "server"), ("A", "later"), ("HOME", "/else"), ("SSH_CLIENT", "forged")];
        account.permit.set_env = pairs.map(|(name, value)| (name.into(), value.into())).into();
        let wishes = wishes(&[("A", "client"), ("B", "client"), ("USER", "forged")]);
        let all = environment(&account, &Facts { wishes: Some(&wishes), ..Facts::default() });
        assert_eq!(value(&all, "A").unwrap(), "server");
        assert_eq!(value(&all, "B").unwrap(), "client");
        assert_eq!(value(&all, "USER").unwrap(), "alice");
        assert_eq!(value(&all, "HOME").unwrap(), "/else");
        assert_eq!(value(&all, "SSH_CLIENT").unwrap(), "192.0.2.1 4711 22");
    }

    #[test]
    fn the_original_command_and_the_zone_are_told_when_there_are_any() {
        let account = Account { zone: Some(b"Europe/Berlin".to_vec()), ..account() };
        let wishes = wishes(&[("TZ", "UTC")]);
        let original_command = Some(b"ls -l".as_slice());
        let all =
            environment(&account, &Facts { wishes: Some(&wishes), original_command, ..Facts::default() });
        assert_eq!(value(&all, "SSH_ORIGINAL_COMMAND").unwrap(), "ls -l");
        assert_eq!(value(&all, "TZ").unwrap(), "Europe/Berlin");
    }

    #[test]
    fn the_users_own_variables_overrule_the_sessions_and_not_the_connections() {
        let mut account = account();
        let pairs = |pairs: [(&str, &str); 3]| {
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
        };
        account.permit.key_env = pairs([("KEY", "first"), ("KEY", "later"), ("BOTH", "key")]);
        account.permit.set_env = pairs([("SET", "server"), ("SET", "later"), ("SSH_CLIENT", "forged")]);
        let user_file: Vec<(Vec<u8>, Vec<u8>)> = [
            ("BOTH", "file"),
            ("SET", "file"),
            ("PATH", "/first"),
            ("PATH", "/bin"),
            ("DISPLAY", "mine:0"),
            ("SSH_CONNECTION", "forged"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
        let facts = Facts {
            user_file: &user_file,
            display: Some("localhost:10.0"),
            agent: Some(Path::new("/agent")),
            ..Facts::default()
        };
        let all = environment(&account, &facts);
        let expected = [
            ("KEY", "first"),
            ("BOTH", "file"),
            ("SET", "server"),
            ("PATH", "/bin"),
            ("DISPLAY", "mine:0"),
            ("SSH_AUTH_SOCK", "/agent"),
            ("SSH_CLIENT", "192.0.2.1 4711 22"),
            ("SSH_CONNECTION", "192.0.2.1 4711 192.0.2.2 22"),
        ];
        for (name, expected) in expected {
            assert_eq!(value(&all, name).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn only_what_accept_env_matches_is_taken() {
        let accepted = AcceptEnv(vec!["LC_*".into(), "LANG".into()]);
        let mut wishes = Wishes::default();
        for (name, expected) in [
            ("LANG", Ok(())),
            ("LC_ALL", Ok(())),
            ("LD_PRELOAD", Err(Denied::Name)),
            ("lang", Err(Denied::Name)),
        ] {
            assert_eq!(wishes.add(&accepted, name.as_bytes(), b"x"), expected, "{name}");
        }
        assert_eq!(wishes.add(&AcceptEnv(vec![]), b"LANG", b"x"), Err(Denied::Name));
    }

    #[test]
    fn a_name_that_would_be_another_variable_is_refused() {
        let everything = AcceptEnv(vec!["*".into()]);
        for name in [b"".as_slice(), b"A=B", b"A\0", b"\xff"] {
            assert_eq!(Wishes::default().add(&everything, name, b"x"), Err(Denied::Name));
        }
    }

    #[test]
    fn count_and_bytes_are_bounded() {
        let everything = AcceptEnv(vec!["*".into()]);
        let mut wishes = Wishes::default();
        for number in 0..MAX_VARIABLES {
            wishes.add(&everything, format!("V{number}").as_bytes(), b"").unwrap();
        }
        assert_eq!(wishes.add(&everything, b"W", b""), Err(Denied::TooMany));
        let mut wishes = Wishes::default();
        wishes.add(&everything, b"V", &vec![b'x'; MAX_VARIABLE_BYTES - 2]).unwrap();
        assert_eq!(wishes.add(&everything, b"W", b"x"), Err(Denied::TooMany));
        wishes.add(&everything, b"W", b"").unwrap();
    }
}
