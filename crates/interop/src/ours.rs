//! Our side of a case: the protocol core, driven over a real socket.

mod cases;
mod device;
mod drive;
mod item;
mod matrix;
mod party;
mod recording;
mod ring;

pub use cases::{clients, logins, refusals, servers};
pub use matrix::{matrix_clients, matrix_servers, matrix_sshd, summary};
pub use recording::record;
