//! Public keys as blobs, as lines and as fingerprints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use nacre_keys::{
    Ed25519PublicKey, Fingerprint, KeyError, KeyLine, LineError, PrivateKey, PublicKey, limits,
};
use proptest::prelude::*;
use wire::{Blob, Encode, WireError, put_string};

/// What `ssh-keygen -t ed25519 -C 'a comment'` wrote once, and what it says of it.
const LINE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIPO5yrnlZQWz2bFnG5yg5ZoiHizJ09p/rZ7ANPfWE5K a comment";
const FINGERPRINT: &str = "SHA256:BUH0eEaZsrq35qmjGMEwGUe6fa3QWnc3aqDOtn01db8";

fn text() -> &'static str {
    LINE.strip_suffix(" a comment").unwrap()
}

fn key() -> PublicKey {
    KeyLine::parse(LINE.as_bytes()).unwrap().into_key()
}

fn parse(line: &str) -> Result<KeyLine<'_>, LineError> {
    KeyLine::parse(line.as_bytes())
}

#[test]
fn a_line_of_ssh_keygen_is_read_and_written_as_it_was() {
    let line = parse(LINE).unwrap();
    assert_eq!(line.comment().to_string(), "a comment");
    assert_eq!(line.to_vec(), LINE.as_bytes());
    assert_eq!(line.key().to_string(), text());
    assert_eq!(line.key().key_type(), "ssh-ed25519");
    assert_eq!(line.key().fingerprint().to_string(), FINGERPRINT);
    assert_eq!(Fingerprint::of_blob(&line.key().blob()), line.key().fingerprint());
    assert_eq!(format!("{:?}", line.key()), format!("PublicKey(ssh-ed25519 {FINGERPRINT})"));
}

#[test]
fn blanks_and_a_line_break_around_a_line_mean_nothing() {
    let expected = parse(LINE).unwrap();
    let spread = LINE.replacen(' ', " \t ", 2);
    for line in [format!("  {LINE}"), format!("\t{LINE}\n"), format!("{LINE} \r\n"), spread] {
        assert_eq!(parse(&line).unwrap(), expected, "{line:?}");
    }
    for line in [text().to_owned(), format!("{} ", text()), format!("{}\n", text())] {
        assert_eq!(parse(&line).unwrap().comment().0, b"", "{line:?}");
    }
}

#[test]
fn a_comment_may_be_any_bytes_of_one_line() {
    let latin1 = [text().as_bytes(), b" caf\xe9"].concat();
    let line = KeyLine::parse(&latin1).unwrap();
    assert_eq!(line.to_vec(), latin1);
    for bad in ["a\nb", "a\rb", "a\0b"] {
        assert_eq!(KeyLine::new(key(), bad.as_bytes()), Err(LineError::BadComment), "{bad:?}");
        assert_eq!(parse(&format!("{} {bad}", text())), Err(LineError::BadComment), "{bad:?}");
    }
    // White space around it would not come back, so it is not kept.
    assert_eq!(KeyLine::new(key(), b" a comment\n").unwrap().to_vec(), LINE.as_bytes());
}

#[test]
fn a_line_without_a_whole_key_is_refused_for_what_it_lacks() {
    for line in ["", " ", "\n", "ssh-ed25519", "ssh-ed25519 "] {
        assert_eq!(parse(line), Err(LineError::NoKey), "{line:?}");
    }
    for line in ["# comment", "ssh-ed25519 AAA", "ssh-ed25519 ====", &LINE.replace("AAAAC3", "AAAA-3")] {
        assert_eq!(parse(line), Err(LineError::BadBase64), "{line:?}");
    }
    assert_eq!(
        parse("ssh-ed25519 AAAA"),
        Err(LineError::Key(KeyError::Malformed(WireError::Truncated { needed: 4, left: 3 })))
    );
}

#[test]
fn the_type_in_the_text_is_the_type_in_the_blob() {
    assert_eq!(parse(&LINE.replacen("ssh-ed25519", "ssh-rsa", 1)), Err(LineError::TypeMismatch));
    assert_eq!(parse(&LINE.replacen("ssh-ed25519", "SSH-ED25519", 1)), Err(LineError::TypeMismatch));
    // Options before the key are another crate's.
    assert_eq!(parse(&format!("no-pty {LINE}")), Err(LineError::BadBase64));
    // "ssh-dss" and nothing more.
    assert_eq!(parse("ssh-dss AAAAB3NzaC1kc3M="), Err(LineError::Key(KeyError::UnknownType)));
}

