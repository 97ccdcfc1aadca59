//! Numbers of users, groups and processes: newtypes, so that none is taken for another.

use std::fmt;
use std::io;

use crate::call::check;

/// A user's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u32);

/// A group's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gid(pub u32);

/// A process's number, of a process that was alive when it was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub i32);

impl Uid {
    /// Root's number.
    pub const ROOT: Self = Self(0);

    /// The real user of the calling thread.
    #[must_use]
    pub fn real() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::getuid() })
    }

    /// The effective user of the calling thread.
    #[must_use]
    pub fn effective() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::geteuid() })
    }
}

impl Gid {
    /// The real group of the calling thread.
    #[must_use]
    pub fn real() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::getgid() })
    }

    /// The effective group of the calling thread.
    #[must_use]
    pub fn effective() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::getegid() })
    }
}

impl Pid {
    /// The calling process.
    #[must_use]
    pub fn own() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::getpid() })
    }

    /// The parent of the calling process: 1, or a subreaper's, when the one that made it has gone; 0 when it is outside this pid namespace.
    #[must_use]
    pub fn parent() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self(unsafe { libc::getppid() })
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whom a process runs as: what `login` would give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub uid: Uid,
    /// The primary group.
    pub gid: Gid,
    /// The supplementary groups; the primary one is usually among them.
    pub groups: Vec<Gid>,
}

impl Credentials {
    /// The effective ids and the supplementary groups of the calling thread.
    ///
    /// # Errors
    /// When the groups cannot be read.
    pub fn current() -> io::Result<Self> {
        Ok(Self { uid: Uid::effective(), gid: Gid::effective(), groups: groups()? })
    }

    /// The groups as the kernel takes them.
    pub(crate) fn raw_groups(&self) -> Vec<libc::gid_t> {
        self.groups.iter().map(|group| group.0).collect()
    }

    /// Whether both name the same user and groups, in whatever order the groups stand.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        let sorted = |ids: &Self| {
            let mut groups = ids.groups.clone();
            groups.sort_unstable();
            groups.dedup();
            groups
        };
        self.uid == other.uid && self.gid == other.gid && sorted(self) == sorted(other)
    }
}

/// The supplementary groups of the calling thread.
fn groups() -> io::Result<Vec<Gid>> {
    // SAFETY: a size of 0 asks for the count; nothing is written.
    let count = check(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut raw = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: `raw` has room for `count` numbers.
    let count = check(unsafe { libc::getgroups(count, raw.as_mut_ptr()) })?;
    raw.truncate(usize::try_from(count).unwrap_or(0));
    Ok(raw.into_iter().map(Gid).collect())
}

/// Real, effective and saved users of the calling thread.
pub(crate) fn users_held() -> io::Result<[u32; 3]> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: all three are live and writable.
    check(unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    Ok([real, effective, saved])
}

/// Real, effective and saved groups of the calling thread.
pub(crate) fn groups_held() -> io::Result<[u32; 3]> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: all three are live and writable.
    check(unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    Ok([real, effective, saved])
}
