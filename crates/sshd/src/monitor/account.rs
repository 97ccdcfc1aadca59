//! The account that a client names, and what keeps it out whatever the client can show.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sys::ids::{Credentials, Gid, Uid};
use sys::users::{Accounts, Password, User};
use wire::Escaped;

use crate::quick::Quick;
use crate::settings::without_number;

use super::limits::NAME_SHOWN_MAX;

/// An account, and the rights of its processes.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) user: User,
    pub(super) credentials: Credentials,
    /// The names of its groups.
    pub(super) groups: Vec<String>,
}

/// What keeps somebody out.
#[derive(Debug)]
pub(super) enum Bar {
    /// There is no such account.
    Unknown,
    /// The account files cannot be read.
    Unreadable(io::Error),
    /// The account has expired.
    Expired,
    /// Its password says that nobody may use it.
    Locked,
    /// Its shell is not there.
    NoShell(PathBuf),
    /// Its shell is no program.
    NotExecutable(PathBuf),
    /// It is another one than ours, and we are not root.
    NotOurs,
    /// Only root may log in now.
    NoLogin,
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such account"),
            Self::Unreadable(error) => write!(f, "account files cannot be read: {}", without_number(error)),
            Self::Expired => f.write_str("account has expired"),
            Self::Locked => f.write_str("account is locked"),
            Self::NoShell(shell) => write!(f, "shell {} does not exist", shell.display()),
            Self::NotExecutable(shell) => write!(f, "shell {} is not executable", shell.display()),
            Self::NotOurs => f.write_str("sshd does not run as root"),
            Self::NoLogin => f.write_str("/etc/nologin exists"),
        }
    }
}

/// Who may be let in, and where that is looked up.
pub(super) struct Directory<'a> {
    pub(super) accounts: &'a Accounts,
    /// With `--quick` only this one, who need not stand in any file.
    pub(super) quick: Option<&'a Quick>,
    /// As whom the server runs.
    pub(super) own: Uid,
}

/// Days from 1970-01-01 to today.
fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds / (24 * 60 * 60)).unwrap_or(i64::MAX)
}

impl Directory<'_> {
    /// The account of that name, if its user could log in.
    pub(super) fn find(&self, name: &str) -> Result<Account, Bar> {
        if let Some(quick) = self.quick {
            let user = Some(quick.user()).filter(|user| user.name.as_encoded_bytes() == name.as_bytes());
            let user = user.ok_or(Bar::Unknown)?.clone();
            let credentials = Credentials::current().map_err(Bar::Unreadable)?;
            return Ok(Account { user, credentials, groups: Vec::new() });
        }
        let Some(user) = self.accounts.user(name.as_bytes()).map_err(Bar::Unreadable)? else {
            // As much is looked up as for an account that is there, so that the time does not tell which one it was.
            let _ = self.complete(self.stand_in());
            return Err(Bar::Unknown);
        };
        self.complete(user)
    }

    /// The names of an account's groups, whatever keeps its user out.
    pub(super) fn groups(&self, name: &str) -> Option<Vec<String>> {
        if self.quick.is_some() {
            return None;
        }
        let user = self.accounts.user(name.as_bytes()).ok()??;
        let names = self.accounts.group_names(&self.accounts.groups_of(&user).ok()?).ok()?;
        Some(names.into_iter().map(|group| group.to_string_lossy().into_owned()).collect())
    }

    /// Adds the rights to an account whose user could log in.
    fn complete(&self, user: User) -> Result<Account, Bar> {
        self.check(&user)?;
        let credentials = self.accounts.credentials(&user).map_err(Bar::Unreadable)?;
        let groups = self.accounts.group_names(&credentials.groups).map_err(Bar::Unreadable)?;
        let groups = groups.into_iter().map(|group| group.to_string_lossy().into_owned()).collect();
        let credentials = if self.own == Uid::ROOT {
            credentials
        } else {
            // What we are is all that we can be.
            Credentials::current().map_err(Bar::Unreadable)?
        };
        Ok(Account { user, credentials, groups })
    }

    fn check(&self, user: &User) -> Result<(), Bar> {
        if self.own != Uid::ROOT && self.own != user.uid {
            return Err(Bar::NotOurs);
        }
        if self.own == Uid::ROOT {
            let shadow = self.accounts.shadow(user.name.as_encoded_bytes()).map_err(Bar::Unreadable)?;
            if shadow.is_some_and(|shadow| shadow.is_expired(today())) {
                return Err(Bar::Expired);
            }
        }
        if self.accounts.is_locked(user).map_err(Bar::Unreadable)? {
            return Err(Bar::Locked);
        }
        match user.shell.metadata() {
            Err(_) => Err(Bar::NoShell(user.shell.clone())),
            Ok(shell) if !shell.is_file() || shell.permissions().mode() & 0o111 == 0 => {
                Err(Bar::NotExecutable(user.shell.clone()))
            }
            Ok(_) if user.uid != Uid::ROOT && self.nologin().is_some() => Err(Bar::NoLogin),
            Ok(_) => Ok(()),
        }
    }

    /// The text that everybody is shown while only root may log in.
    pub(super) fn nologin(&self) -> Option<Vec<u8>> {
        if self.quick.is_some() { None } else { self.accounts.nologin() }
    }

    /// An account like most that there are.
    fn stand_in(&self) -> User {
        User {
            uid: if self.own == Uid::ROOT { NOBODY.0 } else { self.own },
            shell: Path::new("/bin/sh").to_owned(),
            password: Password::Shadowed,
            ..self.dummy().user
        }
    }

    /// The account that stands for those who are kept out, so that the same is done for them as for others. It has no keys.
    pub(super) fn dummy(&self) -> Account {
        let nobody = Credentials { uid: NOBODY.0, gid: NOBODY.1, groups: vec![NOBODY.1] };
        let ours = || Credentials::current().unwrap_or_else(|_| nobody.clone());
        let credentials = if self.own == Uid::ROOT { nobody.clone() } else { ours() };
        let user = User {
            name: "NOUSER".into(),
            uid: credentials.uid,
            gid: credentials.gid,
            comment: "NOUSER".into(),
            home: Path::new("/nonexistent").to_owned(),
            shell: Path::new("/nonexistent").to_owned(),
            password: Password::Locked,
        };
        Account { user, credentials, groups: Vec::new() }
    }
}

