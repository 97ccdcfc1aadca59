//! A tree of files, as SFTP sees it.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sftp::{Attributes, Date, Entry, FileSystem, FileSystemLimits, OpenFlags, Space, Status, Times, Tried};
use sys::directory::Directory;
use sys::file::{self, Access, Opening, PERMISSIONS, Place};
use sys::file_io::{self, Room};
use sys::local_time::local_time;
use sys::process::{Resource, limit};

use crate::below::Below;
use crate::fault;
use crate::limits::OWN_DESCRIPTORS;
use crate::names::Names;
use crate::open_file::OpenFile;
use crate::real_path::real_path;
use crate::root::Root;
use crate::whole::Whole;

/// Files with the rights of the process.
#[derive(Debug, Default)]
pub struct Tree<R> {
    root: R,
    names: Names,
}

/// A directory that is listed.
#[derive(Debug)]
pub struct OpenDirectory {
    directory: Directory,
    parent: CString,
}

impl Tree<Whole> {
    /// All files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Tree<Below> {
    /// The files below this directory, which may be moved afterwards.
    ///
    /// # Errors
    /// What the system says, such as that it is no directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: Below::new(path)?, names: Names::default() })
    }

    /// Relative paths begin here, and not at `/`: an absolute path of the tree.
    #[must_use]
    pub fn starting_in(mut self, path: &[u8]) -> Self {
        self.root.start_in(path);
        self
    }

    #[cfg(test)]
    pub(crate) fn walking(mut self) -> Self {
        self.root.walk_always();
        self
    }
}

/// What the client is told.
type Answer<T> = Result<T, Status>;

fn answer<T>(outcome: io::Result<T>) -> Answer<T> {
    outcome.map_err(|error| fault::status(&error))
}

fn c_string(path: &[u8]) -> Answer<CString> {
    CString::new(path).map_err(|_| Status::BadMessage)
}

fn known(status: &file::Status) -> Attributes {
    // The protocol's times end in 2106; as in OpenSSH's server they begin again then.
    let times = Times { accessed: status.accessed as u32, modified: status.modified as u32 };
    Attributes {
        size: Some(status.size),
        owner: Some((status.user, status.group)),
        permissions: Some(status.mode),
        times: Some(times),
    }
}

fn space(room: Room) -> Space {
    Space {
        block_size: room.block_size,
        fragment_size: room.fragment_size,
        blocks: room.blocks,
        blocks_free: room.blocks_free,
        blocks_available: room.blocks_available,
        files: room.files,
        files_free: room.files_free,
        files_available: room.files_available,
        id: room.id,
        read_only: room.read_only,
        no_setuid: room.no_setuid,
        name_max: room.name_max,
    }
}

impl<R: Root> Tree<R> {
    fn rename_without_replacing(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (from, to) = (CString::new(from)?, CString::new(to)?);
        let from = self.root.entry(&from)?;
        let is_regular = file::status(from.place())?.is_regular();
        let to = self.root.entry(&to)?;
        match file::rename(from.place(), to.place(), false) {
            Err(error) if fault::cannot_rename_so(&error) => {}
            // With a slash behind the name of a file, that is what is told.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !is_regular => {
                return file::status(to.place()).and(Err(error));
            }
            done => return done,
        }
        rename_by_link(from.place(), to.place(), is_regular)
    }

    fn set_named_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> io::Result<()> {
        let path = CString::new(path)?;
        let mut outcome = Ok(());
        let mut note = |result: io::Result<()>| {
            if result.is_err() {
                outcome = result;
            }
        };
        if let Some(size) = attributes.size {
            note(self.root.set_size(&path, size));
        }
        if attributes.permissions.is_some() || attributes.times.is_some() || attributes.owner.is_some() {
            let found = if follow { self.root.target(&path) } else { self.root.entry(&path) };
            match found {
                Err(error) => note(Err(error)),
                Ok(found) => {
                    if let Some(mode) = attributes.permissions {
                        note(file::set_mode(found.place(), mode));
                    }
                    if let Some(Times { accessed, modified }) = attributes.times {
                        note(file::set_times(found.place(), accessed.into(), modified.into()));
                    }
                    if let Some((user, group)) = attributes.owner {
                        note(file::set_owner(found.place(), user, group));
                    }
                }
            }
        }
        outcome
    }
}

