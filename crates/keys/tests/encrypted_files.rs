//! openssh-key-v1 with a passphrase: every cipher that ssh-keygen has, read and written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use base64ct::{Base64, Encoding};
use crypto::{NoEntropy, Rng, Secret, SeededRng};
use fixtures::{part, parts};
use nacre_keys::{
    Encryption, FileCipher, FileError, KeyFile, KeyLine, PrivateKey, PublicKey, WriteError, limits,
};
use proptest::prelude::*;

const PUBLIC: &str = include_str!("data/public.txt");
const PLAIN: &str = include_str!("data/openssh-none.txt");
const GCM: &str = include_str!("data/openssh-aes256-gcm.txt");
const CTR: &str = include_str!("data/openssh-aes256-ctr.txt");
const CBC: &str = include_str!("data/openssh-aes256-cbc.txt");

/// The files of each cipher.
const ENCRYPTED: [(FileCipher, &str); 10] = [
    (FileCipher::Aes128Ctr, include_str!("data/openssh-aes128-ctr.txt")),
    (FileCipher::Aes192Ctr, include_str!("data/openssh-aes192-ctr.txt")),
    (FileCipher::Aes256Ctr, CTR),
    (FileCipher::Aes128Cbc, include_str!("data/openssh-aes128-cbc.txt")),
    (FileCipher::Aes192Cbc, include_str!("data/openssh-aes192-cbc.txt")),
    (FileCipher::Aes256Cbc, CBC),
    (FileCipher::Aes128Gcm, include_str!("data/openssh-aes128-gcm.txt")),
    (FileCipher::Aes256Gcm, GCM),
    (FileCipher::TripleDesCbc, include_str!("data/openssh-3des-cbc.txt")),
    (FileCipher::ChaCha20Poly1305, include_str!("data/openssh-chacha20-poly1305.txt")),
];

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";

fn passphrase() -> Secret {
    Secret::copy_of(b"passphrase")
}

fn public(name: &str) -> (PublicKey, String) {
    let line = KeyLine::parse(part(PUBLIC, name).lines().next().unwrap().as_bytes()).unwrap();
    (line.key().clone(), line.comment().to_string())
}

fn read(file: &str, passphrase: &[u8]) -> Result<KeyFile, FileError> {
    KeyFile::read(file.as_bytes(), Some(&Secret::copy_of(passphrase)))
}

/// The file with what its armour holds changed.
fn changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let text: String = file.lines().filter(|line| !line.starts_with('-')).collect();
    let mut document = Base64::decode_vec(&text).unwrap();
    change(&mut document);
    format!("{BEGIN}{}\n{END}", Base64::encode_string(&document))
}

/// The file with one name or number in it, which is there once, replaced by another of the same length.
fn replaced(file: &str, from: &[u8], to: &[u8]) -> String {
    changed(file, |document| {
        let found: Vec<_> = (0..document.len()).filter(|at| document[*at..].starts_with(from)).collect();
        assert_eq!((found.len(), from.len()), (1, to.len()));
        document[found[0]..found[0] + to.len()].copy_from_slice(to);
    })
}

#[test]
fn every_key_with_every_cipher_of_ssh_keygen_is_read() {
    for (cipher, text) in ENCRYPTED {
        assert_eq!(parts(text).len(), 6);
        for (name, file) in parts(text) {
            let found =
                read(file, b"passphrase").unwrap_or_else(|error| panic!("{name} {cipher:?}: {error}"));
            let comment = String::from_utf8(found.comment).unwrap();
            assert_eq!((found.key.public(), comment), public(name), "{cipher:?}");
        }
    }
    for (name, file) in parts(PLAIN) {
        let found = KeyFile::parse(file.as_bytes()).unwrap();
        assert_eq!(found.key.public(), public(name).0);
        // A passphrase that nothing takes is not looked at.
        assert_eq!(read(file, b"anything").unwrap().key.public(), public(name).0);
    }
}

