use std::collections::BTreeMap;

use crypto::SeededRng;
use nacre_keys::{KeyFile, PrivateKey, PublicKey, SignError, SignatureAlg, VerifyError, verify};

use crate::cases::{cases, unhex};

/// Whether the build knows the type of a key or an algorithm.
fn known(case: &BTreeMap<&str, &str>) -> bool {
    cfg!(feature = "mldsa") || !case["case"].contains("mldsa")
}

/// How many of the cases were run.
fn verified(text: &'static str, count: usize) -> usize {
    let cases = cases(text);
    let mut run = 0;
    for case in cases.iter().filter(|case| known(case)) {
        let algorithm = SignatureAlg::by_name(case["algorithm"]).unwrap();
        let [key, data, signature] = ["key", "data", "signature"].map(|field| unhex(case[field]));
        let proof = verify(algorithm, &key, &data, &signature);
        let proof = proof.unwrap_or_else(|error| panic!("{}: {error}", case["case"]));
        assert_eq!(proof.identity().blob(), key);
        match proof.assertion() {
            Some(assertion) => {
                assert!(assertion.user_present && assertion.counter > 0, "{}", case["case"]);
                assert!(algorithm.plain.starts_with("sk-"), "{}", case["case"]);
            }
            None => assert!(!algorithm.plain.starts_with("sk-"), "{}", case["case"]),
        }
        let other = [&data[..], b"."].concat();
        let error = verify(algorithm, &key, &other, &signature).unwrap_err();
        let browser = algorithm.name.starts_with("webauthn-");
        assert_eq!(error, if browser { VerifyError::BadClientData } else { VerifyError::BadSignature });
        // No byte of a signature may be another one. Of the longest only some are tried.
        for at in (0..signature.len()).step_by(1 + signature.len() / 600) {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(verify(algorithm, &key, &data, &changed).is_err(), "{} {at}", case["case"]);
        }
        assert!(verify(algorithm, &key, &data, &[&signature[..], &[0]].concat()).is_err());
        run += 1;
    }
    assert_eq!(cases.len(), count);
    assert!(run > 0);
    run
}

#[test]
fn signatures_of_openssh_s_tests_verify() {
    let run = verified(include_str!("../../../../vectors/openssh-sshsig.txt"), 6);
    println!("vectors: openssh-sshsig {run} run");
}

#[test]
fn signatures_of_openssh_10_6_verify() {
    let run = verified(include_str!("../../../../vectors/openssh-10.6-signatures.txt"), 5);
    println!("vectors: openssh-10.6-signatures {run} run");
}

#[test]
fn private_keys_of_openssh_are_read_and_written_as_they_were() {
    let cases = cases(include_str!("../../../../vectors/openssh-private-keys.txt"));
    let mut run = 0;
    for case in cases.iter().filter(|case| known(case)) {
        let name = case["case"];
        let file = KeyFile::parse(&unhex(case["file"])).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.key.public().to_string(), case["public"], "{name}");
        assert_eq!(file.key.public().fingerprint().to_string(), case["fingerprint"], "{name}");
        assert_eq!(PublicKey::parse(&file.key.public().blob()).unwrap(), file.key.public());
        let written = file.write(&mut SeededRng::new(1)).unwrap();
        let again = KeyFile::parse(written.expose()).unwrap();
        assert!(again.key.fields().ct_eq(file.key.fields().expose()), "{name}");
        assert_eq!(again.comment, file.comment);
        for algorithm in file.key.algorithms() {
            match (&file.key, file.key.sign(algorithm, b"data")) {
                (PrivateKey::SkEd25519(_) | PrivateKey::SkEcdsa(_), signature) => {
                    assert_eq!(signature, Err(SignError::NeedsDevice), "{name}");
                }
                (_, signature) => {
                    let key = file.key.public().blob();
                    assert!(verify(algorithm, &key, b"data", &signature.unwrap()).is_ok(), "{name}");
                }
            }
        }
        run += 1;
    }
    println!("vectors: openssh-private-keys {run} run");
    assert_eq!(cases.len(), 11);
    assert!(run > 0);
}

/// PKCS #1 v1.5 has no randomness, so two signers of one key make one signature.
#[test]
fn an_rsa_signature_is_the_one_that_openssh_makes() {
    let files = cases(include_str!("../../../../vectors/openssh-private-keys.txt"));
    let signatures = cases(include_str!("../../../../vectors/openssh-10.6-signatures.txt"));
    let [file, made] = [&files, &signatures]
        .map(|cases| cases.iter().find(|case| case["case"] == "ssh-keygen rsa").unwrap());
    let key = KeyFile::parse(&unhex(file["file"])).unwrap().key;
    assert_eq!(key.public().blob(), unhex(made["key"]));
    let algorithm = SignatureAlg::by_name(made["algorithm"]).unwrap();
    assert_eq!(key.sign(algorithm, &unhex(made["data"])).unwrap(), unhex(made["signature"]));
}
