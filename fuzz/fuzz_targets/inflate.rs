//! Streams that inflate: bounded in what comes out; and ours, which come out as they went in.
#![no_main]

use crypto::{COMPRESSIONS, Deflater};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

/// The longest payload.
const MAX: usize = 40_000;

fuzz_target!(|data: &[u8]| {
    let [mode, bytes @ ..] = data else { return };
    let row = COMPRESSIONS.iter().find(|row| row.name != "none").expect("a row that compresses");
    let mut inflater = row.inflater().expect("it compresses");
    let mut payload = Zeroizing::new(Vec::new());
    if mode & 1 == 0 {
        // What a peer sends, in packets.
        for packet in bytes.chunks(1 + usize::from(mode >> 1)) {
            let Ok(()) = inflater.inflate(packet, &mut payload, MAX) else { return };
            assert!(payload.len() <= MAX);
        }
        return;
    }
    let mut deflater = row.deflater().expect("it compresses");
    for (number, packet) in bytes.chunks(1 + usize::from(mode >> 1) * 4).enumerate() {
        // Some that are long and all the same.
        let packet =
            if number % 5 == 4 { packet.repeat(1 + MAX / packet.len() / 2) } else { packet.to_vec() };
        let mut room = vec![0; Deflater::room_for(packet.len())];
        let length = deflater.deflate(&packet, &mut room).expect("room enough");
        inflater.inflate(&room[..length], &mut payload, MAX).expect("our own");
        assert_eq!(*payload, packet);
        // As an idle connection does.
        if number % 7 == 6 {
            deflater.release();
        }
    }
});
