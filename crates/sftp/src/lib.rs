//! SFTP protocol 3 (draft-ietf-secsh-filexfer-02) without IO, with OpenSSH's extensions.
//!
//! | noun | what it is |
//! |---|---|
//! | [`FileSystem`] | a tree of files: what there is to serve |
//! | [`Memory`], [`ReadOnly`] | a tree that is only memory, and one that cannot be changed |
//! | [`Server`] | one client's session over a tree: bytes in, replies out |
//! | [`Job`] | what may wait for a disk, to be done on another thread |
//! | [`Settings`], [`Record`] | what is refused, and what the log is told |
//!
//! A tree is served over any pair of byte streams. Where threads are not worth it, [`Server::respond`] is all there is to call:
//!
//! ```
//! use nacre_sftp::{Memory, ReadOnly, Server, Settings};
//!
//! let files = Memory::new();
//! files.insert("/hello/world.txt", "good morning").unwrap();
//! let mut server = Server::new(ReadOnly(files), Settings::default());
//!
//! // What a client sends: its version, and STAT of the file.
//! let mut input = b"\0\0\0\x05\x01\0\0\0\x03".to_vec();
//! input.extend_from_slice(b"\0\0\0\x19\x11\0\0\0\x01\0\0\0\x10/hello/world.txt");
//! let mut output = Vec::new();
//! let taken = server.respond(&input, &mut output).unwrap();
//! assert_eq!(taken, input.len());
//! // A version with extensions, and attributes: a file of 12 bytes.
//! assert_eq!(output[4], 2);
//! assert!(output.ends_with(b"\0\0\x81\xa4\0\0\0\0\0\0\0\0"));
//! ```
//!
//! With real files and threads, it is the loop of the crate `files`: [`Server::process`] takes one request at a time, hands out jobs and
//! says when to wait; [`Server::transmit`] is what to write next.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod attributes;
mod date;
mod error;
mod file_system;
mod handles;
mod job;
mod journal;
mod kind;
pub mod limits;
mod long_name;
mod memory;
mod read_only;
mod replies;
mod request;
mod server;
mod settings;
mod status;

pub use attributes::{Attributes, Times};
pub use date::Date;
pub use error::Error;
pub use file_system::{Entry, FileSystem, FileSystemLimits, OpenFlags, Space, Tried};
pub use job::{Done, Job};
pub use journal::{Level, Record};
pub use kind::RequestKind;
pub use memory::{Memory, MemoryDirectory, MemoryFile};
pub use read_only::ReadOnly;
pub use server::{Server, Step};
pub use settings::Settings;
pub use status::Status;
