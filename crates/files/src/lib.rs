//! The machine's files, served by SFTP.
//!
//! | noun | what it is |
//! |---|---|
//! | [`Machine`] | every file, with the rights of the process |
//! | [`Rooted`] | the files below one directory, which is their `/`; without root and without a chroot |
//! | [`serve`] | a server between two descriptors, from the first byte to the last |
//!
//! Both trees answer as OpenSSH's server does, with four exceptions: a name that is a symbolic link to nothing counts as taken when
//! something is renamed; a directory that was renamed can still be listed; a copy that could not be made is a failure; and a fifo
//! without another end makes nobody wait.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod below;
mod fault;
pub mod limits;
mod names;
mod open_file;
mod real_path;
mod root;
#[cfg(test)]
mod scratch;
mod serve;
mod tree;
mod walk;
mod whole;
mod workers;

pub use below::Below;
pub use open_file::OpenFile;
pub use root::Root;
pub use serve::{ServeError, serve};
pub use tree::{OpenDirectory, Tree};
pub use whole::Whole;

/// Every file of the machine, with the rights of the process. Relative paths begin in its working directory.
pub type Machine = Tree<Whole>;

/// The files below one directory, with the rights of the process: `/` is that directory, absolute symbolic links begin there, and `..`
/// ends there, whatever others rename meanwhile.
pub type Rooted = Tree<Below>;
