//! Bugs that SSH implementations have shipped with and that keys and signatures can have, each with the rule that
//! keeps it out. Other rooms have their own such file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use nacre_keys::{
    Ed25519PublicKey, FileError, Identity, KeyError, KeyFile, KeyLine, LineError, PrivateKey, PublicKey,
    Signature, SignatureAlg, VerifyError, verify,
};
use wire::{WireError, put_string, put_u32};

const DATA: &[u8] = b"session and request";

fn ed25519() -> &'static SignatureAlg {
    SignatureAlg::by_name("ssh-ed25519").unwrap()
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        put_string(&mut out, part);
    }
    out
}

/// Panic as denial of service: a key or signature of a wrong length reached code that indexed it (x/crypto
/// CVE-2020-9283 and its kin).
#[test]
fn a_key_or_signature_of_any_wrong_length_is_an_error() {
    let key = PrivateKey::from_seed(&[1; 32]);
    let signature = key.sign(ed25519(), DATA).unwrap();
    for length in (0..=130).filter(|length| *length != 32) {
        let blob = strings(&[b"ssh-ed25519", &vec![1; length]]);
        let error = KeyError::WrongLength { expected: 32, got: length };
        assert_eq!(verify(ed25519(), &blob, DATA, &signature), Err(VerifyError::Key(error)));
    }
    for length in (0..=130).filter(|length| *length != 64) {
        let blob = strings(&[b"ssh-ed25519", &vec![1; length]]);
        let error = VerifyError::WrongLength { expected: 64, got: length };
        assert_eq!(verify(ed25519(), &key.public().blob(), DATA, &blob), Err(error));
    }
}

/// Allocation that trusts a length (russh GHSA-vgvv): a length near 4 GiB is only ever compared with what is there.
#[test]
fn a_length_near_four_gibibytes_is_truncation() {
    let mut blob = strings(&[b"ssh-ed25519"]);
    put_u32(&mut blob, u32::MAX);
    let truncated = WireError::Truncated { needed: 0xffff_ffff, left: 0 };
    assert_eq!(PublicKey::parse(&blob), Err(KeyError::Malformed(truncated)));
    assert_eq!(Signature::parse(&blob), Err(truncated));
    put_u32(&mut blob, 0);
    assert_eq!(
        PublicKey::type_of(&blob[15..]).unwrap_err(),
        KeyError::Malformed(WireError::Truncated { needed: 0xffff_ffff, left: 4 })
    );
}

/// Signature confusion: what an attacker may choose (the name in the signature, the type in the key) never chooses how
/// the signature is checked. Every mix but the honest one is refused, and each is refused before curve arithmetic.
#[test]
fn neither_the_key_nor_the_signature_chooses_the_algorithm() {
    let key = PrivateKey::from_seed(&[1; 32]);
    let PublicKey::Ed25519(point) = key.public() else { panic!("another type") };
    let signature = key.sign(ed25519(), DATA).unwrap();
    let bytes = Signature::parse(&signature).unwrap().bytes;
    let names: [&[u8]; 6] = [
        b"ssh-ed25519",
        b"ssh-ed25519-cert-v01@openssh.com",
        b"sk-ssh-ed25519@openssh.com",
        b"ssh-rsa",
        b"rsa-sha2-256",
        b"null",
    ];
    for key_type in names {
        for algorithm in names {
            let key_blob = strings(&[key_type, point.as_bytes()]);
            let result = verify(ed25519(), &key_blob, DATA, &strings(&[algorithm, bytes]));
            match (key_type == names[0], algorithm == names[0]) {
                (true, true) => assert_eq!(result.unwrap().key(), &key.public()),
                (true, false) => {
                    assert_eq!(result, Err(VerifyError::WrongAlgorithm { declared: "ssh-ed25519" }))
                }
                (false, _) => assert!(matches!(result, Err(VerifyError::WrongKeyType { .. }))),
            }
        }
    }
}

/// Offered key is not the used key (CVE-2024-45337): the proof holds the very key that verified, whatever was named
/// before.
#[test]
fn the_proof_carries_the_key_that_verified() {
    let (mine, victim) = (PrivateKey::from_seed(&[1; 32]), PrivateKey::from_seed(&[2; 32]));
    let signature = mine.sign(ed25519(), DATA).unwrap();
    let proof = verify(ed25519(), &mine.public().blob(), DATA, &signature).unwrap();
    assert_eq!(proof.into_identity(), Identity::Key(mine.public()));
    assert_eq!(verify(ed25519(), &victim.public().blob(), DATA, &signature), Err(VerifyError::BadSignature));
}

