//! The lying peer: each rule that a peer can break, broken before a connection of ours by a peer made by hand, with the
//! refusal that it must get. What a single layer does of itself is tested in that layer's crate; here it is shown that
//! the peer is told, that the error stays, and that nothing of a later phase was reached.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

extern crate nacre_proto as proto;

mod auth_client;
mod auth_server;
mod channels;
mod exchange;
mod extinfo;
mod ident;
mod kexinit;
mod limits;
mod packets;
mod past_bugs;
mod phases;
mod shapes;
mod strict;

use proto::Error;

/// An error of the transport.
fn transport(error: impl Into<transport::Error>) -> Error {
    Error::Transport(error.into())
}

/// An error of user authentication.
fn auth(error: impl Into<userauth::Error>) -> Error {
    Error::UserAuth(error.into())
}

/// An error of the channels.
fn channel(error: impl Into<connection::Error>) -> Error {
    Error::Connection(error.into())
}