#[test]
fn what_ssh_keygen_writes_when_it_is_told_nothing_is_read() {
    let file = part(include_str!("data/openssh-default.txt"), "ed25519");
    assert_eq!(read(file, b"passphrase").unwrap().key.public(), public("ed25519").0);
    let encrypted = FileError::Encrypted { cipher: "aes256-ctr".into(), kdf: "bcrypt".into() };
    assert_eq!(KeyFile::read(file.as_bytes(), None).unwrap_err(), encrypted);
    assert_eq!(encrypted.to_string(), "passphrase needed: key is encrypted with aes256-ctr, key from bcrypt");
    assert_eq!(FileCipher::default().name(), "aes256-ctr");
}

#[test]
fn without_a_passphrase_and_with_a_wrong_one_nothing_is_read() {
    for (cipher, text) in ENCRYPTED {
        let file = part(text, "ed25519");
        let encrypted = FileError::Encrypted { cipher: cipher.name().into(), kdf: "bcrypt".into() };
        assert_eq!(KeyFile::parse(file.as_bytes()).unwrap_err(), encrypted);
        for wrong in [&b"Passphrase"[..], b"passphrase\n", b"passphrase\0", b""] {
            assert_eq!(read(file, wrong).unwrap_err(), FileError::WrongPassphrase, "{cipher:?} {wrong:?}");
        }
    }
    assert_eq!(
        FileError::WrongPassphrase.to_string(),
        "incorrect passphrase supplied to decrypt private key"
    );
}

#[test]
fn a_damaged_file_is_told_from_a_wrong_passphrase_where_that_can_be() {
    // In the last block there is padding: the check numbers before it are right.
    let damage = |at_end: usize| {
        move |document: &mut Vec<u8>| {
            let at = document.len() - at_end;
            document[at] ^= 1;
        }
    };
    let ctr = read(&changed(part(CTR, "ed25519"), damage(1)), b"passphrase").unwrap_err();
    assert_eq!(ctr, FileError::BadPadding);
    let cbc = read(&changed(part(CBC, "ed25519"), damage(17)), b"passphrase").unwrap_err();
    assert_ne!(cbc, FileError::WrongPassphrase);
    // A proof over all of it says only that something is not right.
    for at_end in [1, 17, 150] {
        let gcm = read(&changed(part(GCM, "ed25519"), damage(at_end)), b"passphrase").unwrap_err();
        assert_eq!(gcm, FileError::WrongPassphrase);
    }
}

#[test]
fn a_file_may_not_ask_for_more_work_than_the_limit() {
    let file = part(CTR, "ed25519");
    let rounds = |rounds: u32| {
        changed(file, |document| {
            // After the magic, the cipher's name, the function's, and the lengths of options and salt.
            let at = 15 + 4 + 10 + 4 + 6 + 4 + 4 + 16;
            assert_eq!(document[at..at + 4], 1u32.to_be_bytes());
            document[at..at + 4].copy_from_slice(&rounds.to_be_bytes());
        })
    };
    for got in [limits::ROUNDS_MAX + 1, u32::MAX] {
        let error = read(&rounds(got), b"passphrase").unwrap_err();
        assert_eq!(error, FileError::TooManyRounds { got, limit: limits::ROUNDS_MAX });
    }
    assert_eq!(read(&rounds(2), b"passphrase").unwrap_err(), FileError::WrongPassphrase);
}

