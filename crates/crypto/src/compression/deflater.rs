use std::fmt;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress, compress_to_output};
use zeroize::Zeroizing;

/// What compresses the payloads of one direction under one set of keys, as one stream in the format of RFC 1950.
///
/// What comes out for one payload can be inflated when it is there, without what comes after it. The state has about
/// 310 KB. It is made for the first payload, and [`release`](Self::release) gives it back.
pub struct Deflater {
    pub(super) stream: Option<Box<CompressorOxide>>,
    /// What comes before the next payload; nothing any more when the stream is broken.
    lead: Option<Lead>,
    /// The last bytes that were compressed. A new encoder begins with them, so that it can refer to them.
    recent: Zeroizing<Vec<u8>>,
}

/// The output is shorter than [`Deflater::room_for`] says. The stream is broken then, and says this for every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// A few bytes of the stream that are to come before the next payload.
#[derive(Default)]
struct Lead {
    bytes: [u8; LEAD_MAX],
    len: usize,
}

/// Most bytes of a [`Lead`]: up to 7 bits that were left over, 3 of a block's header, and four bytes of its length.
const LEAD_MAX: usize = 8;

/// How much of what was compressed outlives [`Deflater::release`], in bytes: a few screens of text. To make an encoder
/// know it again takes a quarter of a millisecond.
const RECENT_LEN: usize = 8 * 1024;

/// The stream's header (RFC 1950 §2.2): deflate, a window of 32 KiB, the usual level. It is written here and not by the
/// encoder, which would compute a checksum that only the end of a stream has, and these streams have no end.
const HEADER: [u8; 2] = [0x78, 0x9c];

impl Deflater {
    pub(super) fn new() -> Self {
        let mut lead = Lead::default();
        if let Some(room) = lead.bytes.first_chunk_mut() {
            *room = HEADER;
            lead.len = HEADER.len();
        }
        Self { stream: None, lead: Some(lead), recent: Zeroizing::default() }
    }

    /// Bytes that are always enough for a payload of `payload_len` bytes. What does not compress becomes longer: where
    /// it is short each byte can have nine bits, where it is long it is stored in blocks that have a header.
    #[must_use]
    pub const fn room_for(payload_len: usize) -> usize {
        payload_len.saturating_add(payload_len / 8).saturating_add(256)
    }

    /// Compresses a payload into `output` and says how many bytes it has become.
    ///
    /// # Errors
    /// [`NoRoom`], never where `output` has [`room_for`](Self::room_for) the payload.
    pub fn deflate(&mut self, payload: &[u8], output: &mut [u8]) -> Result<usize, NoRoom> {
        // It is put back when all went well.
        let lead = self.lead.take().ok_or(NoRoom)?;
        let (room, rest) = output.split_at_mut_checked(lead.len).ok_or(NoRoom)?;
        room.copy_from_slice(lead.bytes.get(..lead.len).ok_or(NoRoom)?);
        let stream = self.stream.get_or_insert_with(|| {
            let level = CompressionLevel::DefaultLevel;
            let mut stream = Box::new(CompressorOxide::with_format_and_level(DataFormat::Raw, level));
            if !self.recent.is_empty() {
                // The peer has it already; what comes out here is nobody's.
                let _: (TDEFLStatus, usize) =
                    compress_to_output(&mut stream, &self.recent, TDEFLFlush::Sync, |_| true);
            }
            stream
        });
        let (status, read, written) = compress(stream, payload, rest, TDEFLFlush::Partial);
        // An output that is full to the brim may have left something behind.
        if status != TDEFLStatus::Okay || read != payload.len() || written >= rest.len() {
            return Err(NoRoom);
        }
        self.remember(payload);
        self.lead = Some(Lead::default());
        lead.len.checked_add(written).ok_or(NoRoom)
    }

    fn remember(&mut self, payload: &[u8]) {
        let held = self.recent.len();
        self.recent.reserve_exact(RECENT_LEN.saturating_sub(held));
        let new = payload.get(payload.len().saturating_sub(RECENT_LEN)..).unwrap_or_default();
        let over = held.saturating_add(new.len()).saturating_sub(RECENT_LEN);
        self.recent.drain(..over.min(held));
        self.recent.extend_from_slice(new);
    }

    /// Gives the state back but for a few kilobytes, for connections that are idle. The stream goes on with the next
    /// payload, for which only what was said last is known any more.
    pub fn release(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        // Up to seven bits have not come out yet. An empty block that ends at a byte brings them to light, and what a
        // new encoder writes can stand behind it.
        let mut lead = Lead::default();
        let (status, _, written) = compress(&mut stream, &[], &mut lead.bytes, TDEFLFlush::Sync);
        lead.len = written;
        // Room that is full to the brim may have left something behind. It cannot be, but a stream of which a bit is lost
        // must not go on.
        let whole = status == TDEFLStatus::Okay && written < LEAD_MAX;
        self.lead = self.lead.take().filter(|_| whole).map(|_| lead);
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for what a payload was compressed to")
    }
}

impl std::error::Error for NoRoom {}
