//! PEM files of ssh-keygen and openssl: what is read of them, and what is said of the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use base64ct::{Base64, Encoding};
use crypto::Secret;
use fixtures::{part, parts};
use nacre_keys::{FileError, KeyFile, KeyLine, PublicKey, limits};
use proptest::prelude::*;

const PEM: &str = include_str!("data/pem.txt");
const REFUSED: &str = include_str!("data/pem-refused.txt");
const PUBLIC: &str = include_str!("data/public.txt");
const PUBLIC_OF_OPENSSL: &str = include_str!("data/pem-public.txt");

fn public(name: &str) -> PublicKey {
    let text = if name.starts_with("openssl") { PUBLIC_OF_OPENSSL } else { PUBLIC };
    KeyLine::parse(part(text, name).lines().next().unwrap().as_bytes()).unwrap().key().clone()
}

fn read(file: &str, passphrase: &[u8]) -> Result<KeyFile, FileError> {
    KeyFile::read(file.as_bytes(), Some(&Secret::copy_of(passphrase)))
}

/// The key that a part's name begins with, and whether it takes a passphrase.
fn named(name: &str) -> (PublicKey, bool) {
    (public(name.split(' ').next().unwrap()), name.contains("passphrase"))
}

#[test]
fn every_form_is_read() {
    let mut read_so = [0; 2];
    for (name, file) in parts(PEM) {
        let (key, encrypted) = named(name);
        let found = read(file, b"passphrase").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((found.key.public(), found.comment.len()), (key.clone(), 0), "{name}");
        if !encrypted {
            assert_eq!(KeyFile::parse(file.as_bytes()).unwrap().key.public(), key, "{name}");
        }
        read_so[usize::from(encrypted)] += 1;
    }
    assert_eq!(read_so, [21, 22]);
}

#[test]
fn without_a_passphrase_and_with_a_wrong_one_nothing_is_read() {
    for (name, file) in parts(PEM).into_iter().filter(|(name, _)| named(name).1) {
        let needed = KeyFile::read(file.as_bytes(), None).unwrap_err();
        assert!(needed.to_string().starts_with("passphrase needed: "), "{name}: {needed}");
        for wrong in [&b"Passphrase"[..], b"passphrase\n", b""] {
            assert_eq!(read(file, wrong).unwrap_err(), FileError::WrongPassphrase, "{name}");
        }
    }
}

#[test]
fn what_is_not_read_is_named() {
    for (name, error) in [
        ("scrypt", "key is encrypted with a PKCS#8 key derivation other than PBKDF2, which is not supported"),
        ("pbes1", "key is encrypted with a PKCS#8 scheme other than PBES2, which is not supported"),
        ("x25519", "PKCS#8 key of an unknown type"),
        ("ed448", "PKCS#8 key of an unknown type"),
        ("secp256k1", "PKCS#8 key of an unknown type"),
        ("certificate-request", "file holds a CERTIFICATE REQUEST, which is no private key that can be read"),
        ("public", "file holds a PUBLIC KEY, which is no private key that can be read"),
    ] {
        assert_eq!(read(part(REFUSED, name), b"passphrase").unwrap_err().to_string(), error, "{name}");
    }
    assert_eq!(parts(REFUSED).len(), 7);
    let dsa = "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n";
    assert_eq!(
        KeyFile::parse(dsa.as_bytes()).unwrap_err(),
        FileError::NotPrivate { what: "DSA PRIVATE KEY".into() }
    );
}

#[test]
fn white_space_what_stands_around_and_line_ends_of_any_system_are_accepted() {
    let (text, key) = (part(PEM, "rsa PEM"), public("rsa"));
    for file in [
        text.replace('\n', "\r\n"),
        format!("Bag Attributes: <none>\n\n{text}after"),
        text.trim_end().to_owned(),
        text.replacen("\nMII", "\n\nM II", 1),
    ] {
        assert_eq!(KeyFile::parse(file.as_bytes()).unwrap().key.public(), key, "{file}");
    }
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let file = format!("{parameters}{}", part(PEM, "ecdsa256 PEM"));
    assert_eq!(KeyFile::parse(file.as_bytes()).unwrap().key.public(), public("ecdsa256"));
    assert_eq!(
        KeyFile::parse(parameters.as_bytes()).unwrap_err(),
        FileError::NotPrivate { what: "EC PARAMETERS".into() }
    );
    let traditional = part(PEM, "rsa PEM passphrase").replace('\n', "\r\n");
    assert_eq!(read(&traditional, b"passphrase").unwrap().key.public(), key);
}

#[test]
fn a_document_is_whole_and_what_its_first_line_says() {
    let text = part(PEM, "ecdsa256 PEM");
    for (file, error) in [
        (text.replace("END EC", "END RSA"), FileError::NoArmour),
        (text.lines().take(3).collect::<Vec<_>>().join("\n"), FileError::NoArmour),
        (text.replace("EC PRIVATE", "RSA PRIVATE"), FileError::UnknownKey { form: "PKCS#1" }),
        (text.replace("EC PRIVATE", "PRIVATE"), FileError::BadDer),
        (text.replacen("MH", "M*", 1), FileError::BadBase64),
        (format!("text before\n{}", text.replace(" EC ", " OPENSSH ")), FileError::NoArmour),
    ] {
        assert_eq!(KeyFile::parse(file.as_bytes()).unwrap_err(), error, "{file}");
    }
}

/// The file with its DER changed.
fn changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let lines: Vec<_> = file.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let mut der = Base64::decode_vec(&lines[1..lines.len() - 1].concat()).unwrap();
    change(&mut der);
    format!("{first}\n{}\n{last}\n", Base64::encode_string(&der))
}

