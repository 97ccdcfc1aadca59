//! Pseudo-terminals and their modes, as the kernel and `stty` see them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use nacre_sys::fd::is_cloexec;
use nacre_sys::ids::{Gid, Uid};
use nacre_sys::pty::{self, Follower, Master, Pty, WindowSize};
use nacre_sys::termios::Modes;

/// All of RFC 4254 §8 and RFC 8160.
const OPCODES: [(u8, u8); 6] = [(1, 18), (30, 42), (50, 62), (70, 75), (90, 93), (128, 129)];

fn stty(follower: &Follower, arguments: &[&str]) -> String {
    let terminal = File::from(std::os::fd::AsFd::as_fd(follower).try_clone_to_owned().unwrap());
    let out = Command::new("stty").args(arguments).stdin(Stdio::from(terminal)).output().unwrap();
    assert!(out.status.success(), "stty {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn files(pty: Pty) -> (File, File) {
    (File::from(OwnedFd::from(pty.master)), File::from(OwnedFd::from(pty.follower)))
}

fn read_exactly(file: &mut File, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_line_discipline_echoes_and_hands_over_whole_lines() {
    let (mut master, mut follower) = files(Pty::open().unwrap());
    master.write_all(b"lsx\x7f\r").unwrap();
    assert_eq!(read_exactly(&mut follower, 3), b"ls\n");
    assert_eq!(read_exactly(&mut master, 8), b"lsx\x08 \x08\r\n");
    follower.write_all(b"out\n").unwrap();
    assert_eq!(read_exactly(&mut master, 5), b"out\r\n");
}

#[test]
fn the_end_is_eio_after_the_last_byte() {
    let (mut master, mut follower) = files(Pty::open().unwrap());
    follower.write_all(b"last words").unwrap();
    drop(follower);
    assert_eq!(read_exactly(&mut master, 10), b"last words");
    assert_eq!(master.read(&mut [0; 8]).unwrap_err().raw_os_error(), Some(5), "EIO");
}

#[test]
fn two_hundred_at_once_have_numbers_of_their_own() {
    let ptys: Vec<Pty> = (0..200).map(|_| Pty::open().unwrap()).collect();
    let numbers: BTreeSet<u32> = ptys.iter().map(|pty| pty.number).collect();
    assert_eq!(numbers.len(), 200);
    for pty in ptys {
        assert!(is_cloexec(&pty.master).unwrap() && is_cloexec(&pty.follower).unwrap());
        let path = pty.path();
        let follower = File::from(OwnedFd::from(pty.follower));
        assert_eq!(follower.metadata().unwrap().rdev(), path.metadata().unwrap().rdev());
    }
}

#[test]
fn the_terminal_belongs_to_its_user_and_the_tty_group_may_write() {
    let pty = Pty::open().unwrap();
    let (user, group, other) = match Uid::effective() {
        Uid::ROOT => (Uid(1234), Gid(5), Uid(4321)),
        own => (own, Gid::effective(), own),
    };
    pty.follower.give_to(user, Some(group)).unwrap();
    let found = pty.path().metadata().unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (user.0, group.0, 0o620));
    pty.follower.give_to(other, None).unwrap();
    let found = pty.path().metadata().unwrap();
    assert_eq!((found.uid(), found.mode() & 0o7777), (other.0, 0o600));
}

#[test]
fn sizes_reach_the_other_side() {
    let pty = Pty::open().unwrap();
    let size = WindowSize { columns: 132, rows: 43, width: 1320, height: 860 };
    pty.master.resize(size).unwrap();
    assert_eq!(pty::window_size(&pty.follower).unwrap(), size);
    assert_eq!(stty(&pty.follower, &["size"]), "43 132\n");
    pty::send_break(&pty.follower).unwrap();
}

#[test]
fn only_terminals_are_taken_as_such() {
    let pipe = || OwnedFd::from(io::pipe().unwrap().0);
    assert!(Follower::from_terminal(pipe()).is_err() && Master::from_terminal(pipe()).is_err());
    assert!(pty::window_size(pipe()).is_err() && Modes::of(pipe()).is_err());
    let pty = Pty::open().unwrap();
    let master = Master::from_terminal(pty.master.into()).unwrap();
    let follower = Follower::from_terminal(pty.follower.into()).unwrap();
    assert!(Master::from_terminal(follower.into()).is_err(), "a follower is no master");
    drop(master);
}

#[test]
fn every_opcode_of_the_rfc_means_something_and_others_do_not() {
    let mut modes = Modes::of(&Pty::open().unwrap().follower).unwrap();
    for opcode in 1..=255 {
        let known = OPCODES.iter().any(|(from, to)| (*from..=*to).contains(&opcode));
        assert_eq!(modes.apply(opcode, 1), known, "opcode {opcode}");
    }
}

#[test]
fn what_is_applied_comes_back_from_the_terminal() {
    let pty = Pty::open().unwrap();
    let before: BTreeMap<u8, u32> = Modes::of(&pty.follower).unwrap().opcodes().into_iter().collect();
    for (&opcode, &old) in &before {
        let new = match opcode {
            1..=18 => 255 - old % 2 * 248, // Switched off, or ^G.
            90 | 91 => continue,           // A pseudo-terminal has eight bits always.
            92 | 62 => continue,           // No parity, and PENDIN is the kernel's own.
            128 | 129 => 9600,
            _ => 1 - old,
        };
        let mut modes = Modes::of(&pty.follower).unwrap();
        assert!(modes.apply(opcode, new));
        modes.set(&pty.follower).unwrap();
        let after: BTreeMap<u8, u32> = Modes::of(&pty.master).unwrap().opcodes().into_iter().collect();
        assert_eq!(after[&opcode], new, "opcode {opcode}, before {old}");
    }
}

#[test]
fn stty_shows_what_was_applied() {
    let pty = Pty::open().unwrap();
    let mut modes = Modes::of(&pty.follower).unwrap();
    let wanted = [
        (1, 7),
        (3, 8),
        (9, 255),
        (34, 1),
        (36, 0),
        (38, 0),
        (42, 1),
        (51, 0),
        (53, 0),
        (60, 0),
        (72, 0),
        (93, 1),
        (128, 19_200),
        (129, 19_200),
    ];
    for (opcode, value) in wanted {
        assert!(modes.apply(opcode, value));
    }
    modes.set(&pty.follower).unwrap();
    let shown = stty(&pty.follower, &["-a"]);
    let words: BTreeSet<&str> = shown.split([' ', '\n', ';']).collect();
    for word in
        ["inlcr", "-icrnl", "-ixon", "iutf8", "-icanon", "-echo", "-echoctl", "-onlcr", "parodd", "19200"]
    {
        assert!(words.contains(word), "{word} in {shown}");
    }
    for part in ["intr = ^G;", "erase = ^H;", "stop = <undef>;"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn what_stty_sets_is_told_as_opcodes() {
    let pty = Pty::open().unwrap();
    stty(
        &pty.follower,
        &["-echo", "-isig", "iutf8", "olcuc", "intr", "^A", "eof", "undef", "speed", "115200"],
    );
    let told: BTreeMap<u8, u32> = Modes::of(&pty.follower).unwrap().opcodes().into_iter().collect();
    let found = [53, 50, 42, 71, 1, 5, 128, 129, 91].map(|opcode| told[&opcode]);
    assert_eq!(found, [0, 0, 1, 1, 1, 255, 115_200, 115_200, 1]);
    assert_eq!(told.len(), 53, "all 56 but the three characters that Linux has not: {told:?}");
}

#[test]
fn a_speed_without_a_code_is_rounded_down() {
    let pty = Pty::open().unwrap();
    let mut modes = Modes::of(&pty.follower).unwrap();
    for (asked, given) in [(0, 0), (49, 0), (19_201, 19_200), (u32::MAX, 4_000_000)] {
        assert!(modes.apply(129, asked));
        assert!(modes.opcodes().contains(&(129, given)), "{asked} gives {given}");
    }
}

#[test]
fn character_sizes_of_peers_that_or_bits_end_right() {
    let told = |modes: &Modes| {
        modes.opcodes().into_iter().filter(|(opcode, _)| matches!(opcode, 90 | 91)).collect::<Vec<_>>()
    };
    let mut modes = Modes::of(&Pty::open().unwrap().follower).unwrap();
    assert_eq!(told(&modes), [(91, 1), (90, 1)]);
    assert!(modes.apply(91, 0) && modes.apply(90, 1));
    assert_eq!(told(&modes), [(91, 0), (90, 1)], "seven bits");
    assert!(modes.apply(90, 1) && modes.apply(91, 1));
    assert_eq!(told(&modes), [(91, 1), (90, 1)], "eight bits in the order of most clients");
}
