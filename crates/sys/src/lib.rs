//! The operating system, and the only crate with unsafe.
//!
//! | noun | what it is |
//! |---|---|
//! | [`fd`] | flags of descriptors, standard ones redirected, inherited ones taken, all others closed |
//! | [`mod@file`] | files by name, without following links that nobody wants followed |
//! | [`file_io`] | reads and writes that do not wait, room in file systems |
//! | [`directory`] | directories listed from a descriptor |
//! | [`local_time`] | dates in the machine's time zone |
//! | [`seqpacket`] | message sockets between our processes, with descriptors beside the bytes |
//! | [`socket`] | TCP sockets: made to listen, connected, asked for their names, tuned |
//! | [`local`] | Unix sockets: connected to, asked who is at the other end |
//! | [`poll`] | several descriptors waited for at once |
//! | [`pty`] | pseudo-terminals: made, owned, sized |
//! | [`termios`] | terminal modes, to and from the opcodes of RFC 4254 §8 |
//! | [`ids`] | numbers of users, groups and processes |
//! | [`process`] | what a process can ask and change of itself; a copy of it |
//! | [`spawn`] | programs started with a clean slate, their ends, signals to them |
//! | [`title`] | what `ps` shows of a process |
//! | [`signal`] | signals by name, blocked, and read from a descriptor |
//! | [`users`] | accounts from `/etc/passwd`, `/etc/group` and `/etc/shadow` |
//! | [`switch`] | work with the rights of a user |
//! | [`jail`] | what the process that reads the network gives up |
//!
//! Signatures are safe; descriptors are owned or borrowed, never numbers. Each unsafe block says why it is right.
//!
//! Made for Linux 4.18 and later, x86-64 and aarch64. What is newer is tried first and has a fallback:
//!
//! | call | since | else |
//! |---|---|---|
//! | `close_range` | 5.9 | `/proc/self/fd`, or every number up to the limit |
//! | `TIOCGPTPEER` | 4.13, refused in some containers | `/dev/pts/N`, compared with the master |
//! | `CLONE_PIDFD` | 5.2 | [`spawn::Child::pidfd`] is `None`; signals go by number, which stays taken until it is reaped |
//! | `pidfd_open` | 5.3 | the same for the child of a [`process::fork`] |
//! | `openat2` | 5.6 | [`file::open_below`] says so; its caller walks component by component |
//! | `fchmodat2` | 6.6 | the name that `/proc` has for a descriptor |
//! | Landlock | 5.13 | left out, and [`jail::Report`] says so |
//!
//! Level 0 of the house: it knows no other room.

mod call;
mod child;
pub mod directory;
pub mod fd;
pub mod file;
pub mod file_io;
mod fork;
pub mod ids;
pub mod jail;
mod landlock;
// A fuzzer's runtime looks for the real ones.
#[cfg(all(feature = "lean", target_env = "gnu", not(fuzzing)))]
mod lean;
pub mod limits;
pub mod local;
pub mod local_time;
pub mod poll;
pub mod process;
pub mod pty;
mod seccomp;
pub mod seqpacket;
pub mod signal;
pub mod socket;
pub mod spawn;
pub mod switch;
pub mod termios;
pub mod title;
pub mod users;
