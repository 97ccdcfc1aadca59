//! Sealed packets against compositions that are written here out of other crates, or other calls of the same ones: not
//! one line of them is the code that packets go through.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use aes::cipher::{BlockCipherEncrypt, KeyInit as _};
use aes_gcm::aead::AeadInOut as _;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use nacre_crypto::{CIPHERS, CipherAlg, MACS, OpeningKey, SealingKey};

const LENGTHS: [usize; 6] = [16, 32, 272, 4080, 6144, 32_768];

fn cipher(name: &str) -> &'static CipherAlg {
    CIPHERS.iter().find(|row| row.name == name).unwrap()
}

fn bytes(len: usize, step: usize) -> Vec<u8> {
    (0..len).map(|at| (at * step + 3) as u8).collect()
}

/// A length and as many bytes.
fn plain(len: usize) -> Vec<u8> {
    [u32::try_from(len).unwrap().to_be_bytes().as_slice(), &bytes(len, 13)].concat()
}

fn check(
    sealing: &mut SealingKey,
    opening: &mut OpeningKey,
    seq: u32,
    plain: &[u8],
    expected: &[u8],
    what: &str,
) {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + sealing.tag_len(), 0);
    sealing.seal(seq, &mut packet).unwrap();
    assert!(packet == expected, "{what}, {} bytes, number {seq}", plain.len());
    let prefix_len = opening.prefix_len();
    opening.length(seq, &mut packet[..prefix_len]).unwrap();
    opening.open(seq, &mut packet).unwrap();
    assert!(packet[4..plain.len()] == plain[4..], "{what}, {} bytes, number {seq}", plain.len());
}

/// RFC 5647 §7: the length is additional data, the nonce four fixed bytes and a counter.
#[test]
fn aes_gcm_packets() {
    // The counter wraps within the test; a carry into the fixed bytes would show.
    let iv = [[7, 8, 9, 10].as_slice(), &(u64::MAX - 2).to_be_bytes()].concat();
    for (name, key_len) in [("aes128-gcm@openssh.com", 16), ("aes256-gcm@openssh.com", 32)] {
        let key = bytes(key_len, 5);
        let mut sealing = SealingKey::new(cipher(name), None, &iv, &key, &[]).unwrap();
        let mut opening = OpeningKey::new(cipher(name), None, &iv, &key, &[]).unwrap();
        let mut counter = u64::MAX - 2;
        for (seq, len) in (0..).zip(LENGTHS) {
            let plain = plain(len);
            let nonce: [u8; 12] =
                [[7, 8, 9, 10].as_slice(), &counter.to_be_bytes()].concat().try_into().unwrap();
            let (aad, body) = plain.split_at(4);
            let mut body = body.to_vec();
            let buffer = body.as_mut_slice().into();
            let tag = if key_len == 16 {
                let key = aes_gcm::Aes128Gcm::new_from_slice(&key).unwrap();
                key.encrypt_inout_detached(&nonce.into(), aad, buffer).unwrap()
            } else {
                let key = aes_gcm::Aes256Gcm::new_from_slice(&key).unwrap();
                key.encrypt_inout_detached(&nonce.into(), aad, buffer).unwrap()
            };
            let expected = [aad, &body, &tag].concat();
            check(&mut sealing, &mut opening, seq, &plain, &expected, name);
            counter = counter.wrapping_add(1);
        }
    }
}

