use super::*;
use crate::scratch::Scratch;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

type Machine = Tree<Whole>;

const READ: OpenFlags =
    OpenFlags { read: true, write: false, append: false, create: false, truncate: false, exclusive: false };
const WRITE: OpenFlags = OpenFlags { read: false, write: true, ..READ };
const CREATE: OpenFlags = OpenFlags { create: true, ..WRITE };

fn mode(permissions: u32) -> Attributes {
    Attributes { permissions: Some(permissions), ..Attributes::default() }
}

fn size(size: u64) -> Attributes {
    Attributes { size: Some(size), ..Attributes::default() }
}

fn now<T>(tried: Tried<T>) -> Answer<T> {
    match tried {
        Tried::Done(answer) => answer,
        Tried::WouldWait => panic!("it is in memory"),
    }
}

#[test]
fn errors_have_the_statuses_that_openssh_gives_them() {
    let status = |number| fault::status(&io::Error::from_raw_os_error(number));
    for number in [2, 9, 20, 40] {
        assert_eq!(status(number), Status::NoSuchFile, "{number}");
    }
    for number in [1, 13, 14] {
        assert_eq!(status(number), Status::PermissionDenied, "{number}");
    }
    for number in [22, 36] {
        assert_eq!(status(number), Status::BadMessage, "{number}");
    }
    assert_eq!(status(38), Status::OpUnsupported);
    for number in [17, 18, 21, 28, 39, 95, 122] {
        assert_eq!(status(number), Status::Failure, "{number}");
    }
}

#[test]
fn a_file_is_made_written_read_and_closed() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let name = scratch.name("file");
    let file = files.open(&name, CREATE, &mode(0o100_640)).unwrap();
    assert_eq!(files.read(&file, 0, &mut [0; 4]), Err(Status::NoSuchFile), "EBADF");
    files.write(&file, 3, b"defg").unwrap();
    assert_eq!(now(files.try_write(&file, 0, b"abc")), Ok(()));
    assert_eq!(files.write(&file, 1 << 63, b"x"), Err(Status::BadMessage));
    assert_eq!(now(files.try_write(&file, 1 << 63, b"x")), Err(Status::BadMessage));
    for nothing in [files.write(&file, 1 << 63, b""), files.write(&file, u64::MAX, b"")] {
        assert_eq!(nothing, Err(Status::BadMessage));
    }
    files.sync(&file).unwrap();
    files.close(file).unwrap();
    assert_eq!(scratch.read("file"), b"abcdefg");
    assert_eq!(fs::metadata(scratch.path("file")).unwrap().permissions().mode() & 0o7777, 0o640);

    let file = files.open(&name, READ, &Attributes::default()).unwrap();
    let mut buffer = [0; 5];
    assert_eq!(now(files.try_read(&file, 0, &mut buffer)), Ok(5));
    assert_eq!(&buffer, b"abcde");
    assert_eq!(now(files.try_read(&file, 5, &mut buffer)), Ok(2));
    assert_eq!(files.read(&file, 7, &mut buffer), Ok(0));
    assert_eq!(now(files.try_read(&file, u64::MAX, &mut buffer)), Err(Status::BadMessage));
    assert_eq!(files.write(&file, 0, b"x"), Err(Status::NoSuchFile), "EBADF");
    assert_eq!(files.write(&file, 0, b""), Err(Status::NoSuchFile), "EBADF");
    let exclusive = OpenFlags { exclusive: true, ..CREATE };
    assert_eq!(files.open(&name, exclusive, &mode(0o600)).unwrap_err(), Status::Failure);
    let truncate = OpenFlags { truncate: true, ..WRITE };
    files.open(&name, truncate, &Attributes::default()).unwrap();
    assert_eq!(scratch.read("file"), b"");
}

#[test]
fn what_is_appended_goes_to_the_end_whatever_its_offset_is() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let append = OpenFlags { append: true, ..CREATE };
    let file = files.open(&scratch.name("log"), append, &Attributes::default()).unwrap();
    files.write(&file, 0, b"one ").unwrap();
    assert_eq!(now(files.try_write(&file, 0, b"two ")), Ok(()));
    files.write(&file, u64::MAX, b"three").unwrap();
    assert_eq!(scratch.read("log"), b"one two three");
}

#[test]
fn offsets_beyond_4_gib_leave_holes() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let both = OpenFlags { read: true, ..CREATE };
    let file = files.open(&scratch.name("sparse"), both, &Attributes::default()).unwrap();
    let far = 5 << 30;
    files.write(&file, far, b"end").unwrap();
    let mut buffer = [7; 8];
    assert_eq!(files.read(&file, far - 5, &mut buffer), Ok(8));
    assert_eq!(&buffer, b"\0\0\0\0\0end");
    assert_eq!(files.file_attributes(&file).unwrap().size, Some(far + 3));
    assert!(fs::metadata(scratch.path("sparse")).unwrap().blocks() < 1024);
}

