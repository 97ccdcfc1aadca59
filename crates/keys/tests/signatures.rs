//! What `verify` refuses, and why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crypto::HashAlg;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{SigningKey, Verifier, VerifyingKey};
use nacre_keys::{
    Ed25519PublicKey, KeyError, NULL_SIGNATURE, PrivateKey, PublicKey, Signature, SignatureAlg, VerifyError,
    limits, verify,
};
use proptest::prelude::*;
use wire::{Encode, Name, WireError, put_string};

const DATA: &[u8] = b"what is signed";

/// L, the order of the base point (RFC 8032 §5.1), least significant byte first.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn ed25519() -> &'static SignatureAlg {
    SignatureAlg::by_name("ssh-ed25519").unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[3; 32])
}

fn blob(algorithm: &str, bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, algorithm.as_bytes());
    put_string(&mut blob, bytes);
    blob
}

/// The 64 bytes of a good signature over `DATA`.
fn good() -> Vec<u8> {
    Signature::parse(&key().sign(ed25519(), DATA).unwrap()).unwrap().bytes.to_vec()
}

fn refusal(signature: &[u8]) -> VerifyError {
    verify(ed25519(), &key().public().blob(), DATA, signature).unwrap_err()
}

#[test]
fn a_good_signature_is_of_this_data_by_this_key() {
    let signature = blob("ssh-ed25519", &good());
    assert!(verify(ed25519(), &key().public().blob(), DATA, &signature).is_ok());
    let other = PrivateKey::from_seed(&[4; 32]).public().blob();
    assert_eq!(verify(ed25519(), &other, DATA, &signature), Err(VerifyError::BadSignature));
    let longer = [DATA, b"."].concat();
    let key = key().public().blob();
    assert_eq!(verify(ed25519(), &key, &longer, &signature), Err(VerifyError::BadSignature));
    assert_eq!(verify(ed25519(), &key, b"", &signature), Err(VerifyError::BadSignature));
}

#[test]
fn a_signature_that_names_another_algorithm_is_refused_whatever_its_bytes() {
    for name in
        ["ssh-rsa", "rsa-sha2-512", "sk-ssh-ed25519@openssh.com", "ssh-ed25519-cert-v01@openssh.com", "null"]
    {
        let error = refusal(&blob(name, &good()));
        assert_eq!(error, VerifyError::WrongAlgorithm { declared: "ssh-ed25519" }, "{name}");
    }
    // Names are compared as they are: no case, no prefix.
    for name in ["SSH-ED25519", "ssh-ed2551", "ssh-ed25519x"] {
        let error = refusal(&blob(name, &good()));
        assert_eq!(error, VerifyError::WrongAlgorithm { declared: "ssh-ed25519" }, "{name}");
    }
}

#[test]
fn a_signature_ends_with_its_last_byte() {
    let good = blob("ssh-ed25519", &good());
    let longer = [&good[..], &[0]].concat();
    assert_eq!(refusal(&longer), VerifyError::Malformed(WireError::Trailing { left: 1 }));
    assert_eq!(
        refusal(&good[..good.len() - 1]),
        VerifyError::Malformed(WireError::Truncated { needed: 64, left: 63 })
    );
    assert_eq!(refusal(&[]), VerifyError::Malformed(WireError::Truncated { needed: 4, left: 0 }));
    let huge = vec![0; limits::BLOB_MAX + 1];
    assert_eq!(refusal(&huge), VerifyError::Malformed(WireError::TooLong { limit: limits::BLOB_MAX }));
}

#[test]
fn the_bytes_of_a_signature_are_sixty_four() {
    let good = good();
    for bytes in [&good[..63], &[&good[..], &[0]].concat(), &[], &good[..32], &good.repeat(2)] {
        let error = VerifyError::WrongLength { expected: 64, got: bytes.len() };
        assert_eq!(refusal(&blob("ssh-ed25519", bytes)), error);
    }
}

#[test]
fn a_signature_has_one_form_s_is_below_l() {
    let mut bytes = good();
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert_eq!(refusal(&blob("ssh-ed25519", &bytes)), VerifyError::BadSignature);
}

#[test]
fn a_key_of_small_order_verifies_nothing() {
    // s = 0 and R = the neutral element: what a sloppy verifier takes from such a key for any data.
    let mut forged = [0; 64];
    forged[0] = 1;
    let mut sloppy = 0;
    for point in EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        let key = PublicKey::Ed25519(Ed25519PublicKey::from_bytes(bytes));
        let result = verify(ed25519(), &key.blob(), DATA, &blob("ssh-ed25519", &forged));
        assert_eq!(result, Err(VerifyError::BadKey));
        let lenient = VerifyingKey::from_bytes(&bytes).unwrap();
        sloppy += usize::from(lenient.verify(DATA, &ed25519_dalek::Signature::from_bytes(&forged)).is_ok());
    }
    assert!(sloppy > 0, "the forgery has to be one");
}

