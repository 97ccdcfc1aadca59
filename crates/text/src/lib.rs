//! What configuration and key files share: patterns, address lists, durations, sizes, quoting, percent tokens,
//! algorithm lists, places and dates, as OpenSSH's manuals `sshd_config(5)`, `ssh_config(5)` and `sshd(8)` define them.
//!
//! Everything here is a pure function from text: no files, no environment, no name lookup. Depends on nothing but `std`.
//!
//! | module | noun | for instance |
//! |---|---|---|
//! | [`pattern`] | `*` and `?` patterns, lists of them with `!` | `Host *.example.org,!db.example.org` |
//! | [`cidr`] | networks and address lists | `from="10.0.0.0/8,!10.6.0.0/16"` |
//! | [`duration`] | times | `LoginGraceTime 1h30m` |
//! | [`size`] | bytes | `RekeyLimit 1G` |
//! | [`quoting`] | a line and its words | `SetEnv PATH='/a b' # why` |
//! | [`percent`] | tokens and `${NAME}` | `AuthorizedKeysFile /keys/%u` |
//! | [`list`] | algorithm lists with `+`, `-`, `^` | `Ciphers -*cbc` |
//! | [`place`] | hosts with ports | `PermitOpen [::1]:80 db:*` |
//! | [`date`] | dates | `expiry-time="20271231"` |
//!
//! The input is an administrator's or a user's, so every error says what was wrong, in which column (in bytes, the first is
//! 1), and what was expected; and nothing takes more than polynomial time or more than the room [`limits`] names.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod cidr;
pub mod date;
pub mod duration;
pub mod limits;
pub mod list;
pub mod pattern;
pub mod percent;
pub mod place;
pub mod quoting;
pub mod size;

/// The column (from 1) of the byte at this offset.
const fn column(offset: usize) -> usize {
    offset.saturating_add(1)
}
