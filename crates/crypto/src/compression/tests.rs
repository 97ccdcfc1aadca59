use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::*;
use crate::{Rng, SeededRng};

const MAX: usize = 256 * 1024;

fn zlib() -> &'static CompressionAlg {
    COMPRESSIONS.iter().find(|row| row.name == "zlib@openssh.com").unwrap()
}

fn ends() -> (Deflater, Inflater) {
    (zlib().deflater().unwrap(), zlib().inflater().unwrap())
}

fn deflate(deflater: &mut Deflater, payload: &[u8]) -> Vec<u8> {
    let mut output = vec![0; Deflater::room_for(payload.len())];
    let len = deflater.deflate(payload, &mut output).unwrap();
    output.truncate(len);
    output
}

fn inflate(inflater: &mut Inflater, deflated: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
    let mut payload = Zeroizing::new(vec![9; 10]);
    inflater.inflate(deflated, &mut payload, max).map(|()| payload.to_vec())
}

/// What somebody would have sent, from a seed: text, runs, noise, single bytes, all of any length.
fn payloads(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = SeededRng::new(seed);
    let mut random = || {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) as usize
    };
    let words: [&[u8]; 5] = [b"total ", b"drwxr-xr-x ", b"\x1b[0m", b"\r\n", b"0123456789"];
    (0..count)
        .map(|n| {
            let len = match n % 5 {
                0 => 1 + random() % 4,
                1 => random() % 100,
                2 => random() % 5000,
                3 => random() % 40_000,
                _ => 1 + random() % 200,
            };
            match random() % 4 {
                0 => vec![random() as u8; len],
                1 => (0..len).map(|_| random() as u8).collect(),
                _ => {
                    let (mut text, mut word) = (Vec::new(), random() % 5);
                    while text.len() < len {
                        text.extend_from_slice(words[word]);
                        word = (word + 1 + random() % 3) % 5;
                    }
                    text.truncate(len);
                    text
                }
            }
        })
        .collect()
}

#[test]
fn none_has_no_streams_and_zlib_begins_after_the_login() {
    for row in COMPRESSIONS {
        let streams = row.name != "none";
        assert_eq!((row.deflater().is_some(), row.inflater().is_some()), (streams, streams), "{}", row.name);
        assert_eq!(row.after_auth, streams);
    }
    assert_eq!(COMPRESSIONS[0].name, "none");
}

#[test]
fn each_payload_comes_out_as_soon_as_its_packet_is_there() {
    let (mut deflater, mut inflater) = ends();
    for (n, payload) in payloads(1, 600).iter().enumerate() {
        let deflated = deflate(&mut deflater, payload);
        assert_eq!(&inflate(&mut inflater, &deflated, MAX).unwrap(), payload, "payload {n}");
    }
}

#[test]
fn what_was_said_before_need_not_be_said_again() {
    let (mut deflater, mut inflater) = ends();
    let mut noise = vec![0; 1000];
    SeededRng::new(2).fill(&mut noise).unwrap();
    let first = deflate(&mut deflater, &noise);
    let second = deflate(&mut deflater, &noise);
    assert!(first.len() >= noise.len() && second.len() < 40, "{} and {}", first.len(), second.len());
    assert_eq!(inflate(&mut inflater, &first, MAX).unwrap(), noise);
    assert_eq!(inflate(&mut inflater, &second, MAX).unwrap(), noise);
    // A keystroke is a few bytes.
    let key = deflate(&mut deflater, &[94, 0, 0, 0, 0, 0, 0, 0, 1, b'l']);
    assert!(key.len() < 16, "{}", key.len());
}

#[test]
fn text_shrinks_as_with_zlib() {
    let (mut deflater, _) = ends();
    let text: String =
        (0..4000).map(|n| format!("-rw-r--r-- 1 root root {} file{n}\n", n * 7919 % 100_003)).collect();
    let deflated: usize =
        text.as_bytes().chunks(32 * 1024).map(|chunk| deflate(&mut deflater, chunk).len()).sum();
    // zlib at level 6 comes to 22 % here.
    assert!(deflated < text.len() / 4, "{deflated} of {}", text.len());
}

#[test]
fn what_does_not_compress_has_room() {
    let mut rng = SeededRng::new(5);
    for len in (0..200).chain([255, 256, 1000, 16_384, 31_744, 32_768, 60_000, 65_536, 100_000, 131_072, MAX])
    {
        let mut noise = vec![0; len];
        rng.fill(&mut noise).unwrap();
        // Bytes that need nine bits each in a static block, too.
        for payload in [noise.clone(), noise.iter().map(|byte| byte | 0x90).collect()] {
            let (mut deflater, mut inflater) = ends();
            for _ in 0..2 {
                let deflated = deflate(&mut deflater, &payload);
                assert!(deflated.len() < Deflater::room_for(len), "{} for {len}", deflated.len());
                assert_eq!(inflate(&mut inflater, &deflated, MAX).unwrap(), payload);
            }
        }
    }
}

