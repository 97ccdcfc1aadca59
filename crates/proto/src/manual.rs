//! How to drive a connection, what it promises, and against whom.
//!
//! # A loop that drives a connection
//!
//! A blocking socket is the shortest driver; an event loop does the same when its socket is ready. Three rules: while
//! [`Step::Blocked`](crate::Step::Blocked) is returned the socket is not read;
//! [`handle_timeout`](crate::Connection::handle_timeout) is called when [`deadline`](crate::Connection::deadline) has
//! come, because dropped tickets and failed logins are answered there; and the deadline is asked for anew after every
//! other call, because calls that tell no time (an answer, a command) can bring it forward to at once.
//!
//! ```
//! use std::io::{Error, ErrorKind, Read, Write};
//! use std::net::TcpStream;
//! use std::time::{Duration, Instant};
//! # use nacre_proto as proto;
//! use proto::{Connection, RecvBuf, Side, Step};
//!
//! fn drive<S: Side>(
//!     connection: &mut Connection<S>,
//!     socket: &mut TcpStream,
//!     mut application: impl FnMut(&mut Connection<S>, Step<'_, S>),
//! ) -> Result<(), Error> {
//!     let mut rx = RecvBuf::new();
//!     loop {
//!         let now = Instant::now();
//!         if connection.deadline().is_some_and(|due| due <= now) {
//!             connection.handle_timeout(now);
//!         }
//!         let (mut needs_bytes, mut blocked) = (false, false);
//!         match connection.process(now, &mut rx) {
//!             Ok(Step::NeedBytes) => needs_bytes = true,
//!             Ok(Step::Blocked) => blocked = connection.transmit().is_empty(),
//!             Ok(step) => application(connection, step), // answers, commands, slots
//!             Err(over) => {
//!                 socket.write_all(connection.transmit())?; // the DISCONNECT, if one is due
//!                 return Err(Error::other(over));
//!             }
//!         }
//!         socket.write_all(connection.transmit())?;
//!         connection.sent(connection.transmit().len());
//!         let tick = Duration::from_millis(1);
//!         let wait = connection.deadline().map(|due| due.saturating_duration_since(now).max(tick));
//!         if blocked {
//!             std::thread::sleep(wait.unwrap_or(tick));
//!         } else if needs_bytes {
//!             socket.set_read_timeout(wait)?;
//!             match socket.read(rx.space(32 * 1024)) {
//!                 Ok(0) => return Ok(()), // the peer is gone
//!                 Ok(n) => rx.filled(n),
//!                 Err(late) if matches!(late.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
//!                 Err(error) => return Err(error),
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! `examples/echo-server.rs` is a server that is driven like this, with an application of some length.
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
//! [`userauth::KeyProven`] of that very proof. [`userauth::verify`] makes one; so does
//! [`KeyProven::vouched_for`](userauth::KeyProven::vouched_for), by which a process without authority says that its
//! monitor has verified. Whatever hangs on a key is looked up by
//! [`Authenticated::key`](userauth::Authenticated::key), after the login.
//!
//! A ticket answers on the connection that issued it and on no other one. The algorithms that a server takes of users
//! ([`userauth::server::Config::algorithms`], none unless they are set) are those that it announces; once it is known who
//! the user is, [`set_signature_algorithms`](crate::Connection::set_signature_algorithms) changes both.
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
//! * **An error is final,** except for misuse. A command that is misuse has changed nothing; a question whose answer is
//!   misuse is answered with no. [`Error::fault`](crate::Error::fault) says whose it was; what the peer is told lies in
//!   `transmit` already.
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
//!
//! # Past bugs of others
//!
//! Each of these shipped in some implementation. `SECURITY.md` has the whole table with what rules each class out;
//! `tools/claims` checks that every test that is named here is in it and exists.
//!
//! * Channels before the login (CVE-2025-32433), a login that the server never checked (CVE-2018-10933):
//!   `proto/before_success_no_channel_message_exists`, `proto/a_client_that_says_success_is_not_in`.
//! * Packets cut off before the keys (Terrapin, CVE-2023-48795) and half of a cure for it:
//!   `proto/noise_between_the_steps_of_a_strict_exchange_is_refused`,
//!   `proto/markers_in_a_later_kexinit_turn_nothing_on`.
//! * A key used for longer than it may be: `proto/a_key_that_is_used_up_ends_the_connection`.
//! * Lengths that were believed (CVE-2026-48110): `proto/a_length_of_four_gibibytes_allocates_nothing`.
//! * Packets that made the process panic (CVE-2020-9283, CVE-2021-43565):
//!   `proto/an_empty_packet_under_keys_panics_nobody`, `proto/an_ed25519_key_of_a_wrong_length_panics_nobody`.
//! * Floods of pings and of key exchanges, peers that never read (CVE-2025-26466, CVE-2016-8858):
//!   `proto/pings_in_the_exchange_do_not_queue_answers`, `proto/a_flood_of_kexinit_is_refused_at_the_second`,
//!   `proto/answers_that_nobody_reads_are_bounded_and_then_nothing_is_read_either`.
//! * Windows that wrapped (CVE-2025-54804): `proto/a_window_that_would_wrap_is_refused`.
//! * An offered key taken for the proven one (CVE-2024-45337): `proto/the_key_that_logged_in_is_the_one_that_signed`.
//! * A login whose user changed half-way: `proto/a_change_of_user_ends_the_connection_whatever_came_before`.
//! * A signature under another algorithm than was named: `proto/a_signature_that_names_another_algorithm_is_refused`.
//! * Public values that make a known secret: `proto/a_clients_public_value_of_small_order_is_refused`.
//! * Refusals that told who has an account (CVE-2018-15473, CVE-2016-6210): `proto/every_failure_takes_the_same_time`,
//!   `proto/an_answer_that_took_longer_leaves_at_a_grid_point_though_nobody_told_the_time_meanwhile`.
//! * Limits of attempts that queries passed by: `proto/every_way_to_fail_counts_and_all_in_one_counter`.
