//! What the server does, seen from outside: by stock `ssh`, by `ps`, `stat` and `/proc`.
//!
//! `NACRE_TEST_SSHD=PROGRAM cargo test -p nacre-sshd --test behaviour` runs the same tests against another server, which tells
//! what "as under OpenSSH" is on this machine; tests of what only ours does say so and are left out then.
//! Needs `ssh`, `ssh-keygen` (openssh-client), `ps` (procps), `setpriv`, `prlimit`, `setsid`, `unshare` (util-linux), `useradd`
//! (passwd), `strace`, a static shell (busybox-static) and, for most, root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout
)]

mod alone;
mod bulk;
mod certificates;
mod chroot;
mod command_line;
mod commands;
mod exits;
mod forwarding_policy;
mod groups;
mod harness;
mod host_keys;
mod inherited;
mod key_options;
mod keys;
mod killing;
mod lifecycle;
mod memory;
mod policy;
mod processes;
mod quick;
mod requests;
mod startups;
mod terminal;
mod terminal_live;
