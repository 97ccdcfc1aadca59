//! The loop that drives one connection: mio, the peer's socket, pipes and terminals of channels, watched descriptors, timers.
//!
//! A [`Driver`] has a [`proto::Connection`] and an [`Application`]. It reads and writes the peer's socket, hands events and
//! questions to the application, and moves the bytes of channels to which the application has attached descriptors, without
//! copying them: pipes are read into the packet that will be sealed, plaintext is written from the buffer in which it was
//! opened. It owns no policy: what a channel is, and who may have one, is the application's.
//!
//! ```text
//! wait → marks → turn:  time → watched descriptors → what waits for slow programs → socket: read, process
//!                            → seal what channels have, a batch a write → wait, or at once the next turn
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `driver.rs` | [`Driver`]: turns, waiting, the end |
//! | `application.rs`, `io.rs` | [`Application`], what the loop calls; [`Io`], what an application has it do |
//! | `link.rs` | [`Transport`]: the way to the peer, one socket or two descriptors |
//! | `attachment.rs` | [`Attachment`]: descriptors of a channel |
//! | `state.rs` | what the loop and the application both work on |
//! | `inbound.rs` | the peer's data to descriptors |
//! | `outbound.rs` | descriptors' data to the peer |
//! | `ending.rs` | [`Exit`]: a program's end, told after its output |
//! | `descriptors.rs` | what epoll watches, and to whom it belongs |
//! | `backlog.rs`, `timers.rs`, `streams.rs`, `limits.rs` | bytes that wait; points of time; the two streams of a channel; bounds |
//!
//! # Promises
//! * epoll tells of changes only, so every source that was ready stays marked until it says that it is not. Nothing waits
//!   for an event while a mark stands that can be acted on.
//! * Every turn does bounded work for every source and then looks at all of them again: no source starves another one, nor
//!   the socket.
//! * A channel whose peer or whose program does not read stops itself and no other one. What it costs is bounded by its
//!   window; for a peer that never reads anything, by what [`proto::Connection`] seals ahead.
//! * Receive windows follow what the way to the peer holds, as far as the kernel measures it; a slow program's does not grow.
//! * Nothing is allocated per packet. Buffers are given back a second after the last thing happened.
//! * A forwarded socket's directions end by themselves; its channel and its descriptor end with both, or with either end's
//!   going away, after what was sent before.
//! * Every byte that a program wrote goes out before its exit status. EOF is not CLOSE: each output ends by itself, EOF
//!   follows when all have, CLOSE when the exit was told as well.
//!
//! Level 5 of the house: it knows `proto` and `sys`.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod application;
mod attachment;
mod backlog;
mod descriptors;
mod driver;
mod ending;
mod inbound;
mod io;
pub mod limits;
mod link;
mod outbound;
mod state;
mod streams;
mod timers;

pub use application::Application;
pub use attachment::Attachment;
pub use descriptors::{Reactor, WatchId};
pub use driver::{Driver, Ended};
pub use ending::Exit;
pub use io::Io;
pub use link::Transport;
pub use timers::TimerId;