#[test]
fn too_little_room_is_an_error_and_no_panic() {
    let mut noise = vec![0; 5000];
    SeededRng::new(6).fill(&mut noise).unwrap();
    for room in [0, 1, 2, 3, 10, 4999, 5000] {
        let (mut deflater, _) = ends();
        assert_eq!(deflater.deflate(&noise, &mut vec![0; room]), Err(NoRoom), "{room}");
        // The peer could not follow any more, so nothing comes out for it.
        let enough = &mut vec![0; Deflater::room_for(noise.len())];
        assert_eq!(deflater.deflate(&noise, enough), Err(NoRoom), "{room}");
        deflater.release();
        assert_eq!(deflater.deflate(&noise, enough), Err(NoRoom), "{room}");
    }
}

#[test]
fn an_idle_stream_goes_on_after_its_state_was_given_back() {
    let (mut deflater, mut inflater) = ends();
    deflater.release();
    for (n, payload) in payloads(7, 300).iter().enumerate() {
        let deflated = deflate(&mut deflater, payload);
        assert_eq!(&inflate(&mut inflater, &deflated, MAX).unwrap(), payload, "payload {n}");
        for _ in 0..n % 3 {
            deflater.release();
            assert!(deflater.stream.is_none());
        }
    }
}

#[test]
fn what_was_said_last_is_known_after_the_state_was_given_back() {
    let (mut deflater, mut inflater) = ends();
    let mut noise = vec![0; 4000];
    SeededRng::new(8).fill(&mut noise).unwrap();
    for piece in noise.chunks(2000) {
        let deflated = deflate(&mut deflater, piece);
        assert_eq!(inflate(&mut inflater, &deflated, MAX).unwrap(), piece);
    }
    for piece in noise.chunks(2000).rev() {
        deflater.release();
        let again = deflate(&mut deflater, piece);
        assert!(again.len() < 100, "{}", again.len());
        assert_eq!(inflate(&mut inflater, &again, MAX).unwrap(), piece);
    }
}

#[test]
fn a_payload_may_be_as_long_as_is_allowed_and_no_byte_longer() {
    for len in [1, 1000, 32_767, 32_768, 32_769, 65_536, 100_000] {
        let payload = vec![7; len];
        let (mut deflater, mut inflater) = ends();
        let deflated = deflate(&mut deflater, &payload);
        assert_eq!(inflate(&mut inflater, &deflated, len).unwrap(), payload, "{len}");
        let (_, mut inflater) = ends();
        assert_eq!(inflate(&mut inflater, &deflated, len - 1), Err(InflateError::TooLong), "{len}");
    }
    // Where the window is not at its beginning.
    let (mut deflater, mut inflater) = ends();
    let first = deflate(&mut deflater, &[1; 20_000]);
    inflate(&mut inflater, &first, MAX).unwrap();
    let second = deflate(&mut deflater, &[2; 70_000]);
    assert_eq!(inflate(&mut inflater, &second, 69_999), Err(InflateError::TooLong));
}

#[test]
fn a_bomb_costs_neither_memory_nor_time() {
    let (mut deflater, mut inflater) = ends();
    // 100 MB of nothing in one stream, as the peer's one packet of at most 256 KiB.
    let mut bomb = Vec::new();
    for _ in 0..100 {
        bomb.extend(deflate(&mut deflater, &vec![0; 1_000_000]));
    }
    assert!(bomb.len() < MAX, "{}", bomb.len());
    let mut payload = Zeroizing::new(Vec::new());
    let begun = Instant::now();
    assert_eq!(inflater.inflate(&bomb, &mut payload, MAX), Err(InflateError::TooLong));
    assert!(payload.capacity() <= MAX, "{}", payload.capacity());
    assert!(begun.elapsed() < Duration::from_secs(1));
}

/// Writes bits as RFC 1951 §3.1.1 wants them.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= (((value >> bit) & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }
}

#[test]
fn blocks_that_hold_nothing_cost_what_their_bytes_cost() {
    // The shortest blocks whose tables are the most work: 257 lengths in three runs, one distance, and the block's end.
    let mut bits = Bits { bytes: vec![0x78, 0x9c], count: 16 };
    while bits.bytes.len() < MAX - 64 {
        bits.put(0, 1);
        bits.put(2, 2);
        bits.put(0, 5);
        bits.put(0, 5);
        bits.put(14, 4);
        // Lengths of the code of lengths, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1: 18 and 1 have one bit.
        for place in 0..18 {
            bits.put(u32::from(place == 2 || place == 17), 3);
        }
        // Symbol 1 is code 0, symbol 18 is code 1: 138 zeros, 118 zeros, then the end's length 1 and the distance's 1.
        for zeros in [138, 118] {
            bits.put(1, 1);
            bits.put(zeros - 11, 7);
        }
        bits.put(0, 1);
        bits.put(0, 1);
        // The block's end.
        bits.put(0, 1);
    }
    let (_, mut inflater) = ends();
    let begun = Instant::now();
    assert_eq!(inflate(&mut inflater, &bits.bytes, MAX), Ok(Vec::new()));
    let spent = begun.elapsed();
    println!("256 KiB of empty blocks: {spent:?}");
    assert!(spent < Duration::from_secs(5), "{spent:?}");
}

