//! The file of a Unix socket that listens.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The file that a socket was bound to: removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub(in crate::session) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// What stands at `path`, where a socket was just bound.
    ///
    /// # Errors
    /// When nothing is there.
    pub(in crate::session) fn at(path: PathBuf) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(&path)?;
        Ok(Self { path, device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode));
        if is_ours {
            // Somebody was faster, or the directory is closed to us by now: nothing is left to do.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_file_goes_and_another_in_its_place_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let bound = UnixListener::bind(&path).unwrap();
        drop(SocketFile::at(path.clone()).unwrap());
        assert!(!path.exists());
        let _other = UnixListener::bind(&path).unwrap();
        let file = SocketFile::at(path.clone()).unwrap();
        // The kernel may give the same number again, so the first one must still be there.
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let _third = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
        drop(bound);
    }
}
