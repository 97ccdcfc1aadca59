//! The hashes that the exchanges are hashed with.

use nacre_crypto::{HashAlg, Hasher};

/// FIPS 180-4's one-block example, "abc", as its authors publish it; it also shows that clones go on by themselves.
#[test]
fn hashes_of_abc() {
    let expected: [(HashAlg, &str); 4] = [
        (HashAlg::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (HashAlg::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            HashAlg::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlg::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (alg, expected) in expected {
        let mut hasher = Hasher::new(alg);
        hasher.update(b"a");
        let mut other = hasher.clone();
        hasher.update(b"bc");
        wire::Sink::put(&mut other, b"b");
        let digest = hasher.finish();
        let hex: String = digest.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(digest.as_slice().len(), alg.output_len());
        assert!(digest.ct_eq(alg.digest(b"abc").as_ref()));
        assert!(!digest.ct_eq(other.finish().as_slice()));
    }
}
