use crate::Rooted;
use crate::scratch::Scratch;
use sftp::{Attributes, FileSystem, OpenFlags, Status};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const READ: OpenFlags =
    OpenFlags { read: true, write: false, append: false, create: false, truncate: false, exclusive: false };
const CREATE: OpenFlags = OpenFlags { write: true, create: true, read: false, ..READ };

/// A folder `in` that is the root, beside a folder `out` with a file that nobody may get at. Once as the kernel resolves paths, and
/// once as it is done without its help.
fn both_ways(test: impl Fn(&Scratch, Rooted)) {
    for walks in [false, true] {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("in")).unwrap();
        fs::create_dir(scratch.path("in/dir")).unwrap();
        fs::create_dir(scratch.path("out")).unwrap();
        scratch.write("out/secret", b"secret");
        scratch.write("in/file", b"inside");
        let files = Rooted::open(&scratch.path("in")).unwrap();
        test(&scratch, if walks { files.walking() } else { files });
        assert_eq!(scratch.read("out/secret"), b"secret");
        let out: Vec<_> = fs::read_dir(scratch.path("out")).unwrap().collect();
        assert_eq!(out.len(), 1);
        let secret = fs::metadata(scratch.path("out/secret")).unwrap();
        assert_eq!((secret.nlink(), secret.permissions().mode() & 0o7777 & 0o111), (1, 0));
    }
}

