//! What a server serves.

use crate::{Attributes, Date, Status, limits};

/// A tree of files. Paths are bytes as the client sent them, never empty and without a NUL; relative ones start where the user is
/// at home.
///
/// Several threads read and write at the same time. Everything else is called by one of them, one call after the other.
///
/// Where a method has a default, it is what a tree without that feature says: [`Status::OpUnsupported`].
pub trait FileSystem: Send + Sync + 'static {
    /// An open file. Dropping it closes it, too.
    type File: Send + Sync + 'static;
    /// An open directory. Dropping it closes it.
    type Directory: Send + 'static;

    /// Opens a file, or makes it with these permissions; 0666 when none are said. With neither `read` nor `write` it is opened to be
    /// read.
    ///
    /// # Errors
    /// What to tell the client; so for every method.
    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Result<Self::File, Status>;

    /// Reads at `offset` until the buffer is full or the file ends; 0 at its end.
    ///
    /// # Errors
    /// What to tell the client.
    fn read(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> Result<usize, Status>;

    /// As [`read`](Self::read), if that can be done without waiting for a disk or a network.
    fn try_read(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> Tried<usize> {
        Tried::Done(self.read(file, offset, buffer))
    }

    /// Writes everything at `offset`, or at the end of a file that was opened to be appended to.
    ///
    /// # Errors
    /// What to tell the client.
    fn write(&self, file: &Self::File, offset: u64, data: &[u8]) -> Result<(), Status>;

    /// As [`write`](Self::write), if that can be done without waiting.
    fn try_write(&self, file: &Self::File, offset: u64, data: &[u8]) -> Tried<()> {
        Tried::Done(self.write(file, offset, data))
    }

    /// Closes a file that nobody uses any more. What the system could not keep, it may say now.
    ///
    /// # Errors
    /// What to tell the client. The file is closed all the same.
    fn close(&self, file: Self::File) -> Result<(), Status> {
        drop(file);
        Ok(())
    }

    /// Whether both are the same file, so that the order in which they are read and written matters, and a copy from one to the other
    /// would not end. It is asked often.
    fn is_same(&self, one: &Self::File, other: &Self::File) -> bool;

    /// Copies `length` bytes or as many as there are, with `None` everything, from one file to another one (`copy-data`), and says
    /// how many that were. It may take as long as it needs.
    ///
    /// # Errors
    /// What to tell the client. What was copied before stays.
    fn copy(
        &self,
        from: &Self::File,
        from_offset: u64,
        length: Option<u64>,
        to: &Self::File,
        to_offset: u64,
    ) -> Result<u64, Status> {
        let mut buffer = vec![0; limits::READ];
        let mut copied: u64 = 0;
        loop {
            let wanted = length.map_or(u64::MAX, |length| length.saturating_sub(copied));
            let room = usize::try_from(wanted).unwrap_or(usize::MAX).min(buffer.len());
            let room = buffer.get_mut(..room).unwrap_or_default();
            let read = self.read(from, from_offset.saturating_add(copied), room)?;
            let data = room.get(..read).unwrap_or_default();
            if data.is_empty() {
                return Ok(copied);
            }
            self.write(to, to_offset.saturating_add(copied), data)?;
            copied = copied.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
    }

    /// What is known of an open file.
    ///
    /// # Errors
    /// What to tell the client.
    fn file_attributes(&self, file: &Self::File) -> Result<Attributes, Status>;

    /// Changes what `attributes` says of an open file.
    ///
    /// # Errors
    /// What to tell the client.
    fn set_file_attributes(&self, file: &Self::File, attributes: &Attributes) -> Result<(), Status>;

    /// What is known of a file, or with `follow` of the one that a symbolic link leads to.
    ///
    /// # Errors
    /// What to tell the client.
    fn attributes(&self, path: &[u8], follow: bool) -> Result<Attributes, Status>;

    /// Changes what `attributes` says of a file, or with `follow` of the one that a symbolic link leads to.
    ///
    /// # Errors
    /// What to tell the client.
    fn set_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> Result<(), Status>;

    /// Opens a directory to be listed.
    ///
    /// # Errors
    /// What to tell the client.
    fn open_directory(&self, path: &[u8]) -> Result<Self::Directory, Status>;

    /// The next entry, `.` and `..` among them; `None` behind the last one. Entries that have gone meanwhile are passed over.
    ///
    /// # Errors
    /// What to tell the client.
    fn next_entry(&self, directory: &mut Self::Directory) -> Result<Option<Entry>, Status>;

    /// Removes a file.
    ///
    /// # Errors
    /// What to tell the client.
    fn remove(&self, path: &[u8]) -> Result<(), Status>;

    /// Makes a directory with these permissions; 0777 when none are said.
    ///
    /// # Errors
    /// What to tell the client.
    fn make_directory(&self, path: &[u8], attributes: &Attributes) -> Result<(), Status>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// What to tell the client.
    fn remove_directory(&self, path: &[u8]) -> Result<(), Status>;

    /// The path from the root, without `.`, `..` and symbolic links. The last component need not exist.
    ///
    /// # Errors
    /// What to tell the client.
    fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Status>;

    /// Renames; with `replace`, a file of the new name is replaced, else that is a failure.
    ///
    /// # Errors
    /// What to tell the client.
    fn rename(&self, from: &[u8], to: &[u8], replace: bool) -> Result<(), Status>;

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// What to tell the client.
    fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Status>;

    /// Makes `link` a symbolic link to `target`.
    ///
    /// # Errors
    /// What to tell the client.
    fn make_link(&self, target: &[u8], link: &[u8]) -> Result<(), Status>;

    /// Gives a file a second name (`hardlink@openssh.com`).
    ///
    /// # Errors
    /// What to tell the client.
    fn make_hard_link(&self, from: &[u8], to: &[u8]) -> Result<(), Status> {
        let _ = (from, to);
        Err(Status::OpUnsupported)
    }

    /// Has an open file written to the disk (`fsync@openssh.com`).
    ///
    /// # Errors
    /// What to tell the client.
    fn sync(&self, file: &Self::File) -> Result<(), Status> {
        let _ = file;
        Err(Status::OpUnsupported)
    }

    /// How much room there is where a path is (`statvfs@openssh.com`).
    ///
    /// # Errors
    /// What to tell the client.
    fn space(&self, path: &[u8]) -> Result<Space, Status> {
        let _ = path;
        Err(Status::OpUnsupported)
    }

    /// How much room there is where an open file is (`fstatvfs@openssh.com`).
    ///
    /// # Errors
    /// What to tell the client.
    fn file_space(&self, file: &Self::File) -> Result<Space, Status> {
        let _ = file;
        Err(Status::OpUnsupported)
    }

    /// The home directory of a user, or with an empty name the own one (`home-directory`, and `~user` of `expand-path@openssh.com`).
    ///
    /// # Errors
    /// When there is no such user.
    fn home_directory(&self, user: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = user;
        Err(Status::OpUnsupported)
    }

    /// A user's name (`users-groups-by-id@openssh.com`, and long names).
    fn user_name(&self, id: u32) -> Option<Vec<u8>> {
        let _ = id;
        None
    }

    /// A group's name.
    fn group_name(&self, id: u32) -> Option<Vec<u8>> {
        let _ = id;
        None
    }

    /// The date and hour of a number of seconds since 1970, where its user is.
    fn date(&self, seconds: u32) -> Date {
        Date::utc(seconds, None)
    }

    /// Whether it refuses every change, which the server then answers for without asking.
    fn is_read_only(&self) -> bool {
        false
    }

    /// What may be open at once.
    fn limits(&self) -> FileSystemLimits;
}

/// What became of something that may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried<T> {
    /// It is done, well or not.
    Done(Result<T, Status>),
    /// It would have to wait. Nothing was done.
    WouldWait,
}

/// How a file is opened (draft-ietf-secsh-filexfer-02 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFlags {
    /// To be read.
    pub read: bool,
    /// To be written.
    pub write: bool,
    /// Every write goes to the end.
    pub append: bool,
    /// It is made when it is not there.
    pub create: bool,
    /// What is in it is dropped.
    pub truncate: bool,
    /// It must not be there; only with `create`.
    pub exclusive: bool,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without a slash.
    pub name: Vec<u8>,
    /// What is known of it, of a symbolic link itself.
    pub attributes: Attributes,
    /// How many names the file has, for long names.
    pub links: u32,
}

/// Room in a file system, as `statvfs(3)` tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of statvfs(3)")]
pub struct Space {
    pub block_size: u64,
    pub fragment_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_available: u64,
    pub files: u64,
    pub files_free: u64,
    pub files_available: u64,
    pub id: u64,
    pub read_only: bool,
    pub no_setuid: bool,
    pub name_max: u64,
}

/// What may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystemLimits {
    /// Files and directories.
    pub handles: usize,
}
