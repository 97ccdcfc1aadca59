//! Accounts, from `/etc/passwd`, `/etc/group` and `/etc/shadow`.
//!
//! Parsed here, because a static binary cannot load what the C library would ask. The files are read line by line, up to
//! [`MAX_ACCOUNT_FILE`]; a line that is too long or is not what it should be does not exist. The first match wins.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::fd::open_to_read;
use crate::ids::{Credentials, Gid, Uid};
use crate::limits::{MAX_ACCOUNT_FILE, MAX_ACCOUNT_LINE, MAX_GROUPS, MAX_NOLOGIN};

/// Where the account files are.
#[derive(Clone, Debug)]
pub struct Accounts {
    root: PathBuf,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: OsString,
    /// The number.
    pub uid: Uid,
    /// The primary group.
    pub gid: Gid,
    /// The full name and what else stands there.
    pub comment: OsString,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell; `/bin/sh` when the field is empty.
    pub shell: PathBuf,
    /// The password field.
    pub password: Password,
}

/// A line of `/etc/group`, without its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: OsString,
    /// The number.
    pub gid: Gid,
}

/// A password field of `/etc/passwd` or `/etc/shadow`.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// None is needed.
    Empty,
    /// `x`: it stands in `/etc/shadow`.
    Shadowed,
    /// Begins with `!`: the account is locked, for keys too.
    Locked,
    /// Anything else: the text of a hash, or something like `*` that no password leads to.
    Hash(Vec<u8>),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Shadowed => "Shadowed",
            Self::Locked => "Locked",
            Self::Hash(_) => "Hash(…)",
        })
    }
}

impl Password {
    fn of(field: &[u8]) -> Self {
        match field {
            b"" => Self::Empty,
            b"x" => Self::Shadowed,
            [b'!', ..] => Self::Locked,
            other => Self::Hash(other.to_vec()),
        }
    }
}

/// A line of `/etc/shadow`. Days count from 1970-01-01; a field that is empty or no number is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The password.
    pub password: Password,
    /// The day of its last change; 0: it must be changed now.
    pub changed: Option<i64>,
    /// For how many days after that it is good.
    pub good_for: Option<i64>,
    /// For how many days after that it may still be changed.
    pub grace: Option<i64>,
    /// The first day on which the account is expired.
    pub expires: Option<i64>,
}

impl Shadow {
    /// Whether the account is expired on that day, whatever the login method.
    #[must_use]
    pub fn is_expired(&self, day: i64) -> bool {
        self.expires.is_some_and(|expires| day >= expires)
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Accounts {
    /// The files below `root`: `/` but in tests.
    #[must_use]
    pub fn below(root: impl AsRef<Path>) -> Self {
        Self { root: root.as_ref().to_owned() }
    }

    /// The account of that name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn user(&self, name: &[u8]) -> io::Result<Option<User>> {
        self.first_user(|user| user.name.as_encoded_bytes() == name)
    }

    /// The first account of that number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn user_by_id(&self, uid: Uid) -> io::Result<Option<User>> {
        self.first_user(|user| user.uid == uid)
    }

    fn first_user(&self, wanted: impl Fn(&User) -> bool) -> io::Result<Option<User>> {
        self.find("passwd", |line| user(line).filter(&wanted))
    }