#[test]
fn a_file_may_not_ask_for_more_work_than_the_limit() {
    let file = changed(part(PEM, "openssl-ed25519 PKCS8 passphrase hmacWithSHA256 aes-256-cbc"), |der| {
        // INTEGER 2048 becomes one of four bytes, and the five sequences around it two bytes longer.
        let at = der.windows(4).position(|window| window == [2, 2, 8, 0]).unwrap();
        der.splice(at..at + 4, [2, 4, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(der[..2], [0x30, 0x81]);
        der[2] += 2;
        for sequence in [3, 0x10, 0x12, 0x1f] {
            assert_eq!(der[sequence], 0x30);
            der[sequence + 1] += 2;
        }
    });
    assert_eq!(
        read(&file, b"passphrase").unwrap_err(),
        FileError::TooManyRounds { got: 0x7fff_ffff, limit: limits::ITERATIONS_MAX }
    );
}

#[test]
fn pkcs8_may_have_attributes_and_the_public_key_once_more_and_nothing_else() {
    let (file, key) = (part(PEM, "openssl-ed25519 PKCS8"), public("openssl-ed25519"));
    let blob = key.blob();
    let point = &blob[blob.len() - 32..];
    let with = |version: u8, more: &[u8]| {
        let file = changed(file, |der| {
            assert_eq!(der[..5], [0x30, 0x2e, 2, 1, 0]);
            der[4] = version;
            der.extend_from_slice(more);
            der[1] += u8::try_from(more.len()).unwrap();
        });
        KeyFile::parse(file.as_bytes()).map(|read| read.key.public())
    };
    let attributes = &[0xa0, 2, 0x31, 0][..];
    // As RFC 5958 has it, and as some write it, with a tag around the bit string.
    let implicit = [&[0x81, 33, 0], point].concat();
    let explicit = [&[0xa1, 35, 3, 33, 0], point].concat();
    for more in [attributes, &implicit, &explicit, &[attributes, &implicit].concat()] {
        assert_eq!(with(1, more), Ok(key.clone()), "{more:?}");
    }
    assert_eq!(with(1, &[5, 0]), Err(FileError::BadDer));
    assert_eq!(with(1, &[&implicit[..], attributes].concat()), Err(FileError::BadDer));
    assert_eq!(with(2, &[]), Err(FileError::UnknownKey { form: "PKCS#8" }));
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let forms =
        ["ecdsa256 PEM", "ecdsa384 PKCS8", "ecdsa521 PEM", "ecdsa256 PEM compressed", "ecdsa384 PEM hybrid"];
    for name in forms {
        // The last byte is of the public point.
        let file = changed(part(PEM, name), |der| *der.last_mut().unwrap() ^= 1);
        let error = KeyFile::parse(file.as_bytes()).unwrap_err();
        assert!(matches!(error, FileError::PublicMismatch | FileError::Key(_)), "{name}: {error:?}");
    }
}

#[test]
fn a_point_in_another_form_is_that_of_the_key_or_refused() {
    for (name, point_len, good, forms) in [
        ("ecdsa256 PEM", 65, &[4, 7][..], [0, 2, 3, 5, 6, 8]),
        ("ecdsa256 PEM compressed", 33, &[3], [0, 2, 4, 5, 6, 7]),
        ("ecdsa256 PEM hybrid", 65, &[4, 7], [0, 2, 3, 5, 6, 8]),
    ] {
        let with = |form: u8| {
            let file = changed(part(PEM, name), |der| {
                let at = der.len() - point_len;
                assert!(good.contains(&der[at]), "{name}");
                der[at] = form;
            });
            KeyFile::parse(file.as_bytes()).map(|read| read.key.public())
        };
        for form in good {
            assert_eq!(with(*form), Ok(public("ecdsa256")), "{name} {form}");
        }
        for form in forms {
            assert_eq!(with(form), Err(FileError::PublicMismatch), "{name} {form}");
        }
    }
}

#[test]
fn what_dek_info_names_must_be_as_long_as_its_cipher_s_block() {
    for (name, cipher) in
        [("rsa PEM passphrase des3", "DES-EDE3-CBC"), ("rsa PEM passphrase aes192", "AES-192-CBC")]
    {
        let file = part(PEM, name);
        let at = file.find(cipher).unwrap() + cipher.len() + 1;
        for bad in
            [format!("{}00{}", &file[..at], &file[at..]), format!("{}{}", &file[..at], &file[at + 2..])]
        {
            assert_eq!(read(&bad, b"passphrase").unwrap_err(), FileError::BadKdfOptions);
        }
    }
}

proptest! {
    #[test]
    fn damaged_files_do_no_harm(
        at in any::<prop::sample::Index>(), to in any::<u8>(), which in 0usize..21, cut in any::<prop::sample::Index>(),
    ) {
        let plain: Vec<_> = parts(PEM).into_iter().filter(|(name, _)| !named(name).1).collect();
        let (_, file) = plain[which];
        let damaged = changed(file, |der| {
            let at = at.index(der.len());
            der[at] = to;
        });
        // What is read is a key whose halves belong together, whichever it is.
        if let Ok(read) = KeyFile::parse(damaged.as_bytes()) {
            let again = KeyFile::parse(read.write(&mut crypto::SeededRng::new(1)).unwrap().expose()).unwrap();
            prop_assert_eq!(again.key.public(), read.key.public());
        }
        let short = changed(file, |der| der.truncate(cut.index(der.len())));
        prop_assert!(KeyFile::parse(short.as_bytes()).is_err());
    }
}
