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

#[path = "reference/umac.rs"]
mod umac;

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes_gcm::aead::AeadInOut as _;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use nacre_crypto::{CIPHERS, CipherAlg, MACS, MacAlg, OpeningKey, SealingKey};

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

/// What changes bytes in place, one block or many.
type Change = Box<dyn FnMut(&mut [u8])>;

/// CBC mode (RFC 4253 §6.3), block by block.
struct Chain {
    encrypt: Change,
    last: Vec<u8>,
}

impl Chain {
    fn new(key: &[u8], iv: &[u8]) -> Self {
        let encrypt: Change = if iv.len() == 8 {
            // Triple DES out of single DES.
            let [first, second, third] =
                [0, 8, 16].map(|at| des::Des::new_from_slice(&key[at..at + 8]).unwrap());
            Box::new(move |block| {
                let block: &mut aes::cipher::Array<u8, _> = block.try_into().unwrap();
                first.encrypt_block(block);
                second.decrypt_block(block);
                third.encrypt_block(block);
            })
        } else {
            let ecb = Counter::new(key, 0).encrypt;
            Box::new(move |block| ecb(block.try_into().unwrap()))
        };
        Self { encrypt, last: iv.to_vec() }
    }

    fn apply(&mut self, bytes: &mut [u8]) {
        assert_eq!(bytes.len() % self.last.len(), 0);
        for block in bytes.chunks_mut(self.last.len()) {
            block.iter_mut().zip(&self.last).for_each(|(to, with)| *to ^= with);
            (self.encrypt)(block);
            self.last = block.to_vec();
        }
    }
}

/// A cipher that does not authenticate, from one packet to the next.
fn stream(row: &CipherAlg, key: &[u8], iv: &[u8]) -> Change {
    if row.name.ends_with("-cbc") {
        let mut chain = Chain::new(key, iv);
        Box::new(move |bytes| chain.apply(bytes))
    } else {
        let mut counter = Counter::new(key, u128::from_be_bytes(iv.try_into().unwrap()));
        Box::new(move |bytes| counter.apply(bytes))
    }
}

/// A MAC of a packet: HMAC out of another crate, and UMAC as its RFC writes it down.
fn tag_of(mac: &MacAlg, key: &[u8], seq: u32, text: &[u8]) -> Vec<u8> {
    let hash = match mac.name.trim_end_matches("@openssh.com").trim_end_matches("-etm") {
        "hmac-sha1" => ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "hmac-sha2-256" => ring::hmac::HMAC_SHA256,
        "hmac-sha2-512" => ring::hmac::HMAC_SHA512,
        "umac-64" => return umac::tag(key, &u64::from(seq).to_be_bytes(), text, 8),
        "umac-128" => return umac::tag(key, &u64::from(seq).to_be_bytes(), text, 16),
        other => panic!("{other}"),
    };
    let packet = [&seq.to_be_bytes(), text].concat();
    ring::hmac::sign(&ring::hmac::Key::new(hash, key), &packet).as_ref().to_vec()
}

/// RFC 4253 §6.4 and OpenSSH PROTOCOL §1.5.
#[test]
fn packets_of_every_cipher_that_does_not_authenticate_with_every_mac() {
    for row in CIPHERS.iter().filter(|row| !row.aead) {
        for mac in MACS {
            let what = format!("{} {}", row.name, mac.name);
            let (key, mac_key) = (bytes(row.key_len, 5), bytes(mac.key_len, 9));
            // As a counter it wraps within the test.
            let iv = (u128::MAX - 20).to_be_bytes()[16 - row.iv_len..].to_vec();
            let mut encrypt = stream(row, &key, &iv);
            let mut sealing = SealingKey::new(row, Some(mac), &iv, &key, &mac_key).unwrap();
            let mut opening = OpeningKey::new(row, Some(mac), &iv, &key, &mac_key).unwrap();
            for (seq, len) in (u32::MAX - 2..=u32::MAX).chain(0..).zip(LENGTHS) {
                let plain = plain(if mac.etm { len } else { len + 12 });
                let mut expected = plain.clone();
                let tag = if mac.etm {
                    encrypt(&mut expected[4..]);
                    tag_of(mac, &mac_key, seq, &expected)
                } else {
                    encrypt(&mut expected);
                    tag_of(mac, &mac_key, seq, &plain)
                };
                expected.extend_from_slice(&tag);
                check(&mut sealing, &mut opening, seq, &plain, &expected, &what);
            }
        }
    }
}

/// Packets of counter mode may have any length here, so that UMAC meets every length of a chunk's end.
#[test]
fn umac_tags_at_every_length() {
    let row = cipher("aes128-ctr");
    for mac in MACS.iter().filter(|mac| mac.name.starts_with("umac") && !mac.etm) {
        let key = bytes(mac.key_len, 11);
        let mut sealing = SealingKey::new(row, Some(mac), &[0; 16], &[0; 16], &key).unwrap();
        for (seq, len) in (u32::MAX - 1000..=u32::MAX).chain(0..).zip((5..1200).chain(2000..2100)) {
            let text = bytes(len, 29);
            let mut packet = text.clone();
            packet.resize(len + mac.tag_len, 0);
            sealing.seal(seq, &mut packet).unwrap();
            assert_eq!(packet[len..], tag_of(mac, &key, seq, &text), "{} {len}", mac.name);
        }
    }
}