/// Renames where the system cannot do that without replacing: a regular file by a second name, all else after a look.
pub(crate) fn rename_by_link(from: Place<'_>, to: Place<'_>, is_regular: bool) -> io::Result<()> {
    if is_regular {
        match file::hard_link(from, to) {
            Ok(()) => {
                return file::remove(from).inspect_err(|_| {
                    // The file keeps its old name only. That this fails too is nothing that a client could be told.
                    let _ = file::remove(to);
                });
            }
            Err(error) if fault::cannot_link(&error) => {}
            Err(error) => return Err(error),
        }
    }
    match file::status(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => file::rename(from, to, true),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

impl<R: Root> FileSystem for Tree<R> {
    type File = OpenFile;
    type Directory = OpenDirectory;

    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Answer<OpenFile> {
        let mut how = Opening {
            access: match (flags.read, flags.write) {
                (true, true) => Access::ReadWrite,
                (false, true) => Access::Write,
                (true | false, false) => Access::Read,
            },
            append: flags.append,
            create: flags.create.then(|| attributes.permissions.unwrap_or(0o666) & PERMISSIONS),
            exclusive: flags.exclusive,
            truncate: flags.truncate,
            directory: false,
            wait: false,
        };
        let path = c_string(path)?;
        let mut opened = self.root.open(&path, &how);
        if opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            // Somebody has a lease on the file and must give it up first.
            how.wait = true;
            opened = self.root.open(&path, &how);
        }
        Ok(OpenFile::new(answer(opened)?, flags.append))
    }

    fn close(&self, file: OpenFile) -> Answer<()> {
        answer(file.close())
    }

    fn read(&self, file: &OpenFile, offset: u64, buffer: &mut [u8]) -> Answer<usize> {
        answer(file.read(offset, buffer))
    }

    fn try_read(&self, file: &OpenFile, offset: u64, buffer: &mut [u8]) -> Tried<usize> {
        file.try_read(offset, buffer)
    }

    fn write(&self, file: &OpenFile, offset: u64, data: &[u8]) -> Answer<()> {
        answer(file.write(offset, data))
    }

    fn try_write(&self, file: &OpenFile, offset: u64, data: &[u8]) -> Tried<()> {
        file.try_write(offset, data)
    }

    fn is_same(&self, one: &OpenFile, other: &OpenFile) -> bool {
        one.is_same(other)
    }

    fn copy(
        &self,
        from: &OpenFile,
        start: u64,
        length: Option<u64>,
        to: &OpenFile,
        place: u64,
    ) -> Answer<u64> {
        answer(from.copy(start, length, to, place))
    }

    fn file_attributes(&self, file: &OpenFile) -> Answer<Attributes> {
        answer(file::status(Place::of(file.file().as_fd()))).map(|status| known(&status))
    }

    fn set_file_attributes(&self, file: &OpenFile, attributes: &Attributes) -> Answer<()> {
        answer(file.set_attributes(attributes))
    }

    fn attributes(&self, path: &[u8], follow: bool) -> Answer<Attributes> {
        let path = c_string(path)?;
        let found = answer(if follow { self.root.target(&path) } else { self.root.entry(&path) })?;
        answer(file::status(found.place())).map(|status| known(&status))
    }

    fn set_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> Answer<()> {
        // A symbolic link has no size that could be changed.
        if !follow && attributes.size.is_some() {
            return Err(Status::BadMessage);
        }
        answer(self.set_named_attributes(path, attributes, follow))
    }

    fn open_directory(&self, path: &[u8]) -> Answer<OpenDirectory> {
        let how = Opening { directory: true, ..Opening::default() };
        let fd = answer(self.root.open(&c_string(path)?, &how))?;
        let parent = c_string(&[path, b"/.."].concat())?;
        Ok(OpenDirectory { directory: Directory::new(fd), parent })
    }

    fn next_entry(&self, directory: &mut OpenDirectory) -> Answer<Option<Entry>> {
        while let Some(name) = answer(directory.directory.next_name())? {
            let name = name.to_vec();
            let status = if name == b".." && !R::IS_WHOLE {
                // What is above the top of a tree is the top.
                self.root.target(&directory.parent).and_then(|found| file::status(found.place()))
            } else {
                file::status(Place::within(directory.directory.as_fd(), &c_string(&name)?))
            };
            if let Ok(status) = status {
                let links = u32::try_from(status.links).unwrap_or(u32::MAX);
                return Ok(Some(Entry { name, attributes: known(&status), links }));
            }
        }
        Ok(None)
    }

    fn remove(&self, path: &[u8]) -> Answer<()> {
        let path = c_string(path)?;
        answer(self.root.entry(&path).and_then(|found| file::remove(found.place())))
    }

    fn make_directory(&self, path: &[u8], attributes: &Attributes) -> Answer<()> {
        let path = c_string(path)?;
        let mode = attributes.permissions.unwrap_or(0o777);
        answer(self.root.entry(&path).and_then(|found| file::make_directory(found.place(), mode)))
    }

    fn remove_directory(&self, path: &[u8]) -> Answer<()> {
        let path = c_string(path)?;
        answer(self.root.entry(&path).and_then(|found| file::remove_directory(found.place())))
    }

    fn real_path(&self, path: &[u8]) -> Answer<Vec<u8>> {
        answer(real_path(&self.root, path))
    }

    fn rename(&self, from: &[u8], to: &[u8], replace: bool) -> Answer<()> {
        if !replace {
            return answer(self.rename_without_replacing(from, to));
        }
        let (from, to) = (c_string(from)?, c_string(to)?);
        let (from, to) = (answer(self.root.entry(&from))?, answer(self.root.entry(&to))?);
        answer(file::rename(from.place(), to.place(), true))
    }

    fn read_link(&self, path: &[u8]) -> Answer<Vec<u8>> {
        let path = c_string(path)?;
        answer(self.root.entry(&path).and_then(|found| file::read_link(found.place())))
    }

    fn make_link(&self, target: &[u8], link: &[u8]) -> Answer<()> {
        let (target, link) = (c_string(target)?, c_string(link)?);
        answer(self.root.entry(&link).and_then(|found| file::symbolic_link(&target, found.place())))
    }

    fn make_hard_link(&self, from: &[u8], to: &[u8]) -> Answer<()> {
        let (from, to) = (c_string(from)?, c_string(to)?);
        let (from, to) = (answer(self.root.entry(&from))?, answer(self.root.entry(&to))?);
        answer(file::hard_link(from.place(), to.place()))
    }

    fn sync(&self, file: &OpenFile) -> Answer<()> {
        answer(file.file().sync_all())
    }

    fn space(&self, path: &[u8]) -> Answer<Space> {
        let opened = answer(self.root.open(&c_string(path)?, &Opening::PLACE))?;
        answer(file_io::room(opened.as_fd())).map(space)
    }

    fn file_space(&self, file: &OpenFile) -> Answer<Space> {
        answer(file_io::room(file.file().as_fd())).map(space)
    }

    fn home_directory(&self, user: &[u8]) -> Answer<Vec<u8>> {
        if R::IS_WHOLE {
            return self.names.home(user).ok_or(Status::Failure);
        }
        if user.is_empty() { answer(real_path(&self.root, b".")) } else { Err(Status::Failure) }
    }

    fn user_name(&self, id: u32) -> Option<Vec<u8>> {
        self.names.user(id)
    }

    fn group_name(&self, id: u32) -> Option<Vec<u8>> {
        self.names.group(id)
    }

    fn date(&self, seconds: u32) -> Date {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|passed| passed.as_secs());
        let utc = Date::utc(seconds, now.and_then(|now| now.try_into().ok()));
        match local_time(seconds.into()) {
            Ok(at) => Date {
                year: at.year,
                month: at.month,
                day: at.day,
                hour: at.hour,
                minute: at.minute,
                second: at.second,
                recent: utc.recent,
            },
            Err(_) => utc,
        }
    }

    fn limits(&self) -> FileSystemLimits {
        let files = limit(Resource::OpenFiles).map_or(OWN_DESCRIPTORS, |limit| limit.soft);
        FileSystemLimits {
            handles: usize::try_from(files.saturating_sub(OWN_DESCRIPTORS)).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
