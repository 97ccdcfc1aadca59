//! What bounds a server. The first three are what clients that never ask expect of OpenSSH's, and the answer to those that do
//! (`limits@openssh.com`).

/// Bytes of a packet, behind its length. A longer one ends the session.
pub const PACKET: usize = 256 * 1024;
/// Bytes that one READ gets at most; it gets no error when it asks for more.
pub const READ: usize = PACKET - 1024;
/// Bytes that one WRITE can have, with room for the rest of its packet.
pub const WRITE: usize = PACKET - 1024;
/// Files and directories that may be open at once, if the file system does not allow fewer.
pub const HANDLES: usize = 256;
/// Jobs that may be under way at once.
pub const OUTSTANDING: usize = 16;
/// Bytes of replies that may wait, made or still to be made, before no further request is looked at.
pub const OUTPUT: usize = 1024 * 1024;
/// Pieces of memory that may hold those replies: the short answers to READs that asked for much leave most of a piece empty. There is
/// one for each job, and one between any two of them.
pub const PIECES: usize = 2 * OUTSTANDING + 1;
/// Bytes of a reply to READDIR, if it has more than one entry: what every client must be able to take
/// (draft-ietf-secsh-filexfer-02 §3).
pub const NAMES: usize = 32 * 1024;
/// Log lines that may wait to be fetched; what comes behind them is lost.
pub const RECORDS: usize = 1024;
