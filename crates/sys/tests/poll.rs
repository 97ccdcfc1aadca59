//! Several descriptors waited for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nacre_sys::poll::{Entry, wait};
use nacre_sys::signal::Signal;
use nacre_sys::spawn::{Command, Ended, Program};

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

#[test]
fn each_entry_is_told_what_it_wants_and_no_more() {
    let (one, mut other) = UnixStream::pair().unwrap();
    let (idle, _writer) = io::pipe().unwrap();
    other.write_all(b"x").unwrap();
    let mut entries = [
        Entry::new(one.as_fd(), true, true),
        Entry::new(one.as_fd(), true, false),
        Entry::new(one.as_fd(), false, true),
        Entry::new(idle.as_fd(), true, false),
        Entry::new(one.as_fd(), false, false),
    ];
    assert_eq!(wait(&mut entries, None).unwrap(), 3);
    let told: Vec<_> = entries.iter().map(|entry| (entry.readable, entry.writable)).collect();
    assert_eq!(told, [(true, true), (true, false), (false, true), (false, false), (false, false)]);
}

#[test]
fn what_was_told_before_is_forgotten() {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"x").unwrap();
    let mut entries = [Entry::new(reader.as_fd(), true, false)];
    assert_eq!(wait(&mut entries, AT_ONCE).unwrap(), 1);
    assert_eq!(io::Read::read(&mut &reader, &mut [0; 4]).unwrap(), 1);
    assert_eq!(wait(&mut entries, AT_ONCE).unwrap(), 0);
    assert!(!entries[0].readable);
}

#[test]
fn the_end_of_the_other_side_is_both_that_were_wanted() {
    let (one, other) = UnixStream::pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let (read_end, write_end) = io::pipe().unwrap();
    drop((other, writer, read_end));
    let mut entries = [
        Entry::new(one.as_fd(), true, true),
        Entry::new(reader.as_fd(), true, false),
        Entry::new(write_end.as_fd(), false, true),
    ];
    assert_eq!(wait(&mut entries, None).unwrap(), 3);
    let told: Vec<_> = entries.iter().map(|entry| (entry.readable, entry.writable)).collect();
    assert_eq!(told, [(true, true), (true, false), (false, true)]);
}

#[test]
fn an_entry_that_wants_nothing_does_not_end_the_wait_by_its_hang_up() {
    let (one, other) = UnixStream::pair().unwrap();
    drop(other);
    let mut entries = [Entry::new(one.as_fd(), false, false)];
    let (before, time) = (Instant::now(), Duration::from_millis(20));
    assert_eq!(wait(&mut entries, Some(time)).unwrap(), 0);
    assert!(before.elapsed() >= time);
    assert!(!entries[0].readable && !entries[0].writable);
}

#[test]
fn a_timeout_beyond_all_clocks_is_never() {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"x").unwrap();
    let mut entries = [Entry::new(reader.as_fd(), true, false)];
    assert_eq!(wait(&mut entries, Some(Duration::MAX)).unwrap(), 1);
    assert_eq!(wait(&mut [], AT_ONCE).unwrap(), 0);
}

#[test]
fn a_childs_end_is_seen_among_the_entries() {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let standard = [input.as_fd(), output.as_fd(), error.as_fd()];
    let mut command = Command::new(Program::Path(c"/bin/sleep".into()), c"sleep".into(), standard);
    command.arguments.push(c"600".into());
    let mut child = command.spawn().unwrap();
    assert_eq!(wait(&mut [Entry::new(child.pidfd().unwrap(), true, false)], AT_ONCE).unwrap(), 0);
    child.signal(Signal::TERM).unwrap();
    assert_eq!(wait(&mut [Entry::new(child.pidfd().unwrap(), true, false)], None).unwrap(), 1);
    let killed = Ended::Killed { signal: Signal::TERM, core: false };
    assert_eq!(child.try_wait().unwrap(), Some(killed));
}
