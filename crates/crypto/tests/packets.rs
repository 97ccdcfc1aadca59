//! Sealing and opening with every cipher and MAC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use nacre_crypto::{
    CIPHERS, CipherAlg, KeyError, KeyPart, MACS, MacAlg, NULL_CIPHER, OpenError, OpeningKey, Rng, SealError,
    SealingKey, SeededRng, limits,
};

type Suite = (&'static CipherAlg, Option<&'static MacAlg>);

/// Every cipher, with every MAC where it needs one.
fn suites() -> Vec<Suite> {
    let mut suites = Vec::new();
    for cipher in CIPHERS {
        if cipher.aead {
            suites.push((cipher, None));
        } else {
            suites.extend(MACS.iter().map(|mac| (cipher, Some(mac))));
        }
    }
    suites
}

fn suite(cipher: &str, mac: Option<&str>) -> Suite {
    let found =
        suites().into_iter().find(|suite| suite.0.name == cipher && suite.1.map(|mac| mac.name) == mac);
    found.unwrap()
}

fn name(suite: Suite) -> String {
    format!("{} {}", suite.0.name, suite.1.map_or("", |mac| mac.name))
}

/// What key derivation would give.
struct Material {
    iv: Vec<u8>,
    key: Vec<u8>,
    mac_key: Vec<u8>,
}

fn material(suite: Suite, seed: u64) -> Material {
    let mut rng = SeededRng::new(seed);
    let mut bytes = |len| {
        let mut bytes = vec![0; len];
        rng.fill(&mut bytes).unwrap();
        bytes
    };
    Material {
        iv: bytes(suite.0.iv_len),
        key: bytes(suite.0.key_len),
        mac_key: bytes(suite.1.map_or(0, |mac| mac.key_len)),
    }
}

fn keys_of(suite: Suite, with: &Material) -> (SealingKey, OpeningKey) {
    let (cipher, mac) = suite;
    (
        SealingKey::new(cipher, mac, &with.iv, &with.key, &with.mac_key).unwrap(),
        OpeningKey::new(cipher, mac, &with.iv, &with.key, &with.mac_key).unwrap(),
    )
}

fn keys(suite: Suite) -> (SealingKey, OpeningKey) {
    keys_of(suite, &material(suite, 1))
}

/// A packet before it is sealed, of about `len` bytes: padded as the key wants it, with room for the tag.
fn packet(key: &SealingKey, len: usize) -> Vec<u8> {
    let outside = if key.length_outside_blocks() { 4 } else { 0 };
    let body_len = (len + 4 - outside).next_multiple_of(key.block_len()).max(16) + outside - 4;
    let mut packet = u32::try_from(body_len).unwrap().to_be_bytes().to_vec();
    packet.extend((0..body_len).map(|at| (at * 7 % 251) as u8));
    packet.resize(packet.len() + key.tag_len(), 0xee);
    packet
}

fn seal(key: &mut SealingKey, seq: u32, len: usize) -> Vec<u8> {
    let mut packet = packet(key, len);
    key.seal(seq, &mut packet).unwrap();
    packet
}

/// Reads the length and opens, as transport does.
fn open(key: &mut OpeningKey, seq: u32, packet: &mut [u8]) -> Result<(), OpenError> {
    let prefix_len = key.prefix_len();
    key.length(seq, &mut packet[..prefix_len])?;
    key.open(seq, packet)
}

const LENGTHS: [usize; 14] = [1, 12, 16, 17, 60, 64, 68, 255, 1024, 4096, 6128, 6144, 6200, 32_768];