#[test]
fn a_line_over_its_limit_is_refused_and_one_at_it_is_not() {
    let comment = vec![b'c'; limits::LINE_MAX - text().len() - 1];
    let line = KeyLine::new(key(), &comment).unwrap().to_vec();
    assert_eq!(line.len(), limits::LINE_MAX);
    assert!(KeyLine::parse(&line).is_ok());
    let longer = [&line[..], b"c"].concat();
    assert_eq!(KeyLine::parse(&longer), Err(LineError::TooLong));
    assert_eq!(KeyLine::new(key(), &longer[text().len()..]), Err(LineError::TooLong));
}

#[test]
fn a_blob_is_a_known_type_its_fields_and_nothing_more() {
    let blob = key().blob();
    assert_eq!(PublicKey::parse(&blob), Ok(key()));
    assert_eq!(PublicKey::type_of(&blob).unwrap(), "ssh-ed25519");
    let longer = [&blob[..], &[0]].concat();
    assert_eq!(PublicKey::parse(&longer), Err(KeyError::Malformed(WireError::Trailing { left: 1 })));
    for length in [0, 31, 33, 64] {
        let mut other = Vec::new();
        put_string(&mut other, b"ssh-ed25519");
        put_string(&mut other, &vec![7; length]);
        assert_eq!(PublicKey::parse(&other), Err(KeyError::WrongLength { expected: 32, got: length }));
    }
    for end in 0..blob.len() {
        assert!(matches!(
            PublicKey::parse(&blob[..end]),
            Err(KeyError::Malformed(WireError::Truncated { .. }))
        ));
    }
    let huge = vec![0; limits::BLOB_MAX + 1];
    let too_long = KeyError::Malformed(WireError::TooLong { limit: limits::BLOB_MAX });
    assert_eq!(PublicKey::parse(&huge), Err(too_long));
}

#[test]
fn an_unknown_type_is_told_apart_from_malformed_bytes_and_can_be_named() {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-unheard-of@example.com");
    blob.extend_from_slice(b"whatever");
    assert_eq!(PublicKey::parse(&blob), Err(KeyError::UnknownType));
    assert_eq!(PublicKey::type_of(&blob).unwrap(), "ssh-unheard-of@example.com");
    for bad in [&b""[..], b"ssh-ed25519\0", b"a b", &[b'a'; 65]] {
        let mut blob = Vec::new();
        put_string(&mut blob, bad);
        assert!(matches!(PublicKey::parse(&blob), Err(KeyError::Malformed(_))), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(bytes in any::<[u8; 32]>(), comment in "[^\\s\\x00][^\\n\\r\\x00]{0,40}[^\\s\\x00]") {
        let key = PublicKey::Ed25519(Ed25519PublicKey::from_bytes(bytes));
        prop_assert_eq!(PublicKey::parse(&key.blob()), Ok(key.clone()));
        let mut nested = Vec::new();
        Blob(&key).encode(&mut nested);
        prop_assert_eq!(&nested[4..], key.blob());
        let line = KeyLine::new(key, comment.as_bytes()).unwrap();
        let written = line.to_vec();
        prop_assert_eq!(KeyLine::parse(&written), Ok(line.clone()));
    }

    #[test]
    fn what_is_read_from_a_blob_is_written_the_same(blob in any::<Vec<u8>>(), at in 0_usize..51, byte in any::<u8>()) {
        if let Ok(key) = PublicKey::parse(&blob) {
            prop_assert_eq!(key.blob(), blob);
        }
        let mut blob = PrivateKey::from_seed(&[1; 32]).public().blob();
        blob[at] = byte;
        if let Ok(key) = PublicKey::parse(&blob) {
            prop_assert_eq!(key.blob(), blob);
        }
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in any::<Vec<u8>>(), at in 0..LINE.len(), byte in any::<u8>()) {
        let _ = KeyLine::parse(&line);
        let mut line = LINE.as_bytes().to_vec();
        line[at] = byte;
        // What is read after a change is a whole key and one line.
        if let Ok(line) = KeyLine::parse(&line) {
            let written = line.to_vec();
            prop_assert_eq!(KeyLine::parse(&written), Ok(line));
        }
    }
}
