//! The server: what goes in, what comes out, and in which order.

use std::fmt;
use std::sync::Arc;

use crate::handles::{Handles, Open};
use crate::job::{Done, Job, Outcome, Running};
use crate::journal::{Journal, Level, Record, Shown};
use crate::kind::{By, ROWS};
use crate::replies::{Filled, Replies, reply, status};
use crate::request::{Body, Packet};
use crate::{Error, FileSystem, Settings, Status, limits};

mod directory;
mod requests;
mod transfer;

const VERSION: u8 = 2;
/// The one version that is spoken here.
const PROTOCOL: u32 = 3;

/// Serves one client.
///
/// It has no IO: it is given what the client sent ([`process`](Self::process)), and has what is to be sent to it
/// ([`transmit`](Self::transmit), [`sent`](Self::sent)). Replies come in the order of their requests.
///
/// A READ or WRITE that would have to wait for a disk becomes a [`Job`], and so do the requests that always may: `fsync@openssh.com`
/// and `copy-data`. Jobs can be run on other threads, several at once and in any order; no reply depends on that order, because what
/// would, waits: writes to the same bytes, reads beside writes to the same file, and every other request for all jobs before it.
///
/// Everything is bounded by [`limits`]. A client that sends requests and reads no replies is not listened to any more
/// ([`Step::Wait`]).
pub struct Server<F: FileSystem> {
    files: Arc<F>,
    settings: Settings,
    journal: Journal,
    begun: bool,
    failed: Option<Error>,
    handles: Handles<F>,
    replies: Replies,
    running: Vec<Running<F>>,
    next_ticket: u64,
}

/// What became of the input.
#[must_use = "it tells what to do next"]
pub enum Step<F: FileSystem> {
    /// It is not a whole packet yet. It must have at least so many bytes to become one.
    NeedBytes(usize),
    /// A request of so many bytes was taken. There may be more behind it.
    Handled(usize),
    /// A request of so many bytes was taken, and this is to be done for it. There may be more behind it.
    Run(usize, Job<F>),
    /// The next request must wait until a job was [finished](Server::finish) or something was [sent](Server::sent). Until then, no more
    /// needs to be read from the client.
    Wait,
}

/// What became of a request.
enum Turn<F: FileSystem> {
    Done,
    Run(Job<F>),
    Wait,
}

impl<F: FileSystem> Server<F> {
    /// A server for a client that has not said anything yet.
    #[must_use]
    pub fn new(files: F, mut settings: Settings) -> Self {
        settings.read_only |= files.is_read_only();
        let handles = files.limits().handles.min(limits::HANDLES);
        Self {
            files: Arc::new(files),
            journal: Journal::new(settings.log),
            settings,
            begun: false,
            failed: None,
            handles: Handles::new(handles),
            replies: Replies::default(),
            running: Vec::new(),
            next_ticket: 0,
        }
    }

