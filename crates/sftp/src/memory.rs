//! A tree of files that is only memory.

mod node;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Attributes, Entry, FileSystem, FileSystemLimits, OpenFlags, Space, Status, limits};
use node::{Content, Node, Room, locked};
use walk::Place;

/// Bytes that a tree may have, if nothing else is said.
const LIMIT: usize = 64 * 1024 * 1024;

/// A tree of files that is only memory, for one user who may do everything: permissions are kept, not enforced. It has directories,
/// files, symbolic and hard links, and never more bytes than it may.
///
/// A clone is the same tree, so what a client of a server did can be looked at.
#[derive(Clone, Debug)]
pub struct Memory {
    root: Arc<Node>,
    room: Arc<Room>,
    now: Arc<AtomicU32>,
}

/// An open file of a [`Memory`].
#[derive(Debug)]
pub struct MemoryFile {
    node: Arc<Node>,
    flags: OpenFlags,
}

/// An open directory of a [`Memory`].
#[derive(Debug)]
pub struct MemoryDirectory {
    node: Arc<Node>,
    /// How many of `.` and `..` were listed.
    dots: u8,
    /// The last name that was listed.
    last: Option<Vec<u8>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty tree that may have 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// An empty tree that may have so many bytes: contents, names, and some for each file.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        let room = Room::new(bytes);
        Self { root: Node::root(&room), room, now: Arc::new(AtomicU32::new(0)) }
    }

    /// Tells it the time, in seconds since 1970: it has no clock of its own. What is made or written from now on is of this time.
    pub fn set_time(&self, seconds: u32) {
        self.now.store(seconds, Ordering::Relaxed);
    }

    /// Puts a file with this content there, and the directories above it. A file that is there already gets the content.
    ///
    /// # Errors
    /// [`Status::Failure`] when there is no room or a directory of that name, [`Status::NoSuchFile`] when a directory would have to be
    /// where a file is.
    pub fn insert(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Result<(), Status> {
        let path = path.as_ref();
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let above = path.get(..end).unwrap_or_default();
            if Place::of(&self.root, above, true)?.found().is_none() {
                self.make_directory(above, &Attributes::default())?;
            }
        }
        let flags = OpenFlags { write: true, create: true, truncate: true, ..OpenFlags::default() };
        let file = self.open(path, flags, &Attributes::default())?;
        self.write(&file, 0, content.as_ref())
    }

    /// The content of a file, if there is one.
    #[must_use]
    pub fn content(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        match &self.find(path.as_ref(), true).ok()?.content {
            Content::File(data) => Some(locked(data).clone()),
            Content::Directory(_) | Content::Link(_) => None,
        }
    }

    fn now(&self) -> u32 {
        self.now.load(Ordering::Relaxed)
    }

    fn find(&self, path: &[u8], follow: bool) -> Result<Arc<Node>, Status> {
        Place::of(&self.root, path, follow)?.found().ok_or(Status::NoSuchFile)
    }

    /// Puts something new where nothing is.
    fn enter(&self, path: &[u8], node: &Arc<Node>) -> Result<(), Status> {
        let place = Place::of(&self.root, path, false)?;
        match place.entry() {
            Some((directory, name)) if place.found().is_none() => node.enter(&directory, name),
            Some(_) | None => Err(Status::Failure),
        }
    }

    fn remove_if(&self, path: &[u8], may: impl Fn(&Node) -> Result<(), Status>) -> Result<(), Status> {
        let place = Place::of(&self.root, path, false)?;
        may(&*place.found().ok_or(Status::NoSuchFile)?)?;
        let (directory, name) = place.entry().ok_or(Status::Failure)?;
        Node::leave(&directory, name);
        Ok(())
    }

    fn set(&self, node: &Node, attributes: &Attributes) -> Result<(), Status> {
        let mut outcome = Ok(());
        if let Some(size) = attributes.size {
            outcome = node.resize(size);
        }
        let mut about = node.about();
        if let Some(permissions) = attributes.permissions {
            about.permissions = permissions & 0o7777;
        }
        if let Some(times) = attributes.times {
            about.times = times;
        }
        if let Some(owner) = attributes.owner {
            about.owner = owner;
        }
        outcome
    }
}

