//! Requests that are answered at once.

use std::sync::Arc;

use wire::{Encode, Reader, put_string, put_u32};

use super::Server;
use crate::handles::{Open, OpenDirectory, OpenFile};
use crate::journal::{Level, Shown};
use crate::kind::RequestKind;
use crate::replies::{reply, status};
use crate::request::Request;
use crate::settings::Refusal;
use crate::{Attributes, FileSystem, OpenFlags, Space, Status, limits};

const HANDLE: u8 = 102;
pub(super) const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED_REPLY: u8 = 201;

/// The permissions that a client can set.
const MODE: u32 = 0o7777;

/// What a request is answered with.
pub(super) enum Answer {
    /// How it ended.
    Status(Status),
    /// How it ended, in other words than usual.
    Text(Status, &'static str),
    /// A packet of this type, with this behind the number of the request.
    Packet(u8, Vec<u8>),
}

impl From<Result<(), Status>> for Answer {
    fn from(result: Result<(), Status>) -> Self {
        Self::Status(result.err().unwrap_or(Status::Ok))
    }
}

impl From<Result<Answer, Status>> for Answer {
    fn from(result: Result<Answer, Status>) -> Self {
        result.unwrap_or_else(Self::Status)
    }
}

impl<F: FileSystem> Server<F> {
    /// Answers a request. Nothing else is under way.
    pub(super) fn request(&mut self, id: u32, request: Request<'_>) {
        match self.answer_to(id, request) {
            Answer::Status(ended) => self.answer(id, ended),
            Answer::Text(ended, text) => {
                self.note_status(id, ended);
                self.replies.put(&status(id, ended, text));
            }
            Answer::Packet(number, rest) => {
                let reply = reply(number, Some(id), |out| out.extend_from_slice(&rest));
                if reply.len() > limits::PACKET {
                    // No client could take it.
                    self.answer(id, Status::Failure);
                } else {
                    self.replies.put(&reply);
                }
            }
        }
    }

    fn answer_to(&mut self, id: u32, request: Request<'_>) -> Answer {
        match request {
            Request::Open { path, flags, attributes } => self.open(path, flags, &attributes).into(),
            Request::Close { handle } => self.close(handle).into(),
            Request::Attributes { path, follow } => {
                let name = if follow { "stat" } else { "lstat" };
                self.journal.note(Level::Verbose, || format!("{name} name \"{}\"", Shown(path)));
                self.named(path).and_then(|path| self.files.attributes(path, follow)).map(attributes).into()
            }
            Request::FileAttributes { handle } => self
                .file(handle)
                .and_then(|file| self.files.file_attributes(&file.file))
                .map(attributes)
                .into(),
            Request::SetAttributes { path, attributes, follow } => {
                let name = if follow { "setstat" } else { "lsetstat" };
                let shown = || format!("request {id}: {name} name \"{}\"", Shown(path));
                self.journal.note(Level::Debug1, shown);
                self.note_changes(path, &attributes);
                if attributes.is_empty() {
                    return Answer::Status(Status::Ok);
                }
                self.named(path).and_then(|path| self.files.set_attributes(path, &attributes, follow)).into()
            }
            Request::SetFileAttributes { handle, attributes } => {
                let path = self.file(handle).map(|file| Arc::clone(&file.path));
                if let Ok(path) = &path {
                    self.note_changes(path, &attributes);
                }
                let set = |file: &OpenFile<F>| self.files.set_file_attributes(&file.file, &attributes);
                let is_empty = attributes.is_empty();
                self.file(handle).and_then(|file| if is_empty { Ok(()) } else { set(file) }).into()
            }
            Request::OpenDirectory { path } => self.open_directory(path).into(),
            Request::ReadDirectory { handle } => self.read_directory(id, handle),
            Request::Remove { path } => {
                self.journal.note(Level::Info, || format!("remove name \"{}\"", Shown(path)));
                self.named(path).and_then(|path| self.files.remove(path)).into()
            }
            Request::MakeDirectory { path, attributes } => {
                let mode = attributes.permissions.map_or(0o777, |mode| mode & MODE);
                self.journal.note(Level::Info, || format!("mkdir name \"{}\" mode 0{mode:o}", Shown(path)));
                self.named(path).and_then(|path| self.files.make_directory(path, &attributes)).into()
            }
            Request::RemoveDirectory { path } => {
                self.journal.note(Level::Info, || format!("rmdir name \"{}\"", Shown(path)));
                self.named(path).and_then(|path| self.files.remove_directory(path)).into()
            }
            Request::RealPath { path } => {
                let path = if path.is_empty() { b"." } else { path };
                self.journal.note(Level::Verbose, || format!("realpath \"{}\"", Shown(path)));
                self.files.real_path(path).map(|path| name(&path)).into()
            }
            Request::Rename { from, to, replace } => {
                let request = if replace { RequestKind::PosixRename } else { RequestKind::Rename };
                self.note_pair(Level::Info, request, from, to);
                self.pair(from, to).and_then(|()| self.files.rename(from, to, replace)).into()
            }
            Request::ReadLink { path } => {
                self.journal.note(Level::Verbose, || format!("readlink \"{}\"", Shown(path)));
                self.named(path).and_then(|path| self.files.read_link(path)).map(|path| name(&path)).into()
            }
            Request::MakeLink { target, link } => {
                self.note_pair(Level::Info, RequestKind::Symlink, target, link);
                self.pair(target, link).and_then(|()| self.files.make_link(target, link)).into()
            }
            Request::Space { path } => {
                self.journal.note(Level::Info, || format!("statvfs \"{}\"", Shown(path)));
                self.named(path).and_then(|path| self.files.space(path)).map(|found| space(&found)).into()
            }
            Request::FileSpace { handle } => self
                .file(handle)
                .and_then(|file| self.files.file_space(&file.file))
                .map(|found| space(&found))
                .into(),
            Request::MakeHardLink { from, to } => {
                self.note_pair(Level::Info, RequestKind::Hardlink, from, to);
                self.pair(from, to).and_then(|()| self.files.make_hard_link(from, to)).into()
            }
            Request::Limits => self.limits(),
            Request::ExpandPath { path } => self.expand(id, path),
            Request::HomeDirectory { user } => match self.files.home_directory(user) {
                Ok(home) => {
                    let shown = || format!("home-directory \"{}\"", Shown(&home));
                    self.journal.note(Level::Verbose, shown);
                    name(&home)
                }
                Err(_) => Answer::Status(Status::Failure),
            },
            Request::Names { users, groups } => self.names(users, groups),
        }
    }

