//! Descriptors' data on its way to the peer: read into the packet that will be sealed.

use std::fs::File;
use std::io::{ErrorKind, Read};

use proto::Side;
use proto::channels::{LocalId, Stream};

use crate::attachment::{Kind, Stage};
use crate::limits::READS_PER_PACKET;
use crate::state::State;
use crate::streams::STREAMS;

/// What became of filling a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// So many bytes were sealed, possibly none because the source ran dry or ended.
    Sealed(usize),
    /// There is no packet to be filled now.
    NoRoom,
    /// Nothing is attached that could fill it.
    Unattached,
}

/// How a source was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It may have more.
    More,
    /// It has nothing now.
    Dry,
    /// It will never have anything.
    Ended,
}

/// A terminal whose other side is closed.
const EIO: i32 = 5;

/// Reads until the room is full, or the source has nothing more: terminals give little at a time.
fn read(mut file: &File, room: &mut [u8]) -> (usize, Left) {
    let mut filled: usize = 0;
    let mut hung_up = false;
    for _ in 0..READS_PER_PACKET {
        let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
        match file.read(rest) {
            Ok(0) => return (filled, Left::Ended),
            Ok(n) => {
                filled = filled.saturating_add(n);
                hung_up = false;
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => return (filled, Left::Dry),
                // A terminal says this when no program has it open any more, but seldom (5 times of 250,000 under load, with Linux 6.18)
                // before its last bytes, most likely because the kernel waits for those on their way and not for those that it
                // sends on their way while it waits. The second answer was always right.
                _ if error.raw_os_error() == Some(EIO) && !hung_up => hung_up = true,
                _ => return (filled, Left::Ended),
            },
        }
    }
    (filled, Left::More)
}

impl<S: Side> State<S> {
    /// Fills one packet of a channel's stream from its source.
    pub(crate) fn fill(&mut self, channel: LocalId, stream: Stream) -> Filled {
        let Some(attached) = self.attached.get_mut(&channel) else { return Filled::Unattached };
        let Some(source) = attached.sources.of_mut(stream) else { return Filled::Unattached };
        let Some(file) = self.descriptors.file(source.key) else { return Filled::Unattached };
        let Some(mut slot) = self.connection.slot(channel, stream, usize::MAX) else { return Filled::NoRoom };
        let (n, left) = read(file, slot.room());
        // It is no more than the room, of a channel that has a slot.
        let _ = slot.commit(n);
        let mut read = source.drain.sealed(n);
        if n > 0 {
            attached.moved = self.now;
        }
        if left == Left::Dry {
            let _ = self.connection.ready(channel, stream, false);
            read |= self.ran_dry(channel, stream);
        }
        if left == Left::Ended {
            self.drop_source(channel, stream);
        } else if read {
            self.output_read(channel, stream);
        }
        if left == Left::Ended || read {
            self.settle(channel);
        }
        Filled::Sealed(n)
    }

    /// The peer reads no more of a channel: pipes are closed, and a socket's receiving side is, so that their writers learn it.
    pub(crate) fn peer_deaf(&mut self, channel: LocalId) {
        let Some(attached) = self.attached.get(&channel) else { return };
        if attached.kind == Kind::Terminal || attached.stage != Stage::Attached {
            return;
        }
        if attached.kind == Kind::Socket
            && let Some(source) = attached.sources.of(Stream::Data)
            && let Some(socket) = self.descriptors.file(source.key)
        {
            // One that is gone needs it no more.
            let _ = sys::socket::shutdown_read(socket);
        }
        for stream in STREAMS {
            self.drop_source(channel, stream);
        }
        self.settle(channel);
    }
}
