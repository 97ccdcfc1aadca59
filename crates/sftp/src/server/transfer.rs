//! Requests that may take their time.

use std::sync::Arc;

use super::{Server, Turn};
use crate::handles::{Handle, OpenFile};
use crate::job::{How, Job, Running, Use, Work};
use crate::journal::{Level, Shown};
use crate::replies::DATA_HEADER;
use crate::request::Transfer;
use crate::{FileSystem, Status, Tried, limits};

/// Bytes that OpenSSH copies at a time.
const COPY_PIECE: u64 = 64 * 1024;

/// How a copy ends. A source that is shorter than was asked for is no fault, unless OpenSSH would have gone on to a piece behind the
/// one that it got nothing of.
pub(super) fn copy_status(wanted: Option<u64>, copied: Result<u64, Status>) -> Status {
    let copied = match copied {
        Ok(copied) => copied,
        Err(ended) => return ended,
    };
    let asked = copied.div_ceil(COPY_PIECE).saturating_add(1).saturating_mul(COPY_PIECE);
    if wanted.is_some_and(|wanted| wanted > asked) { Status::Eof } else { Status::Ok }
}

impl<F: FileSystem> OpenFile<F> {
    pub(super) fn count_read(&mut self, length: usize) {
        self.read = self.read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(super) fn count_written(&mut self, length: usize) {
        self.written = self.written.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }

    /// What the log is told when it is closed.
    pub(super) fn closing(&self) -> String {
        format!("close \"{}\" bytes read {} written {}", Shown(&self.path), self.read, self.written)
    }

    /// Closes it. No job uses it.
    pub(super) fn close(self, files: &F) -> Result<(), Status> {
        match Arc::into_inner(self.file) {
            Some(file) => files.close(file),
            None => Ok(()),
        }
    }

    fn in_use(&self, handle: Handle, how: How) -> Use<F> {
        Use { handle, file: Arc::clone(&self.file), how }
    }
}

impl<F: FileSystem> Server<F> {
    pub(super) fn transfer(&mut self, id: u32, transfer: Transfer<'_>) -> Turn<F> {
        match transfer {
            Transfer::Read { handle, offset, length } => {
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(limits::READ);
                self.read(id, handle, offset, length)
            }
            Transfer::Write { handle, offset, data } => self.write(id, handle, offset, data),
            Transfer::Sync { handle } => self.sync(id, handle),
            Transfer::Copy { from, from_offset, length, to, to_offset } => {
                let length = Some(length).filter(|length| *length != 0);
                self.copy(id, (from, from_offset), length, (to, to_offset))
            }
        }
    }

    fn read(&mut self, id: u32, name: &[u8], offset: u64, length: usize) -> Turn<F> {
        let Some((handle, open)) = self.handles.file(name) else {
            self.answer(id, Status::Failure);
            return Turn::Done;
        };
        if self.is_blocked(open, How::Reading) {
            return Turn::Wait;
        }
        let mut block = self.replies.take_last(length.saturating_add(DATA_HEADER));
        let tried = match length {
            // Nobody asks the file for nothing, but OpenSSH looks at the offset all the same.
            0 if i64::try_from(offset).is_err() => Tried::Done(Err(Status::BadMessage)),
            0 => Tried::Done(Ok(0)),
            _ => self.files.try_read(&open.file, offset, block.data(length)),
        };
        if tried == Tried::WouldWait && self.running.len() >= limits::OUTSTANDING {
            self.replies.push(block);
            return Turn::Wait;
        }
        self.journal.note(Level::Debug1, || {
            let (path, number) = (Shown(&open.path), handle.number());
            format!("request {id}: read \"{path}\" (handle {number}) off {offset} len {length}")
        });
        match tried {
            Tried::Done(Ok(0)) if length > 0 => {
                self.replies.push(block);
                self.answer(id, Status::Eof);
            }
            Tried::Done(Ok(read)) => {
                let read = read.min(length);
                block.commit_data(id, read);
                self.replies.push(block);
                self.journal.note(Level::Debug1, || format!("request {id}: sent data len {read}"));
                if let Some(file) = self.handles.file_mut(handle) {
                    file.count_read(read);
                }
            }
            Tried::Done(Err(ended)) => {
                self.replies.push(block);
                self.journal.note(Level::Error, || {
                    format!("process_read: read \"{}\": {}", Shown(&open.path), ended.text())
                });
                self.answer(id, ended);
            }
            Tried::WouldWait => {
                self.replies.push(block);
                let (file, uses) = (Arc::clone(&open.file), open.in_use(handle, How::Reading));
                let block = self.replies.take_block();
                return self.run(id, uses, None, length, Work::Read { file, offset, length, block });
            }
        }
        Turn::Done
    }

