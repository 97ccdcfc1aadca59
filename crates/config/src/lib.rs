//! The server's configuration: `sshd_config(5)` from bytes to typed values.
//!
//! ```text
//! Files ─ read, glob ─→ parse ─→ Config ─ effective(&ConnInfo) ─→ Effective ─ dump() ─→ what sshd -T prints
//! ```
//!
//! | module | noun |
//! |---|---|
//! | [`keyword`] | the one table of keywords: type, default, range, where it may stand, what it does |
//! | [`value`] | the types of the values, how they are read and written |
//! | [`algorithms`] | algorithm lists and the names they choose from |
//! | [`listen`] | what to listen on |
//! | [`parse`] | lines, `Include`, the command line's `-o` |
//! | [`matching`] | `Match` criteria and the connection they are asked about |
//! | [`effective`] | the configuration that was read, and what holds for one connection |
//! | [`error`] | what was wrong, in OpenSSH's words where it has some |
//! | [`limits`] | how much there may be |
//!
//! Nothing here opens a file, resolves a name or looks up a user: [`Files`] brings the contents, [`ConnInfo`] what is known of
//! a connection, and [`Environment`] what this build and process are. Evaluating is a walk over what was read, so it costs
//! time in proportion to the configuration.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod algorithms;
pub mod effective;
pub mod error;
pub mod keyword;
pub mod limits;
pub mod listen;
pub mod matching;
pub mod parse;
pub mod value;

pub use algorithms::{Algorithms, Names};
pub use effective::Config;
pub use error::ConfigError;
pub use keyword::Effective;
pub use matching::ConnInfo;
pub use parse::{CommandLine, Environment, Files, ReadError};
