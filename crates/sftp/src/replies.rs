//! Replies in the order of their requests, as contiguous bytes.

use std::collections::VecDeque;

use wire::{Sink, put_string, put_u32};

use crate::{Status, limits};

const STATUS: u8 = 101;
const DATA: u8 = 103;

/// Bytes before the data of a DATA reply: length, type, request, length of the data.
pub(crate) const DATA_HEADER: usize = 13;
/// Bytes of a block: one reply of the longest kind, or several short ones.
const BLOCK: usize = limits::PACKET;
/// Bytes of a block that will hold a few short replies only.
const SHORT_BLOCK: usize = 512;
/// Bytes of a reply whose job is under way, if it is a short one.
const SHORT_REPLY: usize = 64;
/// Blocks that are kept to be used again, so that their memory is not cleared and mapped for each reply.
const SPARE: usize = limits::OUTSTANDING;

/// Memory for replies. It is cleared once, when it is made.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Block {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size].into_boxed_slice(), start: 0, end: 0 }
    }

    fn ready(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn room(&self) -> usize {
        self.bytes.len().saturating_sub(self.end)
    }

    fn put(&mut self, reply: &[u8]) {
        let end = self.end.saturating_add(reply.len());
        if let Some(place) = self.bytes.get_mut(self.end..end) {
            place.copy_from_slice(reply);
            self.end = end;
        }
    }

    /// The place for the data of a DATA reply.
    pub(crate) fn data(&mut self, length: usize) -> &mut [u8] {
        let start = self.end.saturating_add(DATA_HEADER);
        self.bytes.get_mut(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// Makes the first `length` bytes of that place a DATA reply.
    pub(crate) fn commit_data(&mut self, id: u32, length: usize) {
        let mut header = [0; DATA_HEADER];
        let mut out = wire::SliceSink::new(&mut header);
        put_u32(&mut out, short(length.saturating_add(DATA_HEADER).saturating_sub(4)));
        out.put(&[DATA]);
        put_u32(&mut out, id);
        put_u32(&mut out, short(length));
        let data = self.end.saturating_add(DATA_HEADER);
        if let Some(place) = self.bytes.get_mut(self.end..data) {
            place.copy_from_slice(&header);
            self.end = data.saturating_add(length).min(self.bytes.len());
        }
    }
}

/// A length that is known to be below [`limits::PACKET`].
fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[derive(Debug)]
enum Piece {
    Ready(Block),
    /// The reply of a job that is under way, and for how many bytes it counts.
    Awaited(u64, usize),
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    pieces: VecDeque<Piece>,
    /// Bytes that are ready, and those that replies of jobs count for.
    waiting: usize,
    spare: Vec<Block>,
}

/// The result of a job, as a reply.
pub(crate) enum Filled {
    /// A block that holds it.
    Block(Block),
    /// A short reply, and the block that was meant for a longer one.
    Short(Vec<u8>, Option<Block>),
}

impl Replies {
    /// Whether nothing more is to be asked before something was sent or done.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= limits::OUTPUT || self.pieces.len() >= limits::PIECES
    }

    /// The next bytes to be sent.
    pub(crate) fn transmit(&self) -> &[u8] {
        match self.pieces.front() {
            Some(Piece::Ready(block)) => block.ready(),
            Some(Piece::Awaited(..)) | None => &[],
        }
    }

    /// Takes note that `n` of them were.
    pub(crate) fn sent(&mut self, n: usize) {
        let Some(Piece::Ready(block)) = self.pieces.front_mut() else { return };
        let n = n.min(block.ready().len());
        block.start = block.start.saturating_add(n);
        self.waiting = self.waiting.saturating_sub(n);
        if block.start == block.end
            && let Some(Piece::Ready(block)) = self.pieces.pop_front()
        {
            self.keep(block);
        }
    }

    /// Puts a short reply behind all others.
    pub(crate) fn put(&mut self, reply: &[u8]) {
        let mut block = self.take_last(reply.len());
        block.put(reply);
        self.push(block);
    }

    /// Takes away the block behind all others, with room for so many bytes. It comes back with [`push`](Self::push).
    pub(crate) fn take_last(&mut self, room: usize) -> Block {
        match self.pieces.pop_back() {
            Some(Piece::Ready(block)) if block.room() >= room => {
                self.waiting = self.waiting.saturating_sub(block.ready().len());
                block
            }
            Some(piece @ (Piece::Ready(_) | Piece::Awaited(..))) => {
                self.pieces.push_back(piece);
                self.take_block()
            }
            None => self.take_block(),
        }
    }

    /// Puts a block behind all others.
    pub(crate) fn push(&mut self, block: Block) {
        if block.ready().is_empty() {
            self.keep(block);
        } else {
            self.waiting = self.waiting.saturating_add(block.ready().len());
            self.pieces.push_back(Piece::Ready(block));
        }
    }

    /// An empty block, for a job.
    pub(crate) fn take_block(&mut self) -> Block {
        self.spare.pop().unwrap_or_else(|| Block::new(BLOCK))
    }

    /// Leaves the next place to the reply of a job, which has at most so many bytes of data.
    pub(crate) fn await_job(&mut self, ticket: u64, data: usize) {
        let counts = data.saturating_add(SHORT_REPLY);
        self.pieces.push_back(Piece::Awaited(ticket, counts));
        self.waiting = self.waiting.saturating_add(counts);
    }

    /// Puts the reply of a job into its place.
    pub(crate) fn fill(&mut self, ticket: u64, reply: Filled) {
        let place = |piece: &Piece| matches!(piece, Piece::Awaited(awaited, _) if *awaited == ticket);
        let Some(index) = self.pieces.iter().position(place) else { return };
        let Some(Piece::Awaited(_, counted)) = self.pieces.get(index) else { return };
        self.waiting = self.waiting.saturating_sub(*counted);
        match reply {
            Filled::Block(block) => {
                self.waiting = self.waiting.saturating_add(block.ready().len());
                self.set(index, block);
            }
            Filled::Short(reply, block) => {
                self.waiting = self.waiting.saturating_add(reply.len());
                if let Some(block) = block {
                    self.keep(block);
                }
                let before = index.checked_sub(1).and_then(|before| self.pieces.get_mut(before));
                match before {
                    // One write then sends both.
                    Some(Piece::Ready(block)) if block.room() >= reply.len() => {
                        block.put(&reply);
                        self.pieces.remove(index);
                    }
                    Some(Piece::Ready(_) | Piece::Awaited(..)) | None => {
                        let mut block = Block::new(SHORT_BLOCK.max(reply.len()));
                        block.put(&reply);
                        self.set(index, block);
                    }
                }
            }
        }
    }

    /// Gives back memory that is not in use.
    pub(crate) fn release(&mut self) {
        self.spare = Vec::new();
    }

    fn set(&mut self, index: usize, block: Block) {
        if let Some(piece) = self.pieces.get_mut(index) {
            *piece = Piece::Ready(block);
        }
    }

    fn keep(&mut self, mut block: Block) {
        if block.bytes.len() == BLOCK && self.spare.len() < SPARE {
            (block.start, block.end) = (0, 0);
            self.spare.push(block);
        }
    }
}

/// A reply that only says how the request ended, with a text for a person and no language.
pub(crate) fn status(id: u32, status: Status, text: &str) -> Vec<u8> {
    reply(STATUS, Some(id), |out| {
        put_u32(out, status.code());
        put_string(out, text.as_bytes());
        put_string(out, b"");
    })
}

/// A packet with its length: its type, the number of its request if it has one, and what `rest` puts.
pub(crate) fn reply(number: u8, id: Option<u32>, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, number];
    if let Some(id) = id {
        put_u32(&mut out, id);
    }
    rest(&mut out);
    let length = short(out.len().saturating_sub(4));
    if let Some(place) = out.first_chunk_mut() {
        *place = length.to_be_bytes();
    }
    out
}
