//! Every bound of the monitor beside those of its table of requests.

use std::time::Duration;

/// Bytes of an `AuthorizedKeysFile`, an `AuthorizedPrincipalsFile`, a file of `TrustedUserCAKeys` or what a program says in place of
/// one: room for a hundred thousand keys. A larger file lets nobody in.
pub(super) const USER_FILE_MAX: u64 = 16 * 1024 * 1024;

/// Lines of such files that are logged as refused, in one connection: each once.
pub(super) const REPORTED_LINES_MAX: usize = 100;

/// Bytes of a line that a child of ours has for the log.
pub(super) const LOG_TEXT_MAX: usize = 4 * 1024;

/// Characters of a user's name in the log, as OpenSSH has it.
pub(super) const NAME_SHOWN_MAX: usize = 100;

/// How long net has to end after the session has.
pub(super) const NET_LINGERS: Duration = Duration::from_secs(2);

/// How long the session has to end after net has: it hangs up terminals.
pub(super) const SESSION_LINGERS: Duration = Duration::from_secs(5);

/// Messages of one child that are taken before signals and the other child are looked at again.
pub(super) const MESSAGES_AT_ONCE: u32 = 64;

/// Messages that are still taken of a child that has ended: more than its link can hold.
pub(super) const LAST_MESSAGES: u32 = 4_096;

/// Files that all patterns of `AuthorizedKeysFile` stand for, or that of `AuthorizedPrincipalsFile`; those behind them are not read.
pub(super) const KEY_FILES_MAX: usize = 1_024;

/// Bytes in all of these files; a file with which there are more is not read, nor are those behind it.
pub(super) const KEY_FILES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the path of a `ChrootDirectory`: what the kernel takes.
pub(super) const CHROOT_MAX: usize = 4_095;

/// Bytes of a `from` list in the log, as OpenSSH has it.
pub(super) const FROM_SHOWN_MAX: usize = 200;

/// Bytes of what an authority calls a certificate in the log.
pub(super) const KEY_ID_SHOWN_MAX: usize = 512;

/// Bytes of a `ModuliFile`: twenty times what systems bring. A larger one is as none.
pub(super) const MODULI_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of the lines that a client is told of what decided on its login; lines that make it more are left out.
pub(super) const REMARKS_MAX: usize = 8 * 1024;
