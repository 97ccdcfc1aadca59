//! The program, between pipes. What it says and how it ends is what OpenSSH's says and how that ends, unless a test tells otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory that goes away with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("nacre-sftp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program(arguments: &[&str], directory: &Path, input: &[u8]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_sftp-server")).args(arguments), directory, input)
}

fn run(command: &mut Command, directory: &Path, input: &[u8]) -> Output {
    let mut child = command
        .current_dir(directory)
        .env("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has refused its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn request(number: u8, rest: &[u8]) -> Vec<u8> {
    string(&[&[number], &[0, 0, 0, 7][..], rest].concat())
}

const INIT: &[u8] = b"\0\0\0\x05\x01\0\0\0\x03";

/// Types and, of statuses, codes of the replies.
fn replies(mut output: &[u8]) -> Vec<(u8, u8)> {
    let mut found = Vec::new();
    while let Some((length, rest)) = output.split_first_chunk::<4>() {
        let (packet, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        found.push((packet[0], if packet[0] == 101 { packet[8] } else { 0 }));
        output = rest;
    }
    found
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stderr.clone()).unwrap().lines().map(str::to_owned).collect()
}

fn mkdir(name: &str) -> Vec<u8> {
    request(14, &[&string(name.as_bytes())[..], &[0; 4]].concat())
}

#[test]
fn a_session_is_served_logged_and_ends_with_its_input() {
    let scratch = Scratch::new();
    let open = request(3, &[&string(b"new")[..], &[0, 0, 0, 10], &[0; 4]].concat());
    let input = [INIT, &mkdir("d"), &open].concat();
    let output = program(&["-e", "-l", "INFO", "-u", "077"], &scratch.0, &input);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(replies(&output.stdout), [(2, 0), (101, 0), (102, 0)]);
    let lines = lines(&output);
    assert!(lines[0].starts_with("session opened for local user "), "{lines:?}");
    assert!(lines[0].ends_with(" from [192.0.2.7]"), "{lines:?}");
    assert_eq!(
        lines[1..4],
        [
            "mkdir name \"d\" mode 0777",
            "open \"new\" flags WRITE,CREATE mode 0666",
            "forced close \"new\" bytes read 0 written 0"
        ]
    );
    assert_eq!(lines[4], lines[0].replace("opened", "closed"));
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(scratch.0.join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("d"), mode("new")), (0o700, 0o600));
}

#[test]
fn read_only_and_denied_requests_change_nothing() {
    let scratch = Scratch::new();
    for arguments in [&["-R"][..], &["-P", "mkdir"], &["-p", "stat,lstat"], &["-Pmkdir", "-pmkdir"]] {
        let output = program(arguments, &scratch.0, &[INIT, &mkdir("d")].concat());
        assert_eq!(replies(&output.stdout), [(2, 0), (101, 3)], "{arguments:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    assert!(!scratch.0.join("d").exists());
}

#[test]
fn it_begins_where_it_is_told_to() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.0.join("inner%")).unwrap();
    let start = format!("{}/inner%%", scratch.0.display());
    assert_eq!(program(&["-d", &start], &scratch.0, &[INIT, &mkdir("d")].concat()).status.code(), Some(0));
    assert!(scratch.0.join("inner%/d").is_dir());
    let output = program(&["-e", "-d", "/none"], &scratch.0, &[INIT, &mkdir("d")].concat());
    assert!(lines(&output)[0].starts_with("chdir to \"/none\" failed: "), "{output:?}");
    assert!(scratch.0.join("d").is_dir());
    assert_eq!(program(&["-d", "/home/%h"], &scratch.0, INIT).status.code(), Some(255));
}

#[test]
fn how_a_session_ends_is_told_by_the_status() {
    let scratch = Scratch::new();
    let stat = request(17, &string(b"/"));
    let too_long = [0, 4, 0, 1];
    for (input, status, said) in [
        (vec![], 0, None),
        (INIT.to_vec(), 0, None),
        // OpenSSH's ends with 0 here, but half a request is half a request.
        ([INIT, &stat[..9]].concat(), 1, Some("input ends within a request")),
        ([INIT, &too_long].concat(), 11, Some("bad message from 192.0.2.7 local user ")),
        (stat.clone(), 255, Some("Received 17 request before init")),
        ([INIT, &request(17, &string(b"a\0b"))].concat(), 255, Some("bad stat message: string holds a NUL")),
    ] {
        let output = program(&["-e"], &scratch.0, &input);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let lines = lines(&output);
        assert_eq!(lines.len(), usize::from(said.is_some()), "{lines:?}");
        assert!(lines.iter().zip(said).all(|(line, said)| line.starts_with(said)), "{lines:?}");
    }
}

#[test]
fn a_file_that_would_become_too_long_for_its_user_ends_no_session() {
    let scratch = Scratch::new();
    let open = request(3, &[&string(b"file")[..], &[0, 0, 0, 0x1a], &[0; 4]].concat());
    let write = request(6, &[&string(&[0; 8])[..], &[0; 8], &string(&[b'x'; 4096])].concat());
    let size = request(9, &[&string(b"file")[..], &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 1, 0, 0]].concat());
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 4; exec \"$0\"", env!("CARGO_BIN_EXE_sftp-server")]);
    let output = run(&mut limited, &scratch.0, &[INIT, &open, &write, &size, &mkdir("d")].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(replies(&output.stdout), [(2, 0), (102, 0), (101, 4), (101, 4), (101, 0)]);
}

#[test]
fn arguments_are_those_of_openssh() {
    let scratch = Scratch::new();
    let output = program(&["-Q", "requests"], &scratch.0, b"");
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(names.starts_with("open\nclose\nread\nwrite\nlstat\n"), "{names}");
    assert!(names.ends_with("copy-data\nhome-directory\nusers-groups-by-id\n"), "{names}");
    assert_eq!(names.lines().count(), 29);
    let output = program(&["-h"], &scratch.0, b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(lines(&output)[0].starts_with("usage: sftp-server [-ehR] [-d start_directory]"));
    let output = program(&["-u", "999"], &scratch.0, b"");
    assert_eq!((output.status.code(), lines(&output)), (Some(255), vec!["Invalid umask \"999\"".to_owned()]));
}
