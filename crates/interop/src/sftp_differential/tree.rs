//! A tree of files before and after.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::session::is_about_now;
use crate::error::{During, Error};

/// Makes the tree in which every sequence begins, in a folder that was not there or is made anew.
pub(super) fn make(top: &Path) -> Result<(), Error> {
    make_files(top).during("making a tree of files")
}

fn make_files(top: &Path) -> io::Result<()> {
    match fs::remove_dir_all(top) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        done => done?,
    }
    let tree = top.join("tree");
    let make = |name: &str, mode: u32, owner: u32, content: Option<&[u8]>| -> io::Result<()> {
        let path = tree.join(name);
        match content {
            None => fs::create_dir_all(&path)?,
            Some(content) => fs::write(&path, content)?,
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        chown(&path, Some(owner), Some(owner))
    };
    make("", 0o755, 1000, None)?;
    make("a", 0o644, 1000, Some(&[b'a'; 1000]))?;
    make("dir", 0o755, 1000, None)?;
    make("dir/a", 0o600, 1000, Some(b"inner"))?;
    make("locked", 0o700, 0, None)?;
    make("locked/a", 0o600, 0, Some(b"secret"))?;
    make("open", 0o1777, 0, None)?;
    make("open/a", 0o644, 0, Some(b"root's"))?;
    make("fixed", 0o444, 0, Some(b"fixed"))?;
    symlink("dir", tree.join("link"))?;
    symlink("nowhere", tree.join("link2"))?;
    symlink("link3", tree.join("link3"))?;
    fs::set_permissions(top, fs::Permissions::from_mode(0o755))
}

/// All that there is of the files below a folder.
pub(super) struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    pub(super) fn read(top: &Path) -> Result<Self, Error> {
        let mut tree = Self(BTreeMap::new());
        tree.add(top, top).during("reading a tree of files")?;
        Ok(tree)
    }

    fn add(&mut self, top: &Path, path: &Path) -> io::Result<()> {
        let known = fs::symlink_metadata(path)?;
        let time =
            |seconds: i64| if is_about_now(seconds as u64) { "now".to_owned() } else { seconds.to_string() };
        let content = if known.is_symlink() {
            format!("-> {}", fs::read_link(path)?.display())
        } else if known.is_file() {
            content(path, known.len())?
        } else {
            String::new()
        };
        let text = format!(
            "mode {:o} links {} owner {}:{} size {} read {} written {} {content}",
            known.mode(),
            known.nlink(),
            known.uid(),
            known.gid(),
            known.len(),
            time(known.atime()),
            time(known.mtime()),
        );
        self.0.insert(path.strip_prefix(top).unwrap_or(path).to_owned(), text);
        if known.is_dir() {
            for entry in fs::read_dir(path)? {
                self.add(top, &entry?.path())?;
            }
        }
        Ok(())
    }

    /// The first file that is not the same in both.
    pub(super) fn difference(&self, ours: &Self) -> Option<String> {
        let names = self.0.keys().chain(ours.0.keys());
        let mut different = names.filter(|name| self.0.get(*name) != ours.0.get(*name));
        different.next().map(|name| {
            let shown = |tree: &Self| tree.0.get(name).cloned().unwrap_or_else(|| "none".to_owned());
            format!("{}\n  theirs: {}\n  ours:   {}", name.display(), shown(self), shown(ours))
        })
    }
}

/// Both ends of a file and a sum of what is between; a long one has holes that nobody wants to read.
fn content(path: &Path, length: u64) -> io::Result<String> {
    const END: usize = 128 * 1024;
    let file = fs::File::open(path)?;
    let mut bytes = vec![0; END];
    let first = file.read_at(&mut bytes, 0)?;
    let sum = |bytes: &[u8]| {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let begin = sum(&bytes[..first]);
    let last = file.read_at(&mut bytes, length.saturating_sub(END as u64))?;
    Ok(format!("content {begin:016x} {:016x}", sum(&bytes[..last])))
}