    /// Takes at most one packet from the start of `input`, which begins where the one before ended. A packet has at most
    /// [`limits::PACKET`] bytes behind the four of its length.
    ///
    /// # Errors
    /// When the client does not keep to the protocol. The session is over then; every further call gives the same error. Replies to
    /// what came before can still be sent.
    pub fn process(&mut self, input: &[u8]) -> Result<Step<F>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let step = self.step(input);
        if let Err(error) = step {
            self.failed = Some(error);
        }
        step
    }

    fn step(&mut self, input: &[u8]) -> Result<Step<F>, Error> {
        let Some((length, behind)) = input.split_first_chunk() else { return Ok(Step::NeedBytes(4)) };
        let length = u32::from_be_bytes(*length);
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes > limits::PACKET {
            return Err(Error::TooLong(length));
        }
        let all = bytes.saturating_add(4);
        let Some(packet) = behind.get(..bytes) else { return Ok(Step::NeedBytes(all)) };
        if self.replies.is_full() {
            return Ok(Step::Wait);
        }
        Ok(match self.packet(Packet::decode(packet, self.begun)?) {
            Turn::Done => Step::Handled(all),
            Turn::Run(job) => Step::Run(all, job),
            Turn::Wait => Step::Wait,
        })
    }

    fn packet(&mut self, packet: Packet<'_>) -> Turn<F> {
        match packet {
            Packet::Init { version } => self.init(version),
            Packet::UnknownType { id, number } => {
                self.journal.note(Level::Error, || format!("Unknown message {number}"));
                self.answer(id, Status::OpUnsupported);
            }
            Packet::UnknownExtension { id, name } => {
                let shown = || format!("Unknown extended request \"{}\"", Shown(name));
                self.journal.note(Level::Error, shown);
                self.answer(id, Status::OpUnsupported);
            }
            Packet::Request { id, kind, body } => {
                if let Some(refusal) = self.settings.refusal(kind) {
                    self.journal.note(Level::Verbose, || refusal.text(kind.name()));
                    self.answer(id, Status::PermissionDenied);
                    return Turn::Done;
                }
                match body {
                    Body::Transfer(transfer) => return self.transfer(id, transfer),
                    Body::Request(_) if !self.running.is_empty() => return Turn::Wait,
                    Body::Request(request) => self.request(id, request),
                }
            }
        }
        Turn::Done
    }

    /// Says which version is spoken, whichever one the client speaks, and which extensions there are.
    fn init(&mut self, version: u32) {
        self.begun = true;
        self.journal.note(Level::Verbose, || format!("received client version {version}"));
        let mut pairs = Vec::new();
        for row in ROWS {
            let By::Extension { name, version } = row.by else { continue };
            if let Some(refusal) = self.settings.refusal(row.kind) {
                self.journal.note(Level::Verbose, || refusal.text(row.name));
            } else {
                wire::put_string(&mut pairs, name.as_bytes());
                wire::put_string(&mut pairs, version.as_bytes());
            }
        }
        let reply = reply(VERSION, None, |out| {
            wire::put_u32(out, PROTOCOL);
            out.extend_from_slice(&pairs);
        });
        self.replies.put(&reply);
    }

    /// Answers with a status.
    fn answer(&mut self, id: u32, ended: Status) {
        self.note_status(id, ended);
        self.replies.put(&status(id, ended, ended.text()));
    }

    fn note_status(&mut self, id: u32, ended: Status) {
        self.journal.note(Level::Debug3, || format!("request {id}: sent status {}", ended.code()));
        let wanted = if matches!(ended, Status::Ok | Status::Eof) { Level::Debug1 } else { Level::Info };
        self.journal.note_from(wanted, Level::Info, || format!("sent status {}", ended.text()));
    }

    /// Takes the result of a job. Jobs may end in any order.
    pub fn finish(&mut self, done: Done) {
        let Some(index) = self.running.iter().position(|running| running.ticket == done.ticket) else {
            return;
        };
        let Running { ticket, id, uses, other } = self.running.swap_remove(index);
        let (handle, target) = (uses.handle, other.as_ref().map(|other| other.handle));
        // Whoever closes the file next is the last one who has it.
        drop((uses, other));
        let (ended, block) = match done.outcome {
            Outcome::Read { mut block, read } => match read {
                Ok(0) => (Status::Eof, Some(block)),
                Ok(length) => {
                    if let Some(file) = self.handles.file_mut(handle) {
                        file.count_read(length);
                    }
                    self.journal.note(Level::Debug1, || format!("request {id}: sent data len {length}"));
                    block.commit_data(id, length);
                    self.replies.fill(ticket, Filled::Block(block));
                    return;
                }
                Err(ended) => (ended, Some(block)),
            },
            Outcome::Written { length, result } => {
                if let (Ok(()), Some(file)) = (result, self.handles.file_mut(handle)) {
                    file.count_written(length);
                }
                (result.err().unwrap_or(Status::Ok), None)
            }
            Outcome::Synced(result) => (result.err().unwrap_or(Status::Ok), None),
            Outcome::Copied { wanted, copied } => {
                if let Ok(copied) = copied {
                    if let Some(file) = self.handles.file_mut(handle) {
                        file.read = file.read.saturating_add(copied);
                    }
                    if let Some(file) = target.and_then(|target| self.handles.file_mut(target)) {
                        file.written = file.written.saturating_add(copied);
                    }
                }
                (transfer::copy_status(wanted, copied), None)
            }
        };
        self.note_status(id, ended);
        self.replies.fill(ticket, Filled::Short(status(id, ended, ended.text()), block));
    }

    /// How many jobs are under way.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.running.len()
    }

    /// What is to be sent next; empty when nothing is ready. When all of it was sent, there may be more.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.replies.transmit()
    }

    /// Takes note that `n` bytes of that were sent.
    pub fn sent(&mut self, n: usize) {
        self.replies.sent(n);
    }

    /// The next line for the log. There may be some after each call that changes anything.
    pub fn next_record(&mut self) -> Option<Record> {
        self.journal.next()
    }

    /// Closes what the client left open. It does not come back, and no job is under way.
    pub fn end(&mut self) {
        for open in self.handles.drain() {
            match open {
                Open::File(file) => {
                    self.journal.note(Level::Info, || format!("forced {}", file.closing()));
                    // Nobody is left to be told how it ended.
                    let _ = file.close(&self.files);
                }
                Open::Directory(directory) => {
                    self.journal
                        .note(Level::Info, || format!("forced closedir \"{}\"", Shown(&directory.path)));
                }
            }
        }
    }

    /// Gives back memory that was kept for replies to come. To be called when nothing happens for a while.
    pub fn release(&mut self) {
        self.replies.release();
    }

    /// Takes all whole packets from `input` and puts the replies behind `output`, with every job done on the way: a server without
    /// threads in one call. Returns how many bytes were taken; the rest is the beginning of a packet.
    ///
    /// # Errors
    /// As [`process`](Self::process); replies to what came before are in `output`.
    pub fn respond(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        let mut taken: usize = 0;
        let mut ended = Ok(());
        loop {
            match self.process(input.get(taken..).unwrap_or_default()) {
                Ok(Step::Handled(bytes)) => taken = taken.saturating_add(bytes),
                Ok(Step::Run(bytes, job)) => {
                    taken = taken.saturating_add(bytes);
                    self.finish(job.run());
                }
                Ok(Step::NeedBytes(_)) => break,
                // All jobs are done and all replies are taken after each step, so this does not happen.
                Ok(Step::Wait) => break,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
            self.take_replies(output);
        }
        ended.map(|()| taken)
    }

    fn take_replies(&mut self, output: &mut Vec<u8>) {
        while !self.transmit().is_empty() {
            let reply = self.transmit();
            output.extend_from_slice(reply);
            let length = reply.len();
            self.sent(length);
        }
    }
}

impl<F: FileSystem> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("settings", &self.settings)
            .field("begun", &self.begun)
            .field("failed", &self.failed)
            .field("outstanding", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl<F: FileSystem> fmt::Debug for Step<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedBytes(bytes) => f.debug_tuple("NeedBytes").field(bytes).finish(),
            Self::Handled(bytes) => f.debug_tuple("Handled").field(bytes).finish(),
            Self::Run(bytes, job) => f.debug_tuple("Run").field(bytes).field(job).finish(),
            Self::Wait => f.write_str("Wait"),
        }
    }
}
