//! `ChrootDirectory`: the root of a user's session.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;

use sys::ids::Uid;
use sys::users::User;
use text::percent::ExpandError;

use crate::settings::without_number;

use super::limits::CHROOT_MAX;

/// Why nobody can be let in there, as OpenSSH says it.
#[derive(Debug)]
pub(super) enum Unusable {
    /// Only root can change the root.
    NoRight,
    /// A token that stands for nothing.
    Token(String, ExpandError),
    /// Name or home of the user are not UTF-8.
    User,
    Relative,
    TooLong,
    /// What is not there.
    Missing(String, io::Error),
    /// Somebody other than root could change what is there.
    Modes {
        /// The path as far as this directory, which is not the last.
        component: bool,
        path: String,
    },
    NoDirectory {
        component: bool,
        path: String,
    },
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |component: &bool| if *component { "component " } else { "" };
        match self {
            Self::NoRight => f.write_str("server lacks privileges to chroot to ChrootDirectory"),
            Self::Token(path, error) => write!(f, "ChrootDirectory {path}: {error}"),
            Self::User => f.write_str("ChrootDirectory: name or home directory of the user is not UTF-8"),
            Self::Relative => f.write_str("chroot path does not begin at root"),
            Self::TooLong => f.write_str("chroot path too long"),
            Self::Missing(path, error) => {
                write!(f, "safely_chroot: stat(\"{path}\"): {}", without_number(error))
            }
            Self::Modes { component, path } => {
                write!(f, "bad ownership or modes for chroot directory {}\"{path}\"", part(component))
            }
            Self::NoDirectory { component, path } => {
                write!(f, "chroot path {}\"{path}\" is not a directory", part(component))
            }
        }
    }
}

/// The directory for this user, if there is to be one, after a look at each directory on its way.
pub(super) fn directory(template: Option<&str>, user: &User) -> Result<Option<CString>, Unusable> {
    let Some(template) = template else { return Ok(None) };
    if Uid::effective() != Uid::ROOT {
        return Err(Unusable::NoRight);
    }
    let path = expanded(template, user)?;
    check(&path, |path| {
        let found = std::fs::metadata(path)?;
        let safe = found.uid() == Uid::ROOT.0 && found.mode() & 0o022 == 0;
        Ok(Found { safe, directory: found.is_dir() })
    })?;
    // No configuration line holds a NUL.
    CString::new(path).map(Some).map_err(|_| Unusable::TooLong)
}

fn expanded(template: &str, user: &User) -> Result<String, Unusable> {
    let home = user.home.to_str().ok_or(Unusable::User)?;
    let name = user.name.to_str().ok_or(Unusable::User)?;
    let uid = user.uid.to_string();
    let in_home = template.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let template = in_home.map_or_else(|| template.to_owned(), |rest| format!("%h{rest}"));
    let tokens = [('h', home), ('u', name), ('U', uid.as_str())];
    text::percent::expand(&template, &tokens, None).map_err(|error| Unusable::Token(template, error))
}

/// What stands at a path, links followed.
struct Found {
    /// Only root can change it.
    safe: bool,
    directory: bool,
}

fn check(path: &str, look: impl Fn(&str) -> io::Result<Found>) -> Result<(), Unusable> {
    if !path.starts_with('/') {
        return Err(Unusable::Relative);
    }
    if path.len() > CHROOT_MAX {
        return Err(Unusable::TooLong);
    }
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..=at)).map(|path| (path, true));
    for (path, component) in above.chain([(path, false)]) {
        let found = look(path).map_err(|error| Unusable::Missing(path.to_owned(), error))?;
        if !found.safe {
            return Err(Unusable::Modes { component, path: path.to_owned() });
        }
        if !found.directory {
            return Err(Unusable::NoDirectory { component, path: path.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use sys::ids::Gid;
    use sys::users::Password;

    use super::*;

    fn alice() -> User {
        User {
            name: "alice".into(),
            uid: Uid(1000),
            gid: Gid(1000),
            comment: "".into(),
            home: "/home/a%u".into(),
            shell: "/bin/sh".into(),
            password: Password::Locked,
        }
    }

    #[test]
    fn tokens_are_the_user_s() {
        let path = |template| expanded(template, &alice()).map_err(|error| error.to_string());
        assert_eq!(path("/jail/%u-%U%%/%h").unwrap(), "/jail/alice-1000%//home/a%u");
        assert_eq!(path("~/jail").unwrap(), "/home/a%u/jail");
        assert_eq!(path("~").unwrap(), "/home/a%u");
        assert_eq!(path("~bob").unwrap(), "~bob");
        let error = path("/jail/%z").unwrap_err();
        assert!(error.starts_with("ChrootDirectory /jail/%z: "), "{error}");
    }

    #[test]
    fn every_directory_on_the_way_is_looked_at() {
        let seen = RefCell::new(Vec::new());
        let look = |path: &str| {
            seen.borrow_mut().push(path.to_owned());
            Ok(Found { safe: true, directory: true })
        };
        check("/a//b/../c", look).unwrap();
        assert_eq!(*seen.borrow(), ["/", "/a/", "/a//", "/a//b/", "/a//b/../", "/a//b/../c"]);
    }

    #[test]
    fn what_is_unsafe_is_refused_in_openssh_s_words() {
        let tree = |path: &str| match path {
            "/open/" | "/a/open" => Ok(Found { safe: false, directory: true }),
            "/file/" | "/a/file" => Ok(Found { safe: true, directory: false }),
            path if path.contains("none") => Err(io::Error::from_raw_os_error(2)),
            _ => Ok(Found { safe: true, directory: true }),
        };
        let refused = |path: &str| check(path, tree).unwrap_err().to_string();
        assert!(check("/", tree).is_ok() && check("/a/b/", tree).is_ok());
        for (path, said) in [
            ("a", "chroot path does not begin at root"),
            ("", "chroot path does not begin at root"),
            ("/a/none/b", "safely_chroot: stat(\"/a/none/\"): No such file or directory"),
            ("/a/open", "bad ownership or modes for chroot directory \"/a/open\""),
            ("/open/a", "bad ownership or modes for chroot directory component \"/open/\""),
            ("/a/file", "chroot path \"/a/file\" is not a directory"),
            ("/file/a", "chroot path component \"/file/\" is not a directory"),
        ] {
            assert_eq!(refused(path), said);
        }
        assert_eq!(refused(&format!("/{}", "x".repeat(CHROOT_MAX))), "chroot path too long");
    }

    #[test]
    fn a_real_directory_that_everybody_can_write_to_is_refused() {
        let found = directory(Some("/tmp/x"), &alice());
        if Uid::effective() == Uid::ROOT {
            let said = found.unwrap_err().to_string();
            assert_eq!(said, "bad ownership or modes for chroot directory component \"/tmp/\"");
            assert_eq!(directory(Some("/"), &alice()).unwrap(), Some(c"/".to_owned()));
        } else {
            let said = found.unwrap_err().to_string();
            assert_eq!(said, "server lacks privileges to chroot to ChrootDirectory");
        }
        assert_eq!(directory(None, &alice()).unwrap(), None);
    }
}
