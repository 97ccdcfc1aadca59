//! Private key files: what is read, what is refused, what is written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use base64ct::{Base64, Encoding};
use crypto::{NoEntropy, Rng, SeededRng};
use nacre_keys::{FileError, KeyError, KeyFile, PrivateKey, WriteError, limits};
use proptest::prelude::*;
use wire::{WireError, put_string, put_u32};

/// A file that `ssh-keygen -t ed25519 -C 'a comment'` wrote once.
const FILE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCDzucq55WUFs9mxZxucoOWaIh4sydPaf62ewDT31hOSgAAAJDjZfCx42Xw
sQAAAAtzc2gtZWQyNTUxOQAAACCDzucq55WUFs9mxZxucoOWaIh4sydPaf62ewDT31hOSg
AAAED8J3hzEIQL8r38PDAWUR8k7SnYK4a2NkUa8x00bpKl4YPO5yrnlZQWz2bFnG5yg5Zo
iHizJ09p/rZ7ANPfWE5KAAAACWEgY29tbWVudAECAwQ=
-----END OPENSSH PRIVATE KEY-----
";

/// A file made field by field, so that each can be wrong.
struct Draft {
    magic: Vec<u8>,
    cipher: &'static str,
    kdf: &'static str,
    kdf_options: Vec<u8>,
    keys: u32,
    public: Vec<u8>,
    checks: [u32; 2],
    key_type: &'static str,
    private_public: Vec<u8>,
    pair: Vec<u8>,
    comment: Vec<u8>,
    padding: Vec<u8>,
    after: Vec<u8>,
}

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[3; 32])
}

impl Draft {
    fn good() -> Self {
        let public = key().public().blob();
        let point = public[19..].to_vec();
        Self {
            magic: b"openssh-key-v1\0".to_vec(),
            cipher: "none",
            kdf: "none",
            kdf_options: Vec::new(),
            keys: 1,
            public,
            checks: [0x1234_5678; 2],
            key_type: "ssh-ed25519",
            pair: [&[3; 32][..], &point].concat(),
            private_public: point,
            comment: b"abcde".to_vec(),
            // 8 + 15 + 36 + 68 + 9 bytes are before it.
            padding: Vec::new(),
            after: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut section = Vec::new();
        put_u32(&mut section, self.checks[0]);
        put_u32(&mut section, self.checks[1]);
        put_string(&mut section, self.key_type.as_bytes());
        put_string(&mut section, &self.private_public);
        put_string(&mut section, &self.pair);
        put_string(&mut section, &self.comment);
        section.extend_from_slice(&self.padding);
        let mut bytes = self.magic.clone();
        put_string(&mut bytes, self.cipher.as_bytes());
        put_string(&mut bytes, self.kdf.as_bytes());
        put_string(&mut bytes, &self.kdf_options);
        put_u32(&mut bytes, self.keys);
        put_string(&mut bytes, &self.public);
        put_string(&mut bytes, &section);
        bytes.extend_from_slice(&self.after);
        bytes
    }

    fn read(&self) -> Result<KeyFile, FileError> {
        KeyFile::parse(armour(&self.bytes()).as_bytes())
    }
}

/// The refusal of a good file after one change.
fn refusal(change: impl FnOnce(&mut Draft)) -> FileError {
    let mut draft = Draft::good();
    change(&mut draft);
    draft.read().unwrap_err()
}

fn armour(bytes: &[u8]) -> String {
    let text = Base64::encode_string(bytes);
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n")
}

fn parse(file: &str) -> Result<KeyFile, FileError> {
    KeyFile::parse(file.as_bytes())
}

#[test]
fn a_file_of_ssh_keygen_is_read_and_written_as_it_was() {
    /// The check number of that file.
    struct Check;
    impl Rng for Check {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
            out.copy_from_slice(&[0xe3, 0x65, 0xf0, 0xb1]);
            Ok(())
        }
    }
    let file = parse(FILE).unwrap();
    assert_eq!(file.comment, b"a comment");
    assert_eq!(
        file.key.public().fingerprint().to_string(),
        "SHA256:BUH0eEaZsrq35qmjGMEwGUe6fa3QWnc3aqDOtn01db8"
    );
    assert!(file.write(&mut Check).unwrap().ct_eq(FILE.as_bytes()));
}