/// OpenSSH PROTOCOL.chacha20poly1305, here with the ChaCha20 of RFC 8439, whose 96 bits of nonce begin with zeros.
#[test]
fn chacha20_poly1305_packets() {
    let row = cipher("chacha20-poly1305@openssh.com");
    let key = bytes(64, 3);
    let (packet_key, length_key) = key.split_at(32);
    let mut sealing = SealingKey::new(row, None, &[], &key, &[]).unwrap();
    let mut opening = OpeningKey::new(row, None, &[], &key, &[]).unwrap();
    for seq in [0, 1, 0x0102_0304, u32::MAX] {
        for len in LENGTHS {
            let plain = plain(len);
            let nonce = [[0; 8].as_slice(), &seq.to_be_bytes()].concat();
            let mut expected = plain.clone();
            let mut length_stream = chacha20::ChaCha20::new_from_slices(length_key, &nonce).unwrap();
            length_stream.apply_keystream(&mut expected[..4]);
            let mut packet_stream = chacha20::ChaCha20::new_from_slices(packet_key, &nonce).unwrap();
            let mut poly1305_key = [0; 32];
            packet_stream.apply_keystream(&mut poly1305_key);
            packet_stream.seek(64);
            packet_stream.apply_keystream(&mut expected[4..]);
            let tag = poly1305::Poly1305::new_from_slice(&poly1305_key).unwrap().compute_unpadded(&expected);
            expected.extend_from_slice(&tag);
            check(&mut sealing, &mut opening, seq, &plain, &expected, row.name);
        }
    }
}

/// Counter mode (RFC 4344 §4), block by block.
struct Counter {
    encrypt: Box<dyn Fn(&mut aes::Block)>,
    counter: u128,
}

impl Counter {
    fn new(key: &[u8], iv: u128) -> Self {
        let encrypt: Box<dyn Fn(&mut aes::Block)> = match key.len() {
            16 => {
                let aes = aes::Aes128::new_from_slice(key).unwrap();
                Box::new(move |block| aes.encrypt_block(block))
            }
            24 => {
                let aes = aes::Aes192::new_from_slice(key).unwrap();
                Box::new(move |block| aes.encrypt_block(block))
            }
            _ => {
                let aes = aes::Aes256::new_from_slice(key).unwrap();
                Box::new(move |block| aes.encrypt_block(block))
            }
        };
        Self { encrypt, counter: iv }
    }

    fn apply(&mut self, bytes: &mut [u8]) {
        assert_eq!(bytes.len() % 16, 0);
        for chunk in bytes.chunks_mut(16) {
            let mut block = aes::Block::from(self.counter.to_be_bytes());
            (self.encrypt)(&mut block);
            chunk.iter_mut().zip(block).for_each(|(to, with)| *to ^= with);
            self.counter = self.counter.wrapping_add(1);
        }
    }
}

/// RFC 4253 §6.4 and OpenSSH PROTOCOL §1.5, with HMAC out of another crate.
#[test]
fn aes_ctr_packets_with_every_mac() {
    // The counter wraps within the test.
    let iv = u128::MAX - 20;
    for row in CIPHERS.iter().filter(|row| !row.aead) {
        for mac in MACS {
            let what = format!("{} {}", row.name, mac.name);
            let (key, mac_key) = (bytes(row.key_len, 5), bytes(mac.key_len, 9));
            let hash = if mac.key_len == 32 { ring::hmac::HMAC_SHA256 } else { ring::hmac::HMAC_SHA512 };
            let hmac = ring::hmac::Key::new(hash, &mac_key);
            let mut stream = Counter::new(&key, iv);
            let iv = iv.to_be_bytes();
            let mut sealing = SealingKey::new(row, Some(mac), &iv, &key, &mac_key).unwrap();
            let mut opening = OpeningKey::new(row, Some(mac), &iv, &key, &mac_key).unwrap();
            for (seq, len) in (u32::MAX - 2..=u32::MAX).chain(0..).zip(LENGTHS) {
                let plain = plain(if mac.etm { len } else { len + 12 });
                let tag_of = |text: &[u8]| ring::hmac::sign(&hmac, &[&seq.to_be_bytes(), text].concat());
                let mut expected = plain.clone();
                if mac.etm {
                    stream.apply(&mut expected[4..]);
                    let tag = tag_of(&expected);
                    expected.extend_from_slice(tag.as_ref());
                } else {
                    let tag = tag_of(&plain);
                    stream.apply(&mut expected);
                    expected.extend_from_slice(tag.as_ref());
                }
                check(&mut sealing, &mut opening, seq, &plain, &expected, &what);
            }
        }
    }
}
