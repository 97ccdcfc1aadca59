//! Two other implementations have the same opinion: `ssh-keygen` (of the package openssh-client) and the crate ssh-key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crypto::{OsRng, SeededRng};
use nacre_keys::{FileError, KeyFile, KeyLine, PrivateKey, PublicKey, Signature, SignatureAlg, verify};
use proptest::prelude::*;
use ssh_key::{LineEnding, private::Ed25519Keypair};

fn keygen(args: &[&str], file: &Path) -> Output {
    Command::new("ssh-keygen")
        .args(args)
        .arg("-f")
        .arg(file)
        .output()
        .expect("ssh-keygen has to be installed for this test (on Debian: apt-get install openssh-client)")
}

/// What `ssh-keygen` printed; it had better succeed.
fn printed(output: Output) -> String {
    assert!(output.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A path that no other test uses, with nothing there.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("key")
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn we_read_what_ssh_keygen_made_and_agree_on_its_fingerprint() {
    for comment in ["", "a comment", "seven77", "blå bær"] {
        let path = scratch("made");
        printed(keygen(&["-q", "-t", "ed25519", "-N", "", "-C", comment], &path));
        let file = KeyFile::parse(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(file.comment, comment.as_bytes());
        let line = fs::read(path.with_extension("pub")).unwrap();
        let line = KeyLine::parse(&line).unwrap();
        assert_eq!(line.key(), &file.key.public());
        assert_eq!(line.comment().0, comment.as_bytes());
        assert_eq!(
            [&line.to_vec()[..], b"\n"].concat().trim_ascii_end(),
            fs::read(path.with_extension("pub")).unwrap().trim_ascii_end()
        );
        let listed = printed(keygen(&["-l", "-E", "sha256"], &path));
        assert_eq!(listed.split(' ').nth(1), Some(&*file.key.public().fingerprint().to_string()));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn ssh_keygen_reads_what_we_wrote() {
    for comment in ["", "a comment", "seven77"] {
        let path = scratch("written");
        let file = KeyFile { key: PrivateKey::generate(&mut OsRng).unwrap(), comment: comment.into() };
        write_private(&path, file.write(&mut OsRng).unwrap().expose());
        let line = KeyLine::new(file.key.public(), comment.as_bytes()).unwrap().to_vec();
        assert_eq!(printed(keygen(&["-y", "-P", ""], &path)).trim_end().as_bytes(), line);
        fs::write(path.with_extension("pub"), &line).unwrap();
        let listed = printed(keygen(&["-l"], &path.with_extension("pub")));
        assert_eq!(listed.split(' ').nth(1), Some(&*file.key.public().fingerprint().to_string()));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn a_file_that_ssh_keygen_encrypted_is_named_as_such() {
    for cipher in ["aes256-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let path = scratch("encrypted");
        printed(keygen(&["-q", "-t", "ed25519", "-N", "passphrase", "-a", "1", "-Z", cipher], &path));
        let error = KeyFile::parse(&fs::read(&path).unwrap()).unwrap_err();
        assert_eq!(error, FileError::Encrypted { cipher: cipher.into(), kdf: "bcrypt".into() });
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn every_type_that_ssh_keygen_makes_is_read_named_and_written_alike() {
    for (kind, bits) in
        [("rsa", "2048"), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]
    {
        let path = scratch("another");
        printed(keygen(&["-q", "-t", kind, "-b", bits, "-N", "", "-C", "c"], &path));
        let file = KeyFile::parse(&fs::read(&path).unwrap()).unwrap();
        let public = file.key.public();
        let line = fs::read(path.with_extension("pub")).unwrap();
        assert_eq!(KeyLine::parse(&line).unwrap().key(), &public);
        let listed = printed(keygen(&["-l"], &path));
        let ours = format!("{} {} c ({})", public.bits(), public.fingerprint(), public.short_type());
        assert_eq!(listed.trim_end(), ours);

        let theirs = ssh_key::PrivateKey::from_openssh(fs::read(&path).unwrap()).unwrap();
        assert_eq!(theirs.public_key().to_bytes().unwrap(), public.blob());
        let written = file.write(&mut OsRng).unwrap();
        let again = ssh_key::PrivateKey::from_openssh(written.expose()).unwrap();
        assert_eq!(again.key_data(), theirs.key_data());
        fs::remove_file(&path).unwrap();
        write_private(&path, written.expose());
        assert_eq!(printed(keygen(&["-y", "-P", ""], &path)).trim_end().as_bytes(), line.trim_ascii_end());

        for algorithm in file.key.algorithms() {
            let signature = file.key.sign(algorithm, b"data").unwrap();
            assert!(verify(algorithm, &public.blob(), b"data", &signature).is_ok(), "{}", algorithm.name);
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[test]
fn ssh_keygen_refuses_the_files_that_we_refuse() {
    let file = KeyFile { key: PrivateKey::from_seed(&[3; 32]), comment: b"abc".to_vec() };
    let good = file.write(&mut SeededRng::new(1)).unwrap();
    let good = String::from_utf8(good.expose().to_vec()).unwrap();
    let changed = [
        ("no end", good.replace("-----END", "-----")),
        ("text before", format!("text\n{good}")),
        ("wrong padding", good.replacen("YwEC", "YwED", 1)),
        ("another magic", good.replacen("b3Bl", "b3Bm", 1)),
    ];
    for (what, text) in changed {
        assert_ne!(text, good, "{what}");
        let path = scratch("refused");
        write_private(&path, text.as_bytes());
        assert!(KeyFile::parse(text.as_bytes()).is_err(), "{what}");
        assert!(!keygen(&["-y", "-P", ""], &path).status.success(), "{what}");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ssh_key_reads_what_we_write_and_writes_what_we_read(seed in any::<[u8; 32]>(), comment in "[ -~]{0,30}") {
        let file = KeyFile { key: PrivateKey::from_seed(&seed), comment: comment.trim().into() };
        let text = file.write(&mut SeededRng::new(9)).unwrap();
        let theirs = ssh_key::PrivateKey::from_openssh(text.expose()).unwrap();
        prop_assert_eq!(theirs.public_key().to_bytes().unwrap(), file.key.public().blob());
        prop_assert_eq!(theirs.fingerprint(ssh_key::HashAlg::Sha256).to_string(), file.key.public().fingerprint().to_string());
        prop_assert_eq!(theirs.key_data().ed25519().unwrap(), &Ed25519Keypair::from_seed(&seed));

        let ours = KeyFile::parse(theirs.to_openssh(LineEnding::CRLF).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(ours.key.public(), file.key.public());
        prop_assert_eq!(&ours.comment, &file.comment);
        let line = theirs.public_key().to_openssh().unwrap();
        let line = KeyLine::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(line.key(), &file.key.public());
        prop_assert_eq!(line.comment().0, comment.trim().as_bytes());
    }

    #[test]
    fn ssh_key_makes_the_same_signature(seed in any::<[u8; 32]>(), data in any::<Vec<u8>>()) {
        use ed25519_dalek::Signer as _;
        use ssh_key::private::KeypairData;
        let algorithm = SignatureAlg::by_name("ssh-ed25519").unwrap();
        let key = PrivateKey::from_seed(&seed);
        let signature = key.sign(algorithm, &data).unwrap();
        let theirs: ssh_key::Signature = KeypairData::from(Ed25519Keypair::from_seed(&seed)).sign(&data);
        prop_assert_eq!(Signature::parse(&signature).unwrap().bytes, theirs.as_bytes());
        let blob = PublicKey::parse(&key.public().blob()).unwrap().blob();
        prop_assert!(verify(algorithm, &blob, &data, &signature).is_ok());
    }
}
