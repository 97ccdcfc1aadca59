//! Signatures of messages and who may sign, against OpenSSH 10.6 (`data/README.md`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use keys::{
    CertificateKind, CertificateRequest, Identity, NewKey, PrivateKey, SIGNATURES, SignatureAlg, Status,
    Verified,
};
use nacre_keyfiles::allowed_signers::{Asked, Denial, LineFault, allowed, lines};
use nacre_keyfiles::limits::MAX_LINE;
use nacre_keyfiles::sshsig::{MessageHash, SshSignature, SshsigError, to_sign};
use proptest::prelude::*;
use text::date::{Date, NoDate};

mod common;
use common::{data, identity, key, private};

const SIGNED: [&str; 5] = ["ed25519", "ecdsa", "rsa", "rsa-sha256", "ed25519-cert"];

fn signed(name: &str) -> SshSignature {
    SshSignature::parse(&data(&format!("sshsig/{name}.sig"))).unwrap()
}

fn verified(name: &str) -> Verified {
    signed(name).verify(b"file", &data("sshsig/message")).unwrap()
}

#[test]
fn signatures_of_openssh_verify_and_come_out_as_they_went_in() {
    for name in SIGNED {
        let signature = signed(name);
        let expected = identity(&format!("keys/{}.pub", name.trim_end_matches("-sha256")));
        let hash = if name == "rsa-sha256" { MessageHash::Sha256 } else { MessageHash::Sha512 };
        assert_eq!((signature.identity(), signature.hash()), (&expected, hash), "{name}");
        assert_eq!(verified(name).identity(), &expected);
        assert_eq!(signature.armored().into_bytes(), data(&format!("sshsig/{name}.sig")));
        assert_eq!(SshSignature::from_blob(&signature.blob()), Ok(signature.clone()));

        assert_eq!(signature.verify(b"git", &data("sshsig/message")), Err(SshsigError::WrongNamespace));
        assert!(matches!(signature.verify(b"file", b"a message"), Err(SshsigError::Verify(_))));
    }
    assert_eq!(verified("rsa").algorithm().name, "rsa-sha2-512");
    assert_eq!(verified("ed25519-cert").algorithm().name, "ssh-ed25519-cert-v01@openssh.com");
}

#[test]
fn every_key_that_can_sign_signs_messages_but_not_with_sha_1() {
    let mut keys: Vec<PrivateKey> = ["ed25519", "ecdsa", "rsa"].map(private).into();
    keys.push(
        PrivateKey::generate_of(NewKey::Ecdsa(keys::Curve::NistP521), &mut crypto::SeededRng::new(1))
            .unwrap(),
    );
    for key in &keys {
        for algorithm in key.algorithms() {
            for hash in [MessageHash::Sha256, MessageHash::Sha512] {
                let shown = Identity::Key(key.public());
                let made = SshSignature::sign(key, shown, algorithm, b"n", hash, b"message");
                if algorithm.status == Status::Insecure {
                    assert_eq!(made, Err(SshsigError::Algorithm { name: "ssh-rsa".into() }));
                    continue;
                }
                let read = SshSignature::parse(made.unwrap().armored().as_bytes()).unwrap();
                assert_eq!(read.verify(b"n", b"message").unwrap().algorithm(), algorithm);
            }
        }
    }
}

#[test]
fn what_an_agent_signs_is_assembled() {
    let (key, algorithm) = (private("ed25519"), SignatureAlg::by_name("ssh-ed25519").unwrap());
    let hash = MessageHash::Sha512;
    let data = to_sign(b"file", hash, &hash.algorithm().digest(&data("sshsig/message")));
    let blob = key.sign(algorithm, &data).unwrap();
    for name in ["ed25519", "ed25519-cert"] {
        let shown = identity(&format!("keys/{name}.pub"));
        // Ed25519 has one signature of one message.
        assert_eq!(SshSignature::assemble(shown, b"file", hash, blob.clone()).unwrap(), signed(name));
    }
    let rsa = identity("keys/rsa.pub");
    let error = SshSignature::assemble(rsa.clone(), b"file", hash, blob.clone());
    assert_eq!(error, Err(SshsigError::Algorithm { name: "ssh-ed25519".into() }));
    assert_eq!(SshSignature::assemble(rsa, b"", hash, blob), Err(SshsigError::NoNamespace));
}