    fn open(&mut self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Result<Answer, Status> {
        self.journal.note(Level::Info, || {
            let mode = attributes.permissions.map_or(0o666, |mode| mode & MODE);
            format!("open \"{}\" flags {} mode 0{mode:o}", Shown(path), flag_names(flags))
        });
        if self.settings.read_only && (flags.write || flags.create || flags.truncate) {
            self.journal.note(Level::Verbose, || Refusal::ReadOnly.text(RequestKind::Open.name()));
            return Err(Status::PermissionDenied);
        }
        let path = self.named(path)?;
        if !self.handles.has_room() {
            return Err(Status::Failure);
        }
        let file = Arc::new(self.files.open(path, flags, attributes)?);
        let (path, append) = (path.into(), flags.append);
        let handle = self.handles.insert(Open::File(OpenFile { file, path, append, read: 0, written: 0 }));
        Ok(handle_reply(handle.to_bytes()))
    }

    fn open_directory(&mut self, path: &[u8]) -> Result<Answer, Status> {
        self.journal.note(Level::Info, || format!("opendir \"{}\"", Shown(path)));
        let path = self.named(path)?;
        if !self.handles.has_room() {
            return Err(Status::Failure);
        }
        let directory = self.files.open_directory(path)?;
        let open = OpenDirectory { directory, path: path.into(), next: None, ended: false };
        let handle = self.handles.insert(Open::Directory(open));
        Ok(handle_reply(handle.to_bytes()))
    }

    fn close(&mut self, handle: &[u8]) -> Result<(), Status> {
        match self.handles.remove(handle) {
            Some((_, Open::File(file))) => {
                self.journal.note(Level::Info, || file.closing());
                file.close(&self.files)
            }
            Some((_, Open::Directory(directory))) => {
                self.journal.note(Level::Info, || format!("closedir \"{}\"", Shown(&directory.path)));
                Ok(())
            }
            None => {
                self.journal.note(Level::Info, || "closedir \"(null)\"".into());
                Err(Status::NoSuchFile)
            }
        }
    }

    fn limits(&self) -> Answer {
        let handles = self.files.limits().handles.min(limits::HANDLES);
        let mut rest = Vec::new();
        for limit in [limits::PACKET, limits::READ, limits::WRITE, handles] {
            u64::try_from(limit).unwrap_or(u64::MAX).encode(&mut rest);
        }
        Answer::Packet(EXTENDED_REPLY, rest)
    }

    /// Expands `~` and `~user` at the start of a path, and makes it a real path. `~` is where paths begin that begin nowhere.
    fn expand(&mut self, id: u32, path: &[u8]) -> Answer {
        self.journal.note(Level::Debug3, || format!("request {id}: expand, original \"{}\"", Shown(path)));
        let (base, rest) = match path.strip_prefix(b"~") {
            Some(behind) => {
                let slash = behind.iter().position(|byte| *byte == b'/').unwrap_or(behind.len());
                let (user, rest) = behind.split_at_checked(slash).unwrap_or((behind, &[]));
                if user.is_empty() {
                    (self.files.real_path(b"."), rest)
                } else {
                    match self.files.home_directory(user) {
                        // Also with nothing behind it, so that a home that is not there is not found.
                        Ok(home) if rest.is_empty() => (Ok(home), &b"/"[..]),
                        Ok(home) => (Ok(home), rest),
                        Err(_) => return Answer::Text(Status::NoSuchFile, "no such user"),
                    }
                }
            }
            None if path.starts_with(b"/") => (Ok(Vec::new()), path),
            None => (self.files.real_path(b".").map(|base| [&base[..], b"/"].concat()), path),
        };
        let expanded = base.map(|base| [&base[..], rest].concat());
        if let Ok(path) = &expanded {
            self.journal.note(Level::Verbose, || format!("expand \"{}\"", Shown(path)));
        }
        expanded.and_then(|path| self.files.real_path(&path)).map(|path| name(&path)).into()
    }

    /// Names for numbers; an empty one for a number that has none.
    fn names(&mut self, users: &[u8], groups: &[u8]) -> Answer {
        let (count, group_count) = (users.len() / 4, groups.len() / 4);
        self.journal
            .note(Level::Verbose, || format!("users-groups-by-id: {count} users, {group_count} groups"));
        let list = |numbers: &[u8], name: &dyn Fn(u32) -> Option<Vec<u8>>| {
            let (mut numbers, mut names) = (Reader::new(numbers), Vec::new());
            while let Ok(number) = numbers.u32()
                && names.len() <= limits::PACKET
            {
                put_string(&mut names, &name(number).unwrap_or_default());
            }
            names
        };
        let mut rest = Vec::new();
        put_string(&mut rest, &list(users, &|id| self.files.user_name(id)));
        put_string(&mut rest, &list(groups, &|id| self.files.group_name(id)));
        Answer::Packet(EXTENDED_REPLY, rest)
    }

    /// A path that names something.
    #[allow(clippy::unused_self, reason = "so that it reads as the other checks do")]
    fn named<'p>(&self, path: &'p [u8]) -> Result<&'p [u8], Status> {
        if path.is_empty() { Err(Status::NoSuchFile) } else { Ok(path) }
    }