impl FileSystem for Memory {
    type File = MemoryFile;
    type Directory = MemoryDirectory;

    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Result<MemoryFile, Status> {
        let place = Place::of(&self.root, path, !(flags.create && flags.exclusive))?;
        let node = match place.found() {
            Some(_) if flags.create && flags.exclusive => return Err(Status::Failure),
            Some(node) if node.is_directory() && (flags.write || flags.create) => {
                return Err(Status::Failure);
            }
            Some(node) => {
                if flags.truncate {
                    node.resize(0)?;
                }
                node
            }
            None if flags.create => {
                let (directory, name) = place.entry().ok_or(Status::Failure)?;
                let permissions = attributes.permissions.unwrap_or(0o644);
                let node = Node::new(Content::File(Default::default()), permissions, self.now(), &self.room)?;
                node.enter(&directory, name)?;
                node
            }
            None => return Err(Status::NoSuchFile),
        };
        Ok(MemoryFile { node, flags })
    }

    fn read(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> Result<usize, Status> {
        let Content::File(data) = &file.node.content else { return Err(Status::Failure) };
        if file.flags.write && !file.flags.read {
            return Err(Status::NoSuchFile);
        }
        if i64::try_from(offset).is_err() {
            return Err(Status::BadMessage);
        }
        let data = locked(data);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
        let found = data.get(start..).unwrap_or_default();
        let length = found.len().min(buffer.len());
        if let (Some(place), Some(found)) = (buffer.get_mut(..length), found.get(..length)) {
            place.copy_from_slice(found);
        }
        Ok(length)
    }

    fn write(&self, file: &MemoryFile, offset: u64, data: &[u8]) -> Result<(), Status> {
        if !file.flags.write {
            return Err(Status::NoSuchFile);
        }
        if i64::try_from(offset).is_err() {
            return Err(Status::BadMessage);
        }
        file.node.write(Some(offset).filter(|_| !file.flags.append), data)?;
        file.node.about().times.modified = self.now();
        Ok(())
    }

    fn is_same(&self, one: &MemoryFile, other: &MemoryFile) -> bool {
        Arc::ptr_eq(&one.node, &other.node)
    }

    fn file_attributes(&self, file: &MemoryFile) -> Result<Attributes, Status> {
        Ok(file.node.attributes())
    }

    fn set_file_attributes(&self, file: &MemoryFile, attributes: &Attributes) -> Result<(), Status> {
        self.set(&file.node, attributes)
    }

    fn attributes(&self, path: &[u8], follow: bool) -> Result<Attributes, Status> {
        Ok(self.find(path, follow)?.attributes())
    }

    fn set_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> Result<(), Status> {
        self.set(&*self.find(path, follow)?, attributes)
    }

    fn open_directory(&self, path: &[u8]) -> Result<MemoryDirectory, Status> {
        let node = self.find(path, true)?;
        if !node.is_directory() {
            return Err(Status::NoSuchFile);
        }
        Ok(MemoryDirectory { node, dots: 0, last: None })
    }

    fn next_entry(&self, directory: &mut MemoryDirectory) -> Result<Option<Entry>, Status> {
        let entry = |name: &[u8], node: &Node| {
            let attributes = node.attributes();
            Some(Entry { name: name.to_vec(), attributes, links: node.about().links })
        };
        if let Some(name) = [&b"."[..], b".."].get(usize::from(directory.dots)) {
            directory.dots = directory.dots.saturating_add(1);
            return Ok(entry(name, &directory.node));
        }
        let entries = directory.node.entries().ok_or(Status::Failure)?;
        let behind = match &directory.last {
            Some(last) => (std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let Some((name, node)) = entries.range(behind).next() else { return Ok(None) };
        let found = entry(name, node);
        directory.last = Some(name.clone());
        Ok(found)
    }

    fn remove(&self, path: &[u8]) -> Result<(), Status> {
        self.remove_if(path, |node| if node.is_directory() { Err(Status::Failure) } else { Ok(()) })
    }

    fn make_directory(&self, path: &[u8], attributes: &Attributes) -> Result<(), Status> {
        let permissions = attributes.permissions.unwrap_or(0o755);
        // A slash at the end is allowed here.
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last.saturating_add(1));
        let path = path.get(..end).unwrap_or_default();
        self.enter(path, &Node::directory(permissions, self.now(), &self.room)?)
    }

    fn remove_directory(&self, path: &[u8]) -> Result<(), Status> {
        self.remove_if(path, |node| match node.entries() {
            Some(entries) if entries.is_empty() => Ok(()),
            Some(_) => Err(Status::Failure),
            None => Err(Status::NoSuchFile),
        })
    }

    fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        Ok(Place::of(&self.root, path, true)?.path())
    }

    fn rename(&self, from: &[u8], to: &[u8], replace: bool) -> Result<(), Status> {
        let (source, target) = (Place::of(&self.root, from, false)?, Place::of(&self.root, to, false)?);
        let node = source.found().ok_or(Status::NoSuchFile)?;
        let ((old, old_name), (new, new_name)) = source.entry().zip(target.entry()).ok_or(Status::Failure)?;
        if let Some(there) = target.found() {
            if !replace {
                return Err(Status::Failure);
            }
            if Arc::ptr_eq(&there, &node) {
                return Ok(());
            }
            match (node.is_directory(), there.entries()) {
                (true, Some(entries)) if entries.is_empty() => {}
                (false, None) => {}
                (true, None) => return Err(Status::NoSuchFile),
                (true | false, Some(_)) => return Err(Status::Failure),
            }
        }
        if target.is_within(&node) {
            return Err(Status::BadMessage);
        }
        // The new name first: where there is no room for it, nothing has changed.
        if target.found().is_some() {
            Node::leave(&new, new_name);
        }
        node.enter(&new, new_name)?;
        Node::leave(&old, old_name);
        Ok(())
    }

    fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        match &self.find(path, false)?.content {
            Content::Link(target) => Ok(target.clone()),
            Content::File(_) | Content::Directory(_) => Err(Status::BadMessage),
        }
    }

