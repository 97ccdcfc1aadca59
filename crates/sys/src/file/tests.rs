use super::*;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of one test, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nacre-file-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn name(&self, name: &str) -> CString {
        c_string(&self.path(name))
    }

    fn descriptor(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_encoded_bytes()).unwrap()
}

fn number(error: io::Error) -> Option<i32> {
    error.raw_os_error()
}

#[test]
fn attributes_change_by_name_by_descriptor_and_by_place() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), b"12345").unwrap();
    let name = scratch.name("file");
    let directory = scratch.descriptor();
    let place = open(Place::named(&name, true), &Opening::PLACE).unwrap();
    let places = [
        Place::named(&name, true),
        Place::named(&name, false),
        Place::within(directory.as_fd(), c"file"),
        Place::of(place.as_fd()),
    ];
    for (turn, place) in places.into_iter().enumerate() {
        let mode = 0o600 + turn as u32;
        set_mode(place, 0o100_000 | mode).unwrap();
        set_times(place, 10 + turn as i64, 20).unwrap();
        set_owner(place, u32::MAX, u32::MAX).unwrap();
        let status = status(place).unwrap();
        assert!(status.is_regular() && !status.is_directory() && !status.is_link());
        assert_eq!((status.mode & PERMISSIONS, status.size, status.links), (mode, 5, 1));
        assert_eq!((status.accessed, status.modified), (10 + turn as i64, 20));
    }
    set_size(&name, 2).unwrap();
    assert_eq!(fs::read(scratch.path("file")).unwrap(), b"12");
    assert_eq!(number(set_size(&name, u64::MAX).unwrap_err()), Some(libc::EINVAL));
}

#[test]
fn without_fchmodat2_modes_are_changed_through_proc_but_never_behind_a_link() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), b"").unwrap();
    symlink("file", scratch.path("link")).unwrap();
    let directory = scratch.descriptor();
    set_mode_by_proc(Place::within(directory.as_fd(), c"file"), 0o640).unwrap();
    assert_eq!(scratch.path("file").metadata().unwrap().permissions().mode() & PERMISSIONS, 0o640);
    let refused = set_mode_by_proc(Place::within(directory.as_fd(), c"link"), 0o600).unwrap_err();
    assert_eq!(number(refused), Some(libc::EOPNOTSUPP));
    let refused = set_mode(Place::within(directory.as_fd(), c"link"), 0o600).unwrap_err();
    assert_eq!(number(refused), Some(libc::EOPNOTSUPP));
    assert_eq!(scratch.path("file").metadata().unwrap().permissions().mode() & PERMISSIONS, 0o640);
}

#[test]
fn a_link_is_followed_only_where_that_is_said() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), b"123").unwrap();
    symlink("file", scratch.path("link")).unwrap();
    let name = scratch.name("link");
    assert!(status(Place::named(&name, false)).unwrap().is_link());
    assert!(status(Place::named(&name, true)).unwrap().is_regular());
    set_times(Place::named(&name, false), 1, 2).unwrap();
    assert_eq!(scratch.path("link").symlink_metadata().unwrap().mtime(), 2);
    assert_ne!(scratch.path("file").metadata().unwrap().mtime(), 2);
    let read = Opening::default();
    assert_eq!(number(open(Place::named(&name, false), &read).unwrap_err()), Some(libc::ELOOP));
    open(Place::named(&name, true), &read).unwrap();
    assert_eq!(read_link(Place::named(&name, false)).unwrap(), b"file");
    assert_eq!(
        number(read_link(Place::named(&scratch.name("file"), false)).unwrap_err()),
        Some(libc::EINVAL)
    );
    hard_link(Place::named(&name, false), Place::named(&scratch.name("second"), false)).unwrap();
    assert!(scratch.path("second").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_rename_replaces_only_where_that_is_said() {
    let scratch = Scratch::new();
    fs::write(scratch.path("a"), b"a").unwrap();
    fs::write(scratch.path("b"), b"b").unwrap();
    let directory = scratch.descriptor();
    let place = |name| Place::within(directory.as_fd(), name);
    assert_eq!(number(rename(place(c"a"), place(c"b"), false).unwrap_err()), Some(libc::EEXIST));
    rename(place(c"a"), place(c"c"), false).unwrap();
    rename(place(c"c"), place(c"b"), true).unwrap();
    assert_eq!(fs::read(scratch.path("b")).unwrap(), b"a");
    make_directory(place(c"d"), 0o40_700).unwrap();
    assert_eq!(number(remove(place(c"d")).unwrap_err()), Some(libc::EISDIR));
    remove_directory(place(c"d")).unwrap();
    remove(place(c"b")).unwrap();
    symbolic_link(c"nowhere", place(c"e")).unwrap();
    assert_eq!(fs::read_link(scratch.path("e")).unwrap(), Path::new("nowhere"));
}

#[test]
fn below_a_directory_that_directory_is_the_root() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), b"").unwrap();
    symlink("/file", scratch.path("absolute")).unwrap();
    symlink("../../../file", scratch.path("upward")).unwrap();
    symlink("/proc/self/root", scratch.path("outside")).unwrap();
    let root = scratch.descriptor();
    let opening = |name| open_below(root.as_fd(), name, &Opening::default(), true);
    let inode = |fd: OwnedFd| File::from(fd).metadata().unwrap().ino();
    let expected = scratch.path("file").metadata().unwrap().ino();
    for name in [c"file", c"/file", c"../../file", c"absolute", c"upward"] {
        match opening(name) {
            Ok(fd) => assert_eq!(inode(fd), expected),
            // Before Linux 5.6.
            Err(error) => assert_eq!(number(error), Some(libc::ENOSYS)),
        }
    }
    if opening(c"file").is_ok() {
        assert_eq!(number(opening(c"outside").unwrap_err()), Some(libc::ENOENT));
        let own = open_below(root.as_fd(), c"..", &Opening::PLACE, true).unwrap();
        assert_eq!(inode(own), scratch.0.metadata().unwrap().ino());
    }
}

#[test]
fn a_fifo_without_another_end_makes_nobody_wait() {
    let scratch = Scratch::new();
    let name = scratch.name("fifo");
    // SAFETY: a C string and a mode.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    close(open(Place::named(&name, true), &Opening::default()).unwrap()).unwrap();
    let write = Opening { access: Access::Write, ..Opening::default() };
    assert_eq!(number(open(Place::named(&name, true), &write).unwrap_err()), Some(libc::ENXIO));
}
