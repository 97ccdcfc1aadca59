//! What epoll watches: descriptors of channels, which are owned here, and those that an application watches.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use proto::channels::LocalId;

/// The epoll descriptor. Made before a process gives up the right to make one.
#[derive(Debug)]
pub struct Reactor(pub(crate) Poll);

impl Reactor {
    /// A new one that watches nothing.
    ///
    /// # Errors
    /// What `epoll_create1` says.
    pub fn new() -> io::Result<Self> {
        Poll::new().map(Self)
    }
}

/// A descriptor that an application watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub(crate) Key);

/// A registered descriptor. A key is not used again, so an event for what is gone finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

/// Whose events a descriptor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Channel(LocalId),
    Watch,
}

/// What an event, or a mark, says of a descriptor. An error or a hang-up is found out by reading and by writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// What is written fails.
    pub(crate) hung_up: bool,
}

impl Readiness {
    /// A hang-up comes as "closed" without "readable" (and the last bytes are still to be read).
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            readable: event.is_readable() || event.is_read_closed() || event.is_error(),
            writable: event.is_writable() || event.is_write_closed() || event.is_error(),
            hung_up: event.is_write_closed(),
        }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

#[derive(Debug)]
struct Entry {
    descriptor: Descriptor,
    owner: Owner,
    /// Uses of one descriptor: a terminal is written and read.
    users: u8,
    /// Marks of a watched descriptor that its application was not told of.
    marks: Readiness,
    /// Whether epoll knows it. Files and `/dev/null` it refuses: they never wait.
    polled: bool,
}

#[derive(Debug)]
enum Descriptor {
    Owned(File),
    Watched(RawFd),
}

impl Descriptor {
    fn number(&self) -> RawFd {
        match self {
            Self::Owned(file) => file.as_raw_fd(),
            Self::Watched(number) => *number,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Descriptors {
    poll: Poll,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Watched descriptors with a mark.
    marked: Vec<Key>,
}

impl Descriptors {
    pub(crate) fn new(reactor: Reactor) -> Self {
        Self { poll: reactor.0, slots: Vec::new(), free: Vec::new(), marked: Vec::new() }
    }

    /// Waits for events.
    pub(crate) fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            done => done,
        }
    }

    /// Registers a descriptor under a token of the caller's. Says whether epoll takes it; what it refuses never waits.
    pub(crate) fn register(&self, fd: RawFd, token: Token, interest: Interest) -> io::Result<bool> {
        match self.poll.registry().register(&mut SourceFd(&fd), token, interest) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a descriptor of a channel.
    pub(crate) fn own(&mut self, fd: OwnedFd, channel: LocalId, interest: Interest) -> io::Result<Key> {
        sys::fd::set_nonblocking(&fd, true)?;
        self.add(Descriptor::Owned(fd.into()), Owner::Channel(channel), interest)
    }

    /// Watches a descriptor that stays its owner's.
    pub(crate) fn watch(&mut self, fd: BorrowedFd<'_>) -> io::Result<Key> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let key = self.add(Descriptor::Watched(fd.as_raw_fd()), Owner::Watch, interest)?;
        if self.entry(key).is_some_and(|entry| !entry.polled) {
            self.release(key);
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(key)
    }

    fn add(&mut self, descriptor: Descriptor, owner: Owner, interest: Interest) -> io::Result<Key> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).map_err(|_| ErrorKind::QuotaExceeded)?;
                self.slots.push(Slot { generation: 0, entry: None });
                index
            }
        };
        let generation = self.slot(index).map_or(0, |slot| slot.generation);
        let key = Key { index, generation };
        let polled = match self.register(descriptor.number(), token(key), interest) {
            Ok(polled) => polled,
            Err(error) => {
                self.free.push(index);
                return Err(error);
            }
        };
        let marks = Readiness::default();
        if let Some(slot) = self.slot_mut(index) {
            slot.entry = Some(Entry { descriptor, owner, users: 1, marks, polled });
        }
        Ok(key)
    }

    /// One more use of a descriptor.
    pub(crate) fn share(&mut self, key: Key) {
        if let Some(entry) = self.entry_mut(key) {
            entry.users = entry.users.saturating_add(1);
        }
    }

    /// One use less; the last one takes it from epoll and then closes it.
    pub(crate) fn release(&mut self, key: Key) {
        let Some(entry) = self.entry_mut(key) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users > 0 {
            return;
        }
        let Some(slot) = self.slot_mut(key.index) else { return };
        let Some(entry) = slot.entry.take() else { return };
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        if entry.polled {
            let number = entry.descriptor.number();
            // It fails for a watched descriptor that was closed before, which took it from epoll.
            let _ = self.poll.registry().deregister(&mut SourceFd(&number));
        }
    }

    /// The descriptor of a channel, to be read and written.
    pub(crate) fn file(&self, key: Key) -> Option<&File> {
        match &self.entry(key)?.descriptor {
            Descriptor::Owned(file) => Some(file),
            Descriptor::Watched(_) => None,
        }
    }

    /// The descriptor of a channel.
    pub(crate) fn borrow(&self, key: Key) -> Option<BorrowedFd<'_>> {
        self.file(key).map(AsFd::as_fd)
    }

    /// What an event is about.
    pub(crate) fn find(&self, token: Token) -> Option<(Key, Owner)> {
        let value = u64::try_from(token.0).ok()?;
        let index = u32::try_from(value & u64::from(u32::MAX)).ok()?;
        let generation = u32::try_from(value >> 32).ok()?;
        let key = Key { index, generation };
        Some((key, self.entry(key)?.owner))
    }

    /// Marks a watched descriptor, so that its application is called.
    pub(crate) fn mark(&mut self, key: Key, ready: Readiness) {
        let Some(entry) = self.entry_mut(key) else { return };
        let before = entry.marks;
        entry.marks.readable |= ready.readable;
        entry.marks.writable |= ready.writable;
        if before == Readiness::default() && entry.marks != before {
            self.marked.push(key);
        }
    }

    pub(crate) fn any_marked(&self) -> bool {
        !self.marked.is_empty()
    }

    /// The watched descriptors that are marked now.
    pub(crate) fn take_marked(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.marked)
    }

    /// Takes the marks of a watched descriptor; none when it is gone.
    pub(crate) fn take_marks(&mut self, key: Key) -> Readiness {
        self.entry_mut(key).map(|entry| std::mem::take(&mut entry.marks)).unwrap_or_default()
    }

    fn slot(&self, index: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(index).ok()?)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    fn entry(&self, key: Key) -> Option<&Entry> {
        self.slot(key.index).filter(|slot| slot.generation == key.generation)?.entry.as_ref()
    }

    fn entry_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.slot_mut(key.index).filter(|slot| slot.generation == key.generation)?.entry.as_mut()
    }
}

/// Tokens carry the generation, because events that were fetched with others can be for what one of those led to be closed.
fn token(key: Key) -> Token {
    let value = (u64::from(key.generation) << 32) | u64::from(key.index);
    Token(usize::try_from(value).unwrap_or_default())
}
