//! What may take its time.

use std::fmt;
use std::sync::Arc;

use crate::handles::Handle;
use crate::replies::Block;
use crate::{FileSystem, Status};

/// Reading, writing, copying or waiting for a disk, to be done beside the server, on another thread if there is one.
#[must_use = "its client waits for its reply"]
pub struct Job<F: FileSystem> {
    ticket: u64,
    files: Arc<F>,
    work: Work<F>,
}

/// A job that was done: for [`Server::finish`](crate::Server::finish).
#[must_use = "its client waits for its reply"]
#[derive(Debug)]
pub struct Done {
    pub(crate) ticket: u64,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Work<F: FileSystem> {
    Read { file: Arc<F::File>, offset: u64, length: usize, block: Block },
    Write { file: Arc<F::File>, offset: u64, data: Vec<u8> },
    Sync { file: Arc<F::File> },
    Copy { from: Arc<F::File>, from_offset: u64, length: Option<u64>, to: Arc<F::File>, to_offset: u64 },
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Read { block: Block, read: Result<usize, Status> },
    Written { length: usize, result: Result<(), Status> },
    Synced(Result<(), Status>),
    Copied { wanted: Option<u64>, copied: Result<u64, Status> },
}

impl<F: FileSystem> Job<F> {
    pub(crate) fn new(ticket: u64, files: Arc<F>, work: Work<F>) -> Self {
        Self { ticket, files, work }
    }

    /// Does it.
    pub fn run(self) -> Done {
        let Self { ticket, files, work } = self;
        // The file is let go before the job is done, so that whoever closes it then is the last one who has it.
        let outcome = match work {
            Work::Read { file, offset, length, mut block } => {
                let read = files.read(&file, offset, block.data(length)).map(|read| read.min(length));
                Outcome::Read { block, read }
            }
            Work::Write { file, offset, data } => {
                Outcome::Written { length: data.len(), result: files.write(&file, offset, &data) }
            }
            Work::Sync { file } => Outcome::Synced(files.sync(&file)),
            Work::Copy { from, from_offset, length, to, to_offset } => {
                let copied = files.copy(&from, from_offset, length, &to, to_offset);
                Outcome::Copied { wanted: length, copied }
            }
        };
        Done { ticket, outcome }
    }
}

impl<F: FileSystem> fmt::Debug for Job<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// A job that is under way.
pub(crate) struct Running<F: FileSystem> {
    pub(crate) ticket: u64,
    /// Of its request.
    pub(crate) id: u32,
    /// The file that it uses, and the one that it copies to.
    pub(crate) uses: Use<F>,
    pub(crate) other: Option<Use<F>>,
}

/// A file in use.
pub(crate) struct Use<F: FileSystem> {
    pub(crate) handle: Handle,
    pub(crate) file: Arc<F::File>,
    pub(crate) how: How,
}

/// How a file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Reading,
    /// From here to there.
    Writing(u64, u64),
    /// As a whole.
    Alone,
}

impl How {
    /// Writing so many bytes; where the end of the file is, nobody knows.
    pub(crate) fn writing(append: bool, offset: u64, length: usize) -> Self {
        if append {
            Self::Writing(0, u64::MAX)
        } else {
            Self::Writing(offset, offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)))
        }
    }

    /// Whether the order of the two cannot be told afterwards.
    pub(crate) fn goes_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Reading, Self::Reading) => true,
            (Self::Writing(start, end), Self::Writing(other_start, other_end)) => {
                end <= other_start || other_end <= start
            }
            (Self::Reading, Self::Writing(..))
            | (Self::Writing(..), Self::Reading)
            | (Self::Alone, _)
            | (_, Self::Alone) => false,
        }
    }
}

impl<F: FileSystem> Running<F> {
    /// Whether it is in the way of somebody who wants to use a file, by whichever handle.
    pub(crate) fn blocks(&self, files: &F, file: &F::File, how: How) -> bool {
        let in_the_way = |used: &Use<F>| !used.how.goes_with(how) && files.is_same(&used.file, file);
        in_the_way(&self.uses) || self.other.as_ref().is_some_and(in_the_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_no_trace_of_its_order_goes_together() {
        let write = |offset, length| How::writing(false, offset, length);
        assert!(How::Reading.goes_with(How::Reading));
        assert!(write(0, 10).goes_with(write(10, 10)) && write(10, 10).goes_with(write(0, 10)));
        assert!(!write(0, 11).goes_with(write(10, 10)) && !write(12, 2).goes_with(write(10, 10)));
        assert!(!How::Reading.goes_with(write(0, 1)) && !write(0, 1).goes_with(How::Reading));
        assert!(!How::writing(true, 0, 1).goes_with(write(500, 1)));
        assert!(!How::Alone.goes_with(How::Reading) && !How::Reading.goes_with(How::Alone));
    }
}
