use std::fs::{self, Permissions};
use std::io::{BufReader, PipeReader, PipeWriter};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use super::*;

fn arguments(line: &str) -> Arguments {
    Arguments::of(&Arguments::words(line.as_bytes()).unwrap()).unwrap()
}

type Played = Peer<BufReader<PipeReader>, PipeWriter>;

fn pair() -> (Played, Played) {
    let ((there, out), (back, answer)) = (io::pipe().unwrap(), io::pipe().unwrap());
    (Peer::new(BufReader::new(back), out), Peer::new(BufReader::new(there), answer))
}

/// Copies by a source and a sink; whether each was content.
fn copy(source_line: &str, sink_line: &str) -> (bool, bool) {
    let (mut source, mut sink) = pair();
    let of_source = arguments(source_line);
    let sent = thread::spawn(move || {
        source::run(&of_source, &mut source).unwrap();
        source.is_content()
    });
    sink::run(&arguments(sink_line), &mut sink).unwrap();
    let content = sink.is_content();
    drop(sink);
    (sent.join().unwrap(), content)
}

/// What a sink answers to these bytes, and whether it kept to the end.
fn sink_answers(line: &str, bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut peer = Peer::new(bytes, Vec::new());
    let kept = sink::run(&arguments(line), &mut peer).is_ok();
    (peer.output, kept)
}

/// Whether a sink is content after these bytes.
fn sink_is_content(line: &str, bytes: &[u8]) -> bool {
    let mut peer = Peer::new(bytes, Vec::new());
    sink::run(&arguments(line), &mut peer).unwrap();
    peer.is_content()
}

/// What a source says when it gets these answers.
fn source_says(line: &str, answers: &[u8]) -> (Vec<u8>, bool) {
    let mut peer = Peer::new(answers, Vec::new());
    let kept = source::run(&arguments(line), &mut peer).is_ok();
    (peer.output, kept)
}

fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_tree_arrives_with_its_bytes_modes_and_times() {
    let (_folder, path) = folder();
    let from = Path::new(&path).join("from");
    fs::create_dir_all(from.join("deep/er")).unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    fs::write(from.join("deep/er/bytes"), &bytes).unwrap();
    fs::write(from.join("empty"), "").unwrap();
    fs::write(from.join("one name"), "text").unwrap();
    fs::set_permissions(from.join("empty"), Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(from.join("deep"), Permissions::from_mode(0o750)).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::open(from.join("empty")).unwrap().set_modified(time).unwrap();
    fs::File::open(from.join("deep")).unwrap().set_modified(time).unwrap();
    let content = copy(&format!("scp -r -p -f {path}/from"), &format!("scp -r -p -t {path}/to"));
    assert_eq!(content, (true, true));
    let to = Path::new(&path).join("to");
    assert_eq!(fs::read(to.join("deep/er/bytes")).unwrap(), bytes);
    assert_eq!(fs::read_to_string(to.join("one name")).unwrap(), "text");
    let found = |name: &str| fs::metadata(to.join(name)).unwrap();
    assert_eq!((found("empty").mode() & 0o7777, found("empty").mtime()), (0o640, 1_000_000_000));
    assert_eq!((found("deep").mode() & 0o7777, found("deep").mtime()), (0o750, 1_000_000_000));
    // Into a directory that is there, by its name.
    assert_eq!(copy(&format!("scp -r -f {path}/from"), &format!("scp -r -d -t {path}/to")), (true, true));
    assert_eq!(fs::read(to.join("from/deep/er/bytes")).unwrap(), bytes);
}

#[test]
fn a_file_takes_the_place_of_a_longer_one() {
    let (_folder, path) = folder();
    fs::write(format!("{path}/short"), "short").unwrap();
    fs::write(format!("{path}/old"), "much longer").unwrap();
    assert_eq!(copy(&format!("scp -f {path}/short"), &format!("scp -t {path}/old")), (true, true));
    assert_eq!(fs::read_to_string(format!("{path}/old")).unwrap(), "short");
}

#[test]
fn what_cannot_be_sent_is_told_and_the_others_go() {
    let (_folder, path) = folder();
    fs::write(format!("{path}/good"), "good").unwrap();
    fs::create_dir(format!("{path}/directory")).unwrap();
    fs::create_dir(format!("{path}/to")).unwrap();
    symlink("/dev/null", format!("{path}/device")).unwrap();
    let line = format!("scp -f {path}/none {path}/directory {path}/device {path}/good");
    let (said, kept) = source_says(&line, &[0, 0, 0]);
    let said = String::from_utf8(said).unwrap();
    let expected = format!(
        "\x01scp: {path}/none: No such file or directory\n\x01scp: {path}/directory: not a regular file\n\
         \x01scp: {path}/device: not a regular file\nC0644 4 good\ngood\0"
    );
    assert_eq!((said.as_str(), kept), (expected.as_str(), true));
    assert_eq!(copy(&line, &format!("scp -d -t {path}/to")), (false, false));
    assert_eq!(fs::read_to_string(format!("{path}/to/good")).unwrap(), "good");
}

#[test]
fn what_the_client_does_not_want_is_not_sent() {
    let (_folder, path) = folder();
    for name in ["a", "b"] {
        fs::write(format!("{path}/{name}"), name).unwrap();
    }
    let line = format!("scp -f {path}/a {path}/b");
    let (said, kept) = source_says(&line, b"\0\x01no\n\0\0");
    assert_eq!((said.as_slice(), kept), (b"C0644 1 a\nC0644 1 b\nb\0".as_slice(), true));
    for answers in [b"".as_slice(), b"\x02bye\n", b"\0", b"\0\0", b"\0\x01endless"] {
        assert!(!source_says(&line, answers).1, "{answers:?}");
    }
}

#[test]
fn names_that_lead_elsewhere_end_it() {
    let (_folder, path) = folder();
    fs::create_dir(format!("{path}/to")).unwrap();
    let line = format!("scp -r -t {path}/to");
    for entry in [
        "C0644 1 ../x\n",
        "C0644 1 /x\n",
        "C0644 1 ..\n",
        "C0644 1 \n",
        "D0755 0 ..\n",
        "D0755 0 .\n",
        "C0644 1 a\0b\n",
        "C644 1 x\n",
        "C0999 1 x\n",
        "C0644 -1 x\n",
        "C0644 99999999999999999999 x\n",
        "C0644 x\n",
        "E\n",
        "X\n",
        "\n",
        "T1 0 1\n",
        "T1 0 1 0 1\n",
        "C0644 1 unfinished",
    ] {
        let (answers, kept) = sink_answers(&line, format!("{entry}x\0").as_bytes());
        assert_eq!((answers, kept), (vec![0], false), "{entry:?}");
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_eq!(fs::read_dir(format!("{path}/to")).unwrap().count(), 0);
}

#[test]
fn what_ends_in_the_middle_is_an_error() {
    let (_folder, path) = folder();
    let line = format!("scp -r -t {path}");
    for bytes in [b"C0644 4 x\nab".as_slice(), b"C0644 2 x\nab", b"D0755 0 d\n", b"C0644 2 x\nab\x02gone\n"] {
        assert!(!sink_answers(&line, bytes).1, "{bytes:?}");
    }
}

#[test]
fn a_sink_tells_what_it_cannot_write_and_keeps_in_step() {
    let (_folder, path) = folder();
    fs::write(format!("{path}/file"), "").unwrap();
    let (answers, kept) = sink_answers(&format!("scp -d -t {path}/file"), b"");
    assert_eq!(String::from_utf8(answers).unwrap(), format!("\x01scp: {path}/file: Not a directory\n"));
    assert!(kept);
    let (answers, _) = sink_answers(&format!("scp -d -t {path}/none"), b"");
    assert_eq!(
        String::from_utf8(answers).unwrap(),
        format!("\x01scp: {path}/none: No such file or directory\n")
    );
    let (answers, kept) = sink_answers(&format!("scp -r -t {path}/file"), b"D0755 0 d\nC0644 1 x\nx\0");
    let expected = format!("\0\x01scp: {path}/file: Not a directory\n\0\0");
    assert_eq!((String::from_utf8(answers).unwrap(), kept), (expected, true));
    // A device that is full.
    let (answers, kept) = sink_answers("scp -t /dev/full", b"C0644 3 x\nabc\0C0644 3 x\nabc\0");
    let expected = "\0\0\x01scp: /dev/full: No space left on device\n".to_owned();
    let again = "\0\x01scp: /dev/full: No space left on device\n";
    assert_eq!((String::from_utf8(answers).unwrap(), kept), (expected + again, true));
}

#[test]
fn a_directory_is_taken_only_where_it_was_asked_for() {
    let (_folder, path) = folder();
    let (answers, kept) = sink_answers(&format!("scp -t {path}/new"), b"D0755 0 d\n");
    assert_eq!((answers, kept), (vec![0], false));
}

#[test]
fn complaints_of_the_client_are_no_lines_of_entries() {
    let (_folder, path) = folder();
    let (answers, kept) =
        sink_answers(&format!("scp -t {path}"), b"\x01scp: x: Permission denied\nC0644 1 y\ny\0");
    assert_eq!((answers.as_slice(), kept), (b"\0\0\0".as_slice(), true));
    assert_eq!(fs::read_to_string(format!("{path}/y")).unwrap(), "y");
}

#[test]
fn whoever_heard_of_a_file_that_does_not_come_ends_with_a_failure() {
    let (_folder, path) = folder();
    let line = format!("scp -t {path}");
    assert!(sink_is_content(&line, b"C0644 1 y\ny\0"));
    assert!(!sink_is_content(&line, b"\x01scp: x: Permission denied\nC0644 1 y\ny\0"));
    assert!(!sink_is_content(&line, b"C0644 1 y\ny\x01y: file changed size\n"));
}