#[test]
fn a_file_that_says_no_rounds_or_no_salt_is_not_one_with_another_passphrase() {
    let file = part(CTR, "ed25519");
    // The options behind the function's name: their length, the salt of 16 bytes, the rounds.
    let at = 15 + 4 + 10 + 4 + 6;
    let with = |options: &[u8]| {
        changed(file, |document| {
            let new = [&u32::try_from(options.len()).unwrap().to_be_bytes(), options].concat();
            document.splice(at..at + 4 + 24, new);
        })
    };
    let salt = [&[0, 0, 0, 16][..], &[7; 16]].concat();
    for options in [
        [&salt[..], &[0, 0, 0, 0]].concat(),
        [&[0; 4][..], &[0, 0, 0, 1]].concat(),
        [&salt[..], &[0, 0, 0, 1, 0]].concat(),
        salt.clone(),
        Vec::new(),
    ] {
        let error = read(&with(&options), b"passphrase").unwrap_err();
        assert_eq!(error, FileError::BadKdfOptions, "{options:?}");
        assert_eq!(error.to_string(), "bad key derivation options in the key file");
    }
    let other_salt = with(&[&salt[..], &[0, 0, 0, 1]].concat());
    assert_eq!(read(&other_salt, b"passphrase").unwrap_err(), FileError::WrongPassphrase);
}

#[test]
fn ciphers_and_functions_that_are_not_known_are_named() {
    let unknown = |name: &str| FileError::UnknownEncryption { name: name.into() };
    // A cipher that only OpenSSH before 7.6 had.
    let file = replaced(part(CTR, "ed25519"), b"\0\0\0\x0aaes256-ctr", b"\0\0\0\x0aarcfour256");
    assert_eq!(read(&file, b"passphrase").unwrap_err(), unknown("arcfour256"));
    assert_eq!(unknown("arcfour256").to_string(), "key is encrypted with arcfour256, which is not supported");
    let file = replaced(part(CTR, "ed25519"), b"bcrypt", b"argon2");
    assert_eq!(read(&file, b"passphrase").unwrap_err(), unknown("argon2"));
    // A name that is right, and a proof that is missing.
    let file = replaced(part(CTR, "ed25519"), b"\0\0\0\x0aaes256-ctr", b"\0\0\0\x0aaes256-cbc");
    assert_eq!(read(&file, b"passphrase").unwrap_err(), FileError::WrongPassphrase);
    let file = changed(part(GCM, "ed25519"), |document| document.truncate(document.len() - 1));
    assert!(matches!(read(&file, b"passphrase").unwrap_err(), FileError::Malformed(_)));
    let file = changed(part(GCM, "ed25519"), |document| document.push(0));
    assert!(matches!(read(&file, b"passphrase").unwrap_err(), FileError::Malformed(_)));
    for cipher in FileCipher::ALL {
        assert_eq!(FileCipher::by_name(cipher.name()), Some(cipher));
    }
    assert_eq!(FileCipher::by_name("none"), None);
}

#[test]
fn what_is_written_is_read_here_and_by_a_second_reader() {
    let passphrase = passphrase();
    let mut rng = SeededRng::new(1);
    for (name, text) in parts(PLAIN) {
        let file = KeyFile::parse(text.as_bytes()).unwrap();
        for cipher in FileCipher::ALL {
            let encryption = Encryption { passphrase: &passphrase, cipher, rounds: 1 };
            let written = file.write_encrypted(&encryption, &mut rng).unwrap();
            let again = KeyFile::read(written.expose(), Some(&passphrase)).unwrap();
            assert_eq!((again.key.public(), &again.comment), (file.key.public(), &file.comment));

            // It has no composite keys.
            if !name.starts_with("mldsa") {
                let text = std::str::from_utf8(written.expose()).unwrap();
                let read = ssh_key::PrivateKey::from_openssh(text).unwrap();
                assert_eq!(read.cipher().as_str(), cipher.name());
                let opened =
                    read.decrypt(b"passphrase").unwrap_or_else(|error| panic!("{name} {cipher:?}: {error}"));
                assert_eq!(opened.public_key().to_bytes().unwrap(), file.key.public().blob());
                assert_eq!(opened.comment().as_bytes(), file.comment);
            }
        }
    }
}