#[test]
fn white_space_and_line_ends_of_any_system_are_accepted() {
    let fingerprint = parse(FILE).unwrap().key.public().fingerprint();
    for file in [
        FILE.replace('\n', "\r\n"),
        format!("\n  \t{FILE}"),
        FILE.trim_end().to_owned(),
        FILE.replacen("\nQyNT", "\n \t\nQy NT", 1),
        format!("{FILE}\n\n"),
        // OpenSSH reads no further than the last line either.
        format!("{FILE}whatever"),
    ] {
        assert_eq!(parse(&file).unwrap().key.public().fingerprint(), fingerprint, "{file:?}");
    }
}

#[test]
fn the_armour_is_whole_and_of_this_kind() {
    let end = "-----END OPENSSH PRIVATE KEY-----";
    for file in [
        String::new(),
        "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
        format!("text before\n{FILE}"),
        FILE.replacen(end, "", 1),
        FILE.replacen(end, &end[..end.len() - 1], 1),
        FILE.replacen(&format!("\n{end}"), end, 1),
        FILE.replacen("KEY-----\n", "KEY-----", 1),
        FILE.replacen(&format!("{end}\n"), &format!("{end}-\n"), 1),
        format!("\u{feff}{FILE}"),
    ] {
        assert_eq!(parse(&file).unwrap_err(), FileError::NoArmour, "{file:?}");
    }
    for file in [
        FILE.replacen("=\n", "\n", 1),
        FILE.replacen("=\n", "==\n", 1),
        FILE.replacen("b3Bl", "b3B*", 1),
        // Bits that the last character has to leave at zero.
        FILE.replacen("AwQ=", "AwR=", 1),
    ] {
        assert_eq!(parse(&file).unwrap_err(), FileError::BadBase64, "{file:?}");
    }
}

#[test]
fn each_field_that_is_wrong_is_named() {
    assert_eq!(Draft::good().read().unwrap().comment, b"abcde");
    assert_eq!(refusal(|draft| draft.magic = b"openssh-key-v2\0".to_vec()), FileError::BadMagic);
    assert_eq!(refusal(|draft| draft.magic.clear()), FileError::BadMagic);
    assert_eq!(refusal(|draft| draft.kdf = "bcrypt"), FileError::KdfWithoutCipher);
    assert_eq!(refusal(|draft| draft.kdf_options = vec![0; 24]), FileError::KdfWithoutCipher);
    for got in [0, 2, u32::MAX] {
        assert_eq!(refusal(|draft| draft.keys = got), FileError::KeyCount { got });
    }
    assert_eq!(refusal(|draft| draft.checks[1] ^= 1), FileError::CheckMismatch);
    assert_eq!(refusal(|draft| draft.after.push(0)), FileError::Malformed(WireError::Trailing { left: 1 }));
    let unknown = FileError::Key(KeyError::UnknownType);
    assert_eq!(refusal(|draft| draft.key_type = "ssh-ed25510"), unknown);
    let error = FileError::Key(KeyError::WrongLength { expected: 64, got: 63 });
    assert_eq!(
        refusal(|draft| {
            draft.pair.truncate(63);
            draft.comment.push(b'f');
        }),
        error
    );
}

#[test]
fn the_three_public_keys_in_a_file_are_that_of_the_seed() {
    let other = PrivateKey::from_seed(&[4; 32]).public().blob();
    let point = other[19..].to_vec();
    assert_eq!(refusal(|draft| draft.public = other.clone()), FileError::PublicMismatch);
    assert_eq!(refusal(|draft| draft.private_public = point.clone()), FileError::PublicMismatch);
    assert_eq!(refusal(|draft| draft.pair[32..].copy_from_slice(&point)), FileError::PublicMismatch);
    assert_eq!(refusal(|draft| draft.pair[0] ^= 1), FileError::PublicMismatch);
    let inner = refusal(|draft| {
        draft.pair[32..].copy_from_slice(&point);
        draft.private_public = point.clone();
    });
    assert_eq!(inner, FileError::PublicMismatch);
    // All three of another key, which only the seed does not make.
    let all = refusal(|draft| {
        draft.pair[32..].copy_from_slice(&point);
        draft.private_public = point.clone();
        draft.public = other.clone();
    });
    assert_eq!(all, FileError::PublicMismatch);
}

