/// Where encoded bytes go: a buffer, a hash, a counter.
pub trait Sink {
    /// Takes `bytes` after all that were put before.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }
}

/// A sink over memory of fixed size. What does not fit is counted, not written: look at [`overflowed`](Self::overflowed).
#[derive(Debug)]
pub struct SliceSink<'a> {
    room: &'a mut [u8],
    written: usize,
    overflowed: bool,
}

impl<'a> SliceSink<'a> {
    /// A sink that fills `room` from its start.
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, written: 0, overflowed: false }
    }

    /// Bytes that were written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Whether something did not fit; from then on nothing more is written.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }
}

impl Sink for SliceSink<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.written.saturating_add(bytes.len());
        match self.room.get_mut(self.written..end) {
            Some(room) if !self.overflowed => {
                room.copy_from_slice(bytes);
                self.written = end;
            }
            _ => self.overflowed = true,
        }
    }
}

/// Puts a `uint32` (RFC 4251 §5).
pub fn put_u32<S: Sink + ?Sized>(out: &mut S, value: u32) {
    out.put(&value.to_be_bytes());
}

/// Puts `bytes` as a `string`: a `uint32` length, then the bytes (RFC 4251 §5).
pub fn put_string<S: Sink + ?Sized>(out: &mut S, bytes: &[u8]) {
    // No packet can carry 4 GiB, so such a length never reaches a peer; saturating keeps this total.
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_sink_writes_what_fits_and_says_when_something_did_not() {
        let mut room = [0; 6];
        let mut sink = SliceSink::new(&mut room);
        put_u32(&mut sink, 7);
        sink.put(&[1, 2]);
        assert_eq!((sink.written(), sink.overflowed()), (6, false));
        sink.put(&[3]);
        assert_eq!((sink.written(), sink.overflowed()), (6, true));
        sink.put(&[]);
        assert!(sink.overflowed());
        assert_eq!(room, [0, 0, 0, 7, 1, 2]);
    }
}