    fn write(&mut self, id: u32, name: &[u8], offset: u64, data: &[u8]) -> Turn<F> {
        let Some((handle, open)) = self.handles.file(name) else {
            self.answer(id, Status::Failure);
            return Turn::Done;
        };
        let how = How::writing(open.append, offset, data.len());
        if self.is_blocked(open, how) {
            return Turn::Wait;
        }
        let tried = self.files.try_write(&open.file, offset, data);
        if tried == Tried::WouldWait && self.running.len() >= limits::OUTSTANDING {
            return Turn::Wait;
        }
        self.journal.note(Level::Debug1, || {
            let (path, number, length) = (Shown(&open.path), handle.number(), data.len());
            format!("request {id}: write \"{path}\" (handle {number}) off {offset} len {length}")
        });
        match tried {
            Tried::Done(Ok(())) => {
                if let Some(file) = self.handles.file_mut(handle) {
                    file.count_written(data.len());
                }
                self.answer(id, Status::Ok);
            }
            Tried::Done(Err(ended)) => {
                self.journal.note(Level::Error, || {
                    format!("process_write: write \"{}\": {}", Shown(&open.path), ended.text())
                });
                self.answer(id, ended);
            }
            Tried::WouldWait => {
                let (file, uses) = (Arc::clone(&open.file), open.in_use(handle, how));
                return self.run(id, uses, None, 0, Work::Write { file, offset, data: data.to_vec() });
            }
        }
        Turn::Done
    }

    fn sync(&mut self, id: u32, name: &[u8]) -> Turn<F> {
        let Some((handle, open)) = self.handles.file(name) else {
            self.journal.note(Level::Verbose, || "fsync \"(null)\"".into());
            self.answer(id, Status::NoSuchFile);
            return Turn::Done;
        };
        if self.is_busy() || self.is_blocked(open, How::Alone) {
            return Turn::Wait;
        }
        self.journal.note(Level::Verbose, || format!("fsync \"{}\"", Shown(&open.path)));
        let (file, uses) = (Arc::clone(&open.file), open.in_use(handle, How::Alone));
        self.run(id, uses, None, 0, Work::Sync { file })
    }

    fn copy(&mut self, id: u32, from: (&[u8], u64), length: Option<u64>, to: (&[u8], u64)) -> Turn<F> {
        let (Some((source, source_file)), Some((target, target_file))) =
            (self.handles.file(from.0), self.handles.file(to.0))
        else {
            self.journal.note(Level::Error, || "process_extended_copy_data: bad read or write fd".into());
            self.answer(id, Status::NoSuchFile);
            return Turn::Done;
        };
        let blocked = self.is_blocked(source_file, How::Reading) || self.is_blocked(target_file, How::Alone);
        if self.is_busy() || blocked {
            return Turn::Wait;
        }
        self.journal.note(Level::Debug1, || {
            format!(
                "request {id}: copy-data from \"{}\" (handle {}) off {} len {} to \"{}\" (handle {}) off {}",
                Shown(&source_file.path),
                source.number(),
                from.1,
                length.unwrap_or(0),
                Shown(&target_file.path),
                target.number(),
                to.1
            )
        });
        if source == target || self.files.is_same(&source_file.file, &target_file.file) {
            self.journal
                .note(Level::Error, || "process_extended_copy_data: refusing to read/write same file".into());
            self.answer(id, Status::Failure);
            return Turn::Done;
        }
        let uses = source_file.in_use(source, How::Reading);
        let other = target_file.in_use(target, How::Alone);
        let (from_file, to_file) = (Arc::clone(&source_file.file), Arc::clone(&target_file.file));
        let work = Work::Copy { from: from_file, from_offset: from.1, length, to: to_file, to_offset: to.1 };
        self.run(id, uses, Some(other), 0, work)
    }

    /// Whether a job is in the way of using a file like this.
    fn is_blocked(&self, open: &OpenFile<F>, how: How) -> bool {
        self.running.iter().any(|running| running.blocks(&self.files, &open.file, how))
    }

    fn is_busy(&self) -> bool {
        self.running.len() >= limits::OUTSTANDING
    }

    /// Gives a job out, whose reply has at most so many bytes of data.
    fn run(&mut self, id: u32, uses: Use<F>, other: Option<Use<F>>, data: usize, work: Work<F>) -> Turn<F> {
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.replies.await_job(ticket, data);
        self.running.push(Running { ticket, id, uses, other });
        Turn::Run(Job::new(ticket, Arc::clone(&self.files), work))
    }
}
