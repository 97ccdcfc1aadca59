//! Keys, signatures and the files and lines they stand in: what is understood has one encoding, and is written in it.
#![no_main]

use crypto::SeededRng;
use keys::{Identity, KeyFile, KeyLine, PublicKey, SIGNATURES, SignError, Signature, SignatureAlg, verify};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::payload;

/// The armour and base64 of an `openssh-key-v1` file, so that the input is what stands in it.
fn armoured(document: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut file = b"-----BEGIN OPENSSH PRIVATE KEY-----\n".to_vec();
    for chunk in document.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(bits);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            file.push(if place <= chunk.len() { letter } else { b'=' });
        }
    }
    file.extend_from_slice(b"\n-----END OPENSSH PRIVATE KEY-----\n");
    file
}

fn file(text: &[u8]) {
    let Ok(read) = KeyFile::parse(text) else { return };
    let written = read.write(&mut SeededRng::new(1)).expect("what was read can be written");
    let again = KeyFile::parse(written.expose()).expect("what was written can be read");
    assert_eq!((again.key.public(), &again.comment), (read.key.public(), &read.comment));
    let rewritten = again.write(&mut SeededRng::new(1)).expect("what was read can be written");
    assert_eq!(written.expose(), rewritten.expose());
    // The key works, unless it is in a device, or made of numbers that are no primes.
    let algorithm = read.key.algorithms().next().expect("a key has an algorithm");
    match read.key.sign(algorithm, b"data") {
        Ok(signature) => assert!(verify(algorithm, &read.key.public().blob(), b"data", &signature).is_ok()),
        Err(SignError::NeedsDevice | SignError::Unusable { .. }) => {}
        Err(SignError::WrongKeyType { .. }) => panic!("its own algorithm"),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, bytes)) = data.split_first() else { return };
    match mode % 5 {
        0 => {
            if let Ok(key) = PublicKey::parse(bytes) {
                assert_eq!(key.blob(), bytes);
                assert_eq!(
                    PublicKey::type_of(bytes).map(|name| name.as_str().to_owned()),
                    Ok(key.key_type().to_owned())
                );
                let _ = key.fingerprint().to_string();
                let line = key.to_string();
                assert_eq!(KeyLine::parse(line.as_bytes()).map(KeyLine::into_key), Ok(key.clone()));
                assert_eq!(Identity::parse(bytes), Ok(Identity::Key(key)));
            }
            // No key verifies a signature that nobody made.
            for algorithm in SIGNATURES.iter().filter(|row| row.name != "ssh-ed25519") {
                assert!(verify(algorithm, bytes, b"data", bytes).is_err());
            }
        }
        1 => {
            if let Ok(line) = KeyLine::parse(bytes) {
                let written = line.to_vec();
                assert!(written.len() <= bytes.len());
                assert_eq!(KeyLine::parse(&written), Ok(line));
            }
        }
        2 => file(bytes),
        3 => file(&armoured(bytes)),
        _ => {
            if let Ok(signature) = Signature::parse(bytes) {
                assert_eq!(payload(&signature), bytes);
                let key = nacre_fuzz::host_key();
                let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
                let honest = key.sign(algorithm, b"data").expect("a key of that type");
                let good = verify(algorithm, &key.public().blob(), b"data", bytes).is_ok();
                assert_eq!(good, honest == bytes, "a signature has one form");
            }
        }
    }
});
