//! A tree that is only memory, in the hands of somebody who means it no good.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use nacre_sftp::{Attributes, FileSystem, Memory, OpenFlags, Status};

const ALL: OpenFlags =
    OpenFlags { read: true, write: true, append: false, create: true, truncate: false, exclusive: false };

fn free(files: &Memory) -> u64 {
    files.space(b"/").unwrap().blocks_free
}

#[test]
fn what_is_removed_gives_its_room_back() {
    let files = Memory::with_limit(100_000);
    let empty = free(&files);
    files.insert("/d/f", vec![1; 50_000]).unwrap();
    assert!(free(&files) < empty - 50_000);
    assert_eq!(files.insert("/d/g", vec![1; 50_000]), Err(Status::Failure));
    files.make_link(b"somewhere", b"/link").unwrap();
    files.make_hard_link(b"/d/f", b"/again").unwrap();
    files.rename(b"/again", b"/d/g", true).unwrap();
    // An open file is kept, with its content.
    let open = files.open(b"/d/f", ALL, &Attributes::default()).unwrap();
    for path in [&b"/d/f"[..], b"/d/g", b"/link"] {
        files.remove(path).unwrap();
    }
    files.remove_directory(b"/d").unwrap();
    assert!(free(&files) < empty - 50_000);
    let mut buffer = [0; 2];
    assert_eq!(files.read(&open, 49_999, &mut buffer), Ok(1));
    drop(open);
    assert_eq!(free(&files), empty);
}

#[test]
fn a_file_is_not_larger_than_there_is_room() {
    let files = Memory::with_limit(10_000);
    let file = files.open(b"/f", ALL, &Attributes::default()).unwrap();
    let before = free(&files);
    for offset in [10_000, 1 << 40, i64::MAX as u64] {
        assert_eq!(files.write(&file, offset, b"x"), Err(Status::Failure), "{offset}");
    }
    let size = |size| Attributes { size: Some(size), ..Attributes::default() };
    assert_eq!(files.set_file_attributes(&file, &size(u64::MAX)), Err(Status::Failure));
    assert_eq!(free(&files), before);
    assert_eq!(files.set_file_attributes(&file, &size(5000)), Ok(()));
    assert_eq!(files.set_file_attributes(&file, &size(0)), Ok(()));
    assert_eq!(free(&files), before);
}

#[test]
fn links_that_lead_nowhere_and_names_that_are_too_long_are_refused() {
    let files = Memory::new();
    files.make_link(b"/b", b"/a").unwrap();
    files.make_link(b"/a", b"/b").unwrap();
    assert_eq!(files.attributes(b"/a", true), Err(Status::NoSuchFile));
    assert_eq!(files.real_path(b"/a/x"), Err(Status::NoSuchFile));
    assert_eq!(files.attributes(&[b'x'; 256], true), Err(Status::BadMessage));
    assert_eq!(files.attributes(&[b'/'; 5000], true), Err(Status::BadMessage));
    // A dangling link is followed by whoever makes a file.
    files.make_link(b"d/new", b"/dangling").unwrap();
    assert_eq!(files.insert("/dangling", "x"), Err(Status::NoSuchFile));
    files.make_directory(b"/d/", &Attributes::default()).unwrap();
    files.insert("/dangling", "x").unwrap();
    assert_eq!(files.content("/d/new").unwrap(), b"x");
}

#[test]
fn directories_as_deep_as_there_is_room_are_forgotten_without_a_deep_stack() {
    let files = Memory::new();
    files.make_directory(b"/top", &Attributes::default()).unwrap();
    for _ in 0..100_000 {
        files.make_directory(b"/new", &Attributes::default()).unwrap();
        files.rename(b"/top", b"/new/top", false).unwrap();
        files.rename(b"/new", b"/top", false).unwrap();
    }
    assert!(files.attributes(b"/top/top/top", true).unwrap().is_directory());
    drop(files);
}

#[test]
fn an_append_goes_to_the_end_whatever_its_offset() {
    let files = Memory::new();
    files.insert("/f", "one").unwrap();
    let append = OpenFlags { append: true, write: true, ..OpenFlags::default() };
    let file = files.open(b"/f", append, &Attributes::default()).unwrap();
    files.write(&file, 0, b" two").unwrap();
    assert_eq!(files.content("/f").unwrap(), b"one two");
    assert_eq!(files.read(&file, 0, &mut [0; 3]), Err(Status::NoSuchFile));
}
