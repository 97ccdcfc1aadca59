//! Our side of a case: the protocol core, driven over a real socket.

mod cases;
mod drive;

pub use cases::{clients, logins, refusals, servers};
