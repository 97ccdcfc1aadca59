//! RFC 4254 without IO: channels, windows, requests. One machine for the client and the server.
//!
//! A [`Connection`] is driven by three things:
//!
//! * [`handle`](Connection::handle) takes one message of the peer, number first, and returns what it led to: nothing,
//!   an [`Event`] or an [`Ask`]. Both borrow from the message.
//! * Commands and answers of the application: [`open`](Connection::open), [`request`](Connection::request),
//!   [`consumed`](Connection::consumed), [`eof`](Connection::eof), [`close`](Connection::close),
//!   [`answer_request`](Connection::answer_request) and so on. Wrong use is [`Misuse`], which changes nothing.
//! * Pulling, whenever there is room to send: [`next_control`](Connection::next_control) until it says no, then data
//!   for what [`sendable`](Connection::sendable) names.
//!
//! What goes where:
//!
//! * Opens, requests and replies are written to the [`Outbox`](wire::Outbox) at once and keep their order.
//! * WINDOW_ADJUST, `eow@openssh.com`, EOF, the exit status and CLOSE are *state* of a channel, which coalesces and is
//!   sent when it is pulled, in this order. Nothing of it queues.
//! * Data never enters: the application writes it behind the header from [`data_header`](Connection::data_header).
//!
//! ```
//! use nacre_connection::{Ask, Config, Connection, Event, Grant, Output};
//! # fn drive(payload: &[u8], outbox: &mut impl wire::Outbox) -> Result<(), Box<dyn std::error::Error>> {
//! let mut connection = Connection::new(wire::Role::Server, Config::default());
//! match connection.handle(payload, outbox)? {
//!     Output::Nothing => {}
//!     Output::Ask(Ask::Open { id, .. }) => connection.answer_open(id, Ok(Grant::default()), outbox)?,
//!     Output::Ask(Ask::Request { id, .. }) => connection.answer_request(id, false, outbox)?,
//!     // A global request, which can be left to `answer_global`.
//!     Output::Ask(_) => {}
//!     Output::Event(Event::Data { channel, data, .. }) => {
//!         // Write `data` somewhere, and when that is done:
//!         connection.consumed(channel, u32::try_from(data.len())?)?;
//!     }
//!     Output::Event(_) => {}
//! }
//! // While there is room to send:
//! while connection.next_control(outbox) {}
//! while let Some((channel, stream)) = connection.sendable() {
//!     let mut packet = [0; 64];
//!     let (header, body) = packet.split_at_mut(stream.header_len());
//!     let max = body.len().min(connection.data_budget(channel) as usize);
//!     let read = std::io::Read::read(&mut std::io::stdin(), &mut body[..max])?;
//!     connection.data_header(channel, stream, u32::try_from(read)?, header)?;
//!     // Send the packet, then:
//!     connection.data_sent(channel, stream, u32::try_from(read)?)?;
//!     connection.ready(channel, stream, false)?;
//! }
//! # Ok(())
//! # }
//! # let mut out: Vec<Vec<u8>> = Vec::new();
//! # drive(&[80, 0, 0, 0, 1, b'x', 1], &mut out).unwrap();
//! # drive(&[90, 0, 0, 0, 7, b's', b'e', b's', b's', b'i', b'o', b'n', 0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 1, 0], &mut out).unwrap();
//! # assert_eq!(out[0][..5], [91, 0, 0, 0, 5]);
//! ```
//!
//! # Promises
//! * No input panics, and no input makes memory grow past the [`limits`].
//! * Data, adjustments, EOF, CLOSE and pulling do not allocate, and cost the same with 10,000 channels as with one.
//!   Opens, requests, and answers out of order may allocate.
//! * Requests of a channel, and global ones, are replied to in the order in which they came, whatever the order of
//!   the answers; one that wants no reply gets none.
//! * Bytes that were delivered and not yet consumed never exceed a channel's window, which grows by [`tune`](Connection::tune)
//!   alone, within [`limits`].
//!
//! # Closing
//! The two directions of a channel end independently. EOF ends data and nothing else; requests still pass both ways. A
//! CLOSE of the peer is answered by a CLOSE of ours, at once, except on a session that we accepted: its program may
//! end after the peer lost interest, and then the status is sent before our CLOSE, as OpenSSH does; or on a channel for
//! which [`await_close`](Connection::await_close) was called. So whoever accepts a session must call
//! [`close`](Connection::close) in the end. Data that arrives after our CLOSE, or after the
//! application asked for it or stopped reading, was sent in good faith: it must fit the window and is dropped. The
//! channel and its number are given up when both CLOSEs have passed.
//!
//! # Deviations of peers
//! * Requests and window adjustments for a channel after the peer's CLOSE are ignored: OpenSSH's timer may choose a
//!   channel that it has closed for its `keepalive@openssh.com`. Any other message for it is an error.
//! * Extended data of a type other than 1 is consumed and dropped.
//! * Data past the window is an error. (OpenSSH forgives a tenth of the window, for peers of the last century.)
//! * `keepalive@openssh.com` is answered without asking the application, with a failure, as OpenSSH does: it has been
//!   unknown to so many implementations that any reply counts.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod channel;
mod command;
mod connection;
mod egress;
mod error;
mod event;
mod exit;
mod global;
mod id;
mod incoming;
pub mod limits;
mod list;
pub mod message;
mod modes;
mod open;
mod payload;
mod reply;
mod request;
mod signal;
mod tuning;
mod window;

pub use connection::{Config, Connection, Grant, Priority};
pub use error::{Error, Misbehaviour, Misuse};
pub use event::{Ask, Event, GlobalId, Malformed, OpenId, Output, RequestId, Stream};
pub use global::GlobalRequest;
pub use id::{LocalId, RemoteId};
pub use modes::{TerminalMode, TerminalModes, opcode};
pub use open::{AgentName, ChannelType, OpenReason, OpenRefusal};
pub use payload::PayloadError;
pub use request::{ChannelRequest, TerminalSize};
pub use signal::Signal;