#[test]
fn two_writings_share_no_salt_and_show_nothing_of_the_key() {
    let passphrase = passphrase();
    let file = KeyFile { key: PrivateKey::from_seed(&[0x5a; 32]), comment: b"a comment".to_vec() };
    let encryption = Encryption { rounds: 1, ..Encryption::new(&passphrase) };
    let mut rng = SeededRng::new(1);
    let [one, other] = [(); 2].map(|()| file.write_encrypted(&encryption, &mut rng).unwrap());
    assert!(!one.ct_eq(other.expose()));
    for written in [one, other] {
        changed(std::str::from_utf8(written.expose()).unwrap(), |document| {
            assert!(!document.windows(8).any(|window| window == [0x5a; 8]));
            assert!(!document.windows(9).any(|window| window == b"a comment"));
        });
    }
}

#[test]
fn what_could_not_be_read_is_not_written() {
    struct Dry;
    impl Rng for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    let (empty, passphrase) = (Secret::copy_of(b""), passphrase());
    let file = KeyFile { key: PrivateKey::from_seed(&[1; 32]), comment: Vec::new() };
    let mut rng = SeededRng::new(1);
    let mut write = |encryption: Encryption<'_>| file.write_encrypted(&encryption, &mut rng).map(|_| ());
    assert_eq!(write(Encryption::new(&empty)), Err(WriteError::BadEncryption));
    for rounds in [0, limits::ROUNDS_MAX + 1] {
        let encryption = Encryption { rounds, ..Encryption::new(&passphrase) };
        assert_eq!(write(encryption), Err(WriteError::BadEncryption), "{rounds}");
    }
    let encryption = Encryption::new(&passphrase);
    assert_eq!(file.write_encrypted(&encryption, &mut Dry).map(|_| ()), Err(WriteError::NoEntropy));
    let large = KeyFile { comment: vec![b'a'; limits::FILE_MAX], ..file };
    assert_eq!(large.write_encrypted(&encryption, &mut rng).map(|_| ()), Err(WriteError::TooLarge));
}

#[test]
fn what_is_no_private_key_is_named() {
    for (text, error) in [
        (
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
            "file holds a PuTTY private key, which is no private key that can be read",
        ),
        ("ssh-ed25519 AAAA", "file holds a public key, which is no private key that can be read"),
        (
            "---- BEGIN SSH2 PUBLIC KEY ----\n",
            "file holds a public key, which is no private key that can be read",
        ),
        ("", "no private key in the file"),
        ("hello", "no private key in the file"),
    ] {
        assert_eq!(KeyFile::parse(text.as_bytes()).unwrap_err().to_string(), error);
        assert_eq!(read(text, b"passphrase").unwrap_err().to_string(), error);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_key_with_any_comment_and_passphrase_comes_back(
        seed in any::<[u8; 32]>(), comment in prop::collection::vec(any::<u8>(), 0..40),
        secret in prop::collection::vec(any::<u8>(), 1..40), cipher in prop::sample::select(&FileCipher::ALL[..]),
    ) {
        let file = KeyFile { key: PrivateKey::from_seed(&seed), comment };
        let passphrase = Secret::new(secret);
        let encryption = Encryption { passphrase: &passphrase, cipher, rounds: 1 };
        let written = file.write_encrypted(&encryption, &mut SeededRng::new(1)).unwrap();
        let again = KeyFile::read(written.expose(), Some(&passphrase)).unwrap();
        prop_assert_eq!(again.key.public(), file.key.public());
        prop_assert_eq!(again.comment, file.comment);
    }

    #[test]
    fn damaged_files_do_no_harm(
        at in any::<prop::sample::Index>(), to in any::<u8>(), which in prop::sample::select(&ENCRYPTED[..]),
    ) {
        let (key, _) = public("ecdsa384");
        // Rounds stay what they are, and the test short.
        let file = changed(part(which.1, "ecdsa384"), |document| {
            let at = at.index(document.len());
            if !(30..110).contains(&at) {
                document[at] = to;
            }
        });
        if let Ok(read) = read(&file, b"passphrase") {
            prop_assert_eq!(read.key.public(), key);
        }
    }
}
