use std::fmt;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit, inflate_flags};
use zeroize::Zeroizing;

use crate::limits::INFLATED_MIN;

/// What makes payloads of one direction out of what a [`Deflater`](super::Deflater), or anybody's zlib, made of them.
///
/// Its state has 43 KB, which are there from the first payload on. They cannot be given back, because the peer may refer
/// to what it sent before.
pub struct Inflater {
    state: Option<Box<State>>,
}

struct State {
    decoder: DecompressorOxide,
    /// The last bytes that came out, in a ring.
    window: Zeroizing<Vec<u8>>,
    /// Where in the window the next one goes.
    at: usize,
}

/// How far back a stream may refer (RFC 1951 §2).
const WINDOW_LEN: usize = 32 * 1024;

/// The stream's header is ours to read, and its checksum stands at an end that never comes.
const FLAGS: u32 = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
    | inflate_flags::TINFL_FLAG_IGNORE_ADLER32
    | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;

/// Why a payload was not inflated: always the peer's fault. After any of them the stream is not to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// This is no stream of RFC 1950 and 1951.
    Corrupt,
    /// The stream was ended, which it may not be while its keys are in use.
    Ended,
    /// The payload would be longer than was allowed.
    TooLong,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { state: None }
    }

    /// Puts into `payload`, in place of what it held, what all of `deflated` comes to.
    ///
    /// Memory does not go beyond `max` bytes, and the vector grows only when it was never that long before. Work goes with
    /// `max` and with the blocks in `deflated`: for each the decoder makes its tables, also where the block is one of ten
    /// bits that has the fixed tables of RFC 1951 §3.2.6 and nothing in it. That is some microseconds; 256 KiB of nothing
    /// but such blocks take most of a second, of which the sender's own connection is late. What the peer has kept back,
    /// because it did not flush its stream, is missing now and comes first the next time.
    ///
    /// # Errors
    /// See [`InflateError`]; [`TooLong`](InflateError::TooLong) over `max` bytes. `payload` holds nothing of worth then.
    pub fn inflate(
        &mut self,
        deflated: &[u8],
        payload: &mut Zeroizing<Vec<u8>>,
        max: usize,
    ) -> Result<(), InflateError> {
        payload.clear();
        let state = self.state.get_or_insert_with(|| Box::new(State::new()));
        let mut input = deflated;
        loop {
            let allowed = max.saturating_sub(payload.len());
            let status = state.step(&mut input, payload, allowed)?;
            match status {
                TINFLStatus::NeedsMoreInput => return Ok(()),
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::Done => return Err(InflateError::Ended),
                _ => return Err(InflateError::Corrupt),
            }
        }
    }
}

impl State {
    fn new() -> Self {
        Self { decoder: DecompressorOxide::new(), window: Zeroizing::new(vec![0; WINDOW_LEN]), at: 0 }
    }

    /// Goes on to the end of the window at most. One byte more than is allowed is asked for, so that too long is told
    /// from just long enough.
    fn step(
        &mut self,
        input: &mut &[u8],
        payload: &mut Zeroizing<Vec<u8>>,
        allowed: usize,
    ) -> Result<TINFLStatus, InflateError> {
        let most = allowed.saturating_add(1);
        let (status, read, written) =
            decompress_with_limit(&mut self.decoder, input, &mut self.window, self.at, most, FLAGS);
        if written > allowed {
            return Err(InflateError::TooLong);
        }
        *input = input.get(read..).unwrap_or_default();
        let end = self.at.saturating_add(written);
        append(payload, self.window.get(self.at..end).unwrap_or_default(), allowed);
        self.at = if end < WINDOW_LEN { end } else { 0 };
        Ok(status)
    }
}

/// Appends `bytes`, of which there may be `allowed` more at most. A vector that grows by itself would leave its old
/// contents behind.
fn append(payload: &mut Zeroizing<Vec<u8>>, bytes: &[u8], allowed: usize) {
    let needed = payload.len().saturating_add(bytes.len());
    if needed > payload.capacity() {
        let most = payload.len().saturating_add(allowed);
        let doubled = payload.capacity().saturating_mul(2).max(INFLATED_MIN).min(most);
        let mut grown = Vec::with_capacity(needed.max(doubled));
        grown.extend_from_slice(payload);
        *payload = Zeroizing::new(grown);
    }
    payload.extend_from_slice(bytes);
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "compressed data is corrupt",
            Self::Ended => "stream of compressed data was ended",
            Self::TooLong => "compressed data holds more than a packet may",
        })
    }
}

impl std::error::Error for InflateError {}