#[test]
fn what_is_cut_short_is_missing_and_comes_the_next_time() {
    let text = b"It comes later, it comes later, and not a byte of it is lost.".repeat(5);
    let (mut deflater, _) = ends();
    let deflated = deflate(&mut deflater, &text);
    for cut in 0..=deflated.len() {
        let (_, mut inflater) = ends();
        let mut whole = inflate(&mut inflater, &deflated[..cut], MAX).unwrap();
        assert!(text.starts_with(&whole));
        assert!(cut > 2 || whole.is_empty());
        whole.extend(inflate(&mut inflater, &deflated[cut..], MAX).unwrap());
        assert_eq!(whole, text, "cut at {cut}");
    }
}

#[test]
fn nothing_is_inflated_from_nothing() {
    let (mut deflater, mut inflater) = ends();
    assert_eq!(inflate(&mut inflater, b"", MAX), Ok(Vec::new()));
    let empty = deflate(&mut deflater, b"");
    assert_eq!(inflate(&mut inflater, &empty, 0), Ok(Vec::new()));
    let empty = deflate(&mut deflater, b"");
    assert_eq!(inflate(&mut inflater, &empty, 0), Ok(Vec::new()));
    let one = deflate(&mut deflater, b"x");
    assert_eq!(inflate(&mut inflater, &one, 1), Ok(b"x".to_vec()));
}

#[test]
fn what_is_no_stream_is_corrupt() {
    let cases: [(&str, &[u8]); 8] = [
        ("a payload as it is", &[94, 0, 0, 0, 0]),
        ("another method", &[0x77, 0x9c]),
        ("a wrong check", &[0x78, 0x9d]),
        ("a dictionary", &[0x78, 0xbb]),
        ("a window of 64 KiB", &[0x88, 0x1c]),
        ("a block of no type", &[0x78, 0x9c, 0b110]),
        ("a stored length that is not confirmed", &[0x78, 0x9c, 0, 5, 0, 5, 0, 1]),
        ("tables that are none", &[0x78, 0x9c, 0b101, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (what, bytes) in cases {
        let (_, mut inflater) = ends();
        assert_eq!(inflate(&mut inflater, bytes, MAX), Err(InflateError::Corrupt), "{what}");
    }
}

#[test]
fn any_change_of_a_stream_gives_an_error_or_bytes_within_the_limit() {
    let (mut deflater, _) = ends();
    let deflated = deflate(&mut deflater, &payloads(11, 40).concat()[..3000]);
    let (mut errors, mut others) = (0, 0);
    for at in 0..deflated.len() {
        for bit in 0..8 {
            let mut changed = deflated.clone();
            changed[at] ^= 1 << bit;
            let (_, mut inflater) = ends();
            match inflate(&mut inflater, &changed, 5000) {
                Ok(payload) => {
                    assert!(payload.len() <= 5000);
                    others += 1;
                }
                Err(_) => errors += 1,
            }
        }
    }
    assert!(errors > 10 && others > 10, "{errors} and {others}");
}

#[test]
fn a_stream_may_not_end_and_nothing_comes_behind_its_end() {
    // An empty last block in static codes, and the checksum of nothing.
    let ended = [0x78, 0x9c, 0x03, 0x00, 0, 0, 0, 1];
    let (_, mut inflater) = ends();
    assert_eq!(inflate(&mut inflater, &ended, MAX), Err(InflateError::Ended));
    let (_, mut inflater) = ends();
    assert_eq!(inflate(&mut inflater, &[&ended[..], b"trailing"].concat(), MAX), Err(InflateError::Ended));
    assert!(inflate(&mut inflater, b"more", MAX).is_err());
}

#[test]
fn after_an_error_there_is_no_way_back() {
    let (mut deflater, mut inflater) = ends();
    let good = deflate(&mut deflater, b"good");
    assert!(inflate(&mut inflater, &[0x78, 0x9c, 0b110], MAX).is_err());
    assert!(inflate(&mut inflater, &good, MAX).is_err());
}

#[test]
fn the_vector_keeps_its_size_once_it_has_found_it() {
    let (mut deflater, mut inflater) = ends();
    let mut payload = Zeroizing::new(Vec::new());
    let mut capacities = Vec::new();
    for len in [100, 3000, 20_000, 100, 20_000, 5] {
        let deflated = deflate(&mut deflater, &vec![b'a'; len]);
        inflater.inflate(&deflated, &mut payload, MAX).unwrap();
        assert_eq!(payload.len(), len);
        capacities.push(payload.capacity());
    }
    assert_eq!(capacities[0], crate::limits::INFLATED_MIN);
    assert!(capacities[2] >= 20_000 && capacities[2..].iter().all(|capacity| *capacity == capacities[2]));
}