#[test]
fn attributes_are_changed_by_name_by_file_and_of_a_link_itself() {
    let scratch = Scratch::new();
    let files = Machine::new();
    scratch.write("file", b"12345");
    scratch.link("file", "link");
    let wanted = Attributes {
        size: Some(3),
        permissions: Some(0o104_711),
        times: Some(Times { accessed: 1, modified: 0xffff_fff0 }),
        ..Attributes::default()
    };
    files.set_attributes(&scratch.name("link"), &wanted, true).unwrap();
    let known = files.attributes(&scratch.name("link"), true).unwrap();
    assert_eq!((known.size, known.times), (wanted.size, wanted.times));
    assert_eq!(known.permissions, wanted.permissions);
    assert_eq!(files.attributes(&scratch.name("file"), false), Ok(known));

    let times = Attributes { times: Some(Times { accessed: 7, modified: 8 }), ..Attributes::default() };
    files.set_attributes(&scratch.name("link"), &times, false).unwrap();
    assert_eq!(files.attributes(&scratch.name("link"), false).unwrap().times, times.times);
    assert_eq!(files.attributes(&scratch.name("file"), false), Ok(known));
    assert_eq!(files.set_attributes(&scratch.name("link"), &size(0), false), Err(Status::BadMessage));
    assert_eq!(files.set_attributes(&scratch.name("link"), &mode(0o600), false), Err(Status::Failure));

    let file = files.open(&scratch.name("file"), WRITE, &Attributes::default()).unwrap();
    let wanted = Attributes { size: Some(9), permissions: Some(0o600), ..times };
    files.set_file_attributes(&file, &wanted).unwrap();
    let known = files.file_attributes(&file).unwrap();
    assert_eq!((known.size, known.permissions, known.times), (Some(9), Some(0o100_600), times.times));
    assert_eq!(files.set_file_attributes(&file, &size(u64::MAX)), Err(Status::BadMessage));
}

#[test]
fn what_can_be_changed_is_changed_and_the_last_failure_is_told() {
    let scratch = Scratch::new();
    let files = Machine::new();
    fs::create_dir(scratch.path("dir")).unwrap();
    let wanted = Attributes { size: Some(0), ..mode(0o711) };
    assert_eq!(files.set_attributes(&scratch.name("dir"), &wanted, true), Err(Status::Failure), "EISDIR");
    assert_eq!(fs::metadata(scratch.path("dir")).unwrap().permissions().mode() & 0o7777, 0o711);
    assert_eq!(files.set_attributes(&scratch.name("none"), &wanted, true), Err(Status::NoSuchFile));
}

#[test]
fn directories_are_made_listed_and_removed() {
    let scratch = Scratch::new();
    let files = Machine::new();
    files.make_directory(&scratch.name("dir/"), &mode(0o40_750)).unwrap();
    assert_eq!(files.make_directory(&scratch.name("dir"), &mode(0o750)), Err(Status::Failure));
    scratch.write("dir/a", b"a");
    scratch.link("nowhere", "dir/b");
    let mut directory = files.open_directory(&scratch.name("dir")).unwrap();
    let mut names = Vec::new();
    while let Some(entry) = files.next_entry(&mut directory).unwrap() {
        let expected = scratch.path("dir").join(String::from_utf8(entry.name.clone()).unwrap());
        assert_eq!(u64::from(entry.links), expected.symlink_metadata().unwrap().nlink());
        assert_eq!(entry.attributes.permissions, Some(expected.symlink_metadata().unwrap().mode()));
        names.push(entry.name);
    }
    names.sort();
    assert_eq!(names, [&b"."[..], b"..", b"a", b"b"]);
    assert_eq!(files.open_directory(&scratch.name("dir/a")).unwrap_err(), Status::NoSuchFile, "ENOTDIR");
    let mut directory = files.open_directory(&scratch.name("dir")).unwrap();
    fs::rename(scratch.path("dir"), scratch.path("moved")).unwrap();
    let count = std::iter::from_fn(|| files.next_entry(&mut directory).unwrap()).count();
    assert_eq!(count, 4, "its name is of no matter once it is open");
    fs::rename(scratch.path("moved"), scratch.path("dir")).unwrap();
    assert_eq!(files.remove_directory(&scratch.name("dir")), Err(Status::Failure), "ENOTEMPTY");
    assert_eq!(files.remove(&scratch.name("dir")), Err(Status::Failure), "EISDIR");
    files.remove(&scratch.name("dir/a")).unwrap();
    files.remove(&scratch.name("dir/b")).unwrap();
    files.remove_directory(&scratch.name("dir/")).unwrap();
    assert_eq!(files.remove_directory(&scratch.name("dir")), Err(Status::NoSuchFile));
}

