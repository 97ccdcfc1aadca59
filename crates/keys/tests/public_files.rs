//! Fingerprints, pictures of them, and the public key files of RFC 4716, as ssh-keygen has them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use fixtures::{part, parts};
use nacre_keys::{
    Fingerprint, FingerprintHash, KeyError, KeyLine, PublicKey, Ssh2Error, Ssh2PublicKey, limits,
};
use proptest::prelude::*;

const PUBLIC: &str = include_str!("data/public.txt");
const RFC4716: &str = include_str!("data/rfc4716.txt");

fn key(name: &str) -> PublicKey {
    KeyLine::parse(part(PUBLIC, name).lines().next().unwrap().as_bytes()).unwrap().key().clone()
}

#[test]
fn fingerprints_and_their_pictures_are_those_of_ssh_keygen() {
    let mut pictures = 0;
    for (name, text) in parts(PUBLIC) {
        let mut lines = text.lines();
        let line = KeyLine::parse(lines.next().unwrap().as_bytes()).unwrap();
        let key = line.key();
        for hash in FingerprintHash::ALL {
            let fingerprint = Fingerprint::with(hash, &key.blob());
            let listed = lines.next().unwrap();
            let (bits, kind) = (key.bits(), key.short_type());
            assert_eq!(listed, format!("{bits} {fingerprint} {} ({kind})", line.comment()), "{name}");
            let picture: Vec<_> = lines.by_ref().take(11).collect();
            assert_eq!(fingerprint.randomart(kind, bits), picture.join("\n"), "{name} {}", hash.name());
            pictures += 1;
        }
        assert_eq!(lines.next(), None);
    }
    assert_eq!(pictures, 40);
}

#[test]
fn hashes_are_found_by_name_in_any_case() {
    for hash in FingerprintHash::ALL {
        assert_eq!(FingerprintHash::by_name(hash.name()), Some(hash));
        assert_eq!(FingerprintHash::by_name(&hash.name().to_lowercase()), Some(hash));
        assert_eq!(Fingerprint::with(hash, b"").hash(), hash);
    }
    assert_eq!(FingerprintHash::by_name("sha-256"), None);
    assert_eq!(Fingerprint::with(FingerprintHash::default(), b"x"), Fingerprint::of_blob(b"x"));
    // RFC 1321 A.5.
    let empty = Fingerprint::with(FingerprintHash::Md5, b"");
    assert_eq!(empty.to_string(), "MD5:d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e");
}

#[test]
fn files_of_rfc_4716_are_read_and_written_as_ssh_keygen_does() {
    for (name, text) in parts(RFC4716) {
        let file = Ssh2PublicKey::parse(text.as_bytes()).unwrap();
        assert_eq!(*file.key(), key(name));
        assert!(file.comment().to_string().ends_with("converted by user@host from OpenSSH"), "{name}");
        assert_eq!(String::from_utf8(file.to_vec()).unwrap(), text, "{name}");
    }
}

#[test]
fn the_forms_that_rfc_4716_allows_are_read() {
    let text = part(RFC4716, "ed25519");
    let expected = Ssh2PublicKey::parse(text.as_bytes()).unwrap();
    let (head, comment) = ("---- BEGIN SSH2 PUBLIC KEY ----\n", expected.comment().to_string());
    let body = text.lines().nth(2).unwrap();
    for (headers, found) in [
        (String::new(), ""),
        (format!("Comment: {comment}\n"), &comment[..]),
        (format!("COMMENT: \"{comment}\"\n"), &comment),
        (format!("Subject: me\nComment: \"{comment}\"\nx-more: a\\\nb: c\n"), &comment),
        ("Comment: a\\\nb\n".to_owned(), "ab"),
    ] {
        for (before, line_break) in [("", "\n"), ("text before\n", "\r\n")] {
            let (one, two) = body.split_at(20);
            let file = format!("{before}{head}{headers}{one}\n{two}\n---- END SSH2 PUBLIC KEY ----\nafter");
            let read = Ssh2PublicKey::parse(file.replace('\n', line_break).as_bytes()).unwrap();
            assert_eq!(
                (read.key(), read.comment().to_string()),
                (expected.key(), found.to_owned()),
                "{file}"
            );
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_of_rfc_4716_is_said() {
    let text = part(RFC4716, "ed25519");
    for (file, error) in [
        (String::new(), Ssh2Error::NoMarks),
        (text.replace("---- END", "--- END"), Ssh2Error::NoMarks),
        (text.replace("---- BEGIN", "--- BEGIN"), Ssh2Error::NoMarks),
        (text.replace("AAAA", "AA*A"), Ssh2Error::BadBase64),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nComment: a\\".to_owned(), Ssh2Error::BadHeader),
        (text.replace("Comment: \"", &format!("Comment: \"{}", "a".repeat(1025))), Ssh2Error::BadHeader),
        ("a".repeat(limits::LINE_MAX + 1), Ssh2Error::TooLong),
    ] {
        assert_eq!(Ssh2PublicKey::parse(file.as_bytes()), Err(error), "{file:.80}");
    }
    let unknown = "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAA3gtYQ==\n---- END SSH2 PUBLIC KEY ----\n";
    assert_eq!(Ssh2PublicKey::parse(unknown.as_bytes()), Err(Ssh2Error::Key(KeyError::UnknownType)));
    assert_eq!(Ssh2PublicKey::new(key("ed25519"), b"a\nb"), Err(Ssh2Error::BadHeader));
}

proptest! {
    #[test]
    fn what_is_written_is_read(comment in r#"[ -~]{0,1000}[\\"]{0,3}"#) {
        let file = Ssh2PublicKey::new(key("ecdsa256"), comment.as_bytes()).unwrap();
        let written = file.to_vec();
        prop_assert!(written.split(|byte| *byte == b'\n').all(|line| line.len() <= 72));
        prop_assert_eq!(Ssh2PublicKey::parse(&written).unwrap(), file);
    }

    #[test]
    fn damaged_files_do_no_harm(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut file = part(RFC4716, "rsa").as_bytes().to_vec();
        let at = at.index(file.len());
        file[at] = to;
        if let Ok(read) = Ssh2PublicKey::parse(&file) {
            prop_assert_eq!(Ssh2PublicKey::parse(&read.to_vec()).unwrap(), read);
        }
    }
}