/// The ids that the kernel itself uses for nobody in particular.
const NOBODY: (Uid, Gid) = (Uid(65_534), Gid(65_534));

/// A name as the log shows it.
pub(super) fn shown(name: &str) -> String {
    let end = name.char_indices().nth(NAME_SHOWN_MAX).map_or(name.len(), |(at, _)| at);
    Escaped(name.get(..end).unwrap_or(name).as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct System(tempfile::TempDir);

    impl System {
        fn new(passwd: &str, shadow: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir(root.path().join("etc")).unwrap();
            let write =
                |name: &str, text: &str| std::fs::write(root.path().join("etc").join(name), text).unwrap();
            write("passwd", passwd);
            write("shadow", shadow);
            write("group", "wheel:x:10:alice\nalice:x:1000:\n");
            Self(root)
        }

        fn nologin(&self, text: &str) {
            std::fs::write(self.0.path().join("etc/nologin"), text).unwrap();
        }

        fn find(&self, own: Uid, name: &str) -> Result<Account, String> {
            let accounts = Accounts::below(self.0.path());
            let directory = Directory { accounts: &accounts, quick: None, own };
            directory.find(name).map_err(|bar| bar.to_string())
        }
    }

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nalice:*:1000:1000::/home/alice:/bin/sh\n";

    #[test]
    fn a_good_account_has_its_groups_and_rights() {
        let alice = System::new(PASSWD, "").find(Uid::ROOT, "alice").unwrap();
        assert_eq!((alice.user.uid, alice.credentials.uid), (Uid(1000), Uid(1000)));
        assert_eq!(alice.credentials.groups, [Gid(1000), Gid(10)]);
        assert_eq!(alice.groups, ["wheel", "alice"]);
    }

    #[test]
    fn who_is_kept_out_is_told_in_openssh_s_words() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let passwd = format!(
            "locked:!x:1:1::/:/bin/sh\nshadowed:x:2:2::/:/bin/sh\nnoshell:*:3:3::/:/bin/nonesuch\n\
             badshell:*:4:4::/:{}\ndirshell:*:5:5::/:/etc\nexpired:x:6:6::/:/bin/sh\nfine:x:7:7::/:\n",
            file.path().display()
        );
        let system = System::new(&passwd, "shadowed:!:1::::::\nexpired:*:1:::::100:\nfine:*:1:::::999999:\n");
        let bar = |name| system.find(Uid::ROOT, name).map(|account| account.user.uid);
        assert_eq!(bar("locked"), Err("account is locked".into()));
        assert_eq!(bar("shadowed"), Err("account is locked".into()));
        assert_eq!(bar("noshell"), Err("shell /bin/nonesuch does not exist".into()));
        let not_executable = format!("shell {} is not executable", file.path().display());
        assert_eq!(bar("badshell"), Err(not_executable));
        assert_eq!(bar("dirshell"), Err("shell /etc is not executable".into()));
        assert_eq!(bar("expired"), Err("account has expired".into()));
        assert_eq!(bar("nobody"), Err("there is no such account".into()));
        assert_eq!(bar("fine"), Ok(Uid(7)));
    }

    #[test]
    fn while_nologin_is_there_only_root_comes_in() {
        let system = System::new(PASSWD, "");
        system.nologin("");
        assert_eq!(system.find(Uid::ROOT, "alice").unwrap_err(), "/etc/nologin exists");
        assert_eq!(system.find(Uid::ROOT, "root").unwrap().user.uid, Uid::ROOT);
    }

    #[test]
    fn an_ordinary_user_lets_in_nobody_else() {
        let system = System::new(PASSWD, "");
        assert_eq!(system.find(Uid(1000), "root").unwrap_err(), "sshd does not run as root");
        assert_eq!(system.find(Uid(1001), "alice").unwrap_err(), "sshd does not run as root");
        let alice = system.find(Uid(1000), "alice").unwrap();
        assert!(alice.credentials.equals(&Credentials::current().unwrap()), "it can be nobody but itself");
    }

    #[test]
    fn an_unknown_account_is_looked_up_to_the_end_as_one_that_is_there() {
        let system = System::new(PASSWD, "");
        let accounts = Accounts::below(system.0.path());
        for own in [Uid::ROOT, Uid(1000)] {
            let directory = Directory { accounts: &accounts, quick: None, own };
            assert!(directory.complete(directory.stand_in()).is_ok());
        }
    }

    #[test]
    fn names_are_cut_and_escaped_before_they_are_shown() {
        assert_eq!(shown(&"ä".repeat(200)), "ä".repeat(NAME_SHOWN_MAX));
        assert_eq!(shown("a\nb"), "a\\x0ab");
    }
}
