//! Limits of the connection protocol. Each has a test that goes over it.

use std::time::Duration;

/// Channels of one connection at a time, asked for and open ones together, unless [`Config`](crate::Config) says less.
/// A peer's open beyond it is refused with "resource shortage"; our own is [`Misuse`](crate::Misuse).
pub const CHANNELS_MAX: usize = 10_000;

/// The most that [`Config::channels_max`](crate::Config::channels_max) can be: the part of a channel number that finds
/// its slot has 16 bits.
pub const CHANNEL_SLOTS_MAX: usize = 1 << 16;

/// Opens of the peer that wait for the application's answer. One more is refused with "resource shortage".
pub const PENDING_OPENS_MAX: usize = 256;

/// Requests of the peer on one channel that wait for a reply. One more is
/// [`Misbehaviour::TooManyRequests`](crate::Misbehaviour::TooManyRequests): replies keep their order, so there is no
/// way to refuse just that one before its time.
pub const PENDING_REQUESTS_MAX: usize = 64;

/// Requests of the peer on all channels that wait for a reply; one more is the same misbehaviour.
pub const PENDING_REQUESTS_TOTAL_MAX: usize = 4096;

/// Global requests of the peer that wait for a reply; one more is
/// [`Misbehaviour::TooManyGlobalRequests`](crate::Misbehaviour::TooManyGlobalRequests).
pub const PENDING_GLOBALS_MAX: usize = 1024;

/// Bytes of reply data to one global request: the signatures of a dozen host keys need a tenth of it.
pub const GLOBAL_REPLY_MAX: usize = 16 * 1024;

/// Our own requests on one channel, or global ones, that the peer has not yet replied to.
pub const OUTSTANDING_REQUESTS_MAX: usize = 1024;

/// Smallest maximum packet size in bytes with which a peer can have a channel. RFC 4254 names none; zero would stall
/// and a few bytes would make every packet a hundred times its data.
pub const PEER_PACKET_MIN: u32 = 64;

/// Initial receive window in bytes.
pub const WINDOW_DEFAULT: u32 = 2 * 1024 * 1024;

/// The largest receive window in bytes to which a channel's grows by itself: what 5 Gbit/s have on their way in 100 ms. The kernel's
/// own receive buffer ends far below it on most machines.
pub const WINDOW_MAX: u32 = 64 * 1024 * 1024;

/// Bytes by which the receive windows of all channels together may have grown.
pub const WINDOW_GROWTH_MAX: u32 = 128 * 1024 * 1024;

/// Bytes of receive window that channels get when they are granted, all together and not counting [`WINDOW_MIN`] of each, before
/// others get no more than that
/// ([`Connection::usual_grant`](crate::Connection::usual_grant)).
pub const WINDOWS_GRANTED_MAX: u64 = 128 * 1024 * 1024;

/// The window in bytes of a channel beyond that, from where it grows if it is used.
pub const WINDOW_MIN: u32 = 64 * 1024;

/// How long a window that has grown must have been of no use before it shrinks.
pub const WINDOW_REST: Duration = Duration::from_secs(10);

/// Most data bytes of one message, both ways, unless configured otherwise. The header of the message comes on top, so a
/// payload can be a little longer than the 32768 bytes of RFC 4253 §6.1; a peer that cannot take that says so with its
/// own maximum packet size.
pub const PACKET_DEFAULT: u32 = 32 * 1024;

/// A bulk channel's bytes before the next one has its turn.
pub const BULK_TURN: u32 = 64 * 1024;

/// Bytes that an interactive channel may send, without once running dry, before it waits in turn like a bulk channel.
pub const INTERACTIVE_BURST: u32 = 32 * 1024;

/// Bytes that interactive channels together may send before one bulk packet passes, if one waits.
pub const INTERACTIVE_RUN: u32 = 256 * 1024;

/// Encoded terminal modes in bytes: every opcode there is, thrice over.
pub const TERMINAL_MODES_MAX: usize = 4096;

/// Bytes of the message that goes out with an exit-signal; the rest is cut off.
pub const EXIT_MESSAGE_MAX: usize = 1024;
