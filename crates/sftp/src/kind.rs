//! Which requests there are.

/// A request by its type or, for an extended one, by its name. The order is that of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub enum RequestKind {
    Open,
    Close,
    Read,
    Write,
    Lstat,
    Fstat,
    Setstat,
    Fsetstat,
    Opendir,
    Readdir,
    Remove,
    Mkdir,
    Rmdir,
    Realpath,
    Stat,
    Rename,
    Readlink,
    Symlink,
    PosixRename,
    Statvfs,
    Fstatvfs,
    Hardlink,
    Fsync,
    Lsetstat,
    Limits,
    ExpandPath,
    CopyData,
    HomeDirectory,
    UsersGroupsById,
}

/// What a server knows of a kind of request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) kind: RequestKind,
    /// The name that an administrator allows or denies it by.
    pub(crate) name: &'static str,
    pub(crate) by: By,
    /// Nobody sends it who only looks. OPEN is looked at more closely.
    pub(crate) writes: bool,
}

/// How a request is told from others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// By the type of its packet (draft-ietf-secsh-filexfer-02 §3).
    Number(u8),
    /// By the name of the extension, which is announced with this version (OpenSSH's PROTOCOL §4;
    /// draft-ietf-secsh-filexfer-extensions-00).
    Extension { name: &'static str, version: &'static str },
}

/// Every request, in the order in which OpenSSH lists them and announces the extensions.
pub(crate) static ROWS: &[Row] = &[
    plain(RequestKind::Open, "open", 3, false),
    plain(RequestKind::Close, "close", 4, false),
    plain(RequestKind::Read, "read", 5, false),
    plain(RequestKind::Write, "write", 6, true),
    plain(RequestKind::Lstat, "lstat", 7, false),
    plain(RequestKind::Fstat, "fstat", 8, false),
    plain(RequestKind::Setstat, "setstat", 9, true),
    plain(RequestKind::Fsetstat, "fsetstat", 10, true),
    plain(RequestKind::Opendir, "opendir", 11, false),
    plain(RequestKind::Readdir, "readdir", 12, false),
    plain(RequestKind::Remove, "remove", 13, true),
    plain(RequestKind::Mkdir, "mkdir", 14, true),
    plain(RequestKind::Rmdir, "rmdir", 15, true),
    plain(RequestKind::Realpath, "realpath", 16, false),
    plain(RequestKind::Stat, "stat", 17, false),
    plain(RequestKind::Rename, "rename", 18, true),
    plain(RequestKind::Readlink, "readlink", 19, false),
    plain(RequestKind::Symlink, "symlink", 20, true),
    extended(RequestKind::PosixRename, "posix-rename", "posix-rename@openssh.com", "1", true),
    extended(RequestKind::Statvfs, "statvfs", "statvfs@openssh.com", "2", false),
    extended(RequestKind::Fstatvfs, "fstatvfs", "fstatvfs@openssh.com", "2", false),
    extended(RequestKind::Hardlink, "hardlink", "hardlink@openssh.com", "1", true),
    extended(RequestKind::Fsync, "fsync", "fsync@openssh.com", "1", true),
    extended(RequestKind::Lsetstat, "lsetstat", "lsetstat@openssh.com", "1", true),
    extended(RequestKind::Limits, "limits", "limits@openssh.com", "1", false),
    extended(RequestKind::ExpandPath, "expand-path", "expand-path@openssh.com", "1", false),
    extended(RequestKind::CopyData, "copy-data", "copy-data", "1", true),
    extended(RequestKind::HomeDirectory, "home-directory", "home-directory", "1", false),
    extended(
        RequestKind::UsersGroupsById,
        "users-groups-by-id",
        "users-groups-by-id@openssh.com",
        "1",
        false,
    ),
];

const fn plain(kind: RequestKind, name: &'static str, number: u8, writes: bool) -> Row {
    Row { kind, name, by: By::Number(number), writes }
}

const fn extended(
    kind: RequestKind,
    name: &'static str,
    extension: &'static str,
    version: &'static str,
    writes: bool,
) -> Row {
    Row { kind, name, by: By::Extension { name: extension, version }, writes }
}

impl RequestKind {
    /// Every kind, in the order of the protocol.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.kind)
    }

    /// The name that an administrator knows it by, as `sftp-server -Q requests` lists it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        ROWS.iter().find(|row| matches!(row.by, By::Number(n) if n == number)).map(|row| row.kind)
    }

    pub(crate) fn extension(wanted: &[u8]) -> Option<Self> {
        let named = |row: &&Row| matches!(row.by, By::Extension { name, .. } if name.as_bytes() == wanted);
        ROWS.iter().find(named).map(|row| row.kind)
    }

    pub(crate) fn writes(self) -> bool {
        self.row().is_some_and(|row| row.writes)
    }

    fn row(self) -> Option<&'static Row> {
        // The table is in the order of the kinds; a test sees to it.
        ROWS.get(self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds() {
        for row in ROWS {
            assert_eq!(row.kind.name(), row.name);
            assert_eq!(RequestKind::named(row.name), Some(row.kind));
        }
        assert_eq!(RequestKind::UsersGroupsById as usize + 1, ROWS.len());
    }

    #[test]
    fn a_request_is_found_by_its_number_or_extension() {
        assert_eq!(RequestKind::numbered(20), Some(RequestKind::Symlink));
        assert_eq!(RequestKind::numbered(200), None);
        assert_eq!(RequestKind::extension(b"copy-data"), Some(RequestKind::CopyData));
        assert_eq!(RequestKind::extension(b"posix-rename"), None);
    }
}
