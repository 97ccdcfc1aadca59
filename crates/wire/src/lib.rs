//! RFC 4251 §5 on the wire: what the bytes of an SSH message mean, and how messages are declared.
//!
//! * [`Reader`] and [`Decode`] borrow from the packet, never allocate, and end with "nothing left";
//!   [`Sink`] and [`Encode`] are their mirror.
//! * SSH has one `string` with many meanings. Here the type says which: [`Bytes`], [`NulFree`],
//!   [`Text`], [`Human`], [`Sensitive`], [`Name`], [`NameList`], [`Mpint`], [`Blob`], [`Rest`].
//! * [`messages!`] declares a message once: number, fields, RFC section, phase and who may send it.
//! * [`Outbox`] is where a protocol layer puts the messages it wants sent.
//!
//! The crate depends on nothing, knows no state, and does not panic on any input.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod blob;
mod codec;
mod error;
pub mod limits;
mod messages;
mod mpint;
mod name;
mod outbox;
mod reader;
mod sink;
mod strings;

pub use blob::Blob;
pub use codec::{Decode, Encode, decode_all, encoded_len};
pub use error::WireError;
pub use messages::{Message, Role, Row, Sender, row};
pub use mpint::Mpint;
pub use name::{Name, NameList, names};
pub use outbox::Outbox;
pub use reader::Reader;
pub use sink::{Sink, SliceSink, put_string, put_u32};
pub use strings::{Bytes, Escaped, Human, NulFree, Rest, Sensitive, Text};
