use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One direction of an in-memory wire: bytes arrive after a latency, in chunks of a largest size, and only as many
/// may be under way as a socket buffer would hold.
#[derive(Debug)]
pub struct Link {
    under_way: VecDeque<u8>,
    /// How many of the bytes under way arrive when, in order.
    arrivals: VecDeque<(Instant, usize)>,
    /// How long a byte takes.
    pub latency: Duration,
    /// How many bytes one read returns at most.
    pub chunk: usize,
    /// Sizes of reads that come before `chunk` counts again, for wires that cut at random.
    pub chunks: VecDeque<usize>,
    /// How many bytes may be under way; a writer over that has to wait.
    pub capacity: usize,
    /// After how many more bytes the wire breaks, if it does.
    pub cut_after: Option<usize>,
    /// The place of a byte, counted from the first one that was ever written, and bits to flip in it.
    pub flip: Option<(usize, u8)>,
    written: u64,
}

impl Link {
    /// A wire without latency or limits that matter.
    #[must_use]
    pub fn new() -> Self {
        Self {
            under_way: VecDeque::new(),
            arrivals: VecDeque::new(),
            latency: Duration::ZERO,
            chunk: usize::MAX,
            chunks: VecDeque::new(),
            capacity: 1 << 20,
            cut_after: None,
            flip: None,
            written: 0,
        }
    }

    /// Whether the wire is broken: nothing more will be taken.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut_after == Some(0)
    }

    /// Takes as many of `bytes` as there is room for and says how many, as a non-blocking write does.
    pub fn write(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let mut room = bytes.len().min(self.capacity.saturating_sub(self.under_way.len()));
        if let Some(left) = &mut self.cut_after {
            room = room.min(*left);
            *left -= room;
        }
        if room == 0 {
            return 0;
        }
        let due = now + self.latency;
        match self.arrivals.back_mut() {
            Some((last, count)) if *last == due => *count += room,
            _ => self.arrivals.push_back((due, room)),
        }
        let start = self.under_way.len();
        self.under_way.extend(&bytes[..room]);
        if let Some((place, bits)) = self.flip
            && let Some(within) = place.checked_sub(self.written as usize).filter(|within| *within < room)
        {
            self.under_way[start + within] ^= bits;
        }
        self.written += room as u64;
        room
    }

    /// Moves what has arrived into `room`, one chunk at most, and says how much that was.
    pub fn read(&mut self, now: Instant, room: &mut [u8]) -> usize {
        let most = room.len().min(self.chunks.front().copied().unwrap_or(self.chunk));
        let mut n = 0;
        while let Some((due, count)) = self.arrivals.front_mut() {
            if *due > now || n == most {
                break;
            }
            let taken = (*count).min(most - n);
            *count -= taken;
            n += taken;
            if *count == 0 {
                self.arrivals.pop_front();
            }
        }
        let (first, second) = self.under_way.as_slices();
        let split = n.min(first.len());
        room[..split].copy_from_slice(&first[..split]);
        room[split..n].copy_from_slice(&second[..n - split]);
        self.under_way.drain(..n);
        if n > 0 {
            self.chunks.pop_front();
        }
        n
    }

    /// When the next byte arrives, if one is under way.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.arrivals.front().map(|(due, _)| *due)
    }

    /// How many bytes were ever written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_late_in_order_and_in_chunks() {
        let start = Instant::now();
        let late = Duration::from_millis(5);
        let mut link = Link { latency: late, chunk: 4, capacity: 8, ..Link::new() };
        assert_eq!(link.write(start, b"abcdefghij"), 8);
        let mut room = [0; 10];
        assert_eq!(link.read(start, &mut room), 0);
        assert_eq!(link.next_arrival(), Some(start + late));
        assert_eq!(link.read(start + late, &mut room), 4);
        assert_eq!(link.write(start + late, b"ijkl"), 4);
        assert_eq!(link.read(start + late, &mut room[4..]), 4);
        assert_eq!(&room[..8], b"abcdefgh");
        assert_eq!((link.read(start + late, &mut room), link.written()), (0, 12));
    }

    #[test]
    fn a_cut_wire_takes_no_more() {
        let now = Instant::now();
        let mut link = Link { cut_after: Some(3), ..Link::new() };
        assert_eq!((link.write(now, b"abcd"), link.write(now, b"d")), (3, 0));
        assert!(link.is_cut());
    }
}
