//! Listing directories: as much in a reply as it has room for, and nothing ahead of it.

use wire::{Encode, put_string, put_u32};

use super::Server;
use super::requests::{Answer, NAME};
use crate::handles::OpenDirectory;
use crate::journal::{Level, Shown};
use crate::long_name::long_name;
use crate::{Entry, FileSystem, Status, limits};

impl<F: FileSystem> Server<F> {
    pub(super) fn read_directory(&mut self, id: u32, name: &[u8]) -> Answer {
        let Some((handle, open)) = self.handles.directory_mut(name) else {
            return Answer::Status(Status::Failure);
        };
        self.journal.note(Level::Debug1, || {
            format!("request {id}: readdir \"{}\" (handle {})", Shown(&open.path), handle.number())
        });
        let (mut count, mut entries) = (0_u32, Vec::new());
        let ended = loop {
            let entry = match next(&*self.files, open) {
                Ok(Some(entry)) => entry,
                Ok(None) => break Status::Eof,
                Err(ended) => break ended,
            };
            let before = entries.len();
            put_entry(&*self.files, &entry, &mut entries);
            if count > 0 && entries.len() > limits::NAMES {
                entries.truncate(before);
                open.next = Some(entry);
                break Status::Ok;
            }
            count = count.saturating_add(1);
        };
        if count == 0 {
            return Answer::Status(ended);
        }
        self.journal.note(Level::Debug1, || format!("request {id}: sent names count {count}"));
        let mut rest = Vec::with_capacity(entries.len().saturating_add(4));
        put_u32(&mut rest, count);
        rest.extend_from_slice(&entries);
        Answer::Packet(NAME, rest)
    }
}

/// The next entry. Behind the end, the directory is not asked again.
fn next<F: FileSystem>(files: &F, open: &mut OpenDirectory<F>) -> Result<Option<Entry>, Status> {
    if let Some(entry) = open.next.take() {
        return Ok(Some(entry));
    }
    if open.ended {
        return Ok(None);
    }
    let entry = files.next_entry(&mut open.directory)?;
    open.ended = entry.is_none();
    Ok(entry)
}

fn put_entry<F: FileSystem>(files: &F, entry: &Entry, out: &mut Vec<u8>) {
    let (user, group) = entry.attributes.owner.unwrap_or_default();
    let (user, group) = (files.user_name(user), files.group_name(group));
    let date = files.date(entry.attributes.times.map_or(0, |times| times.modified));
    put_string(out, &entry.name);
    put_string(out, &long_name(entry, user.as_deref(), group.as_deref(), &date));
    entry.attributes.encode(out);
}
