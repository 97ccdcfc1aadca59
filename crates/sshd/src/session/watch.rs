//! What the loop waits for: descriptors by what they are, and points of time.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use sys::poll::{self, Entry};

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The monitor: it says nothing but its end.
    Monitor,
    /// Net has a request.
    Request,
    /// Net has room for what waits.
    Room,
    /// A program has ended.
    Children,
    /// A socket that listens, by its number among the [`Listeners`](super::forward::Listeners).
    Listener(u64),
    /// A connection that is being made, by the number of the attempt.
    Attempt(u64),
    /// The answer to the question for a name, by the number of the question.
    Lookup(u64),
}

/// Everything that is waited for in one turn.
#[derive(Debug, Default)]
pub(super) struct Watch<'a> {
    entries: Vec<Entry<'a>>,
    keys: Vec<Key>,
    until: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Waits until this can be read.
    pub(super) fn read(&mut self, key: Key, fd: BorrowedFd<'a>) {
        self.add(key, Entry::new(fd, true, false));
    }

    /// Waits until this can be written.
    pub(super) fn write(&mut self, key: Key, fd: BorrowedFd<'a>) {
        self.add(key, Entry::new(fd, false, true));
    }

    fn add(&mut self, key: Key, entry: Entry<'a>) {
        self.entries.push(entry);
        self.keys.push(key);
    }

    /// Waits no longer than until this point of time.
    pub(super) fn until(&mut self, time: Instant) {
        self.until = Some(self.until.map_or(time, |until| until.min(time)));
    }

    /// What it is that is waited for.
    #[cfg(test)]
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Waits, and tells for what there is something to do; nothing when it was time.
    pub(super) fn wait(mut self) -> io::Result<Vec<Key>> {
        let timeout = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        poll::wait(&mut self.entries, timeout)?;
        let is_ready = |entry: &Entry<'_>| entry.readable || entry.writable;
        let ready = self.entries.iter().zip(&self.keys).filter(|(entry, _)| is_ready(entry));
        Ok(ready.map(|(_, key)| *key).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_is_ready_is_told_by_its_key() {
        let (quiet, _its_writer) = io::pipe().unwrap();
        let (loud, mut writer) = io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        let mut watch = Watch::default();
        watch.read(Key::Listener(1), quiet.as_fd());
        watch.read(Key::Listener(2), loud.as_fd());
        watch.write(Key::Attempt(3), writer.as_fd());
        assert_eq!(watch.wait().unwrap(), [Key::Listener(2), Key::Attempt(3)]);
    }

    #[test]
    fn the_earliest_point_of_time_ends_the_wait() {
        let (quiet, _its_writer) = io::pipe().unwrap();
        let mut watch = Watch::default();
        watch.read(Key::Listener(1), quiet.as_fd());
        let now = Instant::now();
        watch.until(now + Duration::from_secs(3600));
        watch.until(now);
        watch.until(now + Duration::from_secs(3600));
        assert_eq!(watch.wait().unwrap(), []);
    }
}