#[test]
fn what_was_sealed_is_opened_at_every_length_and_across_the_wrap_of_the_sequence_number() {
    for suite in suites() {
        let (mut sealing, mut opening) = keys(suite);
        assert_eq!(sealing.tag_len(), opening.tag_len());
        assert_eq!(sealing.block_len(), opening.block_len());
        assert_eq!(sealing.length_outside_blocks(), opening.length_outside_blocks());
        let mut seq = u32::MAX - 5;
        for len in LENGTHS {
            let plain = packet(&sealing, len);
            let mut bytes = plain.clone();
            sealing.seal(seq, &mut bytes).unwrap();
            let text_len = plain.len() - sealing.tag_len();
            assert_ne!(bytes[4..text_len], plain[4..text_len], "{}", name(suite));
            let prefix_len = opening.prefix_len();
            let length = opening.length(seq, &mut bytes[..prefix_len]).unwrap();
            assert_eq!(usize::try_from(length).unwrap() + 4, text_len, "{}", name(suite));
            opening.open(seq, &mut bytes).unwrap_or_else(|error| panic!("{} {len}: {error}", name(suite)));
            assert_eq!(bytes[4..text_len], plain[4..text_len], "{}", name(suite));
            seq = seq.wrapping_add(1);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_short_packet_is_refused() {
    for suite in suites() {
        let sealed = seal(&mut keys(suite).0, 9, 40);
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = open(&mut keys(suite).1, 9, &mut bytes);
            assert_eq!(opened, Err(OpenError::Forged), "{} bit {bit}", name(suite));
        }
    }
}

#[test]
fn flipped_bits_of_a_long_packet_are_refused() {
    for suite in suites() {
        let sealed = seal(&mut keys(suite).0, 9, 20_000);
        let tag_at = sealed.len() - keys(suite).0.tag_len();
        for byte in [0, 3, 4, 5, 63, 64, 6143, 6144, tag_at - 1, tag_at, sealed.len() - 1] {
            let mut bytes = sealed.clone();
            bytes[byte] ^= 0x10;
            let opened = open(&mut keys(suite).1, 9, &mut bytes);
            assert_eq!(opened, Err(OpenError::Forged), "{} byte {byte}", name(suite));
        }
    }
}

#[test]
fn a_packet_cut_short_or_made_longer_is_refused() {
    for suite in suites() {
        let sealed = seal(&mut keys(suite).0, 0, 64);
        let mut cut = sealed[..sealed.len() - 1].to_vec();
        assert_eq!(open(&mut keys(suite).1, 0, &mut cut), Err(OpenError::Forged), "{}", name(suite));
        let mut longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(open(&mut keys(suite).1, 0, &mut longer), Err(OpenError::Forged), "{}", name(suite));
    }
}

#[test]
fn a_packet_with_another_number_is_refused() {
    for suite in suites() {
        // GCM has a counter of its own instead: see the next test.
        if suite.0.name.contains("gcm") {
            continue;
        }
        for len in [40, 20_000] {
            let mut bytes = seal(&mut keys(suite).0, 7, len);
            assert_eq!(open(&mut keys(suite).1, 8, &mut bytes), Err(OpenError::Forged), "{}", name(suite));
        }
    }
}

#[test]
fn packets_repeated_left_out_or_swapped_are_refused() {
    for suite in suites() {
        let (mut sealing, mut opening) = keys(suite);
        let first = seal(&mut sealing, 0, 40);
        let second = seal(&mut sealing, 1, 40);
        // The second in place of the first, and again as itself: neither place accepts it.
        assert_eq!(open(&mut opening, 0, &mut second.clone()), Err(OpenError::Forged), "{}", name(suite));
        let (_, mut opening) = keys(suite);
        open(&mut opening, 0, &mut first.clone()).unwrap();
        assert_eq!(open(&mut opening, 1, &mut first.clone()), Err(OpenError::Forged), "{}", name(suite));
    }
}

#[test]
fn a_packet_of_another_key_is_refused() {
    for suite in suites() {
        let mut bytes = seal(&mut keys(suite).0, 0, 40);
        let (_, mut opening) = keys_of(suite, &material(suite, 2));
        assert_eq!(open(&mut opening, 0, &mut bytes), Err(OpenError::Forged), "{}", name(suite));
    }
}

#[test]
fn a_forged_packet_is_left_untouched_where_the_tag_covers_the_ciphertext() {
    for suite in suites() {
        let verifies_first = suite.1.map_or(suite.0.name.contains("chacha20"), |mac| mac.etm);
        if !verifies_first {
            continue;
        }
        for len in [40, 20_000] {
            let mut forged = seal(&mut keys(suite).0, 0, len);
            *forged.last_mut().unwrap() ^= 1;
            let before = forged.clone();
            assert_eq!(open(&mut keys(suite).1, 0, &mut forged), Err(OpenError::Forged));
            assert_eq!(forged, before, "{}", name(suite));
        }
    }
}

#[test]
fn reading_the_length_decrypts_the_prefix_only_with_encrypt_and_mac() {
    for suite in suites() {
        let (mut sealing, mut opening) = keys(suite);
        let encrypt_and_mac = suite.1.is_some_and(|mac| !mac.etm);
        let expected = if encrypt_and_mac { suite.0.block_len } else { 4 };
        assert_eq!(opening.prefix_len(), expected, "{}", name(suite));
        assert_eq!(opening.length_outside_blocks(), !encrypt_and_mac, "{}", name(suite));
        let plain = packet(&sealing, 40);
        let mut bytes = plain.clone();
        sealing.seal(3, &mut bytes).unwrap();
        let sealed = bytes.clone();
        let prefix_len = opening.prefix_len();
        opening.length(3, &mut bytes[..prefix_len]).unwrap();
        let expected = if encrypt_and_mac { &plain } else { &sealed };
        assert_eq!(bytes[..prefix_len], expected[..prefix_len], "{}", name(suite));
        assert_eq!(bytes[prefix_len..], sealed[prefix_len..], "{}", name(suite));
    }
}

#[test]
fn length_and_body_must_be_asked_for_in_turn() {
    for suite in suites() {
        let (mut sealing, mut opening) = keys(suite);
        let mut bytes = seal(&mut sealing, 0, 40);
        let prefix_len = opening.prefix_len();
        assert_eq!(opening.open(0, &mut bytes), Err(OpenError::OutOfTurn));
        opening.length(0, &mut bytes[..prefix_len]).unwrap();
        assert_eq!(opening.length(0, &mut bytes[..prefix_len]), Err(OpenError::OutOfTurn));
        opening.open(0, &mut bytes).unwrap();
        assert_eq!(opening.open(0, &mut bytes), Err(OpenError::OutOfTurn));
    }
}

#[test]
fn what_is_too_short_for_a_packet_is_refused() {
    for suite in suites() {
        let tag_len = keys(suite).0.tag_len();
        for len in 0..limits::MIN_PACKET_LEN + tag_len {
            let (mut sealing, mut opening) = keys(suite);
            assert_eq!(sealing.seal(0, &mut vec![0; len]), Err(SealError::TooShort), "{}", name(suite));
            let prefix_len = opening.prefix_len();
            assert_eq!(opening.length(0, &mut vec![0; prefix_len - 1]), Err(OpenError::TooShort));
            assert_eq!(opening.length(0, &mut vec![0; prefix_len + 1]), Err(OpenError::TooShort));
            opening.length(0, &mut vec![0; prefix_len]).unwrap();
            assert_eq!(opening.open(0, &mut vec![0; len]), Err(OpenError::TooShort), "{}", name(suite));
        }
    }
}

#[test]
fn a_packet_shorter_than_its_prefix_is_refused() {
    for cipher in ["aes128-ctr", "aes128-cbc"] {
        let suite = suite(cipher, Some("hmac-sha2-256"));
        let (_, mut opening) = keys(suite);
        opening.length(0, &mut [0; 16]).unwrap();
        assert_eq!(opening.open(0, &mut [0; 15 + 32]), Err(OpenError::TooShort));
    }
}

/// Every cipher in CBC mode, with every MAC of one kind.
fn cbc(etm: bool) -> impl Iterator<Item = Suite> {
    let is_one =
        move |suite: &Suite| suite.0.name.ends_with("-cbc") && suite.1.is_some_and(|mac| mac.etm == etm);
    suites().into_iter().filter(is_one)
}

#[test]
fn with_cbc_a_packet_that_ends_within_a_block_is_not_sealed() {
    for suite in cbc(true).chain(cbc(false)) {
        let (mut sealing, _) = keys(suite);
        let mut bytes = packet(&sealing, 40);
        bytes.push(0);
        assert_eq!(sealing.seal(0, &mut bytes), Err(SealError::TooShort), "{}", name(suite));
    }
}

#[test]
fn with_cbc_and_encrypt_and_mac_wrong_lengths_and_wrong_tags_are_one_error() {
    for suite in cbc(false) {
        let sealed = seal(&mut keys(suite).0, 0, 100);
        let tag_len = keys(suite).0.tag_len();
        for text_len in suite.0.block_len..sealed.len() - tag_len {
            let mut bytes = sealed[..text_len + tag_len].to_vec();
            assert_eq!(open(&mut keys(suite).1, 0, &mut bytes), Err(OpenError::Forged), "{}", name(suite));
        }
    }
}

#[test]
fn only_with_cbc_and_encrypt_and_mac_errors_must_be_concealed() {
    for suite in suites() {
        let expected = cbc(false).any(|(cipher, mac)| name((cipher, mac)) == name(suite));
        assert_eq!(keys(suite).1.must_conceal_errors(), expected, "{}", name(suite));
    }
    assert!(!OpeningKey::none().must_conceal_errors());
}

#[test]
fn a_packet_that_comes_in_pieces_is_opened_like_one_that_is_there() {
    for suite in suites() {
        let (mut sealing, mut opening) = keys(suite);
        let tag_len = sealing.tag_len();
        for (seq, len) in (0..).zip(LENGTHS) {
            let plain = packet(&sealing, len);
            let mut bytes = plain.clone();
            sealing.seal(seq, &mut bytes).unwrap();
            let sealed = bytes.clone();
            let (prefix_len, text_len) = (opening.prefix_len(), bytes.len() - tag_len);
            opening.length(seq, &mut bytes[..prefix_len]).unwrap();
            // All step lengths, around blocks, chunks of UMAC and the end.
            let mut here = prefix_len;
            for step in (1..).map(|step| step % 37 * 31) {
                here = (here + step).min(text_len);
                opening.advance(&mut bytes[..here]).unwrap();
                let done =
                    if opening.must_conceal_errors() { here - here % suite.0.block_len } else { prefix_len };
                assert_eq!(bytes[done..], sealed[done..], "{} {here}", name(suite));
                if opening.must_conceal_errors() {
                    assert_eq!(bytes[..done], plain[..done], "{} {here}", name(suite));
                }
                if here == text_len {
                    break;
                }
            }
            assert_eq!(opening.open(seq, &mut bytes), Ok(()), "{} {len}", name(suite));
            assert_eq!(bytes[4..text_len], plain[4..text_len], "{}", name(suite));
        }
    }
}

#[test]
fn a_concealed_packet_that_is_refused_goes_on_as_a_longer_one() {
    for suite in cbc(false) {
        let sealed = seal(&mut keys(suite).0, 0, 3000);
        let tag_len = keys(suite).0.tag_len();
        let (_, mut opening) = keys(suite);
        let mut bytes = sealed.clone();
        let prefix_len = opening.prefix_len();
        assert_eq!(opening.advance(&mut bytes[..prefix_len]), Err(OpenError::OutOfTurn));
        opening.length(0, &mut bytes[..prefix_len]).unwrap();
        // What is no whole number of blocks is never opened either.
        for text_len in [64, 1024, 2048, 2056, 2064] {
            let mut shorter = bytes[..text_len].to_vec();
            shorter.extend_from_slice(&[0; 64][..tag_len]);
            assert_eq!(opening.open(0, &mut shorter), Err(OpenError::Forged), "{}", name(suite));
            bytes[..text_len].copy_from_slice(&shorter[..text_len]);
        }
        assert_eq!(opening.open(0, &mut bytes), Ok(()), "what was decrypted and verified is all of it");
        assert_eq!(opening.advance(&mut bytes), Err(OpenError::OutOfTurn));
    }
}

#[test]
fn keys_that_do_not_fit_their_rows_are_refused() {
    fn both(suite: Suite, with: &Material) -> KeyError {
        let (cipher, mac) = suite;
        let sealing = SealingKey::new(cipher, mac, &with.iv, &with.key, &with.mac_key).err().unwrap();
        let opening = OpeningKey::new(cipher, mac, &with.iv, &with.key, &with.mac_key).err().unwrap();
        assert_eq!(sealing, opening);
        sealing
    }
    for suite in suites() {
        let good = || material(suite, 1);
        let mut long_key = good();
        long_key.key.push(0);
        let (expected, got) = (suite.0.key_len, suite.0.key_len + 1);
        let wrong = KeyError::WrongLength { part: KeyPart::Key, expected, got };
        assert_eq!(both(suite, &long_key), wrong, "{}", name(suite));

        let mut long_iv = good();
        long_iv.iv.push(0);
        let (expected, got) = (suite.0.iv_len, suite.0.iv_len + 1);
        let wrong = KeyError::WrongLength { part: KeyPart::Iv, expected, got };
        assert_eq!(both(suite, &long_iv), wrong, "{}", name(suite));

        let mut long_mac_key = good();
        long_mac_key.mac_key.push(0);
        let expected = suite.1.map_or(0, |mac| mac.key_len);
        let wrong = KeyError::WrongLength { part: KeyPart::MacKey, expected, got: expected + 1 };
        assert_eq!(both(suite, &long_mac_key), wrong, "{}", name(suite));

        if suite.0.aead {
            assert_eq!(both((suite.0, Some(&MACS[0])), &good()), KeyError::UnwantedMac, "{}", name(suite));
        } else {
            assert_eq!(both((suite.0, None), &good()), KeyError::MissingMac, "{}", name(suite));
        }
    }
}

#[test]
fn without_protection_packets_stay_as_they_are() {
    let null = (&NULL_CIPHER, None);
    for (mut sealing, mut opening) in [(SealingKey::none(), OpeningKey::none()), keys(null)] {
        assert_eq!((sealing.block_len(), sealing.tag_len()), (8, 0));
        assert_eq!((opening.block_len(), opening.tag_len(), opening.prefix_len()), (8, 0, 4));
        assert!(!sealing.length_outside_blocks() && !opening.length_outside_blocks());
        let plain = packet(&sealing, 20);
        assert_eq!(plain.len() % 8, 0);
        let mut bytes = plain.clone();
        sealing.seal(0, &mut bytes).unwrap();
        assert_eq!(bytes, plain);
        assert_eq!(usize::try_from(opening.length(0, &mut bytes[..4]).unwrap()).unwrap() + 4, plain.len());
        opening.open(0, &mut bytes).unwrap();
        assert_eq!(bytes, plain);
    }
}