#[test]
fn a_rename_takes_no_name_that_is_taken() {
    let scratch = Scratch::new();
    let files = Machine::new();
    scratch.write("a", b"a");
    scratch.write("b", b"b");
    scratch.link("nowhere", "dangling");
    scratch.link("a", "link");
    fs::create_dir(scratch.path("dir")).unwrap();
    fs::create_dir(scratch.path("dir2")).unwrap();
    let rename = |from, to, replace| files.rename(&scratch.name(from), &scratch.name(to), replace);
    for (from, to) in [
        ("a", "b"),
        ("a", "a"),
        ("a", "dangling"),
        ("a", "dir"),
        ("dir", "dir2"),
        ("dir", "b"),
        ("link", "dangling"),
    ] {
        assert_eq!(rename(from, to, false), Err(Status::Failure), "{from} {to}");
    }
    assert_eq!(rename("none", "c", false), Err(Status::NoSuchFile));
    assert_eq!(rename("none", "b", false), Err(Status::NoSuchFile));
    assert_eq!(rename("a", "none/c", false), Err(Status::NoSuchFile));
    assert_eq!(rename("dir", "dir/inside", false), Err(Status::BadMessage));
    rename("a", "c", false).unwrap();
    rename("dir", "dir3", false).unwrap();
    rename("link", "link2", false).unwrap();
    assert_eq!((scratch.read("c"), scratch.read("b")), (b"a".to_vec(), b"b".to_vec()));
    rename("c", "b", true).unwrap();
    rename("b", "dangling", true).unwrap();
    assert_eq!(scratch.read("dangling"), b"a");
    assert!(scratch.path("dir3").is_dir() && scratch.path("link2").is_symlink());
}

#[test]
fn where_the_system_cannot_refuse_to_replace_a_rename_has_the_same_answers() {
    let scratch = Scratch::new();
    scratch.write("a", b"a");
    scratch.write("b", b"b");
    scratch.link("nowhere", "dangling");
    fs::create_dir(scratch.path("dir")).unwrap();
    let rename = |from: &str, to: &str| {
        let (old, new) = (CString::new(scratch.name(from)).unwrap(), CString::new(scratch.name(to)).unwrap());
        let is_regular = scratch.path(from).symlink_metadata().unwrap().is_file();
        rename_by_link(Place::named(&old, false), Place::named(&new, false), is_regular)
    };
    for (from, to) in [("a", "b"), ("a", "dangling"), ("dir", "b"), ("dangling", "a")] {
        assert_eq!(rename(from, to).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{from} {to}");
    }
    rename("a", "c").unwrap();
    assert!(!scratch.path("a").exists());
    assert_eq!(scratch.read("c"), b"a");
    assert_eq!(fs::metadata(scratch.path("c")).unwrap().nlink(), 1);
    rename("dir", "dir2").unwrap();
    rename("dangling", "elsewhere").unwrap();
    assert_eq!(rename("dir2", "dir2/inside").unwrap_err().raw_os_error(), Some(22));
    assert!(
        fault::cannot_link(&io::Error::from_raw_os_error(1))
            && fault::cannot_link(&io::Error::from_raw_os_error(18))
    );
    assert!(
        fault::cannot_link(&io::Error::from_raw_os_error(95))
            && !fault::cannot_link(&io::Error::from_raw_os_error(17))
    );
}

#[test]
fn links_of_both_kinds_are_made_and_read() {
    let scratch = Scratch::new();
    let files = Machine::new();
    scratch.write("file", b"x");
    files.make_link(b"file", &scratch.name("link")).unwrap();
    assert_eq!(files.read_link(&scratch.name("link")), Ok(b"file".to_vec()));
    assert_eq!(files.read_link(&scratch.name("file")), Err(Status::BadMessage));
    assert_eq!(files.make_link(b"y", &scratch.name("link")), Err(Status::Failure));
    files.make_hard_link(&scratch.name("link"), &scratch.name("second")).unwrap();
    assert!(scratch.path("second").is_symlink(), "the link itself has two names");
    files.make_hard_link(&scratch.name("file"), &scratch.name("third")).unwrap();
    assert_eq!(fs::metadata(scratch.path("file")).unwrap().nlink(), 2);
}

#[test]
fn real_paths_are_those_of_openssh() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let folder = fs::canonicalize(scratch.folder()).unwrap();
    let real = |path: PathBuf| files.real_path(path.as_os_str().as_encoded_bytes());
    let expect = |path: &str| Ok(folder.join(path).into_os_string().into_encoded_bytes());
    scratch.write("file", b"");
    fs::create_dir(scratch.path("dir")).unwrap();
    scratch.link("dir/../none", "dangling");
    symlink(folder.join("dir"), scratch.path("absolute")).unwrap();
    scratch.link("loop", "loop");
    assert_eq!(real(folder.join("none")), expect("none"));
    assert_eq!(real(folder.join("none/")), Err(Status::NoSuchFile));
    assert_eq!(real(folder.join("none/x")), Err(Status::NoSuchFile));
    assert_eq!(real(folder.join("dangling")), expect("none"));
    assert_eq!(real(folder.join("absolute/./x")), expect("dir/x"));
    assert_eq!(real(folder.join("file/")), expect("file"));
    assert_eq!(real(folder.join("file/..//dir/.")), expect("dir"));
    assert_eq!(real(folder.join("file/x")), Err(Status::NoSuchFile));
    assert_eq!(real(folder.join("loop")), Err(Status::NoSuchFile));
    assert_eq!(files.real_path(b"/../.."), Ok(b"/".to_vec()));
    let here = std::env::current_dir().unwrap().into_os_string().into_encoded_bytes();
    assert_eq!(files.real_path(b"."), Ok(here));
    assert_eq!(files.real_path(&[b'x'; 5000]), Err(Status::BadMessage));
}