fn content(files: &Rooted, path: &[u8]) -> Result<Vec<u8>, Status> {
    let file = files.open(path, READ, &Attributes::default())?;
    let mut buffer = vec![0; 100];
    let len = files.read(&file, 0, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

#[test]
fn the_directory_is_the_root() {
    both_ways(|scratch, files| {
        symlink("/file", scratch.path("in/dir/absolute")).unwrap();
        symlink("../../../../file", scratch.path("in/dir/upward")).unwrap();
        symlink("../dir", scratch.path("in/dir/own")).unwrap();
        for path in [
            &b"file"[..],
            b"/file",
            b"../file",
            b"/../../file",
            b"dir/../file",
            b"dir/absolute",
            b"/dir/upward",
            b"dir/own/own/upward",
            b"//dir//.//../file",
        ] {
            assert_eq!(content(&files, path), Ok(b"inside".to_vec()), "{}", path.escape_ascii());
        }
        let real = |path: &[u8]| files.real_path(path).map(|path| String::from_utf8(path).unwrap());
        assert_eq!(real(b"."), Ok("/".into()));
        assert_eq!(real(b"../.."), Ok("/".into()));
        assert_eq!(real(b"dir/upward"), Ok("/file".into()));
        assert_eq!(real(b"dir/own/new"), Ok("/dir/new".into()));
        assert_eq!(real(b"none/x"), Err(Status::NoSuchFile));
        fs::set_permissions(scratch.path("in"), fs::Permissions::from_mode(0o711)).unwrap();
        let top = files.attributes(b"/..", false).unwrap();
        assert_eq!(top, files.attributes(b"/", true).unwrap());
        let mut directory = files.open_directory(b"/").unwrap();
        let mut names = BTreeSet::new();
        while let Some(entry) = files.next_entry(&mut directory).unwrap() {
            if entry.name == b".." {
                assert_eq!(entry.attributes, top, "what is above is not shown");
            }
            names.insert(entry.name);
        }
        assert_eq!(names, [&b"."[..], b"..", b"dir", b"file"].map(<[u8]>::to_vec).into());
    });
}

#[test]
fn relative_paths_begin_where_it_starts() {
    both_ways(|scratch, files| {
        scratch.write("in/dir/inner", b"inner");
        let files = files.starting_in(b"/dir");
        assert_eq!(content(&files, b"inner"), Ok(b"inner".to_vec()));
        assert_eq!(content(&files, b"../file"), Ok(b"inside".to_vec()));
        assert_eq!(content(&files, b"/file"), Ok(b"inside".to_vec()));
        assert_eq!(files.real_path(b"."), Ok(b"/dir".to_vec()));
        assert_eq!(files.real_path(b"inner"), Ok(b"/dir/inner".to_vec()));
        assert_eq!(files.home_directory(b""), Ok(b"/dir".to_vec()));
        assert_eq!(files.home_directory(b"root"), Err(Status::Failure), "what is outside is not told");
        assert_eq!(content(&files, b"file"), Err(Status::NoSuchFile));
    });
}

#[test]
fn everything_that_can_be_done_is_done_inside() {
    both_ways(|scratch, files| {
        let file = files.open(b"/dir/new", CREATE, &Attributes::default()).unwrap();
        files.write(&file, 0, b"new").unwrap();
        assert_eq!(scratch.read("in/dir/new"), b"new");
        scratch.link("dir/made", "in/dangling");
        drop(files.open(b"dangling", CREATE, &Attributes::default()).unwrap());
        assert!(scratch.path("in/dir/made").is_file(), "through a link, as the kernel does");
        let exclusive = OpenFlags { exclusive: true, ..CREATE };
        scratch.link("dir/made2", "in/dangling2");
        assert_eq!(files.open(b"dangling2", exclusive, &Attributes::default()).unwrap_err(), Status::Failure);

        files.make_directory(b"/dir/sub/", &Attributes::default()).unwrap();
        files.rename(b"/dir/new", b"/dir/sub/renamed", false).unwrap();
        assert_eq!(files.rename(b"/file", b"/dir/sub/renamed", false), Err(Status::Failure));
        files.rename(b"/dir/sub/renamed", b"/dir/made", true).unwrap();
        files.remove_directory(b"dir/sub/").unwrap();
        assert_eq!(files.remove(b"file/"), Err(Status::NoSuchFile), "a file is no directory");
        files.make_link(b"/dir/made", b"link").unwrap();
        assert_eq!(files.read_link(b"link"), Ok(b"/dir/made".to_vec()));
        let wanted = Attributes {
            size: Some(2),
            permissions: Some(0o400),
            times: Some(sftp::Times { accessed: 5, modified: 6 }),
            owner: Some((
                fs::metadata(scratch.path("in")).unwrap().uid(),
                fs::metadata(scratch.path("in")).unwrap().gid(),
            )),
        };
        files.set_attributes(b"link", &wanted, true).unwrap();
        let known = files.attributes(b"link", true).unwrap();
        assert_eq!(scratch.read("in/dir/made"), b"ne");
        assert_eq!((known.permissions, known.times), (Some(0o100_400), wanted.times));
        assert_eq!(files.set_attributes(b"link", &wanted, false), Err(Status::BadMessage));
        files.make_hard_link(b"dir/made", b"second").unwrap();
        assert_eq!(files.attributes(b"second", false).unwrap().permissions, known.permissions);
        assert!(files.space(b"/dir").unwrap().blocks > 0);
        assert_eq!(files.space(b"/none"), Err(Status::NoSuchFile));
        files.remove(b"dir/made").unwrap();
        assert_eq!(files.remove_directory(b"/"), Err(Status::BadMessage), "EINVAL");
        assert_eq!(files.make_directory(b"..", &Attributes::default()), Err(Status::Failure));
    });
}

#[test]
fn nothing_leads_out() {
    both_ways(|scratch, files| {
        let out = scratch.name("out/secret");
        symlink(scratch.path("out/secret"), scratch.path("in/absolute")).unwrap();
        scratch.link("../out/secret", "in/relative");
        scratch.link("../out", "in/folder");
        scratch.link("dir/../../out", "in/folder2");
        scratch.link("/proc/self/root", "in/proc");
        scratch.link("/proc/self/cwd", "in/cwd");
        for path in [
            &out[..],
            b"../out/secret",
            b"/../out/secret",
            b"dir/../../out/secret",
            b"absolute",
            b"relative",
            b"relative/",
            b"folder/secret",
            b"folder2/secret",
            b"proc/etc/passwd",
            b"cwd/Cargo.toml",
            b"/etc/passwd",
        ] {
            let shown = path.escape_ascii().to_string();
            let gone = Err(Status::NoSuchFile);
            assert_eq!(content(&files, path), Err(Status::NoSuchFile), "{shown}");
            assert_eq!(files.attributes(path, true), Err(Status::NoSuchFile), "{shown}");
            let wanted = Attributes { size: Some(0), permissions: Some(0o777), ..Attributes::default() };
            assert_eq!(files.set_attributes(path, &wanted, true), gone, "{shown}");
            assert_eq!(files.open_directory(path).unwrap_err(), Status::NoSuchFile, "{shown}");
            assert_eq!(files.space(path), Err(Status::NoSuchFile), "{shown}");
        }
        for folder in ["folder", "folder2", "proc", "cwd"] {
            let inside = format!("{folder}/new");
            let path = inside.as_bytes();
            assert!(files.open(path, CREATE, &Attributes::default()).is_err());
            assert_eq!(files.make_directory(path, &Attributes::default()), Err(Status::NoSuchFile));
            assert_eq!(files.make_link(b"x", path), Err(Status::NoSuchFile));
            assert_eq!(files.rename(b"file", path, true), Err(Status::NoSuchFile));
            assert_eq!(files.rename(b"file", path, false), Err(Status::NoSuchFile));
            assert_eq!(files.make_hard_link(b"file", path), Err(Status::NoSuchFile));
            let secret = format!("{folder}/secret");
            assert_eq!(files.remove(secret.as_bytes()), Err(Status::NoSuchFile));
            assert_eq!(files.rename(secret.as_bytes(), b"stolen", true), Err(Status::NoSuchFile));
            assert_eq!(files.make_hard_link(secret.as_bytes(), b"stolen"), Err(Status::NoSuchFile));
        }
        // A second name of a link is one of the link, and leads as little out.
        files.make_hard_link(b"relative", b"stolen").unwrap();
        assert_eq!(content(&files, b"stolen"), Err(Status::NoSuchFile));
        files.remove(b"relative").unwrap();
        assert!(scratch.path("out/secret").exists());
    });
}

#[test]
fn a_path_of_links_and_directories_without_an_end_is_refused() {
    both_ways(|scratch, files| {
        scratch.link("loop/x", "in/loop");
        scratch.link("self", "in/self");
        assert_eq!(content(&files, b"loop"), Err(Status::NoSuchFile));
        assert_eq!(content(&files, b"self"), Err(Status::NoSuchFile));
        assert_eq!(content(&files, b"file/x"), Err(Status::NoSuchFile));
        assert_eq!(content(&files, &b"dir/../".repeat(1000)), Err(Status::BadMessage));
        assert_eq!(content(&files, &[&b"dir/../".repeat(500)[..], b"file"].concat()), Ok(b"inside".to_vec()));
    });
}

/// Directories move out of and into the way as fast as they can, while somebody looks through `..` and a link that changes.
#[test]
fn nothing_leads_out_while_others_rename() {
    both_ways(|scratch, files| {
        fs::create_dir_all(scratch.path("in/dir/a/b")).unwrap();
        fs::create_dir(scratch.path("in/real")).unwrap();
        scratch.write("in/real/secret", b"inside");
        scratch.link("../out", "in/other");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // Out of the root and back: `..` of `b` is outside for a moment.
                    let _ = fs::rename(scratch.path("in/dir/a"), scratch.path("out/a"));
                    let _ = fs::rename(scratch.path("out/a"), scratch.path("in/dir/a"));
                    // A directory becomes a link and a directory again.
                    let _ = fs::rename(scratch.path("in/real"), scratch.path("in/kept"));
                    let _ = fs::rename(scratch.path("in/other"), scratch.path("in/real"));
                    let _ = fs::rename(scratch.path("in/real"), scratch.path("in/other"));
                    let _ = fs::rename(scratch.path("in/kept"), scratch.path("in/real"));
                }
            });
            let (mut found, mut missed) = (0, 0);
            for _ in 0..4000 {
                for path in
                    [&b"dir/a/b/../../../out/secret"[..], b"dir/a/../secret", b"other/secret", b"real/secret"]
                {
                    match content(&files, path) {
                        Ok(content) => {
                            assert_eq!(content, b"inside", "{}", path.escape_ascii());
                            found += 1;
                        }
                        Err(_) => missed += 1,
                    }
                }
                let _ = files.set_attributes(
                    b"real/secret",
                    &Attributes { permissions: Some(0o755), ..Attributes::default() },
                    true,
                );
                let _ = files.rename(b"real/secret", b"real/secret", true);
                let _ = files.attributes(b"dir/a/b/../../../../x", false);
            }
            done.store(true, Ordering::Relaxed);
            assert!(found > 0 && missed > 0, "{found} {missed}");
        });
        let _ = fs::rename(scratch.path("out/a"), scratch.path("in/dir/a"));
    });
}

