//! Writing a key revocation list.

use wire::{Encode, Mpint, Sink, put_string, put_u32};

use super::serials::{Bitmap, Serials};
use super::{FORMAT_VERSION, KeyRevocationList, MAGIC, RevokedCertificates, section};

/// The numbers that one bitmap spans at most, so that every reader takes it for an mpint.
const BITMAP_SPAN: u64 = 8 * 1024;

/// The numbers between two ranges from which on a bitmap would only grow: two more of a list take as many bits.
const BITMAP_GAP: u64 = 128;

/// What a bitmap takes in bytes besides its bits, and what a range takes.
const PART_COST: u64 = 1 + 4 + 8 + 8;

impl KeyRevocationList<'_> {
    /// The file. OpenSSH reads it from 7.9 on, and without SHA-256 hashes from 6.2 on.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_u32(&mut out, FORMAT_VERSION);
        // Of the four numbers and strings after the format's version the flags and the second string are for later.
        self.version.encode(&mut out);
        self.generated.encode(&mut out);
        0_u64.encode(&mut out);
        put_string(&mut out, &[]);
        put_string(&mut out, &self.comment);
        for (authority, revoked) in &self.certificates {
            let mut data = Vec::new();
            put_string(&mut data, authority);
            put_string(&mut data, &[]);
            revoked.put(&mut data);
            put_part(&mut out, section::CERTIFICATES, &data);
        }
        put_strings(&mut out, section::EXPLICIT_KEY, self.key_blobs());
        put_strings(&mut out, section::FINGERPRINT_SHA1, self.sha1.iter().map(<[u8; 20]>::as_slice));
        put_strings(&mut out, section::FINGERPRINT_SHA256, self.sha256.iter().map(<[u8; 32]>::as_slice));
        out
    }
}

impl RevokedCertificates<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        if !self.serials.is_empty() {
            put_serials(out, &self.serials);
        }
        put_strings(out, section::KEY_ID, self.key_ids());
    }
}

/// Puts ranges as what takes the fewest bytes: numbers in a row as a range, many near each other as a bitmap, others as a list.
fn put_serials(out: &mut Vec<u8>, serials: &Serials<'_>) {
    let mut list = Vec::new();
    let mut ranges = serials.ranges().map(|range| (*range.start(), *range.end())).peekable();
    while let Some(range @ (first, mut last)) = ranges.next() {
        let mut cluster = vec![range];
        while let Some(next) = ranges.next_if(|(next, end)| {
            next.saturating_sub(last) <= BITMAP_GAP && end.saturating_sub(first) < BITMAP_SPAN
        }) {
            cluster.push(next);
            last = next.1;
        }
        let span = last.saturating_sub(first);
        let apart: u64 = cluster.iter().map(|range| cost(*range)).fold(0, u64::saturating_add);
        if span < BITMAP_SPAN && (span / 8).saturating_add(PART_COST) < apart {
            put_list(out, &mut list);
            put_bitmap(out, first, span, &cluster);
            continue;
        }
        for (first, last) in cluster {
            if last.saturating_sub(first) < 2 {
                (first..=last).for_each(|serial| serial.encode(&mut list));
            } else {
                put_list(out, &mut list);
                let mut bounds = Vec::new();
                first.encode(&mut bounds);
                last.encode(&mut bounds);
                put_part(out, section::SERIAL_RANGE, &bounds);
            }
        }
    }
    put_list(out, &mut list);
    for Bitmap { offset, bits } in serials.bitmaps() {
        put_bits(out, *offset, bits);
    }
}

/// Bytes that a range takes outside of a bitmap.
fn cost((first, last): (u64, u64)) -> u64 {
    match last.saturating_sub(first) {
        0 => 8,
        1 => 16,
        _ => PART_COST,
    }
}

fn put_list(out: &mut Vec<u8>, list: &mut Vec<u8>) {
    if !list.is_empty() {
        put_part(out, section::SERIAL_LIST, list);
        list.clear();
    }
}

/// Puts ranges between `offset` and `offset + span` as a bitmap.
fn put_bitmap(out: &mut Vec<u8>, offset: u64, span: u64, ranges: &[(u64, u64)]) {
    let mut bits = vec![0_u8; usize::try_from(span / 8).unwrap_or_default().saturating_add(1)];
    for serial in ranges.iter().flat_map(|(first, last)| *first..=*last) {
        let bit = serial.saturating_sub(offset);
        let byte = usize::try_from(bit / 8).ok().and_then(|byte| bits.iter_mut().rev().nth(byte));
        if let Some(byte) = byte {
            *byte |= 1_u8.wrapping_shl(u32::try_from(bit % 8).unwrap_or_default());
        }
    }
    put_bits(out, offset, &bits);
}

fn put_bits(out: &mut Vec<u8>, offset: u64, bits: &[u8]) {
    let mut data = Vec::new();
    offset.encode(&mut data);
    Mpint::from_magnitude(bits).encode(&mut data);
    put_part(out, section::SERIAL_BITMAP, &data);
}

/// Puts strings as a section, or nothing when there are none.
fn put_strings<'s>(out: &mut Vec<u8>, kind: u8, strings: impl Iterator<Item = &'s [u8]>) {
    let mut data = Vec::new();
    strings.for_each(|string| put_string(&mut data, string));
    if !data.is_empty() {
        put_part(out, kind, &data);
    }
}

fn put_part(out: &mut Vec<u8>, kind: u8, data: &[u8]) {
    out.put(&[kind]);
    put_string(out, data);
}
