//! RSA keys that are larger than those of `ring`: what openssl signed with them, and what is signed here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use base64ct::{Base64, Encoding};
use fixtures::part;
use nacre_keys::{KeyFile, KeyLine, PublicKey, SignatureAlg, VerifyError, verify};
use wire::put_string;

const LARGE: &str = include_str!("data/rsa-large.txt");
const ALGORITHMS: [&str; 3] = ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"];

/// The key of so many bits, and its signatures of `data` by each of the algorithms.
fn key(bits: usize) -> (PublicKey, Vec<Vec<u8>>) {
    let mut lines = part(LARGE, &bits.to_string()).lines();
    let key = KeyLine::parse(lines.next().unwrap().as_bytes()).unwrap().into_key();
    (key, lines.map(|line| Base64::decode_vec(line).unwrap()).collect())
}

fn result(key: &PublicKey, name: &str, data: &[u8], bytes: &[u8]) -> Result<(), VerifyError> {
    let algorithm = SignatureAlg::by_name(name).unwrap();
    let mut blob = Vec::new();
    put_string(&mut blob, name.as_bytes());
    put_string(&mut blob, bytes);
    verify(algorithm, &key.blob(), data, &blob).map(|proven| assert_eq!(proven.key(), key))
}

#[test]
fn a_key_that_is_accepted_can_be_proven_whatever_its_size() {
    for bits in [8196, 16384] {
        let (key, signatures) = key(bits);
        assert_eq!((key.bits(), signatures.len()), (bits, ALGORITHMS.len()));
        for (name, signature) in ALGORITHMS.into_iter().zip(&signatures) {
            assert_eq!(result(&key, name, b"data", signature), Ok(()), "{bits} {name}");
            assert_eq!(result(&key, name, b"date", signature), Err(VerifyError::BadSignature));
        }
        assert_eq!(result(&key, ALGORITHMS[1], b"data", &signatures[2]), Err(VerifyError::BadSignature));
    }
}

#[test]
fn a_signature_of_a_large_key_has_one_form() {
    let (key, signatures) = key(8196);
    let PublicKey::Rsa(rsa) = &key else { panic!("an RSA key") };
    let (name, good) = (ALGORITHMS[2], &signatures[2]);
    let bad = |bytes: &[u8]| assert_eq!(result(&key, name, b"data", bytes), Err(VerifyError::BadSignature));
    for at in [0, 1, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        bad(&changed);
    }
    // The same number modulo the modulus, for which there is room in the first byte.
    let mut carry = 0;
    let mut sum = good.clone();
    for (byte, more) in sum.iter_mut().zip(rsa.modulus()).rev() {
        let total = u16::from(*byte) + u16::from(*more) + carry;
        (*byte, carry) = (total.to_be_bytes()[1], total >> 8);
    }
    assert_eq!(carry, 0);
    bad(&sum);
    bad(rsa.modulus());
    bad(&[]);
    let long = [&[0][..], good].concat();
    let wrong = VerifyError::WrongLength { expected: 1025, got: 1026 };
    assert_eq!(result(&key, name, b"data", &long), Err(wrong));
}

#[test]
fn a_large_private_key_signs_as_openssl_does() {
    let file = KeyFile::parse(part(LARGE, "8196 private").as_bytes()).unwrap();
    let (public, signatures) = key(8196);
    assert_eq!(file.key.public(), public);
    let algorithm = SignatureAlg::by_name(ALGORITHMS[1]).unwrap();
    let made = file.key.sign(algorithm, b"data").unwrap();
    assert!(made.ends_with(&signatures[1]));
    assert!(verify(algorithm, &public.blob(), b"data", &made).is_ok());
}
