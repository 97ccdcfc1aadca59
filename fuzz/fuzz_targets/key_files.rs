//! Key files of every form, with a passphrase that opens some of them: what was read is written and read again.
#![no_main]

use crypto::SeededRng;
use keys::{Encryption, FileError, KeyFile, Secret, Ssh2PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = Ssh2PublicKey::parse(data) {
        let written = key.to_vec();
        let again = Ssh2PublicKey::parse(&written).expect("what was written can be read");
        assert_eq!((again.key(), again.comment().0), (key.key(), key.comment().0));
        assert_eq!(again.to_vec(), written);
    }
    let plain = KeyFile::parse(data);
    if let Err(FileError::Encrypted { .. }) = plain {
        // Without one it says the same.
        assert!(matches!(KeyFile::read(data, None), Err(FileError::Encrypted { .. })));
    }
    let Ok(read) = plain else { return };
    let public = read.key.public();
    let written = read.write(&mut SeededRng::new(1)).expect("what was read can be written");
    let again = KeyFile::parse(written.expose()).expect("what was written can be read");
    assert_eq!((again.key.public(), &again.comment), (public.clone(), &read.comment));
    assert!(!public.fingerprint().to_string().is_empty());
    let art = public.fingerprint().randomart(public.short_type(), public.bits());
    assert_eq!(art.lines().count(), 11);
    // The cheapest encryption there is.
    if data.len().is_multiple_of(64) {
        let passphrase = Secret::new(b"passphrase".to_vec());
        let encryption = Encryption { rounds: 1, ..Encryption::new(&passphrase) };
        let sealed = read.write_encrypted(&encryption, &mut SeededRng::new(2)).expect("a small file");
        assert!(matches!(KeyFile::parse(sealed.expose()), Err(FileError::Encrypted { .. })));
        let opened = KeyFile::read(sealed.expose(), Some(&passphrase)).expect("the right passphrase");
        assert_eq!(opened.key.public(), public);
        let wrong = Secret::new(b"Passphrase".to_vec());
        assert!(matches!(KeyFile::read(sealed.expose(), Some(&wrong)), Err(FileError::WrongPassphrase)));
    }
});