    fn pair(&self, one: &[u8], other: &[u8]) -> Result<(), Status> {
        self.named(one).and(self.named(other)).map(|_| ())
    }

    fn file(&self, handle: &[u8]) -> Result<&OpenFile<F>, Status> {
        self.handles.file(handle).map(|(_, file)| file).ok_or(Status::Failure)
    }

    fn note_pair(&mut self, level: Level, request: RequestKind, old: &[u8], new: &[u8]) {
        let text = || format!("{} old \"{}\" new \"{}\"", request.name(), Shown(old), Shown(new));
        self.journal.note(level, text);
    }

    fn note_changes(&mut self, path: &[u8], attributes: &Attributes) {
        let path = Shown(path);
        if let Some(size) = attributes.size {
            self.journal.note(Level::Info, || format!("set \"{path}\" size {size}"));
        }
        if let Some(mode) = attributes.permissions {
            self.journal.note(Level::Info, || format!("set \"{path}\" mode {mode:04o}"));
        }
        if let Some(times) = attributes.times {
            let files = &self.files;
            self.journal.note(Level::Info, || {
                let date = files.date(times.modified);
                format!(
                    "set \"{path}\" modtime {:04}{:02}{:02}-{:02}:{:02}:{:02}",
                    date.year, date.month, date.day, date.hour, date.minute, date.second
                )
            });
        }
        if let Some((user, group)) = attributes.owner {
            self.journal.note(Level::Info, || format!("set \"{path}\" owner {user} group {group}"));
        }
    }
}

/// The flags of OPEN as the log shows them.
fn flag_names(flags: OpenFlags) -> String {
    let OpenFlags { read, write, append, create, truncate, exclusive } = flags;
    let names = [
        (read, "READ"),
        (write, "WRITE"),
        (append, "APPEND"),
        (create, "CREATE"),
        (truncate, "TRUNCATE"),
        (exclusive, "EXCL"),
    ];
    let set: Vec<&str> = names.into_iter().filter_map(|(set, name)| set.then_some(name)).collect();
    set.join(",")
}

fn handle_reply(handle: [u8; 8]) -> Answer {
    let mut rest = Vec::new();
    put_string(&mut rest, &handle);
    Answer::Packet(HANDLE, rest)
}

fn attributes(attributes: Attributes) -> Answer {
    let mut rest = Vec::new();
    attributes.encode(&mut rest);
    Answer::Packet(ATTRS, rest)
}

/// One name, with nothing said of the file.
fn name(path: &[u8]) -> Answer {
    let mut rest = Vec::new();
    put_u32(&mut rest, 1);
    put_string(&mut rest, path);
    put_string(&mut rest, path);
    Attributes::default().encode(&mut rest);
    Answer::Packet(NAME, rest)
}

fn space(space: &Space) -> Answer {
    let flags = u64::from(space.read_only) | u64::from(space.no_setuid) << 1;
    let mut rest = Vec::new();
    for number in [
        space.block_size,
        space.fragment_size,
        space.blocks,
        space.blocks_free,
        space.blocks_available,
        space.files,
        space.files_free,
        space.files_available,
        space.id,
        flags,
        space.name_max,
    ] {
        number.encode(&mut rest);
    }
    Answer::Packet(EXTENDED_REPLY, rest)
}