/// Weak public values: the key of zeros and its kin, for which signatures can be made by anybody.
#[test]
fn nobody_can_log_in_with_a_key_of_small_order() {
    for (y, sign) in [(0, 0), (0, 0x80), (1, 0), (1, 0x80)] {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes[31] = sign;
        let blob = PublicKey::Ed25519(Ed25519PublicKey::from_bytes(bytes)).blob();
        let mut forged = [0; 64];
        forged[..32].copy_from_slice(&bytes);
        let forged = strings(&[b"ssh-ed25519", &forged]);
        assert_eq!(verify(ed25519(), &blob, DATA, &forged), Err(VerifyError::BadKey));
    }
}

/// NUL truncation: a name is its whole string.
#[test]
fn a_name_with_a_nul_is_no_name() {
    let PublicKey::Ed25519(point) = PrivateKey::from_seed(&[1; 32]).public() else { panic!("another type") };
    for name in [&b"ssh-ed25519\0"[..], b"ssh-ed25519\0-cert"] {
        let bad = WireError::BadName;
        assert_eq!(PublicKey::parse(&strings(&[name, point.as_bytes()])), Err(KeyError::Malformed(bad)));
        assert_eq!(Signature::parse(&strings(&[name, &[0; 64]])), Err(bad));
    }
}

/// Certificate confusion: a certificate is no plain key, by whichever door it comes.
#[test]
fn a_certificate_is_not_taken_for_a_key() {
    let cert = strings(&[b"ssh-ed25519-cert-v01@openssh.com", &[0; 32], &[1; 32]]);
    assert_eq!(PublicKey::parse(&cert), Err(KeyError::UnknownType));
    let mut text = String::from("ssh-ed25519-cert-v01@openssh.com ");
    text.push_str(&<base64ct::Base64 as base64ct::Encoding>::encode_string(&cert));
    assert_eq!(KeyLine::parse(text.as_bytes()), Err(LineError::Key(KeyError::UnknownType)));
    let lying = text.replacen("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1);
    assert_eq!(KeyLine::parse(lying.as_bytes()), Err(LineError::TypeMismatch));
}

/// Injection: a comment comes from whoever made the key. It cannot begin a line of its own, and what shows it escapes
/// it.
#[test]
fn a_comment_cannot_forge_a_line_or_drive_a_terminal() {
    let key = PrivateKey::from_seed(&[1; 32]).public();
    let forged = b"me\nssh-ed25519 AAAA mallory";
    assert_eq!(KeyLine::new(key.clone(), forged), Err(LineError::BadComment));
    let line = KeyLine::new(key, b"me\x1b[2J").unwrap();
    assert_eq!(line.comment().to_string(), "me\\x1b[2J");
}

/// Unbounded work: a file is not searched further than its limit, and names in errors are as short as names are.
#[test]
fn a_hostile_key_file_costs_no_more_than_its_size() {
    let begin = b"-----BEGIN OPENSSH PRIVATE KEY-----\n".to_vec();
    let dashes = [begin, b"-----END OPENSSH PRIVATE KEY".repeat(2000)].concat();
    assert_eq!(
        KeyFile::parse(&dashes[..nacre_keys::limits::FILE_MAX.min(dashes.len())]).unwrap_err(),
        FileError::NoArmour
    );
    assert_eq!(KeyFile::parse(&vec![b'-'; 1 << 20]).unwrap_err(), FileError::TooLarge);
}

/// Secrets in logs: whatever holds a private key prints only what may be known.
#[test]
fn a_key_file_prints_no_secret() {
    let file =
        KeyFile { key: PrivateKey::from_seed(b"NACRE-SEED-NACRE-SEED-NACRE-SEED"), comment: Vec::new() };
    let shown = format!("{file:?}");
    assert!(shown.contains("SHA256:") && !shown.contains("NACRE"));
    // Nor as a list of numbers, which is how Debug shows bytes.
    assert!(!shown.contains("78, 65, 67"));
}