    fn make_link(&self, target: &[u8], link: &[u8]) -> Result<(), Status> {
        self.enter(link, &Node::new(Content::Link(target.to_vec()), 0o777, self.now(), &self.room)?)
    }

    fn make_hard_link(&self, from: &[u8], to: &[u8]) -> Result<(), Status> {
        let node = self.find(from, false)?;
        if node.is_directory() {
            return Err(Status::PermissionDenied);
        }
        self.enter(to, &node)
    }

    fn sync(&self, _: &MemoryFile) -> Result<(), Status> {
        Ok(())
    }

    fn space(&self, path: &[u8]) -> Result<Space, Status> {
        self.find(path, true)?;
        let bytes = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let free = bytes(self.room.free());
        Ok(Space {
            block_size: 1,
            fragment_size: 1,
            blocks: bytes(self.room.limit),
            blocks_free: free,
            blocks_available: free,
            name_max: 255,
            ..Space::default()
        })
    }

    fn file_space(&self, _: &MemoryFile) -> Result<Space, Status> {
        self.space(b"/")
    }

    fn home_directory(&self, user: &[u8]) -> Result<Vec<u8>, Status> {
        if user.is_empty() { Ok(b"/".to_vec()) } else { Err(Status::NoSuchFile) }
    }

    fn limits(&self) -> FileSystemLimits {
        FileSystemLimits { handles: limits::HANDLES }
    }
}