#[test]
fn an_r_of_small_order_is_refused() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let r = EIGHT_TORSION[0].compress().to_bytes();
    let input = [&r[..], key.verifying_key().as_bytes(), DATA].concat();
    let hash: [u8; 64] = HashAlg::Sha512.digest(&input).as_slice().try_into().unwrap();
    let s = Scalar::from_bytes_mod_order_wide(&hash) * key.to_scalar();
    let bytes = [r, s.to_bytes()].concat();
    let signature = ed25519_dalek::Signature::from_slice(&bytes).unwrap();
    assert!(key.verifying_key().verify(DATA, &signature).is_ok(), "the equation has to hold");
    assert_eq!(refusal(&blob("ssh-ed25519", &bytes)), VerifyError::BadSignature);
}

#[test]
fn a_key_has_one_encoding_and_is_a_point() {
    let signature = blob("ssh-ed25519", &good());
    let mut points = 0;
    // y = p + n for all n that 255 bits can hold, with both signs of x.
    for n in 0..19 {
        for sign in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + n;
            bytes[31] = sign;
            points += usize::from(VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()));
            let key = PublicKey::Ed25519(Ed25519PublicKey::from_bytes(bytes)).blob();
            assert_eq!(verify(ed25519(), &key, DATA, &signature), Err(VerifyError::BadKey), "{n}");
        }
    }
    assert!(points > 0, "some of them have to be points of full order under another encoding");
    let mut bytes = [0; 32];
    bytes[0] = 2;
    let no_point = PublicKey::Ed25519(Ed25519PublicKey::from_bytes(bytes)).blob();
    assert_eq!(verify(ed25519(), &no_point, DATA, &signature), Err(VerifyError::BadKey));
}

#[test]
fn a_key_of_another_type_is_refused_before_it_is_parsed() {
    let signature = blob("ssh-ed25519", &good());
    let error = VerifyError::WrongKeyType { algorithm: "ssh-ed25519", expected: "ssh-ed25519" };
    for key_type in
        ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-ed25519-cert-v01@openssh.com"]
    {
        // The rest of the blob is that of our key, so nothing but the type speaks against it.
        let mut other = Vec::new();
        put_string(&mut other, key_type.as_bytes());
        other.extend_from_slice(&key().public().blob()[15..]);
        assert_eq!(verify(ed25519(), &other, DATA, &signature), Err(error), "{key_type}");
    }
}

#[test]
fn a_malformed_key_is_named_as_what_it_is() {
    let signature = blob("ssh-ed25519", &good());
    let good = key().public().blob();
    let cut = &good[..good.len() - 1];
    let truncated = KeyError::Malformed(WireError::Truncated { needed: 32, left: 31 });
    assert_eq!(verify(ed25519(), cut, DATA, &signature), Err(VerifyError::Key(truncated)));
    let longer = [&good[..], &[0]].concat();
    let trailing = KeyError::Malformed(WireError::Trailing { left: 1 });
    assert_eq!(verify(ed25519(), &longer, DATA, &signature), Err(VerifyError::Key(trailing)));
    let long = blob("ssh-ed25519", &[9; 33]);
    let length = KeyError::WrongLength { expected: 32, got: 33 };
    assert_eq!(verify(ed25519(), &long, DATA, &signature), Err(VerifyError::Key(length)));
}

#[test]
fn the_null_signature_proves_nothing_and_is_no_signature_of_a_real_algorithm() {
    let key = key();
    let null = key.sign(&NULL_SIGNATURE, DATA).unwrap();
    assert_eq!(null, blob("null", b""));
    assert!(verify(&NULL_SIGNATURE, &key.public().blob(), b"anything", &null).is_ok());
    let error = VerifyError::WrongAlgorithm { declared: "ssh-ed25519" };
    assert_eq!(verify(ed25519(), &key.public().blob(), DATA, &null), Err(error));
    let real = key.sign(ed25519(), DATA).unwrap();
    let error = VerifyError::WrongAlgorithm { declared: "null" };
    assert_eq!(verify(&NULL_SIGNATURE, &key.public().blob(), DATA, &real), Err(error));
    let error = VerifyError::WrongLength { expected: 0, got: 1 };
    assert_eq!(verify(&NULL_SIGNATURE, &key.public().blob(), DATA, &blob("null", b"x")), Err(error));
}

proptest! {
    #[test]
    fn any_other_byte_anywhere_in_a_signature_is_refused(at in 0_usize..83, flip in 1_u8..) {
        let mut signature = key().sign(ed25519(), DATA).unwrap();
        prop_assert_eq!(signature.len(), 83);
        signature[at] ^= flip;
        prop_assert!(verify(ed25519(), &key().public().blob(), DATA, &signature).is_err());
    }

    #[test]
    fn no_bytes_make_verify_panic_or_accept(key in any::<Vec<u8>>(), data in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        prop_assert!(verify(ed25519(), &key, &data, &signature).is_err());
        let key = PublicKey::Ed25519(Ed25519PublicKey::from_bytes([5; 32])).blob();
        prop_assert!(verify(ed25519(), &key, &data, &blob("ssh-ed25519", &signature)).is_err());
    }

    #[test]
    fn a_signature_blob_comes_out_as_it_went_in(name in "[!-+\\--~]{1,64}", bytes in any::<Vec<u8>>()) {
        let signature = Signature { algorithm: Name::new(&name).unwrap(), bytes: &bytes, rest: &[] };
        let mut encoded = Vec::new();
        signature.encode(&mut encoded);
        prop_assert_eq!(&encoded, &blob(&name, &bytes));
        prop_assert_eq!(Signature::parse(&encoded), Ok(signature));
    }
}