#[test]
fn the_padding_counts_from_one_and_fills_a_block() {
    let padded = |comment: usize, padding: Vec<u8>| {
        let mut draft = Draft::good();
        draft.comment = vec![b'c'; comment];
        draft.padding = padding;
        draft.read().map(|file| file.comment.len())
    };
    for (comment, padding) in [(5, 0), (4, 1), (6, 7), (5, 8), (13, 0), (5, 248)] {
        assert_eq!(padded(comment, (1..=padding).collect()), Ok(comment), "{comment} {padding}");
    }
    for (comment, padding) in [
        (4, vec![]),
        (5, vec![1]),
        (4, vec![0]),
        (4, vec![2]),
        (3, vec![2, 1]),
        (3, vec![1, 1]),
        (5, (1..=255).chain([0]).collect()),
    ] {
        assert_eq!(padded(comment, padding.clone()), Err(FileError::BadPadding), "{comment} {padding:?}");
    }
}

#[test]
fn an_encrypted_file_says_with_what() {
    let file = refusal(|draft| {
        draft.cipher = "aes256-ctr";
        draft.kdf = "bcrypt";
        draft.kdf_options = vec![0; 24];
    });
    assert_eq!(file, FileError::Encrypted { cipher: "aes256-ctr".into(), kdf: "bcrypt".into() });
    assert_eq!(file.to_string(), "passphrase needed: key is encrypted with aes256-ctr, key from bcrypt");
}

#[test]
fn a_file_over_its_limit_is_neither_read_nor_written() {
    let mut file = FILE.to_owned();
    file.extend(std::iter::repeat_n('\n', limits::FILE_MAX - FILE.len()));
    assert!(parse(&file).is_ok());
    file.push('\n');
    assert_eq!(parse(&file).unwrap_err(), FileError::TooLarge);

    let with = |comment| KeyFile { key: key(), comment: vec![b'c'; comment] };
    for comment in [limits::FILE_MAX, limits::FILE_MAX * 3 / 4] {
        assert_eq!(with(comment).write(&mut SeededRng::new(1)).err(), Some(WriteError::TooLarge));
    }
    let largest = with(limits::FILE_MAX * 7 / 10).write(&mut SeededRng::new(1)).unwrap();
    assert!(KeyFile::parse(largest.expose()).is_ok());
}

#[test]
fn without_randomness_nothing_is_written() {
    struct Dry;
    impl Rng for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    assert_eq!(parse(FILE).unwrap().write(&mut Dry).err(), Some(WriteError::NoEntropy));
}

#[test]
fn any_changed_byte_of_a_file_is_an_error_or_the_same_key() {
    let public = parse(FILE).unwrap().key.public();
    let mut read = 0;
    for at in 0..FILE.len() {
        let mut file = FILE.as_bytes().to_vec();
        for byte in 0..=u8::MAX {
            file[at] = byte;
            if let Ok(file) = KeyFile::parse(&file) {
                assert_eq!(file.key.public(), public, "{at} {byte}");
                read += 1;
            }
        }
    }
    assert!(read >= FILE.len(), "each byte once had its own value");
}

#[test]
fn any_changed_byte_under_the_armour_is_an_error_or_another_comment() {
    let good = Draft::good().bytes();
    let public = key().public();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        for flip in 1..=u8::MAX {
            bytes[at] = good[at] ^ flip;
            if let Ok(file) = KeyFile::parse(armour(&bytes).as_bytes()) {
                assert_eq!(file.key.public(), public, "{at} {flip}");
                // Of all fields only the comment has no second witness.
                assert_ne!(file.comment, b"abcde", "{at} {flip}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(seed in any::<[u8; 32]>(), comment in any::<Vec<u8>>(), check in any::<u64>()) {
        let file = KeyFile { key: PrivateKey::from_seed(&seed), comment };
        let text = file.write(&mut SeededRng::new(check)).unwrap();
        let read = KeyFile::parse(text.expose()).unwrap();
        prop_assert_eq!(&read.comment, &file.comment);
        prop_assert_eq!(read.key.public(), file.key.public());
        // And the seed is the same, since the same check number gives the same file.
        prop_assert!(read.write(&mut SeededRng::new(check)).unwrap().ct_eq(text.expose()));
        let longest = text.expose().split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        prop_assert_eq!(longest, Some(70));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), cut in 0..FILE.len()) {
        prop_assert!(KeyFile::parse(&bytes).is_err());
        let inside = [&b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01"[..], &bytes].concat();
        prop_assert!(KeyFile::parse(armour(&inside).as_bytes()).is_err());
        let whole = KeyFile::parse(&FILE.as_bytes()[..cut]).is_ok();
        // Only the line break at the very end may be missing.
        prop_assert_eq!(whole, cut == FILE.len() - 1);
    }
}