#[test]
fn the_armour_is_read_as_openssh_reads_it() {
    let file = String::from_utf8(data("sshsig/ed25519.sig")).unwrap();
    let whole = SshSignature::parse(file.as_bytes()).unwrap();
    for good in [
        file.replace('\n', "\r\n"),
        format!("{file}trailing\n"),
        file.trim_end().into(),
        file.replacen("\nU", "\n U", 1),
    ] {
        assert_eq!(SshSignature::parse(good.as_bytes()), Ok(whole.clone()), "{good}");
    }
    for bad in
        [format!("\n{file}"), format!("x{file}"), file.replace('\n', ""), file[..200].into(), String::new()]
    {
        assert_eq!(SshSignature::parse(bad.as_bytes()), Err(SshsigError::NoArmour), "{bad}");
    }
    let bad = file.replacen("\nU1", "\n!1", 1);
    assert_eq!(SshSignature::parse(bad.as_bytes()), Err(SshsigError::BadBase64));
    assert_eq!(SshSignature::parse(&vec![b'-'; 200_000]), Err(SshsigError::TooLarge));
}

#[test]
fn a_blob_that_is_none_is_refused() {
    let blob = signed("ed25519").blob();
    let replaced = |from: &[u8], to: &[u8]| {
        let at = blob.windows(from.len()).position(|window| window == from).unwrap();
        SshSignature::from_blob(&[&blob[..at], to, &blob[at + from.len()..]].concat()).unwrap_err()
    };
    assert_eq!(replaced(b"SSHSIG", b"SSHSIH"), SshsigError::BadMagic);
    assert_eq!(replaced(b"SSHSIG\0\0\0\x01", b"SSHSIG\0\0\0\x02"), SshsigError::UnknownVersion { got: 2 });
    assert_eq!(replaced(b"\0\0\0\x04file", b"\0\0\0\0"), SshsigError::NoNamespace);
    assert_eq!(replaced(b"\0\0\0\x06sha512", b"\0\0\0\x06sha384"), SshsigError::UnknownHash);
    assert!(matches!(SshSignature::from_blob(&[&blob[..], &[0]].concat()), Err(SshsigError::Malformed(_))));
    for end in 0..blob.len() {
        assert!(SshSignature::from_blob(&blob[..end]).is_err());
    }
    // What is reserved is signed.
    let at = blob.windows(8).position(|window| window == b"\0\0\0\x04file").unwrap() + 8;
    let reserved = [&blob[..at], b"\0\0\0\x01r", &blob[at + 4..]].concat();
    let signature = SshSignature::from_blob(&reserved).unwrap();
    assert_eq!(signature.blob(), reserved);
    assert!(matches!(signature.verify(b"file", &data("sshsig/message")), Err(SshsigError::Verify(_))));
}

fn asked(principal: &str) -> Asked<'_> {
    // 2026-11-21 13:50:03 UTC, in a zone one hour before it.
    let utc = &|date: &Date| date.seconds() - 3600;
    Asked { principal, namespace: "file", at: 1_795_269_003, utc, authority_algorithms: &ALGORITHMS }
}

static ALGORITHMS: std::sync::LazyLock<Vec<&'static SignatureAlg>> =
    std::sync::LazyLock::new(|| SIGNATURES.iter().collect());

