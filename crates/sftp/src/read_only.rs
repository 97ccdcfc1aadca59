use crate::{Attributes, Date, Entry, FileSystem, FileSystemLimits, OpenFlags, Space, Status, Tried};

/// A tree that can be looked at and not changed, whatever the one inside allows.
#[derive(Debug)]
pub struct ReadOnly<F>(pub F);

/// What every change is answered with.
const REFUSED: Status = Status::PermissionDenied;

impl<F: FileSystem> FileSystem for ReadOnly<F> {
    type File = F::File;
    type Directory = F::Directory;

    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Result<Self::File, Status> {
        let OpenFlags { read: _, write, append, create, truncate, exclusive: _ } = flags;
        if write || append || create || truncate {
            return Err(REFUSED);
        }
        self.0.open(path, flags, attributes)
    }

    fn read(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> Result<usize, Status> {
        self.0.read(file, offset, buffer)
    }

    fn try_read(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> Tried<usize> {
        self.0.try_read(file, offset, buffer)
    }

    fn write(&self, _: &Self::File, _: u64, _: &[u8]) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn close(&self, file: Self::File) -> Result<(), Status> {
        self.0.close(file)
    }

    fn is_same(&self, one: &Self::File, other: &Self::File) -> bool {
        self.0.is_same(one, other)
    }

    fn copy(&self, _: &Self::File, _: u64, _: Option<u64>, _: &Self::File, _: u64) -> Result<u64, Status> {
        Err(REFUSED)
    }

    fn file_attributes(&self, file: &Self::File) -> Result<Attributes, Status> {
        self.0.file_attributes(file)
    }

    fn set_file_attributes(&self, _: &Self::File, _: &Attributes) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn attributes(&self, path: &[u8], follow: bool) -> Result<Attributes, Status> {
        self.0.attributes(path, follow)
    }

    fn set_attributes(&self, _: &[u8], _: &Attributes, _: bool) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn open_directory(&self, path: &[u8]) -> Result<Self::Directory, Status> {
        self.0.open_directory(path)
    }

    fn next_entry(&self, directory: &mut Self::Directory) -> Result<Option<Entry>, Status> {
        self.0.next_entry(directory)
    }

    fn remove(&self, _: &[u8]) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn make_directory(&self, _: &[u8], _: &Attributes) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn remove_directory(&self, _: &[u8]) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        self.0.real_path(path)
    }

    fn rename(&self, _: &[u8], _: &[u8], _: bool) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        self.0.read_link(path)
    }

    fn make_link(&self, _: &[u8], _: &[u8]) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn make_hard_link(&self, _: &[u8], _: &[u8]) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn sync(&self, _: &Self::File) -> Result<(), Status> {
        Err(REFUSED)
    }

    fn space(&self, path: &[u8]) -> Result<Space, Status> {
        self.0.space(path).map(|space| Space { read_only: true, ..space })
    }

    fn file_space(&self, file: &Self::File) -> Result<Space, Status> {
        self.0.file_space(file).map(|space| Space { read_only: true, ..space })
    }

    fn home_directory(&self, user: &[u8]) -> Result<Vec<u8>, Status> {
        self.0.home_directory(user)
    }

    fn user_name(&self, id: u32) -> Option<Vec<u8>> {
        self.0.user_name(id)
    }

    fn group_name(&self, id: u32) -> Option<Vec<u8>> {
        self.0.group_name(id)
    }

    fn date(&self, seconds: u32) -> Date {
        self.0.date(seconds)
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn limits(&self) -> FileSystemLimits {
        self.0.limits()
    }
}
