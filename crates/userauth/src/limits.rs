//! Everything in user authentication that a peer could make grow, and how far it may.

use std::time::Duration;

/// Answers to one user that are not success before the server ends the connection, when nothing is configured.
pub const MAX_TRIES: u32 = 6;

/// Keys that a client asks about and that would not be accepted before such answers count as tries, when nothing is configured: as many
/// as with OpenSSH since 10.6.
pub const KEY_QUESTIONS: u32 = 6;

/// Most SERVICE_REQUEST messages that a server takes. One is enough; some clients send one before each try.
pub const SERVICE_REQUESTS_MAX: u32 = 32;

/// Longest user name in bytes. Linux has 32; directory services have `DOMAIN\user@realm`. Over it, the connection ends.
pub const USER_MAX: usize = 1024;

/// Longest password in bytes, old or new. A longer one is refused before anybody is asked, for every user alike, so
/// that nobody can make the server hash megabytes.
pub const PASSWORD_MAX: usize = 1024;

/// Longest response to one prompt in bytes (RFC 4256 §3.4). A longer one is refused like a password over its limit.
pub const RESPONSE_MAX: usize = 1024;

/// Longest public key or certificate in bytes. Over it the request fails; a client may not offer one.
pub const KEY_BLOB_MAX: usize = keys::limits::BLOB_MAX;

/// Longest signature in bytes. Over it the request fails; a client may not send one.
pub const SIGNATURE_MAX: usize = 8 * 1024;

/// Most prompts in one challenge (RFC 4256 §3.2), given by our application or sent by a server.
pub const PROMPTS_MAX: usize = 64;

/// Most challenges in one keyboard-interactive authentication. A server refuses what would need another one, a client
/// ends the connection.
pub const ROUNDS_MAX: u32 = 32;

/// Longest challenge or change request in bytes, all its texts together, that our application may send.
pub const CHALLENGE_BYTES_MAX: usize = 16 * 1024;

/// Longest single banner that our application may send, in bytes after its line ends became CR LF.
pub const BANNER_MAX: usize = 16 * 1024;

/// Most banners that a client takes from a server.
pub const BANNERS_MAX: u32 = 64;

/// Most bytes in all the banners that a client takes from a server.
pub const BANNER_BYTES_MAX: usize = 64 * 1024;

/// Longest list of methods in bytes that a client takes from a server.
pub const METHOD_LIST_MAX: usize = 2048;

/// Most steps of one authentication that succeed in part. A further one is answered as a failure.
pub const STEPS_MAX: usize = 16;

/// Most requests that a client machine sends. A server has lost patience long before.
pub const REQUESTS_MAX: u32 = 256;

/// Distance of the points at which failures are released, when nothing is configured.
pub const FAILURE_GRID: Duration = Duration::from_millis(50);
