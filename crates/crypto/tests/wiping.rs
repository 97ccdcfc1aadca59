//! What the crates below promise to wipe when it is dropped. Each promise hangs on a cargo feature, and without it this
//! file does not compile.

use zeroize::ZeroizeOnDrop;

/// Only types that wipe themselves can be named here.
fn wipes<T: ZeroizeOnDrop>() -> usize {
    size_of::<T>()
}

#[test]
fn types_that_hold_secrets_wipe_themselves() {
    // HMAC does not say so of itself, but consists of what the hashes consist of.
    let sizes = [
        wipes::<sha1::Sha1>(),
        wipes::<sha2::Sha256>(),
        wipes::<sha2::Sha384>(),
        wipes::<sha2::Sha512>(),
        wipes::<ctr::Ctr128BE<aes::Aes128Enc>>(),
        wipes::<ctr::Ctr128BE<aes::Aes192Enc>>(),
        wipes::<ctr::Ctr128BE<aes::Aes256Enc>>(),
        wipes::<aes::Aes128Enc>(),
        wipes::<aes::Aes192Enc>(),
        wipes::<aes::Aes256Enc>(),
        wipes::<aes::Aes128Dec>(),
        wipes::<aes::Aes192Dec>(),
        wipes::<aes::Aes256Dec>(),
        wipes::<des::TdesEde3>(),
        wipes::<chacha20::ChaCha20Legacy>(),
        wipes::<chacha20::ChaCha20Rng>(),
        wipes::<x25519_dalek::StaticSecret>(),
        wipes::<x25519_dalek::SharedSecret>(),
    ];
    assert!(sizes.iter().all(|size| *size > 0));
}
