//! Who is let in: the user who started the server.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sys::ids::{Gid, Uid};
use sys::users::{Accounts, Password, User};

/// What is known of the user: the account, if there is one, and the environment.
pub(super) struct Surroundings {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) account: Option<User>,
    pub(super) variable: fn(&str) -> Option<OsString>,
}

/// What a user without an entry in `/etc/passwd` is called when the environment knows no name.
const NAMELESS: &str = "user";

/// The shell of whoever has no better one.
const SHELL: &str = "/bin/sh";

impl Surroundings {
    pub(super) fn here() -> Self {
        let uid = Uid::real();
        let account = Accounts::default().user_by_id(uid).ok().flatten();
        Self { uid, gid: Gid::real(), account, variable: |name| std::env::var_os(name) }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// `XDG_STATE_HOME`.
    pub(super) fn state(&self) -> Option<PathBuf> {
        self.path("XDG_STATE_HOME")
    }
}

/// The user. Home is where `HOME` says, since there is `~` for whoever types it; else where the account says; else `/`.
pub(super) fn user(surroundings: &Surroundings) -> User {
    let account = surroundings.account.as_ref();
    let name = account.map(|account| account.name.clone()).unwrap_or_else(|| {
        let told = ["USER", "LOGNAME"].into_iter().filter_map(surroundings.variable);
        told.into_iter().find(|name| is_plain(name)).unwrap_or_else(|| NAMELESS.into())
    });
    let home = surroundings.path("HOME").into_iter().chain(account.map(|account| account.home.clone()));
    let shells = account.map(|account| account.shell.clone()).into_iter().chain(surroundings.path("SHELL"));
    User {
        name,
        uid: surroundings.uid,
        gid: surroundings.gid,
        comment: OsString::new(),
        home: home.into_iter().find(|home| home.is_dir()).unwrap_or_else(|| "/".into()),
        shell: shells.into_iter().find(|shell| is_shell(shell)).unwrap_or_else(|| SHELL.into()),
        // Nobody logs in by it.
        password: Password::Hash(b"*".to_vec()),
    }
}

/// A name that stands in a command without quotes.
fn is_plain(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    !name.is_empty() && name.len() <= 64 && name.first() != Some(&b'-') && name.iter().all(plain)
}

/// A program, and none that is there to send people away.
fn is_shell(path: &Path) -> bool {
    let sends_away = path.file_name().is_some_and(|name| name == "nologin" || name == "false");
    let is_program = |file: std::fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
    !sends_away && path.metadata().is_ok_and(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(home: &str, shell: &str) -> User {
        User {
            name: "alice".into(),
            uid: Uid(1234),
            gid: Gid(5),
            comment: "Alice".into(),
            home: home.into(),
            shell: shell.into(),
            password: Password::Shadowed,
        }
    }

    fn of(account: Option<User>, variable: fn(&str) -> Option<OsString>) -> User {
        user(&Surroundings { uid: Uid(1234), gid: Gid(77), account, variable })
    }

    #[test]
    fn an_account_gives_name_home_and_shell() {
        let user = of(Some(account("/usr", "/bin/sh")), |_| None);
        assert_eq!(
            (user.name.to_str(), user.home.to_str(), user.shell.to_str()),
            (Some("alice"), Some("/usr"), Some("/bin/sh"))
        );
        assert_eq!((user.uid, user.gid), (Uid(1234), Gid(77)));
    }

    #[test]
    fn a_user_without_an_account_is_whoever_the_environment_says() {
        let user = of(None, |name| match name {
            "LOGNAME" => Some("carol".into()),
            "USER" => Some("-oProxyCommand=x".into()),
            "HOME" => Some("/usr".into()),
            _ => None,
        });
        assert_eq!((user.name.to_str(), user.home.to_str()), (Some("carol"), Some("/usr")));
        let nobody = of(None, |_| None);
        assert_eq!((nobody.name.to_str(), nobody.home.to_str()), (Some("user"), Some("/")));
        assert_eq!(nobody.shell.to_str(), Some("/bin/sh"));
    }

    #[test]
    fn a_home_has_to_exist_and_a_shell_has_to_be_one() {
        let user = of(Some(account("/usr", "/usr/sbin/nologin")), |name| match name {
            "HOME" => Some("/nowhere".into()),
            "SHELL" => Some("/bin/sh".into()),
            _ => None,
        });
        assert_eq!((user.home.to_str(), user.shell.to_str()), (Some("/usr"), Some("/bin/sh")));
        let user = of(Some(account("/usr", "/etc/passwd")), |name| (name == "HOME").then(|| "/etc".into()));
        assert_eq!((user.home.to_str(), user.shell.to_str()), (Some("/etc"), Some("/bin/sh")));
    }
}
