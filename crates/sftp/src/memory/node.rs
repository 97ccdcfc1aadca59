//! Files, directories and links that are only memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Attributes, Status, Times};

/// What a node costs, beside its content.
const NODE: usize = 256;

/// How much is kept, and how much may be.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) limit: usize,
    used: AtomicUsize,
}

impl Room {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    pub(super) fn free(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    pub(super) fn take(&self, bytes: usize) -> Result<(), Status> {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.map(|_| ()).map_err(|_| Status::Failure)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        let subtract = |used: usize| Some(used.saturating_sub(bytes));
        // It never fails, because there is always a new number.
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }
}

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    about: Mutex<About>,
    room: Arc<Room>,
}

#[derive(Debug)]
pub(super) enum Content {
    File(Mutex<Vec<u8>>),
    Directory(Mutex<BTreeMap<Vec<u8>, Arc<Node>>>),
    Link(Vec<u8>),
}

/// What is known of it beside its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) permissions: u32,
    pub(super) owner: (u32, u32),
    pub(super) times: Times,
    /// Names that it has.
    pub(super) links: u32,
}

/// What a lock holds; a thread that ended while it held it left nothing half done.
pub(super) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub(super) fn new(
        content: Content,
        permissions: u32,
        now: u32,
        room: &Arc<Room>,
    ) -> Result<Arc<Self>, Status> {
        room.take(NODE.saturating_add(content.bytes()))?;
        Ok(Self::uncounted(content, permissions, now, room))
    }

    /// The root, for which there is always room.
    pub(super) fn root(room: &Arc<Room>) -> Arc<Self> {
        Self::uncounted(Content::Directory(Mutex::default()), 0o755, 0, room)
    }

    fn uncounted(content: Content, permissions: u32, now: u32, room: &Arc<Room>) -> Arc<Self> {
        let times = Times { accessed: now, modified: now };
        let about = About { permissions: permissions & 0o7777, owner: (0, 0), times, links: 0 };
        Arc::new(Self { content, about: Mutex::new(about), room: Arc::clone(room) })
    }

    pub(super) fn directory(permissions: u32, now: u32, room: &Arc<Room>) -> Result<Arc<Self>, Status> {
        Self::new(Content::Directory(Mutex::default()), permissions, now, room)
    }

    pub(super) fn about(&self) -> MutexGuard<'_, About> {
        locked(&self.about)
    }

    pub(super) fn entries(&self) -> Option<MutexGuard<'_, BTreeMap<Vec<u8>, Arc<Self>>>> {
        match &self.content {
            Content::Directory(entries) => Some(locked(entries)),
            Content::File(_) | Content::Link(_) => None,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.content, Content::Directory(_))
    }

    pub(super) fn attributes(&self) -> Attributes {
        let (kind, size) = match &self.content {
            Content::File(data) => (0o100_000, locked(data).len()),
            Content::Directory(_) => (0o040_000, 0),
            Content::Link(target) => (0o120_000, target.len()),
        };
        let About { permissions, owner, times, .. } = *self.about();
        Attributes {
            size: Some(u64::try_from(size).unwrap_or(u64::MAX)),
            owner: Some(owner),
            permissions: Some(kind | permissions),
            times: Some(times),
        }
    }

    /// Writes into a file; what is between its end and the offset becomes zeros.
    pub(super) fn write(&self, offset: Option<u64>, new: &[u8]) -> Result<(), Status> {
        let Content::File(data) = &self.content else { return Err(Status::Failure) };
        let mut data = locked(data);
        let start = match offset {
            Some(offset) => usize::try_from(offset).map_err(|_| Status::Failure)?,
            None => data.len(),
        };
        let end = start.checked_add(new.len()).ok_or(Status::Failure)?;
        if new.is_empty() {
            return Ok(());
        }
        if end > data.len() {
            self.room.take(end.saturating_sub(data.len()))?;
            data.resize(end, 0);
        }
        if let Some(place) = data.get_mut(start..end) {
            place.copy_from_slice(new);
        }
        Ok(())
    }

    /// Makes a file this long.
    pub(super) fn resize(&self, size: u64) -> Result<(), Status> {
        let Content::File(data) = &self.content else { return Err(Status::Failure) };
        let mut data = locked(data);
        let size = usize::try_from(size).map_err(|_| Status::Failure)?;
        match size.checked_sub(data.len()) {
            Some(more) => self.room.take(more)?,
            None => self.room.give_back(data.len().saturating_sub(size)),
        }
        data.resize(size, 0);
        Ok(())
    }

    /// Gives it a name in a directory.
    pub(super) fn enter(self: &Arc<Self>, directory: &Self, name: &[u8]) -> Result<(), Status> {
        let mut entries = directory.entries().ok_or(Status::NoSuchFile)?;
        self.room.take(name.len())?;
        entries.insert(name.to_vec(), Arc::clone(self));
        let mut about = self.about();
        about.links = about.links.saturating_add(1);
        Ok(())
    }

    /// Takes a name out of a directory.
    pub(super) fn leave(directory: &Self, name: &[u8]) {
        let Some(mut entries) = directory.entries() else { return };
        if let Some(node) = entries.remove(name) {
            node.room.give_back(name.len());
            let mut about = node.about();
            about.links = about.links.saturating_sub(1);
        }
    }
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Self::File(data) => locked(data).len(),
            Self::Directory(_) => 0,
            Self::Link(target) => target.len(),
        }
    }

    fn take_entries(&self) -> Vec<Arc<Node>> {
        match self {
            Self::Directory(entries) => std::mem::take(&mut *locked(entries)).into_values().collect(),
            Self::File(_) | Self::Link(_) => Vec::new(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.room.give_back(NODE.saturating_add(self.content.bytes()));
        // Not by recursion: a client can make directories as deep as there is room.
        let mut below = self.content.take_entries();
        while let Some(node) = below.pop() {
            if let Some(node) = Arc::into_inner(node) {
                below.extend(node.content.take_entries());
            }
        }
    }
}