/// Each of these was seen with `ssh-keygen -Y verify`.
#[test]
fn signers_are_allowed_as_ssh_keygen_allows_them() {
    let (ed, other, ca) = (key("keys/ed25519.pub"), key("keys/other.pub"), key("keys/ca.pub"));
    let (plain, certified) = (verified("ed25519"), verified("ed25519-cert"));
    for file in [
        format!("user {ed}\n"),
        format!("garbage\nuser {ed}\n"),
        format!("user foo {other}\nuser {ed}\n"),
        format!("user ssh-ed25519 AAAA\nuser {ed}\n"),
        format!("user namespaces=\"git,fi*\" {ed}\n"),
        format!("user namespaces=\"git\" {ed}\nuser {ed}\n"),
        format!("\"user one,user\" {ed}\n"),
        format!("bob,us*,!x {ed}\n"),
        format!("user valid-after=\"20200101Z\",valid-before=\"20400101\" {ed}\n"),
        format!("user NAMESPACES=\"file\" {ed}\n"),
        format!("# c\n\n  user\t{ed} comment\r\n"),
        format!(",user {ed}\n"),
        format!("bob,,user, {ed}\n"),
        format!("user ,namespaces=\"file\" {ed}\n"),
        format!("user ,,namespaces=\"file\",,valid-after=\"20200101utc\" {ed}\n"),
        format!("user namespaces=\",file,\" {ed}\n"),
        format!("user valid-after=\"202001011200UTC\" {ed}\n"),
    ] {
        let last = file.lines().count();
        assert_eq!(allowed(file.as_bytes(), &plain, &asked("user")), Ok(last), "{file}");
    }
    let line = |fault| vec![(1, Denial::Line(fault))];
    for (file, denials) in [
        (format!("user namespaces=\"git\" {ed}\n"), vec![(1, Denial::Namespace)]),
        (format!("user namespaces=\"*,!file\" {ed}\n"), vec![(1, Denial::Namespace)]),
        (format!("user namespaces=\"\" {ed}\n"), vec![(1, Denial::Namespace)]),
        (format!("*,!user {ed}\n"), vec![]),
        (format!("USER {ed}\n"), vec![]),
        (format!("user {other}\n"), vec![]),
        (format!("user valid-after=\"20300101\" {ed}\n"), vec![(1, Denial::NotYetValid)]),
        (format!("user valid-before=\"20200101\" {ed}\n"), vec![(1, Denial::Expired)]),
        (
            format!("user valid-after=\"20400101\",valid-before=\"20200101\" {ed}\n"),
            vec![(1, Denial::ReversedTimes)],
        ),
        (format!("user , {ed}\n"), line(LineFault::EndOfOptions)),
        (format!("user namespaces=\"file\", {ed}\n"), line(LineFault::EndOfOptions)),
        (format!("user namespaces=\"file\",, {ed}\n"), line(LineFault::EndOfOptions)),
        (format!("user namespaces=\"file\"x {ed}\n"), line(LineFault::OptionValue { option: "namespaces" })),
        (format!("user valid-after=\"20200101 \" {ed}\n"), line(LineFault::Date(NoDate))),
        (format!("user valid-after=\"20200101UTCZ\" {ed}\n"), line(LineFault::Date(NoDate))),
        (
            format!("user namespaces=\"file\",namespaces=\"file\" {ed}\n"),
            line(LineFault::Repeated { option: "namespaces" }),
        ),
        (format!("user foo {ed}\n"), line(LineFault::UnknownOption)),
        (format!("user namespaces {ed}\n"), line(LineFault::OptionValue { option: "namespaces" })),
        (
            format!("user cert-authority=\"x\" {ed}\n"),
            line(LineFault::OptionValue { option: "cert-authority" }),
        ),
        (format!("\"user {ed}\n"), line(LineFault::Unterminated)),
        (format!("user cert-authority {ed}\n"), vec![]),
    ] {
        assert_eq!(allowed(file.as_bytes(), &plain, &asked("user")), Err(denials), "{file}");
    }
    let authority = format!("* cert-authority,cert-authority {ca}\n");
    assert_eq!(allowed(authority.as_bytes(), &certified, &asked("user")), Ok(1));
    let denials = allowed(authority.as_bytes(), &certified, &asked("bob")).unwrap_err();
    assert_eq!(
        denials[0].1.to_string(),
        "certificate not authorized: Certificate invalid: name is not a listed principal"
    );
    assert_eq!(allowed(format!("user {ed}\nuser {ca}").as_bytes(), &certified, &asked("user")), Err(vec![]));
    let none = Asked { authority_algorithms: &[], ..asked("user") };
    assert!(matches!(
        &allowed(authority.as_bytes(), &certified, &none).unwrap_err()[..],
        [(1, Denial::Authority(_))]
    ));
}