/// Who is nobody, or whoever runs the test without being root.
fn as_ordinary_user(work: impl FnOnce() + Send) {
    use sys::ids::{Credentials, Gid, Uid};
    let nobody = Credentials { uid: Uid(65_534), gid: Gid(65_534), groups: vec![Gid(65_534)] };
    thread::scope(|scope| {
        // A thread of its own has rights of its own.
        scope.spawn(|| {
            if Uid::effective() == Uid::ROOT { sys::switch::as_user(&nobody, work).unwrap() } else { work() }
        });
    });
}

#[test]
fn an_ordinary_user_is_served_with_no_more_rights_than_its_own() {
    both_ways(|scratch, files| {
        fs::create_dir(scratch.path("in/own")).unwrap();
        fs::set_permissions(scratch.path("in/own"), fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(scratch.path("in/file"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(scratch.path("in/dir"), fs::Permissions::from_mode(0o000)).unwrap();
        scratch.link("../dir/x", "in/own/locked");
        as_ordinary_user(|| {
            let refused = Err(Status::PermissionDenied);
            assert_eq!(content(&files, b"file"), Err(Status::PermissionDenied));
            assert_eq!(content(&files, b"dir/x"), Err(Status::PermissionDenied));
            assert_eq!(content(&files, b"own/locked"), Err(Status::PermissionDenied));
            assert_eq!(files.open_directory(b"dir").unwrap_err(), Status::PermissionDenied);
            assert_eq!(files.rename(b"own/locked", b"dir/x", false), refused);
            assert_eq!(files.make_directory(b"dir/x", &Attributes::default()), refused);
            let file = files.open(b"own/new", CREATE, &Attributes::default()).unwrap();
            files.write(&file, 0, b"mine").unwrap();
            // Its owner may change what it may not even read.
            let locked = Attributes { permissions: Some(0), ..Attributes::default() };
            files.set_attributes(b"own/new", &locked, true).unwrap();
            let times = Some(sftp::Times { accessed: 1, modified: 2 });
            files.set_attributes(b"own/new", &Attributes { times, ..Attributes::default() }, true).unwrap();
            let known = files.attributes(b"own/new", true).unwrap();
            assert_eq!((known.permissions, known.times), (Some(0o100_000), times));
            assert_eq!(content(&files, b"own/new"), Err(Status::PermissionDenied));
            let owner = Attributes { owner: Some((0, 0)), ..Attributes::default() };
            assert_eq!(files.set_attributes(b"own/new", &owner, true), refused);
            files.remove(b"own/new").unwrap();
        });
        fs::set_permissions(scratch.path("in/dir"), fs::Permissions::from_mode(0o700)).unwrap();
    });
}
