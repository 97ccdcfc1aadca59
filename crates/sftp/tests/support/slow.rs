//! A tree whose disk is slow.

use std::sync::atomic::{AtomicU64, Ordering};

use nacre_sftp::{
    Attributes, Entry, FileSystem, FileSystemLimits, Memory, MemoryDirectory, MemoryFile, OpenFlags, Status,
    Tried,
};

/// Bytes of a file at most, so that not one write fails for want of room or another one, as it happens.
const LARGEST: u64 = 64 * 1024;

/// Memory that lets reads and writes wait: bit after bit of a pattern says which ones.
pub(crate) struct Slow {
    memory: Memory,
    pattern: AtomicU64,
}

impl Slow {
    pub(crate) fn new(memory: Memory, pattern: u64) -> Self {
        Self { memory, pattern: AtomicU64::new(pattern) }
    }

    fn waits(&self) -> bool {
        let turn = |pattern: u64| Some(pattern.rotate_left(1));
        let before = self.pattern.fetch_update(Ordering::Relaxed, Ordering::Relaxed, turn).unwrap();
        before >> 63 == 1
    }
}

fn fits(size: Option<u64>) -> Result<(), Status> {
    if size.is_some_and(|size| size > LARGEST) { Err(Status::Failure) } else { Ok(()) }
}

impl FileSystem for Slow {
    type File = MemoryFile;
    type Directory = MemoryDirectory;

    fn try_read(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> Tried<usize> {
        if self.waits() { Tried::WouldWait } else { Tried::Done(self.read(file, offset, buffer)) }
    }

    fn try_write(&self, file: &MemoryFile, offset: u64, data: &[u8]) -> Tried<()> {
        if self.waits() { Tried::WouldWait } else { Tried::Done(self.write(file, offset, data)) }
    }

    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Result<MemoryFile, Status> {
        self.memory.open(path, flags, attributes)
    }

    fn read(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> Result<usize, Status> {
        self.memory.read(file, offset, buffer)
    }

    fn write(&self, file: &MemoryFile, offset: u64, data: &[u8]) -> Result<(), Status> {
        fits(Some(offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX))))?;
        self.memory.write(file, offset, data)
    }

    fn close(&self, file: MemoryFile) -> Result<(), Status> {
        // What a full quota says of what was written before; it is told only if no job has the file any more.
        match self.memory.file_attributes(&file)?.size {
            Some(13) => Err(Status::Failure),
            Some(_) | None => Ok(()),
        }
    }

    fn is_same(&self, one: &MemoryFile, other: &MemoryFile) -> bool {
        self.memory.is_same(one, other)
    }

    fn file_attributes(&self, file: &MemoryFile) -> Result<Attributes, Status> {
        self.memory.file_attributes(file)
    }

    fn set_file_attributes(&self, file: &MemoryFile, attributes: &Attributes) -> Result<(), Status> {
        fits(attributes.size)?;
        self.memory.set_file_attributes(file, attributes)
    }

    fn attributes(&self, path: &[u8], follow: bool) -> Result<Attributes, Status> {
        self.memory.attributes(path, follow)
    }

    fn set_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> Result<(), Status> {
        fits(attributes.size)?;
        self.memory.set_attributes(path, attributes, follow)
    }

    fn open_directory(&self, path: &[u8]) -> Result<MemoryDirectory, Status> {
        self.memory.open_directory(path)
    }

    fn next_entry(&self, directory: &mut MemoryDirectory) -> Result<Option<Entry>, Status> {
        self.memory.next_entry(directory)
    }

    fn remove(&self, path: &[u8]) -> Result<(), Status> {
        self.memory.remove(path)
    }

    fn make_directory(&self, path: &[u8], attributes: &Attributes) -> Result<(), Status> {
        self.memory.make_directory(path, attributes)
    }

    fn remove_directory(&self, path: &[u8]) -> Result<(), Status> {
        self.memory.remove_directory(path)
    }

    fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        self.memory.real_path(path)
    }

    fn rename(&self, from: &[u8], to: &[u8], replace: bool) -> Result<(), Status> {
        self.memory.rename(from, to, replace)
    }

    fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        self.memory.read_link(path)
    }

    fn make_link(&self, target: &[u8], link: &[u8]) -> Result<(), Status> {
        self.memory.make_link(target, link)
    }

    fn make_hard_link(&self, from: &[u8], to: &[u8]) -> Result<(), Status> {
        self.memory.make_hard_link(from, to)
    }

    fn sync(&self, file: &MemoryFile) -> Result<(), Status> {
        self.memory.sync(file)
    }

    fn limits(&self) -> FileSystemLimits {
        FileSystemLimits { handles: 4 }
    }
}
