//! What shows of a packet that is refused under CBC with an encrypted length, byte by byte.

use crypto::{CIPHERS, CipherAlg, MACS, MacAlg, SealingKey};

use super::*;

type Suite = (&'static CipherAlg, &'static MacAlg);

/// The suites under which errors must be concealed.
fn suites() -> impl Iterator<Item = Suite> {
    let ciphers = CIPHERS.iter().filter(|cipher| cipher.name.ends_with("-cbc"));
    ciphers.flat_map(|cipher| MACS.iter().filter(|mac| !mac.etm).map(move |mac| (cipher, mac)))
}

/// The longest packet is one of more than one chunk of UMAC, and not a whole number of blocks.
const LIMIT: u32 = 2500;

/// A packet of this length with 20 bytes of padding, sealed, and behind it what somebody sends to see what happens.
fn sealed((cipher, mac): Suite, length: u32) -> Vec<u8> {
    let material = |len| vec![7; len];
    let (iv, key, mac_key) = (material(cipher.iv_len), material(cipher.key_len), material(mac.key_len));
    let mut sealing = SealingKey::new(cipher, Some(mac), &iv, &key, &mac_key).unwrap();
    let text_len = (length.clamp(12, LIMIT) as usize + 4).next_multiple_of(cipher.block_len);
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(20);
    packet.resize(text_len + mac.tag_len, 2);
    sealing.seal(0, &mut packet).unwrap();
    packet
}

fn opening((cipher, mac): Suite) -> Inbound {
    let material = |len| vec![7; len];
    let (iv, key, mac_key) = (material(cipher.iv_len), material(cipher.key_len), material(mac.key_len));
    let key = OpeningKey::new(cipher, Some(mac), &iv, &key, &mac_key).unwrap();
    Inbound { key, ..Inbound::new() }
}

/// Reads `stream` byte by byte until the connection fails: how many bytes were decrypted after each one.
fn decrypted(suite: Suite, stream: &[u8]) -> Vec<usize> {
    let (mut inbound, mut rx) = (opening(suite), RecvBuf::new());
    let mut work = Vec::new();
    for (at, byte) in stream.iter().enumerate() {
        rx.space(1)[0] = *byte;
        rx.filled(1);
        let outcome = inbound.expect(&mut rx, u64::MAX, LIMIT);
        let outcome = outcome.and_then(|_| Ok(inbound.open(&mut rx, LIMIT)?.is_some()));
        let changed = rx.data().iter().zip(stream).rposition(|(now, sent)| now != sent);
        work.push(changed.map_or(0, |last| (last + 1).next_multiple_of(suite.0.block_len)));
        match outcome {
            Ok(false) => {}
            Ok(true) => panic!("{suite:?}: accepted after {at}"),
            Err(error) => {
                assert_eq!(error, Error::Forged);
                return work;
            }
        }
    }
    panic!("{suite:?}: {} bytes were not enough", stream.len());
}

#[test]
fn a_refused_packet_is_decrypted_as_it_comes_in_and_fails_where_the_longest_one_would_end() {
    let mut tried = 0;
    for suite in suites() {
        let (block_len, tag_len) = (suite.0.block_len, suite.1.tag_len);
        let text_len = (LIMIT as usize + 4) / block_len * block_len;
        let whole = |bytes: usize| bytes.min(text_len) / block_len * block_len;
        let noise = |packet: Vec<u8>| {
            let noise = (0..LIMIT as usize + 100).map(|at| (at * 7 % 251) as u8);
            packet.into_iter().chain(noise).collect::<Vec<_>>()
        };
        // Lengths that no packet has: nothing waits for a tag.
        for length in [0, 5, 61, LIMIT + 1, u32::MAX] {
            let work = decrypted(suite, &noise(sealed(suite, length)));
            assert_eq!(work.len(), text_len + tag_len, "{suite:?} {length}");
            let expected: Vec<_> = (1..=work.len()).map(whole).collect();
            assert!(work == expected, "{suite:?} {length}");
            tried += 1;
        }
        // Lengths that are possible, with a wrong tag: it waits until it has been compared, and is a block like any other
        // then.
        for length in [28, 60, 508, 1020, 1036, 2044, u32::try_from(text_len).unwrap() - 4] {
            let mut packet = sealed(suite, length);
            let total = packet.len();
            *packet.last_mut().unwrap() ^= 1;
            let work = decrypted(suite, &noise(packet));
            assert_eq!(work.len(), text_len + tag_len, "{suite:?} {length}");
            for (work, here) in work.into_iter().zip(1..) {
                let expected = if here < total { whole(here.min(total - tag_len)) } else { whole(here) };
                assert_eq!(work, expected, "{suite:?} {length} {here}");
            }
            tried += 1;
        }
    }
    assert_eq!(tried, suites().count() * 12);
}

#[test]
fn an_honest_packet_under_cbc_is_opened_with_its_last_byte() {
    for suite in suites() {
        for length in [28, 60, 1020, 1036, 2492] {
            let packet = sealed(suite, length);
            let (mut inbound, mut rx) = (opening(suite), RecvBuf::new());
            for (byte, left) in packet.iter().zip((0..packet.len()).rev()) {
                rx.space(1)[0] = *byte;
                rx.filled(1);
                inbound.expect(&mut rx, u64::MAX, LIMIT).unwrap();
                let payload = inbound.open(&mut rx, LIMIT).unwrap().map(|opened| opened.payload.len());
                assert_eq!(payload, (left == 0).then_some(length as usize - 21), "{suite:?} {length}");
            }
        }
    }
}
