//! Signatures by every algorithm over any key blob: nobody but the owner of the key makes a good one.
#![no_main]

use std::sync::LazyLock;

use crypto::SeededRng;
use keys::{Curve, NewKey, PrivateKey, SIGNATURES, SignatureAlg, verify};
use libfuzzer_sys::fuzz_target;

/// An algorithm, the blob of a key, and what the key signed by it.
type Owned = (&'static SignatureAlg, Vec<u8>, Vec<u8>);

/// A key for each algorithm that can be had without a long search.
static OWNED: LazyLock<Vec<Owned>> = LazyLock::new(|| {
    let mut rng = SeededRng::new(3);
    let mut owned = Vec::new();
    for kind in KINDS {
        let key: PrivateKey = PrivateKey::generate_of(*kind, &mut rng).expect("seeded");
        for algorithm in key.algorithms() {
            let signature = key.sign(algorithm, b"data").expect("its own algorithm");
            owned.push((algorithm, key.public().blob(), signature));
        }
    }
    owned
});

/// The kinds of keys.
const KINDS: &[NewKey] = &[
    NewKey::Ed25519,
    NewKey::Ecdsa(Curve::NistP256),
    NewKey::Ecdsa(Curve::NistP384),
    NewKey::Ecdsa(Curve::NistP521),
    NewKey::MlDsa44Ed25519,
];

fuzz_target!(|data: &[u8]| {
    let [choice, cut, bytes @ ..] = data else { return };
    // Any blob, and any signature.
    let row = &SIGNATURES[usize::from(*choice) % SIGNATURES.len()];
    let (blob, signature) = bytes.split_at(bytes.len().min(usize::from(*cut) * 4));
    if let Ok(verified) = verify(row, blob, b"data", signature) {
        // Only what the seeds hold, which a fuzzer cannot make but can repeat.
        assert_eq!((verified.algorithm().name, verified.identity().blob()), (row.name, blob.to_vec()));
        assert!(verify(row, blob, b"Data", signature).is_err());
    }
    // A real key and a good signature that is damaged.
    let (algorithm, blob, good) = &OWNED[usize::from(*choice) % OWNED.len()];
    let mut damaged = good.clone();
    for (place, byte) in
        bytes.chunks_exact(3).map(|chunk| (usize::from(chunk[0]) << 8 | usize::from(chunk[1]), chunk[2]))
    {
        let length = damaged.len();
        damaged[place % length] ^= byte;
    }
    damaged.truncate(good.len().saturating_sub(usize::from(*cut) / 128));
    let accepted = verify(algorithm, blob, b"data", &damaged).is_ok();
    // An ECDSA signature has a second form, with the other s; nothing that short a damage comes upon.
    assert_eq!(accepted, damaged == *good, "a damaged signature");
    assert!(verify(algorithm, blob, b"Data", good).is_err());
});
