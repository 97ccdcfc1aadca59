//! How to drive a connection, what it promises, and against whom.
//!
//! # Twenty lines that drive a connection
//!
//! A blocking socket is the shortest driver; an event loop does the same when its socket is ready. Two rules: while
//! [`Step::Blocked`](crate::Step::Blocked) is returned the socket is not read, and
//! [`handle_timeout`](crate::Connection::handle_timeout) is called when [`deadline`](crate::Connection::deadline) has come.
//!
//! ```
//! use std::io::{Error, Read, Write};
//! use std::time::Instant;
//! # use nacre_proto as proto;
//! use proto::{Connection, RecvBuf, Side, Step};
//!
//! fn drive<S: Side>(
//!     connection: &mut Connection<S>,
//!     socket: &mut (impl Read + Write),
//!     mut application: impl FnMut(&mut Connection<S>, Step<'_, S>),
//! ) -> Result<(), Error> {
//!     let mut rx = RecvBuf::new();
//!     loop {
//!         let needs_bytes = match connection.process(Instant::now(), &mut rx) {
//!             Ok(Step::NeedBytes) => true,
//!             Ok(step) => {
//!                 application(connection, step); // answers, commands, slots
//!                 false
//!             }
//!             Err(over) => {
//!                 socket.write_all(connection.transmit())?; // the DISCONNECT, if one is due
//!                 return Err(Error::other(over));
//!             }
//!         };
//!         socket.write_all(connection.transmit())?;
//!         connection.sent(connection.transmit().len());
//!         if needs_bytes {
//!             match socket.read(rx.space(32 * 1024))? {
//!                 0 => return Ok(()), // the peer is gone
//!                 n => rx.filled(n),
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! What a step holds borrows the receive buffer and not the connection, so an application may call the connection while
//! it looks at an event.
//!
//! # Questions
//!
//! Whatever may need another process or a person is a question: a signature by the host key, trust in a host key, the
//! verdict on a user's key or password, whether a channel or a request is granted. A question comes with a
//! [`Ticket`](crate::Ticket) that is moved into [`answer`](crate::Connection::answer), now or later, in any order.
//! **Dropping a ticket says no; so does its deadline.** Nothing is granted by silence: a server that answers nothing lets
//! nobody in, and a client that answers nothing trusts no host.
//!
//! A key that a user *offers* ([`ServerQuestion::KeyOffer`](crate::ServerQuestion::KeyOffer)) is not a key that they have
//! *proven* ([`ServerQuestion::KeyProof`](crate::ServerQuestion::KeyProof)): the second one's answer needs a
//! [`userauth::KeyProven`], which only [`userauth::verify`] makes from that very proof. Whatever hangs on a key is looked
//! up by [`Authenticated::key`](userauth::Authenticated::key), after the login.
//!
//! # Data
//!
//! Nothing is queued but replies. To send, say [`ready`](crate::Connection::ready) when a pipe has something, ask
//! [`sendable`](crate::Connection::sendable) whose turn it is, read the pipe into a [`Slot`](crate::Slot), and commit what
//! was read: it is sealed where it stands. When the pipe runs dry say that it is not ready. What comes in is an event that
//! borrows the plaintext from the receive buffer; write it where it belongs and return its credit with
//! [`consumed`](crate::Connection::consumed) when it has got there. Credit that is kept makes that peer's channel wait, and
//! no other one. EOF, CLOSE, exit status and window adjustments are state of a channel: asking for them never fails for
//! want of room, and they go out, in the right order behind the data, when there is some.
//!
//! # What is promised
//!
//! * **One packet a call.** `process` takes at most one packet; every call's work is bounded. One byte at a time comes to
//!   the same as everything at once.
//! * **Bounded memory.** Each thing that a peer can make grow has a named limit, in `limits` of the crate it belongs to.
//!   Peers that never read, or open windows of 4 GiB, cost what everybody costs.
//! * **Progress.** Two peers with full buffers in both directions go on: replies have room that data may not use, and
//!   reading stops only while that is full. Keys are replaced under full load.
//! * **No panic** on anything that a peer sends, and no allocation per packet of data.
//! * **An error is final,** except for misuse, which changes nothing. [`Error::fault`](crate::Error::fault) says whose it
//!   was; what the peer is told lies in `transmit` already.
//!
//! # Against whom
//!
//! * **The peer** may send anything at any time, and knows the source. Message numbers of a later phase end the
//!   connection; channels do not exist before the login; each state waits for its messages by name and is consumed by
//!   them.
//! * **Somebody on the way** may drop, repeat, reorder and change bytes. Strict key exchange is always offered and kept in
//!   every exchange, so that nothing can be cut off before the keys.
//! * **Somebody who counts time.** A request is parsed whole before anybody looks at its user; every failure but that of
//!   `none` leaves at a point of a fixed grid.
//! * Not against an application that says yes to everything, and not against other processes of the machine.
//!
//! # Decisions
//!
//! * Padding is zeros wherever it is encrypted: every cipher in the tables is a stream under a fresh nonce, so random
//!   padding would hide nothing and cost a pass over the generator.
//! * We never send a guessed key exchange packet; one that a peer sends is used or skipped as RFC 4253 §7.1 says.
//! * A changed host key in a re-key is asked about again, with `rekey` set: whoever pins keys refuses it.
//! * There is one API. What other stacks do with callbacks is done here by returning, so nothing of the application ever
//!   runs inside of the machine.
