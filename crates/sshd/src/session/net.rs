//! Net, as the session hears it and speaks to it.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use wire::Message;
use zeroize::Zeroizing;

use super::limits::{HOLD, MAX_UNSENT, MAX_UNSENT_INCOMING};
use super::watch::{Key, Watch};
use crate::protocol::{Incoming, Link, LinkError, encode};

/// The link to net, which makes nobody wait: what net has no room for is sent when it has. Net never waits for us either, so it takes
/// everything in the end.
pub(super) struct Net {
    link: Link,
    waiting: VecDeque<Letter>,
    /// Until when there is no use in sending: too many descriptors are on their way to this user's processes.
    held: Option<Instant>,
}

/// A message that waits, with our copies of its descriptors.
struct Letter {
    payload: Zeroizing<Vec<u8>>,
    fds: Vec<OwnedFd>,
}

impl Net {
    pub(super) fn new(link: Link) -> Result<Self, LinkError> {
        link.set_nonblocking()?;
        Ok(Self { link, waiting: VecDeque::new(), held: None })
    }

    /// Sends a message, at once or when those before it are gone. The descriptors are closed here when they are sent: a pipe would
    /// never end, and a terminal never hang up, while we had one.
    pub(super) fn send(&mut self, message: &impl Message, fds: Vec<OwnedFd>) -> Result<(), LinkError> {
        self.waiting.push_back(Letter { payload: encode(message), fds });
        self.flush()
    }

    /// Sends what waits, as far as there is room for it.
    pub(super) fn flush(&mut self) -> Result<(), LinkError> {
        self.held = None;
        while let Some(letter) = self.waiting.front() {
            let fds: Vec<BorrowedFd<'_>> = letter.fds.iter().map(OwnedFd::as_fd).collect();
            match self.link.send_encoded(&letter.payload, &fds) {
                Ok(()) => {}
                Err(error) if error.would_block() => return Ok(()),
                Err(LinkError::Io(error)) if error.kind() == ErrorKind::QuotaExceeded => {
                    self.held = Instant::now().checked_add(HOLD);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Waits for requests, if they may be answered, and for room, if something needs it.
    pub(super) fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        if self.waiting.len() < MAX_UNSENT {
            watch.read(Key::Request, self.link.as_fd());
        }
        match self.held {
            Some(held) => watch.until(held),
            None if self.waiting.is_empty() => {}
            None => watch.write(Key::Room, self.link.as_fd()),
        }
    }

    /// Whether connections that come in may be told: fewer wait than would hold up everything else.
    pub(super) fn takes_incoming(&self) -> bool {
        self.waiting.len() < MAX_UNSENT_INCOMING
    }

    /// Takes the next request; none when there is none now.
    pub(super) fn receive(&mut self) -> Result<Option<Incoming<'_>>, LinkError> {
        match self.link.receive(0) {
            Ok(incoming) => Ok(Some(incoming)),
            Err(error) if error.would_block() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::session::Reply;

    /// For what it waits now; the other end is there, and silent.
    fn awaited(net: &Net) -> Vec<Key> {
        let mut watch = Watch::default();
        net.watch(&mut watch);
        watch.keys().to_vec()
    }

    #[test]
    fn what_net_has_no_room_for_waits_in_order_and_stops_new_connections_before_requests() {
        let (ours, mut theirs) = Link::pair().unwrap();
        let mut net = Net::new(ours).unwrap();
        assert_eq!(awaited(&net), [Key::Request]);
        let mut sent = 0;
        while net.takes_incoming() {
            net.send(&Reply { session: sent, good: true }, vec![]).unwrap();
            sent += 1;
        }
        assert_eq!(awaited(&net), [Key::Request, Key::Room]);
        while net.waiting.len() < MAX_UNSENT {
            net.send(&Reply { session: sent, good: true }, vec![]).unwrap();
            sent += 1;
        }
        assert_eq!(awaited(&net), [Key::Room]);
        for session in 0..sent {
            let incoming = theirs.receive(0).unwrap();
            assert_eq!(Reply::from_payload(incoming.payload).unwrap().session, session);
            net.flush().unwrap();
        }
        assert_eq!(awaited(&net), [Key::Request]);
        assert!(net.takes_incoming());
    }

    #[test]
    fn descriptors_are_closed_here_when_they_are_sent() {
        let (ours, mut theirs) = Link::pair().unwrap();
        let mut net = Net::new(ours).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        net.send(&Reply { session: 0, good: true }, vec![writer.into()]).unwrap();
        drop(theirs.receive(1).unwrap().fds);
        assert_eq!(std::io::Read::read(&mut &reader, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn there_may_be_nothing_to_hear_and_the_end_is_told() {
        let (ours, theirs) = Link::pair().unwrap();
        let mut net = Net::new(ours).unwrap();
        assert!(net.receive().unwrap().is_none());
        drop(theirs);
        assert!(matches!(net.receive(), Err(LinkError::Closed)));
        assert!(matches!(net.send(&Reply { session: 0, good: true }, vec![]), Err(LinkError::Closed)));
    }
}