    /// The group of that name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn group(&self, name: &[u8]) -> io::Result<Option<Group>> {
        self.find("group", |line| {
            group(line).map(|(group, _)| group).filter(|group| group.name.as_encoded_bytes() == name)
        })
    }

    /// The groups a user is in: the primary one first, each once, at most [`MAX_GROUPS`]. Without a group file only the primary one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn groups_of(&self, user: &User) -> io::Result<Vec<Gid>> {
        let mut groups = vec![user.gid];
        let name = user.name.as_encoded_bytes();
        self.find("group", |line| {
            if let Some((group, mut members)) = group(line) {
                let member = members.any(|member| member == name);
                if member && !groups.contains(&group.gid) && groups.len() < MAX_GROUPS {
                    groups.push(group.gid);
                }
            }
            None::<()>
        })?;
        Ok(groups)
    }

    /// The names of these groups, as far as they have one, in the order of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn group_names(&self, groups: &[Gid]) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        self.find("group", |line| {
            let group = group(line).map(|(group, _)| group).filter(|group| groups.contains(&group.gid));
            names.extend(group.map(|group| group.name));
            None::<()>
        })?;
        Ok(names)
    }

    /// What a process of the user runs as.
    ///
    /// # Errors
    /// When the group file cannot be read.
    pub fn credentials(&self, user: &User) -> io::Result<Credentials> {
        Ok(Credentials { uid: user.uid, gid: user.gid, groups: self.groups_of(user)? })
    }

    /// The shadow entry of that name.
    ///
    /// # Errors
    /// `PermissionDenied` unless root asks.
    pub fn shadow(&self, name: &[u8]) -> io::Result<Option<Shadow>> {
        self.find("shadow", |line| shadow(line).filter(|(owner, _)| *owner == name).map(|(_, shadow)| shadow))
    }

    /// Whether the account is locked, for keys as well as passwords: its password begins with `!`, in the shadow file when it stands
    /// there and that may be read.
    ///
    /// # Errors
    /// When the shadow file is there but cannot be read for another reason than its permissions.
    pub fn is_locked(&self, user: &User) -> io::Result<bool> {
        if user.password != Password::Shadowed {
            return Ok(user.password == Password::Locked);
        }
        match self.shadow(user.name.as_encoded_bytes()) {
            Ok(shadow) => Ok(shadow.is_some_and(|shadow| shadow.password == Password::Locked)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The text of `/etc/nologin`, at most [`MAX_NOLOGIN`] bytes: while it exists only root may log in. A file that cannot be read
    /// counts as one without text.
    #[must_use]
    pub fn nologin(&self) -> Option<Vec<u8>> {
        let path = self.root.join("etc/nologin");
        path.symlink_metadata().ok()?;
        let mut text = Vec::new();
        if let Ok(file) = open(&path) {
            // What was read before an error is still worth showing.
            let _ = file.take(MAX_NOLOGIN).read_to_end(&mut text);
        }
        Some(text)
    }

    /// The first line of a file for which `pick` gives something. A missing file is an empty one.
    fn find<T>(&self, file: &str, mut pick: impl FnMut(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
        let file = match open(&self.root.join("etc").join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            done => done?,
        };
        let mut reader = BufReader::new(file.take(MAX_ACCOUNT_FILE));
        let mut line = Vec::new();
        while next_line(&mut reader, &mut line)? {
            if let Some(found) = pick(&line) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// A regular file, opened so that a fifo in its place stops nobody.
fn open(path: &Path) -> io::Result<File> {
    let file = open_to_read(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(io::ErrorKind::InvalidInput)) }
}

/// The next line, without its end; one that is too long comes as an empty one. False at the end of the file.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = MAX_ACCOUNT_LINE as u64 + 1;
    if reader.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > MAX_ACCOUNT_LINE {
        line.clear();
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

/// Exactly so many fields, none of which has a NUL; the first has something in it, and is no marker of NIS.
fn fields<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts = line.split(|byte| *byte == b':');
    let mut fields: [&[u8]; N] = [&[]; N];
    for field in &mut fields {
        *field = parts.next()?;
    }
    let named = !matches!(fields.first(), None | Some([] | [b'+' | b'-' | b'#', ..]));
    (named && parts.next().is_none() && !line.contains(&0)).then_some(fields)
}

/// A number as the account files have it: digits only, and not the one that means "leave as it is" to the kernel.
fn id(field: &[u8]) -> Option<u32> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()?;
    (number != u32::MAX).then_some(number)
}

fn text(field: &[u8]) -> OsString {
    OsString::from_vec(field.to_vec())
}

fn user(line: &[u8]) -> Option<User> {
    let [name, password, uid, gid, comment, home, shell] = fields(line)?;
    let shell: &[u8] = if shell.is_empty() { b"/bin/sh" } else { shell };
    Some(User {
        name: text(name),
        uid: Uid(id(uid)?),
        gid: Gid(id(gid)?),
        comment: text(comment),
        home: text(home).into(),
        shell: text(shell).into(),
        password: Password::of(password),
    })
}

fn group(line: &[u8]) -> Option<(Group, impl Iterator<Item = &[u8]>)> {
    let [name, _password, gid, members] = fields(line)?;
    let group = Group { name: text(name), gid: Gid(id(gid)?) };
    Some((group, members.split(|byte| *byte == b',')))
}

fn shadow(line: &[u8]) -> Option<(&[u8], Shadow)> {
    let [name, password, changed, _least, good_for, _warn, grace, expires, _reserved] = fields(line)?;
    let days = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok().filter(|days| *days >= 0);
    let shadow = Shadow {
        password: Password::of(password),
        changed: days(changed),
        good_for: days(good_for),
        grace: days(grace),
        expires: days(expires),
    };
    Some((name, shadow))
}