#[test]
fn files_are_copied_whole_and_in_part_and_to_the_end_of_another() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let data: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    scratch.write("from", &data);
    let from = files.open(&scratch.name("from"), READ, &Attributes::default()).unwrap();
    let to = files.open(&scratch.name("to"), CREATE, &Attributes::default()).unwrap();
    assert_eq!(files.copy(&from, 10, None, &to, 5), Ok(299_990));
    assert_eq!(scratch.read("to"), [&[0; 5], &data[10..]].concat());
    assert_eq!(files.copy(&from, 1000, Some(20), &to, 0), Ok(20));
    assert_eq!(scratch.read("to")[..21], [&data[1000..1020], &data[25..26]].concat());
    let append = OpenFlags { append: true, ..CREATE };
    let log = files.open(&scratch.name("log"), append, &Attributes::default()).unwrap();
    files.copy(&from, 0, Some(7), &log, 99).unwrap();
    files.copy(&from, 0, Some(200_000), &log, 0).unwrap();
    assert_eq!(scratch.read("log"), [&data[..7], &data[..200_000]].concat());
    // The kernel's own copying takes it for empty.
    let proc = files.open(b"/proc/self/status", READ, &Attributes::default()).unwrap();
    files.copy(&proc, 0, None, &log, 0).unwrap();
    assert!(scratch.read("log").len() > 200_100);
    assert_eq!(files.copy(&to, 0, Some(1), &from, 0), Err(Status::NoSuchFile), "EBADF");
    assert!(files.is_same(&from, &from) && !files.is_same(&from, &to));
}

#[test]
fn room_names_and_dates_are_the_machines() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let space = files.space(&scratch.name("")).unwrap();
    assert!(space.block_size > 0 && space.blocks >= space.blocks_free && space.name_max == 255);
    assert_eq!(files.space(&scratch.name("none")), Err(Status::NoSuchFile));
    let directory = files.open(&scratch.name(""), READ, &Attributes::default()).unwrap();
    assert_eq!(files.file_space(&directory).unwrap().id, space.id);
    assert_eq!(files.read(&directory, 0, &mut [0]), Err(Status::Failure), "EISDIR");
    assert_eq!((files.user_name(0), files.group_name(0)), (Some(b"root".to_vec()), Some(b"root".to_vec())));
    assert_eq!(files.user_name(0), Some(b"root".to_vec()), "remembered");
    assert_eq!(
        (files.user_name(u32::MAX - 7), files.home_directory(b"no such user")),
        (None, Err(Status::Failure))
    );
    assert_eq!(files.home_directory(b"root"), Ok(b"/root".to_vec()));
    let date = files.date(1_750_075_200);
    assert_eq!((date.year, date.month), (2025, 6));
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u32;
    assert!(files.date(seconds).recent && files.date(seconds - 60).recent && !files.date(0).recent);
    assert!(files.limits().handles >= 11);
}

#[test]
fn a_fifo_without_another_end_is_answered_at_once() {
    let scratch = Scratch::new();
    let files = Machine::new();
    let made = std::process::Command::new("mkfifo").arg(scratch.path("fifo")).status().unwrap();
    assert!(made.success());
    let file = files.open(&scratch.name("fifo"), READ, &Attributes::default()).unwrap();
    assert_eq!(files.read(&file, 0, &mut [0; 4]), Err(Status::Failure), "ESPIPE");
    files.close(file).unwrap();
    assert_eq!(
        files.open(&scratch.name("fifo"), WRITE, &Attributes::default()).unwrap_err(),
        Status::Failure
    );
}
