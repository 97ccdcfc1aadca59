//! What is open.

use std::sync::Arc;

use wire::Reader;

use crate::{Entry, FileSystem};

/// The name of something open: its place in the table, and a number that no other one had in that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    place: u32,
    serial: u32,
}

/// An open file.
pub(crate) struct OpenFile<F: FileSystem> {
    pub(crate) file: Arc<F::File>,
    pub(crate) path: Arc<[u8]>,
    /// Writes go to its end, wherever that is.
    pub(crate) append: bool,
    /// Bytes that were read and written.
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// A directory that is being listed.
pub(crate) struct OpenDirectory<F: FileSystem> {
    pub(crate) directory: F::Directory,
    pub(crate) path: Arc<[u8]>,
    /// An entry that had no room in the last reply.
    pub(crate) next: Option<Entry>,
    pub(crate) ended: bool,
}

/// Something open.
pub(crate) enum Open<F: FileSystem> {
    File(OpenFile<F>),
    Directory(OpenDirectory<F>),
}

/// Everything that is open.
pub(crate) struct Handles<F: FileSystem> {
    places: Vec<Option<(u32, Open<F>)>>,
    limit: usize,
    next_serial: u32,
}

impl Handle {
    /// Its bytes on the wire.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        let joined = u64::from(self.place) << 32 | u64::from(self.serial);
        joined.to_be_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let handle = Self { place: input.u32().ok()?, serial: input.u32().ok()? };
        input.finish().ok()?;
        Some(handle)
    }

    /// What the log calls it.
    pub(crate) fn number(self) -> u32 {
        self.place
    }

    fn index(self) -> usize {
        usize::try_from(self.place).unwrap_or(usize::MAX)
    }
}

impl<F: FileSystem> Handles<F> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { places: Vec::new(), limit, next_serial: 0 }
    }

    /// Whether one more may be opened.
    pub(crate) fn has_room(&self) -> bool {
        self.places.len() < self.limit || self.places.iter().any(Option::is_none)
    }

    /// Takes something open, for which there is [room](Self::has_room).
    pub(crate) fn insert(&mut self, open: Open<F>) -> Handle {
        let free = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        match self.places.get_mut(free) {
            Some(place) => *place = Some((serial, open)),
            None => self.places.push(Some((serial, open))),
        }
        Handle { place: u32::try_from(free).unwrap_or(u32::MAX), serial }
    }

    /// What has this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(Handle, &Open<F>)> {
        let handle = Handle::from_bytes(name)?;
        match self.places.get(handle.index()) {
            Some(Some((serial, open))) if *serial == handle.serial => Some((handle, open)),
            Some(Some(_) | None) | None => None,
        }
    }

    /// The file that has this name.
    pub(crate) fn file(&self, name: &[u8]) -> Option<(Handle, &OpenFile<F>)> {
        match self.find(name)? {
            (handle, Open::File(file)) => Some((handle, file)),
            (_, Open::Directory(_)) => None,
        }
    }

    /// The file with this handle, to be changed.
    pub(crate) fn file_mut(&mut self, handle: Handle) -> Option<&mut OpenFile<F>> {
        match self.places.get_mut(handle.index()) {
            Some(Some((serial, Open::File(file)))) if *serial == handle.serial => Some(file),
            Some(Some((_, Open::File(_) | Open::Directory(_))) | None) | None => None,
        }
    }

    /// The directory that has this name, to be read on.
    pub(crate) fn directory_mut(&mut self, name: &[u8]) -> Option<(Handle, &mut OpenDirectory<F>)> {
        let handle = Handle::from_bytes(name)?;
        match self.places.get_mut(handle.index()) {
            Some(Some((serial, Open::Directory(directory)))) if *serial == handle.serial => {
                Some((handle, directory))
            }
            Some(Some((_, Open::File(_) | Open::Directory(_))) | None) | None => None,
        }
    }

    /// Takes out what has this name.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<(Handle, Open<F>)> {
        let (handle, _) = self.find(name)?;
        let (_, open) = self.places.get_mut(handle.index())?.take()?;
        Some((handle, open))
    }

    /// Takes out everything, in the order of the table.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Open<F>> {
        self.places.drain(..).flatten().map(|(_, open)| open)
    }
}