#[test]
fn times_are_those_of_their_zone_and_both_ends_count() {
    let ed = key("keys/ed25519.pub");
    let plain = verified("ed25519");
    let at = |option: &str, at| {
        let file = format!("user {option} {ed}\n");
        allowed(file.as_bytes(), &plain, &Asked { at, ..asked("user") }).is_ok()
    };
    let noon = Date::parse("202611211200Z").unwrap().seconds();
    // One hour after the first in its own zone, and the same moment: as with TZ=XXX-1 ssh-keygen -Y verify.
    assert!(!at("valid-after=\"202611211200Z\",valid-before=\"202611211300\"", noon));
    assert!(at("valid-after=\"202611211200Z\",valid-before=\"202611211301\"", noon));
    // The numbers are in the wrong order, and the moments are not.
    assert!(at("valid-after=\"202611211230\",valid-before=\"202611211200Z\"", noon));
    assert!(at("valid-after=\"202611211200Z\"", noon) && !at("valid-after=\"202611211200Z\"", noon - 1));
    assert!(at("valid-before=\"202611211200Z\"", noon) && !at("valid-before=\"202611211200Z\"", noon + 1));
    assert!(at("valid-after=\"202611211300\"", noon) && !at("valid-after=\"202611211300\"", noon - 1));
}

#[test]
fn a_certificate_counts_for_users_and_in_its_time_only() {
    let (authority, key) = (PrivateKey::from_seed(&[1; 32]), PrivateKey::from_seed(&[2; 32]));
    let ed = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let file = format!("jo cert-authority {}\n", authority.public());
    let verdict = |kind, valid_before| {
        let request = CertificateRequest {
            key: key.public(),
            kind,
            serial: 1,
            key_id: b"id".to_vec(),
            principals: vec![b"jo".to_vec()],
            valid_after: 0,
            valid_before,
            critical: Vec::new(),
            extensions: Vec::new(),
        };
        let certificate = request.sign(&authority, ed, &mut crypto::SeededRng::new(1)).unwrap();
        let shown = Identity::Certificate(Box::new(certificate));
        let signature = SshSignature::sign(&key, shown, ed, b"file", MessageHash::Sha512, b"m").unwrap();
        allowed(file.as_bytes(), &signature.verify(b"file", b"m").unwrap(), &asked("jo"))
    };
    assert_eq!(verdict(CertificateKind::User, u64::MAX), Ok(1));
    assert!(verdict(CertificateKind::User, 1000).is_err());
    assert!(verdict(CertificateKind::Host, u64::MAX).is_err());
}

#[test]
fn denials_end_at_a_limit() {
    let file = "garbage\n".repeat(1000);
    assert_eq!(allowed(file.as_bytes(), &verified("ed25519"), &asked("user")).unwrap_err().len(), 16);
    let long = format!("user {} {}\n", key("keys/ed25519.pub"), "x".repeat(MAX_LINE));
    assert_eq!(lines(long.as_bytes()).next().unwrap().1, Err(LineFault::TooLong));
}

proptest! {
    #[test]
    fn hostile_signatures_never_verify(bytes in proptest::collection::vec(any::<u8>(), 1..60), at in 0_usize..300) {
        let blob = signed("ed25519").blob();
        let mut hostile = blob.clone();
        let at = at % blob.len();
        hostile.splice(at..(at + bytes.len()).min(blob.len()), bytes);
        if let Ok(signature) = SshSignature::from_blob(&hostile) {
            prop_assert_eq!(signature.blob(), hostile.clone());
            let verified = signature.verify(b"file", &data("sshsig/message"));
            prop_assert!(verified.is_err() || hostile == blob);
        }
    }

    #[test]
    fn hostile_lines_never_panic(line in "[ -~]{0,40}", option in "(namespaces|valid-after|x)?=?\"?[0-9a-z,\"]{0,16}") {
        let ed = key("keys/ed25519.pub");
        let signer = verified("ed25519");
        let asked = asked("user");
        let _ = allowed(format!("{line}\nuser {option} {line}\nuser {option} {ed}").as_bytes(), &signer, &asked);
    }
}
